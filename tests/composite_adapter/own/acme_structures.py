"""Classes of a user's, in a module that the readers can import."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass, field
from enum import Enum, Flag, IntEnum
from typing import Any, NamedTuple

import attrs


@dataclass
class Scorer:
    model: Any
    threshold: float = 0.5
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.notes.append("made")  # a second call would show


@dataclass(frozen=True, slots=True)
class Limits:
    low: float
    high: float


@attrs.define(eq=False)
class Node:
    name: str
    parent: Node | None = None
    children: list[Node] = attrs.field(factory=list)


@attrs.define(slots=False)
class Loose:
    content: Any


@dataclass
class Counter:
    """Takes itself apart in its own way, and leaves the cache out."""

    count: int
    cache: dict[str, int] = field(default_factory=dict)

    def __getstate__(self) -> tuple[str, int]:
        return ("counted", self.count)

    def __setstate__(self, state: tuple[str, int]) -> None:
        self.count = state[1]
        self.cache = {}


class Split(NamedTuple):
    train: Any
    test: Any


Point = namedtuple("Point", "x y")


class Colour(Enum):
    RED = "r"
    GREEN = "g"
    ROUGE = "r"  # noqa: PIE796 - another name of the same


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Wish(Flag):
    FAST = 1
    SMALL = 2
    EXACT = 4


def half(x: float) -> float:
    return x / 2
