"""Boosters of XGBoost, and estimators around them, that must survive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
import xgboost as xgb

from bundlekit.testing import Case

if TYPE_CHECKING:
    from collections.abc import Iterator

Made: TypeAlias = "tuple[Any, Any]"

X = np.random.default_rng(7).normal(size=(80, 4)).astype("float32")
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
FRAME = pd.DataFrame(X, columns=["age", "naïve", "price €", "d"])


def trained(matrix: Any, **parameters: Any) -> Any:
    given = {"max_depth": 3, "seed": 1, "nthread": 1, **parameters}
    return xgb.train(given, matrix, num_boost_round=5)


def regression() -> Made:
    return trained(xgb.DMatrix(X, Y)), X


def classes_with_names_of_features() -> Made:
    matrix = xgb.DMatrix(FRAME, Y)
    return trained(matrix, objective="multi:softprob", num_class=2), FRAME


def missing_values() -> Made:
    holes = np.where(X > 1.2, np.nan, X).astype("float32")
    return trained(xgb.DMatrix(holes, Y), booster="dart", rate_drop=0.3), holes


def linear() -> Made:
    return trained(xgb.DMatrix(X, Y), booster="gblinear", max_depth=None), X


def stopped_early() -> Made:
    total = X[:, 0] + X[:, 1]
    matrix = xgb.DMatrix(X[:50], total[:50])
    held_out = [(xgb.DMatrix(X[50:], total[50:]), "heldout")]
    found = xgb.train(
        {"max_depth": 6, "nthread": 1, "eta": 0.5},
        matrix,
        num_boost_round=60,
        evals=held_out,
        early_stopping_rounds=3,
        verbose_eval=False,
    )
    found.set_attr(owner="us")
    return found, X


def classifier_of_a_frame() -> Made:
    found = xgb.XGBClassifier(
        n_estimators=60, learning_rate=1.0, early_stopping_rounds=3, n_jobs=1, random_state=0
    )
    found.fit(FRAME[:50], Y[:50], eval_set=[(FRAME[50:], Y[50:])], verbose=False)
    return found, FRAME


def random_forest_in_a_pipeline() -> Made:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found = make_pipeline(StandardScaler(), xgb.XGBRFRegressor(n_estimators=4, n_jobs=1))
    return found.fit(FRAME, Y), FRAME


MODELS = (
    regression,
    classes_with_names_of_features,
    missing_values,
    linear,
    stopped_early,
    classifier_of_a_frame,
    random_forest_in_a_pipeline,
)


def cases() -> Iterator[Case]:
    for make in MODELS:
        obj, inputs = make()
        yield Case(name=make.__name__, obj=obj, inputs=inputs)
