"""Models that do not survive, each in its own way: the kit must say so."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from bundlekit.testing import Case

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = str(Path(__file__).parent)
X = np.ones((2, 3), dtype="float32")
COUNTER = itertools.count()


class Forgetful(keras.layers.Layer):
    """Keeps a number that is neither a variable nor in its config."""

    scale = 0.0

    def call(self, inputs: Any) -> Any:
        return inputs + self.scale


class Meddling(keras.layers.Layer):
    """Changes itself when it is asked for its config."""

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(shape=(), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        return inputs + self.scale

    def get_config(self) -> dict[str, Any]:
        self.scale.assign_add(1.0)
        return dict(super().get_config())


class Once(keras.layers.Layer):
    """Changes itself when it is saved for the first time."""

    saved = False

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(shape=(), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        return inputs + self.scale

    def save_assets(self, folder: Any) -> None:
        if not Once.saved:
            Once.saved = True
            self.scale.assign_add(1.0)


class Registering(keras.layers.ReLU):
    """Registers something when it is asked for its config."""

    def get_config(self) -> dict[str, Any]:
        keras.saving.get_custom_objects()[f"acme>{next(COUNTER)}"] = Forgetful
        return dict(super().get_config())


class Counting(Forgetful):
    """Has another config each time."""

    def __init__(self, count: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": next(COUNTER)}


def model(layer: type[keras.layers.Layer]) -> Any:
    return keras.Sequential([keras.Input((3,)), layer(name="own"), keras.layers.Dense(1)])


def cases() -> Iterator[Case]:
    for layer in (Forgetful, Meddling, Once, Registering, Counting):
        made = model(layer)
        if isinstance(made.layers[0], Forgetful):
            made.layers[0].scale = 2.0
        elif hasattr(made.layers[0], "scale"):
            made.layers[0].scale.assign(2.0)
        known = {layer.__name__: f"flawed_models:{layer.__name__}"}
        path = (HERE, *sys.path)
        yield Case(name=layer.__name__, obj=made, inputs=X, custom_objects=known, python_path=path)
    yield Case(name="unknown", obj=model(Forgetful), inputs=X)
    yield Case(name="unbuilt", obj=keras.Sequential([keras.layers.Dense(1)]), inputs=X)
    yield Case(name="sound", obj=model(keras.layers.ReLU), inputs=X)
