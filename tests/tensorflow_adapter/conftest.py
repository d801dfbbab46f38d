"""Small real models, made once per worker process."""

from __future__ import annotations

import warnings
from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def _with_framework(framework: None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tf_keras

        assert tf_keras.__version__


@pytest.fixture(scope="session")
def exported() -> tuple[Any, Any, bytes]:
    """Give a Keras 3 model with two named inputs and outputs, inputs for it, and its export."""
    import keras
    import numpy as np

    import bundlekit

    keras.utils.set_random_seed(3)
    right = keras.Input((2,), name="right")
    left = keras.Input((3,), name="left")
    both = keras.layers.Concatenate()([right, left])
    model = keras.Model(
        [right, left],
        [keras.layers.Dense(2, name="level")(both), keras.layers.Dense(1, name="change")(both)],
        name="two",
    )
    rng = np.random.default_rng(4)
    inputs = [rng.normal(size=(70, width)).astype("float32") for width in (2, 3)]
    return model, inputs, bundlekit.dumps(model, "tf-savedmodel")


@pytest.fixture(scope="session")
def trained() -> tuple[Any, Any, Any]:
    """Give a trained model of tf_keras, inputs and targets. Tests leave it as it is."""
    import numpy as np
    import tf_keras

    tf_keras.utils.set_random_seed(3)
    model = tf_keras.Sequential(
        [
            tf_keras.layers.Dense(4, activation="relu", input_shape=(3,)),
            tf_keras.layers.Dense(1),
        ],
        name="small",
    )
    model.compile("adam", "mse", metrics=["mae"])
    x = np.random.default_rng(1).normal(size=(8, 3)).astype("float32")
    y = x.sum(axis=1, keepdims=True)
    model.fit(x, y, epochs=3, verbose=0)
    return model, x, y
