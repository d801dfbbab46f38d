"""The adapter `tf-savedmodel` keeps the contract that every adapter keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bundlekit.testing import AdapterContract, Outcome

MODELS = Path(__file__).with_name("models.py")


def names() -> list[str]:
    """Read the names of the models from the file, so that collecting imports no framework."""
    listed = MODELS.read_text().partition("] = (\n")[2].partition(")\n")[0]
    return [name.strip() for name in listed.split(",") if name.strip()]


class TestSavedModel(AdapterContract):
    adapter = "tf-savedmodel"
    cases = MODELS

    def make(self) -> tuple[Any, Any]:
        import numpy as np
        import tf_keras

        tf_keras.utils.set_random_seed(2)
        tokens = tf_keras.Input((5,), dtype="int32", name="tokens")
        x = tf_keras.layers.Embedding(9, 4, mask_zero=True)(tokens)
        x = tf_keras.layers.LSTM(3)(x)
        model = tf_keras.Model(tokens, tf_keras.layers.Dense(1)(x), name="contract")
        model.compile("adam", "mse", metrics=["mae"])
        inputs = np.arange(20, dtype="int32").reshape(4, 5) % 9
        model.fit(inputs, np.ones((4, 1)), verbose=0)
        return model, inputs

    @pytest.mark.parametrize("name", names())
    def test_this_model_survives(self, name: str, outcomes: dict[str, Outcome]) -> None:
        outcomes[name].check()

    def test_there_are_at_least_fifteen_models(self, outcomes: dict[str, Outcome]) -> None:
        assert len(outcomes) >= 15
        assert set(outcomes) == set(names())
