"""Tensors by the index: checked, private, aligned, and no more read than it takes."""

from __future__ import annotations

import ctypes
import io
import os
import random
import re
import threading
import tracemalloc
from contextlib import ExitStack
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundlekit import jobs, writing
from bundlekit import manifest as manifests
from bundlekit.adapter import Payload, Pieces
from bundlekit.artifact import Artifact
from bundlekit.digests import CHUNK_SIZE, PLAIN_SIZE
from bundlekit.errors import BundleError, Damaged, NoSuchMember
from bundlekit.memory import SHARE
from bundlekit.source import FileSource, MemorySource, opened
from bundlekit.tensor_index import Tensor
from bundlekit.unpacking import payload_of
from bundlekit.writing import Content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bundlekit.manifest import Manifest, Member
    from bundlekit.source import Source

LARGE = random.Random(2).randbytes(PLAIN_SIZE + 2 * CHUNK_SIZE + 9)
SMALL = random.Random(3).randbytes(5000)


def tensor(path: str, member: str, start: int, end: int) -> Tensor:
    return Tensor(
        path=path,
        member=member,
        dtype="uint8",
        shape=(end - start,),
        offset=start,
        size=end - start,
    )


TENSORS = (
    tensor("across", "w.h5", 700, 2 * CHUNK_SIZE + 3),
    tensor("empty", "w.h5", 9, 9),
    tensor("last", "w.h5", 5 * CHUNK_SIZE + 1, len(LARGE)),
    tensor("one", "w.h5", 600, 601),
    tensor("plain", "v.h5", 100, 4999),
    tensor("small", "w.h5", 3 * CHUNK_SIZE - 5, 3 * CHUNK_SIZE + 5),
    tensor("within", "w.h5", 4 * CHUNK_SIZE + 1, 4 * CHUNK_SIZE + 1 + SHARE),
)
MEMBERS = {"w.h5": LARGE, "v.h5": SMALL, "config.json": b"[1,2]"}


def build(members: dict[str, bytes], tensors: tuple[Tensor, ...]) -> bytes:
    def describe(described: tuple[Member, ...]) -> Manifest:
        return manifests.build(
            adapter="a", payload_version=1, distribution="d", type="t", kind="k",
            members=described, environment={}, tensors=tensors,
        )  # fmt: skip

    contents = {path: Content(data, path != "config.json") for path, data in members.items()}
    return writing.build(contents, describe)[0]


@pytest.fixture(scope="module")
def data() -> bytes:
    return build(MEMBERS, TENSORS)


class Reading(io.BytesIO):
    """A file that remembers what was read of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.read_parts: list[tuple[int, int]] = []

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        start = self.tell()
        count = super().readinto(buffer)
        self.read_parts.append((start, start + count))
        return count


@pytest.fixture(params=["memory", "file", "unbuffered", "object"])
def source(request: pytest.FixtureRequest, data: bytes, tmp_path: Path) -> Iterator[Source]:
    path = tmp_path / "it"
    path.write_bytes(data)
    with ExitStack() as stack:
        if request.param == "memory":
            yield MemorySource(data)
        elif request.param == "object":
            yield FileSource(Reading(data), "it")
        else:
            file = stack.enter_context(path.open("rb", 0 if request.param == "unbuffered" else -1))
            yield FileSource(file, "it")


def expected(one: Tensor) -> bytes:
    return MEMBERS[one.member][one.offset : one.offset + one.size]


def address(view: memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(view)) if view else 0


def start_of(data: bytes, member: str) -> int:
    return Artifact(MemorySource(data)).entry(member).data


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("order", [1, -1])
def test_every_tensor_is_given(source: Source, whole: bool, order: int) -> None:
    payload = payload_of(Artifact(source), whole=whole)
    payload.fetch()
    given = {one.path: payload.tensor(one.path) for one in TENSORS[::order]}
    payload.settle()
    assert {one.path: bytes(given[one.path]) for one in TENSORS} == {
        one.path: expected(one) for one in TENSORS
    }
    assert [address(view) % 64 for view in given.values()] == [0] * len(TENSORS)


def test_what_is_given_is_the_callers_alone(source: Source, data: bytes) -> None:
    payload = payload_of(Artifact(source))
    for one in TENSORS:
        first, second = payload.tensor(one.path), payload.tensor(one.path)
        first[:] = bytes(len(first))
        assert bytes(second) == bytes(payload.tensor(one.path)) == expected(one)
    assert bytes(source.read(0, source.size)) == data


def test_threads_may_ask_at_once(source: Source) -> None:
    payload = payload_of(Artifact(source))
    payload.fetch()
    found: list[bool] = []

    def ask(seed: int) -> None:
        for one in random.Random(seed).sample(TENSORS, len(TENSORS)):
            found.append(bytes(payload.tensor(one.path)) == expected(one))

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    payload.settle()
    assert found == [True] * 4 * len(TENSORS)


def test_a_member_that_was_read_whole_gives_its_tensors(source: Source) -> None:
    payload = payload_of(Artifact(source))
    assert bytes(payload.read("w.h5")) == LARGE
    payload.fetch()
    view = payload.tensor("across")
    view[0] ^= 1
    assert bytes(payload.read("w.h5")) == LARGE
    assert bytes(payload.tensor("across")) == expected(TENSORS[0])
    payload.settle()


def test_an_unknown_tensor_is_an_error_naming_the_nearest(source: Source) -> None:
    with pytest.raises(NoSuchMember, match="no tensor 'smal' .*; the nearest is 'small'"):
        payload_of(Artifact(source)).tensor("smal")


@pytest.mark.parametrize("chunk", range(-(-len(LARGE) // CHUNK_SIZE)))
@pytest.mark.parametrize("whole", [True, False])
def test_damage_is_found_in_every_chunk(data: bytes, chunk: int, whole: bool) -> None:
    damaged = bytearray(data)
    place = min(chunk * CHUNK_SIZE + CHUNK_SIZE // 2, len(LARGE) - 1)
    damaged[start_of(data, "w.h5") + place] ^= 1
    payload = payload_of(Artifact(MemorySource(damaged)), whole=whole)
    payload.fetch()
    for one in TENSORS:
        first, last = one.offset // CHUNK_SIZE, (one.offset + one.size - 1) // CHUNK_SIZE
        if one.member == "w.h5" and one.size and first <= chunk <= last:
            with pytest.raises(Damaged, match=r"'w\.h5' has in its bytes \d+ to \d+ the sha256"):
                payload.tensor(one.path)
        else:
            assert bytes(payload.tensor(one.path)) == expected(one)
    with pytest.raises(Damaged, match=rf"'w\.h5' has in its bytes {chunk * CHUNK_SIZE} to"):
        payload.settle()


def test_damage_between_tensors_is_found_at_the_end(data: bytes) -> None:
    damaged = bytearray(data)
    damaged[start_of(data, "v.h5")] ^= 1
    payload = payload_of(Artifact(MemorySource(damaged)))
    with pytest.raises(Damaged, match=r"'v\.h5' has the sha256"):
        payload.settle()
    with pytest.raises(Damaged, match=r"'v\.h5' has the sha256"):
        payload.tensor("plain")


def test_a_file_that_changes_in_place_is_found(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "it"
    path.write_bytes(data)
    with opened(path) as source:
        payload = payload_of(Artifact(source))
        with path.open("r+b") as file:
            file.seek(start_of(data, "w.h5") + 650)
            file.write(b"changed")
        payload.fetch()
        with pytest.raises(Damaged, match=r"'w\.h5'"):
            payload.settle()


def test_a_file_that_is_cut_short_is_found(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "it"
    path.write_bytes(data)
    with opened(path) as source:
        payload = payload_of(Artifact(source))
        os.truncate(path, len(data) // 2)
        payload.fetch()
        with pytest.raises(Damaged, match="it is cut off"):
            payload.tensor("last")
        with pytest.raises(Damaged, match="it is cut off"):
            payload.settle()


def test_a_change_after_a_tensor_was_given_does_not_reach_it(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "it"
    path.write_bytes(data)
    with opened(path) as source:
        view = payload_of(Artifact(source)).tensor("across")
        path.write_bytes(bytes(len(data)))
        assert bytes(view) == expected(TENSORS[0])


@pytest.mark.parametrize("one", TENSORS, ids=lambda one: one.path)
def test_no_more_is_read_than_the_chunks_that_hold_it(data: bytes, one: Tensor) -> None:
    file = Reading(data)
    payload = payload_of(Artifact(FileSource(file, "it")), whole=False)
    file.read_parts.clear()
    payload.fetch()
    payload.tensor(one.path)
    payload.settle()
    start, size = start_of(data, one.member), len(MEMBERS[one.member])
    unit = CHUNK_SIZE if size > PLAIN_SIZE else size
    first = one.offset // unit * unit
    last = min(-(-(one.offset + one.size) // unit) * unit, size) if one.size else first
    assert sum(end - begin for begin, end in file.read_parts) == last - first
    assert all(start + first <= a <= b <= start + last for a, b in file.read_parts)


def check_all(found: Artifact) -> None:
    found.check()


def read_all(found: Artifact) -> None:
    for path in MEMBERS:
        found.read(path)


def tensors_of_all(found: Artifact) -> None:
    payload = payload_of(found)
    payload.fetch()
    for one in TENSORS:
        payload.tensor(one.path)
    payload.settle()


@pytest.mark.parametrize("use", [check_all, read_all, tensors_of_all])
def test_each_byte_is_read_once(data: bytes, use: Callable[[Artifact], None]) -> None:
    file = Reading(data)
    found = Artifact(FileSource(file, "it"))
    file.read_parts.clear()
    use(found)
    parts = sorted(file.read_parts)
    manifest = len(found.encoded) if use is check_all else 0
    assert sum(end - start for start, end in parts) == manifest + sum(map(len, MEMBERS.values()))
    assert all(a[1] <= b[0] for a, b in pairwise(parts))


@pytest.mark.parametrize("use", [check_all, read_all, tensors_of_all])
@pytest.mark.parametrize("chunk", range(-(-len(LARGE) // CHUNK_SIZE)))
def test_every_use_finds_damage_in_every_chunk(
    data: bytes, chunk: int, use: Callable[[Artifact], None]
) -> None:
    damaged = bytearray(data)
    damaged[start_of(data, "w.h5") + min(chunk * CHUNK_SIZE, len(LARGE) - 1)] ^= 1
    where = rf"'w\.h5' has in its bytes {chunk * CHUNK_SIZE} to \d+ the sha256"
    with pytest.raises(Damaged, match=where):
        use(Artifact(MemorySource(damaged)))


def test_checking_takes_the_memory_of_a_few_chunks(
    data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "cores", lambda: 2)
    (tmp_path / "it").write_bytes(data)
    with opened(tmp_path / "it") as source:
        found = Artifact(source)
        tracemalloc.start()
        found.check()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 3 * CHUNK_SIZE < len(data)


def test_nothing_runs_on_when_it_is_stopped(data: bytes) -> None:
    before = threading.active_count()
    payload = payload_of(Artifact(FileSource(Reading(data), "it")))
    payload.fetch()
    payload.stop()
    assert threading.active_count() == before
    assert bytes(payload.tensor("last")) == expected(TENSORS[2])


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8), st.booleans())
def test_any_index_gives_its_tensors(cuts: list[tuple[int, int]], whole: bool) -> None:
    tensors, position = [], 0
    for number, (gap, size) in enumerate(cuts):
        tensors.append(tensor(f"t{number}", "w", position + gap, position + gap + size))
        position += gap + size
    member = random.Random(4).randbytes(position + 1)
    payload = payload_of(Artifact(MemorySource(build({"w": member}, tuple(tensors)))), whole=whole)
    payload.fetch()
    for one in tensors:
        assert bytes(payload.tensor(one.path)) == member[one.offset : one.offset + one.size]
    payload.settle()


class TestInMemory:
    """What is packed and not yet written."""

    @pytest.mark.parametrize("member", [LARGE, Pieces([LARGE[:5], LARGE[5:]])])
    def test_tensors_are_copies(self, member: bytes | Pieces) -> None:
        part = manifests.build(
            adapter="a", payload_version=1, distribution="d", type="t", kind="k", environment={},
            members=Artifact(MemorySource(build(MEMBERS, ()))).manifest.members, tensors=TENSORS,
        )  # fmt: skip
        payload = Payload(part, {"w.h5": member, "v.h5": SMALL}, {})
        payload.fetch()
        for one in TENSORS:
            view = payload.tensor(one.path)
            assert bytes(view) == expected(one)
            assert address(view) % 64 == 0
            view[:] = bytes(len(view))
            assert bytes(payload.tensor(one.path)) == expected(one)
        payload.settle()
        payload.stop()
        assert bytes(payload.read("w.h5")) == LARGE


def test_every_fault_is_a_bundle_error_and_names_the_file(data: bytes) -> None:
    damaged = bytearray(data)
    damaged[start_of(data, "w.h5") + 700] ^= 1
    with pytest.raises(BundleError, match=re.escape("the given bytes is damaged")):
        payload_of(Artifact(MemorySource(damaged))).tensor("across")
