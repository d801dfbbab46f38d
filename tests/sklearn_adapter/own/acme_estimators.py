"""Estimators and functions of somebody's own, in a module that readers import and trust."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin


def build(X: Any, y: Any, hidden: int = 4, loss: str = "mse") -> Any:  # noqa: N803 - as Keras has it
    outputs = y.shape[1] if y.ndim > 1 else 1
    last = "softmax" if loss == "categorical_crossentropy" else "linear"
    model = keras.Sequential(
        [
            keras.Input((X.shape[1],)),
            keras.layers.Dense(hidden, activation="relu"),
            keras.layers.Dense(outputs, activation=last),
        ]
    )
    model.compile("sgd", loss)
    return model


def classifying(X: Any, y: Any) -> Any:  # noqa: N803
    return build(X, y, loss="categorical_crossentropy")


def wrapped(meta: dict[str, Any]) -> Any:
    model = keras.Sequential([keras.Input((meta["n_features_in_"],)), keras.layers.Dense(1)])
    model.add(keras.layers.Activation("sigmoid"))
    return model


def doubled(values: Any) -> Any:
    return 2 * values


class Builder:
    def __init__(self, hidden: int) -> None:
        self.hidden = hidden

    def build(self, X: Any, y: Any) -> Any:  # noqa: N803
        return build(X, y, self.hidden)


class Member:
    def __init__(self, model: Any, weight: float) -> None:
        self.model = model
        self.weight = weight


class Committee(RegressorMixin, BaseEstimator):
    """Models in lists and dicts of objects, one of them in two places."""

    def __init__(self, sizes: tuple[int, ...] = (2, 3)) -> None:
        self.sizes = sizes

    def fit(self, X: Any, y: Any) -> Committee:  # noqa: N803
        self.members_ = [Member(build(X, y, size), 1 / size) for size in self.sizes]
        self.named_: dict[Any, Any] = {
            "first": self.members_[0],
            7: {"model": self.members_[1].model},
        }
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803
        answers = [one.weight * one.model.predict(X, verbose=0) for one in self.members_]
        answers.append(self.named_[7]["model"].predict(X, verbose=0))
        return np.sum(answers, axis=0)[:, 0]
