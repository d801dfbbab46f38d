"""The page of figures: what a run has found, put into the prose of `page.md`."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from benchmarks.bar import BARS, MEMORY, figures, missed
from benchmarks.ways import OURS, PAIR, WAYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.results import Comparison, Large, Run

_PROSE = Path(__file__).parent / "page.md"
_NONE = "not measured"
_VERBS = ("save", "load")
_ROUGH = (
    "**These figures are rough**: from a trial with smaller models and each time measured once.\n\n"
)


def page(run: Run, pictures: Path) -> str:
    """Give the page; pictures are shown that are in the folder, which stands beside the page."""
    large = run.large
    return Template(_PROSE.read_text(encoding="utf-8")).substitute(
        rough=_ROUGH if run.rough else "",
        environment=", ".join(f"{name} {value}" for name, value in run.environment.items()),
        bars=_bars(run),
        saving=_times(run.models, "save"),
        loading=_times(run.models, "load"),
        dense_picture=_picture(pictures / "dense.svg", "every way with the largest model"),
        others=_others(run.models),
        sizes=_scaling(run.sizes, "weights"),
        sizes_law=_law(run.sizes, "MiB of weights"),
        sizes_picture=_picture(pictures / "sizes.svg", "time against size"),
        layers=_scaling(run.layers, "model"),
        layers_law=_law(run.layers, "layers"),
        layers_picture=_picture(pictures / "layers.svg", "time against the number of layers"),
        large=large.title,
        memory=_memory(large),
        inspect=duration(large.inspect_cpu),
        config_read=_NONE if large.config_read is None else size(large.config_read),
        file=size(large.file),
    )


def duration(seconds: float | None) -> str:
    """Write a time as people read it, in seconds or milliseconds."""
    if seconds is None:
        return _NONE
    return f"{seconds:.2f} s" if seconds >= 1 else f"{_three(seconds * 1e3)} ms"


def size(count: float) -> str:
    """Write a number of bytes as people read it."""
    return f"{count / 2**20:,.1f} MiB" if count >= 2**20 else f"{count / 2**10:.1f} KiB"


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """Give k of y = c x^k, fitted to the points by least squares of the logarithms."""
    x, y = ([math.log(value) for value in axis] for axis in zip(*points, strict=True))
    return statistics.linear_regression(x, y).slope


def table(head: Sequence[str], rows: Iterable[Sequence[str]], rule: str = "---:") -> str:
    """Write a table in Markdown; `rule` says how all but its first column are aligned."""
    rules = ["---", *[rule] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rules, *rows))


def _three(value: float) -> str:
    """Write a number with three digits, or all before the point."""
    return f"{value:,.{max(0, 2 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def _short(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"


def _picture(path: Path, title: str) -> str:
    if not path.exists():
        return "No picture: matplotlib was not installed."
    return f"![{title}]({path.parent.name}/{path.name})"


def _bars(run: Run) -> str:
    found = figures(*run.models, run.large)
    short = missed(BARS, found)
    titles = {one.case: one.title for one in run.models} | {MEMORY: run.large.title}
    rows = [
        (
            titles[bar.case],
            bar.figure,
            bar.bound,
            f"{found.get(bar.key, math.nan):.2f}",
            f"{found.get((bar.case, bar.limit), math.nan):.2f}" if bar.limit else "",
            _met(bar not in short),
        )
        for bar in BARS
    ]
    return table(("model", "figure", "bar", "found", "the floor", "met"), rows, "---")


def _met(yes: bool) -> str:
    return "yes" if yes else "**no**"


def _times(comparisons: Sequence[Comparison], verb: str) -> str:
    heads = [f"{one.title} ({size(one.ways[OURS].size)})" for one in comparisons]
    rows = [
        (WAYS[way].title, *(_time(one, way, verb) for one in comparisons))
        for way in comparisons[0].ways
    ]
    counts = (str(len(one.ways[OURS].save)) for one in comparisons)
    return table(("", *heads), [*rows, ("times measured", *counts)])


def _time(comparison: Comparison, way: str, verb: str) -> str:
    """Write a time, and how many times that of bundlekit it is; or why there is none."""
    seconds = comparison.seconds(way, verb)
    if seconds is None:
        return comparison.ways[way].absent if way in comparison.ways else _NONE
    ratio = comparison.times_as_fast(verb, than=way)
    return duration(seconds) + (f" ({_short(ratio)})" if ratio and way != OURS else "")


def _others(comparisons: Sequence[Comparison]) -> str:
    rows = []
    for name, way in WAYS.items():
        if name != OURS:
            behind = [_behind(comparisons, name, verb) for verb in _VERBS]
            rows.append((way.title, *behind, way.why))
    return table(("", "faster at saving", "faster at loading", "what it leaves out"), rows, "---")


def _behind(comparisons: Sequence[Comparison], way: str, verb: str) -> str:
    """Name the models which another way is faster with, and how many times."""
    ratios = {one.title: one.times_as_fast(verb, than=OURS, way=way) for one in comparisons}
    faster = [
        f"{title} ({_short(ratio)})" for title, ratio in ratios.items() if ratio and ratio > 1
    ]
    return ", ".join(faster) or ("none" if any(ratios.values()) else _NONE)


def _scaling(comparisons: Sequence[Comparison], what: str) -> str:
    heads = (f"{WAYS[way].title}, {verb}" for verb in _VERBS for way in PAIR)
    rows = [
        (one.title, *(_time(one, way, verb) for verb in _VERBS for way in PAIR))
        for one in comparisons
    ]
    return table((what, *heads), rows)


def _law(comparisons: Sequence[Comparison], unit: str) -> str:
    """Say with which power of the amount the times grow where it is large."""
    said = []
    largest = comparisons[len(comparisons) // 2 :]  # below, what is done once is most of the time
    for way in PAIR:
        for verb in _VERBS:
            points = [(one.amount, one.seconds(way, verb)) for one in largest]
            known = [(amount, seconds) for amount, seconds in points if seconds]
            if len(known) > 1:
                said.append(f"{WAYS[way].title}, {verb}: {exponent(known):.2f}")
    first = largest[0].amount
    return (
        f"From {first:,} {unit} on, times grow with this power of their number, where 1 is "
        f"linear: {'; '.join(said)}."
    )


def _memory(large: Large) -> str:
    rows = [
        (f"`{work}`", *(f"{peaks[way] / large.weights:.2f} ({size(peaks[way])})" for way in PAIR))
        for work, peaks in large.peaks.items()
    ]
    return table(("", *(WAYS[way].title for way in PAIR)), rows)
