"""How the layers of a Functional or Sequential model are connected, in today's form.

Keras 2 wrote a call as a nest of `[layer, node, tensor, keyword arguments]`, in which a tensor
among the keyword arguments is `[layer, node, tensor]`. Keras 3 writes positional and keyword
arguments, in which each tensor is an object. Its own reader of the old form passes tensors among
keyword arguments on as lists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit_keras.legacy.refusing import malformed
from bundlekit_keras.nodes import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bundlekit_keras.legacy.era import Era

CONSTANT = "_CONSTANT_VALUE"
"""What Keras 2 wrote as the layer of a first argument that comes from no layer."""
_MOST_LEVELS = 50
"""Nesting of one call's arguments; honest ones have a few, and this walk recurses."""


def is_graph(config: object) -> bool:
    """Tell whether a config is that of layers and how they are connected."""
    return (
        isinstance(config, dict)
        and isinstance(config.get("layers"), list)
        and ("input_layers" in config and "output_layers" in config)
    )


def connect(config: dict[str, Any], era: Era, place: Place) -> None:
    """Rewrite the calls, inputs and outputs of a Functional model's config, in place.

    Raises:
        Damaged: they are in no form that Keras writes.
    """
    layers: dict[str, dict[str, Any]] = {}
    for layer in config["layers"]:
        if isinstance(layer, dict) and isinstance(layer.get("name"), str):
            layers[layer["name"]] = layer
    if era.wraps_single_tensors:
        for key in ("input_layers", "output_layers"):
            config[key] = _single(config[key])
    calls = Place(place, "layers")
    for index, layer in enumerate(config["layers"]):
        if isinstance(layer, dict) and isinstance(layer.get("inbound_nodes"), list):
            here = Place(Place(calls, index), "inbound_nodes")
            layer["inbound_nodes"] = [
                _call(call, layers, here) if is_old_call(call) else call
                for call in layer["inbound_nodes"]
            ]
    if era.keras_2:
        _renumber(config, layers)


def is_old_call(call: object) -> bool:
    """Tell whether a call is written in the form of Keras 2."""
    if isinstance(call, dict):
        return bool(call) and not {"args", "kwargs"} & call.keys()
    return isinstance(call, list)


def tensor(layer: str, node: int, index: int) -> dict[str, Any]:
    """Give the object that stands for an output of a layer; Keras ignores its shape and dtype."""
    return {
        "class_name": "__keras_tensor__",
        "config": {"shape": [], "dtype": "float32", "keras_history": [layer, node, index]},
    }


def _single(tensors: object) -> object:
    """Take one tensor out of its list."""
    single = isinstance(tensors, list) and len(tensors) == 1 and _is_tensor(tensors[0])
    return tensors[0] if single and isinstance(tensors, list) else tensors


def _is_tensor(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        and (value[0] == CONSTANT or isinstance(value[2], int))
    )


def _call(call: object, layers: Mapping[str, object], place: Place) -> dict[str, Any]:
    """Turn a call of Keras 2 into arguments."""
    kwargs: dict[str, Any] = {}

    def first(leaf: list[Any]) -> object:
        if len(leaf) == 4 and isinstance(leaf[3], dict):
            kwargs.update(leaf[3])  # the same at each tensor
        if leaf[0] == CONSTANT:
            return leaf[2]
        if leaf[0] not in layers:
            raise malformed(place, "connection", leaf[0], "the name of a layer of the model")
        return tensor(*leaf[:3])

    def second(leaf: list[Any]) -> object:
        return tensor(*leaf[:3]) if leaf[0] in layers else leaf

    # A list of one tensor and a tensor are written alike, except where a layer says otherwise.
    argument = _map(call, first, place)
    if isinstance(argument, list) and len(argument) == 1 and not _is_tensor(call):
        argument = argument[0]
    named = {key: _map(value, second, place) for key, value in kwargs.items()}
    return {"args": [argument], "kwargs": named}


def _map(value: object, change: Callable[[list[Any]], object], place: Place, depth: int = 0) -> Any:
    """Give a nest with its tensors changed."""
    if depth > _MOST_LEVELS:
        raise malformed(place, "nesting of arguments", depth, f"at most {_MOST_LEVELS} levels")
    if isinstance(value, list):
        if _is_tensor(value):
            return change(value)
        return [_map(inner, change, place, depth + 1) for inner in value]
    if isinstance(value, dict):
        return {key: _map(inner, change, place, depth + 1) for key, inner in value.items()}
    return value


def _renumber(config: dict[str, Any], layers: Mapping[str, dict[str, Any]]) -> None:
    """Count the calls of nested Sequential models from zero, in place.

    Keras 2 counted them from one where the model was made with an input, as that made a first
    call of its own; Keras 3 does so for Functional models alone. Each call in a config is used,
    so the lowest number that occurs is the first.
    """
    sequential = {name for name, node in layers.items() if node.get("class_name") == "Sequential"}
    if not sequential:
        return
    used: dict[str, list[list[Any]]] = {}
    calls = [node.get("inbound_nodes") for node in layers.values()]
    pending: list[object] = [config["input_layers"], config["output_layers"], *calls]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            if _is_tensor(value) and value[0] in sequential:
                used.setdefault(value[0], []).append(value)
            else:
                pending.extend(value)
        elif isinstance(value, dict):
            pending.extend(value.values())
    for tensors in used.values():
        first = min(found[1] for found in tensors)
        for found in tensors:
            found[1] -= first
