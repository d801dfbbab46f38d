"""What parts are called: as their holder calls them, so far as that is a name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_SHORT = 40


def part_name(place: str, taken: Collection[str]) -> str:
    """Make a name of the place of a part, another one than those that are taken.

    Example:
        >>> part_name(".steps[1][1].model_", ())
        'model_'
        >>> part_name("['en coder']", {"en_coder"})
        'en_coder_2'
    """
    words = re.findall(r"\w[\w ]*", place)
    named = next((word for word in reversed(words) if not word.isdigit()), "part")
    name = re.sub(r"[^A-Za-z0-9_]", "_", named)[:_SHORT]
    if name not in taken:
        return name
    return next(
        made for number in range(2, len(taken) + 3) if (made := f"{name}_{number}") not in taken
    )
