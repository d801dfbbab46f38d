"""Names of layers that Keras 3 refuses, spelled so that it takes them."""

from __future__ import annotations

from typing import Any

_REFUSED = "/"
_INSTEAD = "_"


def layer_name(name: str) -> str:
    """Give the name that a layer has after the migration.

    Keras 3 uses `/` for paths of variables and takes it in no name; files hold weights under the
    name as it was.

    Example:
        >>> layer_name("Conv/BatchNorm")
        'Conv_BatchNorm'
    """
    return name.replace(_REFUSED, _INSTEAD)


def rename(config: dict[str, Any]) -> None:
    """Rename the layers of a Functional model, and in its connections, in place.

    Two names never become one: Keras 2 took the layers of such a model to have different names,
    and one that is taken is left as it is, for Keras to refuse.
    """
    layers = [layer for layer in config["layers"] if isinstance(layer, dict)]
    names = {layer["name"] for layer in layers if isinstance(layer.get("name"), str)}
    changed = {name: layer_name(name) for name in names if _REFUSED in name}
    changed = {name: new for name, new in changed.items() if new not in names}
    if not changed:
        return
    pending: list[Any] = [config["input_layers"], config["output_layers"]]
    for layer in layers:
        pending.append(layer.get("inbound_nodes"))
        if isinstance(layer.get("name"), str):
            layer["name"] = changed.get(layer["name"], layer["name"])
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            if len(value) >= 3 and isinstance(value[0], str):
                value[0] = changed.get(value[0], value[0])
            pending.extend(value)
        elif isinstance(value, dict):
            pending.extend(value.values())
