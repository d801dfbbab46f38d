"""The adapters `keras-h5`, `keras-weights` and `keras-config` keep the contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bundlekit.testing import AdapterContract, Outcome
from bundlekit.testing.fresh import fresh_process

CASES = Path(__file__).with_name("other_formats.py")


@pytest.fixture(scope="module")
def others() -> dict[str, Outcome]:
    return fresh_process(CASES)


class Contract(AdapterContract):
    __test__ = False
    cases = CASES
    survivors: int

    @pytest.fixture(scope="class")
    @classmethod
    def outcomes(cls, others: dict[str, Outcome]) -> dict[str, Outcome]:
        suffix = f"-{cls.adapter}"
        return {name: one for name, one in others.items() if name.endswith(suffix)}

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

    def test_all_models_were_tried(self, outcomes: dict[str, Outcome]) -> None:
        assert len(outcomes) == self.survivors


class TestH5(Contract):
    __test__ = True
    adapter = "keras-h5"
    survivors = 19


class TestWeights(Contract):
    __test__ = True
    adapter = "keras-weights"
    survivors = 6


class TestConfig(Contract):
    __test__ = True
    adapter = "keras-config"
    survivors = 6
