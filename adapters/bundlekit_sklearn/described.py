"""What a manifest says of an estimator."""

from __future__ import annotations

from typing import Any

_METHODS = (
    "decision_function",
    "inverse_transform",
    "predict",
    "predict_proba",
    "score",
    "transform",
)


def kind_of(estimator: Any) -> str:
    """Name what it is in scikit-learn's terms."""
    from sklearn.base import is_classifier, is_regressor

    if is_classifier(estimator):
        return "classifier"
    if is_regressor(estimator):
        return "regressor"
    return "transformer" if hasattr(estimator, "transform") else "estimator"


def capabilities(estimator: Any) -> tuple[str, ...]:
    """Name what it can do as it is: nothing but `fit` before it was fitted."""
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    can_fit = ("fit",) if hasattr(estimator, "fit") else ()
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError, AttributeError):
        return can_fit
    return (*can_fit, *(method for method in _METHODS if hasattr(estimator, method)))
