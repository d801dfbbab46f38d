"""Random Functional models, there and back in one process.

Layers, containers that hold them, dtype policies, optimizers, and what is frozen when.
"""

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
    "held",
)
OPTIMIZERS = ("SGD", "Adam", "RMSprop", "AdamW", "Adagrad", "Nadam", None)
FORMS: Any = st.recursive(
    st.sampled_from(["dense", "drop"]),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=2)
        | st.dictionaries(st.sampled_from("ab"), inner, min_size=1)
    ),
    max_leaves=4,
)
"""Containers of layers inside each other."""


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
        "average": draw(st.booleans()),
        "accumulate": draw(st.sampled_from([None, 2])),
        "policy": draw(st.sampled_from(["float32", "mixed_bfloat16", "float64", "mixed_float16"])),
        "form": draw(FORMS),
        # Layers, of containers too, and variables; before compiling and after training.
        "frozen": draw(st.sets(st.integers(0, 11), max_size=3)),
        "fixed": draw(st.sets(st.integers(0, 11), max_size=2)),
        "frozen_later": draw(st.sets(st.integers(0, 11), max_size=2)),
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
            tensor = layer(name, tensor, shared, recipe)
        ends.append(tensor)
    joined = ends[0] if len(ends) == 1 else getattr(keras.layers, recipe["join"])(ends)
    outputs = [
        keras.layers.Dense(2, dtype="float32", name=f"out{index}")(joined)
        for index in range(recipe["outputs"])
    ]
    model = structured(keras, recipe, inputs, outputs)
    freeze(model, recipe["frozen"])
    for index, variable in enumerate(model.weights):
        if index in recipe["fixed"]:
            variable.trainable = False
    values = [np.linspace(-1, 1, 3 * width, dtype="float32").reshape(3, width) for _ in inputs]
    x = values if recipe["structure"] == "list" else {f"in{i}": v for i, v in enumerate(values)}
    if recipe["optimizer"]:
        optimizer = getattr(keras.optimizers, recipe["optimizer"])(
            use_ema=recipe["average"], gradient_accumulation_steps=recipe["accumulate"]
        )
        if policy == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=64.0)
        model.compile(optimizer, "mse", run_eagerly=True)  # tracing takes seconds
        target = np.ones((3, 2), dtype="float32")
        targets = [target] * recipe["outputs"]
        y = (
            targets
            if recipe["structure"] == "list"
            else {f"out{i}": t for i, t in enumerate(targets)}
        )
        for _ in range(recipe["steps"]):
            model.train_on_batch(x, y)
    freeze(model, recipe["frozen_later"])
    return model, x


def freeze(model: Any, numbers: set[int]) -> None:
    """Freeze some of all layers, but never the last: something has to be trained."""
    from bundlekit_keras.account import account_of

    for index, inner in enumerate(account_of(model).layers.values()):
        if index in numbers and inner is not model and not inner.name.startswith("out"):
            inner.trainable = False


def structured(keras: Any, recipe: dict[str, Any], inputs: list[Any], outputs: list[Any]) -> Any:
    if recipe["structure"] == "list":
        return keras.Model(inputs, outputs)
    return keras.Model(
        {f"in{index}": tensor for index, tensor in enumerate(inputs)},
        {f"out{index}": tensor for index, tensor in enumerate(outputs)},
    )


def layer(name: str, tensor: Any, shared: Any, recipe: dict[str, Any]) -> Any:
    import keras

    from tests.keras_adapter.acme_exact import Held

    layers, width, policy = keras.layers, recipe["width"], recipe["policy"]
    if name == "held":
        return Held(sized(recipe["form"], width), dtype=policy)(tensor)
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


def sized(form: Any, width: int) -> Any:
    if isinstance(form, dict):
        return {key: sized(child, width) for key, child in form.items()}
    if isinstance(form, list):
        return [sized(child, width) for child in form]
    return width if form == "dense" else form


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(recipes())
def test_random_functional_models_survive(recipe: dict[str, Any]) -> None:
    import keras

    from tests.keras_adapter.acme_exact import Held

    keras.backend.clear_session()
    model, inputs = build(recipe)
    own = {"Held": Held}
    bundled = assert_roundtrip(model, inputs, fresh_process=False, custom_objects=own)
    again = bundlekit.bundle(bundlekit.unbundle(bundled, custom_objects=own))
    assert again.manifest.signature == bundled.manifest.signature
    assert again.manifest.states == bundled.manifest.states
