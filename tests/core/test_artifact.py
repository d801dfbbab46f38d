from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundlekit import artifact, layout, writing
from bundlekit import manifest as manifests
from bundlekit.artifact import Artifact
from bundlekit.digests import CHUNK_SIZE
from bundlekit.errors import (
    BundleError,
    Damaged,
    LimitExceeded,
    NoSuchMember,
    TargetUnusable,
    Unwritable,
)
from bundlekit.pieces import Pieces
from bundlekit.source import MemorySource, opened
from bundlekit.writing import Content

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bundlekit.manifest import Manifest, Member

CONTENTS = st.dictionaries(
    st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5})?", fullmatch=True).filter(lambda p: "parts" not in p),
    st.builds(Content, st.binary(max_size=200), st.booleans()),
    max_size=4,
)


def describe(members: tuple[Member, ...]) -> Manifest:
    return manifests.build(
        adapter="a", payload_version=1, distribution="d", type="t", kind="k",
        members=members, environment={},
    )  # fmt: skip


def written(contents: dict[str, Content]) -> bytes:
    file = io.BytesIO()
    writing.write(file, contents, describe)
    return file.getvalue()


def opened_bytes(data: bytes) -> Artifact:
    return Artifact(MemorySource(data, "it"))


HONEST = written({"w.h5": Content(b"0123456789", tensors=True), "config.json": Content(b"{}")})


@given(CONTENTS)
def test_members_come_back(contents: dict[str, Content]) -> None:
    try:
        data = written(contents)
    except Unwritable as refused:
        assert "below another member" in str(refused)
        return
    found = opened_bytes(data)
    assert {path: bytes(found.read(path)) for path, _, _ in found.ranges()} == {
        path: bytes(content.data) for path, content in contents.items()
    }
    found.check()


@given(CONTENTS)
def test_the_order_in_which_members_are_added_does_not_matter(
    contents: dict[str, Content],
) -> None:
    turned = dict(reversed(contents.items()))
    try:
        assert written(contents) == written(turned)
    except Unwritable as refused:
        assert "below another member" in str(refused)


def test_one_flipped_byte_anywhere_is_an_error_or_the_same_members() -> None:
    honest = {path: bytes(opened_bytes(HONEST).read(path)) for path in ("w.h5", "config.json")}
    digest = opened_bytes(HONEST).digest
    for offset in range(len(HONEST)):
        changed = bytearray(HONEST)
        changed[offset] ^= 1 << (offset % 8)
        with pytest.raises(BundleError, match=r"\S"):
            found = opened_bytes(bytes(changed))
            assert found.digest != digest or found.read("w.h5") == honest["w.h5"]
            found.read("w.h5")
            found.read("config.json")
            found.check()


def test_a_changed_member_is_named() -> None:
    found = opened_bytes(HONEST)
    start = next(start for path, start, _ in found.ranges() if path == "w.h5")
    changed = HONEST[:start] + b"X" + HONEST[start + 1 :]
    with pytest.raises(
        Damaged, match=r"'w\.h5' has the sha256 [0-9a-f]{64}, and the manifest"
    ) as refusal:
        opened_bytes(changed).read("w.h5")
    assert refusal.value.member == "w.h5"  # type: ignore[attr-defined]


def test_a_wrong_crc_is_found_when_asked_for() -> None:
    entries = list(layout.read(MemorySource(HONEST)))
    wrong = [entry._replace(crc32=entry.crc32 ^ 1) for entry in entries]
    body = b"".join(layout.local_header(entry) + HONEST[entry.data : entry.end] for entry in wrong)
    data = body + layout.directory(wrong)
    assert opened_bytes(data).digest == opened_bytes(HONEST).digest
    with pytest.raises(Damaged, match="CRC-32"):
        opened_bytes(data).check()


def swapped(path: str | None, *, size: int | None = None) -> bytes:
    """Rewrite the archive with a manifest that tells of other members."""
    file, entries = io.BytesIO(), []
    for entry in layout.read(MemorySource(HONEST)):
        data = HONEST[entry.data : entry.end]
        if entry.path == "manifest.json":
            raw = json.loads(data)
            raw["members"] = [m for m in raw["members"] if m["path"] != path]
            raw["members"] += [{"path": "z", "sha256": "0" * 64, "size": 1}] if path is None else []
            for member in raw["members"]:
                member["size"] = size or member["size"]
            data = json.dumps(raw, sort_keys=True, separators=(",", ":")).encode()
        new = layout.Entry(entry.path, file.tell(), len(data), zlib.crc32(data), entry.aligned)
        entries.append(new)
        file.write(layout.local_header(new) + data)
    file.write(layout.directory(entries))
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (swapped("w.h5"), r"'w\.h5' the manifest says no such member, the archive 10"),
        (swapped(None), "'z' the manifest says 1, the archive no such member"),
        (swapped("", size=3), r"the manifest says 3, the archive 2"),
    ],
)
def test_archive_and_manifest_must_tell_of_the_same_members(data: bytes, found: str) -> None:
    with pytest.raises(Damaged, match=found):
        opened_bytes(data)


class Trickle(io.RawIOBase):
    """An unbuffered file that takes a few bytes at a time."""

    def __init__(self, most: int | None) -> None:
        self.taken = bytearray()
        self._most = most

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int | None:  # type: ignore[override]
        if self._most is None:
            return None
        self.taken += bytes(data[: self._most])
        return min(len(data), self._most)


def test_an_unbuffered_file_gets_everything() -> None:
    file = Trickle(7)
    writing.write(file, {"w.h5": Content(b"0123456789", tensors=True)}, describe)  # type: ignore[arg-type]
    assert bytes(opened_bytes(bytes(file.taken)).read("w.h5")) == b"0123456789"


def test_a_file_that_takes_nothing_is_an_error() -> None:
    with pytest.raises(TargetUnusable, match="takes nothing now"):
        writing.write(Trickle(None), {}, describe)  # type: ignore[arg-type]


def test_an_unknown_member_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(NoSuchMember, match=r"no member 'x'; it has w\.h5, config\.json"):
        opened_bytes(HONEST).read("x")


def test_too_many_members_are_refused_when_writing() -> None:
    many = {f"{index}": Content(b"") for index in range(layout.MAX_ENTRIES)}
    with pytest.raises(Unwritable, match="65,534 members"):
        written(many)


def test_a_manifest_beyond_the_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "MAX_MANIFEST_SIZE", 50)
    monkeypatch.setattr(manifests, "MAX_MANIFEST_SIZE", 50)
    with pytest.raises(LimitExceeded, match="at most 50 are read"):
        opened_bytes(HONEST)
    with pytest.raises(Unwritable, match="no reader would open this: .*at most 50"):
        written({})


def test_python_unpacks_it(tmp_path: Path) -> None:
    (tmp_path / "it.zip").write_bytes(HONEST)
    subprocess.run(
        [sys.executable, "-m", "zipfile", "-e", tmp_path / "it.zip", tmp_path / "out"],
        check=True,
    )
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["config.json", "manifest.json", "w.h5"]
    assert (tmp_path / "out" / "w.h5").read_bytes() == b"0123456789"


def test_a_member_above_four_gigabytes_survives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 2**32 + 17
    zeros = Pieces([bytes(CHUNK_SIZE)] * (size // CHUNK_SIZE) + [bytes(size % CHUNK_SIZE)])
    monkeypatch.setattr(os, "pwrite", _holes)
    with (tmp_path / "large").open("wb") as large:
        contents = {"z.bin": Content(b"after"), "a.h5": Content(zeros, tensors=True)}
        writing.write(large, contents, describe)
    with opened(tmp_path / "large") as source:
        found = Artifact(source)
        assert found.manifest.members[0].size == size
        assert bytes(found.read("z.bin")) == b"after"
    with zipfile.ZipFile(tmp_path / "large") as other:
        assert other.read("z.bin") == b"after"
        assert other.getinfo("a.h5").file_size == size


def _holes(
    descriptor: int, data: memoryview, offset: int, *, write: Callable[..., int] = os.pwrite
) -> int:
    """Write zeros as holes, so that four gigabytes take no room on disk."""
    return len(data) if len(data) == CHUNK_SIZE else write(descriptor, data, offset)
