"""Which stored array belongs to which variable, in files that list the arrays of each layer.

First the layers of the outermost model are paired, by name or by position, and then the arrays in
each.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bundlekit_keras.legacy import layer_name
from bundlekit_keras.numbered import natural, ranked
from bundlekit_keras.stored import TOP

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence
    from typing import Any

    from bundlekit_keras.addresses import Slot
    from bundlekit_keras.stored import Stored, StoredTensor

    Pairs = list[tuple[StoredTensor, Slot]]


def pairs(stored: Stored, target: Any, slots: Sequence[Slot]) -> Pairs:
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
        one.shape == slot.shape and _same_role(steps_of(one.name)[-1], steps_of(slot.name)[-1])
        for one, slot in zip(stored, slots, strict=True)
    )
    return list(zip(stored, slots, strict=True)) if alike else []


def _same_role(stored: str, name: str) -> bool:
    """Tell whether two names are of one weight: what was `depthwise_kernel` is `kernel` today."""
    return stored == name or stored.endswith(f"_{name}") or name.endswith(f"_{stored}")


def _last_two(named: Sequence[StoredTensor | Slot]) -> list[Hashable]:
    return [tuple(steps_of(one.name)[-2:]) for one in named]


def _last_three(named: Sequence[StoredTensor | Slot]) -> list[Hashable]:
    return [tuple(steps_of(one.name)[-3:]) for one in named]


def _without_numbers(named: Sequence[StoredTensor | Slot]) -> list[Hashable]:
    return [tuple(ranked([step])[step][0] for step in steps_of(one.name)[-3:]) for one in named]


def _with_ranks(named: Sequence[StoredTensor | Slot]) -> list[Hashable]:
    owners = sorted({"/".join(steps_of(one.name)[-2:-1]) for one in named}, key=natural)
    ranks = ranked(owners)
    return [(ranks["/".join(steps_of(one.name)[-2:-1])], steps_of(one.name)[-1]) for one in named]


def steps_of(name: str | None) -> list[str]:
    """Take the name of a variable apart: `block`, `dense`, `kernel`."""
    return (name or "").split("/")
