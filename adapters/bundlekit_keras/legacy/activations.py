"""Activations whose name means something else today, in terms of what Keras 3 has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _hard_sigmoid(dtype: object) -> dict[str, Any]:
    """Give clip(0.2 x + 0.5, 0, 1) as layers; Keras 3 means relu6(x + 3) / 6 by the name."""
    more = {} if dtype is None else {"dtype": dtype}
    scaled = {"name": "scaled", "trainable": True, **more, "scale": 0.2, "offset": 0.5}
    clipped = {"name": "clipped", "trainable": True, **more, "max_value": 1.0}
    return _layer(
        "Pipeline",
        {
            "name": "hard_sigmoid",
            "layers": [_layer("Rescaling", scaled), _layer("ReLU", clipped)],
        },
    )


def _layer(class_name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {
        "module": "keras.layers",
        "class_name": class_name,
        "config": config,
        "registered_name": None,
    }


ANOTHER: Mapping[str, Callable[[object], dict[str, Any]]] = {"hard_sigmoid": _hard_sigmoid}
"""By the name in Keras 2: the node that does the same, for a dtype of the layer around it."""
