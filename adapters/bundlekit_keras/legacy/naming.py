"""Gives a node, in place, the module and the name by which Keras 3 finds what it means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bundlekit_keras import allowlist, nodes
from bundlekit_keras.legacy import activations, names, refusing
from bundlekit_keras.legacy.names import Name
from bundlekit_keras.legacy.table import GONE

if TYPE_CHECKING:
    from bundlekit_keras.legacy.era import Era
    from bundlekit_keras.nodes import Place

OF_FUNCTIONS = ("activation", "initializer", "regularizer", "constraint", "loss", "metric")
"""The slots that functions belong into."""
_REGISTERED = re.compile(r"[\w.]+>\w+")
_CUSTOM = "Custom>"
"""The package under which Keras 2 registers what says none, its own optimizers among them."""


def name(node: dict[str, Any], slot: str | None, era: Era, place: Place) -> Name | None:
    """Name the class of a node; give it if it is one of Keras' own.

    A user's own class keeps its names. A class of Keras 3 that it does not build models from is
    left for the audit to refuse.

    Raises:
        NotRestorable: it is a class of Keras 2 that Keras 3 has nothing like.
    """
    class_name, module = node["class_name"], node.get("module")
    legacy = era.keras_2 and _is_old_optimizer(node)
    if names.of_keras(module):
        kind = names.kind_of_module(module)
        if names.is_current(module, class_name):
            return Name(module, class_name, kind or slot or "layer")
        found = names.find(class_name, slot) if slot else None
        found = found or names.find(class_name, kind)
        found = found or names.of_applications(class_name, node["config"])
    elif "module" in node:
        return None
    else:
        found = _of_no_module(node, slot)
        if found is None and not (era.keras_2 and class_name in GONE):
            node["module"] = None
            node["class_name"] = class_name.rpartition(">")[2]
            node.setdefault("registered_name", class_name)
            return None
    if found is None:
        if era.keras_2 and class_name in GONE:
            raise refusing.no_such_class(place, class_name, GONE[class_name])
        return None
    node["module"], node["class_name"], node["registered_name"] = *found[:2], None
    return found._replace(legacy=legacy and found.kind == "optimizer")


def _is_old_optimizer(node: dict[str, Any]) -> bool:
    """Tell whether an optimizer is one of before Keras 2.11, which say nothing of it."""
    module = node.get("module", "keras.optimizers.legacy")
    old = isinstance(module, str) and ("legacy" in module or "optimizer_v2" in module)
    return old and "is_legacy_optimizer" not in node["config"]


def _of_no_module(node: dict[str, Any], slot: str | None) -> Name | None:
    class_name = node["class_name"]
    if slot == "optimizer":
        class_name = class_name.removeprefix(_CUSTOM)
    config = node["config"]
    if slot in ("layer", None) and not {"trainable", "dtype"} & config.keys():
        # Keras 3 writes operations among the layers of a model; some are called as layers are.
        operation = names.find(class_name, "operation") if "name" in node else None
        if operation is not None:
            return operation
    found = names.find(class_name, slot or _looks_like(config))
    return found or names.of_applications(class_name.removeprefix(_CUSTOM), config)


def _looks_like(config: dict[str, Any]) -> str | None:
    if {"trainable", "batch_shape", "batch_input_shape", "layers"} & config.keys():
        return "layer"
    return "loss" if "reduction" in config else None


def function(node: dict[str, Any]) -> None:
    """Name the function of a node, in place; Keras finds its own by their name alone."""
    module = node.get("module")
    if not isinstance(node["config"], str):
        return
    bare = node["config"] in allowlist.allowed().bare_functions
    if ("module" not in node or names.of_keras(module)) and bare:
        node["module"] = "builtins"
    node.setdefault("module", "builtins")
    node.setdefault("registered_name", nodes.FUNCTION)


def registered(value: str) -> Any:
    """Give what a text in a user's config means: Keras 2 serialized functions as their names.

    Only what Keras registers has such a name; any other text is the user's.
    """
    return _function(value) if _REGISTERED.fullmatch(value) else value


def text(value: str, slot: str, era: Era, place: Place, dtype: object = None) -> Any:
    """Give what a text in a slot of Keras' own means: itself, or the node of a function.

    A text that Keras does not resolve is the name of a user's function.

    Args:
        value: the text.
        slot: the kind of what stands there.
        era: who wrote it.
        place: where it stands.
        dtype: that of the layer whose argument it is.

    Raises:
        NotRestorable: what it meant depends on shapes, and Keras 3 does not look at them.
    """
    if slot == "activation" and era.keras_2 and value in activations.ANOTHER:
        return activations.ANOTHER[value](dtype)
    kind, _, wrapped = slot.partition("_")
    if era.keras_2:
        value = names.CALLED_OTHERWISE.get(kind, {}).get(value, value)
    if slot == "metric" and value in ("ce", "crossentropy") and era.keras_2:
        why = "Keras 2 took the crossentropy that fits the shapes, which Keras 3 does not"
        raise refusing.not_expressible(place, "compile", "metrics", value, why)
    if names.is_known_text(value, kind) and not wrapped:
        return value
    return _function(value)


def _function(name: str) -> dict[str, Any]:
    return {
        "module": "builtins",
        "class_name": nodes.FUNCTION,
        "config": name,
        "registered_name": nodes.FUNCTION,
    }
