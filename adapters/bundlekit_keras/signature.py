"""The signature of a Keras model: inputs and outputs, flattened in Keras' own order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Signature, TensorSpec
from bundlekit_keras import calling, nested
from bundlekit_keras.framework import require_keras
from bundlekit_keras.tracing import traced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bundlekit_keras.probe import Prediction


def signature_of(model: Any, prediction: Prediction | None = None) -> Signature | None:
    """Tell what a model takes and gives; `None` where that cannot be known.

    The symbolic tensors of the model know it best, then a prediction. A model that has neither,
    such as a subclassed one, is traced on the shapes that it was built for. The first dimension is
    that of the batch, and varies.

    An input or output in a dict is called by its key, any other by its own name; that of an
    output is its layer's. A subclassed model calls its input as its argument.
    """
    found = _symbolic(model)
    if found is None and prediction is not None:
        return _predicted(model, prediction)
    return found or _traced(model)


def _symbolic(model: Any) -> Signature | None:
    inputs: Any = getattr(model, "inputs", None)
    outputs: Any = getattr(model, "outputs", None)
    symbolic = require_keras().KerasTensor
    if not all(_all_are(symbolic, tensors) for tensors in (inputs, outputs)):
        return None  # none yet, or attributes of the user's own
    last = model.layers[-1].name
    names = getattr(model, "output_names", None) or (
        [last] if len(outputs) == 1 else [f"{last}/{index}" for index in range(len(outputs))]
    )
    return Signature(
        inputs=_specs(getattr(model, "input", inputs), [tensor.name for tensor in inputs]),
        outputs=_specs(getattr(model, "output", outputs), names),
    )


def _predicted(model: Any, prediction: Prediction) -> Signature:
    """Describe a prediction; a model that casts floats takes them as Keras' default float."""
    inputs = list(nested.flatten(prediction.inputs, calling.first_argument(model)))
    floats = require_keras().config.floatx() if model.autocast else None
    batch = next((array.shape[0] for _, array in inputs if array.shape), None)

    def spec(name: str, array: Any, *, cast: bool) -> TensorSpec:
        is_float = "float" in array.dtype.name
        dtype = floats if cast and floats and is_float else array.dtype.name
        return _spec(name, "string" if dtype == "object" else dtype, array.shape, batch)

    return Signature(
        inputs=tuple(spec(name, array, cast=True) for name, array in inputs),
        outputs=tuple(
            spec(name, array, cast=False)
            for name, array in nested.flatten(prediction.outputs, "output")
        ),
    )


def _traced(model: Any) -> Signature | None:
    found = traced(model)
    if found is None:
        return None
    first = calling.first_argument(model)
    return Signature(
        inputs=tuple(
            _spec(name, one.dtype, one.shape, found.batch)
            for name, one in nested.flatten(found.inputs, first)
        ),
        outputs=tuple(
            _spec(name, one.dtype, one.shape, found.batch)
            for name, one in nested.flatten(found.outputs, "output")
        ),
    )


def _spec(name: str, dtype: Any, shape: Any, batch: int | None) -> TensorSpec:
    """Describe a tensor; its first dimension varies if it is that of the batch."""
    known = tuple(shape)
    varies = bool(known) and known[0] == batch
    return TensorSpec(name=name, dtype=str(dtype), shape=(None, *known[1:]) if varies else known)


def _all_are(kind: Any, values: Any) -> bool:
    is_list = isinstance(values, list | tuple) and len(values) > 0
    return is_list and all(isinstance(value, kind) for value in values)


def _specs(structure: object, names: list[str]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name=key or name, dtype=str(tensor.dtype), shape=tuple(tensor.shape))
        for (key, tensor), name in zip(_flatten(structure), names, strict=True)
    )


def _flatten(structure: object, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(structure, dict):
        for name in sorted(structure):
            yield from _flatten(structure[name], f"{key}/{name}" if key else str(name))
    elif isinstance(structure, list | tuple):
        for child in structure:
            yield from _flatten(child, key)
    elif structure is not None:
        yield key, structure
