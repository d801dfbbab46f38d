"""One handle used by sixteen threads and four processes at once; `python pool.py`."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import bundlekit


def use(method: Any, inputs: Any, threads: int) -> tuple[int, int, bytes]:
    """Use a method from several threads of a process that has never seen its object."""
    start = threading.Barrier(threads)

    def call() -> bytes:
        start.wait()
        return bytes(method(inputs, verbose=0))

    with ThreadPoolExecutor(threads) as pool:
        answers = {future.result() for future in [pool.submit(call) for _ in range(threads)]}
    (answer,) = answers
    return os.getpid(), bundlekit.portable.restored.count, answer


def main() -> None:
    import keras
    import numpy as np

    layers = [keras.Input((3,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    inputs = np.random.rand(64, 3).astype("float32")
    handle = bundlekit.portable(model)
    expected = model.predict(inputs, verbose=0)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        tasks = [pool.submit(use, handle.predict, inputs, 16) for _ in range(12)]
        found = [task.result() for task in tasks]
    print(
        json.dumps(
            {
                "processes": len({process for process, _, _ in found}),
                "restored": sorted({count for _, count, _ in found}),
                "equal": all(
                    np.allclose(np.frombuffer(answer, "float32"), expected.ravel(), atol=1e-6)
                    for _, _, answer in found
                ),
            }
        )
    )


if __name__ == "__main__":
    main()
