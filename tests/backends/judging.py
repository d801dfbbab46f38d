"""Whether a model that came back is the one that was bundled; knows arrays and no framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tests.backends.seeing import Seen

_SHOWN = 4
_COUNTERS = frozenset({"int32", "uint32", "int64"})
"""Each backend keeps steps and states of generators in an integer type of its own."""


def different(before: Seen, after: Seen, *, same_backend: bool) -> list[str]:
    """Give where two models differ, bit by bit.

    Integers that one backend keeps in a wider type than another have to be the same numbers.
    """
    gone = [f"{place} is gone" for place in before if place not in after]
    new = [f"{place} is new" for place in after if place not in before]
    found = [
        f"{place}: {how}"
        for place, old in before.items()
        if place in after
        if (how := _difference(old, after[place], same_backend))
    ]
    return _shortened([*gone, *new, *found])


def distance(before: Seen, after: Seen) -> float:
    """Give how far arrays are apart at most, as a share of the largest number, or of 1.

    Infinite where one has a place, a shape or a number that is not finite and the other has not.
    """
    if set(before) != set(after):
        return float("inf")
    return max((_distance(old, after[place]) for place, old in before.items()), default=0.0)


def only(seen: Seen, *groups: str) -> Seen:
    """Give what is in some groups, such as `prediction`."""
    return {place: value for place, value in seen.items() if place.startswith(groups)}


def _difference(old: Any, new: Any, same_backend: bool) -> str | None:
    if not same_backend and {str(old.dtype), str(new.dtype)} <= _COUNTERS:
        old, new = old.astype("int64"), new.astype("int64")
    if (old.dtype, old.shape) != (new.dtype, new.shape):
        return f"{old.dtype}{list(old.shape)} before, {new.dtype}{list(new.shape)} after"
    if old.tobytes() == new.tobytes():
        return None
    return f"{_text(old)} before, {_text(new)} after"


def _distance(old: Any, new: Any) -> float:
    if old.shape != new.shape:
        return float("inf")
    old, new = old.astype("float64"), new.astype("float64")
    finite = np.isfinite(old)
    if (finite != np.isfinite(new)).any():
        return float("inf")
    gaps = np.abs(np.where(finite, old - new, 0.0))
    scale = max(1.0, np.abs(old[finite]).max(initial=0.0))
    return float(gaps.max(initial=0.0) / scale)


def _text(array: Any) -> str:
    values = ", ".join(f"{value:.7g}" for value in array.reshape(-1)[:3].astype("float64"))
    return f"[{values}{', …' if array.size > 3 else ''}]"


def _shortened(faults: list[str]) -> list[str]:
    more = len(faults) - _SHOWN
    return [*faults[:_SHOWN], f"… and {more} more"] if more > 0 else faults
