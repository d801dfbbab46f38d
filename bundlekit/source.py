"""Where bytes come from: a name, a size, and any range of them.

Whatever the caller hands over (a `Bundle`, bytes, a path, an open file) becomes one of two
sources, and nothing after this module asks which. Nothing is read that is not asked for, so
that inspecting a large file reads only its end.
"""

from __future__ import annotations

import io
import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeAlias

from bundlekit.errors import (
    Damaged,
    NotABundle,
    SourceMissing,
    SourceUnreadable,
    UnsupportedSource,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bundlekit.bundle_type import Bundle

Buffer: TypeAlias = bytes | bytearray | memoryview
Readable: TypeAlias = "Bundle | Buffer | str | os.PathLike[str] | BinaryIO"
"""What `unbundle`, `inspect` and `verify` read from."""


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


class FileSource:
    """A seekable file, from its current position to its end."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self._file = file
        self._start = file.tell()
        self.size = file.seek(0, os.SEEK_END) - self._start

    def read(self, offset: int, size: int) -> memoryview:
        """Read the range into memory of its own: later changes of the file do not reach it."""
        if offset + size > self.size:
            raise _too_short(self, offset, size)
        self._file.seek(self._start + offset)
        data = bytearray(size)
        view = memoryview(data)
        filled = 0
        while filled < size:
            count = self._file.readinto(view[filled:])  # type: ignore[attr-defined]
            if not count:
                raise _too_short(self, offset, size)
            filled += count
        return view.toreadonly()


@contextmanager
def opened(readable: Readable) -> Iterator[Source]:
    """Open what the caller gave, and close what was opened here.

    Raises:
        NotABundle: a folder, a device, a URL.
        SourceMissing: there is no file at the path.
        SourceUnreadable: there is one that cannot be opened.
        UnsupportedSource: nothing that bytes can be read from.
    """
    from bundlekit.bundle_type import Bundle

    if isinstance(readable, Bundle):
        yield MemorySource(readable.data, repr(readable))
    elif isinstance(readable, str | os.PathLike):
        with _open_path(readable) as file:
            yield FileSource(file, str(readable))
    elif isinstance(readable, bytes | bytearray | memoryview) or not hasattr(readable, "read"):
        yield _from_memory(readable)
    else:
        yield _from_file(readable)


def _from_memory(data: Any) -> Source:
    try:
        return MemorySource(data)
    except TypeError as error:
        raise UnsupportedSource(
            f"cannot read a bundle from {type(data).__name__}; give a Bundle, bytes, a path or a "
            f"binary file"
        ) from error


def _open_path(path: str | os.PathLike[str]) -> BinaryIO:
    text = os.fspath(path)
    if "://" in text:
        raise NotABundle(f"{text} is a URL; download it first and give the file", source=text)
    try:
        kind = Path(path).stat().st_mode
        if not stat.S_ISREG(kind):
            what = "a folder" if stat.S_ISDIR(kind) else "no regular file"
            raise NotABundle(f"{text} is {what}; a bundle is one file", source=text)
        return Path(path).open("rb")
    except FileNotFoundError as error:
        raise SourceMissing(f"there is no file {text}", source=text) from error
    except OSError as error:
        raise SourceUnreadable(f"cannot read {text}: {error.strerror}", source=text) from error


def _from_file(file: BinaryIO | io.TextIOBase) -> Source:
    name = str(getattr(file, "name", "the given file"))
    if isinstance(file, io.TextIOBase):
        raise UnsupportedSource(f"{name} is open as text; open it with open(path, 'rb')")
    if file.seekable() and hasattr(file, "readinto"):
        return FileSource(file, name)
    data = file.read()
    if not isinstance(data, bytes):
        raise UnsupportedSource(f"{name} gives {type(data).__name__}; open it with mode 'rb'")
    return MemorySource(data, name)


def _too_short(source: Source, offset: int, size: int) -> Damaged:
    return Damaged(
        f"{source.name} ends at byte {source.size}; expected {size} bytes from {offset}; it is "
        f"cut off; get it again from where it came from",
        source=source.name,
    )
