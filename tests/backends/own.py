"""Classes and functions of a user, in a module that writers and readers can import."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

Config = dict[str, Any]


class Tower(keras.Model):
    """A subclassed model with a head that is a model too."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.body = layers.Dense(units, activation="tanh", name="body")
        self.normal = layers.BatchNormalization(name="normal")
        self.head = keras.Sequential([layers.Dense(1, name="last")], name="head")

    def call(self, x: Any, training: bool = False) -> Any:
        return self.head(self.normal(self.body(x), training=training))

    def get_config(self) -> Config:
        return {**super().get_config(), "units": self.units}


class Scale(layers.Layer):
    """A layer with a weight of its own and a counter that is not trained."""

    def build(self, shape: Any) -> None:
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones", name="factor")
        self.calls = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="calls"
        )

    def call(self, x: Any, training: bool = False) -> Any:
        if training:
            self.calls.assign_add(1)
        return x * ops.cast(self.factor, x.dtype)


class Mixture(layers.Layer):
    """Layers in a list, in a tuple, and in dicts and lists within each other."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.chain = [layers.Dense(4, name=f"chain_{i}") for i in range(3)]
        self.pair = (layers.Dense(4, name="left"), layers.Dense(4, name="right"))
        self.by_name = {"b": layers.Dense(4, name="of_b"), "a": layers.Dense(4, name="of_a")}
        self.deep = {"list": [layers.Dense(4, name="deep_0"), layers.Dense(4, name="deep_1")]}

    def build(self, shape: Any) -> None:
        for layer in (*self.chain, *self.pair, *self.by_name.values(), *self.deep["list"]):
            layer.build((shape[0], 4))

    def call(self, x: Any) -> Any:
        for layer in self.chain:
            x = layer(x)
        left, right = self.pair
        x = left(x) + right(x) + self.by_name["a"](x) * self.by_name["b"](x)
        for layer in self.deep["list"]:
            x = ops.tanh(layer(x))
        return x


class Tied(layers.Layer):
    """An embedding whose matrix also turns vectors back into scores of words."""

    def __init__(self, words: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.words, self.width = words, width
        self.embedding = layers.Embedding(words, width, name="embedding")
        self.between = layers.Dense(width, activation="relu", name="between")

    def build(self, shape: Any) -> None:
        self.embedding.build(shape)
        self.between.build((*shape, self.width))

    def call(self, tokens: Any) -> Any:
        vectors = self.between(self.embedding(tokens))
        return ops.matmul(vectors, ops.transpose(self.embedding.embeddings))

    def get_config(self) -> Config:
        return {**super().get_config(), "words": self.words, "width": self.width}


class Borrower(layers.Layer):
    """A layer that uses another one that the model has too."""

    def __init__(self, lender: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lender = lender

    def call(self, x: Any) -> Any:
        return self.lender(x) * 0.5

    def get_config(self) -> Config:
        return {**super().get_config(), "lender": keras.saving.serialize_keras_object(self.lender)}

    @classmethod
    def from_config(cls, config: Config) -> Borrower:
        lender = keras.saving.deserialize_keras_object(config.pop("lender"))
        return cls(lender, **config)


@keras.saving.register_keras_serializable("own")
class Cubed(keras.losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.abs(y_true - y_pred) ** 3, axis=-1)


@keras.saving.register_keras_serializable("own")
class Largest(keras.metrics.Metric):
    """The largest prediction so far."""

    def __init__(self, name: str = "largest", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.largest = self.add_variable((), "zeros", name="largest")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.largest.assign(ops.maximum(self.largest, ops.max(y_pred)))

    def result(self) -> Any:
        return self.largest + 0.0


@keras.saving.register_keras_serializable("own")
class Steps(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that halves every step."""

    def __init__(self, start: float) -> None:
        self.start = start

    def __call__(self, step: Any) -> Any:
        return self.start * 0.5 ** ops.cast(step, "float32")

    def get_config(self) -> Config:
        return {"start": self.start}
