"""Every target gets the same bytes, in the memory of a few chunks."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import mmap
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bundlekit import direct, jobs, sink, writing
from bundlekit import manifest as manifests
from bundlekit.artifact import Artifact
from bundlekit.digests import CHUNK_SIZE, PLAIN_SIZE
from bundlekit.pieces import Pieces
from bundlekit.sink import FileSink
from bundlekit.source import MemorySource
from bundlekit.writing import Content, Writer

if TYPE_CHECKING:
    from bundlekit.manifest import Manifest, Member

LARGE = random.Random(1).randbytes(PLAIN_SIZE + 3 * CHUNK_SIZE + 5)
CUTS = [0, 1, 600, CHUNK_SIZE - 1, CHUNK_SIZE + 1, PLAIN_SIZE + 77, len(LARGE)]
CONTENTS = {
    "w.h5": Content(Pieces([LARGE[a:b] for a, b in pairwise(CUTS)]), True),
    "v.h5": Content(LARGE[:PLAIN_SIZE], tensors=True),
    "config.json": Content(b"{}"),
    "empty": Content(b""),
}


def describe(members: tuple[Member, ...]) -> Manifest:
    return manifests.build(
        adapter="a", payload_version=1, distribution="d", type="t", kind="k",
        members=members, environment={},
    )  # fmt: skip


@pytest.fixture(scope="module")
def built() -> bytes:
    return writing.build(CONTENTS, describe)[0]


def test_what_is_built_reads_back(built: bytes) -> None:
    found = Artifact(MemorySource(built))
    found.check()
    assert bytes(found.read("w.h5")) == LARGE
    assert bytes(found.read("v.h5")) == LARGE[:PLAIN_SIZE]
    assert found.manifest.digest == hashlib.sha256(found.encoded).hexdigest()
    assert [len(member.chunks) for member in found.manifest.members] == [0, 0, 0, 8]


@pytest.mark.parametrize("mode", ["wb", "w+b", "xb", "ab", "r+b"])
@pytest.mark.parametrize("buffering", [-1, 0])
def test_every_kind_of_file_gets_the_same(
    built: bytes, tmp_path: Path, mode: str, buffering: int
) -> None:
    path = tmp_path / "file"
    if mode in ("ab", "r+b"):
        path.write_bytes(b"before" + bytes(9000))
    with path.open(mode, buffering=buffering) as file:
        if mode == "r+b":
            assert file.read(6) == b"before"  # it has read ahead what is overwritten now
            start = 6
        else:
            start = 9006 if mode == "ab" else file.write(b"head")
        writing.write(file, CONTENTS, describe)
        assert file.tell() == start + len(built)
        file.write(b"tail")
        if mode in ("w+b", "r+b"):
            file.seek(start)
            assert file.read(len(built)) == built
    assert path.read_bytes()[start:] == built + b"tail"


def test_members_smaller_than_their_headers_are_written(tmp_path: Path) -> None:
    small = {"w": Content(b"w", tensors=True), "v": Content(b"", tensors=True)}
    with (tmp_path / "file").open("wb") as file:
        writing.write(file, small, describe)
    assert (tmp_path / "file").read_bytes() == writing.build(small, describe)[0]


def test_what_is_no_plain_file_gets_the_same(built: bytes, tmp_path: Path) -> None:
    targets: list[Any] = [io.BytesIO(), tempfile.SpooledTemporaryFile()]  # noqa: SIM115
    for target in targets:
        target.write(b"head")
        writing.write(target, CONTENTS, describe)
        target.seek(0)
        assert target.read() == b"head" + built
        target.close()
    with gzip.open(tmp_path / "zipped", "wb", compresslevel=0) as zipped:
        writing.write(zipped, CONTENTS, describe)  # type: ignore[arg-type]
    assert gzip.decompress((tmp_path / "zipped").read_bytes()) == built


def test_a_socket_gets_the_same(built: bytes) -> None:
    here, there = socket.socketpair()
    got: list[bytes] = []
    with here, there, there.makefile("rb") as reader:
        thread = threading.Thread(target=lambda: got.append(reader.read()))
        thread.start()
        with here.makefile("wb") as writer:
            writing.write(writer, CONTENTS, describe)
        here.shutdown(socket.SHUT_WR)
        thread.join()
    assert got == [built]


def test_a_system_that_cannot_write_at_a_place_gives_the_same(
    built: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pwrite")
    with (tmp_path / "file").open("wb") as file:
        writing.write(file, CONTENTS, describe)
    assert (tmp_path / "file").read_bytes() == built


@pytest.mark.skipif(not hasattr(os, "O_DIRECT"), reason="a system without O_DIRECT")
@pytest.mark.parametrize("waiting", [3, 4096])
@pytest.mark.parametrize("start", [0, 1, 512, 5000])
def test_a_large_member_goes_around_the_cache(
    built: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: int, waiting: int
) -> None:
    monkeypatch.setattr(sink, "_DIRECT", PLAIN_SIZE)
    monkeypatch.setattr(sink, "_WAITING", waiting)
    written: list[tuple[int, int]] = []
    write = direct.Direct.write

    def told(self: direct.Direct, data: memoryview, position: int) -> tuple[int, int]:
        written.append(write(self, data, position))
        return written[-1]

    monkeypatch.setattr(direct.Direct, "write", told)
    with (tmp_path / "file").open("w+b") as file:
        file.write(bytes(start))
        writing.write(file, CONTENTS, describe)
        file.seek(start)
        assert file.read() == built
    if not is_on_a_disk(tmp_path):
        pytest.skip("a file system that takes nothing around its cache")
    assert sum(last - first for first, last in written) > 0.9 * len(LARGE)


def is_on_a_disk(folder: Path) -> bool:
    """Whether the file system takes one page around its cache."""
    path = folder / "page"
    path.touch()
    with memoryview(mmap.mmap(-1, direct.PAGE)) as page, path.open("r+b") as file:
        return direct.Direct(file.fileno()).write(page, 0) == (0, direct.PAGE)


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_refuses_gets_the_same_through_the_cache(
    built: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(sink, "_DIRECT", PLAIN_SIZE)
    write = os.pwrite

    def refusing(descriptor: int, data: memoryview, position: int) -> int:
        if descriptor != file.fileno():
            raise OSError(code, os.strerror(code))
        return write(descriptor, data, position)

    with (tmp_path / "file").open("w+b") as file:
        monkeypatch.setattr(os, "pwrite", refusing)
        writing.write(file, CONTENTS, describe)
        file.seek(0)
        assert file.read() == built


@pytest.mark.skipif(not hasattr(os, "O_DIRECT"), reason="a system without O_DIRECT")
def test_a_disk_that_is_full_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "_DIRECT", PLAIN_SIZE)
    opened = {one.name for one in Path("/proc/self/fd").iterdir()}

    def full(descriptor: int, data: memoryview, position: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with (tmp_path / "file").open("w+b") as file:
        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space left"):
            writing.write(file, CONTENTS, describe)
    assert {one.name for one in Path("/proc/self/fd").iterdir()} == opened


def test_a_member_may_go_ahead_of_the_others(built: bytes, tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+b") as file, Writer(FileSink(file)) as writer:
        for path in ("v.h5", "w.h5", "config.json"):  # only one goes, and it is the first here
            writer.begin(path, CONTENTS[path])
        writer.finish(CONTENTS, describe)
        assert file.tell() == len(built)
    assert (tmp_path / "file").read_bytes() == built


def test_a_member_that_went_ahead_of_its_place_is_written_again(
    built: bytes, tmp_path: Path
) -> None:
    with (tmp_path / "file").open("w+b") as file, Writer(FileSink(file)) as writer:
        writer.begin("w.h5", CONTENTS["w.h5"])
        writer.finish(CONTENTS, describe)
    assert (tmp_path / "file").read_bytes() == built


def test_what_went_ahead_ends_with_what_fails(tmp_path: Path) -> None:
    before = threading.active_count()
    with (
        pytest.raises(KeyError, match="no such layer"),
        (tmp_path / "file").open("w+b") as file,
        Writer(FileSink(file)) as writer,
    ):
        writer.begin("w.h5", CONTENTS["w.h5"])
        raise KeyError("no such layer")
    assert threading.active_count() == before


def test_what_is_hashed_is_what_is_written_while_a_tensor_changes(tmp_path: Path) -> None:
    live = bytearray(PLAIN_SIZE * 2)
    stop = threading.Event()

    def train() -> None:
        step = 0
        while not stop.is_set():
            step += 1
            live[:: 2**12] = bytes([step % 256]) * (len(live) // 2**12)

    trainer = threading.Thread(target=train)
    trainer.start()
    try:
        data, _ = writing.build({"w": Content(Pieces([live]), tensors=True)}, describe)
        with (tmp_path / "file").open("wb") as file:
            writing.write(file, {"w": Content(Pieces([live]), tensors=True)}, describe)
    finally:
        stop.set()
        trainer.join()
    for found in (data, (tmp_path / "file").read_bytes()):
        Artifact(MemorySource(found)).check()


def test_a_disk_that_is_full_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: memoryview, offset: int) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with (tmp_path / "file").open("wb") as file, pytest.raises(OSError, match="No space left"):
        writing.write(file, CONTENTS, describe)


def test_a_file_takes_the_memory_of_a_few_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "cores", lambda: 2)
    large = {"w": Content(Pieces([LARGE] * 8), tensors=True)}
    with (tmp_path / "file").open("wb") as file:
        writing.write(file, large, describe)
        file.seek(0)
        tracemalloc.start()
        writing.write(file, large, describe)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 3 * CHUNK_SIZE < 8 * len(LARGE)


def test_memory_takes_the_members_once() -> None:
    code = """
import pathlib, re
from bundlekit import manifest, writing
from bundlekit.pieces import Pieces

def peak():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) / 1024

def describe(members):
    return manifest.build(adapter="a", payload_version=1, distribution="d", type="t", kind="k",
                          members=members, environment={})

content = writing.Content(Pieces([b"x" * 2**22] * 64), tensors=True)
writing.build({"w": content._replace(data=b"")}, describe)
before = peak()
data, _ = writing.build({"w": content}, describe)
print(len(data) / 2**20, peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    size, peak = map(float, done.stdout.split())
    assert size > 256
    assert 256 < peak < 1.05 * 256
