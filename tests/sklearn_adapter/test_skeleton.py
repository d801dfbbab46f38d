"""A skeleton says what skops' schema says, in few words and always the same ones."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from typing import Any

import pytest
from bundlekit_sklearn import skeleton
from bundlekit_sklearn.allowlist import home
from bundlekit_sklearn.observe import SklearnObserver
from bundlekit_sklearn.skops_file import dumps

import bundlekit
from bundlekit.errors import Damaged
from bundlekit.testing import compare


def made(kind: str, table: tuple[Any, Any]) -> Any:
    import numpy as np
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, StandardScaler

    x, y = table
    shared = (1, 2.5)
    return {
        "pipeline": lambda: make_pipeline(
            StandardScaler(), KBinsDiscretizer(4), RandomForestClassifier(3, random_state=0)
        ).fit(x, y),
        "stages": lambda: GradientBoostingClassifier(n_estimators=2).fit(x, y),
        "neighbours": lambda: KNeighborsClassifier(algorithm="kd_tree").fit(x, y),
        "function": lambda: FunctionTransformer(np.log1p, kw_args={"where": True}),
        "values": lambda: StandardScaler(
            copy=[None, True, float("nan"), "ü", b"bytes", slice(1, None), {1: 2, 0.5: np.int8(3)}]
        ),
        "sets": lambda: StandardScaler(
            copy=[{"b", "a", "c"}, frozenset({(shared, 1), (shared, 2)}), {shared, "x"}]
        ),
        "shared": lambda: StandardScaler(copy=[x, [x, shared], np.ma.masked_array(x, x > 0), x]),
        "objects": lambda: StandardScaler(copy=np.array([[x, None], ["a", shared]], dtype=object)),
    }[kind]()


KINDS = ("pipeline", "stages", "neighbours", "function", "values", "sets", "shared", "objects")


def plain(schema: Any, files: Any) -> Any:
    """Give a schema without what may differ: ids, names of files, and the order of sets."""
    places: dict[Any, int] = {}

    def walk(value: Any) -> Any:
        if isinstance(value, list):
            return [walk(one) for one in value]
        if not isinstance(value, dict):
            return value
        number = value.get("__id__")
        loader = value.get("__loader__")
        if loader == "CachedNode":
            return {"same as": places[number]}
        if loader not in (None, "JsonNode", "TypeNode", "FunctionNode") and number:
            if number in places:
                return {"same as": places[number]}
            places[number] = len(places)
        held = {key: walk(one) for key, one in order(value) if key not in ("__id__", "file")}
        if "__module__" in held:
            held["__module__"] = home(held["__module__"])
        if "file" in value:
            held["file"] = hashlib.sha256(files[value["file"]]).hexdigest()
        return held

    def order(value: Any) -> Any:
        first = ("key_types", "content", "__reduce__")
        return sorted(value.items(), key=lambda one: one[0] not in first)

    return walk(schema)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "sets"])
def test_an_expanded_skeleton_is_the_schema(kind: str, table: tuple[Any, Any]) -> None:
    schema, files = dumps(made(kind, table), "it")
    del schema["protocol"], schema["_skops_version"]
    spelled, beside = skeleton.spelled(schema, files)
    stored = json.loads(json.dumps(spelled))
    expanded, again = skeleton.expanded(stored, beside.__getitem__)
    before, after = plain(schema, files), plain(expanded, again)
    assert only_once(after) == only_once(before)
    assert len(json.dumps(schema, indent=2)) > 3 * len(json.dumps(without_data(spelled)))


def without_data(value: Any) -> Any:
    if isinstance(value, list):
        return [without_data(one) for one in value]
    if isinstance(value, dict):
        return {key: without_data(one) for key, one in value.items() if key != "data"}
    return value


def only_once(value: Any) -> Any:
    """Number what is the same as something by where that is met, whoever else has a number."""
    met: dict[int, int] = {}

    def walk(one: Any) -> Any:
        if isinstance(one, list):
            return [walk(inner) for inner in one]
        if isinstance(one, dict) and "same as" in one:
            return met.setdefault(one["same as"], len(met))
        return {key: walk(inner) for key, inner in one.items()} if isinstance(one, dict) else one

    return walk(value)


@pytest.mark.parametrize("kind", KINDS)
def test_skops_reads_an_expanded_skeleton_as_its_own(kind: str, table: tuple[Any, Any]) -> None:
    estimator = made(kind, table)
    restored = bundlekit.unbundle(bundlekit.bundle(estimator))
    observer = SklearnObserver()
    assert compare(observer.state(estimator), observer.state(restored)) == ()


def test_ids_are_there_for_what_is_met_twice_and_nothing_else(table: tuple[Any, Any]) -> None:
    from sklearn.preprocessing import StandardScaler

    once, twice = [1], [2]
    spelled = read(bundlekit.bundle(StandardScaler(copy=[once, twice, twice], with_mean=0)))
    held = spelled["root"]["state"]["dict"]["copy"]
    assert held == {"list": [{"list": [1]}, {"list": [2], "id": 0}, {"ref": 0}]}
    restored = bundlekit.unbundle(bundlekit.bundle(StandardScaler(copy=[once, twice, twice])))
    assert restored.copy[1] is restored.copy[2]


def test_small_arrays_stand_inside_and_large_ones_beside() -> None:
    import numpy as np
    from sklearn.preprocessing import StandardScaler

    bundled = bundlekit.bundle(StandardScaler(copy=[np.arange(9), np.arange(900)]))
    small, large = read(bundled)["root"]["state"]["dict"]["copy"]["list"]
    assert small.keys() == {"array", "data"}
    assert large == {"array": "numpy:ndarray", "file": "arrays/0.npy"}
    assert bundled.members == ("arrays/0.npy", "skeleton.json")
    np.testing.assert_array_equal(
        np.load(io.BytesIO(bundled.read("arrays/0.npy")), allow_pickle=False), np.arange(900)
    )


def read(bundled: Any) -> Any:
    return json.loads(bundled.read("skeleton.json"))


WRITER = """
import sys, warnings
warnings.simplefilter("ignore")
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
import bundlekit
words = ["alpha beta", "gamma delta", "beta gamma", "delta alpha"]
shared = ("x", 1)
steps = make_pipeline(
    CountVectorizer(),
    RandomForestClassifier(3, random_state=0, class_weight=None),
)
steps.fit(words, [0, 1, 0, 1])
steps.memory = None
steps.extra_ = [{"b", "a", "c"}, {(shared, 1), (shared, 2)}, frozenset({shared, "y", "z"})]
sys.stdout.buffer.write(bytes(bundlekit.bundle(steps)))
"""


def test_two_processes_with_other_hashes_write_the_same_bytes() -> None:
    written = [
        subprocess.run(
            [sys.executable, "-c", WRITER],
            check=True,
            stdout=subprocess.PIPE,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout
        for seed in ("1", "2", "3")
    ]
    assert zipfile.is_zipfile(io.BytesIO(written[0]))
    assert written[1] == written[0]
    assert written[2] == written[0]


@pytest.mark.parametrize(
    "root",
    [
        {"list": [], "tuple": []},
        {"object": "sklearn.pipeline:Pipeline", "type": "os:system"},
        {"loader": "TypeNode", "type": "builtins:int", "fields": {"__class__": "system"}},
        {"loader": "TypeNode", "type": "builtins:int", "fields": {"__id__": 7}},
        {"nothing": 1},
        [1, 2],
        {"list": [{"ref": 0}]},
        {"list": [{"ref": 0}], "id": 0},
        {"list": [{"list": [], "id": 0}, {"list": [], "id": 0}]},
        {"list": [{"list": [], "id": "0"}]},
        {"list": {"a": 1, "b": 2}, "id": 0.0},
        {"array": "numpy:ndarray"},
        {"array": "numpy:ndarray", "data": "no base64!"},
        {"dict": [1]},
        {"object": 5},
    ],
)
def test_what_is_no_skeleton_is_damaged(root: Any) -> None:
    with pytest.raises(Damaged, match="the skeleton"):
        skeleton.expanded(root, dict[str, bytes]().__getitem__)
