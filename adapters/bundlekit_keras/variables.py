"""The order and names of a model's variables, which no file of Keras' own holds.

Keras stores arrays by the place of their layer. With the model's own order and its names beside
them, weights can be loaded into another model by order or by name.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bundlekit.errors import Damaged
from bundlekit_keras import addresses, stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bundlekit.adapter import Out, Payload

MEMBER = "variables.json"


def pack(obj: Any, out: Out) -> None:
    """Write the path and name of every weight of a model or layer, in its order."""
    weights, _ = addresses.slots_of(obj)
    out.add_json(MEMBER, [{"path": slot.path, "name": slot.name} for slot in weights])


@contextmanager
def opened(payload: Payload, weights: str) -> Iterator[stored.Stored]:
    """Open the weights of a payload, in order and with names where it has them.

    Raises:
        Damaged: the list is not one of paths and names.
    """
    with stored.opened(payload.read(weights), weights) as found:
        yield _ordered(payload, found)


def _ordered(payload: Payload, found: stored.Stored) -> stored.Stored:
    if MEMBER not in payload.paths:
        return found
    listed = payload.json(MEMBER)
    if not isinstance(listed, list) or not all(map(_is_entry, listed)):
        raise Damaged(f"{MEMBER} is no list of paths and names", member=MEMBER)
    names = {entry["path"]: entry["name"] for entry in listed}
    if len(names) != len(listed):
        raise Damaged(f"{MEMBER} lists a path twice", member=MEMBER)
    return found.in_order(names, names)


def _is_entry(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"path", "name"}
        and all(isinstance(text, str) for text in value.values())
    )
