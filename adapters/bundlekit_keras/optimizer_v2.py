"""The states of optimizers of before Keras 2.11, which are still there as `optimizers.legacy`.

They list their state slot by slot, `m` of every variable and then `v` of every variable; later ones
list it variable by variable. The names tell which: the first is `Adam/iter`, not `iteration`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bundlekit_keras.stored import StoredTensor

_TOGETHER = (("m", "v"), ("accum_grad", "accum_var"), ("accumulator", "linear"))
"""The slots that later optimizers list together for each variable."""
_ALONE = ("momentum", "rms", "mg", "vhat")


def is_one(stored: Sequence[StoredTensor]) -> bool:
    """Tell whether a state is that of such an optimizer."""
    return bool(stored) and _slot(stored[0]) in ("iter", "iterations")


def reordered(
    stored: Sequence[StoredTensor], ranks: Mapping[str, int]
) -> Sequence[StoredTensor] | None:
    """Give the state of such an optimizer in the order of later ones; `None` if it has no equal.

    Args:
        stored: the arrays, the iterations first.
        ranks: the places of the variables among those that the model trains, by the paths of
            their arrays; for files that tell whose slot an array is, and nothing of the order.
    """
    iterations, *rest = stored
    slots: dict[str, list[StoredTensor]] = {}
    for one in rest:
        slots.setdefault(_slot(one), []).append(one)
    for own in slots.values():
        if all(one.slot_of is not None for one in own):
            own.sort(key=lambda one: ranks.get(one.slot_of or "", len(ranks)))
    found = [iterations]
    for together in _TOGETHER:
        groups = [slots.pop(name) for name in together if name in slots]
        if len({len(group) for group in groups}) > 1:
            return None
        found += [one for of_variable in zip(*groups, strict=True) for one in of_variable]
    for name in [name for name in slots if name in _ALONE]:
        found += slots.pop(name)
    return None if slots else found


def owners(stored: Sequence[StoredTensor], weights: Sequence[StoredTensor]) -> list[str] | None:
    """Give the paths of the weights that a state is for, in its order; `None` where none are told.

    Keras 2 names an array after its variable: `Adam/dense/kernel/m`, later `Adam/m/dense/kernel`.
    Numbers, such as the iterations, are left out.
    """
    paths: dict[tuple[str, ...], set[str]] = {}
    for one in weights:
        paths.setdefault(tuple((one.name or "").split("/")), set()).add(one.path)
    found: dict[str, None] = {}
    for one in stored:
        if one.shape:
            owner = one.slot_of or _owner((one.name or "").split("/"), paths)
            if owner is None:
                return None
            found[owner] = None
    return list(found) or None


def _owner(steps: list[str], paths: Mapping[tuple[str, ...], set[str]]) -> str | None:
    for named in (steps, steps[:-1]):
        for start in range(1, len(named)):
            found = paths.get(tuple(named[start:]), set())
            if found:
                return next(iter(found)) if len(found) == 1 else None
    return None


def _slot(one: StoredTensor) -> str:
    return re.sub(r"_\d+$", "", (one.name or "").rpartition("/")[2])
