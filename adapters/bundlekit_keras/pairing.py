"""Which stored array belongs to which variable: by path, by name or by order.

A pair is made where there is a reason for it; what could be two things is nothing. A reader that
guesses would load a model that answers, and answers wrongly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundlekit.errors import NotRestorable, UnknownOption
from bundlekit_keras import by_layer
from bundlekit_keras.backwards import Walk
from bundlekit_keras.by_layer import steps_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence
    from typing import Any

    from bundlekit_keras.addresses import Slot
    from bundlekit_keras.stored import Stored, StoredTensor

    Pairs = list[tuple[StoredTensor, Slot]]

WAYS = ("path", "order", "name")


def pairs(stored: Stored, target: Any, slots: Sequence[Slot], match: str) -> Pairs:
    """Pair what is stored with a model's variables.

    Args:
        stored: the file.
        target: the live model or layer.
        slots: its weights, in order.
        match: `path`: by the place in the structure; `name`: by the names of layer and variable;
            `order`: the first with the first, and so on.

    Raises:
        UnknownOption: there is no such way.
        NotRestorable: the file does not tell what this way goes by.
    """
    if match not in WAYS:
        raise UnknownOption(
            f"match={match!r} is not known; it is one of {', '.join(WAYS)}",
            option="match",
            found=match,
            known=WAYS,
        )
    if match == "order":
        return _by_order(stored, slots)
    if match == "name":
        return _by_name(stored, slots)
    return (
        by_layer.pairs(stored, target, slots)
        if stored.by_layer
        else _by_path(stored, target, slots)
    )


def walk_of(
    stored: Stored, target: Any, slots: Sequence[Slot], others: Iterable[str] = ()
) -> Walk | None:
    """Give the way of Keras 2.13 to 2.15 through a model, where its file shows that it was taken.

    Args:
        stored: the file.
        target: the live model or layer.
        slots: its weights.
        others: places of what is no weight.

    Raises:
        NotRestorable: it was, and does not tell the order of the layers.
    """
    if any(one.name for one in stored.weights):
        return None  # they told no names
    everything = len(stored.weights) == len(slots)
    if everything and len(_exact(stored, slots)) == len(slots):
        return None
    walk = Walk(target, [*(one.group for one in stored.weights), *others])
    everything = everything and len(_along(walk, stored, slots)) == len(slots)
    if not (walk.is_told or (walk.is_likely and everything)):
        return None
    if walk.is_ambiguous:
        raise NotRestorable(
            f"the file does not tell which layer of {getattr(target, 'name', target)!r} is which: "
            f"Keras 2 numbered them by the places of their lists, and layers that are alike stand "
            f"in front of a list; save the weights with the Keras that wrote them as .h5 or as a "
            f"checkpoint, which hold names"
        )
    return walk


def _by_path(stored: Stored, target: Any, slots: Sequence[Slot]) -> Pairs:
    walk = walk_of(stored, target, slots)
    return _along(walk, stored, slots) if walk else _exact(stored, slots)


def _along(walk: Walk, stored: Stored, slots: Sequence[Slot]) -> Pairs:
    by_owner = {(id(slot.owner), slot.key): slot for slot in slots}
    found = (
        (one, by_owner.get((id(walk.found.get(one.group)), one.key))) for one in stored.weights
    )
    return [(one, slot) for one, slot in found if slot is not None]


def _exact(stored: Stored, slots: Sequence[Slot]) -> Pairs:
    exact = _joined(stored.weights, slots, lambda one: (one.group, one.key))
    rest = _left(stored.weights, slots, exact)
    # What was private in one release of Keras is public in another.
    return exact + _joined(*rest, lambda one: (_public(one.group), one.key))


def _by_name(stored: Stored, slots: Sequence[Slot]) -> Pairs:
    if not any(one.name for one in stored.weights):
        raise NotRestorable(
            "the file does not tell the names of its variables; use match='path' or match='order'"
        )
    named = [one for one in stored.weights if one.name]
    whole = _joined(named, slots, lambda one: tuple(steps_of(one.name)))
    rest = _left(named, slots, whole)
    roots = {id(one): _root(side) for side in (named, slots) for one in side}
    # What a model itself is called stands before some of its variables' names, and tells nothing.
    return whole + _joined(*rest, lambda one: tuple(steps_of(one.name)[roots[id(one)] :]))


def _root(named: Sequence[StoredTensor] | Sequence[Slot]) -> int:
    """Count the steps that all names begin with: one, where all are below the model's own name."""
    first = {steps_of(one.name)[0] for one in named}
    return 1 if len(first) == 1 and all(len(steps_of(one.name)) > 2 for one in named) else 0


def _by_order(stored: Stored, slots: Sequence[Slot]) -> Pairs:
    if not stored.ordered:
        raise NotRestorable(
            "the file does not tell the order of its weights: Keras stores them by the place of "
            "their layers; use match='path' or match='name', or bundle the model itself"
        )
    return list(zip(stored.weights, slots, strict=False))


def _joined(
    stored: Iterable[StoredTensor],
    slots: Iterable[Slot],
    key: Callable[[Any], Hashable],
) -> Pairs:
    """Pair what has the same key, where it is the only one on both sides."""
    left, right = _unique(stored, key), _unique(slots, key)
    return [(one, right[name]) for name, one in left.items() if name in right]


def _unique(values: Iterable[Any], key: Callable[[Any], Hashable]) -> dict[Hashable, Any]:
    found: dict[Hashable, list[Any]] = {}
    for value in values:
        found.setdefault(key(value), []).append(value)
    return {name: several[0] for name, several in found.items() if len(several) == 1}


def _left(
    stored: Iterable[StoredTensor], slots: Iterable[Slot], found: Pairs
) -> tuple[list[StoredTensor], list[Slot]]:
    taken = {id(one) for pair in found for one in pair}
    return (
        [one for one in stored if id(one) not in taken],
        [slot for slot in slots if id(slot) not in taken],
    )


def _public(group: str) -> str:
    return "/".join(step.lstrip("_") for step in group.split("/"))
