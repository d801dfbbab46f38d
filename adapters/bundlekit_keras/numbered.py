"""Names that Keras numbers, such as `dense_4`, and names with numbers in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_NUMBERED = re.compile(r"(.*?)_([0-9]{1,18})", re.DOTALL)
_DIGITS = re.compile(r"[0-9]+")


def ranked(names: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Give each name without its number, and its rank among those that are alike without it.

    Example:
        >>> ranked(["dense_4", "conv", "dense_7"])
        {'dense_4': ('dense', 0), 'conv': ('conv', 0), 'dense_7': ('dense', 1)}
    """
    counts: dict[str, int] = {}
    found = {}
    for name in names:
        match = _NUMBERED.fullmatch(name)
        base = match[1] if match else name
        found[name] = (base, counts.get(base, 0))
        counts[base] = counts.get(base, 0) + 1
    return found


def natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """Give a key to sort names by in which numbers count as numbers."""
    parts = re.split(r"([0-9]{1,18})", name)
    return tuple((0, int(p)) if _DIGITS.fullmatch(p) else (1, p) for p in parts if p)
