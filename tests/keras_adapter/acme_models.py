"""Model classes of a user: what a reader has to be given, and nothing of how it was trained."""

from __future__ import annotations

from typing import Any

import keras


class TwoTowers(keras.Model):
    """A subclassed model of built-in layers, with a config; takes a dict, gives a dict."""

    def __init__(self, units: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.left = keras.layers.Dense(units, activation="relu")
        self.right = keras.layers.Dense(units, activation="relu")
        self.drop = keras.layers.Dropout(0.3)
        self.score = keras.layers.Dense(1)

    def call(self, inputs: Any, training: bool = False) -> Any:
        left, right = self.left(inputs["left"]), self.right(inputs["right"])
        both = self.drop(keras.ops.concatenate([left, right], axis=-1), training=training)
        return {"score": self.score(both), "left": left}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


class Encoder(keras.Model):
    """A subclassed model that is not registered and is used inside another model."""

    def __init__(self, width: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.norm = keras.layers.LayerNormalization()
        self.dense = keras.layers.Dense(width)

    def call(self, inputs: Any) -> Any:
        return self.norm(self.dense(inputs))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}
