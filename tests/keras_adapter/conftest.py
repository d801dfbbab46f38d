"""Small real models, made once per worker process."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def _with_framework(framework: None) -> None:
    pass


@pytest.fixture(scope="session")
def trained() -> tuple[Any, Any]:
    """Give a small trained model with dropout, and inputs. Tests leave it as it is."""
    import keras
    import numpy as np

    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [
            keras.Input((4,), name="features"),
            keras.layers.Dense(6, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(2, name="out"),
        ],
        name="small",
    )
    model.compile("adam", "mse", metrics=["mae"])
    x = np.random.default_rng(1).normal(size=(8, 4)).astype("float32")
    model.fit(x, x[:, :2], verbose=0)
    return model, x
