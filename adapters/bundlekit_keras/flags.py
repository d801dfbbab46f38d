"""Flags of layers and variables: what is trainable, and the dtype policy of each layer.

Configs keep them in part: not those of a `Sequential`, nor of a single variable, nor the policy of
a container.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from bundlekit.errors import NotRestorable
from bundlekit_keras import adapted
from bundlekit_keras.framework import variable_class
from bundlekit_keras.record import Layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bundlekit_keras.account import Account, Entry


def of(account: Account) -> dict[str, Layer]:
    """Read the flags of every layer."""
    return {
        place: Layer(
            trainable=bool(layer.trainable),
            dtype=layer.dtype_policy.name,
            mode=adapted.mode_of(layer),
            lora=adapted.lora_of(layer),
        )
        for place, layer in account.layers.items()
    }


def restore(account: Account, layers: Mapping[str, Layer], trainable: Mapping[str, bool]) -> None:
    """Set every layer and variable as recorded.

    Args:
        account: the rebuilt model.
        layers: by place.
        trainable: of variables, by path.

    Raises:
        NotRestorable: a layer does not take its flags.
    """
    here = account.layers
    for place, layer in here.items():
        recorded = layers.get(place)
        if recorded is not None and layer.dtype_policy.name != recorded.dtype:
            layer.dtype_policy = recorded.dtype
    _set(account, {place: one.trainable for place, one in layers.items()}, trainable)
    found = of(account)
    for place, recorded in layers.items():
        if place in found and found[place] != recorded:
            raise NotRestorable(
                f"the layer {here[place].name!r} at {place or 'the top'} comes back with "
                f"{found[place]}, and was {recorded}; its class sets that in a way of its own",
                layer=here[place].name,
            )


@contextmanager
def trained(account: Account, paths: Iterable[str]) -> Iterator[None]:
    """Let nothing be trainable but some variables, while an optimizer is built for them."""
    wanted = frozenset(paths)
    layers = {place: bool(layer.trainable) for place, layer in account.layers.items()}
    variables = {path: bool(entry.variable.trainable) for path, entry in _flagged(account).items()}
    _set(account, dict.fromkeys(layers, True), {path: path in wanted for path in variables})
    try:
        yield
    finally:
        _set(account, layers, variables)


def _set(account: Account, layers: Mapping[str, bool], variables: Mapping[str, bool]) -> None:
    # A layer sets all that is in it, so the outer ones come first.
    for place, layer in account.layers.items():
        if place in layers and layer.trainable != layers[place]:
            layer.trainable = layers[place]
    for path, entry in _flagged(account).items():
        if path in variables and entry.variable.trainable != variables[path]:
            entry.variable.trainable = variables[path]


def _flagged(account: Account) -> dict[str, Entry]:
    variable = variable_class()
    return {
        path: entry
        for path, entry in account.entries.items()
        if entry.kind in ("weight", "state") and isinstance(entry.variable, variable)
    }
