"""Puts the arguments of one of Keras' own classes right, as the table says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit_keras.legacy import refusing, rules, table

if TYPE_CHECKING:
    from bundlekit_keras.legacy.era import Era
    from bundlekit_keras.legacy.names import Name
    from bundlekit_keras.nodes import Place


def settle_users(config: dict[str, Any], slot: str | None, era: Era, place: Place) -> None:
    """Do the same to what a user's class has from the class of Keras' that it extends, in place."""
    if not era.keras_2:
        return
    of_kind = table.USERS.get(slot or "layer", {})
    for argument in list(config):
        if argument in of_kind and argument in config:
            rules.apply(of_kind[argument], argument, config, "the custom object", place)


def settle(config: dict[str, Any], own: Name, era: Era, place: Place) -> None:
    """Do to each argument what became of it, in place.

    Raises:
        NotRestorable: Keras 3 cannot express the value of one.
    """
    if not era.keras_2:
        return
    _plain_numbers(config)
    if own.full in table.CHANGED:
        raise refusing.no_such_class(place, own.class_name, table.CHANGED[own.full])
    of_class = {
        argument: rule
        for known in reversed(own.known_as)
        for argument, rule in table.CLASSES.get(known, {}).items()
    }
    of_kind = table.KINDS.get(own.kind, {})
    what = f"the {own.class_name} {config.get('name', '')!r}"
    for argument in list(config):
        rule = of_class.get(argument) or of_kind.get(argument)
        if rule is not None and argument in config:
            rules.apply(rule, argument, config, what, place)


def _plain_numbers(config: dict[str, Any]) -> None:
    """Give numbers as such that Keras 2.12 wrote as arrays of NumPy's, in place."""
    for argument, value in config.items():
        inner = value.get("config") if isinstance(value, dict) else None
        if isinstance(inner, dict) and value.get("class_name") == "__numpy__":
            number = inner.get("value")
            if isinstance(number, int | float):
                config[argument] = number
