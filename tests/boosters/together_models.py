"""Estimators that hold models of several frameworks at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import lightgbm as lgb
import numpy as np
import pandas as pd
import xgboost as xgb
from keras.wrappers import SKLearnClassifier
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bundlekit import Trust
from bundlekit.testing import Case

if TYPE_CHECKING:
    from collections.abc import Iterator

X = np.random.default_rng(7).normal(size=(60, 4)).astype("float32")
Y = (X[:, 0] > X[:, 1]).astype(int)
FRAME = pd.DataFrame(X, columns=list("abcd"))


def network() -> Any:
    def built(X: Any, y: Any) -> Any:  # noqa: N803 - as Keras calls it
        import keras

        layers = [keras.Input(X.shape[1:]), keras.layers.Dense(2, activation="softmax")]
        model = keras.Sequential(layers)
        model.compile("sgd", "categorical_crossentropy")
        return model

    return SKLearnClassifier(built, fit_kwargs={"epochs": 2, "verbose": 0})


def trees() -> Any:
    return xgb.XGBClassifier(n_estimators=4, max_depth=2, n_jobs=1)


def leaves() -> Any:
    return lgb.LGBMClassifier(n_estimators=4, n_jobs=1, verbose=-1, random_state=0)


def voting() -> tuple[Any, Any]:
    voters = [("network", network()), ("trees", trees()), ("leaves", leaves())]
    return make_pipeline(StandardScaler(), VotingClassifier(voters).fit(X, Y)).fit(X, Y), X


def stacking() -> tuple[Any, Any]:
    found = StackingClassifier(
        [("trees", trees()), ("leaves", leaves())], make_pipeline(StandardScaler(), trees()), cv=2
    )
    return found.fit(FRAME, Y), FRAME


def in_a_dict() -> tuple[Any, Any]:
    booster = trees().fit(X, Y).get_booster()
    found = {"trees": booster, "leaves": leaves().fit(FRAME, Y), "threshold": np.float32(0.3)}
    return found, {"['trees']": X, "['leaves']._Booster": FRAME}


MODELS = (voting, stacking, in_a_dict)


def cases() -> Iterator[Case]:
    for make in MODELS:
        keras.utils.set_random_seed(1)
        obj, inputs = make()
        trust = Trust(code=True) if make is voting else None
        yield Case(name=make.__name__, obj=obj, inputs=inputs, trust=trust)
