"""One line for pip that gives an environment what it lacks."""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING

from bundlekit.environment import pip_install

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bundlekit.environment import Component

_EXTRA = re.compile(r"""([\w.-]+)[^;]*;.*\bextra == ['"]([\w.-]+)['"]""")


def install_line(needed: Iterable[Component]) -> str | None:
    """Write the line that gives what is lacking or older than the writer's; `None` if nothing is.

    Where none of the packages of one of bundlekit's extras is here, the line names the extra: it
    brings what else they take. The line names only what adapters that are installed ask for,
    never what only a file names.
    """
    asked = [one for one in needed if one.is_lacking or one.is_older]
    lacking = {_normal(one.name) for one in asked if one.here is None}
    extra = _extra_for(lacking)
    brought = lacking & _extras().get(extra or "", frozenset())
    listed = [f"bundlekit[{extra}]"] if extra else []
    # What the extra brings is only named again to have it at the writer's minor.
    listed += [
        one.remedy for one in asked if _normal(one.name) not in brought or "~=" in one.remedy
    ]
    return pip_install(listed) if listed else None


def _extra_for(lacking: set[str]) -> str | None:
    """Choose the extra that brings the most of it and the least besides, if it is missing whole."""
    whole = [
        (len(names & lacking), -len(names), extra)
        for extra, names in _extras().items()
        if names & lacking and not any(map(_is_here, names))
    ]
    return max(whole)[2] if whole else None


@cache
def _extras() -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    try:
        requirements = metadata.requires("bundlekit") or ()
    except metadata.PackageNotFoundError:  # its folder is on the path, and nothing was installed
        requirements = ()
    for requirement in requirements:
        match = _EXTRA.match(requirement)
        if match:
            found.setdefault(match[2], set()).add(_normal(match[1]))
    return {extra: frozenset(names) for extra, names in found.items()}


def _is_here(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
