"""`python -m benchmarks.workflows`: a fitted pipeline, kept in three ways, side by side.

Prints the table of `docs/workflows.md`: bytes, and medians of times in one run. Stock pickle only
gets a pipeline that it can take: everything in it is Keras' and scikit-learn's own, and importable.
"""

from __future__ import annotations

import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

REPEATS = 7
FEATURES, UNITS = 64, 1024
READ = """
import sys, time
began = time.perf_counter()
{imports}
imported = time.perf_counter()
found = {load}
loaded = time.perf_counter()
import numpy
found.predict(numpy.zeros((8, 64)))
print(loaded - imported, time.perf_counter() - began)
"""


def made() -> Any:
    """Fit a scaler and a network of 1.1 million weights; its optimizer has twice as many."""
    import keras
    import numpy as np
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    layers = [keras.layers.Dense(UNITS, "relu"), keras.layers.Dense(UNITS, "relu")]
    outputs = keras.layers.Dense(3, "softmax")
    model = keras.Sequential([keras.Input((FEATURES,)), *layers, outputs])
    model.compile("adam", "categorical_crossentropy")
    net = keras.wrappers.SKLearnClassifier(model, fit_kwargs={"epochs": 1, "verbose": 0})
    random = np.random.RandomState(0)
    return make_pipeline(StandardScaler(), net).fit(
        random.rand(64, FEATURES), random.randint(0, 3, 64)
    )


def main() -> None:
    """Keep, read and use the pipeline in each way."""
    warnings.simplefilter("ignore")
    import bundlekit

    pipeline = made()
    handle = bundlekit.portable(pipeline)
    ways: dict[str, tuple[Callable[[], bytes], str, str]] = {
        "pickle of the pipeline": (
            lambda: pickle.dumps(pipeline), "import pickle",
            "pickle.load(open(sys.argv[1], 'rb'))",
        ),
        "pickle of a handle": (
            lambda: pickle.dumps(handle), "import pickle",
            "pickle.load(open(sys.argv[1], 'rb'))",
        ),
        "a bundle": (
            lambda: bundlekit.dumps(pipeline), "import bundlekit",
            "bundlekit.load(sys.argv[1])",
        ),
    }  # fmt: skip
    print("| | size | to make | to read, with imports of its own | until it has predicted |")
    print("|---|---|---|---|---|")
    for name, (dumps, imports, load) in ways.items():
        times = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            data = dumps()
            times.append(time.perf_counter() - began)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "kept"
            path.write_bytes(data)
            found = [_read(path, imports, load) for _ in range(3)]
        reading = statistics.median(one for one, _ in found)
        whole = statistics.median(one for _, one in found)
        print(
            f"| {name} | {len(data) / 2**20:.1f} MiB | {statistics.median(times) * 1000:.0f} ms "
            f"| {reading * 1000:.0f} ms | {whole:.1f} s |"
        )


def _read(path: Path, imports: str, load: str) -> tuple[float, float]:
    code = READ.format(imports=imports, load=load)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    reading, whole = done.stdout.splitlines()[-1].split()
    return float(reading), float(whole)


if __name__ == "__main__":
    main()
