"""Which stored array belongs to which variable: by path, by name or by order.

A pair is made where there is a reason for it; what could be two things is nothing. A reader that
guesses would load a model that answers, and answers wrongly.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bundlekit.errors import NotRestorable, UnknownOption
from bundlekit_keras.backwards import Walk
from bundlekit_keras.legacy import layer_name
from bundlekit_keras.numbered import natural, ranked
from bundlekit_keras.stored import TOP

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
    return _by_layer(stored, target, slots) if stored.by_layer else _by_path(stored, target, slots)


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
    whole = _joined(named, slots, lambda one: tuple(_steps(one.name)))
    rest = _left(named, slots, whole)
    roots = {id(one): _root(side) for side in (named, slots) for one in side}
    # What a model itself is called stands before some of its variables' names, and tells nothing.
    return whole + _joined(*rest, lambda one: tuple(_steps(one.name)[roots[id(one)] :]))


def _root(named: Sequence[StoredTensor] | Sequence[Slot]) -> int:
    """Count the steps that all names begin with: one, where all are below the model's own name."""
    first = {_steps(one.name)[0] for one in named}
    return 1 if len(first) == 1 and all(len(_steps(one.name)) > 2 for one in named) else 0


def _by_order(stored: Stored, slots: Sequence[Slot]) -> Pairs:
    if not stored.ordered:
        raise NotRestorable(
            "the file does not tell the order of its weights: Keras stores them by the place of "
            "their layers; use match='path' or match='name', or bundle the model itself"
        )
    return list(zip(stored.weights, slots, strict=False))


def _by_layer(stored: Stored, target: Any, slots: Sequence[Slot]) -> Pairs:
    """Pair the layers of the outermost model, and then the weights in each."""
    layers = list(getattr(target, "layers", ()))
    groups: dict[str, list[StoredTensor]] = {}
    for one in stored.weights:
        groups.setdefault(_group(one, stored, target), []).append(one)
    holding = list(groups)
    pair_layers = _positioned if stored.by_position else _named
    owners = pair_layers(stored, holding, layers, target)
    inner = {id(weight) for layer in layers for weight in layer.weights}
    by_id = {id(slot.value): slot for slot in slots}
    found: Pairs = []
    for name in holding:
        layer = owners.get(name)
        if layer is not None:
            own = [*layer.trainable_weights, *layer.non_trainable_weights]
        elif name == TOP:
            own = [weight for weight in target.weights if id(weight) not in inner]
        else:
            continue
        found += _inside(groups[name], [by_id[id(weight)] for weight in own if id(weight) in by_id])
    return found


def _named(
    stored: Stored, holding: Sequence[str], layers: Sequence[Any], target: Any
) -> dict[str, Any]:
    """Pair layers by name; where Keras made the names, by what is before the number."""
    at = {layer.name: layer for layer in layers}
    expected = [layer.name for layer in layers if layer.weights]
    named = {name: layer_name(name) for name in holding if name != TOP}
    if set(named.values()) == set(expected):
        return {name: at[spelled] for name, spelled in named.items()}
    # Keras numbers the names that it makes through a process: what counts is the order.
    of_stored, of_expected = _ranked(named.values()), _ranked(expected)
    by_rank = {rank: name for name, rank in of_expected.items()}
    counts = [Counter(base for base, _ in side.values()) for side in (of_stored, of_expected)]
    found = {}
    for name, spelled in named.items():
        rank = of_stored[spelled]
        if counts[0][rank[0]] == counts[1][rank[0]]:
            found[name] = at[by_rank[rank]]
        elif of_expected.get(spelled) == rank:
            found[name] = at[spelled]
    return found


def _ranked(names: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Rank names by their numbers; what Keras 2 called `model` is `functional` today."""
    return {
        name: ("functional" if base == "model" else base, rank)
        for name, (base, rank) in ranked(sorted(names, key=natural)).items()
    }


def _positioned(
    stored: Stored, holding: Sequence[str], layers: Sequence[Any], target: Any
) -> dict[str, Any]:
    """Pair layers by position, among all of them or those with weights; others by attribute."""
    positions = [name for name in holding if name in stored.layers]
    weighted = [layer for layer in layers if layer.weights]
    if len(stored.layers) == len(layers):
        at = dict(zip(stored.layers, layers, strict=True))
        found = {name: at[name] for name in positions}
    elif len(positions) == len(weighted):
        found = dict(zip(positions, weighted, strict=True))
    else:
        found = {}
    own = {id(layer) for layer in layers}
    for name in holding:
        value = _held(target, name.split("/"))[0] if name not in stored.layers else None
        if id(value) in own:
            found[name] = value
    return found


def _group(one: StoredTensor, stored: Stored, target: Any) -> str:
    """Give the layer of an array; where a list or dict of the model holds it, as `blocks/0`."""
    if not stored.by_position or one.group in stored.layers:
        return one.group
    steps = one.path.split("/")
    value, count = _held(target, steps)
    return "/".join(steps[:count]) if hasattr(value, "weights") else one.group


def _held(target: Any, steps: Sequence[str]) -> tuple[Any, int]:
    """Give what an object holds by an attribute, in a list or a dict too; and how many steps in."""
    value, count = vars(target).get(steps[0]), 1
    while isinstance(value, list | tuple | dict) and count < len(steps):
        items = value if isinstance(value, dict) else {str(i): v for i, v in enumerate(value)}
        value, count = items.get(steps[count]), count + 1
    return value, count


def _inside(stored: Sequence[StoredTensor], slots: Sequence[Slot]) -> Pairs:
    """Pair the weights of one layer: by name where names tell them apart, else by order.

    The order is no reason where layers inside were frozen: Keras 2 puts what is frozen last.
    """
    for spelled in (_last_two, _last_three, _without_numbers, _with_ranks):
        left, right = spelled(stored), spelled(slots)
        if len(set(left)) == len(stored) and set(left) == set(right) and len(left) == len(right):
            at = dict(zip(right, slots, strict=True))
            return [(one, at[key]) for one, key in zip(stored, left, strict=True)]
    alike = len(stored) == len(slots) and all(
        one.shape == slot.shape and _same_role(_steps(one.name)[-1], _steps(slot.name)[-1])
        for one, slot in zip(stored, slots, strict=True)
    )
    return list(zip(stored, slots, strict=True)) if alike else []


def _same_role(stored: str, name: str) -> bool:
    """Tell whether two names are of one weight: what was `depthwise_kernel` is `kernel` today."""
    return stored == name or stored.endswith(f"_{name}") or name.endswith(f"_{stored}")


def _last_two(named: Sequence[StoredTensor | Slot]) -> list[Hashable]:
    return [tuple(_steps(one.name)[-2:]) for one in named]


def _last_three(named: Sequence[StoredTensor | Slot]) -> list[Hashable]:
    return [tuple(_steps(one.name)[-3:]) for one in named]


def _without_numbers(named: Sequence[StoredTensor | Slot]) -> list[Hashable]:
    return [tuple(ranked([step])[step][0] for step in _steps(one.name)[-3:]) for one in named]


def _with_ranks(named: Sequence[StoredTensor | Slot]) -> list[Hashable]:
    owners = sorted({"/".join(_steps(one.name)[-2:-1]) for one in named}, key=natural)
    ranks = ranked(owners)
    return [(ranks["/".join(_steps(one.name)[-2:-1])], _steps(one.name)[-1]) for one in named]


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


def _steps(name: str | None) -> list[str]:
    return (name or "").split("/")
