"""The user's classes and functions, put where Keras looks for them while a model is built.

Keras looks up names, and in an order of its own: its registry wins over what a caller gives, and
a scope hides the one around it. So while a model is built, every object that was found has a name
that nobody else has, in the config that Keras reads and in its registry; afterwards both are as
they were. Only names that stand in a config as mere text, such as `loss="my_loss"`, are looked
up as they are.
"""

from __future__ import annotations

import copy
import itertools
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bundlekit_keras import nodes
from bundlekit_keras.framework import require_keras
from bundlekit_keras.marks import is_keras_own
from bundlekit_keras.scopes import known

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bundlekit.adapter import Context, Need

_numbers = itertools.count()
_plain_names = threading.RLock()


@contextmanager
def presented(config: dict[str, Any], context: Context) -> Iterator[dict[str, Any]]:
    """Give the config to build from, and let Keras find what it names; nothing is left behind.

    Args:
        config: the raw config, which is not changed.
        context: the objects that were found, and what else the caller gave.
    """
    renamed: dict[str, Any] = copy.deepcopy(config)
    own = _rename(renamed, context.objects)
    plain = _plain(config, context)
    with _registry_holding(own, plain, alone=context.isolated):
        yield renamed


def register(objects: Mapping[Need, object]) -> None:
    """Leave the objects in Keras' registry, under the names that they were bundled with."""
    saving = require_keras().saving
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
        need = at.get(str(place))
        if need is not None:
            name = names.setdefault(need, f"bundlekit>{next(_numbers)}>{need.class_name}")
            own[name] = objects[need]
            _call(node, name)
        elif node["class_name"] not in (nodes.FUNCTION, nodes.LAMBDA):
            node["registered_name"] = None
        if f"{place}.config.dtype" in at:
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


def _plain(config: dict[str, Any], context: Context) -> dict[str, object]:
    """Give the objects that are looked up by names in plain text."""
    if context.isolated:
        given: dict[str, object] = {}
    else:
        scoped = known().scoped
        needed = {id(obj) for obj in context.objects.values()}
        given = {**scoped, **context.custom_objects}
        given = {name: obj for name, obj in given.items() if id(obj) not in needed}
    if not context.objects:
        return given
    nodes_at = {str(place) for place, _ in nodes.walk(config)}
    spoken = {
        need.name: obj
        for need, obj in context.objects.items()
        if not nodes_at.issuperset(need.where)
    }
    return {**given, **spoken}


@contextmanager
def _registry_holding(
    own: Mapping[str, object], plain: Mapping[str, object], *, alone: bool
) -> Iterator[None]:
    saving = require_keras().saving
    registry = saving.get_custom_objects()
    registry.update(own)  # names of their own: no other thread is disturbed
    try:
        if not plain and not alone:
            yield
            return
        with _plain_names, saving.custom_object_scope(dict(plain)):
            before = dict(registry)
            hidden = [name for name in before if alone and name not in own]
            for name in hidden:
                del registry[name]
            registry.update(plain)
            try:
                yield
            finally:
                for name in {*plain, *hidden}:
                    if name in before:
                        registry[name] = before[name]
                    else:
                        registry.pop(name, None)
    finally:
        for name in own:
            registry.pop(name, None)
