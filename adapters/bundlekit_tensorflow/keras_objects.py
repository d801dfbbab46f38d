"""The user's classes and functions in a live model of tf_keras, for its manifest."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import CustomObject
from bundlekit.manifest import Part
from bundlekit_tensorflow import keras_audit
from bundlekit_tensorflow.audit import OPERATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bundlekit.adapter import Need
    from bundlekit_tensorflow.program import Program


def discover(model: Any, metadata: bytes, program: Program) -> tuple[CustomObject, ...]:
    """Find the live objects of the needs that a model's own config has.

    Args:
        model: the live model.
        metadata: what tf_keras has just written of it.
        program: the program beside that.
    """
    undeclared = Part(adapter="", payload_version=1, distribution="", type="", kind="")
    return live(model, keras_audit.needs(metadata, program, undeclared))


def live(model: Any, needs: Iterable[Need]) -> tuple[CustomObject, ...]:
    """Find the live objects of needs, in a model and the registry; others are left out."""
    found = dict(reversed(list(named(model))))  # the model's own before the registry's
    return tuple(
        CustomObject(
            obj=found[need.name],
            name=need.name,
            kind=need.kind,
            where=need.where,
            optional=need.optional,
        )
        for need in needs
        if need.kind not in (OPERATION, "lambda")
        and need.name in found
        and not _is_own(found[need.name])
    )


def _is_own(obj: Any) -> bool:
    """Tell whether an object is tf_keras' own, of a version whose names are not known here."""
    module = getattr(obj, "__module__", None) or ""
    return module.partition(".")[0] in ("keras", "tensorflow", "tf_keras")


def named(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield what the model is made of, by each name that tf_keras may call it."""
    registered = sys.modules["tf_keras"].saving.get_registered_name
    for obj in _parts(model):
        for one in (obj if callable(obj) and hasattr(obj, "__name__") else type(obj), type(obj)):
            if hasattr(one, "__name__"):
                yield registered(one), one
                yield one.__name__, one
    for name, obj in dict(sys.modules["tf_keras"].saving.get_custom_objects()).items():
        yield name, obj


def _parts(model: Any) -> Iterator[Any]:
    layers = list(model._flatten_layers())
    yield from layers
    for layer in layers:
        yield from (value for value in vars(layer).values() if _is_part(value))
    for attribute in ("loss", "optimizer", "compiled_metrics"):
        yield from _leaves(getattr(model, attribute, None))
    for container in ("compiled_loss", "compiled_metrics"):
        compiled = getattr(model, container, None)
        for attribute in ("_user_losses", "_user_metrics", "_user_weighted_metrics"):
            yield from _leaves(getattr(compiled, attribute, None))


def _is_part(value: Any) -> bool:
    return callable(getattr(value, "get_config", None)) or (
        callable(value) and hasattr(value, "__qualname__") and not hasattr(value, "__self__")
    )


def _leaves(structure: Any) -> Iterator[Any]:
    if isinstance(structure, dict):
        for child in structure.values():
            yield from _leaves(child)
    elif isinstance(structure, list | tuple):
        for child in structure:
            yield from _leaves(child)
    elif structure is not None and not isinstance(structure, str):
        yield structure
