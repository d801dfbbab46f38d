"""What it costs to look into a large bundle."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.cases import MLP

_REPEATS = 7


def inspect_cpu(path: Path) -> float:
    """Give the CPU seconds of `bundlekit inspect` beyond those of a bare interpreter."""
    bare = [sys.executable, "-c", "pass"]
    inspect = [sys.executable, "-m", "bundlekit", "inspect", str(path)]
    return statistics.median(_cpu(inspect) - _cpu(bare) for _ in range(_REPEATS))


def _cpu(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def config_bytes(path: Path) -> int | None:
    """Give the bytes that are read of a bundle for its config; nothing where they are not counted.

    Linux counts calls that read; pages of a mapped file are not among them.
    """
    import bundlekit

    with TemporaryDirectory(prefix="bundlekit-benchmark-") as folder:  # imports are not counted
        small = Path(folder) / "small.keras"
        bundlekit.dump(MLP.make(), small)
        bundlekit.load(small, parts={"config"})
    try:
        before = _read_so_far()
        bundlekit.load(path, parts={"config"})
        return _read_so_far() - before
    except FileNotFoundError:
        return None


def _read_so_far() -> int:
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["rchar"])
