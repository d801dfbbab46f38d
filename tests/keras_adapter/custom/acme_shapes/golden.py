"""A model whose constructor takes layers, one of them registered under another name."""

from __future__ import annotations

from typing import Any

import keras

from acme_shapes.parts import Ramp, Tiny  # type: ignore[import-not-found]


@keras.saving.register_keras_serializable("acme", "renamed_dense")
class OwnDense(keras.layers.Layer):
    def __init__(
        self, units: int = 3, regularizer: Any = None, initializer: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.regularizer = keras.regularizers.get(regularizer)
        self.initializer = keras.initializers.get(initializer)

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(
            shape=(shape[-1], self.units),
            regularizer=self.regularizer,
            initializer=self.initializer,
            name="kernel",
        )

    def call(self, x: Any) -> Any:
        return keras.ops.matmul(x, self.kernel)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "regularizer": keras.regularizers.serialize(self.regularizer),
            "initializer": keras.initializers.serialize(self.initializer),
        }


@keras.saving.register_keras_serializable("acme", "stack_of_layers")
class Stack(keras.Model):
    def __init__(self, first: Any, second: Any, nested: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first, self.second, self.nested = first, second, nested

    def call(self, x: Any) -> Any:
        return self.nested(self.second(self.first(x)))

    def get_config(self) -> dict[str, Any]:
        parts = {"first": self.first, "second": self.second, "nested": self.nested}
        serialize = keras.saving.serialize_keras_object
        return {**super().get_config(), **{key: serialize(part) for key, part in parts.items()}}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Stack:
        for key in ("first", "second", "nested"):
            config[key] = keras.saving.deserialize_keras_object(config[key])
        return cls(**config)


def golden() -> Any:
    """Make the model, unbuilt."""
    nested = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, kernel_regularizer="l2")])
    return Stack(
        OwnDense(4, Tiny(0.02), Ramp(0.05)), keras.layers.Dense(3, activation="tanh"), nested
    )
