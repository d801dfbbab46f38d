"""Models of Keras 2 in all their forms, and Keras 3's from what was migrated: equal outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.keras_adapter.legacy import keras_2, keras_2_models

if TYPE_CHECKING:
    from collections.abc import Callable

RANDOM = np.random.default_rng(7)


def one_input(name: str, tensor: Any) -> Any:
    import tensorflow as tf

    shape = tuple(2 if size is None else size for size in tensor.shape)
    if tensor.dtype == tf.string:
        return tf.constant(RANDOM.choice(["a b", "b", "c"], shape))
    if tensor.dtype == tf.bool:
        return RANDOM.random(shape) > 0.4
    if name in ("softmax_mask", "mha_kw") and shape[-1] in (5, 6):
        return (RANDOM.random(shape) > 0.4).astype("float32")
    if len(shape) == 2 and shape[1] == 6:
        return RANDOM.integers(0, 3, shape).astype("float32")  # indices of an embedding
    return RANDOM.normal(size=shape).astype(tensor.dtype.as_numpy_dtype)


@pytest.mark.parametrize("make", keras_2_models.MODELS, ids=lambda make: make.__name__)
@pytest.mark.filterwarnings("ignore")
def test_a_model_computes_what_it_did(make: Callable[[Any, Any], Any]) -> None:
    import tensorflow as tf

    old = make(keras_2.package(), tf)
    old = keras_2.with_weights(old, RANDOM, 0.9 if len(old.layers) < 40 else 0.11)
    given = [one_input(make.__name__, tensor) for tensor in tf.nest.flatten(old.inputs)]
    x = tf.nest.pack_sequence_as(old._nested_inputs, given)
    x = tf.sparse.from_dense(x) if make.__name__ == "sparse_in" else x
    expected = old(x, training=False)
    for form in keras_2.FORMS:
        new = keras_2.migrated(old, form)
        found = new(x, training=False)
        assert isinstance(found, dict) == isinstance(expected, dict)
        keras_2.assert_equal(found, expected, close=2e-3 if "mixed" in make.__name__ else 1e-5)
        assert [tuple(w.shape) for w in new.weights] == [tuple(w.shape) for w in old.weights]
        assert len(new.trainable_weights) == len(old.trainable_weights)
