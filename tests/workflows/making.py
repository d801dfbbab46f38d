"""Makes fitted things in one process, and keeps them in every way; `python making.py FOLDER`.

What it defines is in `__main__`, so no other process can import it; `acme_net`, beside it, can be
imported until its folder is deleted.
"""

from __future__ import annotations

import copy
import gc
import json
import pickle
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what frameworks say while they are imported
    import acme_net  # type: ignore[import-not-found]
    import cloudpickle
    import joblib
    import keras
    import numpy as np
    import pandas as pd
    import sklearn
    from sklearn.base import clone
    from sklearn.compose import make_column_transformer
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

import bundlekit

FOLDER = Path(sys.argv[1])
RANDOM = np.random.RandomState(0)
X = RANDOM.rand(40, 3)
Y = RANDOM.randint(0, 3, 40)
FRAME = pd.DataFrame(X, columns=["a", "b", "c"], index=[f"row {i}" for i in range(40)])
FRAME["kind"] = ["x", "y"] * 20
FIT = {"epochs": 1, "verbose": 0}
EXPECTED: dict[str, Any] = {}
CHECKS: dict[str, Any] = {}


class Twice(keras.layers.Layer):
    def call(self, inputs: Any) -> Any:
        return 2 * inputs


def build(X: Any, y: Any, units: int = 4) -> Any:  # noqa: N803 - Keras calls it so
    outputs = y.shape[1] if y.ndim > 1 else 1
    last = "softmax" if outputs > 1 else None
    layers = [keras.layers.Dense(units, "relu"), Twice(), keras.layers.Dense(outputs, last)]
    model = keras.Sequential([keras.Input((X.shape[1],)), *layers])
    model.compile("adam", "categorical_crossentropy" if last else "mse")
    return model


class Lost(keras.layers.Layer):
    """No reader could make it again: its argument is not in its config."""

    def __init__(self, lock: Any) -> None:
        super().__init__()
        self.lock = lock

    def call(self, inputs: Any) -> Any:
        return inputs


def build_lost(X: Any, y: Any) -> Any:  # noqa: N803 - Keras calls it so
    model = keras.Sequential([keras.Input((X.shape[1],)), Lost(object()), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def classifier(build: Any = build) -> Any:
    net = keras.wrappers.SKLearnClassifier(build, fit_kwargs=dict(FIT))
    return Pipeline([("scale", StandardScaler()), ("net", net)])


def regressor(build: Any = build) -> Any:
    return keras.wrappers.SKLearnRegressor(build, fit_kwargs=dict(FIT))


def predicted(obj: Any, inputs: Any = X) -> Any:
    options = {"verbose": 0} if isinstance(obj, keras.Model) else {}
    return np.asarray(obj.predict(inputs, **options))


def alike(found: Any, expected: Any) -> bool:
    """Tell whether two answers are the same, but for the last bit: each model is compiled anew."""
    return bool(np.allclose(found, expected, rtol=0, atol=1e-6))


def keep(name: str, obj: Any, answer: Any, dumps: Any = pickle.dumps) -> None:
    (FOLDER / name).write_bytes(dumps(obj))
    EXPECTED[name] = np.asarray(answer)


def by_joblib(obj: Any) -> bytes:
    path = FOLDER / "by.joblib"
    joblib.dump(obj, path)
    return path.read_bytes()


def models() -> None:
    model = build(X, Y[:, None])
    model.fit(X, Y, **FIT)
    handle = bundlekit.portable(model)
    CHECKS["isinstance"] = isinstance(handle, keras.Sequential)
    CHECKS["same"] = bool((predicted(handle) == predicted(model)).all())
    keep("model.pickle", handle, predicted(model))
    keep("model.joblib", {"model": handle, "threshold": 0.3}, predicted(model), by_joblib)
    keep("model.cloudpickle", [handle], predicted(model), cloudpickle.dumps)
    deep = copy.deepcopy(handle)
    before = predicted(model)
    handle.fit(X, Y, **FIT)
    CHECKS["training went on"] = bool((predicted(model) != before).any())
    CHECKS["a deep copy is another"] = alike(predicted(deep), before)
    keep("trained.pickle", handle, predicted(model))
    keras.utils.clear_session()
    CHECKS["after clear_session"] = alike(predicted(deep), before)
    again = pickle.loads(pickle.dumps(handle))
    CHECKS["after clear_session, restored"] = alike(predicted(again), predicted(model))
    CHECKS["next step"] = alike(
        again.train_on_batch(X, Y), copy.deepcopy(handle).train_on_batch(X, Y)
    )
    looked = gc.get_referrers
    gc.get_referrers = None  # type: ignore[assignment]  # a look at every object takes 0.2 s
    try:
        CHECKS["unpickling looks at nothing else"] = len(pickle.loads(pickle.dumps([handle]))) == 1
    finally:
        gc.get_referrers = looked
    path = FOLDER / "model.bundle"
    bundlekit.dump(model, path)
    EXPECTED[path.name] = predicted(model)
    stored = bundlekit.portable(path, trust=bundlekit.Trust(code=True))
    keep("path.pickle", stored, predicted(model))


def pipelines() -> None:
    fitted = bundlekit.portable(classifier()).fit(X, Y)
    keep("pipeline.pickle", fitted, predicted(fitted))
    CHECKS["pipeline"] = isinstance(fitted, Pipeline) and [name for name, _ in fitted.steps]
    holding = Pipeline([("scale", StandardScaler()), ("net", bundlekit.portable(regressor()))])
    holding.fit(X, Y)
    keep("holding.pickle", holding, predicted(holding))
    keep("holding.bundle", holding, predicted(holding), bundlekit.dumps)
    with bundlekit_scope():
        thread = ThreadPoolExecutor(1)
        found = pickle.loads(pickle.dumps(bundlekit.portable(fitted, trust=[])))
        CHECKS["in a worker thread"] = alike(
            thread.submit(predicted, found).result(), predicted(fitted)
        )


def bundlekit_scope() -> Any:
    return keras.saving.custom_object_scope({"Twice": Twice, "build": build})


def frames() -> None:
    def made() -> Any:
        columns = make_column_transformer(
            (StandardScaler(), ["a", "b", "c"]), (OneHotEncoder(sparse_output=False), ["kind"])
        )
        return Pipeline([("columns", columns), ("net", classifier()[-1])])

    keras.utils.set_random_seed(1)
    plain = made().set_output(transform="pandas").fit(FRAME, Y)
    keras.utils.set_random_seed(1)
    handle = bundlekit.portable(made()).set_output(transform="pandas").fit(FRAME, Y)
    (FOLDER / "frame.pickle").write_bytes(pickle.dumps(handle))
    with_, without = handle[:-1].transform(FRAME), plain[:-1].transform(FRAME)
    pd.testing.assert_frame_equal(with_, without)
    CHECKS["frames"] = list(with_.columns)
    FRAME.to_pickle(FOLDER / "frame.in")
    with_.to_pickle(FOLDER / "frame.out")
    EXPECTED["frame.pickle"] = np.asarray(handle.predict(FRAME))


def searches() -> None:
    grid = {"net__model_kwargs": [{"units": 2}, {"units": 3}]}
    search = GridSearchCV(bundlekit.portable(classifier()), grid, n_jobs=2, cv=2)
    search.fit(X, Y)
    keep("search.pickle", search, predicted(search))
    keep("search.bundle", search, predicted(search), bundlekit.dumps)
    found = search.best_estimator_
    CHECKS["searched"] = type(found).__name__ == "Handle" and isinstance(found, Pipeline)
    CHECKS["parameters"] = sorted(found.get_params()) == sorted(classifier().get_params())
    fresh = clone(found)
    CHECKS["clone"] = not hasattr(fresh[-1], "model_") and hasattr(found[-1], "model_")
    fresh.set_params(net__warm_start=True)
    CHECKS["set_params"] = (fresh[-1].warm_start, found[-1].warm_start)
    sklearn.utils.validation.check_is_fitted(found)


def others() -> None:
    encoder, decoder = build(X, Y[:, None]), build(X, np.eye(3)[Y])
    whole = {"encoder": encoder, "decoder": decoder, "threshold": 0.3, "again": encoder}
    (FOLDER / "several.bundle").write_bytes(bundlekit.dumps(whole))
    EXPECTED["several.bundle"] = predicted(decoder)
    fitted = classifier().fit(X, Y)
    slim = bundlekit.dumps(fitted, drop=["history"])
    (FOLDER / "slim.bundle").write_bytes(slim)
    EXPECTED["slim.bundle"] = predicted(fitted)
    CHECKS["slim"] = len(slim) < len(bundlekit.dumps(fitted))


def adversaries() -> None:
    """A model that trains two others; one of these, `d`, is trained by itself as well."""

    def net(inputs: int, outputs: int) -> Any:
        return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(outputs)])

    g, d = net(2, 3), net(3, 1)
    d.compile("adam", "mse")
    both = keras.Sequential([keras.Input((2,)), g, d])
    both.compile("adam", "mse")
    d.fit(X, Y, **FIT)
    both.fit(X[:, :2], Y, **FIT)
    (FOLDER / "gan.bundle").write_bytes(bundlekit.dumps({"g": g, "d": d, "both": both}))
    EXPECTED["gan.next"] = [d.train_on_batch(X, Y), both.train_on_batch(X[:, :2], Y)]


def imported() -> None:
    handle = bundlekit.portable(classifier(acme_net.build)).fit(X, Y)
    (FOLDER / "reference.pickle").write_bytes(pickle.dumps(handle))
    by_value = bundlekit.portable(handle, code="value")
    keep("value.pickle", by_value, predicted(handle))


def failing() -> None:
    handle = bundlekit.portable(regressor(build_lost))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        handle.fit(X, Y)
    said = [str(one.message) for one in caught if one.category is bundlekit.BundleWarning]
    CHECKS["warned"] = said
    CHECKS["still predicts"] = predicted(handle).shape == (40,)
    (FOLDER / "failed.pickle").write_bytes(pickle.dumps({"net": handle}))


if __name__ == "__main__":
    for make in (models, pipelines, frames, searches, others, adversaries, imported, failing):
        make()
    np.save(FOLDER / "targets.npy", Y)
    np.savez(FOLDER / "expected.npz", inputs=X, **EXPECTED)
    (FOLDER / "checks.json").write_text(json.dumps(CHECKS))
