"""Layers that learn from data before training, or nothing at all."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from tests.backends.kinds.kind import Made, classes, kind, numbers, trained

TEXT = "tensors of text exist on TensorFlow only"
NO_TEXT = {"jax": TEXT, "torch": TEXT}


def head(inputs: Any, features: Any, x: Any, steps: int = 2) -> Made:
    model = keras.Model(inputs, layers.Dense(1)(layers.Flatten()(features)))
    return trained(model, x, numbers(4, 1), "adam", steps=steps)


@kind()
def normalization() -> Made:
    x = numbers(4, 3) * 3 + 1
    layer = layers.Normalization()
    layer.adapt(x)
    start = keras.Input((3,))
    return head(start, layer(start), x)


@kind()
def discretization() -> Made:
    x = numbers(4, 3) * 3
    layer = layers.Discretization(num_bins=4, output_mode="one_hot")
    layer.adapt(x)
    start = keras.Input((3,))
    return head(start, layer(start), x)


@kind()
def rescaling_resizing_encoding() -> Made:
    picture, code = keras.Input((6, 6, 1), name="picture"), keras.Input((1,), dtype="int32")
    small = layers.Resizing(3, 3)(layers.Rescaling(1 / 127.5, offset=-1)(picture))
    encoded = layers.CategoryEncoding(4, output_mode="one_hot")(code)
    joined = layers.Concatenate()([layers.Flatten()(small), encoded])
    return head([picture, code], joined, [abs(numbers(4, 6, 6, 1)) * 100, classes(4, 4, 1)])


@kind(
    tensorflow="IntegerLookup computes with TensorFlow",
    untrained={"jax": "IntegerLookup computes with TensorFlow, which JAX cannot trace"},
)
def integer_lookup() -> Made:
    codes = np.array([[10], [20], [10], [30]], dtype="int64")
    layer = layers.IntegerLookup(output_mode="one_hot")
    layer.adapt(codes)
    start = keras.Input((1,), dtype="int64")
    return head(start, layer(start), codes, 0 if keras.backend.backend() == "jax" else 2)


@kind(unable=NO_TEXT, tensorflow="StringLookup computes with TensorFlow")
def string_lookup() -> Made:
    words = keras.ops.convert_to_tensor([["red"], ["green"], ["blue"], ["red"]], dtype="string")
    layer = layers.StringLookup(output_mode="one_hot")
    layer.adapt(words)
    start = keras.Input((1,), dtype="string")
    return head(start, layer(start), words)


@kind(unable=NO_TEXT, tensorflow="TextVectorization computes with TensorFlow")
def text_vectorization() -> Made:
    texts = keras.ops.convert_to_tensor([["a cat"], ["the mat"], ["a dog"], ["ran"]], "string")
    layer = layers.TextVectorization(max_tokens=9, output_sequence_length=3)
    layer.adapt(texts)
    start = keras.Input((1,), dtype="string")
    return head(start, layers.Embedding(9, 2)(layer(start)), texts)
