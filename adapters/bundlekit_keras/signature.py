"""The signature of a Keras model: inputs and outputs, flattened in Keras' own order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Signature, TensorSpec

if TYPE_CHECKING:
    from collections.abc import Iterator


def signature_of(model: Any) -> Signature | None:
    """Read the signature from the model's symbolic tensors; `None` where it has none.

    An input or output in a dict is called by its key, any other by its own name; that of an
    output is its layer's.
    """
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs:
        return None
    names = getattr(model, "output_names", None) or [model.layers[-1].name]
    return Signature(
        inputs=_specs(getattr(model, "input", inputs), [tensor.name for tensor in inputs]),
        outputs=_specs(getattr(model, "output", outputs), names),
    )


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
