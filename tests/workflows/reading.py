"""Reads what `making` kept, where there is none of it, and prints what it found, in JSON.

It runs without HOME, in `/`, and on a file system that cannot be written to.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

import bundlekit

FOLDER = Path(sys.argv[1])
FRAMEWORKS = ("keras", "sklearn", "tensorflow", "skops")
YS = np.load(FOLDER / "targets.npy")
CODE = bundlekit.Trust(code=True)


def loaded(path: Path) -> Any:
    data = path.read_bytes()
    if path.suffix == ".bundle":
        return bundlekit.unbundle(data, trust=CODE)
    return joblib.load(io.BytesIO(data)) if path.suffix == ".joblib" else pickle.loads(data)


def model_in(found: Any) -> Any:
    if type(found) is list:
        return found[0]
    if type(found) is dict:
        return found.get("decoder") or found.get("model")
    return found


def difference(found: Any, expected: Any, inputs: Any) -> float:
    options = {"verbose": 0} if "keras" in type(found).__module__ else {}
    given = np.asarray(found.predict(inputs, **options))
    assert given.shape == expected.shape, (given.shape, expected.shape)
    return float(np.abs(given - expected).max())


def error_of(found: Any, inputs: Any) -> dict[str, Any]:
    try:
        found.predict(inputs)
    except bundlekit.BundleError as error:
        return {
            "type": type(error).__name__,
            "message": str(error),
            "cause": type(error.__cause__).__name__,
        }
    raise AssertionError("it predicts")


def seen() -> dict[str, Any]:
    expected = dict(np.load(FOLDER / "expected.npz"))
    inputs = expected.pop("inputs")
    handles = {
        path.name: pickle.loads(path.read_bytes())
        for path in FOLDER.glob("*.pickle")
        if path.name in ("model.pickle", "pipeline.pickle", "path.pickle", "failed.pickle")
    }
    imported = [name for name in FRAMEWORKS if name in sys.modules]
    result: dict[str, Any] = {"imported by unpickling": imported}
    try:
        (FOLDER / "written").write_text("x")
        result["read-only"] = False
    except OSError:
        result["read-only"] = True
    result["home"] = os.environ.get("HOME")
    result["differences"] = {}
    for name, answer in expected.items():
        if name not in ("frame.pickle", "gan.next"):
            found = model_in(handles.get(name) or loaded(FOLDER / name))
            result["differences"][name] = difference(found, answer, inputs)
    result["restored"] = bundlekit.portable.restored.count
    several = loaded(FOLDER / "several.bundle")
    result["several"] = [list(several), several["again"] is several["encoder"]]
    gan = loaded(FOLDER / "gan.bundle")
    g, d, both = gan["g"], gan["d"], gan["both"]
    step = [d.train_on_batch(inputs, YS), both.train_on_batch(inputs[:, :2], YS)]
    result["gan"] = {
        "identity": both.layers[0] is g and both.layers[1] is d,
        "next steps": bool(np.allclose(step, expected["gan.next"], atol=1e-6)),
    }
    search = loaded(FOLDER / "search.bundle")
    result["a handle again"] = type(search.best_estimator_).__name__
    result["kept on"] = difference(
        pickle.loads(pickle.dumps(search)), expected["search.bundle"], inputs
    )
    frame = pd.read_pickle(FOLDER / "frame.in")
    handle = loaded(FOLDER / "frame.pickle")
    pd.testing.assert_frame_equal(
        handle[:-1].transform(frame), pd.read_pickle(FOLDER / "frame.out")
    )
    result["frames"] = bool((np.asarray(handle.predict(frame)) == expected["frame.pickle"]).all())
    result["reference"] = error_of(pickle.loads((FOLDER / "reference.pickle").read_bytes()), inputs)
    result["failed"] = error_of(handles["failed.pickle"]["net"], inputs)
    for name in ("holding", "search", "slim"):
        try:
            bundlekit.unbundle(FOLDER / f"{name}.bundle")
        except bundlekit.MissingCustomObjects as error:
            result[f"untrusted {name}"] = [error.custom_objects, error.code]
    return result


if __name__ == "__main__":
    print(json.dumps(seen()))
