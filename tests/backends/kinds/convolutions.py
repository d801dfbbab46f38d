"""Layers that see neighbourhoods, and what normalizes."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, optimizers

from tests.backends.kinds.kind import Made, kind, numbers, trained


def image(*inside: Any, optimizer: Any = "adam", size: int = 8, **compiled: Any) -> Made:
    """Train a model that sees small pictures through some layers."""
    model = keras.Sequential(
        [keras.Input((size, size, 2)), *inside, layers.Flatten(), layers.Dense(1)]
    )
    return trained(model, numbers(2, size, size, 2), numbers(2, 1), optimizer, **compiled)


@kind()
def conv_1d() -> Made:
    model = keras.Sequential(
        [
            keras.Input((12, 2)),
            layers.Conv1D(3, 3, dilation_rate=2, padding="causal", activation="swish"),
            layers.MaxPooling1D(),
            layers.Conv1DTranspose(2, 3, strides=2),
            layers.AveragePooling1D(2),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1),
        ]
    )
    return trained(model, numbers(2, 12, 2), numbers(2, 1), "lion", "log_cosh")


@kind()
def conv_2d() -> Made:
    schedule = optimizers.schedules.CosineDecay(0.01, 50)
    return image(
        layers.Conv2D(3, 3, strides=2, padding="same", use_bias=False),
        layers.ReLU(max_value=6.0),
        layers.Conv2D(4, 2, groups=1, kernel_regularizer="l2"),
        layers.MaxPooling2D(),
        optimizer=optimizers.SGD(schedule, momentum=0.9),
    )


@kind()
def conv_2d_transpose() -> Made:
    return image(
        layers.AveragePooling2D(2), layers.Conv2DTranspose(2, 3, strides=2), optimizer="rmsprop"
    )


@kind()
def conv_3d() -> Made:
    model = keras.Sequential(
        [
            keras.Input((4, 4, 4, 1)),
            layers.Conv3D(2, 2),
            layers.GlobalMaxPooling3D(),
            layers.Dense(1),
        ]
    )
    return trained(model, numbers(2, 4, 4, 4, 1), numbers(2, 1), "ftrl")


@kind()
def depthwise_and_separable() -> Made:
    return image(
        layers.DepthwiseConv2D(3, depth_multiplier=2),
        layers.SeparableConv2D(3, 3, activation="gelu"),
        optimizer="nadam",
    )


@kind()
def padding_cropping_upsampling() -> Made:
    return image(
        layers.ZeroPadding2D(1),
        layers.Conv2D(2, 3, data_format="channels_last"),
        layers.UpSampling2D(2, interpolation="bilinear"),
        layers.Cropping2D(((1, 2), (2, 1))),
    )


@kind()
def batch_normalization() -> Made:
    return image(
        layers.BatchNormalization(momentum=0.7),
        layers.Conv2D(2, 3),
        layers.BatchNormalization(scale=False),
        optimizer=optimizers.Adam(amsgrad=True),
    )


@kind()
def layer_and_rms_normalization() -> Made:
    return image(layers.LayerNormalization(), layers.RMSNormalization(), optimizer="adamw")


@kind()
def group_and_unit_normalization() -> Made:
    return image(
        layers.Conv2D(4, 3), layers.GroupNormalization(2), layers.UnitNormalization(), size=6
    )


@kind()
def spectral_normalization() -> Made:
    return image(layers.SpectralNormalization(layers.Conv2D(3, 3)), optimizer="adagrad")
