"""The layout: which zip archives are artifacts, record by record.

A zip archive can say one thing in many ways, and tools that read it in different ways are
how one file becomes two. So there is exactly one way here: this module writes each record
from an `Entry`, and reads an archive by taking the few free values from its directory,
writing the records again, and comparing bytes. What a writer would not have written is
refused. `docs/format.md` gives the records byte by byte.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from bundlekit.errors import Damaged, LimitExceeded, NotABundle, Unwritable
from bundlekit.member_names import check_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bundlekit.source import Source

MANIFEST = "manifest.json"
"""The name of the last entry."""

ALIGNMENT = 512
"""Bytes. Data of tensor members starts at multiples of it, the first one at 512 itself: an
HDF5 file may begin there, with what comes before as its user block."""

MAX_ENTRIES = 65_534
"""Entries. Threat: a directory made to fill memory. It is what a zip without the 64-bit
directory count holds; ten thousand models in one artifact stay below it."""

MAX_DIRECTORY_SIZE = 128 * 1024 * 1024
"""Bytes. Threat: as for entries, which at their most and longest stay just below it."""

_PADDING_ID = 0x4B42  # "BK", the header id of the field that fills up to the alignment
_ZIP64_ID = 0x0001
_FULL_32 = 0xFFFFFFFF
_STORED = 0
_UTF8 = 0x0800
_DATE = 0x0021  # 1 January 1980, the first day that a zip can tell
_UNIX = 3 << 8
_REGULAR_FILE = 0o100644 << 16

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_END_64_LOCATOR = struct.Struct("<4sLQL")


class Entry(NamedTuple):
    """One stored file, as the zip's own records know it."""

    path: str
    start: int
    """Where its local header starts."""
    size: int
    crc32: int
    aligned: bool
    """Whether its data starts at a multiple of `ALIGNMENT`."""

    @property
    def data(self) -> int:
        """Where its bytes start."""
        return self.start + len(local_header(self))

    @property
    def end(self) -> int:
        """Where the next record starts."""
        return self.data + self.size


def local_header(entry: Entry) -> bytes:
    """Write the record before an entry's data."""
    name = entry.path.encode()
    large = entry.size >= _FULL_32
    size = _FULL_32 if large else entry.size
    extra = _zip64(entry.size, entry.size) if large else b""
    extra += _padding(entry.start + _LOCAL.size + len(name) + len(extra)) if entry.aligned else b""
    return (
        _LOCAL.pack(
            b"PK\3\4", _needed(bool(large)), _UTF8, _STORED, 0, _DATE,
            entry.crc32, size, size, len(name), len(extra),
        )
        + name
        + extra
    )  # fmt: skip


def central_record(entry: Entry) -> bytes:
    """Write an entry's record in the directory; it repeats the local header's."""
    name = entry.path.encode()
    sizes = [entry.size, entry.size] if entry.size >= _FULL_32 else []
    starts = [entry.start] if entry.start >= _FULL_32 else []
    size = _FULL_32 if sizes else entry.size
    extra = _zip64(*sizes, *starts) if sizes or starts else b""
    if entry.aligned:
        before = _LOCAL.size + len(name) + (len(_zip64(*sizes)) if sizes else 0)
        extra += _padding(entry.start + before)
    needed = _needed(bool(sizes or starts))
    return (
        _CENTRAL.pack(
            b"PK\1\2", _UNIX | needed, needed, _UTF8, _STORED, 0, _DATE,
            entry.crc32, size, size, len(name), len(extra), 0, 0, 0,
            _REGULAR_FILE, _FULL_32 if starts else entry.start,
        )
        + name
        + extra
    )  # fmt: skip


def directory(entries: Sequence[Entry]) -> bytes:
    """Write all that follows the last entry's data."""
    start = entries[-1].end if entries else 0
    records = b"".join(map(central_record, entries))
    count, size = len(entries), len(records)
    end_64 = b""
    if start >= _FULL_32:
        end_64 = _END_64.pack(
            b"PK\6\6", _END_64.size - 12, _UNIX | 45, 45, 0, 0, count, count, size, start
        ) + _END_64_LOCATOR.pack(b"PK\6\7", 0, start + size, 1)
    offset = _FULL_32 if end_64 else start
    return records + end_64 + _END.pack(b"PK\5\6", 0, 0, count, count, size, offset, 0)


def read(source: Source) -> tuple[Entry, ...]:
    """Read an archive's entries, in the order of the file.

    Raises:
        NotABundle: no zip archive, or one of another kind.
        Damaged: a zip archive that no writer of this format has written.
        LimitExceeded: more or longer entries than the format allows.
    """
    count, size, start, tail = _read_end(source)
    if count > MAX_ENTRIES or size > MAX_DIRECTORY_SIZE:
        raise LimitExceeded(
            f"{source.name} has a directory of {count:,} entries and {size:,} bytes; at most "
            f"{MAX_ENTRIES:,} and {MAX_DIRECTORY_SIZE:,} are read",
            source=source.name,
        )
    if start + size + tail != source.size:
        raise _damaged(source, f"its directory does not end where the file ends, at {source.size}")
    records = source.read(start, size)
    entries = tuple(_parse(source, records, count))
    if MANIFEST not in {entry.path for entry in entries}:
        raise NotABundle(
            f"{source.name} is a zip archive and no bundle: it has no manifest.json"
            + ("; it looks like a Keras v3 file" if _is_keras(entries) else ""),
            source=source.name,
        )
    _check_order(source, entries)
    if directory(entries) != bytes(source.read(start, source.size - start)):
        raise _damaged(source, "its directory is not written as the format says")
    for entry in entries:
        header = local_header(entry)
        if bytes(source.read(entry.start, len(header))) != header:
            raise _damaged(
                source,
                f"the header of {entry.path!r} at {entry.start} is not what the directory says",
            )
    return entries


def _needed(large: bool) -> int:
    return 45 if large else 20


def _zip64(*values: int) -> bytes:
    return struct.pack(f"<2H{len(values)}Q", _ZIP64_ID, 8 * len(values), *values)


def _padding(offset: int) -> bytes:
    fill = -(offset + 4) % ALIGNMENT
    return struct.pack("<2H", _PADDING_ID, fill) + bytes(fill)


def _read_end(source: Source) -> tuple[int, int, int, int]:
    """Give count, size and start of the directory, and the bytes that follow it."""
    if source.size < _END.size:
        raise NotABundle(
            f"{source.name} is no bundle: it has {source.size} bytes", source=source.name
        )
    signature, *_, count, size, start, comment = _END.unpack(
        source.read(source.size - _END.size, _END.size)
    )
    if signature != b"PK\5\6" or comment:
        raise _not_an_archive(source)
    if start != _FULL_32:
        return count, size, start, _END.size
    tail = _END_64.size + _END_64_LOCATOR.size + _END.size
    if source.size < tail:
        raise _damaged(source, "its 64-bit directory is cut off")
    *_, size, start = _END_64.unpack(source.read(source.size - tail, _END_64.size))
    return count, size, start, tail


def _not_an_archive(source: Source) -> NotABundle | Damaged:
    head = bytes(source.read(0, 8))
    if head.startswith(b"PK\3\4"):
        return _damaged(source, "it is cut off, or something follows its directory")
    known = {
        b"\x89HDF\r\n\x1a\n": "an HDF5 file",
        b"\x80": "a pickle",
        b"\x1f\x8b": "gzip",
        b"\x93NUMPY": "a numpy array",
        b"{": "JSON text",
    }
    kind = next((name for magic, name in known.items() if head.startswith(magic)), None)
    found = f"it looks like {kind}" if kind else f"it starts with {head!r}"
    return NotABundle(
        f"{source.name} is no bundle: {found}; expected what bundlekit.dump() or "
        f"Bundle.save() wrote",
        source=source.name,
    )


def _parse(source: Source, records: bytes | memoryview, count: int) -> Iterable[Entry]:
    position = 0
    for _ in range(count):
        if position + _CENTRAL.size > len(records):
            raise _damaged(source, "its directory is shorter than the entries it counts")
        (*_, crc32, _, size, name_size, extra_size, _, _, _, _, start) = _CENTRAL.unpack_from(
            records, position
        )
        position += _CENTRAL.size
        name = bytes(records[position : position + name_size])
        extra = bytes(records[position + name_size : position + name_size + extra_size])
        position += name_size + extra_size
        try:
            path = name.decode()
        except UnicodeDecodeError as error:
            raise _damaged(source, f"the name {name!r} is not UTF-8") from error
        size, start, aligned = _read_extra(source, path, extra, size, start)
        yield Entry(path, start, size, crc32, aligned)


def _read_extra(
    source: Source, path: str, extra: bytes, size: int, start: int
) -> tuple[int, int, bool]:
    # Only what carries a value is taken from here; the exact spelling is compared later.
    if size == _FULL_32 or start == _FULL_32:
        length = 8 * (2 * (size == _FULL_32) + (start == _FULL_32))
        values = (
            struct.unpack_from(f"<{length // 8}Q", extra, 4) if len(extra) >= 4 + length else ()
        )
        if not values:
            raise _damaged(source, f"the entry {path!r} has no 64-bit sizes")
        size = values[0] if size == _FULL_32 else size
        start = values[-1] if start == _FULL_32 else start
        extra = extra[4 + length :]
    return size, start, bool(extra)


def _check_order(source: Source, entries: Sequence[Entry]) -> None:
    try:
        check_paths(entry.path for entry in entries)
    except Unwritable as error:
        raise _damaged(source, str(error)) from error
    if list(entries) != sorted(entries, key=lambda entry: file_order(entry.path, entry.aligned)):
        raise _damaged(source, "its entries are not in order: tensors, others, manifest.json")
    position = 0
    for entry in entries:
        if entry.start != position:
            raise _damaged(
                source, f"the entry {entry.path!r} starts at {entry.start}; expected {position}"
            )
        position = entry.end
        if position > source.size:
            raise _damaged(source, f"the entry {entry.path!r} ends at {position}, after the file")


def file_order(path: str, aligned: bool) -> tuple[bool, bool, str]:
    """Sort key of entries in a file: aligned ones, the others, the manifest; each by path."""
    return path == MANIFEST, not aligned, path


def _is_keras(entries: Iterable[Entry]) -> bool:
    return {"config.json", "metadata.json"} <= {entry.path for entry in entries}


def _damaged(source: Source, found: str) -> Damaged:
    return Damaged(
        f"{source.name} is no sound bundle: {found}; it was changed or cut off after it was "
        f"written; get it again from where it came from",
        source=source.name,
    )
