"""The names of Keras' own classes and functions that a config may hold, by Keras version.

The data, `allowlist.txt`, are written by `tools/keras_allowlist.py`, which holds the rule for
what is in them: what models are made of. What loads, writes, converts or configures is not, nor
a layer that opens a path, unpickles or runs another framework's code. Nothing here imports Keras.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

_BARE = frozenset(
    f"keras.{module}"
    for module in (
        "activations",
        "constraints",
        "initializers",
        "losses",
        "metrics",
        "regularizers",
    )
)


class _Symbol(NamedTuple):
    name: str
    kind: str
    ranges: tuple[tuple[tuple[int, int], tuple[int, int]], ...]


@dataclass(frozen=True)
class Allowed:
    """What one minor of Keras may be asked for, by full names such as `keras.layers.Dense`.

    Three layers and `Lambda` are allowed by name, but not with whatever they are given: a string
    as `vocabulary` of `StringLookup`, `IntegerLookup` or `TextVectorization` is a path that is
    read, and a `Lambda` holds functions.
    """

    minor: tuple[int, int]
    classes: frozenset[str]
    functions: frozenset[str]

    @cached_property
    def bare_functions(self) -> frozenset[str]:
        """The short names of the functions that Keras finds when a node's module is `builtins`."""
        split = (name.rsplit(".", 1) for name in self.functions)
        return frozenset(short for module, short in split if module in _BARE)

    @cached_property
    def names(self) -> frozenset[str]:
        """The short names of all classes and functions."""
        return frozenset(name.rpartition(".")[2] for name in self.classes | self.functions)


def allowed(minor: tuple[int, int] | None = None) -> Allowed:
    """Give what a Keras may be asked for; the installed one, or else the newest, by default.

    A minor newer than `NEWEST` is taken for `NEWEST`, one older than `OLDEST` for `OLDEST`.

    Example:
        >>> "keras.layers.Dense" in allowed((3, 9)).classes
        True
    """
    return _allowed(min(max(installed() if minor is None else minor, OLDEST), NEWEST))


def allowed_of(writer: object) -> Allowed:
    """Give what a file may name: what the installed Keras has, and what its writer had.

    Some names change between minors, and Keras still reads the old ones. A version that is none
    adds nothing.
    """
    here = allowed()
    try:
        there = allowed(_minor(writer)) if isinstance(writer, str) else here
    except ValueError:
        return here
    if there == here:
        return here
    return Allowed(here.minor, here.classes | there.classes, here.functions | there.functions)


@cache
def _allowed(minor: tuple[int, int]) -> Allowed:
    here = [
        symbol
        for symbol in _SYMBOLS
        if any(first <= minor <= last for first, last in symbol.ranges)
    ]
    return Allowed(
        minor=minor,
        classes=frozenset(symbol.name for symbol in here if symbol.kind == "class"),
        functions=frozenset(symbol.name for symbol in here if symbol.kind == "function"),
    )


@cache
def installed() -> tuple[int, int]:
    """Give the minor of the installed Keras; the newest that there are data for, without one."""
    try:
        return _minor(metadata.version("keras"))
    except metadata.PackageNotFoundError:
        return NEWEST


def _minor(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def _read() -> tuple[_Symbol, ...]:
    text = Path(__file__).with_name("allowlist.txt").read_text(encoding="utf-8")
    return tuple(_symbol(line) for line in text.splitlines() if not line.startswith("#"))


def _symbol(line: str) -> _Symbol:
    name, kind, ranges = line.split(" ")
    pairs = (pair.split("..") for pair in ranges.split(","))
    return _Symbol(name, kind, tuple((_minor(first), _minor(last)) for first, last in pairs))


_SYMBOLS = _read()

OLDEST = min(first for symbol in _SYMBOLS for first, _ in symbol.ranges)
"""The oldest Keras minor that there are data for."""

NEWEST = max(last for symbol in _SYMBOLS for _, last in symbol.ranges)
"""The newest Keras minor that there are data for."""
