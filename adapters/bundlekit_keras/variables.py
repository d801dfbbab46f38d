"""The order and names of a model's variables, which no file of Keras' own holds.

Keras stores arrays by the place of their layer. With the model's own order and its names beside
them, weights can be loaded into another model by order or by name.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bundlekit.errors import Damaged
from bundlekit_keras import addresses, internals, stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bundlekit.adapter import Out, Payload

MEMBER = "variables.json"


def pack(obj: Any, out: Out) -> None:
    """Write the path and name of every weight of a model or layer, in its order."""
    weights, _ = addresses.slots_of(obj)
    listed = [{"path": slot.path, "name": slot.name} for slot in weights]
    trained = trained_paths(obj)
    out.add_json(MEMBER, {"weights": listed, **({} if trained is None else {"trained": trained})})


def trained_paths(obj: Any) -> list[str] | None:
    """Give the paths of the variables that a model's optimizer was built for, in its order.

    `None` where it is not built.
    """
    optimizer = getattr(obj, "optimizer", None)
    if not getattr(optimizer, "built", False):
        return None
    built_for = internals.optimizer_variables(optimizer)
    if built_for is None:  # by public means, only what is trainable now can be told
        built_for = list(obj.trainable_variables)
    at = {id(slot.value): slot.path for slot in addresses.slots_of(obj)[0]}
    return [at.get(id(variable), "") for variable in built_for]


@contextmanager
def opened(payload: Payload, weights: str) -> Iterator[stored.Stored]:
    """Open the weights of a payload, in order and with names where it has them.

    Raises:
        Damaged: the list is not one of paths and names.
    """
    with stored.opened(payload.read(weights), weights) as found:
        yield _ordered(payload, found)


def of(payload: Payload) -> tuple[dict[str, str], tuple[str, ...] | None]:
    """Give the names of weights by path, in order, and the paths that the optimizer was made for.

    Raises:
        Damaged: the member does not hold such lists.
    """
    if MEMBER not in payload.paths:
        return {}, None
    found = payload.json(MEMBER)
    listed = found.get("weights") if isinstance(found, dict) else None
    trained = found.get("trained") if isinstance(found, dict) else None
    if (
        not isinstance(listed, list)
        or not all(map(_is_entry, listed))
        or not (trained is None or isinstance(trained, list))
        or not all(isinstance(path, str) for path in trained or ())
    ):
        raise Damaged(f"{MEMBER} is no list of paths and names", member=MEMBER)
    names = {entry["path"]: entry["name"] for entry in listed}
    if len(names) != len(listed):
        raise Damaged(f"{MEMBER} lists a path twice", member=MEMBER)
    return names, None if trained is None else tuple(trained)


def _ordered(payload: Payload, found: stored.Stored) -> stored.Stored:
    names, trained = of(payload)
    found = replace(found, trained=trained)
    return found.in_order(names, names) if names else found


def _is_entry(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"path", "name"}
        and all(isinstance(text, str) for text in value.values())
    )
