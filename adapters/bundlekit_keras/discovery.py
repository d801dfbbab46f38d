"""Discovery: the live class or function behind every node of a config that is not Keras' own.

A config names classes; names are not enough. Two classes have one name, a function is called like
one of Keras', a module is `null` or `builtins`. So the nodes are marked while Keras writes them
(`internals.marking`), and each mark leads to the very object. Where Keras cannot be watched, and
for nodes that a user's `get_config` wrote by hand, the object is looked for by name in the model
itself, the scopes and the registry; what fits twice or not at all is refused.
"""

from __future__ import annotations

import sys
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import CustomObject
from bundlekit.errors import BundleError, Unwritable
from bundlekit.travel import home_of
from bundlekit_keras import allowlist, audit, nodes
from bundlekit_keras.framework import require_keras
from bundlekit_keras.keras_own import BUILTINS, is_keras_own, public_module, stands_for_keras
from bundlekit_keras.marks import MARK, Marks, number_in, unmarked
from bundlekit_keras.scopes import known
from bundlekit_keras.unwritable import named_only

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bundlekit_keras.nodes import Place

_NOT_REFERENCES = frozenset({"name", "class_name", "registered_name", "module", "config", "dtype"})
_SEARCHED = 200_000
"""Objects of a model that are looked through for a class that is only known by name."""
_KINDS = (
    ("Model", "model"),
    ("Layer", "layer"),
    ("losses.Loss", "loss"),
    ("metrics.Metric", "metric"),
    ("optimizers.Optimizer", "optimizer"),
    ("optimizers.schedules.LearningRateSchedule", "schedule"),
    ("initializers.Initializer", "initializer"),
    ("regularizers.Regularizer", "regularizer"),
    ("constraints.Constraint", "constraint"),
    ("dtype_policies.DTypePolicy", "dtype policy"),
    ("quantizers.Quantizer", "quantizer"),
    ("Operation", "operation"),
)


def discover(config: dict[str, Any], model: Any, marks: Marks | None) -> tuple[CustomObject, ...]:
    """Find the user's classes and functions, and take the marks out of the config, in place.

    Functions get the module that they come from, where Keras writes `builtins` for everybody's.

    Args:
        config: the raw config, as Keras wrote it.
        model: the live model.
        marks: what was marked while Keras wrote; `None` where that could not be watched.

    Raises:
        Unwritable: an object that was not found, or that no process could restore, and its place.
    """
    found: dict[tuple[int, str], tuple[object, str, str, list[str]]] = {}
    search = _Search(model)

    def add(obj: Any, name: str, place: Place) -> None:
        entry = found.setdefault((id(obj), name), (obj, name, kind_of(obj), []))
        entry[3].append(str(place))

    if marks is None:
        search.require_distinct(config)
    _spell_lambdas(config)
    for place, node in nodes.walk(config):
        number = node.pop(MARK, None)
        if marks and number is not None:
            marks.places.setdefault(number, str(place))
        _make_portable(node)
        obj = marks.objects[number] if marks and number is not None else None
        if node["class_name"] == nodes.FUNCTION and isinstance(node["config"], str):
            node["config"] = unmarked(node["config"])
        obj = _live(place, node, obj, search)
        if obj is None:
            continue
        if isinstance(obj, FunctionType):
            _write_function(node, obj)
        add(obj, nodes.registered_name(node), place)
    _clean_texts(config)
    registry = known()
    spoken = {**registry.registered, **registry.scoped}
    if spoken:
        for place, text in nodes.texts(config):
            if text in spoken and place.key not in _NOT_REFERENCES:
                add(spoken[text], text, place)
    return tuple(
        CustomObject(obj=obj, name=name, kind=kind, where=tuple(where))
        for obj, name, kind, where in found.values()
    )


def kind_of(obj: Any) -> str:
    """Say what a class or function is in Keras' terms."""
    if not isinstance(obj, type):
        return "lambda" if getattr(obj, "__name__", "") == "<lambda>" else "function"
    keras = require_keras()
    for path, kind in _KINDS:
        base: Any = keras
        for step in path.split("."):
            base = getattr(base, step, None)
        if base is not None and issubclass(obj, base):
            return kind
    return "object"


def _live(place: Place, node: dict[str, Any], marked: Any, search: _Search) -> Any:
    """Give the class or function behind a node; `None` where it is Keras' own."""
    if marked is None:
        return search.find(place, node) if _is_foreign(place, node) else None
    if isinstance(marked, FunctionType):
        if stands_for_keras(marked):
            return None
        home = public_module(marked) if is_keras_own(marked) else None
        if home is not None and home != BUILTINS:
            node["module"] = home
        return marked if home is None else None
    if isinstance(marked, type) or not hasattr(marked, "get_config"):
        raise named_only(marked, str(place))
    return type(marked)


def _make_portable(node: dict[str, Any]) -> None:
    """Call an optimizer by its public name; on PyTorch, Keras writes that of its own variant."""
    module, name = str(node.get("module")), node["class_name"]
    public = f"keras.optimizers.{name}" in allowlist.allowed().classes
    if module.startswith("keras.src.backend.") and ".optimizers." in module and public:
        node.update(module="keras.optimizers", registered_name=None)


def _is_foreign(place: Place, node: dict[str, Any]) -> bool:
    try:
        return audit.read_node(place, node, allowlist.allowed()) is not None
    except BundleError:
        return False  # the audit of what was packed will say it


def _write_function(node: dict[str, Any], function: Any) -> None:
    if node.get("module") in ("builtins", "__main__"):
        module, _ = home_of(function)
        node["module"] = None if module == "__main__" else module


def _spell_lambdas(config: object) -> None:
    """Write a marked lambda as a function, in place; some layers of Keras leave out its node."""
    pending = [config]
    while pending:
        value = pending.pop()
        if not isinstance(value, dict | list):
            continue
        for key, child in list(value.items() if isinstance(value, dict) else enumerate(value)):
            is_node = isinstance(child, dict) and child.get("class_name") == nodes.LAMBDA
            number = number_in(child.get("config") if is_node else child)
            if number is None:
                pending.append(child)
            else:
                node = {"class_name": nodes.FUNCTION, "config": "<lambda>", MARK: number}
                value[key] = {**node, "module": None, "registered_name": "<lambda>"}


def _clean_texts(config: object) -> None:
    """Take marks out of names that a `get_config` has copied as text."""
    pending = [config]
    while pending:
        value = pending.pop()
        if isinstance(value, dict | list):
            items: Iterable[tuple[Any, Any]]
            items = list(value.items() if isinstance(value, dict) else enumerate(value))
            for key, child in items:
                if isinstance(child, str) and MARK in child:
                    value[key] = unmarked(child)
                else:
                    pending.append(child)


class _Search:
    """Looks for what is known by name alone."""

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
        known_here = known()
        for objects in (known_here.scoped, known_here.registered):
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
