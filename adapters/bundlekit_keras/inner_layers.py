"""The layers inside of a model, each by a place that means the same in the restored model."""

from __future__ import annotations

from typing import Any


def of(model: Any) -> dict[str, Any]:
    """Give the layers that have weights, models among them, each once, by place.

    Example:
        >>> of(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))  # doctest: +SKIP
        {'0 dense': <Dense name=dense, built=True>}
    """
    found: dict[str, Any] = {}
    seen = {id(model)}

    def visit(around: Any, place: str) -> None:
        for index, layer in enumerate(getattr(around, "layers", ())):
            if id(layer) not in seen and layer.weights:
                seen.add(id(layer))
                found[f"{place}{index} {layer.name}"] = layer
                visit(layer, f"{place}{index} {layer.name}/")

    visit(model, "")
    return found
