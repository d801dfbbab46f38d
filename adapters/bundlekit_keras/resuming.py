"""The state of an optimizer in a file, for the optimizer of a live model: all of it, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit_keras import addresses, backwards, exact, optimizer_state, optimizer_v2
from bundlekit_keras.account import account_of
from bundlekit_keras.addresses import Slot
from bundlekit_keras.framework import require_keras

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bundlekit_keras.stored import Stored, StoredTensor

NO_SCALE = "restored, but for the loss scale, which is not stored"


def state_of(
    stored: Stored, target: Any, weights: Sequence[tuple[StoredTensor, Slot]]
) -> tuple[list[tuple[Slot, Any]], str]:
    """Give every variable of a model's optimizer its value, or say why the file has none for it.

    Args:
        stored: the file.
        target: the live model.
        weights: which array of the file is which of its weights.

    Returns:
        The variables with their values, none where they start anew; and what to say of it.
    """
    if not stored.optimizer:
        return [], "none stored"
    if getattr(target, "optimizer", None) is None:
        return [], "left out: the model is not compiled"
    another = optimizer_state.another(stored.optimizer_kind, target.optimizer)
    if another:
        return [], f"left out: {another}"
    _build_optimizer(target)
    _, slots = addresses.slots_of(target)
    trained = exact.trained_of(account_of(target)).get("optimizer")
    if stored.trained is not None and trained is not None and stored.trained != trained:
        return [], "left out: it was made for other variables than the model trains"
    paths = {id(slot.value): one.path for one, slot in weights}
    trains = [paths.get(id(variable)) for variable in target.trainable_variables]
    if None in trains:
        return [], "left out: not all variables that the model trains are those of the file"
    named = any(one.name for one in (*stored.weights, *stored.optimizer))
    if not named and backwards.reorders(addresses.saved_inside(target)):
        return [], "left out: Keras 2 may have listed the layers in another order"
    arrays = _by_variable(stored.optimizer, target, trains)
    if arrays is None:
        return [], "left out: Keras 3 has no optimizer that keeps such a state"
    owners = optimizer_v2.owners(arrays, stored.weights)
    shaped = [
        path
        for path, variable in zip(trains, target.trainable_variables, strict=True)
        if variable.shape
    ]
    if owners is not None and owners != shaped:
        return [], "left out: it was made for other variables than the model trains"
    groups: dict[str, list[StoredTensor]] = {}
    for one in arrays:
        groups.setdefault(one.group, []).append(one)
    by_group: dict[str, list[Slot]] = {}
    for slot in _all_variables(target.optimizer) if stored.by_layer else slots:
        by_group.setdefault(slot.group, []).append(slot)
    assigned: list[tuple[Slot, Any]] = []
    for group, own in by_group.items():
        of_group = list(arrays) if stored.by_layer else groups.get(group, [])
        optimizer = target.optimizer if stored.by_layer else own[0].owner
        values = optimizer_state.aligned(of_group, own, optimizer)
        if values is None:
            inner = _inner(of_group, target.optimizer)
            return (inner, NO_SCALE) if inner else ([], _not_those(of_group, own, optimizer))
        assigned += zip(own, values, strict=True)
    computed = optimizer_state.computed(stored.optimizer, target.optimizer)
    return assigned, f"restored; {computed} was computed" if computed else "restored"


def _inner(arrays: Sequence[StoredTensor], optimizer: Any) -> list[tuple[Slot, Any]] | None:
    """Pair what Keras 2 stores of an optimizer that scales the loss: what the inner one holds."""
    if not isinstance(optimizer, require_keras().optimizers.LossScaleOptimizer):
        return None
    own = _all_variables(optimizer.inner_optimizer)
    values = optimizer_state.aligned(arrays, own, optimizer.inner_optimizer)
    return None if values is None else list(zip(own, values, strict=True))


def _not_those(arrays: Sequence[StoredTensor], own: Sequence[Slot], optimizer: Any) -> str:
    return (
        f"left out: {len(arrays)} arrays are stored, which are not the {len(own)} variables of the "
        f"model's {type(optimizer).__name__}"
    )


def _by_variable(
    arrays: Sequence[StoredTensor], target: Any, trains: Sequence[str | None]
) -> Sequence[StoredTensor] | None:
    if not optimizer_v2.is_one(arrays):
        return arrays
    if isinstance(target.optimizer, require_keras().optimizers.Nadam):
        return None  # it had another schedule for its momentum
    return optimizer_v2.reordered(arrays, {path: rank for rank, path in enumerate(trains) if path})


def _all_variables(optimizer: Any) -> list[Slot]:
    """Give all variables of an optimizer, of one that it wraps too, as files by layer list them."""
    owner = _Flat(optimizer)
    return [
        Slot(group="", key=key, owner=owner, value=variable, is_variable=True)
        for key, variable in addresses.values_of(owner).items()
    ]


class _Flat:
    """An optimizer, as one list of variables."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer

    def save_own_variables(self, store: dict[str, Any]) -> None:
        store.update({str(index): each for index, each in enumerate(self._optimizer.variables)})

    def load_own_variables(self, store: dict[str, Any]) -> None:
        for index, variable in enumerate(self._optimizer.variables):
            variable.assign(store[str(index)])


def _build_optimizer(target: Any) -> None:
    optimizer = getattr(target, "optimizer", None)
    if optimizer is not None and not optimizer.built:
        optimizer.build(target.trainable_variables)
