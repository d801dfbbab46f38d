"""Layers that draw random numbers: their generators are part of the model."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tests.backends.kinds.kind import Made, kind, numbers, trained


def drawing(shape: tuple[int, ...], *inside: Any, optimizer: Any = "adam") -> Made:
    model = keras.Sequential([keras.Input(shape), *inside, layers.Flatten(), layers.Dense(1)])
    return trained(model, numbers(2, *shape), numbers(2, 1), optimizer)


@kind()
def dropout() -> Made:
    return drawing((6,), layers.Dropout(0.4, seed=3), layers.Dense(4), layers.Dropout(0.2))


@kind()
def spatial_dropout() -> Made:
    return drawing((4, 3), layers.SpatialDropout1D(0.4), optimizer="sgd")


@kind()
def alpha_and_gaussian_dropout() -> Made:
    return drawing(
        (6,),
        layers.GaussianDropout(0.3),
        layers.Dense(4, activation="selu"),
        layers.AlphaDropout(0.2),
        layers.GaussianNoise(0.1),
        layers.ActivityRegularization(l2=0.01),
        optimizer="rmsprop",
    )


@kind()
def augmentation() -> Made:
    return drawing(
        (6, 6, 1),
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(0.1),
        layers.RandomTranslation(0.1, 0.1),
        layers.RandomContrast(0.2),
    )


@kind()
def random_zoom_and_brightness() -> Made:
    return drawing(
        (6, 6, 1), layers.RandomZoom(0.2), layers.RandomBrightness(0.2), optimizer="nadam"
    )
