"""The structures that must survive: made and bundled in one process.

`cases()` is what the writer process runs; the reader never sees this file.
"""

from __future__ import annotations

import math
import sys
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import keras
import numpy as np
from keras import layers

from bundlekit import Trust
from bundlekit.testing import Case

if TYPE_CHECKING:
    from collections.abc import Iterator

Made: TypeAlias = "tuple[Any, dict[str, Any]]"
"""A structure, and inputs for the models in it by place."""

OWN = Path(__file__).with_name("own")
X = np.random.default_rng(7).normal(size=(6, 3)).astype("float32")


def model(width: int) -> Any:
    found = keras.Sequential([keras.Input((3,)), layers.Dense(width, activation="tanh")])
    found.compile("adam", "mse")
    found.train_on_batch(X, np.ones((6, width)))
    return found


def two_models_one_of_them_twice() -> Made:
    encoder, head = model(2), model(1)
    obj = {"encoder": encoder, "head": head, "again": encoder, "threshold": 0.25}
    return obj, {"['encoder']": X, "['head']": X}


def nested_lists_and_tuples() -> Made:
    shared: list[Any] = [1, (2, [3.5, None]), "text"]
    obj = [shared, (shared, (True, ()), []), {"deep": [[[model(1)]]], "same": shared}]
    return obj, {"[2]['deep'][0][0][0]": X}


def numpy_arrays() -> Made:
    small = np.arange(6, dtype=">i2").reshape(2, 3)
    record = np.zeros(2, [("name", "U3"), ("size", "<f8", (2,))])
    return {
        "small": small,
        "large": np.random.default_rng(1).normal(size=(40, 30)),
        "columns": np.asfortranarray(np.ones((50, 40), "float32")),
        "slices": np.arange(4000)[::2],
        "empty": np.zeros((0, 3)),
        "scalar": np.array(7.5),
        "records": record,
        "times": np.array(["2020-01-01", "NaT"], "datetime64[D]"),
        "same": small,
    }, {}


def numbers_and_text() -> Made:
    return {
        "whole": [0, -1, 2**70, True],
        "real": [0.1, -0.0, 5e-324, math.inf, -math.inf, math.nan],
        "complex": [1 + 2j, complex(math.nan, -math.inf)],
        "numpy": [np.float32(0.1), np.float64(0.1), np.int8(-3), np.bool_(True), np.str_("x")],
        "dtype": [np.dtype("float32"), np.dtype(">u4")],
        "text": ["", "naïve 😀\0", "\r\n"],
        "bytes": [b"", bytes(range(256))],
    }, {}


def values_of_the_standard_library() -> Made:
    moment = datetime(2024, 2, 29, 12, 30, 1, 5)
    return [
        Decimal("0.10"),
        Decimal("-Infinity"),
        Fraction(-1, 3),
        date(2024, 2, 29),
        moment,
        moment.replace(tzinfo=UTC),
        time(23, 59),
        UUID(int=5),
        Path("models") / "a.keras",
        PurePosixPath("/a"),
        PureWindowsPath(r"c:\a"),
    ], {}


def dicts_and_sets() -> Made:
    return {
        "ordered": OrderedDict([("b", 1), ("a", 2)]),
        "keys": {1: "one", (2, "two"): [2], 3.5: None, None: 0, b"k": 1},
        "set": {"a", "b", 3, (4, 5), frozenset({"x", "y"})},
        "frozen": frozenset({1, 2}),
    }, {}


def dataclasses_and_their_like() -> Made:
    from acme_structures import (  # type: ignore[import-not-found]
        Colour,
        Counter,
        Level,
        Limits,
        Loose,
        Point,
        Scorer,
        Split,
        Wish,
        half,
    )

    limits = Limits(0.0, math.inf)
    obj = Scorer(model(2), 0.75, ["tuned"])
    held = {
        "limits": [limits, limits],
        "split": Split(np.arange(3), Point(1, [2])),
        "enums": [Colour.ROUGE, Level.HIGH, Wish.FAST | Wish.EXACT, Wish(0)],
        "counter": Counter(3, {"left out": 1}),
        "names": [half, Limits, len, dict],
        "by limits": {limits: "as a key", Colour.GREEN: "too"},
    }
    return [obj, Loose(held)], {"[0].model": X}


def attrs_in_a_circle() -> Made:
    from acme_structures import Node

    root = Node("root")
    root.children += [Node("left", root), Node("right", root)]
    ring: list[Any] = [root]
    ring.append({"ring": ring})
    return ring, {}


def an_estimator_inside() -> Made:
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(X)
    obj = {"scaler": scaler, "model": model(1), "columns": ["a", "b", "c"], "also": [scaler]}
    return obj, {"['model']": X}


def own_classes_by_value() -> Made:
    @dataclass
    class Local:
        model: Any
        limit: int

    def doubled(x: int) -> int:
        return 2 * x

    return {"local": Local(model(1), 3), "function": doubled, "class": Local}, {
        "['local'].model": X
    }


TRUSTS: dict[str, Any] = {
    "attrs_in_a_circle": ["acme_structures"],
    "own_classes_by_value": Trust(code=True),
}
GIVEN = (
    "Colour",
    "Counter",
    "Level",
    "Limits",
    "Loose",
    "Point",
    "Scorer",
    "Split",
    "Wish",
    "half",
)
STRUCTURES = (
    two_models_one_of_them_twice,
    nested_lists_and_tuples,
    numpy_arrays,
    numbers_and_text,
    values_of_the_standard_library,
    dicts_and_sets,
    dataclasses_and_their_like,
    attrs_in_a_circle,
    an_estimator_inside,
    own_classes_by_value,
)


def cases() -> Iterator[Case]:
    sys.path.insert(0, str(OWN))
    for make in STRUCTURES:
        keras.utils.set_random_seed(1)
        obj, inputs = make()
        own = {name: f"acme_structures:{name}" for name in GIVEN}
        own["len"] = "builtins:len"
        yield Case(
            name=make.__name__,
            obj=obj,
            inputs=inputs,
            custom_objects=own if make is dataclasses_and_their_like else {},
            python_path=(str(OWN),),
            trust=TRUSTS.get(make.__name__),
        )
