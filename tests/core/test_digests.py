from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundlekit import crc, digests
from bundlekit.digests import CHUNK_SIZE, PLAIN_SIZE
from bundlekit.errors import Damaged
from bundlekit.manifest import Manifest, Member

SIZES = st.integers(0, 2**33) | st.sampled_from(
    [0, 1, PLAIN_SIZE - 1, PLAIN_SIZE, PLAIN_SIZE + 1, 5 * CHUNK_SIZE, 5 * CHUNK_SIZE + 1]
)


@given(SIZES)
def test_ranges_follow_each_other_and_cover_the_member(size: int) -> None:
    found = digests.ranges(size)
    assert [start for start, _ in found] == [0, *(end for _, end in found[:-1])]
    assert found[-1][1] == size
    assert (len(found) == 1) == (size <= PLAIN_SIZE)
    assert all(start < end for start, end in found) or size == 0


@given(SIZES, st.data())
def test_covering_ranges_are_those_that_overlap(size: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, size))
    end = data.draw(st.integers(start, min(size, start + 3 * CHUNK_SIZE)))
    overlapping = [
        index
        for index, (first, last) in enumerate(digests.ranges(size))
        if first < end and start < last and start < end
    ]
    assert list(digests.covering(size, start, end)) == overlapping


def member_of(data: bytes) -> Member:
    found = [hashlib.sha256(data[a:b]).hexdigest() for a, b in digests.ranges(len(data))]
    sha256, chunks = digests.joined(len(data), found)
    return Member(path="a.bin", size=len(data), sha256=sha256, chunks=chunks)


def test_a_small_member_has_the_sha256_of_its_bytes() -> None:
    data = bytes(PLAIN_SIZE)
    assert member_of(data).sha256 == hashlib.sha256(data).hexdigest()
    assert member_of(data).chunks == ()


def test_a_large_member_has_the_sha256_of_its_chunks() -> None:
    data = bytes(PLAIN_SIZE) + b"x"
    raw = [hashlib.sha256(data[i : i + 2**22]).digest() for i in range(0, len(data), 2**22)]
    assert member_of(data).chunks == tuple(one.hex() for one in raw)
    assert member_of(data).sha256 == hashlib.sha256(b"".join(raw)).hexdigest()


LARGE = member_of(bytes(PLAIN_SIZE) + b"x")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"chunks": LARGE.chunks[:-1]}, "has 4 chunks; expected 5"),
        ({"chunks": (*LARGE.chunks, "0" * 64)}, "has 6 chunks; expected 5"),
        ({"chunks": ()}, "has 0 chunks; expected 5"),
        ({"chunks": LARGE.chunks[::-1]}, "is not that of its chunks"),
        ({"sha256": "0" * 64}, "is not that of its chunks"),
        ({"size": PLAIN_SIZE}, "has 5 chunks; expected 0"),
        ({"size": 6 * CHUNK_SIZE}, "has 5 chunks; expected 6"),
    ],
)
def test_a_manifest_refuses_chunks_that_are_not_those_of_the_member(
    change: dict[str, Any], found: str
) -> None:
    member = {"path": "a.bin", "size": LARGE.size, "sha256": LARGE.sha256, "chunks": LARGE.chunks}
    raw = {
        "adapter": "a", "payload_version": 1, "distribution": "d", "type": "t", "kind": "k",
        "format_version": 1, "min_reader_version": 1, "environment": {},
    }  # fmt: skip

    def encoded(member: dict[str, Any]) -> bytes:
        whole = {**raw, "members": [member]}
        return json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()

    assert Manifest.decode(encoded(member)).members == (LARGE,)
    with pytest.raises(Damaged, match=found):
        Manifest.decode(encoded({**member, **change}))


@given(st.binary(max_size=99), st.binary(max_size=99))
def test_checksums_of_parts_make_that_of_the_whole(first: bytes, second: bytes) -> None:
    found = crc.combined(zlib.crc32(first), zlib.crc32(second), len(second))
    assert found == zlib.crc32(first + second)


def test_checksums_of_long_parts_make_that_of_the_whole() -> None:
    first, second = b"a" * 12345, b"b" * (CHUNK_SIZE + 7)
    found = crc.combined(zlib.crc32(first), zlib.crc32(second), len(second))
    assert found == zlib.crc32(first + second)
