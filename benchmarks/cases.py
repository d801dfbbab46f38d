"""The models that are measured."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """A model by its recipe, so that every process can make it.

    Attributes:
        name: of the case, in figures and bars.
        title: of the case, for readers.
        repeats: how often each way is timed.
        kind: the recipe.
        amount: MiB of weights for `dense`, layers for `chain`.
    """

    name: str
    title: str
    repeats: int
    kind: str
    amount: int = 0

    def make(self) -> Any:
        """Build the model."""
        return _RECIPES[self.kind](self.amount)


def dense(mib: int, name: str = "") -> Case:
    """Give four layers with so many MiB of weights in all."""
    size = f"{mib // 1024} GiB" if mib >= 1024 else f"{mib} MiB"
    repeats = 5 if mib >= 256 else 9
    return Case(name or f"dense-{mib}", f"{size} of dense weights", repeats, "dense", mib)


def chain(layers: int) -> Case:
    """Give so many small layers, one after the other."""
    repeats = 3 if layers >= 1000 else 7
    return Case(f"chain-{layers}", f"{layers:,} layers", repeats, "chain", layers)


MLP = Case("mlp", "small MLP with Adam", 15, "mlp")
MOBILENET = Case("mobilenet", "MobileNetV2", 9, "MobileNetV2")
EFFICIENTNET = Case("efficientnet", "EfficientNetB0", 7, "EfficientNetB0")
RESNET = Case("resnet", "ResNet50", 7, "ResNet50")
MOBILENET_ADAM = Case("mobilenet-adam", "MobileNetV2 with Adam", 7, "mobilenet-adam")


def _mlp(_: int) -> Any:
    import keras
    import numpy as np

    layers = [keras.layers.Dense(64, "relu"), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((32,)), *layers])
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 32)), np.ones((2, 10)))
    return model


def _application(name: str) -> Any:
    import keras

    return getattr(keras.applications, name)(weights=None)


def _mobilenet_adam(_: int) -> Any:
    model = _application("MobileNetV2")
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    return model


def _dense(mib: int) -> Any:
    import keras

    width = math.isqrt(mib * 2**20 // (4 * 4))
    layers = [keras.layers.Dense(width, use_bias=False) for _ in range(4)]
    return keras.Sequential([keras.Input((width,)), *layers])


def _chain(layers: int) -> Any:
    import keras
    import numpy as np

    sys.setrecursionlimit(100_000)  # Keras goes into a chain with one call for each layer
    random = np.random.default_rng(0)
    x = inputs = keras.Input((8,))
    for _ in range(layers):
        layer = keras.layers.Dense(8)
        x = layer(x)
        # What keeps lengths: thousands of other matrices would bring any input to zero.
        layer.kernel.assign(np.linalg.qr(random.standard_normal((8, 8)))[0])
    return keras.Model(inputs, x)


_RECIPES = {
    "mlp": _mlp,
    "MobileNetV2": lambda _: _application("MobileNetV2"),
    "EfficientNetB0": lambda _: _application("EfficientNetB0"),
    "ResNet50": lambda _: _application("ResNet50"),
    "mobilenet-adam": _mobilenet_adam,
    "dense": _dense,
    "chain": _chain,
}
