"""What tests of every folder may use."""

from __future__ import annotations

import os
import warnings

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session")
def framework() -> None:
    """Import Keras and its backend, which warn while they are imported; what follows is ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras

        keras.backend.backend()
