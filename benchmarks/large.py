"""All that is measured of one large model beside time."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.memory import large_file, peak
from benchmarks.process import fresh
from benchmarks.reading import config_bytes, inspect_cpu
from benchmarks.results import Large
from benchmarks.ways import OURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.cases import Case

_WORKS = ("dump", "bundle", "load")  # in this order: what the first writes, the last reads


def measure(case: Case, names: Sequence[str], *, inside: bool) -> Large:
    """Measure a model of `dense`, each figure in a process of its own."""
    with TemporaryDirectory(prefix="bundlekit-benchmark-") as name:
        folder = Path(name)
        peaks = {
            work: {way: fresh(peak, work, way, case, folder) for way in names} for work in _WORKS
        }
        path = large_file(OURS, folder)
        return Large(
            title=case.title,
            weights=case.amount * 2**20,
            file=path.stat().st_size,
            peaks=peaks,
            inspect_cpu=inspect_cpu(path) if inside else None,
            config_read=fresh(config_bytes, path) if inside else None,
        )
