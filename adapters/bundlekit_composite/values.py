"""Values of the standard library, and numpy's dtypes, that their text tells exactly."""

from __future__ import annotations

import sys
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable


def _dtype(text: str) -> Any:
    import numpy as np

    return np.dtype(text)


def _fraction(text: str) -> Fraction:
    # Not of the text itself, which may be 1e999999999.
    return Fraction(*map(int, text.split("/", 1)))


_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "decimal": Decimal,
    "dtype": _dtype,
    "fraction": _fraction,
    "path": Path,
    "posix path": PurePosixPath,
    "time": time.fromisoformat,
    "uuid": UUID,
    "windows path": PureWindowsPath,
}
_KINDS = {
    date: "date",
    datetime: "datetime",
    time: "time",
    Decimal: "decimal",
    Fraction: "fraction",
    UUID: "uuid",
}


def text_of(value: Any) -> tuple[str, str] | None:
    """Give kind and text of a value; `None` for one that is not told by its text.

    Such is a time in a named zone: the text has its offset alone.

    Example:
        >>> text_of(Decimal("0.10"))
        ('decimal', '0.10')
    """
    kind = _kind_of(value)
    if kind is None:
        return None
    try:
        text = _text(value)
        same = repr(from_text(kind, text)) == repr(value)
    except (TypeError, ValueError):  # a fraction of many digits, a dtype of somebody else's
        return None
    return (kind, text) if same else None


def _kind_of(value: Any) -> str | None:
    if isinstance(value, Path):
        return "path"
    if isinstance(value, PurePath):
        return "windows path" if isinstance(value, PureWindowsPath) else "posix path"
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.dtype):
        return "dtype"
    return _KINDS.get(type(value))


def _text(value: Any) -> str:
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(getattr(value, "str", value))


def from_text(kind: str, text: str) -> Any:
    """Give the value back.

    Raises:
        KeyError, ValueError: there is no such kind, or no such value of it.

    Example:
        >>> from_text("decimal", "0.10")
        Decimal('0.10')
    """
    return _FROM_TEXT[kind](text)
