"""Options: one that nobody knows is an error that names the closest, never dropped in silence."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from bundlekit.errors import UnknownOption

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def require_known(
    given: Mapping[str, object], *, adapter: str, own: Iterable[str], general: Iterable[str] = ()
) -> None:
    """Check the names of options.

    Args:
        given: the options.
        adapter: the name of the adapter that they are for.
        own: the options that it knows.
        general: those that bundlekit knows besides.

    Raises:
        UnknownOption: the first that is neither.
    """
    known = sorted({*own, *general})
    for option in given:
        if option not in known:
            near = difflib.get_close_matches(option, known, 1)
            listed = f"known are {', '.join(known) or 'none'}"
            raise UnknownOption(
                f"the adapter {adapter!r} has no option {option!r}; "
                f"{f'did you mean {near[0]!r}?' if near else listed}",
                option=option,
                adapter=adapter,
                known=tuple(known),
                closest=near[0] if near else None,
            )
