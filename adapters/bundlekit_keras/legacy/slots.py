"""Which kind of object an argument holds, told by its name as Keras names its arguments."""

from __future__ import annotations

_SLOTS = {
    "activation": "activation",
    "initializer": "initializer",
    "regularizer": "regularizer",
    "constraint": "constraint",
    "dtype": "policy",
    "layer": "layer",
    "layers": "layer",
    "cell": "layer",
    "cells": "layer",
    "optimizer": "optimizer",
    "learning_rate": "schedule",
    "loss": "loss",
    "metrics": "metric",
}


def slot_of(key: object) -> str | None:
    """Give the kind of what stands under a key of a config; `None` where the key says nothing.

    Example:
        >>> slot_of("recurrent_initializer")
        'initializer'
    """
    if not isinstance(key, str):
        return None
    return _SLOTS.get(key) or _SLOTS.get(key.rpartition("_")[2])
