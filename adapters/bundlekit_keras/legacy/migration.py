"""The walk over a config: each node is named, its arguments are put right, then what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bundlekit_keras import nodes
from bundlekit_keras.legacy import (
    compiling,
    graph,
    layer_names,
    metrics,
    naming,
    refusing,
    sequential,
)
from bundlekit_keras.legacy.arguments import settle, settle_users
from bundlekit_keras.legacy.copying import copied
from bundlekit_keras.legacy.era import Era, era_of
from bundlekit_keras.legacy.slots import slot_of
from bundlekit_keras.nodes import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bundlekit_keras.legacy.names import Name

_IN_THE_FILE = ("keras_version", "backend")
"""What `to_json()` of Keras 2 writes beside the node."""
_SHARED = "shared_object_id"
_OPAQUE = nodes.CONSTANTS | {nodes.LAMBDA, "__typespec__"}


@dataclass(frozen=True)
class _Task:
    """One value, where it is held, and what is known of it.

    Attributes:
        slot: the kind of what belongs there.
        keras: whether the argument is one of Keras' own; a user's texts mean what the user says.
        layer: whether it stands among the layers of a model, which builds them.
        scope: where the outermost Functional model around it stands; Keras 2 numbered shared
            objects anew in each.
    """

    holder: Any
    key: Any
    place: Place | None
    slot: str | None
    keras: bool
    layer: bool = False
    scope: str | None = None


def modern(config: dict[str, Any], *, written_by: str | None) -> dict[str, Any]:
    """Give the config of a model, layer or object in the form that Keras 3 reads today.

    Args:
        config: with `class_name` and `config`, from a `.keras` file, from the attribute
            `model_config` of an H5 file, or from `to_json()`. It is not changed.
        written_by: the version of Keras that wrote it, as the file says; `None`: judged by
            the form of the config.

    Returns:
        A new config, in which Keras' own classes have their public module, and a user's own
        the name that they are registered under.

    Raises:
        NotRestorable: Keras 3 cannot express what the config says.
        Damaged: no Keras writes such a config.
    """
    if not isinstance(config, dict) or "class_name" not in config or "config" not in config:
        raise refusing.malformed(Place(None, ""), "config", config, "class_name and config")
    era = era_of(config, written_by)
    holder = [copied(config)]
    if isinstance(config["class_name"], str):
        for key in _IN_THE_FILE:
            holder[0].pop(key, None)
    migrate(holder, 0, None, era, keras=True)
    migrated: dict[str, Any] = holder[0]
    return migrated


def migrate(holder: Any, key: Any, slot: str | None, era: Era, *, keras: bool) -> None:
    """Migrate, in place, what is held under a key and everything in it."""
    pending = [_Task(holder, key, None, slot, keras)]
    while pending:
        task = pending.pop()
        value = task.holder[task.key]
        if isinstance(value, str):
            if task.slot is not None and task.keras:
                task.holder[task.key] = naming.text(
                    value, task.slot, era, _place(task), _dtype(task.holder)
                )
            elif task.slot in naming.OF_FUNCTIONS and era.keras_2:
                task.holder[task.key] = naming.registered(value)
        elif isinstance(value, dict | list):
            pending.extend(reversed(list(_inside(task, value, era))))


def _inside(task: _Task, value: Any, era: Era) -> Iterator[_Task]:
    """Put a value right, and give what is in it."""
    place = _place(task)
    if isinstance(value, list):
        for index in range(len(value)):
            yield _Task(value, index, place, task.slot, task.keras, task.layer, task.scope)
        return
    if "class_name" not in value or "config" not in value:
        for key in value:
            slot = slot_of(key) or task.slot
            yield _Task(value, key, place, slot, task.keras, scope=task.scope)
        return
    if not isinstance(value["class_name"], str) or value["class_name"] in _OPAQUE:
        return
    sequential.from_list(value)
    if value["class_name"] == nodes.FUNCTION or not isinstance(value["config"], dict):
        naming.function(value)
        return
    own = naming.name(value, task.slot, era, place)
    config = value["config"]
    at = Place(place, "config")
    if own is not None and own.full == "metrics.MeanMetricWrapper":
        own = metrics.of_function(value, own)
    if own is not None:
        settle(config, own, era, place)
    else:
        settle_users(config, task.slot, era, place)
    if era.keras_2 and (task.layer or (own is not None and own.kind != "layer")):
        value.pop("build_config", None)  # layers are built when they are called
    if era.keras_2 and isinstance(config.get("name"), str) and task.slot in (None, "layer"):
        config["name"] = layer_names.layer_name(config["name"])
    scope = task.scope
    if scope is None and graph.is_graph(config):
        scope = str(place)
    if era.keras_2 and isinstance(value.get(_SHARED), int):
        value[_SHARED] = f"{scope}#{value[_SHARED]}"
    if graph.is_graph(config):
        if era.keras_2:
            layer_names.rename(config)
        graph.connect(config, era, at)
    elif own is not None and own.class_name == "Sequential":
        sequential.begin(config)
    for key in config:
        layers = key == "layers"
        slot = _function_slot(own, key) or slot_of(key)
        yield _Task(config, key, at, slot, own is not None, layers, scope)
    if isinstance(value.get("compile_config"), dict):
        value["compile_config"] = compiling.arguments(
            value["compile_config"], era, compiling.names_of_outputs(config)
        )
        yield _Task(value, "compile_config", place, None, True)
    if isinstance(value.get("inbound_nodes"), list):
        yield _Task(value, "inbound_nodes", place, None, False)


def _function_slot(own: Name | None, key: str) -> str | None:
    """Tell what a wrapper of a function wraps."""
    return f"{own.kind}_function" if own is not None and key == "fn" else None


def _dtype(holder: Any) -> object:
    return holder.get("dtype") if isinstance(holder, dict) else None


def _place(task: _Task) -> Place:
    return Place(task.place, task.key if task.place is not None else "")
