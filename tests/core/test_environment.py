from __future__ import annotations

import io
import sys
import warnings
from fractions import Fraction
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

import bundlekit
from bundlekit import BundleWarning, here, manifest
from bundlekit.environment import Component, mismatches, needed, not_needed
from bundlekit.install_line import install_line
from bundlekit.writing import Content, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CAREFUL = """
from acme_bundle import FractionAdapter

class CarefulAdapter(FractionAdapter):
    name = "careful"
    default = False

    def requires(self, payload):
        return ("numpy>=1.0", "h5py", "backend", "acme_nowhere")
"""


def written_in(data: bytes, **recorded: str | None) -> bytes:
    """Say in the manifest that an artifact was written in another environment."""
    bundled = bundlekit.Bundle(data)
    contents = {
        name: Content(bundled.read(name), name.endswith((".h5", ".bin")))
        for name in bundled.members
    }
    fields = {name: getattr(bundled.manifest, name) for name in bundled.manifest.__struct_fields__}
    merged = {**bundled.manifest.environment, **recorded}
    fields["environment"] = {name: version for name, version in merged.items() if version}
    file = io.BytesIO()
    write(file, contents, lambda members: manifest.build(**{**fields, "members": members}))
    return file.getvalue()


def said(data: bytes, **options: Any) -> list[str]:
    """Restore an artifact, and give what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bundlekit.unbundle(data, **options)
    return [str(one.message) for one in caught if one.category is BundleWarning]


@pytest.fixture
def careful(acme: Path, install: Callable[..., Path]) -> bytes:
    points = {"careful": "careful_bundle:CarefulAdapter"}
    install("careful-bundle", "careful_bundle", CAREFUL, points, version="2.3")
    return bundlekit.dumps(Fraction(1, 2), "careful")


@pytest.mark.parametrize(
    ("recorded", "here", "grade", "older"),
    [
        ("3.15.1", "3.15.1", "same", False),
        ("3.15.1", "3.15.0", "same", False),
        ("2.5.1+cpu", "2.5.0+cu121", "same", False),
        ("3.15.1", "3.14.9", "older minor", True),
        ("3.9.0", "3.15.0", "newer minor", False),
        ("3.15.1", "2.99.0", "other major", True),
        ("3.15.1", "4.0.0", "other major", False),
        ("3.15.1", None, "missing", False),
        (None, "3.15.1", "not compared", False),
        ("tensorflow", "jax", "not compared", False),
        ("tensorflow", "tensorflow", "same", False),
    ],
)
def test_what_is_here_is_graded(
    recorded: str | None, here: str | None, grade: str, older: bool
) -> None:
    found = Component(name="keras", recorded=recorded, here=here)
    assert (found.grade.value, found.is_older) == (grade, older)


def test_an_artifact_of_this_environment_says_nothing(careful: bytes) -> None:
    assert said(careful) == []


def test_all_that_is_older_here_is_one_warning_with_both_versions(careful: bytes) -> None:
    import importlib.metadata

    here = {name: importlib.metadata.version(name) for name in ("numpy", "h5py")}
    minor = f"{here['h5py'].partition('.')[0]}.999.7"
    [warning] = said(written_in(careful, numpy="99.1.2", h5py=minor, bundlekit="99.0.0"))
    for name, recorded in (("numpy", "99.1.2"), ("h5py", minor)):
        assert f"{name} {recorded} (here {here[name]})" in warning
    assert f"bundlekit 99.0.0 (here {bundlekit.__version__})" in warning
    assert warning.endswith("pip install 'bundlekit~=99.0' 'numpy~=99.1' 'h5py~=3.999'")


def test_the_warning_points_at_the_line_that_restores(careful: bytes) -> None:
    with pytest.warns(BundleWarning, match=r"numpy 99\.1 \(here ") as caught:
        bundlekit.unbundle(written_in(careful, numpy="99.1"))
    assert [one.filename for one in caught] == [__file__]


def test_an_older_adapter_is_said(careful: bytes) -> None:
    [warning] = said(written_in(careful, **{"careful-bundle": "2.4"}))
    assert "careful-bundle 2.4 (here 2.3)" in warning


def test_what_is_newer_here_is_not_said(careful: bytes) -> None:
    major = needed({}, ["numpy"])[0].here
    assert major is not None
    assert (
        said(written_in(careful, numpy=f"{major.partition('.')[0]}.0.0", bundlekit="0.0.1")) == []
    )


def test_a_newer_major_is_said_unless_it_is_a_reader_or_the_file_was_adopted() -> None:
    recorded = {"numpy": "0.9", "bundlekit": "0.0.1"}
    assert [one.name for one in mismatches(recorded, ["numpy"], ["bundlekit"])] == ["numpy"]
    adopted = {**recorded, "written_by": "Keras 2.12.0"}
    assert mismatches(adopted, ["numpy"], ["bundlekit"]) == ()
    adopted["numpy"] = "99.0"
    assert [one.name for one in mismatches(adopted, ["numpy"], ["bundlekit"])] == ["numpy"]


def test_of_python_only_another_major_is_said(careful: bytes) -> None:
    assert said(written_in(careful, python="3.99.0")) == []
    [warning] = said(written_in(careful, python="2.7.18"))
    assert f"python 2.7.18 (here {sys.version_info[0]}." in warning
    assert "pip" not in warning


def test_what_nobody_requires_is_not_said(half: bundlekit.Bundle, careful: bytes) -> None:
    assert said(written_in(bytes(half), numpy="99.1")) == []
    assert said(written_in(careful, platform="plan9-mips", msgspec="99.0")) == []


def test_what_is_missing_is_left_to_the_adapter(careful: bytes) -> None:
    assert said(written_in(careful, acme_nowhere="1.0")) == []
    assert mismatches({"numpy": "99.0"}, ["numpy>=98.0"]) == ()


def test_another_backend_is_no_fault(careful: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    data = written_in(careful, backend="acme_tensor", acme_tensor="99.0")
    assert said(data) == []
    recorded = bundlekit.inspect(data).environment
    wanted = needed(recorded, ["backend"])
    assert [(one.name, one.is_lacking) for one in wanted] == [("numpy", False)]
    rest = {one.name: one for one in not_needed(recorded, wanted)}
    assert (rest["backend"].recorded, rest["backend"].here) == ("acme_tensor", "numpy")
    assert rest["acme_tensor"].grade.value == "missing"
    assert not rest["acme_tensor"].is_lacking


def test_the_backend_is_that_of_this_process_without_importing_keras(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert here.backend() == "tensorflow"
    for text in ('{"backend": 7}', "[]", "no json"):
        (tmp_path / "keras.json").write_text(text)
        assert here.backend() == "tensorflow"
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    assert here.backend() == "torch"
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / ".keras").mkdir(parents=True)
    (tmp_path / "home" / ".keras" / "keras.json").write_text('{"backend": "openvino"}')
    assert here.backend() == "openvino"
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert here.backend() == "jax"
    assert "keras" not in sys.modules


def test_a_package_under_another_distribution_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "acme_tensor_cpu-2.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: acme-tensor-cpu\nVersion: 2.5\n")
    (info / "top_level.txt").write_text("acme_tensor\n")
    monkeypatch.syspath_prepend(tmp_path)
    [found] = needed({"acme_tensor": "2.7.1"}, ["acme_tensor"])
    assert (found.here, found.grade.value) == ("2.5", "older minor")
    assert found.remedy == "acme-tensor-cpu~=2.7"


def test_a_loaded_module_counts_and_none_of_its_code_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(name: str) -> None:
        raise AssertionError(name)

    module = ModuleType("acme_tensor")
    vars(module)["__version__"] = "4.2"
    monkeypatch.setitem(sys.modules, "acme_tensor", module)
    assert needed({}, ["acme_tensor"])[0].here == "4.2"
    del vars(module)["__version__"]
    vars(module)["__getattr__"] = fail
    assert needed({}, ["acme_tensor"])[0].here is None


@pytest.mark.parametrize("name", ["", "../x", "a b", "x" * 1000, "-", "\x1b"])
def test_a_name_that_no_package_has_is_missing(name: str) -> None:
    [found] = not_needed({name: "1.0"}, [])
    assert (found.grade.value, found.is_lacking) == ("missing", False)


def test_what_to_ask_pip_for() -> None:
    def asked(recorded: str | None, oldest: str = "") -> str:
        return Component(name="keras", recorded=recorded, here=None, oldest=oldest).remedy

    assert asked("3.15.1", "3.6") == "keras~=3.15"
    assert asked("2.12.0", "3.6") == "keras>=3.6"  # adopted: its writer's would not do
    assert asked(None, "3.6") == "keras>=3.6"
    assert asked(None) == "keras"


def test_the_install_line_names_what_is_missing_or_too_old() -> None:
    assert install_line(needed({"numpy": "1.0"}, ["numpy", "h5py"])) is None
    found = needed({"numpy": "99.1", "acme_nowhere": "1.2.3"}, ["numpy", "h5py", "acme_nowhere"])
    assert install_line(found) == "pip install 'numpy~=99.1' 'acme_nowhere~=1.2'"
