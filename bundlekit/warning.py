"""Warnings that point at the line of whoever called this library."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING

from bundlekit.errors import BundleWarning

if TYPE_CHECKING:
    from types import FrameType


def warn(message: str) -> None:
    """Issue a `BundleWarning` at the innermost line outside of this library and its adapters.

    Example:
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warn("the optimizer state is not kept")
        >>> caught[0].category.__name__
        'BundleWarning'
    """
    level = 2
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_own(frame):
        frame = frame.f_back
        level += 1
    warnings.warn(message, BundleWarning, stacklevel=level)


def _is_own(frame: FrameType) -> bool:
    package = str(frame.f_globals.get("__name__")).partition(".")[0]
    return package in ("bundlekit", "contextlib") or package.startswith("bundlekit_")
