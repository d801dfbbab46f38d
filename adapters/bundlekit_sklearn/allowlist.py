"""The classes and functions that an estimator may be made of without trust.

The data, `allowlist.txt`, are written by `tools/sklearn_allowlist.py`, which holds the rule.
Nothing here imports scikit-learn.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


def is_allowed(module: str, name: str) -> bool:
    """Tell whether a class or function is one of those.

    Example:
        >>> is_allowed("sklearn.pipeline", "Pipeline"), is_allowed("os", "system")
        (True, False)
    """
    return f"{home(module)}:{name}" in _names()


def home(module: str) -> str:
    """Give the module that a class is imported from, which some compiled ones do not say.

    Example:
        >>> home("_loss"), home("sklearn.pipeline")
        ('sklearn._loss._loss', 'sklearn.pipeline')
    """
    return _COMPILED.get(module, module)


_COMPILED = {"_loss": "sklearn._loss._loss"}  # of scikit-learn until 1.8


@cache
def _names() -> frozenset[str]:
    lines = Path(__file__).with_name("allowlist.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))
