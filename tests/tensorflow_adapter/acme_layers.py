"""Classes of somebody's own, for models of tf_keras."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras


@tf_keras.saving.register_keras_serializable(package="acme", name="Scale")
class Scale(tf_keras.layers.Layer):
    def __init__(self, gain: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gain = gain

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(name="scale", shape=(shape[-1],), initializer="ones")
        super().build(shape)

    def call(self, inputs: Any) -> Any:
        return inputs * self.scale * self.gain

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain}


def soft_clip(x: Any) -> Any:
    return tf.tanh(x / 3.0) * 3.0


class Tower(tf_keras.Model):
    def __init__(self, width: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.inner = tf_keras.layers.Dense(width, activation="tanh")
        self.outer = tf_keras.layers.Dense(1)

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.outer(self.inner(inputs))

    def get_config(self) -> dict[str, Any]:
        return {"width": self.width}
