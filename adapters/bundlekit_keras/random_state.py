"""The states of random generators, which Keras leaves out of its files.

Dropout, recurrent layers and random augmentation draw from generators whose states are
variables of the model and not weights. Without them a resumed training takes another path.
They are addressed by their order among `model.variables`, which follows the layers and does
not change when layers are frozen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.errors import Damaged, NotRestorable
from bundlekit_keras.framework import require_keras

if TYPE_CHECKING:
    from bundlekit.adapter import Payload

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


def unpack(model: Any, payload: Payload) -> None:
    """Put the states back.

    Backends keep them in different integer types, so a state is cast where its values allow it.

    Raises:
        Damaged: what is stored is not safetensors.
        NotRestorable: the states are not those of this model.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    variables = _generators(model)
    try:
        stored = load(bytes(payload.read(MEMBER))) if MEMBER in payload.paths else {}
    except (SafetensorError, ValueError, KeyError) as error:
        raise Damaged(f"{MEMBER} is not sound: {error}", member=MEMBER) from error
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    found = {name: value.shape for name, value in stored.items()}
    if found != shapes:
        raise NotRestorable(
            f"{MEMBER} holds the states {found}; the rebuilt model has generators {shapes}",
            found=found,
            expected=shapes,
        )
    for name, variable in variables.items():
        cast = stored[name].astype(str(variable.dtype))
        if (cast != stored[name]).any():
            raise NotRestorable(
                f"the state {name} in {MEMBER} is {stored[name].tolist()}; this backend keeps it "
                f"as {variable.dtype}, which cannot hold that",
                found=stored[name].tolist(),
            )
        variable.assign(cast)


def _generators(model: Any) -> dict[str, Any]:
    kept = {id(weight) for weight in model.weights}
    found = {id(variable): variable for variable in model.variables if id(variable) not in kept}
    return {f"generator/{index}": variable for index, variable in enumerate(found.values())}
