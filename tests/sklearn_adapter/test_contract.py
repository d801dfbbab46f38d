"""The adapter `sklearn` keeps the contract that every adapter keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bundlekit
from bundlekit.testing import AdapterContract, Outcome

ESTIMATORS = Path(__file__).with_name("estimators.py")


def names() -> list[str]:
    """Read the names of the estimators from the file; collecting imports no framework."""
    listed = ESTIMATORS.read_text().partition("ESTIMATORS = (")[2].partition(")")[0]
    return [name.strip() for name in listed.split(",") if name.strip()]


class TestSklearn(AdapterContract):
    adapter = "sklearn"
    cases = ESTIMATORS

    def make(self) -> tuple[Any, Any]:
        import keras
        import numpy as np
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        keras.utils.set_random_seed(2)
        network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        network.compile("sgd", "mse")
        x = np.random.default_rng(4).normal(size=(8, 3))
        wrapper = keras.wrappers.SKLearnRegressor(network, fit_kwargs={"verbose": 0})
        return make_pipeline(StandardScaler(), wrapper).fit(x, x[:, 0]), x

    @pytest.mark.parametrize("name", names())
    def test_this_estimator_survives(self, name: str, outcomes: dict[str, Outcome]) -> None:
        outcomes[name].check()

    def test_all_estimators_of_the_file_are_there(self, outcomes: dict[str, Outcome]) -> None:
        assert len(outcomes) >= 25
        assert set(outcomes) == set(names())


def test_a_pipeline_holds_its_model_as_a_part_of_its_own(table: tuple[Any, Any]) -> None:
    pipeline, _ = TestSklearn().make()
    manifest = bundlekit.bundle(pipeline).manifest
    assert (manifest.adapter, manifest.kind) == ("sklearn", "regressor")
    assert {part.adapter for part in manifest.parts.values()} == {"keras"}
    assert set(manifest.parts) == {"model", "model_"}
    assert manifest.capabilities == ("fit", "predict", "score")


def test_a_model_in_two_steps_is_stored_once_and_comes_back_as_one() -> None:
    import keras
    from sklearn.pipeline import make_pipeline

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    steps = [keras.wrappers.SKLearnTransformer(model) for _ in range(2)]
    bundled = bundlekit.bundle(make_pipeline(*steps))
    first, second = bundlekit.unbundle(bundled).named_steps.values()
    assert len(bundled.manifest.parts) == 1
    assert first.model is second.model


def test_generators_go_on_where_they_were() -> None:
    import numpy as np
    from sklearn.preprocessing import StandardScaler

    seeds: list[Any] = [5, np.uint64(7)]
    held: list[Any] = [np.random.RandomState(6), *map(np.random.default_rng, seeds)]
    for generator in held:
        generator.normal(size=3)
    restored = bundlekit.unbundle(bundlekit.bundle(StandardScaler(copy=[*held, held[0]]))).copy
    assert restored[3] is restored[0]
    for before, after in zip(held, restored[:3], strict=True):
        assert type(after) is type(before)
        np.testing.assert_array_equal(after.normal(size=5), before.normal(size=5))
    assert restored[1].spawn(1)[0].normal() == held[1].spawn(1)[0].normal()
