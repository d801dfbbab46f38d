"""What would not come back as it is, is refused when it is bundled, and named."""

from __future__ import annotations

import collections
import enum
import pickle
import re
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import bundlekit
from bundlekit.errors import MissingCustomObjects, Unwritable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Colour(enum.StrEnum):
    RED = "red"


class Annotated(dict[str, int]):
    note = ""


def annotated() -> Annotated:
    made = Annotated(a=1)
    made.note = "kept?"
    return made


def held(value: Any) -> Any:
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    scaler.held_ = value
    return scaler


VALUES: dict[str, tuple[Callable[[], Any], str]] = {
    "truth as key": (lambda: {True: 1}, "a dict has the key True, a bool, .* use text or numbers"),
    "none as key": (lambda: {None: 1}, "a dict has the key None, a NoneType"),
    "tuple as key": (lambda: {("a", 1): 1}, r"a dict has the key \('a', 1\), a tuple"),
    "deep inside": (lambda: [{"a": ({False: 1},)}], "a dict has the key False"),
    "ordered": (lambda: collections.OrderedDict({None: 1}), "a dict has the key None"),
    "counted": (lambda: collections.Counter([True]), "a dict has the key True"),
    "two keys of one text": (lambda: {1: "a", "1": "b"}, "the keys 1 and '1'.*not tell apart"),
    "text of an enum": (lambda: Colour.RED, "Colour, and would come back as str; use its plain"),
    "enum as key": (lambda: {Colour.RED: 1}, "Colour, and would come back as str"),
    "lock": (threading.Lock, "cannot be taken apart: cannot pickle '_thread.lock' object; leave"),
    "generator": (lambda: (n for n in "ab"), "cannot be taken apart: cannot pickle 'generator'"),
    "complex": (lambda: 1 + 2j, "does not store StandardScaler: cannot pickle 'complex' object"),
    "deque": (lambda: collections.deque("ab"), "is a collections.deque, of which skops keeps less"),
    "pattern": (lambda: re.compile("a"), "is a re.Pattern, of which skops keeps less"),
    "dots": (lambda: ..., "Ellipsis is a builtins.ellipsis, of which skops keeps less"),
    "iterator": (lambda: iter([1]), "builtins.list_iterator, of which skops keeps less"),
    "attributes of a dict": (annotated, r"at \.held_, a .*Annotated, would come back as .*with"),
    "numbers as keys": (
        lambda: collections.defaultdict(list, {1: [2]}),
        "stores StandardScaler and cannot read it back: keywords must be strings",
    ),
}


@pytest.mark.parametrize("kind", VALUES)
def test_a_value_that_would_not_come_back_is_refused(kind: str) -> None:
    make, match = VALUES[kind]
    estimator = held(make())
    before = {name: id(value) for name, value in vars(estimator).items()}
    with pytest.raises(Unwritable, match=match):
        bundlekit.bundle(estimator)
    assert {name: id(value) for name, value in vars(estimator).items()} == before


def test_bits_of_numpy_are_refused_where_they_would_be_others() -> None:
    import numpy as np

    with pytest.raises(Unwritable, match=r"a dict has the key np.False_, a bool"):
        bundlekit.bundle(held({np.False_: 1}))
    with pytest.raises(Unwritable, match="PCG64, of which skops keeps less than there is"):
        bundlekit.bundle(held(np.random.PCG64(3)))
    with pytest.raises(Unwritable, match="SeedSequence, of which skops keeps less than there is"):
        bundlekit.bundle(held(np.random.SeedSequence(3)))


def test_keys_that_are_numbers_come_back_as_they_are() -> None:
    import numpy as np

    keys = {1: "a", 2.5: "b", np.int64(3): "c", "1.0": "d", float("nan"): "e"}
    restored = bundlekit.unbundle(bundlekit.bundle(held(keys))).held_
    assert list(map(repr, restored.items())) == list(map(repr, keys.items()))
    assert [type(key) for key in restored] == [int, float, np.int64, str, float]


def test_an_estimator_that_refers_to_itself_is_refused_and_left_as_it_is() -> None:
    estimator = held(None)
    estimator.held_ = [estimator]
    with pytest.raises(Unwritable, match="StandardScaler refers to itself.*drop the attribute"):
        bundlekit.bundle(estimator)
    assert estimator.held_[0] is estimator


def classes() -> tuple[type, type]:
    class Outer:
        class Same:
            pass

    class Same:
        pass

    return Outer.Same, Same


def test_two_classes_of_one_name_are_refused() -> None:
    first, second = classes()
    with pytest.raises(Unwritable, match=r"both called .*Same: .*Outer\.Same and .*Same; rename"):
        bundlekit.bundle(held([first(), second()]))
    assert bundlekit.bundle(held([first(), first()])).needs[0].class_name == "Same"


def test_a_lambda_travels_by_value_or_not_at_all(tmp_path: Path) -> None:
    from sklearn.preprocessing import FunctionTransformer

    doubling = FunctionTransformer(lambda values: 2 * values)
    with pytest.raises(Unwritable, match='holds a lambda at .func .*code="value"'):
        bundlekit.bundle(doubling)
    bundled = bundlekit.bundle(doubling, code="value")
    bundled.save(tmp_path / "doubling.bundle")
    with pytest.raises(MissingCustomObjects, match=r"trust=Trust\(code=True\)"):
        fresh(tmp_path, "bundlekit.load('doubling.bundle')")
    code = "bundlekit.load('doubling.bundle', trust=bundlekit.Trust(code=True)).transform([21])"
    assert fresh(tmp_path, code) == "[21, 21]"
    (need,) = bundled.needs
    assert (need.kind, need.travels, need.where) == ("lambda", "value", (".func",))


def fresh(folder: Path, code: str) -> str:
    """Run an expression in a fresh interpreter; give its repr, or raise its `BundleError`."""
    program = (
        "import sys, pickle, bundlekit\n"
        f"try: found = repr({code})\n"
        "except bundlekit.BundleError as error: found = error\n"
        "sys.stdout.buffer.write(pickle.dumps(found))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, cwd=folder
    )
    found = pickle.loads(done.stdout)
    if isinstance(found, Exception):
        raise found
    return str(found)


def test_functions_written_in_c_are_functions() -> None:
    restored = bundlekit.bundle(held(len))
    (need,) = restored.needs
    assert (need.kind, need.reference) == ("function", "builtins:len")
    assert bundlekit.unbundle(restored, trust=["builtins:len"]).held_ is len


def test_a_method_of_a_part_is_refused(framework: None) -> None:
    import keras
    from sklearn.preprocessing import FunctionTransformer

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(Unwritable, match="'predict' is a method of a Sequential, which is stored"):
        bundlekit.bundle(FunctionTransformer(model.predict))
