"""The refusals of the migration, each with what was found and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundlekit.errors import Damaged, NotRestorable

if TYPE_CHECKING:
    from bundlekit_keras.nodes import Place

_SHOWN = 80
REAL_KERAS_2 = (
    "load the file with the real Keras 2 (the package tf_keras) and save the weights from there"
)


def not_expressible(
    place: Place, layer: str, argument: str, value: object, why: str
) -> NotRestorable:
    """Give the error for an argument whose meaning Keras 3 cannot express."""
    return NotRestorable(
        f"{layer} at {place} has {argument}={short(value)}, and {why}; Keras 3 would compute "
        f"something else; {REAL_KERAS_2}",
        layer=layer,
        argument=argument,
        value=value,
        where=str(place),
    )


def no_such_class(place: Place, layer: str, why: str) -> NotRestorable:
    """Give the error for a class of Keras 2 that Keras 3 does not have."""
    return NotRestorable(
        f"the config has a {layer} at {place}, and {why}; {REAL_KERAS_2}",
        layer=layer,
        argument=None,
        value=None,
        where=str(place),
    )


def malformed(place: Place, what: str, found: object, expected: str) -> Damaged:
    """Give the error for a part of a config that no Keras writes."""
    return Damaged(
        f"the {what} at {place} is {short(found)}; expected {expected}; the file was changed, or "
        f"was not written by Keras",
        where=str(place),
    )


def short(value: object) -> str:
    """Give the value as text of a bounded length; long lists are not written out."""
    if isinstance(value, dict | list | tuple) and len(value) > 8:
        return f"{type(value).__name__} of {len(value)}"
    text = repr(value) if not isinstance(value, dict | list | tuple) else _shallow(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _shallow(value: dict[str, object] | list[object] | tuple[object, ...]) -> str:
    # Nesting has no limit here, and `repr` recurses.
    def one(inner: object) -> str:
        return "…" if isinstance(inner, dict | list | tuple) else repr(inner)[:_SHOWN]

    if isinstance(value, dict):
        return f"{{{', '.join(f'{str(k)[:_SHOWN]!r}: {one(v)}' for k, v in value.items())}}}"
    return f"[{', '.join(map(one, value))}]"
