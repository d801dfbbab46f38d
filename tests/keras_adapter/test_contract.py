"""The adapter `keras` keeps the contract that every adapter keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bundlekit.testing import AdapterContract, Outcome

MODELS = Path(__file__).with_name("models.py")


def names() -> list[str]:
    """Read the names of the models from the file, so that collecting imports no framework."""
    listed = MODELS.read_text().partition("MODELS = (")[2].partition(")")[0]
    return [name.strip() for name in listed.split(",") if name.strip()]


class TestKeras(AdapterContract):
    adapter = "keras"
    cases = MODELS

    def make(self) -> tuple[Any, Any]:
        import keras
        import numpy as np

        keras.utils.set_random_seed(2)
        tokens = keras.Input((5,), dtype="int32", name="tokens")
        x = keras.layers.Embedding(9, 4, mask_zero=True)(tokens)
        x = keras.layers.LSTM(3, dropout=0.1)(x)
        model = keras.Model(tokens, keras.layers.Dense(1)(x), name="contract")
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
