"""Making a composite again: from a tree to the object, each thing once."""

from __future__ import annotations

import base64
import io
from collections import OrderedDict
from enum import Enum
from typing import TYPE_CHECKING, Any

from bundlekit.errors import BundleError, NotRestorable
from bundlekit.handle import portable
from bundlekit_composite import values
from bundlekit_composite.tree import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bundlekit.source import Buffer


class Making:
    """One tree, made an object.

    Args:
        root: the tree.
        read: gives the arrays beside it, by path.
        named: gives the class or function of a number.
        part: restores what another adapter has stored, by name; the same object each time.

    Attributes:
        obj: the object.

    Raises:
        Damaged: it is no tree; `tree.needs` has seen to it that it is.
        NotRestorable: a class of the user's does not take its state back.
    """

    def __init__(
        self,
        root: Any,
        read: Callable[[str], Buffer],
        named: Callable[[int], Any],
        part: Callable[[str], Any],
    ) -> None:
        self._read = read
        self._named = named
        self._restored = part
        self._seen: list[Any] = []
        self._handles: dict[str, Any] = {}
        try:
            self.obj = self._made(root)
        except BundleError:
            raise
        except Exception as error:
            raise NotRestorable(
                f"the composite could not be made again: {type(error).__name__}: {error}"
            ) from error

    def _made(self, node: Any) -> Any:
        kind = kind_of(node)
        return node if kind is None else getattr(self, f"_{kind}")(node)

    def _items(self, items: list[Any]) -> list[Any]:
        return [self._made(item) for item in items]

    def _list(self, node: dict[str, Any]) -> list[Any]:
        found: list[Any] = self._see([])
        found.extend(self._items(node["list"]))
        return found

    def _set(self, node: dict[str, Any]) -> set[Any]:
        found: set[Any] = self._see(set())
        found.update(self._items(node["set"]))
        return found

    def _dict(self, node: dict[str, Any]) -> dict[Any, Any]:
        found: dict[Any, Any] = self._see(OrderedDict() if node.get("ordered") else {})
        for key, value in node["dict"]:
            made = self._made(key)
            found[made] = self._made(value)
        return found

    def _tuple(self, node: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(self._items(node["tuple"]))

    def _frozenset(self, node: dict[str, Any]) -> frozenset[Any]:
        return frozenset(self._items(node["frozenset"]))

    def _namedtuple(self, node: dict[str, Any]) -> Any:
        cls = self._named(node["namedtuple"])
        return tuple.__new__(cls, self._items(node["items"]))

    def _enum(self, node: dict[str, Any]) -> Any:
        cls = self._named(node["enum"])
        if not issubclass(cls, Enum):
            raise TypeError(f"{cls.__qualname__} is no enum")
        return cls[node["member"]] if "member" in node else cls(node["number"])

    def _name(self, node: dict[str, Any]) -> Any:
        return self._named(node["name"])

    def _object(self, node: dict[str, Any]) -> Any:
        cls = self._named(node["object"])
        obj = self._see(cls.__new__(cls))
        if "attributes" in node:
            for name, value in node["attributes"].items():
                object.__setattr__(obj, name, self._made(value))
            return obj
        state = self._made(node["state"])
        if hasattr(obj, "__setstate__"):
            if state is not None:  # as pickle has it
                obj.__setstate__(state)
            return obj
        for attributes in state if isinstance(state, tuple) else (state,):
            for name, value in (attributes or {}).items():
                object.__setattr__(obj, name, value)
        return obj

    def _array(self, node: dict[str, Any]) -> Any:
        return self._see(self._numbers(node["array"]))

    def _scalar(self, node: dict[str, Any]) -> Any:
        return self._numbers(node["scalar"])[()]

    def _numbers(self, stored: dict[str, str]) -> Any:
        import numpy as np

        beside = "file" in stored
        data = self._read(stored["file"]) if beside else _decoded(stored["data"])
        return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)

    def _float(self, node: dict[str, Any]) -> float:
        return float(node["float"])

    def _complex(self, node: dict[str, Any]) -> complex:
        return complex(*self._items(node["complex"]))

    def _bytes(self, node: dict[str, Any]) -> bytes:
        return _decoded(node["bytes"])

    def _value(self, node: dict[str, Any]) -> Any:
        return values.from_text(node["value"], node["text"])

    def _part(self, node: dict[str, Any]) -> Any:
        name = node["part"]
        obj = self._restored(name)
        return self._handles.setdefault(name, portable(obj)) if node.get("handle") else obj

    def _ref(self, node: dict[str, Any]) -> Any:
        return self._seen[node["ref"]]

    def _see(self, obj: Any) -> Any:
        self._seen.append(obj)
        return obj


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
