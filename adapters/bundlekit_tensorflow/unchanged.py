"""What saving must not change in the process: random states and the names to come."""

from __future__ import annotations

import random
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def process() -> Iterator[None]:
    """Leave names that are given automatically, and random states, as they are.

    Tracing calls the user's code, which may name things and draw numbers.
    """
    import numpy as np

    python, numpy = random.getstate(), np.random.get_state()
    with ExitStack() as stack:
        if "keras" in sys.modules:
            from bundlekit_keras.internals import unchanged_names

            stack.enter_context(unchanged_names())
        counters = _tf_keras_counters()
        before = {graph: dict(names) for graph, names in counters.items()}
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
            _put_back(counters, before)


def _tf_keras_counters() -> Any:
    """Give the counters of names of tf_keras, by graph; nothing where they cannot be seen."""
    backend = getattr(sys.modules.get("tf_keras.src"), "backend", None)
    return getattr(backend, "PER_GRAPH_OBJECT_NAME_UIDS", {})


def _put_back(counters: Any, before: dict[Any, dict[Any, int]]) -> None:
    for graph in list(counters):
        if graph not in before:
            del counters[graph]
            continue
        counters[graph].clear()
        counters[graph].update(before[graph])
