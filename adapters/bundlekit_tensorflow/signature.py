"""Inputs and outputs of a SavedModel, as its manifest shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundlekit.adapter import Signature, TensorSpec
from bundlekit_tensorflow.dtypes import name_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bundlekit_tensorflow.program import Program, TensorInfo

DEFAULT = "serving_default"
INIT = "__saved_model_init_op"


def names(program: Program) -> tuple[str, ...]:
    """Give the names of the signatures, sorted."""
    return tuple(sorted(name for name in program.signatures if name != INIT))


def signature_of(
    program: Program, order: tuple[Sequence[str], Sequence[str]] | None = None
) -> Signature | None:
    """Give the default signature, or the only one; `None` where there is no such.

    Args:
        program: the SavedModel.
        order: names of inputs and outputs in the model's own order; sorted by name otherwise, and
            where the names are others.
    """
    known = names(program)
    chosen = DEFAULT if DEFAULT in known else known[0] if len(known) == 1 else None
    if chosen is None:
        return None
    inputs, outputs = program.signatures[chosen]
    if any(info.shape is None for info in (*inputs.values(), *outputs.values())):
        return None
    first, second = order or ((), ())
    return Signature(inputs=_specs(inputs, first), outputs=_specs(outputs, second))


def _specs(tensors: Mapping[str, TensorInfo], order: Sequence[str]) -> tuple[TensorSpec, ...]:
    chosen = order if set(order) == set(tensors) and len(order) == len(tensors) else sorted(tensors)
    return tuple(
        TensorSpec(name=name, dtype=name_of(tensors[name].dtype), shape=tensors[name].shape or ())
        for name in chosen
    )
