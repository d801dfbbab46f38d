"""Layers that Keras 2 made of functions of TensorFlow, as operations of Keras 3.

Only what computes the same is taken; the rest is refused, unless nothing depends on it: a size
that was computed for a reshape may follow from the other sizes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit_keras.legacy import names, refusing, rules
from bundlekit_keras.legacy.tensorflow_functions import EINSUM, FUNCTIONS, Operation
from bundlekit_keras.nodes import Place

if TYPE_CHECKING:
    from bundlekit.errors import NotRestorable

_CALLED = ("TFOpLambda", "SlicingOpLambda")
_GET_ITEM = "__operators__.getitem"
_SLICE = frozenset({"start", "stop", "step"})
_ELLIPSIS = {"class_name": "__ellipsis__", "config": {}}


def is_function(layer: object) -> bool:
    """Tell whether a layer is a function of TensorFlow; its first argument may be a list of one."""
    return isinstance(layer, dict) and layer.get("class_name") in _CALLED


def rewrite(config: dict[str, Any], place: Place) -> None:
    """Turn the functions in the layers of a Functional model into operations, in place.

    The calls are in today's form already.

    Raises:
        NotRestorable: the outputs depend on one that Keras 3 has nothing like.
    """
    functions = {str(layer.get("name")) for layer in config["layers"] if is_function(layer)}
    refused: dict[str, NotRestorable] = {}
    for index, layer in enumerate(config["layers"]):
        if is_function(layer):
            found = _operation(layer, Place(place, index))
            if found is not None:
                refused[str(layer.get("name"))] = found
    if not refused:
        return
    idle = functions - _needed(config)
    for name, error in refused.items():
        if name not in idle:
            raise error
    config["layers"] = [
        layer
        for layer in config["layers"]
        if not (isinstance(layer, dict) and str(layer.get("name")) in idle)
    ]


def _operation(layer: dict[str, Any], place: Place) -> NotRestorable | None:
    """Turn a layer into an operation, in place; give why it cannot be."""
    inner = layer["config"] if isinstance(layer.get("config"), dict) else {}
    symbol = inner.get("function")
    calls = layer.get("inbound_nodes")
    if not isinstance(symbol, str) or not isinstance(calls, list) or not calls:
        return refusing.no_such_class(place, str(layer["class_name"]), "it names no function")
    made = [one for one in (_call(symbol, call) for call in calls) if one is not None]
    if len(made) != len(calls) or any(one[:2] != made[0][:2] for one in made):
        return refusing.no_such_class(
            place,
            f"function tf.{symbol} of TensorFlow",
            "Keras 3 has no operation that does the same with these arguments",
        )
    class_name, settings, _ = made[0]
    operation = names.find(class_name, "operation")
    if operation is None:
        return refusing.no_such_class(place, f"function tf.{symbol}", "this Keras has no such one")
    layer["module"], layer["class_name"], layer["registered_name"] = *operation[:2], None
    layer["config"] = {"name": inner.get("name", layer.get("name")), **settings}
    layer.pop("build_config", None)
    layer["inbound_nodes"] = [{"args": one[2], "kwargs": {}} for one in made]
    return None


def _call(symbol: str, call: object) -> tuple[str, dict[str, Any], list[Any]] | None:
    """Give the class, the config and the inputs of an operation; `None` if there is none."""
    if not isinstance(call, dict) or not isinstance(call.get("kwargs"), dict):
        return None
    first = call.get("args")
    given = {key: value for key, value in call["kwargs"].items() if key != "name"}
    if not isinstance(first, list) or len(first) != 1:
        return None
    if symbol == _GET_ITEM:
        return _get_item(first[0], given)
    if symbol not in FUNCTIONS:
        return None
    known = FUNCTIONS[symbol]
    given[known.inputs[0]] = first[0]
    for key, subscripts in EINSUM.items() if symbol == "linalg.matmul" else ():
        if given.get(key) is True and not any(given.get(other) for other in EINSUM if other != key):
            del given[key]
            known = Operation("Einsum", ("a", "b"), {}, {"subscripts": subscripts}, _falses(given))
            break
    else:
        if symbol == "linalg.matmul" and given.pop("transpose_b", False):
            return None
    return _fill(known, given)


def _falses(given: dict[str, Any]) -> dict[str, tuple[object, ...]]:
    return {key: (False, None) for key in given if key not in ("a", "b")}


def _fill(known: Operation, given: dict[str, Any]) -> tuple[str, dict[str, Any], list[Any]] | None:
    inputs: list[Any] = []
    for key in known.inputs:
        if key not in given:
            return None
        inputs.append(_constant(given.pop(key)))
    settings = {to: given.pop(key) for key, to in known.settings.items() if key in given}
    adapted = known.adapt({**known.fixed, **settings})
    if adapted is None:
        return None
    for key, value in given.items():
        if not rules.among(value, known.without.get(key, ())):
            return None
    return known.name, adapted, inputs


def _constant(value: object) -> object:
    """Give a list of numbers as the array that TensorFlow took it for."""
    flat = value if isinstance(value, list) else []
    while flat and all(isinstance(one, list) for one in flat):
        flat = [inner for one in flat for inner in one]
    if not flat or not all(type(one) in (int, float) for one in flat):
        return value
    dtype = "int32" if all(isinstance(one, int) for one in flat) else "float32"
    return {"class_name": "__numpy__", "config": {"value": value, "dtype": dtype}}


def _get_item(x: object, given: dict[str, Any]) -> tuple[str, dict[str, Any], list[Any]] | None:
    spec = given.get("slice_spec")
    if given.keys() - {"slice_spec", "var"} or given.get("var") is not None:
        return None
    steps = [_step(step) for step in (spec if isinstance(spec, list) else [spec])]
    if any(step is _UNKNOWN for step in steps):
        return None
    return "GetItem", {}, [x, steps if isinstance(spec, list) else steps[0]]


_UNKNOWN = object()


def _step(step: object) -> object:
    if step is None or (isinstance(step, int) and not isinstance(step, bool)):
        return step
    if not isinstance(step, dict):
        return _UNKNOWN
    if step.get("class_name") == "__ellipsis__":
        return dict(_ELLIPSIS)
    bounds = [step.get(key) for key in ("start", "stop", "step")]
    if step.keys() != _SLICE or not all(isinstance(bound, int | None) for bound in bounds):
        return _UNKNOWN
    return {"class_name": "__slice__", "config": dict(step)}


def _needed(config: dict[str, Any]) -> set[str]:
    """Give the names of the layers that the outputs depend on."""
    layers = {
        str(layer.get("name")): layer for layer in config["layers"] if isinstance(layer, dict)
    }
    needed: set[str] = set()
    pending: list[Any] = [config["output_layers"], config["input_layers"]]
    while pending:
        value = pending.pop()
        if isinstance(value, str) and value in layers and value not in needed:
            needed.add(value)
            pending.append(layers[value].get("inbound_nodes"))
        elif isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict):
            pending.extend(value.values())
    return needed
