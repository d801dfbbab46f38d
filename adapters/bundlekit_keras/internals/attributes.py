"""Plain attributes of layers, set without asking what there is to keep track of.

Keras and TensorFlow look at every value that a layer is given, to find variables and layers in it,
and most values are numbers, texts and the like: an eighth of the time in which a model is built.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bundlekit_keras.internals.hooks import Hook, Hooks
from bundlekit_keras.internals.versions import tried

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN = frozenset({bool, int, float, str, type(None)})
_LOOKING = ("keras.src.backend.tensorflow.trackable", "tensorflow.python.trackable.autotrackable")
"""Modules of classes below `Layer` whose `__setattr__` does nothing more with a plain value."""


@contextmanager
def set_plainly() -> Iterator[None]:
    """Set plain attributes of layers as those of any object, whichever thread does it.

    They are the same afterwards. A class that sets or gives attributes in a way of its own does so
    as ever, and without these internals all are looked at.
    """
    with _hooks.installed():
        yield


def _found() -> list[Hook] | None:
    if not tried():
        return None
    try:
        from keras.src.layers.layer import Layer
        from keras.src.utils.tracking import Tracker

        look_and_set, track = vars(Layer)["__setattr__"], vars(Tracker)["track"]
        asked_before = Layer._setattr_hook
    except (ImportError, AttributeError, KeyError):
        return None
    known: dict[type, bool] = {}

    def learned(kind: Any) -> bool:
        below = kind.__mro__[kind.__mro__.index(Layer) + 1 : -1]
        known[kind] = (
            kind._setattr_hook is asked_before
            and kind.__getattribute__ is object.__getattribute__
            and not hasattr(kind, "__getattr__")
            and all(b.__module__ in _LOOKING for b in below if "__setattr__" in vars(b))
        )
        return known[kind]

    def set_attribute(self: Any, name: str, value: Any) -> None:
        kind = type(self)
        plain = type(value) in _PLAIN and (known[kind] if kind in known else learned(kind))
        if plain and not hasattr(kind, name):  # a property sets in its own way
            object.__setattr__(self, name, value)
        else:
            look_and_set(self, name, value)

    def tracked(self: Any, value: Any) -> Any:
        return value if type(value) in _PLAIN else track(self, value)

    return [(Layer, "__setattr__", set_attribute), (Tracker, "track", tracked)]


_hooks = Hooks(_found)
