"""The adapter `composite` keeps the contract that every adapter keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bundlekit.testing import AdapterContract, Outcome

STRUCTURES = Path(__file__).with_name("structures.py")


def names() -> list[str]:
    """Read the names of the structures from the file; collecting imports no framework."""
    listed = STRUCTURES.read_text().partition("STRUCTURES = (")[2].partition(")")[0]
    return [name.strip() for name in listed.split(",") if name.strip()]


class TestComposite(AdapterContract):
    adapter = "composite"
    cases = STRUCTURES

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _with_framework(cls, framework: None) -> None:
        pass

    def make(self) -> tuple[Any, Any]:
        import keras
        import numpy as np

        keras.utils.set_random_seed(2)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="contract")
        held = {"model": model, "again": [model], "table": np.arange(900.0), 3: (None, {4.5})}
        return held, {"['model']": np.ones((2, 3), "float32")}

    @pytest.mark.parametrize("name", names())
    def test_this_structure_survives(self, name: str, outcomes: dict[str, Outcome]) -> None:
        outcomes[name].check()

    def test_no_structure_was_left_out(self, outcomes: dict[str, Outcome]) -> None:
        assert set(outcomes) == set(names())
        assert len(outcomes) >= 10
