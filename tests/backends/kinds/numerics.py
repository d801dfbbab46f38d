"""Numbers that are not float32: other floats, quantized kernels, low-rank additions."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, optimizers

from tests.backends.kinds.kind import Made, kind, numbers, trained


def dense(dtype: Any, optimizer: Any, inputs: str = "float32") -> Made:
    model = keras.Sequential(
        [
            keras.Input((6,), dtype=inputs),
            layers.Dense(8, activation="gelu", dtype=dtype),
            layers.LayerNormalization(dtype=dtype),
            layers.Dense(1, dtype=dtype),
        ]
    )
    return trained(model, numbers(4, 6).astype(inputs), numbers(4, 1).astype(inputs), optimizer)


@kind(tolerance=2e-2)
def mixed_bfloat16() -> Made:
    return dense("mixed_bfloat16", "adam")


@kind(tolerance=2e-3)
def mixed_float16() -> Made:
    optimizer = optimizers.LossScaleOptimizer(
        optimizers.Adam(), initial_scale=64.0, dynamic_growth_steps=2
    )
    return dense("mixed_float16", optimizer)


@kind(tolerance=2e-2)
def bfloat16() -> Made:
    return dense("bfloat16", optimizers.SGD(0.1, momentum=0.9))


@kind(
    tolerance=1e-6,
    unable={"jax": "JAX has no float64 unless its process was started with JAX_ENABLE_X64"},
)
def float64() -> Made:
    # Some of it is computed in float32: `Dense` on PyTorch, constants of `gelu` on TensorFlow.
    return dense("float64", "rmsprop", "float64")


def quantized(mode: str) -> Made:
    """Quantize what was trained; a quantized model predicts, and is not compiled here."""
    model, x, _ = dense("float32", "adam")
    predicting = keras.Model(model.inputs, model.outputs)
    predicting.quantize(mode)
    return predicting, x, None


@kind(tolerance=1e-2)
def int8() -> Made:
    return quantized("int8")


@kind(tolerance=1e-2)
def int4() -> Made:
    return quantized("int4")


@kind()
def lora() -> Made:
    model, x, y = dense("float32", "adam")
    model.layers[0].enable_lora(2)
    model.layers[2].enable_lora(1)
    return trained(model, x, y, optimizers.Adam(0.05))


@kind()
def lora_of_embedding_and_attention() -> Made:
    tokens = keras.Input((4,), dtype="int32")
    words = layers.Embedding(7, 4)
    project = layers.EinsumDense("abc,cd->abd", output_shape=(None, 3))
    x = layers.GlobalAveragePooling1D()(project(words(tokens)))
    model = keras.Model(tokens, layers.Dense(1)(x))
    words.enable_lora(2)
    project.enable_lora(2)
    inputs = abs(numbers(3, 4) * 3).astype("int32") % 7
    return trained(model, inputs, numbers(3, 1), "adamw")
