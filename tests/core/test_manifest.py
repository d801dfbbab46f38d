from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundlekit import manifest as manifests
from bundlekit.digests import PLAIN_SIZE
from bundlekit.errors import Damaged, LimitExceeded, TooNew, Unwritable
from bundlekit.manifest import FORMAT_VERSION, Loss, Manifest, Member, Part
from bundlekit.tensor_index import ITEM_SIZES, Tensor

NAMES = st.from_regex(r"[a-z][a-z0-9_.]{0,8}", fullmatch=True)
DIGESTS = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
SIZES = st.integers(0, PLAIN_SIZE)


def members(names: st.SearchStrategy[str], prefix: str) -> st.SearchStrategy[list[Member]]:
    one = st.builds(Member, path=names.map(lambda name: prefix + name), size=SIZES, sha256=DIGESTS)
    return st.lists(one, max_size=4, unique_by=lambda member: member.path)


@st.composite
def manifest_fields(draw: st.DrawFn) -> dict[str, Any]:
    part: dict[str, Any] = {
        "adapter": draw(NAMES),
        "payload_version": draw(st.integers(1, 9)),
        "distribution": draw(NAMES),
        "type": draw(NAMES),
        "kind": draw(NAMES),
    }
    part_names = NAMES.filter(manifests.PART_NAME.fullmatch)
    inner = draw(st.dictionaries(part_names, st.just(Part(**part)), max_size=2))
    own = draw(members(NAMES.filter(lambda name: name not in ("parts", "manifest.json")), ""))
    for name in inner:
        own += draw(members(NAMES.filter(lambda name: name != "parts"), f"parts/{name}/"))
    return {
        **part,
        "name": draw(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
        "capabilities": tuple(sorted(draw(st.sets(NAMES)))),
        "losses": tuple(draw(st.lists(st.builds(Loss, what=NAMES, why=NAMES), max_size=2))),
        "parts": inner,
        "members": tuple(sorted(own, key=lambda member: member.path)),
        "environment": draw(st.dictionaries(NAMES, NAMES, max_size=3)),
        "metadata": draw(st.dictionaries(NAMES, st.integers() | NAMES, max_size=3)),
    }


MANIFESTS = manifest_fields().map(lambda fields: manifests.build(**fields))


def simple(**changes: Any) -> dict[str, Any]:
    member = {"path": "a.bin", "size": 16, "sha256": "0" * 64}
    return {
        "adapter": "a",
        "payload_version": 1,
        "distribution": "d",
        "type": "t",
        "kind": "k",
        "format_version": 1,
        "min_reader_version": 1,
        "members": [member],
        "environment": {},
        **changes,
    }


PART = ("adapter", "payload_version", "distribution", "type", "kind")


def encode(raw: object) -> bytes:
    return json.dumps(raw, sort_keys=True, separators=(",", ":")).encode()


def tensor(**changes: Any) -> dict[str, Any]:
    whole = {
        "path": "w",
        "member": "a.bin",
        "dtype": "float32",
        "shape": [2],
        "offset": 0,
        "size": 8,
    }
    return {**whole, **changes}


@given(MANIFESTS)
def test_a_manifest_decodes_to_itself(manifest: Manifest) -> None:
    assert Manifest.decode(manifest.encode()) == manifest


@given(MANIFESTS)
def test_the_digest_is_that_of_the_stored_bytes(manifest: Manifest) -> None:
    assert manifest.digest == hashlib.sha256(manifest.encode()).hexdigest()


@given(MANIFESTS, st.data())
def test_every_other_spelling_is_refused(manifest: Manifest, data: st.DataObject) -> None:
    raw = json.loads(manifest.encode())
    spelling = data.draw(
        st.sampled_from(
            [
                json.dumps(raw, sort_keys=True),
                json.dumps(raw, indent=1),
                json.dumps({**raw, "parameters": None}, sort_keys=True, separators=(",", ":")),
                json.dumps(dict(reversed(raw.items())), separators=(",", ":")),
            ]
        )
    )
    with pytest.raises(Damaged, match="not in its canonical spelling"):
        Manifest.decode(spelling.encode())


@given(MANIFESTS, st.data())
def test_one_changed_byte_is_refused_or_another_manifest(
    manifest: Manifest, data: st.DataObject
) -> None:
    encoded = bytearray(manifest.encode())
    index = data.draw(st.integers(0, len(encoded) - 1))
    encoded[index] ^= data.draw(st.integers(1, 255))
    try:
        assert Manifest.decode(bytes(encoded)) != manifest
    except (Damaged, TooNew, LimitExceeded):
        pass


@given(st.permutations(["a", "b", "c"]))
def test_members_are_sorted_or_refused(order: list[str]) -> None:
    raw = [{"path": path, "size": 1, "sha256": "0" * 64} for path in order]
    if order == sorted(order):
        assert [m.path for m in Manifest.decode(encode(simple(members=raw))).members] == order
    else:
        with pytest.raises(Damaged, match="not sorted by path"):
            Manifest.decode(encode(simple(members=raw)))


@pytest.mark.parametrize("field", ["format_version", "min_reader_version"])
def test_a_newer_format_says_which_release_reads_it(field: str) -> None:
    newer = {"format_version": FORMAT_VERSION + 1, field: FORMAT_VERSION + 1}
    raw = simple(**newer, environment={"bundlekit": "7.1"}, field_of_the_future=1)
    with pytest.raises(
        TooNew, match=r"reads formats up to 1; pip install 'bundlekit>=7\.1'"
    ) as refusal:
        Manifest.decode(encode(raw))
    assert refusal.value.supported == FORMAT_VERSION  # type: ignore[attr-defined]


@pytest.mark.parametrize("found", [0, -1, "1", 1.0, True, None])
def test_a_version_that_is_no_positive_integer_is_refused(found: object) -> None:
    with pytest.raises(Damaged, match="expected an integer from 1 up"):
        Manifest.decode(encode(simple(format_version=found)))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"unknown": 1}, "unknown field `unknown`"),
        ({"adapter": 3}, "Expected `str`"),
        ({"payload_version": 0}, "Expected `int` >= 1"),
        ({"members": [{"path": "a", "size": -1, "sha256": "0" * 64}]}, "Expected `int` >= 0"),
        ({"members": [{"path": "a", "size": 1, "sha256": "0" * 63}]}, "matching regex"),
        ({"members": [{"path": "a", "size": 1, "sha256": "A" * 64}]}, "matching regex"),
        (
            {"members": [{"path": "manifest.json", "size": 1, "sha256": "0" * 64}]},
            "list itself",
        ),
        (
            {"members": [{"path": "parts/p/a", "size": 1, "sha256": "0" * 64}]},
            "belongs to no part",
        ),
        (
            {"members": [{"path": "parts/a", "size": 1, "sha256": "0" * 64}]},
            "belongs to no part",
        ),
        ({"capabilities": ["b", "a"]}, "capabilities are not sorted"),
        ({"parts": {"../x": {}}}, "missing required field|part name"),
        ({"tensors": [tensor(dtype="object")]}, "unknown dtype 'object'"),
        ({"tensors": [tensor(size=9)]}, r"float32\[2\] takes 8"),
        ({"tensors": [tensor(shape=[2**40, 2**40])]}, "takes 4835703278458516698824704"),
        ({"tensors": [tensor(shape=[-2])]}, "Expected `int` >= 0"),
        ({"tensors": [tensor(offset=9)]}, "ends at byte 17 of 'a.bin', which has 16"),
        ({"tensors": [tensor(member="b")]}, "lies in 'b', which is no member"),
        ({"tensors": [tensor(), tensor(path="v", offset=4)]}, "overlaps another one"),
        ({"tensors": [tensor(), tensor(offset=8)]}, "two tensors have the same path"),
        ({"tensors": [tensor(shape=[1] * 33)]}, "has 33 dimensions"),
        ({"tensors": [tensor(shape=[2**62] * 500_000)]}, "has 500000 dimensions"),
        ({"members": [{"path": "a", "size": 1, "sha256": "0" * 64 + "\n"}]}, "matching regex"),
        ({"parts": {"x.": {k: simple()[k] for k in PART}}}, "part name 'x.'"),
        (
            {
                "tensors": [
                    tensor(shape=[4], size=16),
                    tensor(path="v", shape=[0], size=0),
                    tensor(path="u", offset=8),
                ]
            },
            "overlaps",
        ),
    ],
)
def test_a_manifest_that_breaks_a_law_is_refused(change: dict[str, Any], found: str) -> None:
    with pytest.raises(Damaged, match=found):
        Manifest.decode(encode(simple(**change)))


@pytest.mark.parametrize("raw", [[], 1, "text", None])
def test_a_manifest_that_is_no_object_is_refused(raw: object) -> None:
    with pytest.raises(Damaged, match="expected an object"):
        Manifest.decode(encode(raw))


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(ITEM_SIZES)), st.lists(st.integers(0, 5), max_size=3)),
        max_size=5,
    )
)
def test_tensors_side_by_side_are_accepted(wanted: list[tuple[str, list[int]]]) -> None:
    tensors, offset = [], 0
    for index, (dtype, shape) in enumerate(wanted):
        size = ITEM_SIZES[dtype]
        for dimension in shape:
            size *= dimension
        where: dict[str, Any] = {
            "path": str(index),
            "member": "a.bin",
            "offset": offset,
            "size": size,
        }
        tensors.append(Tensor(**where, dtype=dtype, shape=tuple(shape)))
        offset += size
    member = Member(path="a.bin", size=offset, sha256="0" * 64)
    built = manifests.build(**{**simple(), "members": (member,), "tensors": tuple(tensors)})
    assert Manifest.decode(built.encode()).tensors == tuple(tensors)


def test_parts_nested_too_deep_are_refused() -> None:
    part: dict[str, Any] = {
        key: simple()[key] for key in ("adapter", "payload_version", "distribution", "type", "kind")
    }
    raw = simple()
    for _ in range(manifests.MAX_PART_DEPTH + 1):
        part = {**part, "parts": {"p": part}}
    with pytest.raises(Damaged, match="nested deeper than 16 levels"):
        Manifest.decode(encode({**raw, "parts": {"p": part}}))


def test_values_are_frozen() -> None:
    manifest = Manifest.decode(encode(simple()))
    with pytest.raises(AttributeError, match="immutable type"):
        manifest.adapter = "other"  # type: ignore[misc]


def test_what_no_manifest_can_hold_is_refused_when_building() -> None:
    with pytest.raises(Unwritable, match="payload_version"):
        manifests.build(**{**simple(), "payload_version": 0})
    with pytest.raises(Unwritable, match="Encoding objects of type object"):
        manifests.build(**{**simple(), "environment": {"torch": object()}})


def test_a_tensor_may_not_point_into_a_part() -> None:
    part = {key: simple()[key] for key in PART}
    inner = {"path": "parts/p/w", "size": 16, "sha256": "0" * 64}
    raw = simple(members=[inner], parts={"p": part}, tensors=[tensor(member="parts/p/w")])
    with pytest.raises(Damaged, match="which is no member"):
        Manifest.decode(encode(raw))


def test_a_manifest_hashes_like_it_compares() -> None:
    assert len({Manifest.decode(encode(simple())), Manifest.decode(encode(simple()))}) == 1
