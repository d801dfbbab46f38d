"""What somebody has set on a container of Keras' own after it was made.

The config of a `Sequential` or a Functional model does not tell of it, and nothing that is built
from the config uses it. A variable is set again; layers, optimizers and other objects are left out,
and the manifest says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit_keras.framework import require_keras

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bundlekit.adapter import Tensor
    from bundlekit_keras.account import Account, Entry
    from bundlekit_keras.record import Record

_MADE = frozenset({"layers", "vars", "optimizer", "loss", "metrics"})
"""What containers hold by themselves, besides what is private."""


def attribute_of(entry: Entry) -> str | None:
    """Give the attribute of a container that a variable was set as; `None` where it was not."""
    if not _is_container(entry.owner):
        return None
    named = vars(entry.owner).items()
    return next((name for name, value in named if value is entry.variable), None)


def left_out(account: Account) -> dict[str, str]:
    """Give the paths of variables in objects that were set on containers, and the attributes."""
    places = [place for place, owner in account.owners.items() if _is_container(owner)]
    found = {}
    for path, entry in account.entries.items():
        for place in places:
            inside = f"{place}/" if place else ""
            if path.startswith(inside) and attribute_of(entry) is None:
                name = path.removeprefix(inside).partition("/")[0]
                if name not in _MADE and not name.startswith("_"):
                    found[path] = f"{inside}{name}"
    return found


def is_in(place: str, attributes: Iterable[str]) -> bool:
    """Tell whether an object is in one of these attributes."""
    return any(f"{place}/".startswith(f"{attribute}/") for attribute in attributes)


def restore(account: Account, found: Record, tensors: tuple[Tensor, ...]) -> None:
    """Set the variables again."""
    keras = require_keras()
    index = {tensor.path: tensor for tensor in tensors}
    for one in found.variables:
        owner = account.owners.get(one.place) if one.attribute else None
        if owner is not None and one.path in index and not hasattr(owner, str(one.attribute)):
            tensor = index[one.path]
            value = keras.ops.zeros(tensor.shape, tensor.dtype)
            name = one.name.rpartition("/")[2]
            variable = keras.Variable(value, dtype=tensor.dtype, name=name)
            setattr(owner, str(one.attribute), variable)


def _is_container(owner: Any) -> bool:
    own = type(owner).__module__.partition(".")[0] == "keras"
    return own and isinstance(owner, require_keras().Model)
