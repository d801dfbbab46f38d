"""A refusal imports nothing, opens nothing and runs nothing: seen by the interpreter's own hook."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import bundlekit
from bundlekit.errors import Damaged, MissingCustomObjects, NotRestorable, Refused
from tests.keras_adapter.test_v3 import rewritten, with_config

if TYPE_CHECKING:
    from pathlib import Path

READER = """
import json, os, sys
from pathlib import Path
import bundlekit, encodings.idna
folder, results = Path(sys.argv[1]), {}
EXPECTED = {"open", "exec", "import", "compile", "marshal.loads", "pickle.find_class"}
events, armed = [], False

def hook(event, args):
    family = event.split(".")[0]
    if armed and (event in EXPECTED or family in {"socket", "subprocess", "shutil", "tempfile"}
                  or event in {"os.system", "os.exec", "os.remove", "os.rename", "os.mkdir"}):
        events.append([event, str(args[0]) if args else ""])

def tried(path):
    found = {}
    for verb in (bundlekit.unbundle, bundlekit.verify, bundlekit.inspect, needs):
        try:
            verb(path)
            found[verb.__name__] = "passed"
        except bundlekit.BundleError as error:
            found[verb.__name__] = type(error).__name__
    return found

def needs(path):
    return bundlekit.Bundle(path).needs

paths = sorted(folder.glob("*.bundle"))
for path in paths:  # what our own code imports, it has now
    tried(path)
before = set(sys.modules)
sys.addaudithook(hook)
for path in paths:
    armed = True
    found = tried(path)
    armed = False
    others = [event for event in events if event != ["open", str(path)]]
    results[path.stem] = [found, others, sorted(set(sys.modules) - before)]
    events.clear()
print(json.dumps([results, "keras" in sys.modules, "MARK" in os.environ]))
"""
MARKER = "import os\nos.environ['MARK'] = 'imported'\nclass Own: pass\ndef own(x): return x\n"


def node(name: str, module: str | None, config: Any = None, **more: Any) -> dict[str, Any]:
    return {"class_name": name, "module": module, "config": config or {}, **more}


def function(name: str, module: str) -> dict[str, Any]:
    return node("function", module, name, registered_name="function")


HOSTILE: dict[str, tuple[str, Any]] = {
    "own_class": ("MissingCustomObjects", node("Own", "marked")),
    "own_function": ("MissingCustomObjects", function("own", "marked")),
    "registered": ("MissingCustomObjects", node("Own", "marked", registered_name="acme>Own")),
    "keras_hub": ("MissingCustomObjects", node("Own", "keras_hub.layers")),
    "a_module_of_keras": ("Refused", node("PyDataset", "keras.src.trainers.data_adapters")),
    "get_file": ("Refused", function("get_file", "keras.utils")),
    "saved_model": ("Refused", node("TFSMLayer", "keras.layers", {"filepath": "/etc"})),
    "lambda": ("Refused", node("__lambda__", None, {"value": ["4w==", None, None]})),
    "words": ("Refused", node("StringLookup", "keras.layers", {"vocabulary": "/etc/passwd"})),
    "no_module": ("MissingCustomObjects", {"class_name": "Lambda", "config": {}}),
    "no_config": ("Damaged", {**node("Own", "marked"), "config": None}),
    "a_constant": ("Refused", node("__numpy__", "marked", {"value": 1, "dtype": "int8"})),
    "system": ("MissingCustomObjects", function("system", "os")),
}


class Bomb:
    """A pickle that leaves a mark when it is read."""

    def __reduce__(self) -> Any:
        return os.putenv, ("MARK", "run")


@pytest.fixture(scope="module")
def data(trained: tuple[Any, Any]) -> bytes:
    return bundlekit.dumps(trained[0])


@pytest.fixture(scope="module")
def carrying(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Bundle a model with code by value, whose pickle leaves a mark instead."""
    import keras

    class Own(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    bundled = bundlekit.dumps(keras.Sequential([keras.Input((2,)), Own(name="own")]))
    return rewritten(bundled, "code/objects.pickle", pickle.dumps({"0.Own": Bomb()}))


def in_place(node: Any) -> dict[str, Any]:
    return {"compile_config": {"optimizer": "sgd", "loss": [{"deep": node}]}}


def run(*arguments: Any, **environment: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_refusing_imports_opens_and_runs_nothing(
    data: bytes, carrying: bytes, tmp_path: Path
) -> None:
    for name, (_, hostile) in HOSTILE.items():
        (tmp_path / f"{name}.bundle").write_bytes(with_config(data, in_place(hostile)))
    (tmp_path / "by_value.bundle").write_bytes(carrying)
    (tmp_path / "marked.py").write_text(MARKER)
    results, keras, marked = run(READER, tmp_path, PYTHONPATH=str(tmp_path))
    expected = {name: error for name, (error, _) in HOSTILE.items()}
    expected["by_value"] = "MissingCustomObjects"
    assert {name: found["unbundle"] for name, (found, _, _) in results.items()} == expected
    for name, (found, events, modules) in results.items():
        assert events == [], name
        assert modules == [], name
        assert found["inspect"] == "passed"
        for verb in ("verify", "needs"):
            passes = expected[name] == "MissingCustomObjects" or name == "lambda"
            assert found[verb] == ("passed" if passes else expected[name]), name
    assert not keras, "not even the framework is imported before all is found"
    assert not marked


def test_the_marks_of_this_test_do_show_when_trusted(
    data: bytes, carrying: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "marked.py").write_text(MARKER)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("MARK", raising=False)
    with pytest.raises(NotRestorable, match="could not rebuild"):
        bundlekit.unbundle(with_config(data, in_place(HOSTILE["own_class"][1])), trust=["marked"])
    assert os.environ.pop("MARK") == "imported"
    seen: list[str] = []
    monkeypatch.setattr(os, "putenv", lambda *pair: seen.append(pair[0]))
    with pytest.raises(MissingCustomObjects, match="its code is in the artifact, and not trusted"):
        bundlekit.unbundle(carrying, trust=["tests", "os", "posix"])
    assert seen == []


def test_a_manifest_that_hides_or_invents_a_need_changes_nothing(
    carrying: bytes, data: bytes
) -> None:
    from bundlekit import manifest as manifests

    bundled = bundlekit.Bundle(carrying)
    fields = {name: getattr(bundled.manifest, name) for name in bundled.manifest.__struct_fields__}
    with pytest.raises(Damaged, match="holds code that no custom object of the manifest travels"):
        bundlekit.verify(with_manifest(carrying, {**fields, "custom_objects": ()}))
    invented = manifests.build(**fields).custom_objects
    honest = bundlekit.Bundle(data).manifest
    fields = {name: getattr(honest, name) for name in honest.__struct_fields__}
    with pytest.raises(Damaged, match="travel by value, and there is no code/objects.pickle"):
        bundlekit.verify(with_manifest(data, {**fields, "custom_objects": invented}))
    anonymous = with_config(data, in_place(node("function", None, "enable_unsafe_deserialization")))
    for module in ("keras", "keras.config", "keras.src.saving.serialization_lib"):
        laundered = {
            "name": "enable_unsafe_deserialization",
            "module": module,
            "qualname": "enable_unsafe_deserialization",
            "where": ["compile_config.loss[0].deep"],
        }
        changed = with_manifest(anonymous, {**fields, "custom_objects": [laundered]})
        for verb in (bundlekit.verify, bundlekit.unbundle):
            with pytest.raises(Refused, match=rf"names {module}\.enable_unsafe.* no trust allows"):
                verb(changed)
        with pytest.raises(Refused, match="no trust allows"):
            bundlekit.unbundle(changed, trust=["keras", module])
    by_reference = [{"name": "Own", "module": "marked", "where": ["config.layers[0]"]}]
    with pytest.raises(Damaged, match="the manifest declares Own from marked at config.layers"):
        bundlekit.verify(with_manifest(data, {**fields, "custom_objects": by_reference}))


def with_manifest(data: bytes, fields: dict[str, Any]) -> bytes:
    import io

    from bundlekit import manifest as manifests
    from bundlekit.writing import Content, write

    bundled = bundlekit.Bundle(data)
    contents = {path: Content(bundled.read(path), path.endswith(".h5")) for path in bundled.members}
    file = io.BytesIO()
    write(file, contents, lambda members: manifests.build(**{**fields, "members": members}))
    return file.getvalue()


def test_the_caller_cannot_allow_what_nobody_may(data: bytes) -> None:
    from keras.utils import get_file

    changed = with_config(data, in_place(HOSTILE["get_file"][1]))
    for allowed in (
        {"custom_objects": {"get_file": get_file}},
        {"trust": ["keras", "keras.utils:get_file"]},
        {"trust": bundlekit.Trust(imports=["keras"], code=True)},
    ):
        with pytest.raises(Refused, match=r"names keras\.utils\.get_file at compile_config\.loss"):
            bundlekit.unbundle(changed, **allowed)


def test_the_command_line_shows_needs_and_sources_and_imports_nothing(
    carrying: bytes, data: bytes, tmp_path: Path
) -> None:
    from bundlekit.cli.inspect import command

    (tmp_path / "own.bundle").write_bytes(carrying)
    shown = CliRunner().invoke(command, [str(tmp_path / "own.bundle")]).output
    assert "needs" in shown
    assert "Own, layer from" in shown
    assert "by value" in shown
    assert "custom_objects={…}\n" in shown
    assert " or trust=Trust(code=True)\n" in shown
    source = CliRunner().invoke(command, ["--source", str(tmp_path / "own.bundle")]).output
    assert source.startswith("# code/0.Own.py\nclass Own(keras.layers.Layer):\n    def call")
    assert "What runs, if you trust it, is code/objects.pickle" in source
    (tmp_path / "plain.bundle").write_bytes(data)
    plain = CliRunner().invoke(command, ["--source", str(tmp_path / "plain.bundle")]).output
    assert plain == "no code travels in this bundle\n"
    for arguments in (["own.bundle"], ["--source", "own.bundle"]):
        code = (
            "import sys; from bundlekit.cli.inspect import command\n"
            f"command.main({arguments!r}, standalone_mode=False)\n"
            "assert not {'keras', 'numpy', 'cloudpickle'} & set(sys.modules); print('[]')"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert "Own" in done.stdout


@pytest.mark.parametrize(
    "constant",
    ["__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"],
)
def test_a_constant_of_a_module_is_no_way_to_import_one(
    constant: str, data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    class OwnPolicy(keras.dtype_policies.DTypePolicy):
        pass

    (tmp_path / "marked.py").write_text(MARKER)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("MARK", raising=False)
    policy = node("OwnPolicy", None, {"name": "float32"}, registered_name="OwnPolicy")
    for more in ({"module": "marked"}, {"registered_name": "acme>Own"}):
        hidden = {"class_name": constant, "config": {"dtype": policy}, **more}
        changed = with_config(data, in_place(hidden))
        with pytest.raises(Refused, match=f"is the constant {constant}, and claims to be of"):
            bundlekit.unbundle(changed, custom_objects={"OwnPolicy": OwnPolicy})
        with pytest.raises(Refused, match=f"is the constant {constant}, and claims to be of"):
            bundlekit.verify(changed)
    assert "MARK" not in os.environ


def test_a_capability_that_the_config_does_not_have_is_damage(data: bytes) -> None:
    honest = bundlekit.Bundle(data).manifest
    fields = {name: getattr(honest, name) for name in honest.__struct_fields__}
    assert "resume" in honest.capabilities
    changed = with_config(data, {"compile_config": None})
    with pytest.raises(Damaged, match="can resume its training, and its config holds no optimizer"):
        bundlekit.unbundle(with_manifest(changed, fields))


def test_source_that_would_drive_a_terminal_is_written_out(carrying: bytes, tmp_path: Path) -> None:
    from bundlekit.cli.inspect import command

    changed = rewritten(carrying, "code/0.Own.py", b"x = 1 # \x1b[2J\n")
    (tmp_path / "own.bundle").write_bytes(changed)
    shown = CliRunner().invoke(command, ["--source", str(tmp_path / "own.bundle")]).output
    assert "x = 1 # \\x1b[2J" in shown
