"""Discovery: the live class or function behind every node of a config that is not Keras' own.

A config names classes; names are not enough. Two classes have one name, a function is called like
one of Keras', a module is `null` or `builtins`. So the nodes are marked while Keras writes them
(`internals.marking`), and each mark leads to the very object. Where Keras cannot be watched, and
for nodes that a user's `get_config` wrote by hand, the object is looked for by name in the model
itself, the scopes and the registry; what fits twice or not at all is refused.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import CustomObject
from bundlekit.errors import BundleError, Unwritable
from bundlekit.home import home_of
from bundlekit_keras import allowlist, audit, nodes
from bundlekit_keras.framework import require_keras
from bundlekit_keras.keras_own import BUILTINS, is_keras_own, public_module, stands_for_keras
from bundlekit_keras.marks import MARK, Marks, number_in, numbers_in_text, unmarked
from bundlekit_keras.scopes import registered, scoped
from bundlekit_keras.search import Search
from bundlekit_keras.unwritable import named_only

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bundlekit_keras.nodes import Place

_NOT_REFERENCES = frozenset({"name", "class_name", "registered_name", "module", "config", "dtype"})
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
    search = Search(model)

    def add(obj: Any, name: str, place: Place) -> None:
        entry = found.setdefault((id(obj), name), (obj, name, kind_of(obj), []))
        entry[3].append(str(place))

    if marks is None:
        search.require_distinct(config)
    if marks and marks.coded:
        _spell_lambdas(config)
    left = marks.written if marks else 0
    for place, node in nodes.walk(config):
        number = node.pop(MARK, None)
        left -= number is not None
        if marks and number is not None:
            marks.places.setdefault(number, str(place))
        _make_portable(node)
        obj = marks.objects[number] if marks and number is not None else None
        if node["class_name"] == nodes.FUNCTION and isinstance(node["config"], str):
            left -= node["config"].count(MARK)
            node["config"] = unmarked(node["config"])
        obj = _live(place, node, obj, search)
        if obj is None:
            continue
        if isinstance(obj, FunctionType):
            _write_function(node, obj)
        add(obj, nodes.registered_name(node), place)
    # Marks that are left stand in texts.
    if marks and marks.objects and left:
        for place, obj in _written_as_text(config, marks):
            add(obj, require_keras().saving.get_registered_name(obj), place)
        _clean_texts(config)
    for place, text, obj in _spoken(config, search):
        add(obj, text, place)
    return tuple(
        CustomObject(obj=obj, name=name, kind=kind, where=tuple(where))
        for obj, name, kind, where in found.values()
    )


def _written_as_text(config: object, marks: Marks) -> Iterator[tuple[Place, Any]]:
    """Give what is named in configs that a `get_config` has written as text, such as JSON."""
    for place, text in nodes.texts(config):
        for number in numbers_in_text(text):
            obj = marks.objects[number]
            obj = obj if isinstance(obj, FunctionType) else type(obj)
            if kind_of(obj) == "lambda":
                raise Unwritable(
                    f"the text at {place} is a config that holds a lambda, which Keras would write "
                    f"as bytecode; write a named function instead",
                    where=str(place),
                )
            if not is_keras_own(obj):
                yield place, obj


def _spoken(config: object, search: Search) -> Iterator[tuple[Place, str, Any]]:
    """Give what is named in plain text: in `compile`, and in classes of the user's that hold it."""
    spoken = {**registered(), **scoped()}
    if not spoken:
        return
    for place, text, owner in nodes.owned_texts(config):
        if text not in spoken or place.key in _NOT_REFERENCES:
            continue
        obj: Any = spoken[text]
        if owner is None and not isinstance(obj, type | FunctionType):
            raise named_only(obj, str(place))
        if owner is None and is_keras_own(obj):
            raise Unwritable(
                f"the text {text!r} at {place} is registered in this process for Keras' own "
                f"{obj.__name__}, and readers do not have that; give compile the object itself",
                where=str(place),
            )
        if owner is None or (_is_foreign(place, owner) and search.holds(obj)):
            yield place, text, obj


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


def _live(place: Place, node: dict[str, Any], marked: Any, search: Search) -> Any:
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
                if isinstance(child, str) and MARK[1:] in child:
                    value[key] = unmarked(child)
                else:
                    pending.append(child)
