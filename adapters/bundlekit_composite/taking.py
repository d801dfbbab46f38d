"""Taking a composite apart: from the live object to a tree, parts and arrays."""

from __future__ import annotations

import base64
import copyreg
import io
import math
import sys
from collections import OrderedDict
from enum import Enum, Flag
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from bundlekit.errors import Unwritable
from bundlekit.handle import is_handle, unwrapped
from bundlekit.home import home_of
from bundlekit.part_names import part_name
from bundlekit_composite import values

if TYPE_CHECKING:
    from collections.abc import Callable

    from bundlekit.adapter import Out

MARKS = ("__attrs_attrs__", "__dataclass_fields__")
"""Attributes of classes that say which fields their objects have."""
OWN = "composite"
FOLDER = "arrays/"
_INLINE = 4096
"""Bytes up to which an array stands in the tree itself; a member costs some 450 bytes."""


class Taking:
    """One composite, taken apart.

    Args:
        obj: the composite.
        out: where its parts and arrays go.
        adapter_of: names the adapter that claims an object.

    Attributes:
        root: the tree.
        named: the classes and functions that it names, in order.
        parts: what other adapters store, by the names of the parts.

    Raises:
        Unwritable: something in it is nothing that could come back; the message says where.
    """

    def __init__(self, obj: Any, out: Out, adapter_of: Callable[[object], str | None]) -> None:
        self._out = out
        self._adapter_of = adapter_of
        self._numbers: dict[int, int] = {}
        self._parts: dict[int, str] = {}
        self._alive: list[object] = []
        self._files = 0
        self.named: list[Any] = []
        self.parts: dict[str, Any] = {}
        try:
            self.root = self._node(obj, "")
        except RecursionError as error:
            raise Unwritable(
                f"the {type(obj).__name__} is nested too deep to be stored", type=type(obj).__name__
            ) from error

    def _node(self, obj: Any, place: str) -> Any:
        if is_handle(obj):
            node = self._node(unwrapped(obj), place)
            return {**node, "handle": True} if "part" in node else node
        cls = type(obj)
        if obj is None or cls in (bool, int, str):
            return obj
        if cls is float:
            return obj if math.isfinite(obj) else {"float": repr(obj)}
        if cls is complex:
            return {"complex": [self._node(obj.real, place), self._node(obj.imag, place)]}
        if cls is bytes:
            return {"bytes": base64.b64encode(obj).decode()}
        if id(obj) in self._numbers:
            return {"ref": self._numbers[id(obj)]}
        if id(obj) in self._parts:
            return {"part": self._parts[id(obj)]}
        text = values.text_of(obj)
        if text:
            return {"value": text[0], "text": text[1]}
        if _has_a_name(obj):
            return {"name": self._name(obj)}
        return self._plain(obj, cls, place) or self._part(obj, place) or self._own(obj, cls, place)

    def _plain(self, obj: Any, cls: type, place: str) -> dict[str, Any] | None:
        """Take apart what Python and numpy define."""
        if cls is tuple:
            return {"tuple": self._items(obj, place)}
        if cls is frozenset:
            return {"frozenset": self._items(_sorted(obj), place)}
        if cls is list:
            self._number(obj)
            return {"list": self._items(obj, place)}
        if cls is set:
            self._number(obj)
            return {"set": self._items(_sorted(obj), place)}
        if cls in (dict, OrderedDict):
            self._number(obj)
            pairs = [
                [self._node(key, f"{place}.key"), self._node(value, f"{place}[{key!r}]")]
                for key, value in obj.items()
            ]
            return {"dict": pairs, **({"ordered": True} if cls is OrderedDict else {})}
        numpy = sys.modules.get("numpy")
        if numpy is not None and (cls is numpy.ndarray or isinstance(obj, numpy.generic)):
            return self._array(obj, numpy, place)
        return None

    def _items(self, items: Any, place: str) -> list[Any]:
        return [self._node(item, f"{place}[{index}]") for index, item in enumerate(items)]

    def _array(self, obj: Any, numpy: Any, place: str) -> dict[str, Any]:
        if obj.dtype.hasobject:
            raise Unwritable(f"{_shown(place)} is an array of objects; use a list", where=place)
        descr = numpy.lib.format.dtype_to_descr(obj.dtype)
        if numpy.lib.format.descr_to_dtype(descr) != obj.dtype:
            raise Unwritable(
                f"{_shown(place)} is of the dtype {obj.dtype}, which numpy's files do not hold; "
                f"use another one, such as float32",
                where=place,
            )
        kind = "scalar" if isinstance(obj, numpy.generic) else "array"
        if kind == "array":
            self._number(obj)
        buffer = io.BytesIO()
        numpy.lib.format.write_array(buffer, numpy.asarray(obj), allow_pickle=False)
        data = buffer.getvalue()
        if len(data) <= _INLINE:
            return {kind: {"data": base64.b64encode(data).decode()}}
        path = f"{FOLDER}{self._files}.npy"
        self._files += 1
        self._out.add(path, data)
        return {kind: {"file": path}}

    def _part(self, obj: Any, place: str) -> dict[str, Any] | None:
        """Let another adapter store what it claims."""
        if self._adapter_of(obj) in (None, OWN):
            return None
        name = part_name(place, self._parts.values())
        self.parts[name] = obj
        self._parts[id(obj)] = name
        self._alive.append(obj)
        return {"part": name}

    def _own(self, obj: Any, cls: type, place: str) -> dict[str, Any]:
        """Take apart an object of a class of the user's that says which fields it has."""
        if isinstance(obj, Enum):
            return {"enum": self._name(cls), **_which(obj, cls, place)}
        if isinstance(obj, tuple) and hasattr(cls, "_fields"):
            return {"namedtuple": self._name(cls), "items": self._items(obj, place)}
        if not any(hasattr(cls, mark) for mark in MARKS):
            raise Unwritable(
                f"{_shown(place)} is of {cls.__module__}.{cls.__qualname__}, which nobody knows "
                f"how to take apart; make that a dataclass, or an attrs class, or register an "
                f"adapter for it, see bundlekit.adapter",
                where=place,
                type=f"{cls.__module__}.{cls.__qualname__}",
            )
        made, arguments, state, *others = (*obj.__reduce_ex__(4), None, None)[:5]
        if made is not copyreg.__newobj__ or arguments != (cls,) or any(others):  # type: ignore[attr-defined]
            raise Unwritable(
                f"{_shown(place)} is of {cls.__module__}.{cls.__qualname__}, whose __reduce__ is "
                f"its own; register an adapter for it, see bundlekit.adapter",
                where=place,
                type=f"{cls.__module__}.{cls.__qualname__}",
            )
        self._number(obj)
        node: dict[str, Any] = {"object": self._name(cls)}
        if isinstance(state, dict) and not hasattr(cls, "__setstate__"):
            attributes = {name: self._node(one, f"{place}.{name}") for name, one in state.items()}
            return {**node, "attributes": attributes}
        self._alive.append(state)
        return {**node, "state": self._node(state, place)}

    def _number(self, obj: object) -> None:
        self._numbers[id(obj)] = len(self._numbers)
        self._alive.append(obj)  # so that no other object gets its id

    def _name(self, obj: Any) -> int:
        for number, one in enumerate(self.named):
            if one is obj:
                return number
        self.named.append(obj)
        return len(self.named) - 1


def name_of(obj: Any) -> dict[str, str]:
    """Say where a class or function lives."""
    module, qualname = home_of(obj)
    kind = "class" if isinstance(obj, type) else "function"
    return {"module": module or "", "name": obj.__name__, "qualname": qualname, "kind": kind}


def _has_a_name(obj: object) -> bool:
    if isinstance(obj, BuiltinFunctionType):  # so is a method of an object made in C
        return isinstance(obj.__self__, ModuleType | None)
    return isinstance(obj, type | FunctionType)


def _which(obj: Enum, cls: Any, place: str) -> dict[str, Any]:
    """Tell a member of an enum from the others, or a combination of flags."""
    if cls.__members__.get(obj.name) is obj:
        return {"member": obj.name}
    if isinstance(obj, Flag):
        return {"number": obj.value}
    raise Unwritable(f"{_shown(place)} is {obj!r}, which its class does not list", where=place)


def _sorted(items: Any) -> list[Any]:
    # The order of a set differs from process to process.
    return sorted(items, key=_rank)


def _rank(item: Any) -> tuple[str, str]:
    cls = type(item)
    if cls in (tuple, frozenset):
        ranks = list(map(_rank, item))
        return cls.__name__, str(sorted(ranks) if cls is frozenset else ranks)
    if isinstance(item, type | FunctionType):
        return cls.__name__, f"{item.__module__}.{item.__qualname__}"
    return cls.__name__, repr(item)


def _shown(place: str) -> str:
    return f"what is at {place}" if place else "the object"
