"""Where Keras stores each variable of a live object: paths such as `layers/dense_2/vars/0`.

The paths follow the structure of the object and not its names, and Keras alone knows how it walks
that structure. So Keras is asked: it walks the object, and is listened to (`internals.walked`).
Where that cannot be, every object inside that can save variables puts a mark in the place of them,
Keras saves the marks, and the file says which object has which place.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bundlekit_keras import exclusive, hdf5, internals
from bundlekit_keras.framework import require_keras, variable_class
from bundlekit_keras.numbered import natural
from bundlekit_keras.undisturbed import undisturbed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VARIABLES = "vars"
_MARK = "bundlekit"
_METHOD = "save_own_variables"
_FILE = "object.weights.h5"


@dataclass(frozen=True, kw_only=True, eq=False)
class Slot:
    """One place where Keras stores an array of a live object."""

    group: str
    """The place of the object that it belongs to, such as `layers/dense_2`."""
    key: str
    """Its name among that object's arrays, such as `0`."""
    owner: Any
    """The object: a layer, an optimizer, …"""
    value: Any
    """The variable; or an array, where the object stores something else."""
    is_variable: bool

    @property
    def path(self) -> str:
        """Where it is stored."""
        return stored_path(self.group, self.key)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return tuple(int(size) for size in self.value.shape)

    @property
    def dtype(self) -> str:
        """The dtype of the array."""
        dtype = require_keras().backend.standardize_dtype
        return str(dtype(self.value.dtype)) if self.is_variable else str(self.value.dtype)

    @property
    def name(self) -> str:
        """What the model calls the variable, or the name of its owner and the key."""
        own = getattr(self.value, "path", None) if self.is_variable else None
        return str(own) if own else f"{getattr(self.owner, 'name', self.group)}/{self.key}"


def stored_path(group: str, key: str) -> str:
    """Give the path of an array by the place of the object that it belongs to."""
    return f"{group}/{VARIABLES}/{key}" if group else f"{VARIABLES}/{key}"


def slots_of(obj: Any) -> tuple[list[Slot], list[Slot]]:
    """Give the places of an object's weights, in the order of `weights`, and of its optimizers.

    Args:
        obj: a built model or layer.
    """
    keras = require_keras()
    weights: list[Slot] = []
    others: list[Slot] = []
    for group, owner in places(obj).items():
        optimizer = isinstance(owner, keras.optimizers.Optimizer)
        if isinstance(owner, keras.metrics.Metric):
            continue
        (others if optimizer else weights).extend(slots_in(group, owner))
    order = {id(weight): index for index, weight in enumerate(obj.weights)}
    weights.sort(key=lambda slot: order.get(id(slot.value), len(order)))
    return weights, others


def values_of(owner: Any) -> dict[str, Any]:
    """Give what an object stores, by key: variables, or arrays."""
    keras = require_keras()
    if type(owner).save_own_variables is keras.optimizers.Optimizer.save_own_variables:
        # Which would copy them all.
        return {str(number): variable for number, variable in enumerate(owner.variables)}
    store: dict[str, Any] = {}
    owner.save_own_variables(store)
    return store


def slots_in(group: str, owner: Any) -> Iterator[Slot]:
    """Yield the places of what one object stores."""
    keras, kind = require_keras(), variable_class()
    for key, value in values_of(owner).items():
        is_variable = isinstance(value, kind)
        array = value if is_variable else keras.ops.convert_to_numpy(value)
        yield Slot(group=group, key=key, owner=owner, value=array, is_variable=is_variable)


def places(obj: Any) -> dict[str, Any]:
    """Give every object that stores variables by its place, outer ones first."""
    with undisturbed():
        walked = internals.walked(obj)
    if walked is None:
        found = _marked_places(obj)
    else:
        found = {place: owner for place, owner in walked if hasattr(owner, _METHOD)}
    return {place: found[place] for place in sorted(found, key=_rank)}


def _marked_places(obj: Any) -> dict[str, Any]:
    import numpy as np

    owners = list(saved_inside(obj))

    def marker(number: int) -> Any:
        def mark(store: Any) -> None:
            store[_MARK] = np.asarray(number)

        return mark

    marks = {id(owner): marker(number) for number, owner in enumerate(owners)}
    with saving_instead(owners, marks):
        data = saved_weights(obj)
    found: dict[int, str] = {}
    with hdf5.opened(data, _FILE) as file:

        def visit(name: str, item: Any) -> None:
            if name.rpartition("/")[2] == _MARK:
                group = name.removesuffix(f"{VARIABLES}/{_MARK}").rstrip("/")
                found[int(item[()])] = group

        file.visititems(visit)
    return {group: owners[number] for number, group in found.items()}


def _rank(place: str) -> tuple[int, Any]:
    return place.count("/"), natural(place)


@contextmanager
def saving_instead(owners: list[Any], functions: Mapping[int, Any]) -> Iterator[None]:
    """Let objects save something else than their variables for a while, in this thread alone.

    Another thread that saves the same model meanwhile saves what it always does.
    """
    with exclusive.building:
        before = {id(owner): vars(owner).get(_METHOD) for owner in owners}
        try:
            for owner in owners:
                vars(owner)[_METHOD] = _only_here(functions[id(owner)], owner.save_own_variables)
            yield
        finally:
            for owner in owners:
                own = before[id(owner)]
                if own is None:
                    vars(owner).pop(_METHOD, None)
                else:
                    vars(owner)[_METHOD] = own


def _only_here(function: Any, original: Any) -> Any:
    here = threading.get_ident()

    def save(store: Any) -> None:
        (function if threading.get_ident() == here else original)(store)

    return save


def save_nothing(store: Any) -> None:
    """Leave a store empty."""


def saved_weights(obj: Any) -> bytes:
    """Let Keras save an object's weights, as a `.weights.h5` file."""
    with TemporaryDirectory(prefix="bundlekit-") as folder:
        path = Path(folder) / _FILE
        with internals.unchanged_names(), undisturbed():
            require_keras().saving.save_weights(obj, path)
        return path.read_bytes()


def saved_inside(obj: Any) -> Iterator[Any]:
    """Yield all objects inside that can save variables, by whatever way they are held."""
    seen: set[int] = set()
    pending = [obj]
    while pending:
        value = pending.pop(0)
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            pending.extend(list(value.values()))
        elif isinstance(value, list | tuple | set | frozenset):
            pending.extend(list(value))
        elif hasattr(value, "save_own_variables") and not isinstance(value, type):
            yield value
            pending.extend(list(vars(value).values()))
            if isinstance(value, require_keras().Model):
                pending.extend(value.layers)
