"""scikit-learn and Keras, imported where their warnings are nobody's errors."""

from __future__ import annotations

import warnings
from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def _with_frameworks(framework: None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras.wrappers
        import skops.io

        keras.wrappers, skops.io


@pytest.fixture(scope="session")
def table() -> tuple[Any, Any]:
    """Give numbers in three columns, and a class for each row. Tests leave them as they are."""
    import numpy as np

    x = np.random.default_rng(3).normal(size=(60, 3))
    return x, (x[:, 0] + x[:, 1] > 0).astype(int)
