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


@contextmanager
def attributes(obj: Any) -> Iterator[None]:
    """Take away what a saver leaves behind on an object and all that it is made of.

    The export of Keras 3 gives every layer functions of training that it does not have.
    """
    before = {id(one): (one, set(vars(one))) for one in _inside(obj)}
    try:
        yield
    finally:
        for one, names in before.values():
            for name in set(vars(one)) - names:
                if name in _LEFT_BEHIND:
                    vars(one).pop(name, None)


_LEFT_BEHIND = frozenset({"train_function", "test_function", "predict_function"})


def _inside(obj: Any) -> Iterator[Any]:
    seen: set[int] = set()
    pending = [obj]
    while pending:
        one = pending.pop()
        if id(one) in seen or not hasattr(one, "__dict__") or isinstance(one, type):
            continue
        seen.add(id(one))
        yield one
        for value in vars(one).values():
            children = value if isinstance(value, list | tuple) else [value]
            pending.extend(child for child in children if hasattr(child, "get_config"))


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
