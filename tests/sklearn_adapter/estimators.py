"""The estimators that must survive: made, fitted and bundled in one process.

Each function makes one estimator with inputs. `cases()` is what the writer process runs; the reader
never sees this file, but it may import `own/acme_estimators.py`, which it trusts.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
import numpy as np
import pandas as pd
from keras.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from bundlekit.testing import Case

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = Path(__file__).with_name("own")
sys.path.insert(0, str(OWN))
import acme_estimators as acme  # type: ignore[import-not-found]  # noqa: E402 - the reader, too

Made: TypeAlias = "tuple[Any, Any]"
"""A fitted estimator, and inputs."""

QUIET = {"verbose": 0}
X = np.random.default_rng(7).normal(size=(40, 4))
Y = X[:, 0] - X[:, 2]
C = (Y > 0).astype(int)
FRAME = pd.DataFrame(
    {"age": X[:, 0], "size": X[:, 1], "kind": ["red", "green", "blue", "red"] * 10}
)


def classifier(**options: Any) -> Any:
    return SKLearnClassifier(acme.classifying, fit_kwargs=QUIET, **options)


def regressor(**options: Any) -> Any:
    return SKLearnRegressor(acme.build, fit_kwargs=QUIET, **options)


def pipeline() -> Made:
    return make_pipeline(StandardScaler(), classifier()).fit(X, C), X


def keras_regressor() -> Made:
    return regressor(model_kwargs={"hidden": 3}).fit(X, Y), X


def keras_transformer() -> Made:
    return SKLearnTransformer(acme.build).fit(X, Y), X


def not_fitted() -> Made:
    return make_pipeline(StandardScaler(), regressor()), None


def columns_of_frames() -> Made:
    columns = ColumnTransformer(
        [("numbers", StandardScaler(), ["age", "size"]), ("kinds", OneHotEncoder(), ["kind"])]
    )
    return make_pipeline(columns, regressor()).fit(FRAME, Y), FRAME


def stacking() -> Made:
    models = [("network", classifier()), ("plain", LogisticRegression())]
    return StackingClassifier(models, LogisticRegression(), cv=2).fit(X, C), X


def voting() -> Made:
    models = [("network", classifier()), ("plain", LogisticRegression())]
    return VotingClassifier(models).fit(X, C), X


def bagging() -> Made:
    return BaggingRegressor(regressor(), n_estimators=2, random_state=0).fit(X, Y), X


def grid_search() -> Made:
    network = make_pipeline(StandardScaler(), SKLearnRegressor(acme.build))
    grid = {"sklearnregressor__model_kwargs": [{"hidden": 2}, {"hidden": 3}]}
    return GridSearchCV(network, grid, cv=2).fit(X, Y, sklearnregressor__verbose=0), X


def transformed_target() -> Made:
    return TransformedTargetRegressor(regressor(), transformer=StandardScaler()).fit(X, Y), X


def own_class() -> Made:
    return acme.Committee().fit(X, Y), X


def scikeras_classifier() -> Made:
    from scikeras.wrappers import KerasClassifier

    wrapper = KerasClassifier(
        acme.wrapped, loss="binary_crossentropy", epochs=1, verbose=0, random_state=1
    )
    return wrapper.fit(X, C), X


def shared_model() -> Made:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    model.compile("sgd", "mse")
    first, second = (SKLearnTransformer(model, warm_start=True) for _ in range(2))
    for one in (first, second):
        one.model_ = model
        one.n_features_in_ = 4
    return make_pipeline(first, second, LogisticRegression()), None


def callbacks() -> Made:
    stopping = keras.callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True)
    given = {"callbacks": [stopping], "epochs": 2, **QUIET}
    return SKLearnRegressor(acme.build, fit_kwargs=given).fit(X, Y), X


def partial_build() -> Made:
    return SKLearnRegressor(partial(acme.build, hidden=8), fit_kwargs=QUIET).fit(X, Y), X


def bound_build() -> Made:
    return SKLearnRegressor(acme.Builder(5).build, fit_kwargs=QUIET).fit(X, Y), X


def functions() -> Made:
    steps = FunctionTransformer(np.abs), FunctionTransformer(np.log1p)
    own = FunctionTransformer(acme.doubled)
    return make_pipeline(*steps, own, SelectKBest(f_classif, k=2), Ridge()).fit(X, C), X


def forests() -> Made:
    many = make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0))
    return many.fit(X, C), X


def several_outputs() -> Made:
    return RandomForestRegressor(4, random_state=0).fit(X, np.stack([Y, C], axis=1)), X


def gradient_boosting() -> Made:
    return GradientBoostingClassifier(n_estimators=5, random_state=0).fit(X, C), X


def histogram_boosting() -> Made:
    numbers = np.column_stack([X[:, 0], np.arange(40) % 5])
    options = {"categorical_features": [1], "max_iter": 5, "min_samples_leaf": 2}
    return HistGradientBoostingClassifier(random_state=0, **options).fit(numbers, C), numbers


def neighbours() -> Made:
    return KNeighborsClassifier(3, algorithm="kd_tree", leaf_size=5).fit(X, C), X


def balls() -> Made:
    options = {"metric": "minkowski", "p": 3, "metric_params": {"w": np.arange(1.0, 5.0)}}
    return KNeighborsClassifier(3, algorithm="ball_tree", leaf_size=5, **options).fit(X, C), X


def support_vectors() -> Made:
    return SVC().fit(X, np.arange(40) % 3), X


def sparse_text() -> Made:
    words = [f"word{a} word{b} other" for a in range(5) for b in range(8)]
    kinds = ("words", TfidfVectorizer()), ("pairs", TfidfVectorizer(ngram_range=(2, 2)))
    return make_pipeline(FeatureUnion(list(kinds)), LogisticRegression()).fit(words, C), words


def neighbours_of_text() -> Made:
    words = [f"word{a} word{b} other" for a in range(5) for b in range(8)]
    return make_pipeline(TfidfVectorizer(), KNeighborsClassifier(2)).fit(words, C), words


ESTIMATORS = (
    pipeline,
    keras_regressor,
    keras_transformer,
    not_fitted,
    columns_of_frames,
    stacking,
    voting,
    bagging,
    grid_search,
    transformed_target,
    own_class,
    scikeras_classifier,
    shared_model,
    callbacks,
    partial_build,
    bound_build,
    functions,
    forests,
    several_outputs,
    gradient_boosting,
    histogram_boosting,
    neighbours,
    balls,
    support_vectors,
    sparse_text,
    neighbours_of_text,
)


def cases() -> Iterator[Case]:
    for make in ESTIMATORS:
        keras.utils.set_random_seed(1)
        estimator, inputs = make()
        yield Case(
            name=make.__name__,
            obj=estimator,
            inputs=inputs,
            python_path=("own",),
            trust=["acme_estimators", "scikeras"],
        )
