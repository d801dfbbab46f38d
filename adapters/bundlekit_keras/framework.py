"""The installed Keras, or a clear word that there is none."""

from __future__ import annotations

import importlib
import re
import sys
from typing import Any

from bundlekit.errors import FrameworkMissing

OLDEST = (3, 6)
"""The oldest Keras that is supported: the tests run on it."""
REQUIRED = (f"keras>={OLDEST[0]}.{OLDEST[1]}", "backend", "numpy", "h5py", "safetensors")
"""What restoring a model takes."""
_SHOWN = 500
_found: str | None = None
"""The version of Keras that was found to be one that is supported."""
_CLASS = re.compile(r"(?:<class |deserializing class )'([^']+)'")


def require_keras() -> Any:
    """Import Keras.

    Raises:
        FrameworkMissing: it is not installed, is too old, or its backend cannot be imported.
    """
    keras = sys.modules.get("keras")
    if keras is not None and getattr(keras, "__version__", None) == _found:
        return keras
    return _required()


def _required() -> Any:
    global _found
    try:
        keras = importlib.import_module("keras")
    except ImportError as error:
        raise FrameworkMissing(
            f"the adapter 'keras' needs Keras {_dotted(OLDEST)} or later and a backend: {error}; "
            f"pip install 'bundlekit[keras]' and tensorflow, jax or torch",
            framework="keras",
        ) from error
    if minor_version(keras) < OLDEST:
        raise FrameworkMissing(
            f"the adapter 'keras' needs Keras {_dotted(OLDEST)} or later; found "
            f"{keras.__version__}; pip install 'keras>={_dotted(OLDEST)}'",
            framework="keras",
            found=keras.__version__,
        )
    _found = keras.__version__
    return keras


def variable_class() -> Any:
    """Give the class that all variables of Keras are of; `keras.Variable` may be one below it."""
    found = require_keras().Variable
    return next(base for base in reversed(found.__mro__) if base.__module__.startswith("keras."))


def environment() -> dict[str, str]:
    """Give the versions of what a Keras model is made with and stored by."""
    keras = require_keras()
    backend = keras.backend.backend()
    return {
        "keras": keras.__version__,
        "backend": backend,
        # PyTorch's is a class of its own, and tensorflow-cpu is no distribution "tensorflow".
        backend: _version(backend),
        "numpy": _version("numpy"),
        "h5py": _version("h5py"),
    }


def _version(module: str) -> str:
    return str(importlib.import_module(module).__version__)


def innermost(error: Exception) -> str:
    """Give what is at the bottom of one of Keras' errors, which quote whole configs on the way."""
    text = str(error) or type(error).__name__
    *way, bottom = text.split("Exception encountered: ")
    classes = [name for step in way for name in _CLASS.findall(step)]
    bottom = f"{classes[-1]}: {bottom.strip()}" if classes else bottom.strip()
    return bottom if len(bottom) <= _SHOWN else f"{bottom[:_SHOWN]} […]"


def minor_version(keras: Any) -> tuple[int, ...]:
    """Give the first two numbers of Keras' version."""
    return tuple(int(part) for part in keras.__version__.split(".")[:2])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
