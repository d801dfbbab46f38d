"""Programs of a later TensorFlow: another major is refused, a later minor said."""

from __future__ import annotations

import re

from bundlekit.errors import TooNew
from bundlekit.warning import warn

MAJOR = 2
"""The major version of TensorFlow whose SavedModels are read."""


def require_readable(written_by: str) -> None:
    """Refuse what a later major of TensorFlow wrote.

    Raises:
        TooNew: saying which.
    """
    found = _numbers(written_by)
    if found and found[0] > MAJOR:
        raise TooNew(
            f"TensorFlow {written_by} wrote it, and SavedModels of TensorFlow {MAJOR} are read; "
            f"save it with that one",
            found=written_by,
            supported=MAJOR,
        )


def warn_of_later(written_by: str, installed: str) -> None:
    """Say that a later minor of TensorFlow wrote it, whose operations this one may not have."""
    if _numbers(written_by)[:2] > _numbers(installed)[:2]:
        warn(f"it was written by TensorFlow {written_by}, and this is {installed}")


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,9}", version)]
