from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundlekit import layout
from bundlekit.errors import BundleError, Damaged, LimitExceeded, NotABundle, Unwritable
from bundlekit.layout import ALIGNMENT, Entry
from bundlekit.member_names import check_paths
from bundlekit.source import MemorySource

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = st.from_regex(r"[a-zäöλ_][a-z0-9ßλ_.-]{0,20}[a-z0-9]", fullmatch=True)


def archive(contents: Sequence[tuple[str, bytes, bool]]) -> bytes:
    """Write an archive record by record, in the order given."""
    file, entries = io.BytesIO(), []
    for path, data, aligned in contents:
        entry = Entry(path, file.tell(), len(data), zlib.crc32(data), aligned)
        entries.append(entry)
        file.write(layout.local_header(entry) + data)
    file.write(layout.directory(entries))
    return file.getvalue()


def read(data: bytes) -> tuple[Entry, ...]:
    return layout.read(MemorySource(data, "it"))


HONEST = archive(
    [("w.h5", b"0123456789", True), ("a.json", b"{}", False), ("manifest.json", b"[]", False)]
)


@st.composite
def contents(draw: st.DrawFn) -> list[tuple[str, bytes, bool]]:
    names = draw(st.lists(NAMES, max_size=5, unique_by=str.casefold))
    members = [(name, draw(st.binary(max_size=600)), draw(st.booleans())) for name in names]
    members.sort(key=lambda member: (not member[2], member[0]))
    return [*members, ("manifest.json", draw(st.binary(max_size=9)), False)]


@given(contents())
def test_what_is_written_is_read(members: list[tuple[str, bytes, bool]]) -> None:
    try:
        check_paths(path for path, _, _ in members)
    except Unwritable:
        return
    data = archive(members)
    entries = read(data)
    found = [(entry.path, data[entry.data : entry.end], entry.aligned) for entry in entries]
    assert found == members


@given(contents())
def test_python_reads_what_is_written_and_finds_nothing_odd(
    members: list[tuple[str, bytes, bool]],
) -> None:
    with zipfile.ZipFile(io.BytesIO(archive(members))) as found:
        assert found.testzip() is None
        assert [(info.filename, found.read(info)) for info in found.infolist()] == [
            (path, data) for path, data, _ in members
        ]


@given(contents())
def test_tensors_are_aligned_and_the_first_lies_at_512(
    members: list[tuple[str, bytes, bool]],
) -> None:
    entries = [entry for entry in read_or_skip(members) if entry.aligned]
    assert all(entry.data % ALIGNMENT == 0 for entry in entries)
    assert not entries or entries[0].data == 512


def read_or_skip(members: list[tuple[str, bytes, bool]]) -> tuple[Entry, ...]:
    try:
        check_paths(path for path, _, _ in members)
    except Unwritable:
        return ()
    return read(archive(members))


def test_no_byte_outside_the_data_can_change() -> None:
    entries = read(HONEST)
    free = {place for entry in entries for place in range(entry.data, entry.end)}
    for offset in range(len(HONEST)):
        changed = bytearray(HONEST)
        changed[offset] ^= 0x20
        if offset in free:
            assert read(bytes(changed)) == entries  # the digests' business
        else:
            with pytest.raises(BundleError, match="it "):
                read(bytes(changed))


def test_no_truncation_is_accepted() -> None:
    for size in range(len(HONEST)):
        with pytest.raises((Damaged, NotABundle), match="it "):
            read(HONEST[:size])


@pytest.mark.parametrize("extra", [b"x", b"PK\5\6" + bytes(18)])
def test_nothing_may_stand_before_or_after(extra: bytes) -> None:
    with pytest.raises((Damaged, NotABundle), match="it "):
        read(extra + HONEST)
    with pytest.raises((Damaged, NotABundle), match="it "):
        read(HONEST + extra)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_a_typed_error(data: bytes) -> None:
    with pytest.raises(BundleError, match="it "):
        read(data)


@given(st.lists(st.integers(0, len(HONEST) - 1), min_size=1, max_size=8), st.binary(min_size=8))
def test_any_change_gives_a_typed_error_or_the_same_members(
    places: list[int], values: bytes
) -> None:
    changed = bytearray(HONEST)
    for place, value in zip(places, values, strict=False):
        changed[place] = value
    try:
        found = read(bytes(changed))
    except BundleError:
        return
    assert [(entry.path, entry.size) for entry in found] == [
        (entry.path, entry.size) for entry in read(HONEST)
    ]


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ([("b", b"", False), ("a", b"", False)], "not in order"),
        ([("a", b"", False), ("t", b"", True)], "not in order"),
        ([("a", b"", False), ("a", b"", False)], "are one file"),
        ([("A", b"", False), ("a", b"", False)], "are one file"),
        ([("a", b"", False), ("a/b", b"", False)], "below another member"),
        ([("../a", b"", False)], "not relative and normalised"),
        ([("/a", b"", False)], "not relative and normalised"),
        ([("a/", b"", False)], "not relative and normalised"),
        ([("a//b", b"", False)], "not relative and normalised"),
        ([("./a", b"", False)], "not relative and normalised"),
        ([("a\\b", b"", False)], "backslash or a colon"),
        ([("c:a", b"", False)], "backslash or a colon"),
        ([("a\0b", b"", False)], "control character"),
        ([("a\u0308", b"", False)], "normal form C"),
        ([("a. /b", b"", False)], "ends in a dot or a space"),
        ([("a/" * 512 + "a", b"", False)], "longer than 1024 bytes"),
        ([("a/" + "a" * 256, b"", False)], "has a part that is longer than 255 bytes"),
    ],
)
def test_odd_names_are_refused(members: list[tuple[str, bytes, bool]], found: str) -> None:
    with pytest.raises(Damaged, match=found):
        read(archive([*members, ("manifest.json", b"", False)]))


def test_an_entry_after_the_manifest_is_refused() -> None:
    with pytest.raises(Damaged, match="not in order"):
        read(archive([("manifest.json", b"", False), ("z", b"", False)]))


@pytest.mark.parametrize(
    "writing",
    [
        {"compression": zipfile.ZIP_DEFLATED},
        {"compression": zipfile.ZIP_STORED},
    ],
)
def test_what_another_zip_tool_wrote_is_refused(writing: dict[str, int]) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **writing) as other:  # type: ignore[call-overload]
        other.writestr("manifest.json", b"{}" * 50)
    with pytest.raises(Damaged, match="after the file|not written as the format says"):
        read(file.getvalue())


def test_a_keras_file_is_told_apart() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as other:
        other.writestr("metadata.json", b"{}")
        other.writestr("config.json", b"{}")
    with pytest.raises(NotABundle, match="it looks like a Keras v3 file"):
        read(file.getvalue())


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "has 0 bytes"),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "an HDF5 file"),
        (b"\x80\x05" + bytes(50), "a pickle"),
        (b'{"class_name":' + bytes(50), "JSON text"),
        (b"just some words that are longer than that", "it starts with b'just som'"),
        (b"PK\3\4" + bytes(50), "cut off, or something follows"),
    ],
)
def test_other_files_are_named(data: bytes, kind: str) -> None:
    with pytest.raises((NotABundle, Damaged), match=kind):
        read(data)


def test_overlapping_entries_are_refused() -> None:
    data = b"x" * 100
    first = Entry("a", 0, 100, 0, aligned=False)
    second = Entry("manifest.json", 0, 100, 0, aligned=False)
    file = layout.local_header(first) + data + layout.central_record(first)
    records = layout.central_record(first) + layout.central_record(second)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(records), len(file), 0)
    with pytest.raises(Damaged, match="starts at 0; expected"):
        read(file + records + end)


@pytest.mark.parametrize("size", [2**32 - 2, 2**32 - 1, 2**32, 2**40, 2**64 - 1])
def test_a_declared_size_beyond_the_file_is_refused_at_once(size: int) -> None:
    entry = Entry("manifest.json", 0, size, 0, aligned=False)
    record = layout.central_record(entry)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(record), 0, 0)
    with pytest.raises(Damaged, match="after the file"):
        read(record + end)


def test_a_directory_beyond_the_limits_is_refused() -> None:
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65_535, 65_535, 0, 0, 0)
    with pytest.raises(LimitExceeded, match="65,535 entries"):
        read(end)


@pytest.mark.parametrize("start", [0, 2**32 - 600, 2**32, 2**45])
@pytest.mark.parametrize("size", [5, 2**32 - 1, 2**33])
@pytest.mark.parametrize("aligned", [True, False])
def test_python_reads_our_64_bit_records(start: int, size: int, aligned: bool) -> None:
    entry = Entry("w.h5", start, size, 7, aligned)
    ours = layout.directory([entry])
    found = zipfile.ZipFile(_Sparse(entry.end, ours)).infolist()[0]
    assert (found.filename, found.header_offset, found.file_size) == ("w.h5", start, size)
    assert found.compress_size == size


class _Sparse(io.RawIOBase):
    """A file of which only the end is there; zipfile reads nothing else."""

    def __init__(self, start: int, end: bytes) -> None:
        self._start, self._end, self._position = start, end, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        base = {0: 0, 1: self._position, 2: self._start + len(self._end)}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        begin = self._position - self._start
        found = self._end[begin:] if size < 0 else self._end[begin : begin + size]
        self._position += len(found)
        return found
