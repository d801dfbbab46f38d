"""The option `parts`: which part of a bundle to restore, instead of all of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from bundlekit.errors import UnknownOption

if TYPE_CHECKING:
    from collections.abc import Mapping


def wanted_parts(options: Mapping[str, object], known: Collection[str]) -> frozenset[str]:
    """Give the parts that a caller asks for; none, where it does not ask.

    Raises:
        UnknownOption: there is no such part.
    """
    given = options.get("parts", ())
    named = (given,) if isinstance(given, str) else given
    if not isinstance(named, Collection) or not set(named) <= set(known):
        raise UnknownOption(
            f"parts={given!r} is not known; this adapter has {', '.join(known)}",
            option="parts",
            found=given,
            known=tuple(known),
        )
    return frozenset(map(str, named))
