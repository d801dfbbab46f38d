"""Where bytes come from: a name, a size, and any range of them.

Whatever the caller hands over (bytes, a path, an open file) becomes one of two sources, and
nothing after this module asks which. Nothing is read that is not asked for, so that inspecting
a large file reads none of its members.
"""

from __future__ import annotations

import io
import mmap
import os
import stat
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeAlias, cast

from bundlekit.errors import (
    Damaged,
    LimitExceeded,
    NotABundle,
    SourceMissing,
    SourceUnreadable,
    UnsupportedSource,
)
from bundlekit.memory import allocate

if TYPE_CHECKING:
    from collections.abc import Iterator

Buffer: TypeAlias = bytes | bytearray | memoryview
Readable: TypeAlias = "Buffer | str | os.PathLike[str] | BinaryIO"
"""Where bytes can be read from: bytes-like objects, paths, binary files."""


class Source(Protocol):
    """Bytes with a name, for error messages, and a size."""

    name: str
    size: int

    def read(self, offset: int, size: int) -> memoryview:
        """Give exactly `size` bytes from `offset`.

        Raises:
            Damaged: they are not there.
        """
        ...

    def read_into(self, offset: int, view: memoryview) -> None:
        """Fill a buffer with the bytes from `offset`; many threads may do so at once.

        Raises:
            Damaged: they are not there.
        """
        ...

    def held(self, offset: int, size: int) -> memoryview | None:
        """Give the range where it is, if it is in memory that nobody can change."""
        ...


class MemorySource:
    """Bytes that are in memory already; ranges are views, never copies."""

    def __init__(self, data: Buffer, name: str = "the given bytes") -> None:
        self.name = name
        self._data = memoryview(data).toreadonly().cast("B")
        self.size = len(self._data)

    def read(self, offset: int, size: int) -> memoryview:
        """Give a view of the range."""
        if offset + size > self.size:
            raise _too_short(self, offset, size)
        return self._data[offset : offset + size]

    def read_into(self, offset: int, view: memoryview) -> None:
        """Copy the range."""
        view[:] = self.read(offset, len(view))

    def held(self, offset: int, size: int) -> memoryview:
        """Give a view of the range."""
        return self.read(offset, size)


class FileSource:
    """A seekable file, from its current position to its end."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self._file = file
        self.start = file.tell()
        """Where the bytes begin in the file."""
        self.size = file.seek(0, os.SEEK_END) - self.start
        self._lock = threading.Lock()
        self.descriptor = _descriptor(file)
        """Of a regular file, which can be read at any place without moving its position."""

    def read(self, offset: int, size: int) -> memoryview:
        """Read the range into memory of its own: later changes of the file do not reach it."""
        if offset + size > self.size:
            raise _too_short(self, offset, size)
        try:
            view = allocate(size)
        except MemoryError as error:
            raise LimitExceeded(
                f"{self.name} has {size:,} bytes to read at once, more memory than there is",
                source=self.name,
            ) from error
        self.read_into(offset, view)
        return view.toreadonly()

    def held(self, offset: int, size: int) -> None:
        """Give nothing: a file can be changed."""

    def read_into(self, offset: int, view: memoryview) -> None:
        """Read the range."""
        if offset + len(view) > self.size:
            raise _too_short(self, offset, len(view))
        filled = 0
        try:
            while filled < len(view):
                count = self._read_some(self.start + offset + filled, view[filled:])
                if not count:
                    raise _too_short(self, offset, len(view))
                filled += count
        except OSError as error:
            raise _unreadable(self.name, error) from error

    def map(self) -> memoryview:
        """Give the whole file as memory, to which it can be written without the file changing.

        What was not written to changes with the file, and is gone if that becomes shorter.

        Raises:
            UnsupportedSource: it is no file on a disk.
            SourceUnreadable: the system cannot map it.
        """
        if self.descriptor is None:
            raise UnsupportedSource(
                f"{self.name} is no plain file on a disk, and nothing else can be mapped; give a "
                f"path, or leave alias= out"
            )
        try:
            return memoryview(
                mmap.mmap(self.descriptor, self.start + self.size, access=mmap.ACCESS_COPY)
            )
        except (OSError, ValueError) as error:  # ValueError: it has become shorter
            raise _unreadable(self.name, error) from error

    def _read_some(self, position: int, view: memoryview) -> int:
        if self.descriptor is not None:
            return os.preadv(self.descriptor, [view], position)
        with self._lock:
            self._file.seek(position)
            return self._file.readinto(view)  # type: ignore[attr-defined, no-any-return]


def _descriptor(file: Any) -> int | None:
    # Only what `open` gives: whatever wraps it, or derives from it, may do more than read.
    raw = file.raw if type(file) in (io.BufferedReader, io.BufferedRandom) else file
    if type(raw) is not io.FileIO or not hasattr(os, "preadv"):
        return None
    descriptor = raw.fileno()
    return descriptor if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


@contextmanager
def opened(readable: Readable) -> Iterator[Source]:
    """Open what the caller gave, and close what was opened here.

    Raises:
        NotABundle: a folder, a device, a URL.
        SourceMissing: there is no file at the path.
        SourceUnreadable: there is one that cannot be opened.
        UnsupportedSource: nothing that bytes can be read from.
    """
    if isinstance(readable, str | os.PathLike):
        with _open_path(readable) as file:
            yield _from_file(file)
    elif isinstance(readable, io.IOBase) or (
        hasattr(readable, "read") and not _is_buffer(readable)
    ):
        yield _from_file(readable)
    else:
        yield MemorySource(_own(readable))


def _is_buffer(data: Any) -> bool:
    try:
        memoryview(data).release()
    except (TypeError, ValueError):
        return False
    return True


def _own(data: Any) -> bytes | memoryview:
    """Give bytes that nobody can change after they were checked."""
    try:
        view = memoryview(data)
        return view if isinstance(view.obj, bytes) and view.contiguous else view.tobytes()
    except (TypeError, ValueError) as error:
        raise UnsupportedSource(
            f"cannot read a bundle from {type(data).__name__}: {error}; give a Bundle, bytes, a "
            f"path or a binary file"
        ) from error


def _open_path(path: str | os.PathLike[str]) -> BinaryIO:
    text = os.fsdecode(path)
    if "://" in text:
        raise NotABundle(f"{text} is a URL; download it first and give the file", source=text)
    try:
        kind = Path(text).stat().st_mode if text else stat.S_IFDIR
        if not stat.S_ISREG(kind):
            what = "a folder" if stat.S_ISDIR(kind) else "no regular file"
            raise NotABundle(f"{text!r} is {what}; a bundle is one file", source=text)
        return Path(text).open("rb")
    except FileNotFoundError as error:
        raise SourceMissing(f"there is no file {text!r}", source=text) from error
    except NotABundle:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _unreadable(text, error) from error


def _from_file(file: Any) -> Source:
    name = str(getattr(file, "name", "the given file"))
    if isinstance(file, io.TextIOBase):
        raise UnsupportedSource(f"{name} is open as text; open it with open(path, 'rb')")
    try:
        if isinstance(file, io.IOBase) and hasattr(file, "readinto") and file.seekable():
            return FileSource(cast("BinaryIO", file), name)
        data = file.read()
    except (OSError, ValueError) as error:  # ValueError: it is closed
        raise _unreadable(name, error) from error
    if not isinstance(data, bytes):
        raise UnsupportedSource(f"{name} gives {type(data).__name__}; open it with mode 'rb'")
    return MemorySource(data, name)


def _unreadable(name: str, error: OSError | ValueError) -> SourceUnreadable:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return SourceUnreadable(f"cannot read {name!r}: {reason}", source=name)


def _too_short(source: Source, offset: int, size: int) -> Damaged:
    return Damaged(
        f"{source.name} ends at byte {source.size}; expected {size} bytes from {offset}; it is "
        f"cut off; get it again from where it came from",
        source=source.name,
    )
