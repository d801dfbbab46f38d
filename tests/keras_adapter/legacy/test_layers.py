"""Every layer of Keras 2, built, and then by Keras 3 from its migrated config: equal outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bundlekit.errors import NotRestorable
from tests.keras_adapter.legacy import keras_2, keras_2_layers

if TYPE_CHECKING:
    from tests.keras_adapter.legacy.keras_2_layers import Case

RANDOM = np.random.default_rng(5)


def model_of(case: Case) -> Any:
    k2 = keras_2.package()
    dtype = "string" if case.words else "int64" if case.ranges else "float32"
    inputs = [k2.Input(shape, dtype=dtype) for shape in case.shapes]
    cls: Any = k2.layers
    for step in case.layer.split("."):
        cls = getattr(cls, step)
    outputs = cls(**case.arguments)(inputs[0] if len(inputs) == 1 else inputs, **case.call)
    return keras_2.with_weights(k2.Model(inputs, outputs), RANDOM)


def inputs_of(case: Case) -> Any:
    import tensorflow as tf

    def one(shape: tuple[int, ...]) -> Any:
        if case.words:
            return tf.constant(RANDOM.choice(case.words, (2, *shape)))
        if case.ranges:
            return RANDOM.integers(0, case.ranges, (2, *shape))
        return RANDOM.normal(size=(2, *shape)).astype("float32")

    given = [one(shape) for shape in case.shapes]
    return given[0] if len(given) == 1 else given


@pytest.mark.parametrize("case", keras_2_layers.CASES, ids=lambda case: case.layer)
@pytest.mark.filterwarnings("ignore")
def test_a_layer_computes_what_it_did(case: Case) -> None:
    old, x = model_of(case), inputs_of(case)
    for form in ("h5", "keras"):
        new = keras_2.migrated(old, form)
        # Keras 3 counts words in integers, where Keras 2 did in numbers with a point.
        counted = bool(case.words or case.ranges)
        keras_2.assert_equal(new(x, training=False), old(x, training=False), widths=not counted)


@pytest.mark.parametrize("case", keras_2_layers.REFUSED, ids=lambda case: case.layer)
@pytest.mark.filterwarnings("ignore")
def test_a_layer_that_would_compute_something_else_is_refused(case: Case) -> None:
    old = model_of(case)
    for form in ("h5", "keras"):
        with pytest.raises(NotRestorable, match=r"the real Keras 2 \(the package tf_keras\)"):
            keras_2.migrated(old, form)


@pytest.mark.filterwarnings("ignore")
def test_every_layer_of_keras_2_is_in_the_sweep_or_has_a_reason_not_to_be() -> None:
    cases = (*keras_2_layers.CASES, *keras_2_layers.REFUSED)
    swept = {case.layer.rpartition(".")[2] for case in cases}
    k2 = keras_2.package()
    layers = (getattr(k2.layers, name) for name in dir(k2.layers))
    all_of_them = {one.__name__ for one in layers if isinstance(one, type)}
    abstract = {"AbstractRNNCell", "InputSpec", "Layer", "Wrapper"}
    in_models = {"Bidirectional", "GRUCell", "Identity", "InputLayer", "LSTMCell", "Lambda"} | {
        "MultiHeadAttention",
        "RNN",
        "SimpleRNNCell",
        "StackedRNNCells",
        "TimeDistributed",
    }
    broken = {"SpectralNormalization"}  # tf_keras itself cannot call it beside Keras 3
    unreadable = {"DenseFeatures"}  # feature columns; refused by name
    assert all_of_them - swept - abstract - in_models - broken - unreadable == set()
