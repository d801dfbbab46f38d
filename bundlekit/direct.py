"""Writing a file around the system's cache, where the system can.

What is synced afterwards has to reach the disk anyway. To copy it into fresh pages of the cache
first takes most of the time of writing a large file, and pushes out what others have there.
"""

from __future__ import annotations

import errno
import mmap
import os
from contextlib import suppress

PAGE = max(mmap.PAGESIZE, 4096)
"""Bytes. What is written like this starts and ends at a multiple of it, in file and memory."""
_REFUSALS = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP)


class Direct:
    """A second way into an open file, for whole pages.

    Args:
        descriptor: of the file; it stays as it is.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = None
        flag = getattr(os, "O_DIRECT", None)
        if flag is not None and hasattr(os, "pwrite"):
            with suppress(OSError):
                self._descriptor = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | flag)

    def write(self, data: memoryview, position: int) -> tuple[int, int]:
        """Write the whole pages of a buffer.

        Args:
            data: as far from the start of a page in memory as in the file.
            position: in the file.

        Returns:
            Where in the buffer the pages start and end; twice 0, if the file takes none.

        Raises:
            OSError: the disk is full, or the like.
        """
        first, last = -position % PAGE, len(data) - (position + len(data)) % PAGE
        if self._descriptor is None or last <= first:
            return 0, 0
        written = first
        try:
            while written < last:
                written += os.pwrite(self._descriptor, data[written:last], position + written)
        except OSError as error:
            if error.errno not in _REFUSALS:
                raise
            self.close()
            return 0, 0
        return first, last

    def close(self) -> None:
        """Let go of the file; what is written from now on is left to the caller."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
