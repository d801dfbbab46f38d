"""The classes and functions that a config needs, found before anything is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundlekit.errors import MissingCustomObjects
from bundlekit_keras.framework import require_keras

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bundlekit.adapter import Need

_FUNCTION_MODULES = (
    "activations",
    "constraints",
    "initializers",
    "losses",
    "metrics",
    "ops",
    "regularizers",
)


def resolve(needs: Iterable[Need], given: Mapping[str, object]) -> dict[str, object]:
    """Find every needed object by name: what was given, open scopes and Keras' registry.

    Args:
        needs: what the config names.
        given: objects by registered name (`acme>Scale`) or by plain name (`Scale`).

    Returns:
        The objects by every name that Keras may ask for.

    Raises:
        MissingCustomObjects: listing all that were not found.
    """
    found: dict[str, object] = dict(given)
    missing = []
    for need in needs:
        names = [name for name in (need.name, need.short_name) if name in given]
        obj = given[names[0]] if names else _registered(need)
        if obj is not None:
            found[need.name] = found[need.short_name] = obj
        elif need.module is not None or not is_built_in(need.name):
            missing.append(need)
    if missing:
        raise _missing(missing)
    return found


def _registered(need: Need) -> object:
    # Taken out here, because the scope that Keras opens while it loads replaces the open ones.
    found: object = require_keras().saving.get_registered_object(need.name)
    return found


def is_built_in(name: str) -> bool:
    """Tell whether Keras has a function of this name where it looks for functions."""
    keras = require_keras()
    homes = [getattr(keras, module) for module in _FUNCTION_MODULES]
    return any(callable(getattr(home, name, None)) for home in homes)


def _missing(needs: list[Need]) -> MissingCustomObjects:
    listed = "".join(
        f"\n  {need.name}, from {need.module or 'an unknown module'}, at {', '.join(need.where)}"
        for need in needs
    )
    short = [need.short_name for need in needs]
    arguments = ", ".join(
        f'"{need.short_name if short.count(need.short_name) == 1 else need.name}": '
        f"{need.short_name}"
        for need in needs
    )
    return MissingCustomObjects(
        f"the model is made of {len(needs)} classes or functions that are not Keras' own and "
        f"were not given:{listed}\npass custom_objects={{{arguments}}}",
        missing=tuple(needs),
    )
