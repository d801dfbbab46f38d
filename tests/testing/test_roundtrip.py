from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bundlekit import Trust
from bundlekit.errors import AdapterMissing
from bundlekit.testing import assert_roundtrip
from bundlekit.testing.failures import RoundTripFailed
from bundlekit.testing.observers import observer_for

if TYPE_CHECKING:
    from types import ModuleType

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def flawed() -> ModuleType:
    spec = importlib.util.spec_from_file_location("flawed_models", HERE / "flawed_models.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_lost_is_named(flawed: ModuleType) -> None:
    model = flawed.model(flawed.Forgetful)
    model.layers[0].scale = 3.0
    objects = {"Forgetful": flawed.Forgetful}
    with pytest.raises(
        AssertionError, match="came back different:\n  prediction: 2 of 2 values"
    ) as failure:
        assert_roundtrip(model, flawed.X, fresh_process=False, custom_objects=objects)
    assert isinstance(failure.value, RoundTripFailed)
    assert {seen.place for seen in failure.value.differences} == {"prediction"}


def test_a_tolerance_lets_small_differences_pass(flawed: ModuleType) -> None:
    model = flawed.model(flawed.Forgetful)
    model.layers[0].scale = 1e-6
    objects = {"Forgetful": flawed.Forgetful}
    assert_roundtrip(model, flawed.X, fresh_process=False, custom_objects=objects, tolerance=1e-4)


def test_a_class_of_the_test_travels_by_value_where_code_is_trusted() -> None:
    import keras

    class Own(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 2.0

    model = keras.Sequential([keras.Input((3,)), Own(), keras.layers.Dense(1)])
    bundled = assert_roundtrip(model, np.ones((2, 3)), trust=Trust(code=True))
    assert [need.travels for need in bundled.needs] == ["value"]


def test_the_object_is_put_back(flawed: ModuleType) -> None:
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dropout(0.5)])
    model.compile("adam", "mse")
    weights = model.get_weights()
    states = [np.array(keras.ops.convert_to_numpy(variable)) for variable in model.variables]
    assert_roundtrip(model, flawed.X, fresh_process=False)
    for before, after in zip(weights, model.get_weights(), strict=True):
        assert (before == after).all()
    for before, variable in zip(states, model.variables, strict=True):
        assert (before == keras.ops.convert_to_numpy(variable)).all()
    assert int(model.optimizer.iterations) == 0


def test_sparse_losses_get_class_numbers(flawed: ModuleType) -> None:
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert_roundtrip(model, flawed.X, fresh_process=False)


def test_an_adapter_without_an_observer_is_an_error() -> None:
    with pytest.raises(AdapterMissing, match="no installed observer knows .* 'nobody'"):
        observer_for("nobody")


TESTS = """
import sys

def test_nothing_is_imported_before_a_fixture_is_used():
    assert not {"numpy", "keras", "msgspec"} & set(sys.modules)

def test_one(bundle_roundtrip):
    import keras, numpy as np
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    print(bundle_roundtrip(model, np.ones((1, 2)), fresh_process=False))

def test_many(bundle_fresh_process):
    outcomes = bundle_fresh_process("cases.py")
    assert outcomes is bundle_fresh_process("cases.py")
    outcomes["only"].check()
"""
CASES = """
import keras, numpy as np
from bundlekit.testing import Case

def cases():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    yield Case(name="only", obj=model, inputs=np.ones((1, 2)))
"""


def test_pytest_users_find_the_fixtures(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "cases.py").write_text(CASES)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "3 passed" in done.stdout, done.stdout
