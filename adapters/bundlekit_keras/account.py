"""The account of a live model: every variable that it holds, each by one path.

What Keras stores has the place that Keras gives it, `layers/dense_2/vars/0`. What Keras leaves out
has a path of the same kind, from the place of the object that holds it down its attributes:
`layers/dropout/seed_generator/_state`. Objects are walked as they are and not as Keras walks them,
so that what Keras does not look at, states of recurrent layers, variables in plain objects, layers
in containers that its release does not know, is found all the same.
"""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from bundlekit.errors import NotBuilt
from bundlekit_keras import addresses
from bundlekit_keras.framework import require_keras, variable_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bundlekit_keras.addresses import Slot

_FRAMEWORKS = frozenset({"keras", "tensorflow", "tf_keras", "jax", "jaxlib", "torch", "numpy"})
_NOT_HELD = frozenset({"_tracker", "_functional", "_nodes", "_operations", "_inbound_nodes"})
"""Attributes that lead to what is held elsewhere too."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """One variable."""

    path: str
    variable: Any
    owner: Any
    """The layer, metric, optimizer, … that holds it."""
    slot: Slot | None = None
    """Where Keras stores it; `None` where it does not."""
    also: tuple[str, ...] = ()
    """Where Keras stores it once more."""
    of_generator: bool = False
    """Whether it is the state of a random generator."""

    @cached_property
    def kind(self) -> str:
        """What it is: `weight`, `optimizer`, `metric`, `random`, or another `state`."""
        keras = require_keras()
        if isinstance(self.owner, keras.optimizers.Optimizer):
            return "optimizer"
        if isinstance(self.owner, keras.metrics.Metric):
            return "metric"
        if self.of_generator:
            return "random"
        return "weight" if self.slot else "state"

    @property
    def name(self) -> str:
        """What the model calls it."""
        return str(getattr(self.variable, "path", None) or getattr(self.variable, "name", ""))

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return tuple(map(int, self.variable.shape))

    @cached_property
    def dtype(self) -> str:
        """The dtype that its values have; JAX has them narrower than a variable says."""
        value = getattr(self.variable, "value", self.variable)
        return _standard(getattr(value, "dtype", self.variable.dtype))

    def read(self) -> Any:
        """Give its value as an array of numpy."""
        return require_keras().ops.convert_to_numpy(self.variable)


@dataclass(frozen=True, kw_only=True, eq=False)
class Account:
    """All variables of a model by path, and the objects that hold them by place."""

    entries: dict[str, Entry]
    stored: dict[str, tuple[Slot, ...]]
    """What Keras stores of each object that it looks at, by place, in its order."""
    owners: dict[str, Any]

    @property
    def arrays(self) -> dict[str, Slot]:
        """What objects let Keras store that is no variable, such as a merged kernel."""
        slots = (slot for several in self.stored.values() for slot in several)
        return {slot.path: slot for slot in slots if not slot.is_variable}

    @property
    def layers(self) -> dict[str, Any]:
        """The layers by place, outermost first."""
        layer = require_keras().Layer
        return {place: one for place, one in self.owners.items() if isinstance(one, layer)}

    @property
    def optimizers(self) -> dict[str, Any]:
        """The optimizers by place."""
        kind = require_keras().optimizers.Optimizer
        return {place: one for place, one in self.owners.items() if isinstance(one, kind)}

    @property
    def main_optimizer(self) -> Any:
        """The optimizer that a model is compiled with; `None` where there is none."""
        return self.optimizers.get("optimizer")

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics by place."""
        kind = require_keras().metrics.Metric
        return {place: one for place, one in self.owners.items() if isinstance(one, kind)}


@lru_cache(maxsize=64)
def _standard(dtype: Any) -> str:
    return str(require_keras().backend.standardize_dtype(dtype))


def account_of(obj: Any) -> Account:
    """Find every variable that a built model or layer holds.

    Raises:
        NotBuilt: it has none yet.
    """
    if not obj.built:
        raise NotBuilt(
            f"{getattr(obj, 'name', obj)!r} is not built: it has no variables yet; call it on data "
            f"first",
            model=getattr(obj, "name", None),
        )
    places = addresses.places(obj)
    owners, held = _walked(places)
    stored = {place: tuple(addresses.slots_in(place, owner)) for place, owner in places.items()}
    metric = require_keras().metrics.Metric
    by_variable: dict[int, list[Slot]] = {}
    for slot in (slot for several in stored.values() for slot in several):
        if slot.is_variable and not isinstance(slot.owner, metric):
            by_variable.setdefault(id(slot.value), []).append(slot)
    order = {id(weight): index for index, weight in enumerate(obj.weights)}
    in_order = sorted(
        by_variable.values(), key=lambda several: order.get(id(several[0].value), len(order))
    )
    entries: dict[str, Entry] = {}
    for several in in_order:
        first, *others = several
        entries[first.path] = Entry(
            path=first.path,
            variable=first.value,
            owner=first.owner,
            slot=first,
            also=tuple(slot.path for slot in others),
        )
    for path, variable, owner, of_generator in sorted(held, key=lambda one: _rank(one[2])):
        if id(variable) in by_variable:
            continue
        by_variable[id(variable)] = []
        unique = _unique(path, entries)
        entries[unique] = Entry(
            path=unique, variable=variable, owner=owner, of_generator=of_generator
        )
    return Account(entries=entries, stored=stored, owners=owners)


def owners_in(owners: dict[str, Any]) -> dict[str, Any]:
    """Give some objects by place, and all in them that hold variables of their own."""
    return _walked(owners)[0]


def _walked(stored: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, Any, Any, bool]]]:
    """Give the objects that hold variables by place; and of all these path, variable and holder."""
    owners = dict(stored)
    held: list[tuple[str, Any, Any, bool]] = []
    kinds = _Kinds()
    pending = deque(owners.items())
    seen = {id(owner) for owner in owners.values()}
    while pending:
        place, owner = pending.popleft()
        for path, value, of_generator in _inside(place, owner, seen, kinds):
            if kinds[type(value)] is _VARIABLE:
                held.append((path, value, owner, of_generator))
            elif id(value) not in seen:
                seen.add(id(value))
                unique = _unique(path, owners)
                owners[unique] = value
                pending.append((unique, value))
    return owners, held


def _inside(
    place: str, owner: Any, seen: set[int], kinds: _Kinds
) -> Iterator[tuple[str, Any, bool]]:
    """Yield the variables that an object holds, and the objects in it that hold their own."""
    generator = require_keras().random.SeedGenerator
    pending = _children(place, owner, kinds)[::-1]
    while pending:
        path, value, of_generator = pending.pop()
        if kinds[type(value)] in (_VARIABLE, _OWNER):
            yield path, value, of_generator
        elif id(value) not in seen:
            seen.add(id(value))
            inner = _children(path, value, kinds, of_generator=isinstance(value, generator))
            pending.extend(inner[::-1])


def _children(
    path: str, value: Any, kinds: _Kinds, *, of_generator: bool = False
) -> list[tuple[str, Any, bool]]:
    """Give what an object or container holds; public names first, in an order of their own."""
    named: Iterable[tuple[Any, Any]]
    if isinstance(value, dict):
        named = kinds.looked_at(value.items())
    elif isinstance(value, list | tuple):
        named = kinds.looked_at(enumerate(value))
    elif isinstance(value, set | frozenset):
        in_order = sorted(value, key=lambda child: str(getattr(child, "name", child)))
        named = kinds.looked_at(enumerate(in_order))
    else:
        named = [
            (name, child)
            for name, child in kinds.looked_at(vars(value).items())
            if name not in _NOT_HELD and not name.startswith("_self_")
        ]
        named.sort(key=lambda one: (one[0].startswith("_"), one[0]))
    return [(f"{path}/{name}" if path else str(name), child, of_generator) for name, child in named]


_VARIABLE, _OWNER, _CONTAINER, _INSIDE = "variable", "owner", "container", "inside"


class _Kinds(dict[type, str | None]):
    """What is to be done with an object, by its type: it is told once for each.

    It is a variable, holds variables of its own, is looked into, or (`None`) is none of these.
    """

    def __init__(self) -> None:
        super().__init__()
        self._nothing: set[type] = set()

    def looked_at(self, named: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        """Give those of some objects, with their names, that anything is to be done with."""
        found = []
        for one in named:
            value = one[1]
            kind = type(value)
            what = self[kind] if kind in self else self._learned(value)
            if what is None:
                continue
            if what is _CONTAINER:  # most of them are empty, or hold numbers and texts
                inner = value.values() if isinstance(value, dict) else value
                if self._nothing.issuperset(map(type, inner)):
                    continue
            found.append(one)
        return found

    def _learned(self, value: Any) -> str | None:
        kind = type(value)
        self[kind] = _kind_of(value)
        if self[kind] is None:
            self._nothing.add(kind)
        return self[kind]


def _kind_of(value: Any) -> str | None:
    keras = require_keras()
    tensorflow = sys.modules.get("tensorflow")
    if isinstance(value, variable_class()) or (
        tensorflow is not None and isinstance(value, tensorflow.Variable)
    ):
        return _VARIABLE
    if isinstance(value, keras.metrics.Metric) or hasattr(type(value), "save_own_variables"):
        return _OWNER
    if isinstance(value, dict | list | tuple | set | frozenset):
        return _CONTAINER
    if isinstance(value, keras.random.SeedGenerator | keras.losses.Loss):
        return _INSIDE
    package = type(value).__module__.partition(".")[0]
    known = package in _FRAMEWORKS or package in sys.stdlib_module_names
    looked = hasattr(value, "__dict__") and not isinstance(value, type) and not known
    return _INSIDE if looked else None


def _rank(owner: Any) -> int:
    """Let layers name what they share with metrics and optimizers."""
    keras = require_keras()
    if isinstance(owner, keras.optimizers.Optimizer):
        return 2
    return 1 if isinstance(owner, keras.metrics.Metric) else 0


def _unique(path: str, taken: dict[str, Any]) -> str:
    number = 2
    unique = path
    while unique in taken:
        unique, number = f"{path}~{number}", number + 1
    return unique
