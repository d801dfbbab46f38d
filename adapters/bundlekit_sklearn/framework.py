"""The installed scikit-learn and skops, or a clear word that there is none."""

from __future__ import annotations

import importlib
from typing import Any

from bundlekit.errors import FrameworkMissing

REQUIRED = ("scikit-learn>=1.6", "skops>=0.16", "numpy")
"""What restoring an estimator takes."""


def require_skops() -> Any:
    """Import skops' persistence, and scikit-learn with it.

    Raises:
        FrameworkMissing: one of them is not installed.
    """
    try:
        return importlib.import_module("skops.io")
    except ImportError as error:
        raise FrameworkMissing(
            f"the adapter 'sklearn' needs scikit-learn and skops: {error}; "
            f"pip install 'bundlekit[sklearn]'",
            framework="skops",
        ) from error


def environment() -> dict[str, str]:
    """Give the versions of what an estimator is made with and stored by."""
    names = {"scikit-learn": "sklearn", "skops": "skops", "numpy": "numpy"}
    return {
        name: str(importlib.import_module(module).__version__) for name, module in names.items()
    }
