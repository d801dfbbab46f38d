"""A module that its readers can import until its folder is deleted."""

from __future__ import annotations

from typing import Any

import keras


class Thrice(keras.layers.Layer):
    def call(self, inputs: Any) -> Any:
        return 3 * inputs


def build(X: Any, y: Any) -> Any:  # noqa: N803 - Keras calls it so
    outputs = [Thrice(), keras.layers.Dense(y.shape[1], "softmax")]
    model = keras.Sequential([keras.Input((X.shape[1],)), *outputs])
    model.compile("adam", "categorical_crossentropy")
    return model
