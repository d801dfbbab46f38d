"""An optimizer's state from a file: the arrays of its writer, as the variables of this Keras.

Optimizers store a bare list. Within Keras 3 the lists are alike. Keras 2 kept the learning rate
elsewhere, and the sweep in the tests found some that differ in more:

* `SGD` without momentum kept slots that it did not use; they are dropped.
* `Nadam` did not store the product of its momentum schedule; it follows from the iterations.
* `Nadam` of older minors of Keras 3 stored that product before its slots.
* `Adafactor` laid out its moments in another way; its state is not restored.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bundlekit_keras.framework import require_keras
from bundlekit_keras.undisturbed import undisturbed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bundlekit_keras.addresses import Slot
    from bundlekit_keras.stored import StoredTensor


def aligned(
    stored: Sequence[StoredTensor], slots: Sequence[Slot], optimizer: Any
) -> list[Any] | None:
    """Give the stored arrays in the order of an optimizer's variables; `None` where they differ.

    Args:
        stored: the arrays, in their order.
        slots: the optimizer's variables, in theirs.
        optimizer: the built optimizer.
    """
    shapes = [one.shape for one in stored]
    wanted = [slot.shape for slot in slots]
    values: list[Any] | None = None
    if shapes == wanted:
        values = [one.read() for one in stored]
    elif _is(optimizer, "Nadam") and [*shapes[:2], *shapes[3:], *shapes[2:3]] == wanted:
        kept = [one.read() for one in stored]  # older minors made the product before the slots
        values = [*kept[:2], *kept[3:], kept[2]]
    elif _has_rate(slots) and shapes:
        rate = require_keras().ops.convert_to_numpy(slots[1].value)
        if [shapes[0], (), *shapes[1:]] == wanted:
            values = [stored[0].read(), rate, *(one.read() for one in stored[1:])]
        elif _is(optimizer, "SGD") and shapes[: len(wanted) - 1] == [wanted[0], *wanted[2:]]:
            kept = [one.read() for one in stored[: len(wanted) - 1]]
            values = [kept[0], rate, *kept[1:]]
        elif _is(optimizer, "Nadam") and [shapes[0], (), *shapes[1:], ()] == wanted:
            iterations = stored[0].read()
            kept = [one.read() for one in stored[1:]]
            values = [iterations, rate, *kept, _momentum_product(optimizer, int(iterations))]
    elif _is(optimizer, "SGD") and shapes[: len(wanted)] == wanted:
        values = [one.read() for one in stored[: len(wanted)]]
    return None if values is None else _cast(values, slots)


def computed(stored: Sequence[StoredTensor], optimizer: Any) -> str | None:
    """Name what was computed since it was not stored; it may not be what the writer had."""
    if _is(optimizer, "Nadam") and len(stored) + 2 == len(optimizer.variables):
        return "the product of its momenta"
    return None


def another(stored: object, optimizer: Any) -> str | None:
    """Say why a state is that of another optimizer than this one; `None` where it may be its own.

    The lists of some are alike and mean different things: one array for each variable is the
    momentum of `SGD` and the velocity of `RMSprop`.

    Args:
        stored: what the file says: the optimizer's config, its class, or a name made of that.
        optimizer: the live one.
    """
    with undisturbed():
        here = _unwrapped(require_keras().saving.serialize_keras_object(optimizer))
    there = _unwrapped(stored)
    names = _name(there), _name(here)
    if None in names:
        return None
    known = {name.lower() for name in vars(require_keras().optimizers)} - {"optimizer"}
    is_node = isinstance(there, dict)
    told = is_node or {str(name) for name in names} <= known
    if told and names[0] != names[1]:
        return f"it is that of {_label(there)}, and the model's is {_label(here)}"
    left, right = (one.get("config") if isinstance(one, dict) else None for one in (there, here))
    if isinstance(left, dict) and isinstance(right, dict):
        for key in _SHAPING:
            if bool(left.get(key)) != bool(right.get(key)):
                return (
                    f"it was made with {key}={left.get(key)}, and the model's is {right.get(key)}"
                )
    return None


_SHAPING = ("use_ema", "amsgrad", "centered", "momentum", "gradient_accumulation_steps")
"""The arguments that say which arrays there are."""


def _unwrapped(optimizer: object) -> object:
    """Give the optimizer inside of those that scale the loss: Keras adds them by itself."""
    while isinstance(optimizer, dict) and optimizer.get("class_name") == "LossScaleOptimizer":
        config = optimizer.get("config")
        inner = config.get("inner_optimizer") if isinstance(config, dict) else None
        if inner is None:
            return optimizer
        optimizer = inner
    return optimizer


def _label(optimizer: object) -> object:
    return optimizer.get("class_name") if isinstance(optimizer, dict) else optimizer


def _name(optimizer: object) -> str | None:
    found = _label(optimizer)
    return _plain(found) if isinstance(found, str) and found else None


def _plain(kind: str) -> str:
    base = kind.rpartition(">")[2].lower()
    return re.sub(r"_\d+$", "", base).replace("_", "")


def _has_rate(slots: Sequence[Slot]) -> bool:
    return len(slots) > 1 and slots[1].name.rpartition("/")[2] == "learning_rate"


def _is(optimizer: Any, name: str) -> bool:
    return type(optimizer) is getattr(require_keras().optimizers, name)


def _momentum_product(optimizer: Any, iterations: int) -> Any:
    import numpy as np

    steps = np.arange(1, iterations + 1, dtype="float64")
    return np.prod(optimizer.beta_1 * (1.0 - 0.5 * 0.96**steps)).astype("float32")


def _cast(values: list[Any], slots: Sequence[Slot]) -> list[Any] | None:
    """Give the values in the variables' dtypes; integers where they fit, floats as they are."""
    found = []
    for value, slot in zip(values, slots, strict=True):
        cast = value.astype(slot.dtype)
        if value.dtype != cast.dtype and (value.dtype.kind not in "iu" or (cast != value).any()):
            return None
        found.append(cast)
    return found
