"""Every estimator of scikit-learn comes back, without trust, and answers the same."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import bundlekit
from bundlekit.errors import Unwritable

UNWRITABLE = ("Birch",)
"""What skops refuses: its tree of clusters refers to itself."""
SPECIAL = (
    "CountVectorizer",
    "DictVectorizer",
    "FrozenEstimator",
    "HashingVectorizer",
    "LabelBinarizer",
    "LabelEncoder",
    "MultiLabelBinarizer",
    "SparseCoder",
    "TfidfVectorizer",
)
"""What takes something else than a table of numbers; some of these are among the contract's."""
BY_PRODUCTS = ("LabelPropagation", "LabelSpreading")
"""What multiplies matrices, whose last digits depend on where these lie in memory."""
METHODS = ("predict", "predict_proba", "decision_function", "transform", "score_samples")


def fitted() -> dict[str, tuple[Any, Any]]:
    """Fit all that a table can be fitted to, each as scikit-learn's own tests construct it."""
    import numpy as np
    from sklearn.utils._test_common.instance_generator import _construct_instances
    from sklearn.utils.discovery import all_estimators
    from sklearn.utils.estimator_checks import (
        _enforce_estimator_tags_X,
        _enforce_estimator_tags_y,
    )

    found = {}
    table = np.random.default_rng(0).normal(size=(40, 4))
    for name, cls in all_estimators():
        if name in SPECIAL:
            continue
        estimator = next(iter(_construct_instances(cls)))
        if "random_state" in estimator.get_params():
            estimator.set_params(random_state=0)
        x = _enforce_estimator_tags_X(estimator, table)
        y = _enforce_estimator_tags_y(estimator, np.arange(40) % 2)
        found[name] = estimator.fit(x, y), x
    return found


@pytest.fixture(scope="module")
def estimators() -> dict[str, tuple[Any, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fitted()


def answers(estimator: Any, x: Any) -> dict[str, Any]:
    import numpy as np

    found = {}
    for method in METHODS:
        if hasattr(estimator, method) and takes(type(estimator).__name__, method):
            answer = getattr(estimator, method)(x)
            found[method] = np.asarray(answer.toarray() if hasattr(answer, "toarray") else answer)
    return found


def takes(name: str, method: str) -> bool:
    return (name, method) not in {("FeatureHasher", "transform"), ("PatchExtractor", "transform")}


@pytest.mark.filterwarnings("ignore")  # of models that were fitted to noise
def test_each_comes_back_without_trust_and_answers_the_same(
    estimators: dict[str, tuple[Any, Any]],
) -> None:
    import numpy as np

    answered = 0
    for name, (estimator, x) in estimators.items():
        if name in UNWRITABLE:
            continue
        bundled = bundlekit.bundle(estimator)
        before, after = answers(estimator, x), answers(bundlekit.unbundle(bundled), x)
        assert bundled.needs == (), name
        assert before.keys() == after.keys(), name
        for method, answer in before.items():
            far = 1e-9 if name in BY_PRODUCTS else 0
            np.testing.assert_allclose(after[method], answer, rtol=far, err_msg=f"{name}.{method}")
        answered += bool(before)
    assert answered >= 150


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of classes that will go
def test_what_skops_refuses_is_refused_by_name(estimators: dict[str, tuple[Any, Any]]) -> None:
    refused = {}
    for name, (estimator, _) in estimators.items():
        try:
            bundlekit.bundle(estimator)
        except Unwritable as error:
            refused[name] = str(error)
    assert tuple(refused) == UNWRITABLE
    assert all(name in message for name, message in refused.items())


@pytest.mark.parametrize("name", ["LabelBinarizer", "LabelEncoder", "MultiLabelBinarizer"])
def test_encoders_of_labels_come_back(name: str) -> None:
    import numpy as np
    from sklearn import preprocessing

    labels = [["a"], ["b", "a"]] if name == "MultiLabelBinarizer" else ["b", "a", "c"]
    encoder = getattr(preprocessing, name)().fit(labels)
    bundled = bundlekit.bundle(encoder)
    assert bundled.needs == ()
    np.testing.assert_array_equal(
        bundlekit.unbundle(bundled).transform(labels), encoder.transform(labels)
    )


@pytest.mark.parametrize("name", ["CountVectorizer", "HashingVectorizer", "TfidfVectorizer"])
def test_vectorizers_of_text_come_back(name: str) -> None:
    import numpy as np
    from sklearn.feature_extraction import text

    words = ["a word and", "another word"]
    vectorizer = getattr(text, name)(ngram_range=(1, 2)).fit(words)
    bundled = bundlekit.bundle(vectorizer)
    assert bundled.needs == ()
    np.testing.assert_array_equal(
        bundlekit.unbundle(bundled).transform(words).toarray(),
        vectorizer.transform(words).toarray(),
    )
