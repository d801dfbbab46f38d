"""Objects of every kind, from everywhere, by every route, through fresh processes.

One process makes the models and bundles them, and its sources are deleted. One reader has nothing
and trusts code; one finds the package installed, and is told to trust it; one tries each way of
finding the objects of one model.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.keras_adapter.custom.cases import KINDS, LAMBDAS, PLACES, ROUTES

HERE = Path(__file__).with_name("custom")
WANTED = os.environ.get("BUNDLEKIT_TEST_CUSTOM", "").split()


def chosen(*names: str) -> list[str]:
    return [name for name in names if not WANTED or name in WANTED]


def run(folder: Path, *arguments: str | Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, check=True)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Write once, delete the sources, and read in three processes."""
    folder = tmp_path_factory.mktemp("custom")
    out, site, source, reader = (folder / name for name in ("out", "site", "source", "reader"))
    for target, *names in (
        (source, "writer.py", "cases.py", "acme_shapes"),
        (reader, "reader.py", "cases.py"),
        (site, "acme_shapes"),
    ):
        target.mkdir()
        for name in names:
            found = HERE / name
            copy = shutil.copytree if found.is_dir() else shutil.copy
            copy(found, target / name)
    out.mkdir()
    run(folder, "-W", "error::UserWarning", source / "writer.py", out)
    shutil.rmtree(source)
    for mode in ("value", "reference", "routes"):
        run(folder, reader / "reader.py", mode, out, site)
    return {path.stem: json.loads(path.read_text()) for path in out.glob("*.json")}


@pytest.mark.parametrize("name", chosen(*KINDS, *PLACES, *LAMBDAS))
def test_it_is_written_in_the_same_bytes_and_known_in_its_own_process(
    name: str, results: dict[str, Any]
) -> None:
    assert results["written"][name] == "ok", results["written"][name]


@pytest.mark.parametrize("name", chosen(*KINDS))
def test_it_comes_back_by_reference(name: str, results: dict[str, Any]) -> None:
    assert results["reference"][name] == "ok", results["reference"][name]


@pytest.mark.parametrize("name", chosen(*KINDS, *PLACES, *LAMBDAS))
def test_it_comes_back_by_value(name: str, results: dict[str, Any]) -> None:
    assert results["value"][name] == "ok", results["value"][name]


@pytest.mark.parametrize("route", ROUTES)
def test_its_objects_are_found(route: str, results: dict[str, Any]) -> None:
    assert results["routes"][route] == "ok", results["routes"][route]
