"""The states of random generators, which Keras leaves out of its files.

Dropout, recurrent layers and random augmentation draw from generators whose states are
variables of the model and not weights. Without them a resumed training takes another path.
They are addressed by their order among `model.variables`, which follows the layers and does
not change when layers are frozen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.errors import Damaged
from bundlekit_keras.framework import require_keras

if TYPE_CHECKING:
    from collections.abc import Mapping

MEMBER = "random_state.safetensors"


def pack(model: Any) -> bytes | None:
    """Give the states as safetensors, or `None` where the model has none."""
    from safetensors.numpy import save

    keras = require_keras()
    states = {
        address: keras.ops.convert_to_numpy(variable)
        for address, variable in _generators(model).items()
    }
    return save(states) if states else None


def unpack(model: Any, members: Mapping[str, memoryview]) -> None:
    """Put the states back.

    Raises:
        Damaged: they are not the states of this model.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    variables = _generators(model)
    try:
        stored = load(bytes(members[MEMBER])) if MEMBER in members else {}
    except (SafetensorError, ValueError, KeyError) as error:
        raise Damaged(f"{MEMBER} is not sound: {error}", member=MEMBER) from error
    if {name: (value.shape, str(value.dtype)) for name, value in stored.items()} != {
        name: (tuple(variable.shape), str(variable.dtype)) for name, variable in variables.items()
    }:
        raise Damaged(
            f"{MEMBER} holds {sorted(stored)}; the model has the generators {sorted(variables)}; "
            f"both should be the same, in shape and dtype too",
            member=MEMBER,
        )
    for name, variable in variables.items():
        variable.assign(stored[name])


def _generators(model: Any) -> dict[str, Any]:
    kept = {id(weight) for weight in model.weights}
    found = {id(variable): variable for variable in model.variables if id(variable) not in kept}
    return {f"generator/{index}": variable for index, variable in enumerate(found.values())}
