"""Boosters of XGBoost keep the contract, and estimators around them keep what they know."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bundlekit
from bundlekit import Damaged, NotRestorable, Unwritable
from bundlekit._registry import installed
from bundlekit.adapter import Context, Payload
from bundlekit.testing import AdapterContract, Outcome

pytest.importorskip("xgboost")

NAMES = (
    "regression", "classes_with_names_of_features", "missing_values", "linear", "stopped_early",
    "classifier_of_a_frame", "random_forest_in_a_pipeline",
)  # fmt: skip


def made(name: str) -> Any:
    import xgboost_models  # type: ignore[import-not-found]

    return getattr(xgboost_models, name)()


class TestXGBoost(AdapterContract):
    adapter = "xgboost"
    cases = "xgboost_models.py"

    def make(self) -> tuple[Any, Any]:
        import xgboost

        x = np.random.default_rng(3).normal(size=(30, 3)).astype("float32")
        given = {"max_depth": 2, "nthread": 1}
        return xgboost.train(given, xgboost.DMatrix(x, x[:, 0]), num_boost_round=3), x

    @pytest.mark.parametrize("name", NAMES)
    def test_this_model_survives(self, name: str, outcomes: dict[str, Outcome]) -> None:
        outcomes[name].check()

    def test_no_model_was_left_out(self, outcomes: dict[str, Outcome]) -> None:
        assert set(outcomes) == set(NAMES)


def test_the_best_iteration_and_attributes_come_back() -> None:
    booster, _ = made("stopped_early")
    found = bundlekit.unbundle(bundlekit.dumps(booster))
    assert 0 < found.best_iteration == booster.best_iteration < booster.num_boosted_rounds() - 1
    assert found.best_score == booster.best_score
    assert found.attr("owner") == "us"
    assert found.num_boosted_rounds() == booster.num_boosted_rounds()


def test_an_estimator_predicts_with_its_best_iteration_and_the_names_of_a_frame() -> None:
    model, frame = made("classifier_of_a_frame")
    bundle = bundlekit.bundle(model)
    found = bundlekit.unbundle(bundle)
    assert [part.adapter for part in bundle.manifest.parts.values()] == ["xgboost"]
    assert found.best_iteration == model.best_iteration > 0
    assert list(found.feature_names_in_) == ["age", "naïve", "price €", "d"]
    np.testing.assert_array_equal(found.predict_proba(frame), model.predict_proba(frame))
    with pytest.raises(ValueError, match="feature_names mismatch"):
        found.predict(frame[["d", "age", "naïve", "price €"]])


def test_training_goes_on_where_it_was() -> None:
    import xgboost

    booster, x = made("regression")
    found = bundlekit.unbundle(bundlekit.dumps(booster))
    data = xgboost.DMatrix(x, x[:, 1])
    given = {"max_depth": 3, "seed": 1, "nthread": 1}
    after = [xgboost.train(given, data, 2, xgb_model=one).predict(data) for one in (booster, found)]
    np.testing.assert_array_equal(after[0], after[1])


def test_a_booster_that_was_never_trained_is_refused() -> None:
    import xgboost

    with pytest.raises(Unwritable, match="XGBoost does not save this booster: .*"):
        bundlekit.dumps(xgboost.Booster())


def payload(**members: bytes) -> Payload:
    bundle = bundlekit.bundle(made("regression")[0])
    honest = {"model.ubj": bytes(bundle.read("model.ubj"))}
    changed = {name.replace("_", "."): data for name, data in members.items()}
    return Payload(bundle.manifest, {**honest, **changed}, {})


@pytest.mark.parametrize("data", [b"", b"[", b'\x80\x04"pickle"', b"binf"])
def test_what_is_no_ubjson_is_damaged(data: bytes) -> None:
    adapter = installed().get("xgboost").adapter
    with pytest.raises(Damaged, match=r"model\.ubj is no UBJSON"):
        adapter.audit(payload(model_ubj=data))


def test_another_member_is_damaged() -> None:
    adapter = installed().get("xgboost").adapter
    with pytest.raises(Damaged, match=r"more\.bin is no member of the adapter 'xgboost'"):
        adapter.audit(payload(more_bin=b""))


@pytest.mark.parametrize("data", [b"{", b"{}", b"{L\x00\x00\x00\x00\x00\x00\x00\x01a"])
def test_a_model_that_xgboost_refuses_is_an_error_of_ours(data: bytes) -> None:
    adapter = installed().get("xgboost").adapter
    hostile = payload(model_ubj=data)
    assert adapter.audit(hostile) == ()
    with pytest.raises(NotRestorable, match="XGBoost could not read its model"):
        adapter.unpack(hostile, Context(restore=lambda inner: inner))
