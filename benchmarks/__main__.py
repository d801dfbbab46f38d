"""`uv run python -m benchmarks`: print the figures of `docs/performance.md`.

Each case runs in its own process, so that peak memory is its own; ours and theirs in turn, so
that a machine that drifts drifts for both. Times are medians.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS = ("mlp", "mobilenet", "dense-256-mib")
REPEATS = 7


def make(name: str) -> Any:
    """Build and compile a model; one step makes the optimizer's slots."""
    import keras
    import numpy as np

    if name == "mlp":
        layers = [keras.layers.Dense(64, "relu"), keras.layers.Dense(10)]
        model = keras.Sequential([keras.Input((32,)), *layers])
        model.compile("adam", "mse")
        model.train_on_batch(np.ones((2, 32)), np.ones((2, 10)))
        return model
    if name == "mobilenet":
        return keras.applications.MobileNetV2(weights=None)
    width = 4096
    layers = [keras.layers.Dense(width, use_bias=False) for _ in range(4)]
    return keras.Sequential([keras.Input((width,)), *layers])


def times(pairs: list[Callable[[], object]]) -> list[float]:
    """Run the works in turn; give the median seconds of each."""
    found: list[list[float]] = [[] for _ in pairs]
    for _ in range(REPEATS):
        for seconds, work in zip(found, pairs, strict=True):
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
    return [statistics.median(seconds) for seconds in found]


def compare(name: str, folder: Path) -> dict[str, float]:
    """Save and load one model in both ways."""
    import keras

    import bundlekit

    model, ours, theirs = make(name), folder / "ours.bundle", folder / "theirs.keras"
    save = times(
        [
            lambda: bundlekit.dump(model, ours, overwrite=True),
            lambda: keras.saving.save_model(model, theirs),
        ]
    )
    load = times([lambda: bundlekit.load(ours), lambda: keras.saving.load_model(theirs)])
    return {
        "MiB": ours.stat().st_size / 2**20,
        "save ms": save[0] * 1e3,
        "Keras save ms": save[1] * 1e3,
        "save ratio": save[0] / save[1],
        "load ms": load[0] * 1e3,
        "Keras load ms": load[1] * 1e3,
        "load ratio": load[0] / load[1],
    }


def peak(name: str, folder: Path, way: str) -> dict[str, float]:
    """Save, then load, in a process of its own; give the growth of its peak memory."""
    import keras

    import bundlekit

    path = folder / f"{way}.keras"
    model = make(name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if way == "ours":
        bundlekit.dump(model, path)
    else:
        keras.saving.save_model(model, path)
    saved = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = path.stat().st_size / 1024
    return {f"{way} save, times the size": (saved - before) / size}


def inspecting(folder: Path) -> dict[str, float]:
    """Inspect a bundle of 1 GiB; give the CPU milliseconds beyond a bare interpreter's."""
    from bundlekit import manifest
    from bundlekit.artifact import Content, write

    path = folder / "large.bundle"
    fields = {
        "adapter": "a",
        "payload_version": 1,
        "distribution": "d",
        "type": "t",
        "kind": "k",
    }
    with path.open("wb") as file:
        content = {"zeros.bin": Content(bytes(2**30), tensors=True)}
        write(file, content, lambda m: manifest.build(**fields, members=m, environment={}))
    bare = [sys.executable, "-c", "pass"]
    inspect = [sys.executable, "-m", "bundlekit", "inspect", str(path)]
    used = [[cpu(command) for command in (bare, inspect)] for _ in range(REPEATS)]
    beyond = statistics.median(inspected - nothing for nothing, inspected in used)
    return {"inspect 1 GiB, CPU ms": beyond * 1e3}


def cpu(command: list[str]) -> float:
    """Run a command; give its user and system seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def case(*words: str) -> dict[str, float]:
    """Run one case in a process of its own."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        check=True,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def report() -> None:
    """Run every case and print the figures as Markdown."""
    import keras

    import bundlekit

    print(
        f"bundlekit {bundlekit.__version__}, Keras {keras.__version__}, {os.cpu_count()} cores, ",
        end="",
    )
    print(f"Python {platform.python_version()}, {platform.system()}\n")
    table = {name: case("compare", name) for name in MODELS}
    columns = list(next(iter(table.values())))
    print("| model |", " | ".join(columns), "|\n|---|" + "---:|" * len(columns))
    for name, row in table.items():
        print(f"| {name} |", " | ".join(f"{value:.2f}" for value in row.values()), "|")
    figures = {**case("inspect")}
    for way in ("ours", "theirs"):
        figures |= case("peak", "dense-256-mib", way)
    print("\n| | |\n|---|---:|")
    for what, value in figures.items():
        print(f"| {what} | {value:.2f} |")


def main(words: list[str]) -> None:
    """Run one case, or all."""
    with TemporaryDirectory(prefix="bundlekit-benchmark-") as name:
        folder = Path(name)
        if not words:
            report()
        elif words[0] == "compare":
            print(json.dumps(compare(words[1], folder)))
        elif words[0] == "peak":
            print(json.dumps(peak(words[1], folder, words[2])))
        else:
            print(json.dumps(inspecting(folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
