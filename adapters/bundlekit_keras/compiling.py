"""Compiling a rebuilt model as it was: its optimizers built for the variables that they had.

Keras builds the optimizer of a model that it loads for what is trainable then. A model that was
frozen after it had been trained has slots for more, and one that was thawed for less.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from bundlekit.errors import NotRestorable
from bundlekit_keras import flags, internals
from bundlekit_keras.framework import require_keras

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bundlekit.adapter import Tensor
    from bundlekit_keras.account import Account

MAIN = "optimizer"
"""The place of the optimizer that a model is compiled with."""


def compile_for(
    model: Any,
    account: Account,
    config: dict[str, Any],
    trained: Mapping[str, tuple[str, ...]],
    tensors: Iterable[Tensor],
) -> None:
    """Compile a model from its compile config.

    Args:
        model: the rebuilt model, built and not compiled.
        account: its variables.
        config: its compile config; the objects in it have to be where Keras finds them.
        trained: the paths of the variables that each optimizer was built for, by its place.
        tensors: the tensor index, for variables that the model no longer has.

    Raises:
        NotRestorable: the model has no such variables.
    """
    if MAIN not in trained:
        model.compile_from_config(config)
        return
    wanted = _variables(account, trained[MAIN], MAIN, tensors)
    with flags.trained(account, trained[MAIN]):
        model.compile_from_config(config)
    built_for = internals.optimizer_variables(model.optimizer)
    if built_for is not None and list(map(id, built_for)) != list(map(id, wanted)):
        # It was built in an order of its caller's.
        fresh = type(model.optimizer).from_config(copy.deepcopy(model.optimizer.get_config()))
        fresh.build(wanted)
        model.optimizer = fresh


def build_others(
    account: Account, trained: Mapping[str, tuple[str, ...]], tensors: Iterable[Tensor]
) -> bool:
    """Build the optimizers that a model holds besides, and tell whether there were such."""
    waiting = {
        place: optimizer
        for place, optimizer in account.optimizers.items()
        if place in trained and not optimizer.built
    }
    for place, optimizer in waiting.items():
        if not optimizer.built:  # it may be inside one that was just built
            optimizer.build(_variables(account, trained[place], place, tensors))
    return bool(waiting)


def _variables(
    account: Account, paths: Iterable[str], place: str, tensors: Iterable[Tensor]
) -> list[Any]:
    """Find the variables that an optimizer is to be built for.

    It may have outlived some: a kernel that was quantised after training is another variable.
    """
    index = {tensor.path: tensor for tensor in tensors}
    found = []
    for path in paths:
        if path in account.entries:
            found.append(account.entries[path].variable)
        elif path in index and path.startswith(f"{place}/"):
            found.append(_standing_in(index[path]))
        else:
            raise NotRestorable(
                f"the {place} was made for the variable {path}, and the rebuilt model has none "
                f"such; optimizer='drop' leaves its state out",
                path=path,
            )
    return found


def _standing_in(tensor: Tensor) -> Any:
    keras = require_keras()
    value = keras.ops.zeros(tensor.shape, tensor.dtype)
    return keras.Variable(value, dtype=tensor.dtype, name=tensor.path.rpartition("/")[2])
