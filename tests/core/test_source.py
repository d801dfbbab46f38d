from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

import bundlekit
from bundlekit.bundle_type import Bundle
from bundlekit.errors import (
    BundleError,
    Damaged,
    LimitExceeded,
    NotABundle,
    SourceMissing,
    SourceUnreadable,
    UnsupportedSource,
)
from bundlekit.source import FileSource, opened


class Stream(io.RawIOBase):
    """A pipe: it cannot seek."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        return self._data.readinto(buffer)


def test_every_kind_of_source_gives_the_same(half: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "half.any-name"
    half.save(path)
    data = bytes(half)
    with path.open("rb") as buffered, path.open("rb", buffering=0) as raw:
        later = io.BytesIO(b"before" + data)
        later.seek(6)
        sources = [
            half, data, bytearray(data), memoryview(data), path, str(path), os.fspath(path),
            io.BytesIO(data), buffered, raw, Stream(data), later,
        ]  # fmt: skip
        for source in sources:
            assert bundlekit.inspect(source) == half.manifest  # type: ignore[arg-type]
            if isinstance(source, Stream):
                source._data.seek(0)
            if source is later:
                later.seek(6)
            elif isinstance(source, io.IOBase) and source.seekable():
                source.seek(0)
            assert bundlekit.unbundle(source) * 2 == 1  # type: ignore[arg-type]


class Reader:
    """Has nothing but `read`."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self) -> bytes:
        return self._data


class BytesPath:
    """A path that is bytes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __fspath__(self) -> bytes:
        return os.fsencode(self._path)


def test_odd_sources_that_hold_bytes_are_read(half: Bundle, tmp_path: Path) -> None:
    import gzip
    import mmap
    import pickle

    import numpy as np

    path = tmp_path / "half.bundle"
    half.save(path)
    (tmp_path / "half.gz").write_bytes(gzip.compress(bytes(half)))
    with path.open("rb") as file, gzip.open(tmp_path / "half.gz") as zipped:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        array = np.frombuffer(bytes(half), "uint8")
        sources = [
            Reader(bytes(half)),
            BytesPath(path),
            mapped,
            array,
            pickle.PickleBuffer(bytes(half)),
        ]
        for source in (*sources, zipped):
            assert Bundle(source) == half  # type: ignore[arg-type]


def test_what_was_given_cannot_change_after_it_was_checked(half: Bundle) -> None:
    from bundlekit.artifact import Artifact

    data = bytearray(bytes(half))
    with opened(data) as source:
        found = Artifact(source)
        data[:] = bytes(len(data))
        assert bytes(found.read("fraction.json")) == b"[1,2]"


@pytest.mark.parametrize("source", ["a\0b", Path("a\0b")])
def test_a_name_that_no_file_has_is_refused(source: str | Path) -> None:
    with pytest.raises(SourceUnreadable, match="null"):
        bundlekit.unbundle(source)


def test_a_closed_file_is_refused(half: Bundle) -> None:
    file = io.BytesIO(bytes(half))
    file.close()
    with pytest.raises(SourceUnreadable, match="closed file"):
        bundlekit.unbundle(file)


def test_a_disk_that_fails_is_an_error(half: Bundle) -> None:
    class Failing(io.BytesIO):
        def readinto(self, buffer: object) -> int:
            raise OSError(5, "Input/output error")

    with pytest.raises(SourceUnreadable, match="Input/output error"):
        bundlekit.unbundle(Failing(bytes(half)))


def test_a_huge_hole_is_refused_without_reading_it(tmp_path: Path) -> None:
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(1 << 42)
    for read in (Bundle, bundlekit.inspect, bundlekit.verify, bundlekit.unbundle):
        with pytest.raises(NotABundle, match="starts with"):
            read(tmp_path / "hole")


def test_more_than_there_is_memory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "small").touch()
    with (tmp_path / "small").open("rb") as file:
        source = FileSource(file, "it")
        source.size = 1 << 62
        with pytest.raises(LimitExceeded, match="more memory than there is"):
            source.read(0, source.size)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match="there is no file .*none.bundle"):
        bundlekit.unbundle(tmp_path / "none.bundle")


def test_a_folder_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(NotABundle, match="is a folder; a bundle is one file"):
        bundlekit.unbundle(tmp_path)


def test_a_pipe_on_disk_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotABundle, match="is no regular file"):
        bundlekit.unbundle(tmp_path / "pipe")


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(SourceUnreadable, match="cannot read .*loop"):
        bundlekit.unbundle(tmp_path / "loop")


def test_a_url_is_refused_without_a_look_up() -> None:
    with pytest.raises(NotABundle, match="is a URL; download it first"):
        bundlekit.unbundle("https://example.invalid/model.bundle")


@pytest.mark.parametrize("source", [None, 3, object(), ["a"]])
def test_what_cannot_be_read_is_refused(source: object) -> None:
    with pytest.raises(UnsupportedSource, match="give a Bundle, bytes, a path or a binary file"):
        bundlekit.unbundle(source)  # type: ignore[arg-type]


def test_text_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("PK")
    with (tmp_path / "text").open() as file, pytest.raises(UnsupportedSource, match="'rb'"):
        bundlekit.unbundle(file)  # type: ignore[arg-type]


def test_a_file_that_is_cut_while_it_is_read_is_an_error(half: Bundle, tmp_path: Path) -> None:
    half.save(tmp_path / "half.bundle")
    with (tmp_path / "half.bundle").open("rb") as file:
        source = FileSource(file, "it")
        os.truncate(tmp_path / "half.bundle", 100)
        with pytest.raises(Damaged, match="it ends at byte"):
            source.read(0, source.size)


def test_what_was_read_does_not_change_with_the_file(half: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "half.bundle"
    half.save(path)
    with opened(path) as source:
        data = source.read(0, source.size)
        path.write_bytes(bytes(source.size))
        assert bytes(data) == bytes(half)


def test_inspecting_reads_no_member(half: Bundle, tmp_path: Path) -> None:
    class Counting(FileSource):
        read_from: list[int] = []

        def read(self, offset: int, size: int) -> memoryview:
            self.read_from.append(size)
            return super().read(offset, size)

    from bundlekit.artifact import Artifact

    half.save(tmp_path / "half.bundle")
    with (tmp_path / "half.bundle").open("rb") as file:
        Artifact(Counting(file, "it"))
    data = sum(member.size for member in half.manifest.members)
    assert data > 1000
    assert sum(Counting.read_from) < len(half) - data + 2000


def test_every_refusal_is_a_bundle_error() -> None:
    for refusal in (SourceMissing, SourceUnreadable, UnsupportedSource, NotABundle, Damaged):
        assert issubclass(refusal, BundleError)
    assert issubclass(SourceMissing, FileNotFoundError)
    assert issubclass(UnsupportedSource, TypeError)
