"""The figures of a run as pictures."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from benchmarks.ways import PAIR, WAYS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.results import Comparison, Run

_VERBS = {"save": "saving", "load": "loading"}
_SETTINGS = {"svg.fonttype": "none", "svg.hashsalt": "bundlekit", "font.size": 9}


def draw(run: Run, folder: Path) -> None:
    """Write the pictures as SVG; none, and none of an earlier run, without matplotlib."""
    for old in folder.glob("*.svg"):
        old.unlink()
    if find_spec("matplotlib") is None:
        return
    import matplotlib as mpl

    mpl.use("svg")
    folder.mkdir(exist_ok=True)
    with mpl.rc_context(_SETTINGS):
        _scaling(run.sizes, "MiB of weights", folder / "sizes.svg")
        _scaling(run.layers, "layers", folder / "layers.svg")
        _bars(run.models[-1], folder / "dense.svg")


def _scaling(comparisons: Sequence[Comparison], unit: str, path: Path) -> None:
    """Draw seconds against an amount, both as powers, for saving and loading."""
    figure, panels = _panels()
    for axes, verb in zip(panels, _VERBS, strict=True):
        for way in PAIR:
            points = [(one.amount, one.seconds(way, verb)) for one in comparisons]
            known = [(amount, seconds) for amount, seconds in points if seconds is not None]
            axes.plot(*zip(*known, strict=True), marker="o", label=WAYS[way].title)
        axes.set(xscale="log", yscale="log", title=_VERBS[verb], xlabel=unit, ylabel="seconds")
        axes.grid(visible=True, alpha=0.3)
        axes.legend()
    figure.savefig(path, metadata={"Date": None})


def _bars(comparison: Comparison, path: Path) -> None:
    """Draw the seconds of every way."""
    figure, panels = _panels(sharey=True)
    for axes, verb in zip(panels, _VERBS, strict=True):
        found = {WAYS[way].title: comparison.seconds(way, verb) for way in comparison.ways}
        known = {title: seconds for title, seconds in found.items() if seconds is not None}
        axes.barh(list(known), list(known.values()))
        axes.set(title=f"{_VERBS[verb]} {comparison.title}", xlabel="seconds")
    panels[0].invert_yaxis()
    figure.savefig(path, metadata={"Date": None})


def _panels(**options: Any) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    return figure, figure.subplots(1, 2, **options)
