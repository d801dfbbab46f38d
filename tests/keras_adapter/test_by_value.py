from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ACME = '''
import keras
from keras import ops

FACTOR = 3.0


class Scale(keras.layers.Layer):
    def __init__(self, factor=FACTOR, **options):
        super().__init__(**options)
        self.factor = factor

    def build(self, shape):
        self.shift = self.add_weight(shape=(shape[-1],), initializer=Sevens(), name="shift")

    def call(self, x, training=False):
        return helper(x, self.factor) + self.shift

    def get_config(self):
        return super().get_config() | {"factor": self.factor}


class Twice(Scale):
    def call(self, x):
        return 2 * super().call(x)


def helper(x, factor):
    return ops.multiply(x, factor)


class Tower(keras.Model):
    def __init__(self, units=2, **options):
        super().__init__(**options)
        self.units = units
        self.first = Scale(name="first")
        self.out = keras.layers.Dense(units, kernel_initializer="ones")

    def call(self, x):
        return self.out(self.first(x))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Narrow(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred), axis=-1) * FACTOR


def wide(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


@keras.saving.register_keras_serializable("acme", "Other")
class Registered(keras.layers.Layer):
    def call(self, x):
        return x + 1


class Sevens(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return ops.full(shape, 7.0)


class Slow(keras.optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient / 2, variable, learning_rate)


class Largest(keras.metrics.Metric):
    def __init__(self, name="largest", **options):
        super().__init__(name=name, **options)
        self.top = self.add_weight(name="top", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.top.assign(ops.maximum(self.top, ops.max(y_pred)))

    def result(self):
        return self.top


class Wired(keras.Model):
    """Keras replaces its base when it is first given inputs and outputs."""

    def doubled(self, x):
        return 2 * self(x)


NAMES = (
    "Scale", "Twice", "Tower", "Narrow", "wide", "Registered", "Sevens", "Slow", "Largest",
)
'''

OBSERVE = """
import io, json, sys
import keras, numpy as np
from bundlekit import by_value

X = np.arange(6, dtype="float32").reshape(2, 3) / 4


def numbers(value):
    return np.asarray(value).round(5).tolist()


def trained(named):
    model = named["Tower"]()
    model.compile(named["Slow"](0.01), named["Narrow"](), metrics=[named["Largest"]()])
    history = model.fit(X, X[:, :2], epochs=2, verbose=0).history
    seen = [history[key] for key in sorted(history)] + [model.predict(X, verbose=0)]
    return [numbers(value) for value in seen]


def largest(named, x):
    metric = named["Largest"]()
    metric.update_state(x, x)
    return metric.result()


def wired(model, layer):
    inputs = keras.Input((3,))
    return numbers(model(inputs, layer()(inputs)).doubled(X))


def observe(named):
    scale = named["Scale"](factor=2.0, name="s")
    again = named["Scale"].from_config(scale.get_config())
    return {
        "a layer": [numbers(scale(X)), numbers(again(X)), scale.get_config()["factor"]],
        "a layer on a layer": numbers(named["Twice"]()(X)),
        "a subclass of it": issubclass(named["Twice"], named["Scale"]),
        "a model": [numbers(named["Tower"]()(X)), named["Tower"]().get_config()["units"]],
        "a loss": numbers(named["Narrow"]()(X, X + 1)),
        "a loss function": numbers(named["wide"](X, X + 2)),
        "a registered class": numbers(named["Registered"]()(X)),
        "an initializer": numbers(named["Sevens"]()((2,))),
        "a training": trained(named),
        "a metric": numbers(largest(named, X)),
        "line numbers": named["Scale"].call.__code__.co_firstlineno,
    }
"""

WRITE = """
import acme

given = {name: getattr(acme, name) for name in acme.NAMES}
before = {name: dict(vars(value)) for name, value in given.items()}
data = by_value.dumps(given, modules=["acme"])
after = {name: dict(vars(value)) for name, value in given.items()}
facts = {
    "name": keras.saving.get_registered_name(acme.Registered),
    "left alone": before == after,
    "with paths": any(path.encode() in data for path in sys.argv[1:]),
    "seen": observe(given),
    "same after use": by_value.dumps(given, modules=["acme"]) == data,
    "wired": wired(acme.Wired, acme.Scale),
}
open("code.pickle", "wb").write(data)
open("wired.pickle", "wb").write(by_value.dumps({"Wired": acme.Wired}, modules=["acme"]))
print(json.dumps(facts))
"""

READ = """
before = dict(keras.saving.get_custom_objects())
loaded = by_value.loads(open("code.pickle", "rb").read())
model = by_value.loads(open("wired.pickle", "rb").read())["Wired"]
facts = {
    "registered": dict(keras.saving.get_custom_objects()) != before,
    "name": keras.saving.get_registered_name(loaded["Registered"]),
    "imported": "acme" in sys.modules,
    "seen": observe(loaded),
    "wired": wired(model, loaded["Scale"]),
}
print(json.dumps(facts))
"""


def run(folder: Path, program: str, seed: int, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONHASHSEED": str(seed), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return facts


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What a process that defines the classes sees of them, and one that only has the bytes."""
    folder = tmp_path_factory.mktemp("code")
    (folder / "acme.py").write_text(ACME)
    written = run(folder, OBSERVE + WRITE, 1, str(folder), str(Path.home()))
    (folder / "acme.py").unlink()
    return {"written": written, "read": run(folder, OBSERVE + READ, 2)}


def test_keras_classes_behave_as_before_where_their_module_is_not(
    facts: dict[str, dict[str, Any]],
) -> None:
    assert facts["read"]["imported"] is False
    assert facts["read"]["seen"] == facts["written"]["seen"]
    assert facts["read"]["seen"]["a loss"] == 3.0
    assert facts["read"]["seen"]["a layer"][0][0] == [7.0, 7.5, 8.0]


def test_using_keras_classes_does_not_change_their_bytes(facts: dict[str, dict[str, Any]]) -> None:
    assert facts["written"]["same after use"] is True


def test_pickling_leaves_keras_classes_alone(facts: dict[str, dict[str, Any]]) -> None:
    assert facts["written"]["left alone"] is True


def test_bytes_of_keras_classes_name_no_folder(facts: dict[str, dict[str, Any]]) -> None:
    assert facts["written"]["with paths"] is False


def test_loading_registers_nothing_with_keras(facts: dict[str, dict[str, Any]]) -> None:
    assert facts["read"]["registered"] is False
    assert facts["read"]["name"] == "Registered"
    assert facts["written"]["name"] == "acme>Other"


def test_a_model_class_comes_back_after_keras_changed_its_base(
    facts: dict[str, dict[str, Any]],
) -> None:
    assert facts["read"]["wired"] == facts["written"]["wired"]
