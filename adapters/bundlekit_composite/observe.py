"""What tests compare of a composite: everything in it, and which things are one and the same."""

from __future__ import annotations

import random
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any

from bundlekit._registry import installed
from bundlekit.errors import UnsupportedObject
from bundlekit.handle import unwrapped
from bundlekit.testing.comparison import Observation
from bundlekit.testing.observers import observer_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_STRUCTURES = ("composite", "sklearn")
"""Adapters whose objects are looked into here."""
_EQUAL_IS_SAME = (tuple, frozenset)
"""Of these nobody can tell whether they are one, but for what is in them."""


class CompositeObserver:
    """Sees all that a composite holds; what other adapters claim, as their observers do."""

    def state(self, obj: Any) -> Sequence[Observation]:
        """See everything in it, by where it is."""
        return list(_Seeing().see(obj, ""))

    def behaviour(self, obj: Any, inputs: Any, targets: Any) -> Sequence[Observation]:
        """See what its models do that `inputs` names by place, as in `{"['encoder']": x}`."""
        seeing = _Seeing()
        list(seeing.see(obj, ""))
        return [
            Observation(f"{place}/{one.place}", one.value, one.label)
            for place, given in (inputs or {}).items()
            for one in observer_for(seeing.adapters[place]).behaviour(
                seeing.models[place], given, None
            )
        ]

    def surroundings(self) -> Sequence[Observation]:
        """See the random states of the process."""
        import numpy as np

        kind, keys, *rest = np.random.get_state(legacy=True)
        return [
            Observation("python random", str(random.getstate())),
            Observation("numpy random", f"{kind} {np.asarray(keys).tolist()} {rest}"),
        ]


class _Seeing:
    def __init__(self) -> None:
        self.models: dict[str, Any] = {}
        self.adapters: dict[str, str] = {}
        self._places: dict[int, str] = {}
        self._alive: list[object] = []

    def see(self, obj: Any, place: str) -> Iterator[Observation]:
        import numpy as np

        obj = unwrapped(obj)
        cls = type(obj)
        if isinstance(obj, str | int | float | complex | bytes | type(None) | np.generic):
            yield Observation(place, f"{cls.__name__} {obj!r}")
            return
        if isinstance(obj, type | FunctionType | BuiltinFunctionType | np.ufunc):
            yield Observation(place, f"{cls.__name__} {obj.__name__}")
            return
        if id(obj) in self._places and cls not in _EQUAL_IS_SAME:
            yield Observation(place, f"the same as {self._places[id(obj)]}")
            return
        self._places[id(obj)] = place
        self._alive.append(obj)
        if isinstance(obj, np.ndarray) and not obj.dtype.hasobject:
            yield Observation(place, np.array(obj))
            return
        adapter = _adapter_of(obj)
        if adapter is not None and adapter not in _STRUCTURES:
            self.models[place], self.adapters[place] = obj, adapter
            for one in observer_for(adapter).state(obj):
                yield Observation(f"{place}/{one.place}", one.value, one.label)
            return
        # Code by value comes back under its plain name.
        yield Observation(f"{place} class", f"{cls.__module__.split('.')[0]} {cls.__name__}")
        for step, held in _held(obj):
            yield from self.see(held, place + step)


def _adapter_of(obj: object) -> str | None:
    try:
        return installed().claiming(obj).name
    except UnsupportedObject:
        return None


def _held(obj: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(obj, dict):
        for key, value in obj.items():
            yield f"[{key!r}]", value
    elif isinstance(obj, set | frozenset):
        for index, item in enumerate(sorted(obj, key=repr)):
            yield f"{{{index}}}", item
    elif isinstance(obj, list | tuple):
        for index, item in enumerate(obj):
            yield f"[{index}]", item
    else:
        _, arguments, *state = obj.__reduce_ex__(4)[:3]
        given = arguments if isinstance(arguments, tuple) else ()
        for index, argument in enumerate(one for one in given if not isinstance(one, type)):
            yield f"({index})", argument
        state = state[0] if state else None
        if isinstance(state, dict):
            for name, value in state.items():
                yield f".{name}", value
        else:
            yield ".state", state
