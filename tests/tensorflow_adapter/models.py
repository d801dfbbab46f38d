"""Models of Keras 3, models of tf_keras and a module, for the fresh-process tests."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import keras
    import numpy as np
    import tensorflow as tf
    import tf_keras

from bundlekit.testing import Case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = str(Path(__file__).parent)
Made = tuple[Any, Any, Any]


def numbers(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def keras_sequential() -> Made:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dropout(0.5)])
    return model, numbers(40, 4), None


def keras_several_in_and_out() -> Made:
    right, left = keras.Input((2,), name="right"), keras.Input((3,), name="left")
    both = keras.layers.Concatenate()([right, left])
    model = keras.Model([right, left], [keras.layers.Dense(2)(both), keras.layers.Dense(1)(left)])
    return model, [numbers(5, 2), numbers(5, 3)], None


def keras_dicts() -> Made:
    taken = {"b": keras.Input((2,), name="b"), "a": keras.Input((3,), name="a")}
    both = keras.layers.Concatenate()([taken["b"], taken["a"]])
    model = keras.Model(taken, {"z": keras.layers.Dense(2)(both), "y": taken["a"] * 2.0})
    return model, {"a": numbers(5, 3), "b": numbers(5, 2)}, None


def keras_convolution() -> Made:
    image = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(3, 3, padding="same")(image)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    model = keras.Model(image, keras.layers.Dense(2, activation="softmax")(x))
    model.compile("adam", "mse")
    model.fit(numbers(4, 8, 8, 1), numbers(4, 2), verbose=0)
    return model, numbers(4, 8, 8, 1), None


def keras_text() -> Made:
    text = keras.Input((), dtype="string")
    vectorize = keras.layers.TextVectorization(output_sequence_length=4)
    vectorize.adapt(["red green blue", "apple pear", "stone"])
    x = keras.layers.Embedding(len(vectorize.get_vocabulary()), 3)(vectorize(text))
    model = keras.Model(text, keras.layers.Dense(1)(keras.layers.Flatten()(x)))
    return model, np.array(["red pear", "unknown blue stone", ""]), None


def keras_masked_lstm() -> Made:
    tokens = keras.Input((5,), dtype="int32")
    x = keras.layers.Embedding(9, 4, mask_zero=True)(tokens)
    model = keras.Model(tokens, keras.layers.Dense(1)(keras.layers.LSTM(3, dropout=0.1)(x)))
    return model, np.arange(20, dtype="int32").reshape(4, 5) % 9, None


def keras_custom_layer() -> Made:
    class Scale(keras.layers.Layer):
        """Of a function's body: no other process can have it."""

        def build(self, shape: Any) -> None:
            self.scale = self.add_weight(shape=(shape[-1],), initializer="random_normal")

        def call(self, x: Any) -> Any:
            return keras.ops.tanh(x * self.scale)

    model = keras.Sequential([keras.Input((3,)), Scale(), keras.layers.Dense(1)])
    return model, numbers(4, 3), None


def keras_subclassed() -> Made:
    class Pair(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = keras.layers.Dense(2)

        def call(self, inputs: Any) -> Any:
            return self.inner(inputs)

    model = Pair()
    model(numbers(2, 3))
    return model, numbers(6, 3), None


def trained(model: Any, x: Any, y: Any, optimizer: Any = "adam") -> Made:
    model.compile(optimizer, "mse", metrics=["mae"])
    model.fit(x, y, epochs=3, verbose=0, shuffle=False)
    return model, x, None


def keras_2_sequential() -> Made:
    model = tf_keras.Sequential(
        [
            tf_keras.layers.Dense(4, activation="relu", input_shape=(3,)),
            tf_keras.layers.BatchNormalization(),
            tf_keras.layers.Dense(1),
        ]
    )
    return trained(model, numbers(8, 3), numbers(8, 1))


def keras_2_functional() -> Made:
    right, left = tf_keras.Input((2,), name="right"), tf_keras.Input((3,), name="left")
    both = tf_keras.layers.Concatenate()([right, left])
    outputs = [
        tf_keras.layers.Dense(2, name="level")(both),
        tf_keras.layers.Dense(1, name="change")(tf.nn.relu(both) + 1.0),
    ]
    model = tf_keras.Model([right, left], outputs)
    optimizer = tf_keras.optimizers.RMSprop(0.01, momentum=0.5)
    return trained(model, [numbers(8, 2), numbers(8, 3)], [numbers(8, 2), numbers(8, 1)], optimizer)


def keras_2_subclassed() -> Made:
    from acme_layers import Tower  # type: ignore[import-not-found]

    return trained(Tower(width=3), numbers(8, 3), numbers(8, 1))


def keras_2_custom_layer() -> Made:
    from acme_layers import Scale, soft_clip

    model = tf_keras.Sequential(
        [
            tf_keras.layers.Dense(4, activation=soft_clip, input_shape=(3,)),
            Scale(gain=0.5),
            tf_keras.layers.Dense(1),
        ]
    )
    return trained(model, numbers(8, 3), numbers(8, 1))


def keras_2_recurrent() -> Made:
    tokens = tf_keras.Input((5,), dtype="int32")
    x = tf_keras.layers.Embedding(9, 4, mask_zero=True)(tokens)
    x = tf_keras.layers.Bidirectional(tf_keras.layers.LSTM(3))(x)
    model = tf_keras.Model(tokens, tf_keras.layers.Dense(1)(x))
    x = np.arange(20, dtype="int32").reshape(4, 5) % 9
    return trained(model, x, numbers(4, 1), "nadam")


def keras_2_legacy_optimizer() -> Made:
    model = tf_keras.Sequential([tf_keras.layers.Dense(2, input_shape=(3,))])
    optimizer = tf_keras.optimizers.legacy.Adam(0.01)
    return trained(model, numbers(8, 3), numbers(8, 2), optimizer)


def module() -> Made:
    class Affine(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.slope = tf.Variable(numbers(3))

        @tf.function(input_signature=[tf.TensorSpec([None, 3])])
        def scale(self, x: Any) -> Any:
            return {"scaled": x * self.slope}

        @tf.function(input_signature=[tf.TensorSpec([None, 3]), tf.TensorSpec([])])
        def shift(self, x: Any, by: Any) -> Any:
            return {"shifted": x + by * self.slope}

    return Affine(), {"scale": (numbers(4, 3),), "shift": (numbers(4, 3), np.float32(2))}, None


OWN: dict[str, dict[str, str]] = {
    "keras_2_subclassed": {"Tower": "acme_layers:Tower"},
    "keras_2_custom_layer": {
        "acme>Scale": "acme_layers:Scale",
        "soft_clip": "acme_layers:soft_clip",
    },
}
MODELS: tuple[Callable[[], Made], ...] = (
    keras_sequential,
    keras_several_in_and_out,
    keras_dicts,
    keras_convolution,
    keras_text,
    keras_masked_lstm,
    keras_custom_layer,
    keras_subclassed,
    keras_2_sequential,
    keras_2_functional,
    keras_2_subclassed,
    keras_2_custom_layer,
    keras_2_recurrent,
    keras_2_legacy_optimizer,
    module,
)


def cases() -> Iterator[Case]:
    sys.path.insert(0, HERE)
    wanted = os.environ.get("BUNDLEKIT_TEST_MODELS", "").split()
    for make in MODELS:
        if wanted and make.__name__ not in wanted:
            continue
        keras.utils.set_random_seed(1)
        model, inputs, targets = make()
        own = OWN.get(make.__name__, {})
        yield Case(
            name=make.__name__,
            obj=model,
            inputs=inputs,
            targets=targets,
            adapter="tf-savedmodel",
            custom_objects=own,
            python_path=(HERE,) if own else (),
        )
