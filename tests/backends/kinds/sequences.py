"""Layers that see one step after another, or all steps at once."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, optimizers

from tests.backends.kinds.kind import Made, classes, kind, numbers, trained


def recurrent(*inside: Any, optimizer: Any = "adam", steps: int = 2) -> Made:
    """Train a model that sees short sequences through some layers."""
    model = keras.Sequential([keras.Input((4, 3), batch_size=2), *inside, layers.Dense(1)])
    return trained(model, numbers(2, 4, 3), numbers(2, 1), optimizer, steps=steps)


@kind()
def embedding() -> Made:
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(9, 3, mask_zero=True),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1, "sigmoid"),
        ]
    )
    x, y = classes(9, 4, 5), classes(2, 4, 1).astype("float32")
    return trained(model, x, y, "adam", "binary_crossentropy", metrics=["auc"])


@kind()
def lstm() -> Made:
    return recurrent(layers.LSTM(3), optimizer=optimizers.Adam(0.01, global_clipnorm=1.0))


@kind()
def gru() -> Made:
    return recurrent(layers.GRU(3, reset_after=False), optimizer="rmsprop")


@kind()
def simple_rnn() -> Made:
    return recurrent(layers.SimpleRNN(3, go_backwards=True), optimizer="adagrad")


@kind()
def bidirectional() -> Made:
    return recurrent(
        layers.Bidirectional(layers.GRU(2, return_sequences=True)),
        layers.Bidirectional(layers.LSTM(2), backward_layer=layers.LSTM(2, go_backwards=True)),
        optimizer="adamax",
    )


@kind()
def stacked_cells() -> Made:
    cells = [layers.LSTMCell(3), layers.GRUCell(2), layers.SimpleRNNCell(2)]
    return recurrent(layers.RNN(cells), optimizer="nadam")


@kind()
def recurrent_dropout() -> Made:
    return recurrent(layers.LSTM(3, dropout=0.3, recurrent_dropout=0.2), optimizer="sgd")


@kind(
    untrained={
        "torch": "Keras changes the states in place, which PyTorch's gradients forbid",
        "jax": "Keras traces the states as constants: every step starts from those of the first",
    }
)
def stateful() -> Made:
    return recurrent(
        layers.LSTM(3, stateful=True, return_sequences=True),
        layers.GRU(2, stateful=True),
        steps=2 if keras.backend.backend() == "tensorflow" else 0,
    )


@kind()
def conv_lstm() -> Made:
    model = keras.Sequential(
        [
            keras.Input((3, 4, 4, 1)),
            layers.ConvLSTM2D(2, 3, padding="same"),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    return trained(model, numbers(2, 3, 4, 4, 1), numbers(2, 1), "adam")


@kind()
def masking() -> Made:
    model = keras.Sequential(
        [keras.Input((4, 3)), layers.Masking(-1.0), layers.LSTM(2), layers.Dense(1)]
    )
    x = np.where(np.arange(4)[None, :, None] < 3, numbers(2, 4, 3), np.float32(-1.0))
    return trained(model, x, numbers(2, 1), "adam")


@kind()
def time_distributed() -> Made:
    return recurrent(
        layers.TimeDistributed(layers.Dense(2)),
        layers.TimeDistributed(keras.Sequential([layers.Dense(3), layers.BatchNormalization()])),
        layers.GlobalAveragePooling1D(),
        optimizer="adamw",
    )


@kind()
def attention() -> Made:
    query, value = keras.Input((4, 3)), keras.Input((5, 3))
    x = layers.Attention(use_scale=True, score_mode="concat")([query, value])
    x = layers.AdditiveAttention()([x, value])
    model = keras.Model([query, value], layers.Dense(1)(layers.GlobalMaxPooling1D()(x)))
    return trained(model, [numbers(2, 4, 3), numbers(2, 5, 3)], numbers(2, 1), "adadelta")


@kind()
def grouped_query_attention() -> Made:
    start = keras.Input((4, 6))
    x = layers.GroupQueryAttention(head_dim=2, num_query_heads=4, num_key_value_heads=2)(
        start, start, use_causal_mask=True
    )
    model = keras.Model(start, layers.Dense(1)(layers.GlobalAveragePooling1D()(x)))
    return trained(model, numbers(2, 4, 6), numbers(2, 1), "lion")


@kind()
def transformer_block() -> Made:
    tokens = keras.Input((5,), dtype="int32")
    x = layers.Embedding(11, 8, name="words")(tokens)
    attended = layers.MultiHeadAttention(2, 4, name="heads")(x, x, use_causal_mask=True)
    x = layers.LayerNormalization()(layers.Add()([x, attended]))
    wide = layers.Dense(8)(layers.Dense(16, activation="gelu")(x))
    x = layers.LayerNormalization()(layers.Add()([x, wide]))
    model = keras.Model(tokens, layers.Dense(11)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return trained(model, classes(11, 2, 5), classes(11, 2, 5), optimizers.AdamW(0.01), loss)


@kind()
def einsum_dense() -> Made:
    return recurrent(
        layers.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de"),
        layers.Reshape((4, 6)),
        layers.Permute((2, 1)),
        layers.Flatten(),
        optimizer="muon",
    )
