"""Sequential models: the forms that their layers and their input were written in."""

from __future__ import annotations

from typing import Any

_INPUT = "InputLayer"


def from_list(node: dict[str, Any]) -> None:
    """Give the config of a Sequential model its name, in place; oldest Keras wrote the list."""
    if node["class_name"] == "Sequential" and isinstance(node["config"], list):
        node["config"] = {"name": "sequential", "layers": node["config"]}


def begin(config: dict[str, Any]) -> None:
    """Put an input before a first layer that tells its shape itself, in place."""
    layers = config.get("layers")
    first = layers[0] if isinstance(layers, list) and layers else None
    inner = first.get("config") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(inner, dict) or "layers" in inner:
        return
    shape = inner.get("batch_input_shape")
    if first.get("class_name") == _INPUT or shape is None or not isinstance(layers, list):
        return
    dtype = inner.get("dtype")
    layers.insert(
        0,
        {
            "module": "keras.layers",
            "class_name": _INPUT,
            "config": {
                "batch_shape": shape,
                "dtype": dtype if isinstance(dtype, str) else "float32",
                "sparse": False,
                "name": f"{inner.get('name')}_input",
            },
            "registered_name": None,
        },
    )
