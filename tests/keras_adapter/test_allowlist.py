from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from bundlekit_keras import allowlist, nodes
from bundlekit_keras.allowlist import NEWEST, OLDEST, Allowed, allowed

TOOL = Path(__file__).parents[2] / "tools" / "keras_allowlist.py"
DATA = Path(allowlist.__file__).with_name("allowlist.txt")
MINORS = [(3, minor) for minor in range(6, 16)]
RUNS_FOREIGN_CODE = {"TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
REFUSED_NAMESPACES = [
    "_legacy",
    "applications",
    "backend",
    "callbacks",
    "config",
    "datasets",
    "distribution",
    "export",
    "legacy",
    "preprocessing",
    "saving",
    "tree",
    "utils",
    "visualization",
    "wrappers",
    "optimizers.legacy",
]


@pytest.fixture(scope="module")
def tool() -> Any:
    spec = importlib.util.spec_from_file_location("keras_allowlist", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def symbols() -> list[list[str]]:
    lines = DATA.read_text(encoding="utf-8").splitlines()
    return [line.split(" ") for line in lines if not line.startswith("#")]


def everything() -> set[str]:
    return {name for name, _, _ in symbols()}


def installed() -> tuple[int, int]:
    major, minor = metadata.version("keras").split(".")[:2]
    return int(major), int(minor)


def test_the_data_are_sorted_and_name_nothing_twice() -> None:
    pairs = [(name, kind) for name, kind, _ in symbols()]
    assert pairs == sorted(set(pairs))


def test_every_line_is_a_name_a_kind_and_ranges() -> None:
    line = re.compile(
        r"keras(\.\w+)+ (class|function) \d+\.\d+\.\.\d+\.\d+(,\d+\.\d+\.\.\d+\.\d+)*"
    )
    assert [parts for parts in symbols() if not line.fullmatch(" ".join(parts))] == []


def test_the_data_say_which_script_wrote_them() -> None:
    assert "tools/keras_allowlist.py" in DATA.read_text(encoding="utf-8").splitlines()[1]


def test_a_line_that_is_no_symbol_is_an_error() -> None:
    with pytest.raises(ValueError, match="not enough values to unpack"):
        allowlist._symbol("keras.layers.Dense class")


def test_a_symbol_may_have_gaps() -> None:
    symbol = allowlist._symbol("keras.layers.Gone class 3.6..3.7,3.9..3.15")
    assert symbol.ranges == (((3, 6), (3, 7)), ((3, 9), (3, 15)))


def test_the_generator_writes_gaps_and_both_kinds(tool: Any) -> None:
    found: dict[tuple[int, int], dict[str, str]] = {minor: {} for minor in MINORS}
    for minor in (3, 6), (3, 8), (3, 9):
        found[minor] = {"keras.a": "class"}
    found[3, 15] = {"keras.a": "function"}
    assert tool.lines(found) == [
        "keras.a class 3.6..3.6,3.8..3.9",
        "keras.a function 3.15..3.15",
    ]


def test_the_data_are_what_the_generator_finds_in_the_installed_keras(tool: Any) -> None:
    if not OLDEST <= installed() <= NEWEST:
        pytest.skip("a Keras that there are no data for")
    here = allowed(installed())
    kinds = dict.fromkeys(here.classes, "class") | dict.fromkeys(here.functions, "function")
    assert tool.collect() == kinds


def test_the_check_tells_what_differs(
    tool: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not OLDEST <= installed() <= NEWEST:
        pytest.skip("a Keras that there are no data for")
    found = tool.collect()
    del found["keras.layers.Dense"]
    monkeypatch.setattr(tool, "collect", lambda: found)
    assert tool.check() == 1
    assert "-keras.layers.Dense class\n" in capsys.readouterr().out


def test_the_minors_are_those_of_the_generator(tool: Any) -> None:
    assert list(tool.MINORS) == MINORS
    assert (MINORS[0], MINORS[-1]) == (OLDEST, NEWEST)


@pytest.mark.parametrize("minor", MINORS)
def test_every_minor_is_there_and_has_what_models_are_made_of(minor: tuple[int, int]) -> None:
    here = allowed(minor)
    assert here.minor == minor
    assert any(f" {minor[0]}.{minor[1]}.." in " ".join(parts) for parts in symbols())
    assert here.classes >= {
        "keras.Sequential",
        "keras.layers.Dense",
        "keras.layers.Lambda",
        "keras.losses.MeanSquaredError",
        "keras.optimizers.Adam",
        "keras.optimizers.schedules.ExponentialDecay",
        "keras.random.SeedGenerator",
        "keras.src.models.functional.Functional",
        "keras.src.ops.numpy.GetItem",
    }
    assert here.functions >= {"keras.activations.relu", "keras.ops.add", "keras.random.normal"}


def test_a_minor_has_only_its_own_symbols() -> None:
    assert "keras.distillation.Distiller" not in allowed((3, 11)).classes
    assert "keras.distillation.Distiller" in allowed((3, 12)).classes
    assert "keras.src.ops.numpy.Eye" in allowed((3, 10)).classes
    assert "keras.src.ops.numpy.Eye" not in allowed((3, 11)).classes


def test_every_exported_layer_but_those_that_run_foreign_code_is_allowed() -> None:
    import keras
    from keras.src.api_export import get_name_from_symbol

    if installed() > NEWEST:
        pytest.skip("a Keras that there are no data for")
    layers = {
        get_name_from_symbol(value)
        for value in vars(keras.layers).values()
        if isinstance(value, type) and issubclass(value, keras.Layer)
    }
    refused = {f"keras.layers.{name}" for name in RUNS_FOREIGN_CODE}
    assert layers & refused
    assert layers - refused <= allowed(installed()).classes


def test_layers_that_run_foreign_code_are_refused_under_any_path() -> None:
    assert {name for name in everything() if name.rsplit(".", 1)[1] in RUNS_FOREIGN_CODE} == set()


def test_the_base_that_opens_a_vocabulary_file_is_refused() -> None:
    assert not {name for name in everything() if name.endswith(".IndexLookup")}


@pytest.mark.parametrize("namespace", REFUSED_NAMESPACES)
def test_nothing_of_a_namespace_that_is_not_for_modelling_is_there(namespace: str) -> None:
    assert not {name for name in everything() if name.startswith(f"keras.{namespace}.")}


def test_only_modules_that_define_models_are_there_by_path() -> None:
    packages = {name.split(".")[2] for name in everything() if name.startswith("keras.src.")}
    assert packages == {
        "activations",
        "applications",
        "layers",
        "losses",
        "metrics",
        "models",
        "ops",
        "quantizers",
    }


def test_of_the_applications_only_layers_of_their_own_are_there() -> None:
    assert {name for name in everything() if ".applications." in name} == {
        "keras.src.applications.convnext.LayerScale",
        "keras.src.applications.convnext.StochasticDepth",
        "keras.src.applications.inception_resnet_v2.CustomScaleLayer",
    }


def test_nothing_gets_or_converts() -> None:
    converts = re.compile(r"get|(de)?serialize(_.*)?")
    assert not {name for name in everything() if converts.fullmatch(name.rsplit(".", 1)[1])}


def test_functions_are_there_only_where_models_use_them() -> None:
    namespaces = {name.rsplit(".", 1)[0] for name, kind, _ in symbols() if kind == "function"}
    assert namespaces == {
        "keras.activations",
        "keras.losses",
        "keras.metrics",
        "keras.ops",
        "keras.ops.image",
        "keras.random",
    }


def test_bare_functions_are_the_short_names_that_keras_finds() -> None:
    from keras.src.api_export import get_symbol_from_name
    from keras.src.saving.serialization_lib import BUILTIN_MODULES

    here = allowed(min(installed(), NEWEST))
    assert {"relu", "mean_squared_error"} <= here.bare_functions
    assert not {"get", "deserialize", "add", "normal"} & here.bare_functions
    for short in here.bare_functions:
        assert any(get_symbol_from_name(f"keras.{module}.{short}") for module in BUILTIN_MODULES)


def test_what_keras_writes_of_a_model_is_allowed() -> None:
    import keras

    inputs = keras.Input((4,), dtype="float32")
    hidden = keras.layers.Dense(4, activation=keras.activations.gelu)(inputs)[:, :2]
    model = keras.Model(inputs, keras.ops.relu(hidden) + keras.ops.sum(hidden, keepdims=True))
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(1, 9, 1)))
    found = {
        f"{node['module']}.{node['class_name']}"
        for _, node in nodes.walk(keras.saving.serialize_keras_object(model))
        if not node["class_name"].startswith("__")
    }
    assert "keras.src.ops.numpy.GetItem" in found
    assert found <= allowed().classes


@pytest.mark.parametrize(
    ("asked", "given"),
    [((3, 99), NEWEST), ((4, 0), NEWEST), ((3, 0), OLDEST), ((2, 15), OLDEST)],
)
def test_a_minor_without_data_gets_the_nearest(
    asked: tuple[int, int], given: tuple[int, int]
) -> None:
    assert allowed(asked) == allowed(given)
    assert allowed(asked).minor == given


def test_the_installed_keras_is_meant_if_none_is_named() -> None:
    assert allowed().minor == min(max(installed(), OLDEST), NEWEST)


def test_without_keras_the_newest_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> str:
        raise metadata.PackageNotFoundError

    allowlist.installed.cache_clear()
    monkeypatch.setattr(metadata, "version", missing)
    assert allowed().minor == NEWEST
    allowlist.installed.cache_clear()


def test_one_minor_is_read_once() -> None:
    assert allowed((3, 9)) is allowed((3, 9))


def test_the_answer_is_a_value() -> None:
    one = Allowed((3, 9), frozenset({"keras.layers.Dense"}), frozenset({"keras.losses.huber"}))
    assert one == Allowed(one.minor, one.classes, one.functions)
    assert one.bare_functions == {"huber"}
    with pytest.raises(AttributeError, match="cannot assign"):
        one.minor = (3, 10)  # type: ignore[misc]


def test_reading_imports_no_framework() -> None:
    code = (
        "import sys\n"
        "from bundlekit_keras.allowlist import allowed\n"
        "assert 'keras.layers.Dense' in allowed().classes\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not {'keras', 'numpy', 'tensorflow', 'jax', 'torch'} & loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
