"""The names of tf_keras' own classes and functions, and of TensorFlow's that only compute."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple


class Names(NamedTuple):
    """What a file of names holds."""

    classes: frozenset[str]
    functions: frozenset[str]
    symbols: frozenset[str]
    """Public names of functions of TensorFlow, below `tf.`."""
    identifiers: frozenset[str]
    """The names of the classes in lower case, as `compile` takes them: `adam`."""


@cache
def allowed() -> Names:
    """Give tf_keras' own classes and functions, and TensorFlow's that only compute.

    The data, `keras_names.txt`, are written by `tools/tf_keras_names.py`, which holds the rule.
    """
    text = Path(__file__).with_name("keras_names.txt").read_text(encoding="utf-8")
    kinds: dict[str, set[str]] = {"class": set(), "function": set(), "symbol": set()}
    for line in text.splitlines():
        if not line.startswith("#"):
            kind, name = line.split(" ")
            kinds[kind].add(name)
    return Names(
        classes=frozenset(kinds["class"]),
        functions=frozenset(kinds["function"]),
        symbols=frozenset(kinds["symbol"]),
        identifiers=frozenset(name.lower() for name in kinds["class"]),
    )
