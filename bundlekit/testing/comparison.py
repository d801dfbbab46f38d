"""What was seen of an object before and after, and where the two differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.generic]

_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Observation:
    """One thing seen of an object: a weight, a prediction, a setting.

    Attributes:
        place: where it was seen, such as `variable/3` or `next step/loss`; the same before
            and after.
        value: an array, or text.
        label: what people call it, such as the variable's own path, which may change.
    """

    place: str
    value: Array | str
    label: str = ""

    def __str__(self) -> str:
        return f"{self.place} ({self.label})" if self.label else self.place


@dataclass(frozen=True)
class Difference:
    """One place where two objects are not the same, and how."""

    place: str
    how: str

    def __str__(self) -> str:
        return f"{self.place}: {self.how}"


def compare(
    before: Sequence[Observation], after: Sequence[Observation], *, tolerance: float = 0.0
) -> tuple[Difference, ...]:
    """Give all differences, in the order in which things were observed.

    Args:
        before: what was seen of the original.
        after: what was seen of what came back.
        tolerance: the largest absolute difference of numbers that is no difference; with 0,
            arrays are compared bit for bit.

    Example:
        >>> compare([Observation("name", "a")], [Observation("name", "b")])
        (Difference(place='name', how="'a' before, 'b' after"),)
    """
    then, now = _by_place(before), _by_place(after)
    differences = []
    for place, old in then.items():
        if place not in now:
            differences.append(Difference(str(old), "is gone"))
            continue
        how = _how(old.value, now[place].value, tolerance)
        if how:
            differences.append(Difference(str(old), how))
    differences += [
        Difference(str(new), "is new") for place, new in now.items() if place not in then
    ]
    return tuple(differences)


def _by_place(observations: Sequence[Observation]) -> dict[str, Observation]:
    found = {seen.place: seen for seen in observations}
    if len(found) != len(observations):
        places = [seen.place for seen in observations]
        twice = sorted({place for place in places if places.count(place) > 1})
        raise ValueError(f"observed twice: {', '.join(twice)}; each place needs its own name")
    return found


def report(differences: Sequence[Difference]) -> str:
    """Say in a few lines what differs, first place first."""
    shown = "\n".join(f"  {difference}" for difference in differences[:_SHOWN])
    more = len(differences) - _SHOWN
    return shown + (f"\n  … and {more} more" if more > 0 else "")


def _how(before: Array | str, after: Array | str, tolerance: float) -> str | None:
    if isinstance(before, str) or isinstance(after, str):
        return None if before == after else _text_difference(str(before), str(after))
    if before.dtype != after.dtype or before.shape != after.shape:
        return f"{before.dtype}{list(before.shape)} before, {after.dtype}{list(after.shape)} after"
    return _array_difference(before, after, tolerance)


def _text_difference(before: str, after: str) -> str:
    length = min(len(before), len(after))
    first = next((i for i in range(length) if before[i] != after[i]), length)
    start = max(0, first - 30)
    return f"{before[start : first + 30]!r} before, {after[start : first + 30]!r} after"


def _array_difference(before: Array, after: Array, tolerance: float) -> str | None:
    import numpy as np

    if before.dtype == object:
        same = np.asarray(before == after)
    else:
        size = before.dtype.itemsize
        old = np.ascontiguousarray(before).reshape(-1).view(np.uint8).reshape(-1, size)
        new = np.ascontiguousarray(after).reshape(-1).view(np.uint8).reshape(-1, size)
        same = (old == new).all(axis=1).reshape(before.shape) if size else np.ones(before.shape)
    if same.all():
        return None
    largest = ""
    if before.dtype.kind in "fciuV":
        wide = np.complex128 if before.dtype.kind == "c" else np.float64
        with np.errstate(all="ignore"):
            gaps = np.abs(before.astype(wide) - after.astype(wide))
        if tolerance and (gaps <= tolerance).all():
            return None
        largest = f"; the largest difference is {gaps[np.isfinite(gaps)].max(initial=0.0):.3g}"
    index = tuple(int(i) for i in np.argwhere(~same.astype(bool))[0])
    return (
        f"{int((~same.astype(bool)).sum())} of {same.size} values differ, first at {list(index)}: "
        f"{before[index]!r} before, {after[index]!r} after{largest}"
    )
