"""Functions of TensorFlow in models of Keras 2, as operations of Keras 3, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bundlekit.errors import NotRestorable
from tests.keras_adapter.legacy import keras_2
from tests.keras_adapter.legacy.keras_2_functions import KNOWN, UNKNOWN

RANDOM = np.random.default_rng(3)
INPUTS = [RANDOM.normal(size=(2, 3, 4)).astype("float32") for _ in "xy"]


def model_of(function: Any) -> Any:
    import tensorflow as tf

    k2 = keras_2.package()
    x, y = k2.Input((3, 4)), k2.Input((3, 4))
    return k2.Model([x, y], function(tf, x, y))


@pytest.mark.parametrize("name", KNOWN)
def test_a_function_becomes_an_operation_that_computes_the_same(name: str) -> None:
    old = model_of(KNOWN[name])
    for form in ("h5", "json"):
        keras_2.assert_equal(keras_2.migrated(old, form)(INPUTS), old(INPUTS))


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_function_without_a_match_is_refused(name: str) -> None:
    old = model_of(UNKNOWN[name])
    with pytest.raises(NotRestorable, match=r"function tf\..* of TensorFlow at config.layers"):
        keras_2.migrated(old, "json")
