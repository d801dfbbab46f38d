"""States of training: what is frozen, averaged, accumulated, or has not begun."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, optimizers

from tests.backends.kinds.kind import Made, classes, kind, numbers, trained


def mlp() -> Any:
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(5, activation="relu", name="below"),
            layers.BatchNormalization(name="normal"),
            layers.Dense(2, name="above"),
        ]
    )


@kind()
def moving_average() -> Made:
    optimizer = optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3)
    return trained(mlp(), numbers(4, 4), numbers(4, 2), optimizer)


@kind()
def gradient_accumulation() -> Made:
    """Bundled with gradients at hand that were not applied yet."""
    optimizer = optimizers.Nadam(0.01, gradient_accumulation_steps=3)
    return trained(mlp(), numbers(4, 4), numbers(4, 2), optimizer, steps=5)


@kind()
def learning_rate_schedule() -> Made:
    schedule = optimizers.schedules.ExponentialDecay(0.1, 2, 0.9, staircase=True)
    optimizer = optimizers.SGD(schedule, momentum=0.9, weight_decay=0.01)
    return trained(mlp(), numbers(4, 4), numbers(4, 2), optimizer, "huber")


@kind()
def learning_rate_set_by_hand() -> Made:
    model, x, y = trained(mlp(), numbers(4, 4), numbers(4, 2), "adafactor")
    model.optimizer.learning_rate = 0.0125
    return model, x, y


@kind()
def frozen_layers() -> Made:
    model = mlp()
    model.get_layer("below").trainable = False
    model.get_layer("normal").trainable = False
    return trained(model, numbers(4, 4), numbers(4, 2), "adam")


@kind(untrained={"jax": "Keras on JAX has no step where the optimizer was built for other weights"})
def frozen_after_compiling() -> Made:
    """The optimizer holds slots of weights that are not trained any more."""
    model, x, y = trained(mlp(), numbers(4, 4), numbers(4, 2), "adam")
    model.get_layer("below").trainable = False
    return model, x, y


@kind()
def frozen_container() -> Made:
    """A model inside is frozen itself, and so are its layers."""
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(2)], name="inner")
    inner.trainable = False
    start = keras.Input((4,))
    model = keras.Model(start, layers.Dense(2)(inner(start)))
    return trained(model, numbers(4, 4), numbers(4, 2), optimizers.Lamb())


@kind()
def running_metrics() -> Made:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, "softmax")])
    top = keras.metrics.SparseTopKCategoricalAccuracy(2, name="top")
    return trained(
        model,
        numbers(6, 4),
        classes(3, 6),
        "ftrl",
        "sparse_categorical_crossentropy",
        metrics=["accuracy", top],
        weighted_metrics=[keras.metrics.SparseCategoricalCrossentropy(name="weighted")],
    )


@kind()
def loss_of_layers() -> Made:
    """Regularizers and constraints."""
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(
                3,
                kernel_regularizer=keras.regularizers.L1L2(0.01, 0.02),
                kernel_constraint=keras.constraints.MaxNorm(0.5),
                activity_regularizer="l2",
            ),
            layers.PReLU(),
            layers.Dense(2),
        ]
    )
    return trained(model, numbers(4, 4), numbers(4, 2), optimizers.Lion(0.01))


@kind()
def compiled_and_never_trained() -> Made:
    return trained(mlp(), numbers(4, 4), numbers(4, 2), "ftrl", steps=0)


@kind()
def not_compiled() -> Made:
    return mlp(), numbers(4, 4), None
