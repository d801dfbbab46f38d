"""One process per backend that writes, and one that reads what all have written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.backends import cell
from tests.backends.cell import Cell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REPOSITORY = Path(__file__).parents[2]
AT_ONCE = 2
"""Processes; more do not help on two cores."""
TIMEOUT = 1800
ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # The models are tiny: threads would only wait for each other, and compiling is all that JAX
    # does, so it compiles once for all processes and without trying hard.
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


@dataclass(frozen=True)
class Matrix:
    """What became of every kind.

    Attributes:
        cells: by kind, writer and reader.
        written: what the writers said, by kind and backend.
        inspected: of each bundle, by `backend/kind`: what a process without Keras saw.
        seconds: how long each process took, by `writer` or `reader` and backend.
    """

    cells: Mapping[tuple[str, str, str], Cell]
    written: Mapping[tuple[str, str], Cell]
    inspected: Mapping[str, Any]
    seconds: Mapping[str, float]


def run(folder: Path, backends: Sequence[str], kinds: Sequence[str]) -> Matrix:
    """Write under all backends, then read under all."""
    written, writers = _run("writing", folder, backends, kinds)
    done = _start("inspecting", folder, "", ())
    assert done.returncode == 0, done.stderr
    read, readers = _run("reading", folder, backends, kinds)
    cells = {
        (kind, writer, reader): _cell(written, read, kind, writer, reader)
        for kind in kinds
        for writer in backends
        for reader in backends
    }
    wrote = {
        (kind, backend): written[kind, backend, backend] for kind in kinds for backend in backends
    }
    return Matrix(cells, wrote, json.loads(done.stdout), {**writers, **readers})


def _cell(written: Any, read: Any, kind: str, writer: str, reader: str) -> Cell:
    """Give what the reader found; where there is no bundle, what the writer said."""
    first: Cell = written[kind, writer, writer]
    if first.faults or first.reason:
        return replace(first, reader=reader)
    found: Cell = read[kind, writer, reader]
    return found


class Found(dict[tuple[str, str, str], Cell]):
    """Cells by kind, writer and reader; what is not there is a fault with the process' end."""

    def __init__(self, cells: Sequence[Cell], ends: Mapping[str, str]) -> None:
        super().__init__({(one.kind, one.writer, one.reader): one for one in cells})
        self.ends = ends

    def __missing__(self, key: tuple[str, str, str]) -> Cell:
        kind, writer, reader = key
        return Cell(kind=kind, writer=writer, reader=reader, faults=[self.ends[reader]])


def _run(
    work: str, folder: Path, backends: Sequence[str], kinds: Sequence[str]
) -> tuple[Found, dict[str, float]]:
    def one(backend: str) -> tuple[str, float]:
        started = time.perf_counter()
        done = _start(work, folder, backend, kinds)
        end = f"the process {work} under {backend} ended with {done.returncode}:\n{done.stderr}"
        return end[-4000:], time.perf_counter() - started

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = dict(zip(backends, pool.map(one, backends), strict=True))
    past = {"writing": "written", "reading": "read"}[work]
    cells = [each for backend in backends for each in cell.read(folder / f"{backend}.{past}")]
    found = Found(cells, {backend: end for backend, (end, _) in ends.items()})
    return found, {f"{work} under {backend}": taken for backend, (_, taken) in ends.items()}


def _start(
    work: str, folder: Path, backend: str, kinds: Sequence[str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"tests.backends.{work}", str(folder), *kinds],
        cwd=REPOSITORY,
        env={
            **ENVIRONMENT,
            "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
            **os.environ,
            "KERAS_BACKEND": backend,
        },
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
    )
