"""`docs/format.md` is enough to read and to check a bundle: these readers know nothing else."""

from __future__ import annotations

import hashlib
import json
import random
import re
import struct
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

import bundlekit
from bundlekit import digests, layout, manifest, member_names, need, tensor_index

PAGE = (Path(__file__).parents[2] / "docs" / "format.md").read_text()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundle a real model."""
    import keras

    keras.utils.set_random_seed(1)
    layers = [keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dropout(0.5)]
    model = keras.Sequential(layers)
    target = tmp_path_factory.mktemp("format") / "model.bundle"
    bundlekit.dump(model, target, metadata={"ünïcode": [1, 2.5, None]})
    return target


def test_a_reader_of_zipfile_and_json_gets_everything(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert names[-1] == "manifest.json"
        stored = archive.read("manifest.json")
        found = json.loads(stored)
        assert [member["path"] for member in found["members"]] == sorted(names[:-1])
        for member in found["members"]:
            data = archive.read(member["path"])
            assert (len(data), hashlib.sha256(data).hexdigest()) == (
                member["size"],
                member["sha256"],
            )
    spelling = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert spelling.encode() == stored
    assert hashlib.sha256(stored).hexdigest() == bundlekit.Bundle(path).digest
    assert found["metadata"] == {"ünïcode": [1, 2.5, None]}
    assert (found["adapter"], found["format_version"], found["min_reader_version"]) == (
        "keras",
        1,
        1,
    )


def test_the_bytes_are_those_of_the_page(path: Path) -> None:
    """Write the whole archive again from its members, by the tables of the page alone."""
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = [(info.filename, archive.read(info), info.CRC) for info in archive.infolist()]
    file, directory = b"", b""
    for name, content, crc in members:
        extra = b""
        if name in ("model.weights.h5", "state.safetensors"):
            fill = -(len(file) + 30 + len(name) + 4) % 512
            extra = b"BK" + struct.pack("<H", fill) + bytes(fill)
        shared = struct.pack("<HHHHLLL", 0x0800, 0, 0, 0x21, crc, len(content), len(content))
        lengths = struct.pack("<HH", len(name), len(extra))
        directory += b"PK\1\2" + struct.pack("<HH", 0x0314, 20) + shared + lengths
        directory += struct.pack("<HHHLL", 0, 0, 0, 0x81A40000, len(file)) + name.encode() + extra
        file += (
            b"PK\3\4" + struct.pack("<H", 20) + shared + lengths + name.encode() + extra + content
        )
    end = struct.pack("<HHHHLLH", 0, 0, len(members), len(members), len(directory), len(file), 0)
    assert file + directory + b"PK\5\6" + end == data


def documented_fields() -> set[str]:
    rows = re.findall(
        r"^\| `(\w+)` \|",
        PAGE.partition("## manifest.json")[2].partition("## In which")[0],
        re.M,
    )
    return set(rows)


def test_the_page_has_every_field_and_no_other() -> None:
    fields = {field.name for field in msgspec.structs.fields(manifest.Manifest)}
    assert documented_fields() == fields


def records(kind: Any) -> set[str]:
    return {field.name for field in msgspec.structs.fields(kind)}


@pytest.mark.parametrize(
    "kind",
    [manifest.Member, tensor_index.Tensor, manifest.TensorSpec, manifest.Loss, need.Need],
)
def test_the_page_names_the_fields_of_inner_records(kind: Any) -> None:
    quoted = set(re.findall(r"[`\"](\w+)[`\"]", PAGE))
    assert records(kind) <= quoted


@pytest.mark.parametrize("size", [0, digests.PLAIN_SIZE, digests.PLAIN_SIZE + 1, 5 * 2**22])
def test_the_digests_are_those_of_the_page(size: int) -> None:
    code = re.search(r"```python\n(def digests.*?)```", PAGE, re.S)
    assert code is not None
    found: dict[str, Any] = {"sha256": hashlib.sha256}
    exec(code[1], found)
    data = random.Random(1).randbytes(size)
    each = [hashlib.sha256(data[a:b]).hexdigest() for a, b in digests.ranges(size)]
    sha256, chunks = digests.joined(size, each)
    assert found["digests"](data) == (sha256, list(chunks))


def test_the_limits_are_those_of_the_code() -> None:
    assert f"{digests.PLAIN_SIZE:,} bytes" in PAGE
    assert f"{digests.CHUNK_SIZE:,} bytes" in PAGE
    for value in (f"{layout.MAX_ENTRIES:,}", f"{member_names.MAX_PATH_SIZE:,} bytes"):
        assert value in PAGE
    assert f"at most {layout.MAX_DIRECTORY_SIZE // 2**20} MiB" in PAGE
    assert f"at most {manifest.MAX_MANIFEST_SIZE // 2**20} MiB" in PAGE
    assert f"{manifest.MAX_MANIFEST_DEPTH} levels deep" in PAGE
    assert f"most {manifest.MAX_PART_DEPTH} deep" in PAGE.replace("\n", " ")
    assert f"**format version {manifest.FORMAT_VERSION}**" in PAGE


def test_the_dtypes_are_those_of_the_code() -> None:
    for dtype in tensor_index.ITEM_SIZES:
        base = re.sub(r"(?<=int)(16|32)$", "8", dtype)
        assert base in PAGE or dtype in PAGE
