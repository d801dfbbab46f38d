"""The environment that wrote an artifact, compared with the one that is here.

Nothing is imported to do so. What of it matters, the adapter says: `requires` in
`bundlekit.adapter`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bundlekit.here import BACKEND, backend, found

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

WRITTEN_BY = "written_by"
"""What the environment of an adopted file says, and no other: its versions are its writer's."""
_NUMBERS = re.compile(r"(\d{1,6})(?:\.(\d{1,6}))?")


class Grade(StrEnum):
    """What is here, as seen from what the writer had: `older minor` means that ours is older."""

    SAME = "same"
    """Major and minor are equal; patches are not told apart."""
    OLDER_MINOR = "older minor"
    """Ours is older: what the writer's minor brought may not be known here."""
    NEWER_MINOR = "newer minor"
    """Ours is newer."""
    OTHER_MAJOR = "other major"
    """Ours is older or newer by a major."""
    MISSING = "missing"
    """There is none here."""
    NOT_COMPARED = "not compared"
    """No two versions: nothing was recorded, or it is another backend or platform."""


@dataclass(frozen=True, kw_only=True)
class Component:
    """One part of an environment: what the writer had, and what is here.

    Example:
        >>> keras = Component(name="keras", recorded="3.15.1", here="3.12.0")
        >>> str(keras.grade), keras.is_older
        ('older minor', True)
    """

    name: str
    """What the manifest calls it: `python`, `keras`, `backend`, `numpy`, …"""
    recorded: str | None
    """The version that the writer had; `None` if it did not say."""
    here: str | None
    """The version that is here; `None` if there is none."""
    distribution: str = ""
    """What pip calls it here: `tensorflow-cpu` may be what gives `tensorflow`."""
    needed: bool = False
    """Whether restoring the artifact here takes it."""
    oldest: str = ""
    """The oldest version that will do, whatever the writer had."""

    @property
    def grade(self) -> Grade:
        """How what is here compares with what the writer had."""
        if self.here is None:
            return Grade.MISSING
        if self.recorded == self.here:
            return Grade.SAME
        then, now = numbers(self.recorded), numbers(self.here)
        if then is None or now is None:
            return Grade.NOT_COMPARED
        if then[0] != now[0]:
            return Grade.OTHER_MAJOR
        if then == now:
            return Grade.SAME
        return Grade.OLDER_MINOR if now < then else Grade.NEWER_MINOR

    @property
    def is_older(self) -> bool:
        """Whether what is here is older than the writer's, by a minor or a major."""
        then, now = numbers(self.recorded), numbers(self.here)
        return then is not None and now is not None and now < then

    @property
    def is_too_old(self) -> bool:
        """Whether what is here is older than what will do."""
        least, now = numbers(self.oldest), numbers(self.here)
        return least is not None and now is not None and now < least

    @property
    def is_lacking(self) -> bool:
        """Whether nothing is restored before it is installed or upgraded."""
        return self.needed and (self.here is None or self.is_too_old)

    @property
    def remedy(self) -> str:
        """What to ask pip for: the writer's minor or later, within its major."""
        then, least = numbers(self.recorded), numbers(self.oldest)
        name = self.distribution or self.name
        if then is not None and (least is None or then >= least):
            return f"{name}~={then[0]}.{then[1]}"
        return f"{name}>={self.oldest}" if self.oldest else name


def needed(recorded: Mapping[str, str], requires: Iterable[str]) -> tuple[Component, ...]:
    """Compare what an artifact needs in this environment with what its writer had.

    Args:
        recorded: the environment that the manifest records.
        requires: names, as in `keras>=3.6`; `backend` stands for the one that Keras has here.

    Example:
        >>> [one.grade.value for one in needed({"python": "2.7"}, ["python"])]
        ['other major']
    """
    components = {}
    for requirement in requires:
        name, _, oldest = requirement.partition(">=")
        name = backend() if name == BACKEND else name
        components[name] = _component(name, recorded.get(name), needed=True, oldest=oldest)
    return tuple(components.values())


def not_needed(
    recorded: Mapping[str, str], components: Iterable[Component]
) -> tuple[Component, ...]:
    """Compare all else that the writer recorded, such as its platform and its own backend."""
    seen = {WRITTEN_BY, *(one.name for one in components)}
    names = sorted(recorded.keys() - seen)
    return tuple(_component(name, recorded[name]) for name in names)


def mismatches(
    recorded: Mapping[str, str], requires: Iterable[str], readers: Collection[str] = ()
) -> tuple[Component, ...]:
    """Give what a caller should know of: what is older here than the writer's, and other majors.

    What is newer here in its minor or patch is none. Nor is a newer major of the readers, which
    promise to read what their earlier releases wrote; nor that of a framework whose file was
    adopted, since old files are what adopting is for. What is missing, or too old to do at all, is
    an error of the adapter's. Of Python, only another major is one: bytecode is tied to the minor,
    and that is an error of its own where there is any.

    Args:
        recorded: the environment that the manifest records.
        requires: what restoring takes.
        readers: the distributions of bundlekit and of the adapters.
    """

    def matters(one: Component) -> bool:
        if one.is_lacking:
            return False
        if one.name == "python":
            return one.grade is Grade.OTHER_MAJOR
        if one.name in readers or WRITTEN_BY in recorded:
            return one.is_older
        return one.is_older or one.grade is Grade.OTHER_MAJOR

    return tuple(one for one in needed(recorded, [*readers, *requires, "python"]) if matters(one))


def described(mismatched: Iterable[Component]) -> str:
    """Say of mismatches, in one sentence, both versions and what to install."""
    listed = list(mismatched)
    said = ", ".join(f"{one.name} {one.recorded} (here {one.here})" for one in listed)
    older = [one for one in listed if one.is_older and one.name != "python"]
    text = f"the artifact was written with {said}; it may come back different, or not at all"
    if older:
        text += f": {pip_install([one.remedy for one in older])}"
    return text


def pip_install(requirements: Iterable[str]) -> str:
    """Write the line that installs requirements."""
    return " ".join(["pip install", *(f"'{one}'" for one in requirements)])


def numbers(version: str | None) -> tuple[int, int] | None:
    """Give the major and minor of a version; `None` where that is no version.

    Example:
        >>> numbers("2.5.1+cpu"), numbers("7"), numbers("tensorflow")
        ((2, 5), (7, 0), None)
    """
    match = _NUMBERS.match(version or "")
    return (int(match[1]), int(match[2] or 0)) if match else None


def _component(
    name: str, recorded: str | None, *, needed: bool = False, oldest: str = ""
) -> Component:
    here, distribution = found(name)
    return Component(
        name=name,
        recorded=recorded,
        here=here,
        distribution=distribution,
        needed=needed,
        oldest=oldest,
    )
