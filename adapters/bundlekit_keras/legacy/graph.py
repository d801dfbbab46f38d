"""How the layers of a Functional model are connected, in today's form.

Keras 2 wrote a call as a nest of `[layer, node, tensor, keyword arguments]`, in which a tensor
among the keyword arguments is `[layer, node, tensor]`. Keras 3 writes positional and keyword
arguments, in which each tensor is an object. Its own reader of the old form passes tensors among
keyword arguments on as lists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit_keras import nodes
from bundlekit_keras.legacy import operations
from bundlekit_keras.legacy.refusing import malformed, not_expressible
from bundlekit_keras.nodes import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bundlekit_keras.legacy.era import Era

CONSTANT = "_CONSTANT_VALUE"
"""What Keras 2 wrote as the layer of a first argument that comes from no layer."""
_MOST_LEVELS = 50
"""Nesting of one call's arguments; honest ones have a few, and this walk recurses."""
_WITH_STATES = (
    *("Bidirectional", "GRU", "LSTM", "RNN", "SimpleRNN"),
    *("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
)
"""Layers that were called on a list of a sequence and its initial states."""


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
        NotRestorable: a layer is a function of TensorFlow that Keras 3 has nothing like.
        Damaged: they are in no form that Keras writes.
    """
    layers: dict[str, dict[str, Any]] = {}
    for layer in config["layers"]:
        if isinstance(layer, dict) and isinstance(layer.get("name"), str):
            layers[layer["name"]] = layer
    if era.wraps_single_tensors:
        for key in ("input_layers", "output_layers"):
            config[key] = _single(config[key])
    place = Place(place, "layers")
    old = [
        (layer, Place(Place(place, index), "inbound_nodes"))
        for index, layer in enumerate(config["layers"])
        if isinstance(layer, dict)
        and isinstance(layer.get("inbound_nodes"), list)
        and any(map(is_old_call, layer["inbound_nodes"]))
    ]
    if old:
        _renumber(config, layers, [layer["inbound_nodes"] for layer, _ in old])
    masks = bool(old) and _makes_masks(config)
    for layer, here in old:
        layer["inbound_nodes"] = [
            _call(call, layers, layer, here, masks=masks) if is_old_call(call) else call
            for call in layer["inbound_nodes"]
        ]
    if era.keras_2:
        operations.rewrite(config, place)


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


def _single(tensors: Any) -> Any:
    """Take one tensor out of its list."""
    single = isinstance(tensors, list) and len(tensors) == 1 and _is_tensor(tensors[0])
    return tensors[0] if single else tensors


def _is_tensor(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        and (value[0] == CONSTANT or isinstance(value[2], int))
    )


def _makes_masks(config: object) -> bool:
    """Tell whether a layer in a config says which steps of a sequence are none."""
    return any(
        node["class_name"] == "Masking"
        or (isinstance(node["config"], dict) and bool(node["config"].get("mask_zero")))
        for _, node in nodes.walk(config)
    )


def _call(
    call: object,
    layers: Mapping[str, object],
    layer: Mapping[str, Any],
    place: Place,
    *,
    masks: bool,
) -> dict[str, Any]:
    """Turn a call of Keras 2 into arguments.

    Raises:
        NotRestorable: Keras 3 would call the layer in another way.
    """
    kwargs: dict[str, Any] = {}

    def first(leaf: list[Any]) -> object:
        if len(leaf) == 4 and isinstance(leaf[3], dict):
            kwargs.update(leaf[3])  # the same at each tensor
        if leaf[0] == CONSTANT:
            return leaf[2]
        if leaf[0] not in layers:
            expected = (
                "the name of a layer of the model (Keras 2 writes another one where a model is "
                "used both inside of another and outside of it)"
            )
            raise malformed(place, "connection", leaf[0], expected)
        return tensor(*leaf[:3])

    def second(leaf: list[Any]) -> object:
        return tensor(*leaf[:3]) if leaf[0] in layers else leaf

    argument = _map(call, first, place)
    named = {key: _map(value, second, place) for key, value in kwargs.items()}
    if isinstance(argument, list) and not operations.is_function(layer):
        if len(argument) == 1:  # a tensor and a list of one are written alike
            argument = argument[0]
        elif layer.get("class_name") in _WITH_STATES and argument:
            named["initial_state"] = argument[1:]
            argument = argument[0]
    if masks and layer.get("class_name") in _WITH_STATES and named.get("initial_state"):
        raise not_expressible(
            place, "the call", "initial_state", "given", "Keras 3 loses the mask of the sequence"
        )
    if layer.get("class_name") in _WITH_STATES and named.pop("constants", None) is not None:
        raise not_expressible(
            place, "the call", "constants", kwargs["constants"], "Keras 3 gives cells no constants"
        )
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


def _renumber(
    config: dict[str, Any], layers: Mapping[str, dict[str, Any]], calls: list[Any]
) -> None:
    """Count the calls of nested models as Keras 3 does, in place.

    Keras 2 counted them from one where the model was made with an input, as that made a first
    call of its own. Keras 3 counts from zero, except that outputs of the model around count the
    calls of a Functional model from one. Each call in a config is used, so the lowest number that
    occurs is the first.
    """
    used: dict[str, list[tuple[list[Any], bool]]] = {}
    ends = (config["input_layers"], config["output_layers"])
    pending: list[tuple[Any, bool]] = [(calls, True), *((end, False) for end in ends)]
    while pending:
        value, inside = pending.pop()
        if _is_tensor(value) and value[0] in layers:
            used.setdefault(value[0], []).append((value, inside))
        if isinstance(value, list):
            pending.extend((inner, inside) for inner in value)
        elif isinstance(value, dict):
            pending.extend((inner, inside) for inner in value.values())
    for name, tensors in used.items():
        first = min(found[1] for found, _ in tensors)
        for found, inside in tensors if first > 0 else ():
            if inside or layers[name].get("class_name") == "Sequential":
                found[1] -= first
