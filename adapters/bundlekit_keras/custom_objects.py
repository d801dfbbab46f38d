"""The user's classes and functions, put where Keras looks for them while a model is built.

Keras looks up names, and in an order of its own: its registry wins over what a caller gives, and
a scope hides the one around it. So while a model is built, every object that was found has a name
that nobody else has, in the config that Keras reads and in its registry; afterwards both are as
they were. The names that the objects have otherwise are in a scope of the thread: for names that
stand in a config as mere text, such as `loss="my_loss"`, and for layers that write a config and
read it back while they are made, as `Bidirectional` does with the layer that it copies. Only where
the registry has something else under such a name, the process sees it changed for a while.
"""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from types import FunctionType
from typing import TYPE_CHECKING, Any

from bundlekit_keras import allowlist, exclusive, internals, nodes
from bundlekit_keras.framework import require_keras
from bundlekit_keras.keras_own import BUILTINS, is_keras_own, keras_function
from bundlekit_keras.scopes import scoped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bundlekit.adapter import Context, Need

_WRAPPERS = ("MeanMetricWrapper", "LossFunctionWrapper")
_numbers = itertools.count()


@contextmanager
def presented(config: dict[str, Any], context: Context) -> Iterator[dict[str, Any]]:
    """Give the config to build from, and let Keras find what it names; nothing is left behind.

    Args:
        config: the raw config, which is not changed.
        context: the objects that were found, and what else the caller gave.
    """
    saving = require_keras().saving
    renamed: dict[str, Any] = nodes.copied(config)
    own = _rename(renamed, context.objects)
    named = _named(config, context.objects)
    scope = {**({} if context.isolated else _around(context)), **named}
    own |= _rename_functions(renamed, {*scope, *dict(saving.get_custom_objects())})
    with (
        _registry_holding(own, named, alone=context.isolated),
        saving.custom_object_scope(scope),
        internals.importing_no_tensorflow(),
    ):
        yield renamed


def register(objects: Mapping[Need, object]) -> None:
    """Leave the objects in Keras' registry, under the names that they were bundled with."""
    saving = require_keras().saving
    with exclusive.altered:
        for need, obj in objects.items():
            package, mark, name = need.name.partition(">")
            if mark:
                saving.register_keras_serializable(package, name)(obj)
            else:
                saving.get_custom_objects()[need.name] = obj


def _rename(config: dict[str, Any], objects: Mapping[Need, object]) -> dict[str, object]:
    """Call each object by a name of its own, and Keras' own classes by none, in place."""
    at = {place: need for need in objects for place in need.where}
    names: dict[Need, str] = {}
    own: dict[str, object] = {}
    for place, node in nodes.walk(config):
        where = str(place) if at else ""
        need = at.get(where)
        if need is not None:
            name = names.setdefault(need, f"bundlekit>{next(_numbers)}>{need.class_name}")
            own[name] = objects[need]
            _call(node, name)
        elif node["class_name"] in _WRAPPERS and "fn" in node["config"]:
            name = f"bundlekit>{next(_numbers)}>{node['class_name']}"
            own[name] = _Wrapper(_keras_class(node))
            _call(node, name)
        elif node["class_name"] not in (nodes.FUNCTION, nodes.LAMBDA):
            node["registered_name"] = None
        if at and f"{where}.config.dtype" in at:
            cls = objects[need] if need is not None else _keras_class(node)
            name = f"bundlekit>{next(_numbers)}>{node['class_name']}"
            own[name] = _WithPolicy(cls)
            _call(node, name)
    return own


def _call(node: dict[str, Any], name: str) -> None:
    node["registered_name"] = name
    node.setdefault("module", None)
    if node["class_name"] == nodes.FUNCTION:
        node["config"] = name


def _keras_class(node: dict[str, Any]) -> Any:
    # The audit has found it among Keras' own; all the same, nothing is imported by its name.
    found: Any = {"keras": require_keras()}
    for step in f"{node['module']}.{node['class_name']}".split("."):
        found = found[step] if isinstance(found, dict) else getattr(found, step)
    return found


class _Wrapper:
    """A metric's or loss' class of Keras' that wraps a function and keeps its name.

    Keras takes every text in its config for the name of an object, if there is one that is called
    so; and a metric is called like its function.
    """

    def __init__(self, cls: Any) -> None:
        self._cls = cls

    def from_config(self, config: dict[str, Any]) -> Any:
        deserialize = require_keras().saving.deserialize_keras_object
        own = {key: config[key] for key in ("name",) if key in config}
        others = {key: deserialize(value) for key, value in config.items() if key not in own}
        return self._cls(**others, **own)


class _WithPolicy:
    """A layer's class whose `from_config` keeps a dtype policy of the user's.

    Keras reduces a policy to its name, and makes one of its own classes of that.
    """

    def __init__(self, cls: Any) -> None:
        self._cls = cls

    def from_config(self, config: dict[str, Any]) -> Any:
        from_config = self._cls.from_config
        if is_keras_own(from_config):  # one of the user's own expects what Keras writes
            policy = require_keras().dtype_policies.deserialize(config["dtype"])
            config = {**config, "dtype": policy}
        return from_config(config)


def _rename_functions(config: dict[str, Any], hidden: set[str]) -> dict[str, object]:
    """Call Keras' own functions by names of their own, in place, where others have theirs.

    And where they are no activations, losses and so on, which older Keras does not find.
    """
    own: dict[str, object] = {}
    for _, node in nodes.walk(config):
        if node["class_name"] != nodes.FUNCTION:
            continue
        module = node.get("module")
        function = keras_function(node["config"], module)
        if function is not None and (module != BUILTINS or node["config"] in hidden):
            name = f"bundlekit>{next(_numbers)}>{node['config']}"
            own[name] = function
            _call(node, name)
    return own


def _named(config: dict[str, Any], objects: Mapping[Need, object]) -> dict[str, object]:
    """Give the objects under the names that they have otherwise, where those mean one alone."""
    if not objects:
        return {}
    saving = require_keras().saving
    nodes_at = {str(place) for place, _ in nodes.walk(config)}
    meant: dict[str, dict[int, object]] = {}
    for need, obj in objects.items():
        names = {need.name, need.class_name}
        if isinstance(obj, type | FunctionType):  # it may be any callable that was given
            names.add(saving.get_registered_name(obj))
        for name in names:
            if name not in allowlist.allowed().names:
                meant.setdefault(name, {})[id(obj)] = obj
    named = {name: next(iter(found.values())) for name, found in meant.items() if len(found) == 1}
    spoken = {
        need.name: obj
        for need, obj in objects.items()
        if any(place not in nodes_at and "compile_config." in place for place in need.where)
    }
    return {**named, **spoken}


def _around(context: Context) -> dict[str, object]:
    """Give what a caller has given or opened without need; it never stands for Keras' own."""
    given = {**scoped(), **context.custom_objects}
    return {name: obj for name, obj in given.items() if name not in allowlist.allowed().names}


@contextmanager
def _registry_holding(
    own: Mapping[str, object], named: Mapping[str, object], *, alone: bool
) -> Iterator[None]:
    registry = require_keras().saving.get_custom_objects()
    registry.update(own)  # names of their own: no other thread is disturbed
    try:
        # The registry wins over the scope.
        others = {name for name, obj in named.items() if registry.get(name, obj) is not obj}
        hidden = {name for name in dict(registry) if name not in own} if alone else others
        if not hidden:
            yield
            return
        with exclusive.altered:
            before = {name: registry.pop(name) for name in hidden if name in registry}
            try:
                yield
            finally:
                registry.update(before)
    finally:
        for name in own:
            registry.pop(name, None)
