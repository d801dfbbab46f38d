"""Which releases of Keras its private names were tried on."""

from __future__ import annotations

from bundlekit_keras.framework import minor_version, require_keras

TRIED = ((3, 6), (3, 15))
"""The oldest and the newest Keras minor that these internals were tried on."""


def version() -> tuple[int, ...]:
    """Give the minor version of the Keras that is installed."""
    return minor_version(require_keras())


def tried() -> bool:
    """Tell whether the installed Keras is one that its private names were tried on."""
    return TRIED[0] <= version() <= TRIED[1]
