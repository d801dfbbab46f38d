"""What a caller wants to leave out is left out, and is declared as lost."""

from __future__ import annotations

from typing import Any

import pytest

import bundlekit
from bundlekit.errors import UnknownOption


@pytest.fixture(scope="module")
def fitted(table: tuple[Any, Any]) -> Any:
    import keras

    x, y = table
    keras.utils.set_random_seed(3)
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse")
    options = {"verbose": 0, "epochs": 300, "batch_size": 60}
    return keras.wrappers.SKLearnRegressor(network, fit_kwargs=options).fit(x, y)


def test_a_dropped_history_is_lost_and_nothing_else(fitted: Any, table: tuple[Any, Any]) -> None:
    import numpy as np

    whole, slim = bundlekit.bundle(fitted), bundlekit.bundle(fitted, drop=["history"])
    restored = bundlekit.unbundle(slim)
    (loss,) = slim.manifest.losses
    assert loss.what == "history_ of SKLearnRegressor"
    assert whole.manifest.losses == ()
    assert len(slim) < len(whole) - 300 * 8
    assert not hasattr(restored, "history_")
    np.testing.assert_array_equal(restored.predict(table[0]), fitted.predict(table[0]))
    assert hasattr(fitted, "history_")


def test_a_model_that_nothing_else_refers_to_is_dropped_with_its_attribute(fitted: Any) -> None:
    slim = bundlekit.bundle(fitted, drop=["model", "history"])
    assert set(slim.manifest.parts) == set()
    assert {loss.what for loss in slim.manifest.losses} == {
        "model of SKLearnRegressor",
        "model_ of SKLearnRegressor",
        "history_ of SKLearnRegressor",
    }


def test_a_model_that_something_else_refers_to_stays(fitted: Any) -> None:
    slim = bundlekit.bundle(fitted, drop=["model_"])
    assert len(slim.manifest.parts) == 2
    assert bundlekit.unbundle(slim).history_.model is not None


def test_a_name_that_nothing_has_is_refused_with_those_that_there_are(fitted: Any) -> None:
    with pytest.raises(UnknownOption, match="'no_such'.*there are .*history_, model_"):
        bundlekit.bundle(fitted, drop=["history", "no_such"])


@pytest.mark.parametrize("given", ["history", 5, None])
def test_what_is_no_list_of_names_is_refused(fitted: Any, given: Any) -> None:
    with pytest.raises(UnknownOption, match="is no list of names"):
        bundlekit.bundle(fitted, drop=given)
