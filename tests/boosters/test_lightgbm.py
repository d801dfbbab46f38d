"""Boosters of LightGBM keep the contract, and estimators around them keep what they know."""

from __future__ import annotations

import json
import math
from collections import OrderedDict, defaultdict
from typing import Any

import numpy as np
import pytest

import bundlekit
from bundlekit import Damaged, NotRestorable
from bundlekit._registry import installed
from bundlekit.adapter import Context, Payload
from bundlekit.testing import AdapterContract, Outcome

pytest.importorskip("lightgbm")

NAMES = (
    "regression", "classes", "categories_of_a_frame", "stopped_early", "regressor_of_a_frame",
    "classifier_in_a_pipeline",
)  # fmt: skip


def made(name: str) -> Any:
    import lightgbm_models  # type: ignore[import-not-found]

    return getattr(lightgbm_models, name)()


class TestLightGBM(AdapterContract):
    adapter = "lightgbm"
    cases = "lightgbm_models.py"

    def make(self) -> tuple[Any, Any]:
        import lightgbm

        x = np.random.default_rng(3).normal(size=(60, 3))
        given = {"num_threads": 1, "verbose": -1, "min_data_in_leaf": 5}
        return lightgbm.train(given, lightgbm.Dataset(x, x[:, 0]), num_boost_round=3), x

    @pytest.mark.parametrize("name", NAMES)
    def test_this_model_survives(self, name: str, outcomes: dict[str, Outcome]) -> None:
        outcomes[name].check()

    def test_no_model_was_left_out(self, outcomes: dict[str, Outcome]) -> None:
        assert set(outcomes) == set(NAMES)


def test_the_best_iteration_comes_back_with_its_scores_in_order() -> None:
    booster, x = made("stopped_early")
    found = bundlekit.unbundle(bundlekit.dumps(booster))
    assert 0 < found.best_iteration == booster.best_iteration < found.num_trees()
    assert found.num_trees() == booster.num_trees()
    assert type(found.best_score) is defaultdict
    assert list(found.best_score["held out"].items()) == list(
        booster.best_score["held out"].items()
    )
    assert list(found.best_score["held out"]) == ["l2", "l1"]
    np.testing.assert_array_equal(found.predict(x), booster.predict(x))


def test_a_score_that_is_no_number_is_kept() -> None:
    booster, _ = made("regression")
    booster.best_score = {"held out": OrderedDict(own=math.nan, other=-math.inf)}
    found = bundlekit.unbundle(bundlekit.dumps(booster)).best_score["held out"]
    assert math.isnan(found["own"])
    assert found["other"] == -math.inf


@pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")  # 4.5 has no other
def test_an_estimator_predicts_with_its_best_iteration_and_the_names_of_a_frame() -> None:
    model, frame = made("regressor_of_a_frame")
    bundle = bundlekit.bundle(model)
    found = bundlekit.unbundle(bundle)
    assert [part.adapter for part in bundle.manifest.parts.values()] == ["lightgbm"]
    assert found.best_iteration_ == model.best_iteration_ > 0
    assert found.best_score_ == model.best_score_
    assert list(found.feature_name_) == ["age", "naive", "price", "d"]
    np.testing.assert_array_equal(found.predict(frame), model.predict(frame))


def test_training_goes_on_where_it_was() -> None:
    import lightgbm

    booster, x = made("regression")
    found = bundlekit.unbundle(bundlekit.dumps(booster))
    given = {"num_threads": 1, "verbose": -1, "seed": 1, "deterministic": True}
    after = [
        lightgbm.train(given, lightgbm.Dataset(x, x[:, 1]), 2, init_model=one).predict(x)
        for one in (booster, found)
    ]
    np.testing.assert_array_equal(after[0], after[1])


def payload(**members: bytes) -> Payload:
    bundle = bundlekit.bundle(made("regression")[0])
    honest = {path: bytes(bundle.read(path)) for path in ("model.txt", "training.json")}
    changed = {name.replace("_", "."): data for name, data in members.items()}
    return Payload(bundle.manifest, {**honest, **changed}, {})


@pytest.mark.parametrize("data", [b"", b"tree", b"forest\n", b"\x80\x04"])
def test_what_is_no_model_is_damaged(data: bytes) -> None:
    adapter = installed().get("lightgbm").adapter
    with pytest.raises(Damaged, match=r"model\.txt is no model of LightGBM"):
        adapter.audit(payload(model_txt=data))


@pytest.mark.parametrize(
    "found",
    [
        [], None, {"best_iteration": 1}, {"best_iteration": "1", "best_score": []},
        {"best_iteration": True, "best_score": []}, {"best_iteration": 1, "best_score": 5},
        {"best_iteration": 1, "best_score": [["a"]]},
        {"best_iteration": 1, "best_score": [["a", [["l2", "many"]]]]},
        {"best_iteration": 1, "best_score": [["a", [["l2", []]]]]},
    ],
)  # fmt: skip
def test_what_is_beside_the_model_has_its_form(found: Any) -> None:
    adapter = installed().get("lightgbm").adapter
    with pytest.raises(Damaged, match=r"training\.json is not what the adapter 'lightgbm' writes"):
        adapter.audit(payload(training_json=json.dumps(found).encode()))


def test_another_member_is_damaged() -> None:
    adapter = installed().get("lightgbm").adapter
    with pytest.raises(Damaged, match=r"more\.bin is no member of the adapter 'lightgbm'"):
        adapter.audit(payload(more_bin=b""))


@pytest.mark.parametrize("data", [b"tree\n", b"tree\nversion=v4\n", b"tree\n\xff\xfe"])
def test_a_model_that_lightgbm_refuses_is_an_error_of_ours(data: bytes) -> None:
    adapter = installed().get("lightgbm").adapter
    hostile = payload(model_txt=data)
    assert adapter.audit(hostile) == ()
    with pytest.raises(NotRestorable, match="LightGBM could not read its model"):
        adapter.unpack(hostile, Context(restore=lambda inner: inner))
