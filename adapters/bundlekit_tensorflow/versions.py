"""Programs of a later major of TensorFlow are refused; a later minor is said by the core."""

from __future__ import annotations

import re

from bundlekit.errors import TooNew

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


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,9}", version)]
