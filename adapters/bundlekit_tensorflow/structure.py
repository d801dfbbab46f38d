"""Structures of inputs and outputs: lists and dicts in each other, with tensors as leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def leaves(structure: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves with the innermost key or number, dicts in the order of their keys."""
    if isinstance(structure, Mapping):
        for name in sorted(structure, key=str):
            yield from leaves(structure[name], str(name))
    elif isinstance(structure, list | tuple):
        for child in structure:
            yield from leaves(child)
    else:
        yield key, structure


def filled(structure: Any, values: Iterator[Any]) -> Any:
    """Put values in the places of the leaves, in the same order."""
    if isinstance(structure, Mapping):
        return {name: filled(structure[name], values) for name in sorted(structure, key=str)}
    if isinstance(structure, list | tuple):
        children = [filled(child, values) for child in structure]
        named = hasattr(structure, "_fields")
        return type(structure)(*children) if named else type(structure)(children)
    return next(values)
