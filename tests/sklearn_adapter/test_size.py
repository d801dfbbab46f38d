"""A bundle is as large as what it holds, and what it does not hold costs nothing."""

from __future__ import annotations

from typing import Any

import pytest

import bundlekit

LITTLE = 16 * 1024


@pytest.mark.parametrize("hidden", [4, 1000])  # 1 KB and 4 MB of numbers
def test_a_pipeline_is_no_larger_than_its_parts(hidden: int, table: tuple[Any, Any]) -> None:
    import keras
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = table
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(hidden)])
    network.add(keras.layers.Dense(hidden))
    network.add(keras.layers.Dense(1))
    network.compile("sgd", "mse")
    wrapper = keras.wrappers.SKLearnRegressor(network, fit_kwargs={"verbose": 0})
    pipeline = make_pipeline(StandardScaler(), wrapper).fit(x, y)
    scaler, fitted = pipeline.named_steps.values()
    parts = [scaler, fitted.model, fitted.model_]
    alone = sum(len(bundlekit.bundle(part)) for part in parts)
    assert len(bundlekit.bundle(pipeline)) <= 1.02 * alone + LITTLE


def test_what_an_attribute_shares_is_stored_once() -> None:
    import numpy as np
    from sklearn.preprocessing import StandardScaler

    large = np.random.default_rng(1).normal(size=100_000)
    once = bundlekit.bundle(StandardScaler(copy=large))
    often = bundlekit.bundle(StandardScaler(copy=[large, {"again": large}, (large,)]))
    assert len(often) < len(once) + LITTLE


def test_a_large_thing_that_is_merely_around_is_not_dragged_along() -> None:
    import keras
    import numpy as np
    from sklearn.preprocessing import FunctionTransformer

    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    wrapper = keras.wrappers.SKLearnTransformer(network)
    small = len(bundlekit.bundle(wrapper))
    network.around = np.zeros(1_000_000)  # Keras keeps no such attribute
    view = np.arange(1_000_000)[:10]
    assert len(bundlekit.bundle(wrapper)) < small + LITTLE
    assert len(bundlekit.bundle(FunctionTransformer(kw_args={"view": view}))) < LITTLE
