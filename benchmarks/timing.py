"""How long ways of keeping a model take, side by side."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.answers import answer, require_same
from benchmarks.memory import available
from benchmarks.results import Comparison, Times
from benchmarks.ways import OURS, STOCK, WAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.cases import Case
    from benchmarks.ways import Way

_T = TypeVar("_T")


def compare(case: Case, names: Sequence[str]) -> Comparison:
    """Save and load one model in several ways, in turn; the first round warms up.

    What gives a model back has to give the one that was saved, and stock Keras has to open each
    bundle as that model.

    Raises:
        Different: a model predicts what the original does not.
    """
    ways = {name: WAYS[name] for name in names}
    absent = {name: Times(absent=way.absent) for name, way in ways.items() if way.absent}
    if short := _short(case):
        absent = dict.fromkeys(names, Times(absent=short))
    rounds: dict[str, list[tuple[float, float, int]]] = {n: [] for n in names if n not in absent}
    model = case.make() if rounds else None
    expected = answer(model) if rounds else None
    for _ in range(1 + case.repeats):
        for name, found in rounds.items():
            found.append(_round(ways[name], model, expected))
    times = {name: _times(found[1:]) for name, found in rounds.items()} | absent
    return Comparison(case.name, case.title, case.amount, {name: times[name] for name in names})


def _round(way: Way, model: Any, expected: Any) -> tuple[float, float, int]:
    """Give the seconds of saving and of loading, and the bytes in between."""
    with tempfile.TemporaryDirectory(prefix="bundlekit-benchmark-") as folder:
        path = Path(folder) / way.file
        saving, _ = _seconds(lambda: way.save(model, path))
        files = [file for file in (path, *path.rglob("*")) if file.is_file()]
        size = sum(len(file.read_bytes()) for file in files)  # now the system has them at hand
        loading, given = _seconds(lambda: way.load(path, model))
        if way.whole:
            require_same(given, expected, way.title)
        if way is WAYS[OURS]:
            require_same(WAYS[STOCK].load(path, model), expected, "a bundle, opened by stock Keras")
        return saving, loading, size


def _seconds(work: Callable[[], _T]) -> tuple[float, _T]:
    gc.collect()
    os.sync()  # or else it waits for what others have written
    start = time.perf_counter()
    given = work()
    return time.perf_counter() - start, given  # before what is given is freed


def _times(rounds: list[tuple[float, float, int]]) -> Times:
    save, load, sizes = zip(*rounds, strict=True)
    return Times(save, load, sizes[-1])


def _short(case: Case) -> str:
    """Say what there is too little of here: memory for four of a large model, disk for three."""
    if case.kind != "dense":
        return ""
    weights = case.amount * 2**20
    if shutil.disk_usage(tempfile.gettempdir()).free < 3 * weights:
        return "too little disk here"
    return "too little memory here" if available() < 4 * weights else ""
