"""What a run has found, as values that are stored as JSON."""

from __future__ import annotations

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Times:
    """The seconds that one way took, each time, and the bytes that it wrote."""

    save: tuple[float, ...] = ()
    load: tuple[float, ...] = ()
    size: int = 0
    absent: str = ""
    """Why there is nothing, where there is nothing."""

    def median(self, verb: str) -> float:
        """Give the median seconds of `save` or `load`."""
        return statistics.median(self.save if verb == "save" else self.load)


@dataclass(frozen=True)
class Comparison:
    """One model, kept in several ways in turn."""

    case: str
    title: str
    amount: int
    """MiB or layers, as the case says."""
    ways: dict[str, Times]

    def seconds(self, way: str, verb: str) -> float | None:
        """Give the median seconds of a way, or nothing where it was not measured."""
        times = self.ways.get(way)
        return times.median(verb) if times and not times.absent else None

    def times_as_fast(self, verb: str, than: str, way: str = "bundlekit") -> float | None:
        """Give how many times as fast one way is than another."""
        own, other = self.seconds(way, verb), self.seconds(than, verb)
        return other / own if own and other else None


@dataclass(frozen=True)
class Large:
    """What was measured of one large model beside time; all sizes in bytes.

    Attributes:
        title: of the case.
        weights: of the model, in memory.
        file: of its bundle.
        peaks: by work (`dump`, `bundle`, `load`) and way, the growth of resident memory.
        inspect_cpu: CPU seconds of `bundlekit inspect` beyond those of a bare interpreter.
        config_read: bytes read from the bundle for `parts={"config"}`.
    """

    title: str
    weights: int
    file: int
    peaks: dict[str, dict[str, int]]
    inspect_cpu: float | None = None
    config_read: int | None = None


@dataclass(frozen=True)
class Run:
    """All of one run; a rough one has smaller sizes and fewer repeats than it should."""

    rough: bool
    environment: dict[str, str]
    models: list[Comparison]
    large: Large
    sizes: list[Comparison]
    layers: list[Comparison]
