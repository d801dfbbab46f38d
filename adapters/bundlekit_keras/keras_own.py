"""What is Keras' own: told by where an object is found, not by what it says of itself.

`functools.wraps` and `__module__ = …` make a user's function say that it is one of Keras'.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from bundlekit_keras import allowlist
from bundlekit_keras.framework import require_keras

if TYPE_CHECKING:
    from types import FunctionType

BUILTINS = "builtins"
"""What Keras writes as the module of functions that it finds by name alone."""
_ALIKE = frozenset({"relu", "relu6", "elu", "selu", "sigmoid", "tanh", "softsign", "gelu"})
_THE_SAME = {
    "tensorflow.python.ops.": _ALIKE | {"leaky_relu", "softplus"},
    "torch.nn.functional": _ALIKE | {"silu"},
}
"""Functions of backends that do what Keras' of their name do. PyTorch's `leaky_relu`, for one, does
not: its slope is another."""
_FOUND_BY_NAME = (
    "activations",
    "constraints",
    "initializers",
    "losses",
    "metrics",
    "optimizers",
    "regularizers",
)


def is_keras_own(obj: Any) -> bool:
    """Tell whether a class, function or method is the very one that Keras defines."""
    return _package(obj) == "keras" and _is_at_home(obj)


def stands_for_keras(function: FunctionType) -> bool:
    """Tell whether Keras finds another function that does the same, as its `relu` for `tf.nn.relu`.

    So it does for the functions of its own backends.
    """
    if not _is_at_home(function):
        return False
    name, module = function.__name__, str(function.__module__)
    if module.startswith("keras.src.backend."):
        return name in allowlist.allowed().bare_functions
    return any(module.startswith(home) and name in same for home, same in _THE_SAME.items())


def keras_function(name: str, module: str | None) -> Any:
    """Give the function of Keras' that a node means; `None` where it means none."""
    homes = [f"keras.{home}" for home in _FOUND_BY_NAME] if module == BUILTINS else [str(module)]
    full = (f"{home}.{name}" for home in homes)
    return next((_public(one) for one in full if one in allowlist.allowed().functions), None)


def public_module(function: FunctionType) -> str | None:
    """Give the module by which a node finds a function of Keras'; `None` where none does."""
    name = function.__name__
    if keras_function(name, BUILTINS) is function:
        return BUILTINS
    for full in sorted(allowlist.allowed().functions):
        module, _, short = full.rpartition(".")
        if short == name and _public(full) is function:
            return module
    return None


def _public(full: str) -> Any:
    found: Any = require_keras()
    for step in full.split(".")[1:]:
        found = getattr(found, step, None)
    return found


def _package(obj: Any) -> str:
    return str(getattr(obj, "__module__", None)).partition(".")[0]


def _is_at_home(obj: Any) -> bool:
    found: Any = sys.modules.get(obj.__module__)
    for step in str(getattr(obj, "__qualname__", "")).split("."):
        found = getattr(found, step, None)
    return getattr(found, "__func__", found) is getattr(obj, "__func__", obj)
