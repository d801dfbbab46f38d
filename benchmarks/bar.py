"""The bar that a run has to reach, as data, and the judging of figures against it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from benchmarks.results import Comparison, Large
from benchmarks.ways import OURS, STOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Key: TypeAlias = tuple[str, str]
"""The name of a case, and what was measured of it."""
Figures: TypeAlias = "Mapping[Key, float]"

SAVING, LOADING = "`save_model` / `dump`", "`load_model` / `load`"
SAVING_FLOOR, LOADING_FLOOR = "`dump` / the floor", "`load` / the floor"
DUMP_PEAK = "peak of `dump` beyond the model, MiB"
BUNDLE_PEAK = "peak of `bundle` beyond the model / weights"
LOAD_PEAK = "peak of `load` / weights"
FLOOR_ITSELF = "`save_model` / the floor"
DENSE, MEMORY = "dense", "memory"


@dataclass(frozen=True)
class Bar:
    """What one figure of one case has to be.

    Attributes:
        case: its name.
        figure: its name.
        least: what it may not be below.
        most: what it may not be above.
        limit: the name of another figure of the case, which this one cannot be above: what the
            floor reaches on this machine.
    """

    case: str
    figure: str
    least: float = -math.inf
    most: float = math.inf
    limit: str = ""

    def holds(self, value: float, slack: float = 1.0) -> bool:
        """Tell whether a value reaches the bar; a slack of 0.7 lets it be 30 % off."""
        return self.least * slack <= value <= self.most / slack

    def within_reach(self, found: Figures) -> Bar:
        """Give the bar that can be reached where `found` was measured."""
        return replace(self, least=min(self.least, found.get((self.case, self.limit), math.inf)))

    def better(self, one: float, other: float) -> float:
        """Give the value that is nearer to the bar, or further beyond it."""
        return max(one, other) if self.most == math.inf else min(one, other)

    @property
    def key(self) -> Key:
        """The figure that it is about."""
        return self.case, self.figure

    @property
    def bound(self) -> str:
        """The bar in words."""
        return f"at least {self.least:g}" if self.most == math.inf else f"at most {self.most:g}"


BARS = (
    Bar("mlp", SAVING, least=1.5),
    Bar("mlp", LOADING, least=1.5),
    *(Bar(case, SAVING, least=3) for case in ("mobilenet", "efficientnet", "resnet")),
    *(Bar(case, LOADING, least=2.5) for case in ("mobilenet", "efficientnet", "resnet")),
    Bar(DENSE, SAVING, least=5, limit=FLOOR_ITSELF),
    Bar(DENSE, LOADING, least=3),
    Bar(DENSE, SAVING_FLOOR, most=1.5),
    Bar(DENSE, LOADING_FLOOR, most=1.5),
    Bar(MEMORY, DUMP_PEAK, most=64),
    Bar(MEMORY, BUNDLE_PEAK, most=1.05),
    Bar(MEMORY, LOAD_PEAK, most=1.1),
)


def missed(bars: Iterable[Bar], found: Figures, slack: float = 1.0) -> list[Bar]:
    """Give the bars that are not reached, or whose figure is not there."""
    return [bar for bar in bars if not bar.holds(_found(bar, found), slack)]


def better(bars: Iterable[Bar], one: Figures, other: Figures) -> Figures:
    """Give the better of two figures for each bar."""
    return {bar.key: bar.better(_found(bar, one), _found(bar, other)) for bar in bars}


def said(bar: Bar, found: Figures) -> str:
    """Say what a bar asks for and what was found."""
    return f"{bar.case}, {bar.figure}: {bar.bound}; found {_found(bar, found):.2f}"


def _found(bar: Bar, found: Figures) -> float:
    return found.get(bar.key, math.nan)


def figures(*measured: Comparison | Large) -> Figures:
    """Give the figures that bars are about, of all that was measured."""
    found: dict[Key, float] = {}
    for one in measured:
        found |= _peaks(one) if isinstance(one, Large) else _ratios(one)
    return found


def _ratios(comparison: Comparison) -> Figures:
    ratios = {
        SAVING: comparison.times_as_fast("save", than=STOCK),
        LOADING: comparison.times_as_fast("load", than=STOCK),
        SAVING_FLOOR: comparison.times_as_fast("save", than=OURS, way="floor"),
        LOADING_FLOOR: comparison.times_as_fast("load", than=OURS, way="floor"),
        FLOOR_ITSELF: comparison.times_as_fast("save", than=STOCK, way="floor"),
    }
    return {(comparison.case, what): value for what, value in ratios.items() if value is not None}


def _peaks(large: Large) -> Figures:
    ours = {work: peaks[OURS] for work, peaks in large.peaks.items()}
    return {
        (MEMORY, DUMP_PEAK): ours["dump"] / 2**20,
        (MEMORY, BUNDLE_PEAK): ours["bundle"] / large.weights,
        (MEMORY, LOAD_PEAK): ours["load"] / large.weights,
    }
