"""What can have become of an argument, and how that is done to a config."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bundlekit_keras.legacy import refusing
from bundlekit_keras.nodes import Place

Convert = Callable[[dict[str, Any], Place], None]
"""Changes a config in place; raises what `refusing` makes."""


@dataclass(frozen=True)
class Dropped:
    """Keras 3 has no such argument, and goes without it where the value is one of `harmless`.

    Attributes:
        harmless: values under which the layer does what Keras 3's does; `None`: any.
        because: why the others cannot be had; completes "… and".
    """

    harmless: tuple[object, ...] | None
    because: str = ""


@dataclass(frozen=True)
class Renamed:
    """The argument has another name in Keras 3, and the same meaning."""

    to: str


@dataclass(frozen=True)
class Limited:
    """The argument is there, but some of its values mean something else in Keras 3.

    Attributes:
        refused: those values.
        because: what they mean; completes "… and".
    """

    refused: tuple[object, ...]
    because: str


@dataclass(frozen=True)
class Converted:
    """The argument is written in another way.

    Attributes:
        by: does it, to the whole config.
        how: says it, for the documentation.
    """

    by: Convert
    how: str


Rule = Dropped | Renamed | Limited | Converted


def apply(rule: Rule, argument: str, config: dict[str, Any], what: str, place: Place) -> None:
    """Do to a config, in place, what became of one of its arguments.

    Raises:
        NotRestorable: Keras 3 cannot express the value.
    """
    value = config[argument]
    if isinstance(rule, Renamed):
        del config[argument]
        config.setdefault(rule.to, value)
    elif isinstance(rule, Converted):
        rule.by(config, place)
    elif isinstance(rule, Dropped):
        if rule.harmless is not None and not among(value, rule.harmless):
            raise refusing.not_expressible(place, what, argument, value, rule.because)
        del config[argument]
    elif among(value, rule.refused):
        raise refusing.not_expressible(place, what, argument, value, rule.because)


def among(value: object, values: tuple[object, ...]) -> bool:
    """Tell whether a value is one of some; true is no 1 here, and 1 is 1.0."""
    plain = value if not isinstance(value, dict) else value.get("config")
    return any(plain == one and isinstance(plain, bool) == isinstance(one, bool) for one in values)
