"""Classes of a user that hold their variables in ways of their own."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


class Wrapper(layers.Layer):
    """Wraps a layer that another one may wrap too."""

    def __init__(self, inner: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = inner

    def build(self, shape: Any) -> None:
        if not self.inner.built:
            self.inner.build(shape)
        self.built = True

    def call(self, x: Any) -> Any:
        return self.inner(x)

    def get_config(self) -> dict[str, Any]:
        inner = keras.saving.serialize_keras_object(self.inner)
        return {**super().get_config(), "inner": inner}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        inner = keras.saving.deserialize_keras_object(config["inner"])
        return cls(**{**config, "inner": inner})


class Noise:
    """No object of Keras', with a variable and a random generator."""

    def __init__(self) -> None:
        self.scale = keras.Variable(0.5)
        self.generator = keras.random.SeedGenerator(3)


class Nested(layers.Layer):
    """Holds layers in lists, tuples and dicts inside each other, and more in a plain object."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.held = {"a": [layers.Dense(4), (layers.Dense(4),)], "b": [[{"c": layers.Dense(4)}]]}
        self.noise = Noise()
        self.calls = keras.Variable(0, dtype="int32", trainable=False)

    def build(self, shape: Any) -> None:
        for dense in (self.held["a"][0], self.held["a"][1][0], self.held["b"][0][0]["c"]):
            dense.build(shape)
        self.built = True

    def call(self, x: Any) -> Any:
        self.calls.assign_add(1)
        x = self.held["a"][1][0](self.held["a"][0](x))
        drawn = keras.random.normal((4,), seed=self.noise.generator)
        return self.held["b"][0][0]["c"](x) + self.noise.scale * drawn


class Held(layers.Layer):
    """Holds layers in whatever containers its form has; every other list becomes a tuple."""

    def __init__(self, form: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.form = form
        self.inner: list[Any] = []
        self.held = self._made(form, 0)

    def _made(self, form: Any, depth: int) -> Any:
        if isinstance(form, dict):
            return {key: self._made(child, depth + 1) for key, child in form.items()}
        if isinstance(form, list | tuple):
            kind = tuple if depth % 2 else list
            return kind(self._made(child, depth + 1) for child in form)
        made = (
            layers.Dropout(0.2) if form == "drop" else layers.Dense(form, dtype=self.dtype_policy)
        )
        self.inner.append(made)
        return made

    def build(self, shape: Any) -> None:
        for one in self.inner:
            one.build(shape)
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        for one in self.inner:
            x = one(x, training=training) if isinstance(one, layers.Dropout) else x + one(x)
        return x

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "form": self.form}


class Stepping(keras.Model):
    """Trains in a step of its own, and counts and measures while it does."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden = layers.Dense(8, activation="tanh")
        self.drop = layers.Dropout(0.3)
        self.out = layers.Dense(1)
        self.steps = keras.Variable(0, dtype="int32", trainable=False)
        self.seen = keras.metrics.Mean(name="seen")

    def call(self, x: Any, training: bool = False) -> Any:
        return self.out(self.drop(self.hidden(x), training=training))

    def train_step(self, data: Any) -> Any:
        import tensorflow as tf

        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(x, training=True), training=True)
            scaled = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        self.steps.assign_add(1)
        self.seen.update_state(loss)
        return {"loss": loss, "seen": self.seen.result()}


class Scores(layers.Layer):
    """Answers with the weights of another layer."""

    def __init__(self, words: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.words = words

    def build(self, shape: Any) -> None:
        self.kernel = self.words.embeddings

    def call(self, x: Any) -> Any:
        return ops.matmul(x, ops.transpose(self.kernel))


class Tied(keras.Model):
    """Has one matrix at both ends."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.words = layers.Embedding(5, 4)
        self.scores = Scores(self.words)

    def call(self, x: Any) -> Any:
        return self.scores(self.words(x))


class Two(keras.Model):
    """Makes its layers itself, so that nothing says what was done to them afterwards."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first = layers.Dense(5)
        self.second = layers.Dense(4)
        self.aside = keras.optimizers.SGD(0.1, momentum=0.9)
        self.more = [keras.optimizers.Adam(0.1)]

    def call(self, x: Any) -> Any:
        return self.second(self.first(x))
