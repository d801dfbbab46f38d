"""Values of the standard library, and numpy's dtypes, that their text tells exactly."""

from __future__ import annotations

import sys
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable


def _dtype(text: str) -> Any:
    import numpy as np

    return np.dtype(text)


_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "decimal": Decimal,
    "dtype": _dtype,
    "fraction": Fraction,
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

    A path comes back as a pure path, which opens nothing.

    Example:
        >>> text_of(Decimal("0.10"))
        ('decimal', '0.10')
    """
    kind = _KINDS.get(type(value))
    if kind in ("date", "datetime", "time"):
        return kind, value.isoformat()
    if kind:
        return kind, str(value)
    if isinstance(value, PurePath):
        windows = isinstance(value, PureWindowsPath)
        return ("windows path" if windows else "posix path"), str(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.dtype) and value.names is None:
        return "dtype", value.str
    return None


def from_text(kind: str, text: str) -> Any:
    """Give the value back.

    Raises:
        KeyError, ValueError: there is no such kind, or no such value of it.

    Example:
        >>> from_text("decimal", "0.10")
        Decimal('0.10')
    """
    return _FROM_TEXT[kind](text)
