"""Where an artifact is written to: any place in a file, or memory, from many threads.

The bytes of a range are put into a room that is given for it. In memory that is their very
place; in a file it is a buffer, which is written when the room is left. Either way nobody else
can change them in between, so that what is hashed in the room is what is stored.
"""

from __future__ import annotations

import io
import os
import stat
import sys
import threading
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from bundlekit.direct import PAGE, Direct
from bundlekit.jobs import cores
from bundlekit.scratch import Scratch

if TYPE_CHECKING:
    from collections.abc import Iterator


_DIRECT = 8 * 1024 * 1024
"""Bytes of a member from which on it pays to write around the cache; smaller ones are soon read."""

_WAITING = 4096
"""Parts of pages that are kept in memory: some 10 MiB, of 8 GiB that are written."""


class Sink(Protocol):
    """Where ranges are put, in any order, and then what follows all of them."""

    def room(self, offset: int, size: int) -> AbstractContextManager[memoryview]:
        """Give a buffer for the bytes at a range, which are there when it is left."""
        ...

    def expect(self, size: int) -> int:
        """Be told of a member before its ranges are put; tell how many threads had best do it."""
        ...

    def end(self, offset: int, data: bytes) -> None:
        """Put the last bytes; no room may be open."""
        ...

    def close(self) -> None:
        """Let go of what only writing needs."""
        ...


class MemorySink:
    """Memory that is filled in place, and given as `bytes` without a copy.

    Args:
        size: of all but what `end` brings.
    """

    def __init__(self, size: int) -> None:
        # A fresh `bytes` is of zeros that take no memory until they are written to, and the file
        # takes it over, since nobody else has it.
        self._file = io.BytesIO(bytes(size))
        self._view = self._file.getbuffer()

    def expect(self, size: int) -> int:
        """Let each core have a thread."""
        return cores()

    def close(self) -> None:
        """Let go of what is seen of the memory: a file that ends before it is an error."""
        self._view.release()

    @contextmanager
    def room(self, offset: int, size: int) -> Iterator[memoryview]:
        """Give the place itself."""
        with self._view[offset : offset + size] as view:
            yield view

    def end(self, offset: int, data: bytes) -> None:
        """Put the last bytes behind the others."""
        self._view.release()
        self._file.seek(offset)
        self._file.write(data)

    def value(self) -> bytes:
        """Give all of it."""
        return self._file.getvalue()


class FileSink:
    """A regular file, from where it stands.

    Args:
        file: one for which `is_file` holds; when all is written it stands at the end of that.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._start = file.tell()
        file.flush()
        file.seek(0, os.SEEK_END)  # lets go of what it has read ahead, which will be outdated
        self._scratch = Scratch()
        self._lock = threading.Lock()
        self._direct: Direct | None = None
        self._rest: list[tuple[bytes, int]] = []

    def expect(self, size: int) -> int:
        """Write around the system's cache from now on, if the member is a large one."""
        if size < _DIRECT:
            return cores()
        if self._direct is None:
            self._direct = Direct(self._file.fileno())
        return 2 * cores()  # half of them wait for the disk

    @contextmanager
    def room(self, offset: int, size: int) -> Iterator[memoryview]:
        """Give a buffer, and write it."""
        with self._scratch.take(size, skew=(self._start + offset) % PAGE) as view:
            yield view
            self._put(offset, view)

    def end(self, offset: int, data: bytes) -> None:
        """Put the last bytes, and let the file stand behind them."""
        self._write_rest([*self._rest, (data, self._start + offset)])
        self._file.seek(self._start + offset + len(data))

    def close(self) -> None:
        """Close what is open besides the file itself."""
        if self._direct is not None:
            self._direct.close()

    def _put(self, offset: int, data: memoryview) -> None:
        position = self._start + offset
        first, last = (0, 0) if self._direct is None else self._direct.write(data, position)
        if first == last:
            self._write(data, position)
            return
        # Between whole pages, each part of one would wait until all that is under way is written.
        with self._lock:
            self._rest.append((bytes(data[:first]), position))
            self._rest.append((bytes(data[last:]), position + last))
            rest, full = self._rest, len(self._rest) > _WAITING
            self._rest = [] if full else rest
        if full:
            self._write_rest(rest)

    def _write_rest(self, rest: list[tuple[bytes, int]]) -> None:
        for part, position in rest:
            self._write(memoryview(part), position)

    def _write(self, data: memoryview, position: int) -> None:
        if not hasattr(os, "pwrite"):  # Windows
            with self._lock:
                self._file.seek(position)
                self._file.write(data)
                self._file.flush()
            return
        descriptor, written = self._file.fileno(), 0
        while written < len(data):
            written += os.pwrite(descriptor, data[written:], position + written)


def is_file(file: Any) -> bool:
    """Tell whether a file can be written at any place through its descriptor.

    Only what `open` gives: whatever wraps it, or derives from it, may do more than write.
    """
    raw = file.raw if type(file) in (io.BufferedWriter, io.BufferedRandom) else file
    if type(raw) is not io.FileIO or file.closed or not (file.writable() and file.seekable()):
        return False
    return stat.S_ISREG(os.fstat(file.fileno()).st_mode) and not _appends(file)


def _appends(file: Any) -> bool:
    # Such a file takes everything at its end, whatever place is given.
    if sys.platform == "win32":
        return "a" in file.mode
    import fcntl

    return bool(fcntl.fcntl(file.fileno(), fcntl.F_GETFL) & os.O_APPEND)
