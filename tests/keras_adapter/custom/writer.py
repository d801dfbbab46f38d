"""The writer: makes models of objects from everywhere, and bundles them. It runs as `__main__`."""

from __future__ import annotations

import json
import os
import pickle
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from acme_shapes import golden, one, parts, two  # type: ignore[import-not-found]
from bundlekit_keras.observe import KerasObserver
from cases import KINDS, LAMBDAS, PLACES  # type: ignore[import-not-found]
from keras import layers, ops

import bundlekit
from bundlekit.testing.comparison import compare, report

if TYPE_CHECKING:
    from collections.abc import Callable

X = np.linspace(-1, 1, 24, dtype="float32").reshape(6, 4)
Y = np.linspace(0, 1, 12, dtype="float32").reshape(6, 2)


def model_of(*own: Any, **compiled: Any) -> Any:
    model = keras.Sequential([keras.Input((4,)), *own, layers.Dense(2, name="last")], name="mine")
    model.compile(**{"optimizer": "sgd", "loss": "mse", **compiled})
    return model


# --- objects of __main__ -------------------------------------------------------------------------


class Shift(keras.layers.Layer):
    def __init__(self, by: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.by = by

    def call(self, x: Any) -> Any:
        return x + helper(self.by)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "by": self.by}


def helper(value: float) -> float:
    return value * 2.0


def bent(x: Any) -> Any:
    return ops.where(x > 0, x, helper(0.05) * x)


@keras.saving.register_keras_serializable("main", "Renamed")
class Registered(Shift):
    pass


class Hard(keras.losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.maximum(ops.abs(y_true - y_pred), 0.1), axis=-1)


# --- objects inside functions --------------------------------------------------------------------


def local_class() -> Any:
    class Local(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * helper(0.5)

    return Local()


def class_in_local_class() -> Any:
    class Around:
        class Within(keras.layers.Layer):
            def call(self, x: Any) -> Any:
                return x * 1.5

    return Around.Within()


def closure(factor: float) -> Any:
    def scaled(x: Any) -> Any:
        return x * factor

    return scaled


def block(factor: float) -> Any:
    class Block(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * factor

    return Block()


CELL = """
import keras
class InCell(keras.layers.Layer):
    def __init__(self, rate=0.5, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
    def call(self, x):
        return x * self.rate + offset()
    def get_config(self):
        return {**super().get_config(), "rate": self.rate}
def offset():
    return 0.125
def cell_activation(x):
    return x - offset()
"""


def notebook() -> dict[str, Any]:
    """Run a cell in IPython, which keeps its names in a `__main__` of its own."""
    from IPython.core.interactiveshell import InteractiveShell

    before = sys.modules["__main__"]
    try:
        shell = InteractiveShell.instance()
        shell.run_cell(CELL).raise_error()
        return dict(shell.user_ns)
    finally:
        sys.modules["__main__"] = before


def dense(**arguments: Any) -> Any:
    return layers.Dense(3, **arguments)


def functional_with(inner: Any) -> Any:
    start = keras.Input((4,))
    model = keras.Model(start, layers.Dense(2)(inner(start)))
    model.compile("adam", "mse")
    return model


def tower() -> Any:
    model = parts.Tower(2)
    model(X)
    model.compile("adam", parts.Cubed())
    return model


def golden_model() -> Any:
    model = golden.golden()
    model(X)
    model.compile("adam", "mse")
    return model


def everything() -> Any:
    return model_of(
        parts.Scale(3.0),
        parts.Plain(),
        parts.Outer.Inner(),
        dense(
            activation=parts.squared,
            kernel_initializer=parts.Ramp(0.2),
            kernel_regularizer=parts.Tiny(0.03),
            kernel_constraint=parts.Below(0.4),
        ),
        dense(activation=parts.relu),
        dense(activation="relu"),
        parts.Tower(3),
        optimizer=parts.Slow(parts.Steps(0.05), momentum=0.9),
        loss=parts.mean_squared_error,
        metrics=[parts.Largest(), parts.off_by, "mse"],
    )


def main_everything() -> Any:
    return model_of(
        Shift(0.5),
        Registered(0.25),
        local_class(),
        block(2.0),
        block(3.0),
        dense(activation=closure(0.5)),
        dense(activation=bent),
        loss=Hard(),
    )


MODELS: dict[str, Callable[[], Any]] = {
    "layer": lambda: model_of(parts.Scale(3.0)),
    "plain_layer": lambda: model_of(parts.Plain()),
    "nested_class": lambda: model_of(parts.Outer.Inner()),
    "model": tower,
    "model_inside": lambda: functional_with(parts.Tower(3)),
    "activation": lambda: model_of(dense(activation=parts.squared)),
    "plain_activation": lambda: functional_with(dense(activation=parts.halved)),
    "initializer": lambda: model_of(dense(kernel_initializer=parts.Ramp(0.2))),
    "regularizer": lambda: model_of(dense(kernel_regularizer=parts.Tiny(0.03))),
    "constraint": lambda: model_of(dense(kernel_constraint=parts.Below(0.1))),
    "loss_class": lambda: model_of(loss=parts.Cubed(2.0)),
    "loss_function": lambda: model_of(loss=parts.off_by),
    "metric_class": lambda: model_of(metrics=[parts.Largest()]),
    "metric_function": lambda: model_of(metrics=[parts.off_by]),
    "optimizer": lambda: model_of(optimizer=parts.Slow(0.05, slowness=3.0, momentum=0.9)),
    "schedule": lambda: model_of(optimizer=keras.optimizers.Adam(parts.Steps(0.05))),
    "dtype_policy": lambda: model_of(dense(dtype=parts.Policy("mixed_bfloat16"))),
    "like_keras_own": lambda: model_of(
        dense(activation=parts.relu), dense(activation="relu"), layers.Activation(parts.relu)
    ),
    "like_keras_own_loss": lambda: model_of(
        loss=parts.mean_squared_error, metrics=["mean_squared_error"]
    ),
    "one_name_twice": lambda: functional_with(keras.Sequential([one.Block(), two.Block()])),
    "golden": golden_model,
    "everything": everything,
    "main_class": lambda: model_of(Shift(0.5)),
    "main_function": lambda: model_of(dense(activation=bent), loss=Hard()),
    "main_registered": lambda: model_of(Registered(0.25)),
    "notebook_class": lambda: model_of(notebook()["InCell"](0.25)),
    "notebook_function": lambda: model_of(dense(activation=notebook()["cell_activation"])),
    "local_class": lambda: model_of(local_class()),
    "class_in_local_class": lambda: model_of(class_in_local_class()),
    "closure": lambda: model_of(dense(activation=closure(0.5))),
    "closures_of_a_loop": lambda: model_of(*[dense(activation=closure(n)) for n in (1.0, 2.0)]),
    "local_one_name_twice": lambda: model_of(block(2.0), block(3.0)),
    "main_everything": main_everything,
    "lambda_layer": lambda: model_of(layers.Lambda(lambda x: x * helper(0.5))),
    "lambda_of_a_loop": lambda: model_of(*[layers.Lambda(lambda x, n=n: x * n) for n in (2, 3)]),
    "lambda_activation": lambda: model_of(dense(activation=lambda x: x * 0.5)),
}


def write(name: str, out: Path) -> None:
    """Bundle one model in every way that it may travel, and restore it in this process too."""
    keras.utils.set_random_seed(3)
    model = MODELS[name]()
    for _ in range(2):
        model.train_on_batch(X, Y)
    observer = KerasObserver()
    before = [*observer.surroundings()]
    for code in (
        ("auto", "value") if name in KINDS else ("value",) if name in LAMBDAS else ("auto",)
    ):
        path = (
            out / f"{name}.{'value' if code == 'value' or name in PLACES else 'reference'}.bundle"
        )
        bundlekit.dump(model, path, code=code)
        assert bundlekit.dumps(model, code=code) == path.read_bytes(), "other bytes"
    changed = compare(before, [*observer.surroundings()])
    assert not changed, report(changed)
    bundlekit.dumps(model, code=code, check="rebuild")
    seen = [*observer.state(model), *observer.behaviour(model, X, Y)]
    (out / f"{name}.seen").write_bytes(pickle.dumps((seen, X, Y)))
    keras.saving.get_custom_objects().clear()
    restored = bundlekit.load(path)  # what this process has bundled, it knows
    again = [*observer.state(restored), *observer.behaviour(restored, X, Y)]
    assert not compare(seen, again), report(compare(seen, again))


def main() -> None:
    out = Path(sys.argv[1])
    wanted = os.environ.get("BUNDLEKIT_TEST_CUSTOM", "").split()
    results = {}
    registered = dict(keras.saving.get_custom_objects())
    for name in MODELS:
        if wanted and name not in wanted:
            continue
        keras.saving.get_custom_objects().update(registered)
        try:
            write(name, out)
            results[name] = "ok"
        except Exception:
            results[name] = traceback.format_exc()
    (out / "written.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main()
