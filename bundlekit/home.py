"""Where a class or function lives: not always where it says."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any


def home_of(obj: Any) -> tuple[str | None, str]:
    """Give module and qualified name of a class or function.

    A function that was made to look like another one, as by `functools.wraps`, is where it was
    written, unless it is found where it says.

    Example:
        >>> home_of(FunctionType)
        ('builtins', 'function')
    """
    module, qualname = getattr(obj, "__module__", None), getattr(obj, "__qualname__", "<")
    if isinstance(obj, FunctionType) and not is_found(obj, module, qualname):
        return obj.__globals__.get("__name__", module), obj.__code__.co_qualname
    return module, qualname


def is_found(obj: Any, module: str | None, qualname: str) -> bool:
    """Tell whether a module that is imported holds this very object under a qualified name."""
    found: Any = sys.modules.get(module or "")
    for step in qualname.split("."):
        found = getattr(found, step, None)
    return found is obj
