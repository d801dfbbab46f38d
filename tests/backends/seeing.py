"""What is seen of a model, under any backend: its state, what it predicts, how it goes on."""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
import numpy as np

from tests.backends.kinds.kind import is_faster_op_by_op

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Seen: TypeAlias = "dict[str, np.ndarray[Any, Any]]"
"""Arrays by place, such as `weight/0 kernel` or `prediction/0`."""


def state(model: Any) -> Seen:
    """See every variable, states of recurrent layers, and what is trainable.

    Variables are placed by their order and their own names. Their paths begin with the name of a
    `Sequential` or not, by how Keras has built it.
    """
    seen = {
        f"weight/{index} {variable.name}": _array(variable)
        for index, variable in enumerate(model.variables)
    }
    seen |= {
        f"trainable/{place}": np.asarray(bool(layer.trainable))
        for place, layer in _layers(model.name, model)
    }
    for place, layer in _layers(model.name, model):
        if getattr(layer, "stateful", False) and getattr(layer, "states", None) is not None:
            seen |= _in_order(f"state/{place}", keras.tree.flatten(layer.states))
    if model.compiled:
        seen |= _in_order("optimizer", _of_optimizer(model.optimizer))
        # The running losses of single outputs are not kept, as the manifest says.
        kept = [one for one in model.metrics_variables if not one.path.startswith("compile_loss/")]
        seen |= _in_order("metric", kept)
    return seen


def prediction(model: Any, inputs: Any) -> Seen:
    """See what it predicts, computed op by op."""
    start_anew()
    found = keras.tree.flatten(model(inputs, training=False))
    return {f"prediction/{index}": _array(one) for index, one in enumerate(found)}


def next_step(model: Any, inputs: Any, targets: Any) -> Seen:
    """Train one step, and see its loss and metrics and all that it changed."""
    # As the backend is fastest here, and not as another one wrote it: what JAX compiles by default
    # is marked to be compiled by every backend.
    model.run_eagerly, model.jit_compile = is_faster_op_by_op(), not is_faster_op_by_op()
    start_anew()
    result = model.train_on_batch(inputs, targets, return_dict=True)
    seen = {f"next step/{name}": _array(value) for name, value in result.items()}
    return seen | {f"next step/{place}": value for place, value in state(model).items()}


def start_anew() -> None:
    """Seed what no model holds: PyTorch's dropout draws from a generator of the process.

    `keras.utils.set_random_seed` would import TensorFlow.
    """
    random.seed(1)
    np.random.seed(1)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(1)


def _in_order(group: str, variables: Sequence[Any]) -> Seen:
    return {f"{group}/{index}": _array(each) for index, each in enumerate(variables)}


def _of_optimizer(optimizer: Any) -> Sequence[Any]:
    """Give its variables; before its first step only their count of steps.

    Until then its slots are there or not, and at their initial values if they are.
    """
    variables: Sequence[Any] = optimizer.variables
    return variables if int(optimizer.iterations) else variables[:1]


def _layers(place: str, layer: Any) -> Iterator[tuple[str, Any]]:
    yield place, layer
    inside = getattr(layer, "layers", ())
    for one in inside if isinstance(inside, list | tuple) else ():
        yield from _layers(f"{place}/{one.name}", one)


def _array(value: Any) -> np.ndarray[Any, Any]:
    return np.array(keras.ops.convert_to_numpy(value))
