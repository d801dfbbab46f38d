"""Walking a model as Keras does when it saves, without what that costs.

Keras names an object by the attributes and containers that lead to it, and how it does has changed
between its releases; so it is Keras' own walk that is used, and only listened to. What is replaced
is how the attributes of one object are listed: Keras makes a reference object each time to know
which ones to leave out, and asks every object for all names that its class has.
"""

from __future__ import annotations

import re
import threading
from functools import cache
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType, WrapperDescriptorType
from typing import TYPE_CHECKING, Any

from bundlekit_keras.internals.hooks import Hook, Hooks, Instead
from bundlekit_keras.internals.versions import tried

if TYPE_CHECKING:
    from collections.abc import Iterator

_CALLABLE = (
    FunctionType,
    BuiltinFunctionType,
    MethodDescriptorType,
    WrapperDescriptorType,
    classmethod,
    staticmethod,
)
"""What a class holds that an object gives as a method: nothing that could be saved."""
_CONTAINERS = ("Sequential", "Functional")
_PLAIN = frozenset({str, int, float, bool, type(None)})
_HOLDING = frozenset({list, tuple, dict})
_PLACE = re.compile(r"[\w/]+\Z")


class _Walking(threading.local):
    found: list[tuple[str, Any]] | None = None
    of_class: dict[tuple[type, str], frozenset[str]]


_walking = _Walking()
_left_out: dict[str, frozenset[str]] = {}
"""The attributes that Keras leaves out, by the kind of object; it makes one to find out."""
_of_keras: dict[tuple[type, str], frozenset[str]] = {}


def walked(obj: Any) -> list[tuple[str, Any]] | None:
    """Give place and object for all that Keras would save, in its order, and save nothing.

    `None` where Keras' walk cannot be listened to.
    """
    with _hooks.installed() as available:
        if not available:
            return None
        from keras.src.saving import saving_lib

        _walking.found, _walking.of_class = [], {}
        weights, assets = _nothing(saving_lib.H5IOStore), _nothing(saving_lib.DiskIOStore)
        try:
            saving_lib._save_state(obj, weights, assets, "", set())
            return _walking.found
        finally:
            _walking.found = None


def _nothing(store: type) -> Any:
    """Make a store that Keras does not write to; some releases take none that is `None`."""
    empty = type("Nothing", (store,), {"__init__": lambda _: None, "__bool__": lambda _: False})
    return empty()


def _found() -> list[Hook] | None:
    if not tried():
        return None
    try:
        from keras.src.saving import saving_lib

        save, walk = saving_lib._save_state, saving_lib._walk_saveable
        left_out = saving_lib.get_attr_skipset
        join, snake_case = saving_lib.file_utils.join, saving_lib.naming.to_snake_case
    except (ImportError, AttributeError):
        return None

    def saved(
        saveable: Any, weights: Any, assets: Any, inner_path: str, visited: Any = None, **named: Any
    ) -> None:
        if visited is None:  # what it is called differs between releases
            (visited,) = named.values()
        found = _walking.found
        if found is not None and id(saveable) not in visited:
            found.append((inner_path, saveable))
        save(saveable, weights, assets, inner_path, visited)

    def remembered(kind: str) -> Any:
        if _walking.found is None:
            return left_out(kind)
        if kind not in _left_out:
            _left_out[kind] = frozenset(left_out(kind))
        return _left_out[kind]

    def attributes(saveable: Any) -> Iterator[tuple[str, Any]]:
        lists_itself: Any = type(saveable).__dir__  # which a class may do in a way of its own
        plain = lists_itself is object.__dir__ and hasattr(saveable, "_obj_type")
        if _walking.found is None or not plain:
            yield from walk(saveable)
            return
        family = saveable._obj_type()
        skipped = remembered(family)
        if family in _CONTAINERS:
            yield "layers", saveable.layers
        names = _of_class(type(saveable), family) | (vars(saveable).keys() - skipped)
        for name in sorted(names, key=_rank):
            if name.startswith("__"):
                continue
            try:
                value = getattr(saveable, name)
            except Exception:  # noqa: S112 (as Keras does: whatever a property raises)
                continue
            # In the others there is nothing to be saved.
            kind = type(value)
            if kind not in _PLAIN and (kind not in _HOLDING or value):
                yield name, value

    def joined(path: str, *names: str) -> str:
        # Keras asks of each place whether it is in a cloud.
        if _walking.found is not None and _PLACE.match(path) and names[0].isidentifier():
            return "/".join((path, *names))
        return str(join(path, *names))

    return [
        (saving_lib, "file_utils", Instead(saving_lib.file_utils, join=joined)),
        (saving_lib, "naming", Instead(saving_lib.naming, to_snake_case=cache(snake_case))),
        (saving_lib, "_save_state", saved),
        (saving_lib, "_walk_saveable", attributes),
        (saving_lib, "get_attr_skipset", remembered),
    ]


_hooks = Hooks(_found)


def _of_class(cls: type, kind: str) -> frozenset[str]:
    """Give the names that a class has, without those that Keras leaves out, and its methods."""
    # A class of the user's may be given attributes at any time.
    known = _of_keras if cls.__module__.startswith("keras.") else _walking.of_class
    key = (cls, kind)
    if key not in known:
        held: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            held.update(vars(base))
        known[key] = frozenset(
            name
            for name, value in held.items()
            if name not in _left_out[kind] and not isinstance(value, _CALLABLE)
        )
    return known[key]


def _rank(name: str) -> str:
    return f"~{name}" if name.startswith("_") else name


def all_layers(model: Any) -> list[Any]:
    """Give a model and all layers in it, wherever they are held.

    Without these internals, those that layers list as their own.
    """
    flatten = getattr(model, "_flatten_layers", None)
    if not tried() or flatten is None:
        return _listed(model)
    return list(flatten())


def _listed(layer: Any) -> list[Any]:
    inner = getattr(layer, "layers", ())
    children = inner if isinstance(inner, list | tuple) else ()
    return [layer, *(found for child in children for found in _listed(child))]
