"""The search for a live class or function of which a config says only the name."""

from __future__ import annotations

import sys
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from bundlekit.errors import Unwritable
from bundlekit_keras import allowlist, nodes, scopes
from bundlekit_keras.framework import require_keras
from bundlekit_keras.keras_own import is_keras_own

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bundlekit_keras.nodes import Place

_SEARCHED = 200_000
"""Objects of a model that are looked through for a class that is only known by name."""


class Search:
    """Finds the user's classes and functions in a model, the scopes and the registry."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._inside: Mapping[str, dict[int, Any]] | None = None

    def find(self, place: Place, node: dict[str, Any]) -> Any:
        """Give the one class or function that a node can mean.

        Raises:
            Unwritable: none, or several.
        """
        registered, own = nodes.registered_name(node), node["class_name"]
        name = registered.rpartition(">")[2] if own == nodes.FUNCTION else own
        candidates = self._candidates(name, node.get("module"))
        if len(candidates) == 1:
            return candidates[0]
        for objects in (scopes.scoped(), scopes.registered()):
            if registered in objects and not candidates:
                return objects[registered]
        listed = ", ".join(f"{c.__module__}.{c.__qualname__}" for c in candidates)
        raise Unwritable(
            f"the config names {registered!r} at {place}, and "
            + (f"that fits {listed}" if candidates else "no live class or function of that name")
            + (" alike" if candidates else " was found in the model, the scopes or the registry")
            + "; register it with keras.saving.register_keras_serializable, under its own name",
            name=registered,
            where=str(place),
        )

    def holds(self, obj: Any) -> bool:
        """Tell whether the model refers to this very class or function."""
        return id(obj) in self._inside_model().get(getattr(obj, "__name__", ""), {})

    def require_distinct(self, config: object) -> None:
        """Refuse what cannot be told from Keras' own, or brought along, where nothing is marked.

        Raises:
            Unwritable: a lambda, or a function that is called like one of Keras'.
        """
        for place, node in nodes.walk(config):
            if node["class_name"] == nodes.LAMBDA:
                raise Unwritable(
                    f"the model holds a lambda at {place}; this Keras cannot be watched while it "
                    f"writes, so it cannot travel; write a named function instead",
                    where=str(place),
                )
        for name in sorted(allowlist.allowed().bare_functions & set(self._inside_model())):
            for function in self._inside_model()[name].values():
                if require_keras().saving.get_registered_name(function) == name:
                    raise Unwritable(
                        f"the model uses {function.__module__}.{name}; Keras has a function of its "
                        f"own called {name}, and this Keras cannot be watched while it writes; "
                        f"give yours another name, or register it",
                        function=name,
                    )

    def _inside_model(self) -> Mapping[str, dict[int, Any]]:
        if self._inside is None:
            self._inside = _named_inside(self._model)
        return self._inside

    def _candidates(self, name: str, module: str | None) -> list[Any]:
        found = list(self._inside_model().get(name, {}).values())
        exact = [obj for obj in found if obj.__module__ == module]
        if exact or found:
            return exact or found
        obj = getattr(sys.modules.get(module or "__main__"), name, None)
        return [obj] if isinstance(obj, type | FunctionType) else []


def _named_inside(model: Any) -> Mapping[str, dict[int, Any]]:
    """Collect the classes and functions of the user's that a model refers to, by name."""
    found: dict[str, dict[int, Any]] = {}
    seen: set[int] = set()
    pending = [model]
    while pending and len(seen) < _SEARCHED:
        value = pending.pop()
        if id(value) in seen or isinstance(value, str | bytes | int | float | ModuleType):
            continue
        seen.add(id(value))
        cls = value if isinstance(value, type | FunctionType) else type(value)
        if not is_keras_own(cls) and cls.__module__ != "builtins":
            found.setdefault(cls.__name__, {})[id(cls)] = cls
        if isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list | tuple | set | frozenset):
            pending.extend(value)
        elif isinstance(value, MethodType):
            pending.append(value.__self__)
        elif not isinstance(value, type | FunctionType) and hasattr(value, "__dict__"):
            pending.extend(vars(value).values())
    return found
