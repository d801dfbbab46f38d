"""The installed TensorFlow and tf_keras, or a clear word that there is none."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from bundlekit.errors import FrameworkMissing


def require_tensorflow() -> Any:
    """Import TensorFlow.

    Raises:
        FrameworkMissing: it is not installed or cannot be imported.
    """
    try:
        return importlib.import_module("tensorflow")
    except ImportError as error:
        raise FrameworkMissing(
            f"the adapter 'tf-savedmodel' needs TensorFlow: {error}; pip install "
            f"'bundlekit[tensorflow]'",
            framework="tensorflow",
        ) from error


def tf_keras() -> Any:
    """Import tf_keras; `None` where it is not installed."""
    try:
        return importlib.import_module("tf_keras")
    except ImportError:
        return None


def is_a(obj: object, module: str, name: str) -> bool:
    """Tell whether an object is of a framework's class, and import nothing to do so.

    An object of a framework can only exist where that is imported.
    """
    cls = getattr(sys.modules.get(module), name, None)
    return isinstance(cls, type) and isinstance(obj, cls)
