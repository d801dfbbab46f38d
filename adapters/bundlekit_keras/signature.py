"""The signature of a Keras model: inputs and outputs, flattened in Keras' own order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Signature, TensorSpec
from bundlekit_keras.framework import require_keras

if TYPE_CHECKING:
    from collections.abc import Iterator


def signature_of(model: Any) -> Signature | None:
    """Read the signature from the model's symbolic tensors; `None` where it has none.

    An input or output in a dict is called by its key, any other by its own name; that of an
    output is its layer's.
    """
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
