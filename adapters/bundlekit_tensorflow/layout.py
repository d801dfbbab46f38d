"""The files of a SavedModel folder: those that are read, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundlekit.errors import Damaged
from bundlekit_tensorflow.program import SAVED_MODEL

if TYPE_CHECKING:
    from collections.abc import Iterable

VARIABLES = "variables/"
_FILES = frozenset({SAVED_MODEL, "fingerprint.pb", "keras_metadata.pb"})
_FOLDERS = (VARIABLES, "assets/", "assets.extra/", "debug/")


def is_known(path: str) -> bool:
    """Tell whether TensorFlow or Keras writes a file of this path into a SavedModel."""
    return path in _FILES or path.startswith(_FOLDERS)


def is_tensors(path: str) -> bool:
    """Tell whether a file holds the values of variables."""
    return path.startswith(f"{VARIABLES}variables.data-")


def check_paths(paths: Iterable[str]) -> None:
    """Refuse what the audit would not see: a second program in another form, above all.

    Raises:
        Damaged: naming the file.
    """
    for path in paths:
        if not is_known(path):
            raise Damaged(f"{path} is no member of the adapter 'tf-savedmodel'", member=path)
