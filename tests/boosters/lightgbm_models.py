"""Boosters of LightGBM, and estimators around them, that must survive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import lightgbm as lgb
import numpy as np
import pandas as pd

from bundlekit.testing import Case

if TYPE_CHECKING:
    from collections.abc import Iterator

Made: TypeAlias = "tuple[Any, Any]"

X = np.random.default_rng(7).normal(size=(120, 4))
Y = X[:, 0] * X[:, 1] + 0.1 * X[:, 2]
FRAME = pd.DataFrame(X, columns=["age", "naive", "price", "d"])
FIXED = {"num_threads": 1, "deterministic": True, "seed": 1, "verbose": -1, "min_data_in_leaf": 5}


def regression() -> Made:
    return lgb.train(FIXED, lgb.Dataset(X, Y), num_boost_round=5), X


def classes() -> Made:
    labels = np.digitize(Y, [-0.5, 0.5])
    given = {**FIXED, "objective": "multiclass", "num_class": 3}
    return lgb.train(given, lgb.Dataset(X, labels), num_boost_round=4), X


def categories_of_a_frame() -> Made:
    frame = FRAME.assign(kind=pd.Categorical(np.where(X[:, 3] > 0, "high", "low")))
    return lgb.train(FIXED, lgb.Dataset(frame, Y), num_boost_round=4), frame


def stopped_early() -> Made:
    held_out = lgb.Dataset(X[80:], Y[80:])
    found = lgb.train(
        {**FIXED, "learning_rate": 1.0, "metric": ["l2", "l1"]},
        lgb.Dataset(X[:80], Y[:80]),
        num_boost_round=60,
        valid_sets=[held_out],
        valid_names=["held out"],
        keep_training_booster=True,  # with the trees after the best iteration
        callbacks=[lgb.early_stopping(3, verbose=False)],
    )
    return found, X


def regressor_of_a_frame() -> Made:
    found = lgb.LGBMRegressor(
        n_estimators=60, learning_rate=1.0, n_jobs=1, random_state=0, verbose=-1
    )
    found.fit(
        FRAME[:80],
        Y[:80],
        eval_set=[(FRAME[80:], Y[80:])],
        callbacks=[lgb.early_stopping(3, verbose=False)],
    )
    return found, FRAME


def classifier_in_a_pipeline() -> Made:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = lgb.LGBMClassifier(n_estimators=4, n_jobs=1, random_state=0, verbose=-1)
    scaler = StandardScaler().set_output(transform="pandas")
    return make_pipeline(scaler, model).fit(FRAME, np.where(Y > 0, "yes", "no")), FRAME


MODELS = (
    regression,
    classes,
    categories_of_a_frame,
    stopped_early,
    regressor_of_a_frame,
    classifier_in_a_pipeline,
)


def cases() -> Iterator[Case]:
    for make in MODELS:
        obj, inputs = make()
        yield Case(name=make.__name__, obj=obj, inputs=inputs)
