"""The resident memory that a large model takes while it is saved or loaded."""

from __future__ import annotations

import ctypes
import gc
import math
import pickle
import resource
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.answers import answer, require_same
from benchmarks.cases import MLP
from benchmarks.ways import OURS, WAYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.cases import Case

_RESET_PEAK = "5"
"""What clears VmHWM when it is written to clear_refs, says proc(5)."""


def peak(work: str, name: str, case: Case, folder: Path) -> int:
    """Give the bytes by which `dump`, `bundle` or `load` raises resident memory at its highest.

    Beyond the live model for the first two; what is loaded is counted. `dump` leaves its file in
    the folder, and `load` reads it there.
    """
    with TemporaryDirectory(prefix="bundlekit-benchmark-") as other:  # imports are not counted
        model, path = MLP.make(), Path(other) / "small.keras"
        WAYS[name].save(model, path)
        _work(work, name, model, path.with_stem("other") if work == "dump" else path)()
    path = large_file(name, folder)
    model = None if work == "load" else case.make()
    growth = _growth(_work(work, name, model, path))
    if work == "dump" and name == OURS:
        require_same(WAYS["keras"].load(path, None), answer(model), "a bundle, opened by Keras")
    return growth


def large_file(name: str, folder: Path) -> Path:
    """Give where `dump` leaves its file."""
    return folder / f"{name}.keras"


def _work(work: str, name: str, model: Any, path: Path) -> Callable[[], object]:
    if work == "dump":
        return lambda: WAYS[name].save(model, path)
    if work == "load":
        return lambda: WAYS[name].load(path, None)
    if name != OURS:
        return lambda: pickle.dumps(model, protocol=5)  # stock Keras' way to bytes

    import bundlekit

    return lambda: bundlekit.bundle(model)


def _growth(work: Callable[[], object]) -> int:
    gc.collect()
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)  # or else it would grow into what is free already
    reset = Path("/proc/self/clear_refs")
    try:
        reset.write_text(_RESET_PEAK)
    except OSError:
        before = _highest()
        given = work()
        return _highest() - before
    before = _kib("/proc/self/status", "VmRSS")
    given = work()
    growth = _kib("/proc/self/status", "VmHWM") - before
    del given
    return growth


def _highest() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def available() -> float:
    """Give the bytes of memory that are free; without end, where nobody tells."""
    try:
        return _kib("/proc/meminfo", "MemAvailable")
    except OSError:
        return math.inf


def _kib(file: str, field: str) -> int:
    for line in Path(file).read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == field:
            return int(rest.split()[0]) * 1024
    raise KeyError(field)
