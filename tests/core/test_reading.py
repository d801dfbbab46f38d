"""`unbundle` of an object that is made of tensors: what is checked, when, and what is given."""

from __future__ import annotations

import os
from collections import UserDict
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from click.testing import CliRunner

import bundlekit
from bundlekit.artifact import Artifact
from bundlekit.cli.verify import command
from bundlekit.digests import CHUNK_SIZE, PLAIN_SIZE
from bundlekit.errors import Damaged, UnknownOption, UnsupportedSource
from bundlekit.source import opened

if TYPE_CHECKING:
    from pathlib import Path

    from bundlekit.adapter import Pieces, Tensor

SIZES = {"a": 1000, "b": PLAIN_SIZE + 5, "c": CHUNK_SIZE}


pytestmark = pytest.mark.usefixtures("arrays")


@pytest.fixture
def model() -> UserDict[str, bytes]:
    return UserDict({name: os.urandom(size) for name, size in SIZES.items()})


@pytest.fixture
def path(model: UserDict[str, bytes], tmp_path: Path) -> Path:
    bundlekit.dump(model, tmp_path / "it")
    return tmp_path / "it"


def change(path: Path, tensor: str) -> None:
    """Change the last byte of a tensor in the file."""
    with opened(path) as source:
        artifact = Artifact(source)
        found = next(t for t in artifact.manifest.tensors if t.path == tensor)
        place = artifact.entry(found.member).data + found.offset + found.size - 1
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1]))


def test_every_way_gives_the_same(model: UserDict[str, bytes], path: Path) -> None:
    for options in ({}, {"verify": "lazy"}, {"alias": True}, {"alias": True, "verify": "lazy"}):
        assert bundlekit.load(path, **options) == model
    assert bundlekit.loads(bundlekit.dumps(model), verify="lazy") == model


@pytest.mark.parametrize("options", [{}, {"alias": True}])
@pytest.mark.parametrize("tensor", SIZES)
def test_damage_is_found(path: Path, tensor: str, options: dict[str, Any]) -> None:
    change(path, tensor)
    with pytest.raises(Damaged, match=r"'arrays\.bin' has in its bytes"):
        bundlekit.load(path, **options)


def test_damage_is_found_in_what_the_adapter_does_not_ask_for(path: Path) -> None:
    change(path, "c")
    assert set(bundlekit.load(path, parts=["a"])) == {"a"}
    with pytest.raises(Damaged, match=r"'arrays\.bin' has in its bytes"):
        bundlekit.load(path, parts=["c"])


def test_damage_is_the_cause_where_the_framework_fails_as_well(path: Path) -> None:
    with pytest.raises(ValueError, match="the framework has failed"):
        bundlekit.load(path, fail=True)
    change(path, "c")
    with pytest.raises(Damaged, match=r"'arrays\.bin' has in its bytes"):
        bundlekit.load(path, fail=True)


def test_lazy_leaves_the_bytes_of_tensors_unchecked_and_nothing_else(
    path: Path, model: UserDict[str, bytes]
) -> None:
    change(path, "a")
    assert bundlekit.load(path, verify="lazy") != model
    data = path.read_bytes()
    path.write_bytes(data.replace(b'["a","b","c"]', b'["a","b","d"]'))
    with pytest.raises(Damaged, match=r"'names\.json' has the sha256"):
        bundlekit.load(path, verify="lazy")


@pytest.mark.parametrize("options", [{}, {"alias": True}, {"verify": "lazy", "alias": True}])
def test_what_is_written_to_tensors_does_not_reach_the_file(
    path: Path, options: dict[str, Any]
) -> None:
    before = path.read_bytes()
    found = bundlekit.load(path, **options)
    for view in found.values():
        view[:] = bytes(len(view))
    assert path.read_bytes() == before
    assert set(map(bytes, found.values())) == set(map(bytes, SIZES.values()))


def test_an_alias_is_a_view_of_the_file(path: Path) -> None:
    found, copied = bundlekit.load(path, alias=True), bundlekit.load(path)
    last = bytes(found["c"][-1:])
    change(path, "c")
    assert bytes(found["c"][-1:]) != last == bytes(copied["c"][-1:])


def test_an_alias_in_a_file_that_is_not_aligned_is_a_copy(
    path: Path, model: UserDict[str, bytes]
) -> None:
    data = path.read_bytes()
    path.write_bytes(b"before" + data)
    with path.open("rb") as file:
        file.seek(6)
        assert bundlekit.load(file, alias=True) == model


def test_memory_has_no_alias(model: UserDict[str, bytes]) -> None:
    import io

    bundle = bundlekit.bundle(model)
    for source in (bundle, bytes(bundle), io.BytesIO(bytes(bundle))):
        with pytest.raises(UnsupportedSource, match="give a path, or leave alias= out"):
            bundlekit.unbundle(source, alias=True)


@pytest.mark.parametrize("verify", [True, False, None, "none", 0, ["full"]])
def test_another_value_of_verify_is_refused(verify: Any) -> None:
    with pytest.raises(UnknownOption, match="give 'full', or 'lazy'") as refusal:
        bundlekit.load("no such file", verify=verify)
    assert ("a yes or no does not say" in str(refusal.value)) == isinstance(verify, bool)
    assert isinstance(refusal.value, TypeError)


def test_another_value_of_alias_is_refused() -> None:
    with pytest.raises(UnknownOption, match="alias=1 is not known; expected True or False"):
        bundlekit.load("no such file", alias=1)  # type: ignore[arg-type]


def test_deep_compares_the_index_with_the_members(
    path: Path, model: UserDict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bundlekit.verify(path).compared == ()
    assert bundlekit.verify(path, deep=True).compared == ("arrays",)
    shown = CliRunner().invoke(command, [str(path), "--deep"]).output
    assert "index and members agree, by arrays" in shown

    from arrays_bundle import ArraysAdapter  # type: ignore[import-not-found]

    pack = ArraysAdapter.pack
    monkeypatch.setattr(
        ArraysAdapter,
        "pack",
        lambda self, obj, out, options: pack(
            self, {name: value[:-1] for name, value in obj.items()}, _Shifted(out), options
        ),
    )
    bundlekit.dump(model, path, overwrite=True)
    bundlekit.verify(path)
    with pytest.raises(Damaged, match="does not end where the index says"):
        bundlekit.verify(path, deep=True)


class _Shifted:
    """Writes an index that is off by one."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self.add_json = out.add_json

    def add(self, path: str, data: Pieces, *, tensors: list[Tensor]) -> None:
        moved = [msgspec.structs.replace(one, offset=one.offset - 1) for one in tensors]
        self._out.add(path, data, tensors=moved)


def test_where_no_adapter_can_compare_there_is_nothing_to_say(half: bundlekit.Bundle) -> None:
    assert bundlekit.verify(half, deep=True).compared == ()
