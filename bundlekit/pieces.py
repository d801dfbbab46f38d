"""One member as buffers that are written one after the other, and never joined in memory."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bundlekit.source import Buffer


class Pieces:
    """A member in pieces: small ones of structure, large ones that are views of live tensors.

    The buffers are copied when the member is written, and not before: what they hold then is
    what is stored. They have to be contiguous.

    Args:
        buffers: in the order of the member.

    Example:
        >>> pieces = Pieces([b"head", b"tensor"])
        >>> pieces.size, bytes(pieces)
        (10, b'headtensor')
    """

    def __init__(self, buffers: Sequence[Buffer]) -> None:
        views = [memoryview(buffer) for buffer in buffers]
        self._views = [view.cast("B") for view in views if view.nbytes]
        *self._starts, self.size = accumulate(map(len, self._views), initial=0)

    def copy(self, start: int, end: int, into: memoryview) -> None:
        """Copy the bytes from `start` to `end` into a buffer that has room for just these."""
        if not 0 <= start <= end <= self.size or len(into) != end - start:
            raise ValueError(
                f"bytes {start} to {end} of {self.size} do not go into {len(into)} bytes"
            )
        position, index = start, bisect_right(self._starts, start) - 1
        while position < end:
            view, first = self._views[index], self._starts[index]
            stop = min(first + len(view), end)
            into[position - start : stop - start] = view[position - first : stop - first]
            position, index = stop, index + 1

    def join(self) -> bytes:
        """Give the member in one."""
        return b"".join(self._views)

    def __bytes__(self) -> bytes:
        return self.join()

    def __len__(self) -> int:
        return self.size
