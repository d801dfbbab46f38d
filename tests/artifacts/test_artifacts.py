"""The archive of recorded files is what its README says, packed the same at every time."""

from __future__ import annotations

import ast
import io
import json
import lzma
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.artifacts.keras_files import ARCHIVE, SCRIPT, packed

if TYPE_CHECKING:
    from pathlib import Path

README = ARCHIVE.with_name("README.md").read_text("utf-8")
MAX_SIZE = 3_000_000


def test_packing_what_was_unpacked_gives_the_same_bytes(keras_files: Path) -> None:
    assert packed(keras_files) == lzma.decompress(ARCHIVE.read_bytes())
    assert ARCHIVE.stat().st_size < MAX_SIZE


def test_what_is_packed_does_not_depend_on_times_and_modes(tmp_path: Path) -> None:
    seen = []
    for name, mode in (("one", 0o600), ("two", 0o644)):
        file = tmp_path / name / "writer" / "model" / "file"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"content")
        file.chmod(mode)
        seen.append(packed(tmp_path / name))
    assert seen[0] == seen[1]
    with tarfile.open(fileobj=io.BytesIO(seen[0])) as archive:
        assert archive.getnames() == ["writer", "writer/model", "writer/model/file"]


def test_every_format_that_is_recorded_is_there(keras_files: Path) -> None:
    for path in keras_files.glob("*/*/meta.json"):
        for file in json.loads(path.read_text("utf-8"))["formats"].values():
            prefix = path.parent / file
            assert list(prefix.parent.glob(f"{prefix.name}*")), prefix


@pytest.mark.parametrize("part", ["keras", "tensorflow", "python", "numpy", "h5py"])
def test_the_readme_says_what_wrote_the_files(part: str, keras_files: Path) -> None:
    for path in keras_files.glob("*/*/meta.json"):
        meta = json.loads(path.read_text("utf-8"))
        row = next(line for line in README.splitlines() if line.startswith(f"| {path.parts[-3]} |"))
        assert meta["writer"][part] in row
        assert f"`{meta['model']}`" in README


def test_the_script_that_wrote_them_has_all_models(keras_files: Path) -> None:
    tree = ast.parse(SCRIPT.read_text("utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {path.parent.name for path in keras_files.glob("*/*/meta.json")} <= names
