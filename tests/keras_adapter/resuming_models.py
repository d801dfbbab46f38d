"""Trains models in one process, and the rest of the way in another: `write FOLDER`, `read FOLDER`.

Each way of training is run three times: all at once; in two parts in the same process; and in two
parts with a bundle in between, whose second part a fresh process trains.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers

import bundlekit

if TYPE_CHECKING:
    from collections.abc import Callable

sys.path.insert(0, str(Path(__file__).parent))
import acme_exact  # type: ignore[import-not-found]

FIRST, ALL = 3, 5
"""Epochs, of four steps each."""
X = np.random.default_rng(1).normal(size=(32, 6, 6, 1)).astype("float32")
Y = np.random.default_rng(2).normal(size=(32, 1)).astype("float32")


def augmenting() -> Any:
    """Give a model whose every training step draws random numbers."""
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.RandomTranslation(0.2, 0.2),
            layers.GaussianNoise(0.05),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dropout(0.4),
            layers.Dense(1),
        ]
    )


def stepping() -> Any:
    """Give a model with a training step of its own."""
    model = acme_exact.Stepping()
    model(X.reshape(32, 36))
    return model


def schedule() -> Any:
    return keras.optimizers.schedules.CosineDecay(0.05, 15)


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "adam": lambda: keras.optimizers.Adam(0.01),
    "momentum_and_schedule": lambda: keras.optimizers.SGD(schedule(), momentum=0.9, nesterov=True),
    "average": lambda: keras.optimizers.AdamW(
        0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=7
    ),
    "scaled_loss": lambda: keras.optimizers.LossScaleOptimizer(
        keras.optimizers.Adam(0.01), initial_scale=256.0, dynamic_growth_steps=5
    ),
    "accumulation": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=3),
}
"""Four steps an epoch and three epochs: the bundle is made between accumulations and averages."""
MODELS: dict[str, Callable[[], Any]] = {"fit": augmenting, "own_step": stepping}
CASES = [f"{model}-{optimizer}" for model in MODELS for optimizer in OPTIMIZERS]


def made(case: str) -> Any:
    keras.utils.set_random_seed(11)
    model, _, optimizer = case.partition("-")
    found = MODELS[model]()
    found.compile(OPTIMIZERS[optimizer](), "mse", metrics=["mae"] if model == "fit" else None)
    return found


def train(model: Any, epochs: int) -> None:
    x = X.reshape(32, 36) if isinstance(model, acme_exact.Stepping) else X
    model.fit(x, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0)


def values(model: Any) -> dict[str, Any]:
    from bundlekit_keras.account import account_of

    entries = account_of(model).entries
    return {path: entry.read() for path, entry in entries.items() if entry.kind != "metric"}


def write(folder: Path) -> None:
    for case in CASES:
        whole = made(case)
        train(whole, ALL)
        parts = made(case)
        train(parts, FIRST)
        bundlekit.dump(parts, folder / f"{case}.bundle")
        train(parts, ALL - FIRST)
        np.savez(folder / f"{case}.whole.npz", **values(whole))
        np.savez(folder / f"{case}.parts.npz", **values(parts))


def read(folder: Path) -> None:
    for case in CASES:
        own = {"Stepping": acme_exact.Stepping}
        model = bundlekit.load(folder / f"{case}.bundle", custom_objects=own)
        train(model, ALL - FIRST)
        np.savez(folder / f"{case}.resumed.npz", **values(model))


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](Path(sys.argv[2]))
