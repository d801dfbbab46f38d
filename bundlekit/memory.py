"""Private memory that takes no room before it is written to, and is freed by itself."""

from __future__ import annotations

import mmap
import threading

ALIGNMENT = 64
"""Bytes. Frameworks take memory over without a copy if it starts at a multiple of this."""

SHARE = 1024 * 1024
"""Bytes. What is smaller shares its memory with others of that kind, since a system gives out
some 65,000 pieces of memory, and each takes a page at least."""

_HUGE = 4 * 1024 * 1024


def allocate(size: int) -> memoryview:
    """Give writable zeros, which no other process sees.

    Raises:
        MemoryError: there is not as much.
    """
    if not size:
        return memoryview(bytearray())
    try:
        if not hasattr(mmap, "MAP_PRIVATE"):  # Windows
            return memoryview(mmap.mmap(-1, size))
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if size >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
            memory.madvise(mmap.MADV_HUGEPAGE)
    except (OSError, OverflowError, ValueError) as error:
        raise MemoryError(f"no {size:,} bytes of memory: {error}") from error
    return memoryview(memory)


class Arena:
    """Gives out memory that starts at multiples of `ALIGNMENT`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rest = memoryview(b"")

    def allocate(self, size: int) -> memoryview:
        """Give `size` bytes: of their own, if that is `SHARE` or more.

        Raises:
            MemoryError: there is not as much.
        """
        if size >= SHARE:
            return allocate(size)
        taken = max(size + -size % ALIGNMENT, ALIGNMENT)
        with self._lock:
            if taken > len(self._rest):
                self._rest = allocate(SHARE)
            given, self._rest = self._rest[:size], self._rest[taken:]
        return given
