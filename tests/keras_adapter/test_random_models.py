"""Random Functional models, there and back in one process."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bundlekit
from bundlekit.testing import assert_roundtrip

LAYERS = (
    "dense",
    "normalized",
    "dropped",
    "activated",
    "shared",
    "residual",
    "nested",
    "reshaped",
)
OPTIMIZERS = ("sgd", "adam", "rmsprop", "adamw", "adagrad", None)


@st.composite
def recipes(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what a model is made of: branches of layers, how they join, how it is compiled."""
    branch = st.lists(st.sampled_from(LAYERS), max_size=4)
    return {
        "branches": draw(st.lists(branch, min_size=1, max_size=3)),
        "width": draw(st.integers(1, 6)),
        "outputs": draw(st.integers(1, 2)),
        "structure": draw(st.sampled_from(["list", "dict"])),
        "join": draw(st.sampled_from(["add", "concatenate", "multiply"])),
        "optimizer": draw(st.sampled_from(OPTIMIZERS)),
        "steps": draw(st.integers(0, 2)),
        "policy": draw(st.sampled_from(["float32", "mixed_bfloat16", "float64"])),
        "frozen": draw(st.integers(0, 3)),
    }


def build(recipe: dict[str, Any]) -> tuple[Any, Any]:
    import keras
    import numpy as np

    keras.utils.set_random_seed(3)
    width, policy = recipe["width"], recipe["policy"]
    shared = keras.layers.Dense(width, dtype=policy, name="shared")
    inputs, ends = [], []
    for index, names in enumerate(recipe["branches"]):
        tensor = keras.Input((width,), name=f"in{index}")
        inputs.append(tensor)
        for name in names:
            tensor = layer(name, tensor, shared, width, policy)
        ends.append(tensor)
    joined = ends[0] if len(ends) == 1 else getattr(keras.layers, recipe["join"])(ends)
    outputs = [
        keras.layers.Dense(2, dtype="float32", name=f"out{index}")(joined)
        for index in range(recipe["outputs"])
    ]
    model = structured(keras, recipe, inputs, outputs)
    for frozen in model.layers[: recipe["frozen"]]:
        if not isinstance(frozen, keras.Sequential) and not frozen.name.startswith("out"):
            frozen.trainable = False
    values = [np.linspace(-1, 1, 3 * width, dtype="float32").reshape(3, width) for _ in inputs]
    x = values if recipe["structure"] == "list" else {f"in{i}": v for i, v in enumerate(values)}
    if recipe["optimizer"]:
        model.compile(recipe["optimizer"], "mse", run_eagerly=True)  # tracing takes seconds
        target = np.ones((3, 2), dtype="float32")
        targets = [target] * recipe["outputs"]
        y = (
            targets
            if recipe["structure"] == "list"
            else {f"out{i}": t for i, t in enumerate(targets)}
        )
        for _ in range(recipe["steps"]):
            model.train_on_batch(x, y)
    return model, x


def structured(keras: Any, recipe: dict[str, Any], inputs: list[Any], outputs: list[Any]) -> Any:
    if recipe["structure"] == "list":
        return keras.Model(inputs, outputs)
    return keras.Model(
        {f"in{index}": tensor for index, tensor in enumerate(inputs)},
        {f"out{index}": tensor for index, tensor in enumerate(outputs)},
    )


def layer(name: str, tensor: Any, shared: Any, width: int, policy: str) -> Any:
    import keras

    layers = keras.layers
    if name == "dense":
        return layers.Dense(width, activation="tanh", dtype=policy)(tensor)
    if name == "normalized":
        return layers.BatchNormalization(dtype=policy)(tensor)
    if name == "dropped":
        return layers.Dropout(0.3, dtype=policy)(tensor)
    if name == "activated":
        return layers.LeakyReLU(dtype=policy)(tensor)
    if name == "shared":
        return shared(tensor)
    if name == "residual":
        return layers.Add(dtype=policy)([tensor, layers.Dense(width, dtype=policy)(tensor)])
    if name == "nested":
        inner = keras.Sequential([keras.Input((width,)), layers.Dense(width, dtype=policy)])
        return inner(tensor)
    return layers.Reshape((width,), dtype=policy)(layers.Reshape((width, 1), dtype=policy)(tensor))


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(recipes())
def test_random_functional_models_survive(recipe: dict[str, Any]) -> None:
    import keras

    keras.backend.clear_session()
    model, inputs = build(recipe)
    bundled = assert_roundtrip(model, inputs, fresh_process=False)
    assert (
        bundlekit.bundle(bundlekit.unbundle(bundled)).manifest.signature
        == bundled.manifest.signature
    )
