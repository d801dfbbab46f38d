"""The heaps of an HDF5 file, where texts of any length are kept, looked at before the library does.

The HDF5 library walks a heap from object to object by the sizes that the objects state, and does
not end where one states none. What is looked at is the format's own structure (`GCOL`, version 1,
with sizes of eight bytes, as all files of Keras have it).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from bundlekit.errors import Damaged

if TYPE_CHECKING:
    from bundlekit.source import Buffer

_SIGNATURE = b"GCOL\x01\x00\x00\x00"
_HEADER = 16
_SMALLEST = 4096
"""The library makes no heap smaller than this."""


def require_sound(data: Buffer, what: str) -> None:
    """Make sure that every heap of a file can be walked to its end.

    Raises:
        Damaged: one cannot.
    """
    raw = bytes(data)
    start = raw.find(_SIGNATURE)
    while start >= 0:
        _check(raw, start, what)
        start = raw.find(_SIGNATURE, start + 1)


def _check(raw: bytes, start: int, what: str) -> None:
    if start + _HEADER > len(raw):
        return  # eight bytes that look like one
    (size,) = struct.unpack_from("<Q", raw, start + 8)
    if not _SMALLEST <= size <= len(raw) - start:
        return  # the library refuses it, or it is none
    place, end = start + _HEADER, start + size
    while place + _HEADER <= end:
        index, _, _, length = struct.unpack_from("<HHIQ", raw, place)
        step = length if index == 0 else _HEADER + (length + 7) // 8 * 8
        if step < _HEADER or place + step > end:
            raise Damaged(
                f"{what} is no sound HDF5: the heap at byte {start} has an object that leads out "
                f"of it; get it again from where it came from",
                member=what,
            )
        place += step
