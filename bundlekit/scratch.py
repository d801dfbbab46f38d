"""Buffers that threads take in turn, so that there are no more of them than threads.

Memory that the system has to find first is dear: to fill a fresh buffer takes longer than to hash
it. So a few stay with the process for who comes next.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from mmap import PAGESIZE
from typing import TYPE_CHECKING

from bundlekit.digests import CHUNK_SIZE
from bundlekit.memory import allocate

if TYPE_CHECKING:
    from collections.abc import Iterator


KEPT = 4
"""Buffers that stay: what a machine of two cores takes at once."""
KEPT_SIZE = CHUNK_SIZE + PAGESIZE
"""Bytes that a buffer which stays has at most."""
_kept: list[memoryview] = []


class Scratch:
    """Buffers that become as large as what was asked of them."""

    def __init__(self) -> None:
        self._idle: list[memoryview] = []

    @contextmanager
    def take(self, size: int, skew: int = 0) -> Iterator[memoryview]:
        """Give `size` bytes that nobody else has in the meantime, `skew` behind a page's start."""
        buffer = memoryview(b"")
        for idle in (self._idle, _kept):
            with suppress(IndexError):
                buffer = idle.pop()
                break
        if len(buffer) < skew + size:
            buffer = allocate(skew + size)
        with buffer[skew : skew + size] as part:
            yield part
        stays = len(_kept) < KEPT and len(buffer) <= KEPT_SIZE
        (_kept if stays else self._idle).append(buffer)
