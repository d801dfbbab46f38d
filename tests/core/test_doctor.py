"""What `bundlekit doctor` says of small artifacts, here and in an interpreter with nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

import bundlekit
from bundlekit import manifest
from bundlekit.need import Need
from bundlekit.writing import Content, write

ROOT = Path(__file__).parents[2]
PLACE = ("config.layers[0]",)
SCALE = Need(
    name="acme>Scale",
    class_name="Scale",
    kind="layer",
    module="acme.layers",
    qualname="Scale",
    where=PLACE,
)
CODE = msgspec.structs.replace(SCALE, name="Scale", module="__main__", code="0.Scale")


def keras_bundle(
    path: Path,
    *needs: Need,
    environment: dict[str, str] | None = None,
    version: str = "3.15.0",
) -> Path:
    """Write an artifact of the adapter `keras` without Keras: the doctor reads no weights."""
    layers: list[dict[str, Any]] = [
        {
            "module": need.module,
            "class_name": need.class_name,
            "config": {},
            "registered_name": need.name,
        }
        for need in needs
    ]
    config = {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "m", "layers": layers},
        "registered_name": None,
    }
    contents = {
        "config.json": Content(json.dumps(config).encode()),
        "metadata.json": Content(json.dumps({"keras_version": version}).encode()),
        "model.weights.h5": Content(b"nobody reads this", tensors=True),
    }
    if any(need.code for need in needs):
        contents["code/objects.pickle"] = Content(b"nobody runs this")
    recorded = {"bundlekit": bundlekit.__version__, "python": "3.11.0", "keras": "3.15.1"}
    recorded |= {"backend": "tensorflow", "tensorflow": "2.21.0", "numpy": "2.3.4"}
    fields = {
        "adapter": "keras",
        "payload_version": 1,
        "distribution": "bundlekit",
        "type": "keras.Sequential",
        "kind": "model",
        "custom_objects": needs,
        "environment": {**recorded, **(environment or {})},
    }
    with path.open("wb") as file:
        write(file, contents, lambda members: manifest.build(**fields, members=members))
    return path


def doctor(
    file: Path,
    *arguments: str,
    code: int,
    folders: tuple[Path | str, ...] = (),
    bare: bool = False,
    backend: str = "tensorflow",
) -> str:
    """Run the doctor in a process that finds its packages in these folders besides its own."""
    program = (
        f"import sys; sys.path[:0] = {[str(folder) for folder in folders]!r}\n"
        "from bundlekit.cli import main\n"
        "import atexit; atexit.register(lambda: print(sorted("
        "{'numpy', 'keras', 'tensorflow', 'acme'} & {*sys.modules}), file=sys.stderr))\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, *(["-S"] if bare else []), "-c", program, "doctor", file, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"KERAS_BACKEND": backend, "KERAS_HOME": "/nonexistent"},
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr == "[]\n"  # it imported neither frameworks nor the user's modules
    return done.stdout


@pytest.fixture
def bare(tmp_path: Path) -> tuple[Path | str, ...]:
    """Give a folder with what bundlekit itself takes, and no framework; and bundlekit."""
    site = Path(msgspec.__file__).parents[1]
    folder = tmp_path / "bare"
    folder.mkdir()
    for name in ("bundlekit", "click", "msgspec"):
        for found in [*site.glob(name), *site.glob(f"{name}-*.dist-info")]:
            (folder / found.name).symlink_to(found)
    return folder, ROOT, ROOT / "adapters"


@pytest.fixture
def acme_package(tmp_path: Path) -> Path:
    (tmp_path / "site" / "acme").mkdir(parents=True)
    (tmp_path / "site" / "acme" / "__init__.py").write_text("raise SystemExit('imported')")
    return tmp_path / "site"


def rows(shown: str) -> dict[str, list[str]]:
    """Split the table into words by label; what goes on below a label is left out."""
    return {words[0]: words[1:] for line in shown.splitlines() if (words := line.split())}


def test_where_nothing_is_missing_it_says_so(tmp_path: Path) -> None:
    shown = doctor(keras_bundle(tmp_path / "model.bundle"), code=0)
    assert "nothing is missing" in shown
    assert "can be restored here" in shown
    assert rows(shown)["keras"][0] == "3.15.1"


def test_where_all_is_missing_one_line_installs_it(
    tmp_path: Path, bare: tuple[Path | str, ...]
) -> None:
    file = keras_bundle(tmp_path / "model.bundle")
    shown = doctor(file, code=1, folders=bare, bare=True)
    for name, recorded in (("keras", "3.15.1"), ("tensorflow", "2.21.0"), ("h5py", "-")):
        assert rows(shown)[name] == [recorded, "-", "missing", "needed,", "not", "installed"]
    assert (
        "pip install 'bundlekit[tensorflow]' 'keras~=3.15' 'tensorflow~=2.21' 'numpy~=2.3'\n"
    ) in shown
    assert "cannot be restored here" in shown


def test_the_backend_that_is_needed_is_that_of_this_environment(
    tmp_path: Path, bare: tuple[Path | str, ...]
) -> None:
    file = keras_bundle(tmp_path / "model.bundle")
    shown = doctor(file, code=1, folders=bare, bare=True, backend="jax")
    assert rows(shown)["backend"] == [
        "tensorflow",
        "jax",
        "not",
        "compared",
        "may",
        "be",
        "another",
    ]
    assert rows(shown)["tensorflow"][2:] == ["missing", "not", "needed", "here"]
    assert "pip install 'bundlekit[keras]' 'keras~=3.15' 'jax' 'numpy~=2.3'\n" in shown


def test_what_is_older_here_is_in_the_line_and_no_obstacle(tmp_path: Path) -> None:
    newer = {"keras": "3.999.0", "numpy": "99.1", "tensorflow": "2.0.0"}
    shown = doctor(keras_bundle(tmp_path / "model.bundle", environment=newer), code=0)
    assert rows(shown)["keras"][2:4] == ["older", "minor"]
    assert rows(shown)["numpy"][2:4] == ["other", "major"]
    assert rows(shown)["tensorflow"][2:4] == ["newer", "minor"]
    assert "pip install 'keras~=3.999' 'numpy~=99.1'\n" in shown


def test_a_keras_that_is_too_old_is_an_obstacle(tmp_path: Path) -> None:
    info = tmp_path / "old" / "keras-3.5.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Name: keras\nVersion: 3.5.0\n")
    file = keras_bundle(tmp_path / "model.bundle")
    shown = doctor(file, code=1, folders=(tmp_path / "old",))
    assert "3.6 or later is needed" in shown
    assert "pip install 'keras~=3.15'\n" in shown


def test_a_package_of_the_users_that_is_here_only_takes_trust(
    tmp_path: Path, acme_package: Path
) -> None:
    file = keras_bundle(tmp_path / "model.bundle", SCALE)
    shown = doctor(file, code=0, folders=(acme_package,))
    assert "Scale, layer from acme.layers:Scale: is imported if it is trusted" in shown
    assert 'trust=["acme.layers:Scale"]' in shown


def test_a_package_of_the_users_that_is_not_here_has_to_be_given(tmp_path: Path) -> None:
    shown = doctor(keras_bundle(tmp_path / "model.bundle", SCALE), code=1)
    assert "no package acme is found here" in shown
    assert 'custom_objects={"Scale": …}' in shown
    assert "trust=" not in shown
    assert "nothing is missing" not in shown


def test_code_by_value_runs_on_the_python_that_wrote_it(tmp_path: Path) -> None:
    here = f"{sys.version_info[0]}.{sys.version_info[1]}.99"
    file = keras_bundle(tmp_path / "model.bundle", CODE, environment={"python": here})
    shown = doctor(file, code=0)
    assert "is run from the artifact if it is trusted" in shown
    assert "trust=Trust(code=True)" in shown
    assert "cloudpickle" in rows(shown)
    keras_bundle(file, CODE, environment={"python": "3.99.1"})
    shown = doctor(file, code=1)
    assert f"its code is for Python 3.99.1, and this is {sys.version_info[0]}." in shown
    assert rows(shown)["python"][2:4] == ["older", "minor"]


def test_what_a_newer_major_of_keras_wrote_is_refused_in_its_row(tmp_path: Path) -> None:
    newer = {"keras": "4.0.1"}
    file = keras_bundle(tmp_path / "model.bundle", environment=newer, version="4.0.1")
    shown = doctor(file, code=1)
    assert rows(shown)["keras"][2:4] == ["other", "major"]
    assert "was written by Keras 4.0.1; this bundlekit reads files of Keras up to 3" in shown


def test_an_adapter_that_is_missing_is_named_with_its_distribution(
    half: bundlekit.Bundle, tmp_path: Path
) -> None:
    half.save(tmp_path / "half.bundle")
    shown = doctor(tmp_path / "half.bundle", code=1)
    assert "no installed adapter is called 'fraction'" in shown
    assert "pip install acme-bundle" in shown
    assert "nothing is missing" not in shown
    assert rows(shown)["fractions"][1:] == ["-", "missing", "not", "needed", "here"]


def test_what_others_wrote_is_taken_as_well(tmp_path: Path) -> None:
    file = tmp_path / "model.json"
    config = {"name": "m", "layers": []}
    said = {"class_name": "Sequential", "config": config, "keras_version": "2.12.0"}
    file.write_text(json.dumps({**said, "backend": "tensorflow"}))
    shown = doctor(file, code=0)
    assert rows(shown)["keras"][2:4] == ["other", "major"]
    assert "nothing is missing" in shown


def test_json_is_for_tools(tmp_path: Path, bare: tuple[Path | str, ...]) -> None:
    file = keras_bundle(tmp_path / "model.bundle", SCALE)
    shown: Any = json.loads(doctor(file, "--json", code=1, folders=bare, bare=True))
    assert shown["restorable"] is False
    keras = {"name": "keras", "recorded": "3.15.1", "here": None}
    assert {**keras, "grade": "missing", "needed": True} in shown["components"]
    assert shown["custom_objects"] == ["Scale"]
    assert shown["install"].startswith("pip install 'bundlekit[tensorflow]' 'keras~=3.15'")


def test_restoring_without_h5py_says_what_to_install(
    tmp_path: Path, bare: tuple[Path | str, ...]
) -> None:
    file = keras_bundle(tmp_path / "model.bundle")
    code = f"import sys; sys.path[:0] = {[str(folder) for folder in bare]!r}\nimport bundlekit\n"
    code += (
        f"try: bundlekit.load({str(file)!r})\n"
        "except bundlekit.FrameworkMissing as error: print(error.framework, error)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("h5py model.weights.h5 is an HDF5 file, which takes h5py to read")
    assert "pip install 'bundlekit[keras]'" in done.stdout
