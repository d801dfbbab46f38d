"""What modules hold that is PyTorch's own: functions such as `relu`, dtypes and sizes.

They are told by name, and need no trust: a name leads to a function of `torch.nn.functional` that
computes, or to nothing.
"""

from __future__ import annotations

from types import BuiltinFunctionType, FunctionType
from typing import Any

_FUNCTIONS = (FunctionType, BuiltinFunctionType)
_HOMES = ("torch", "torch._C._nn", "torch.nn.functional")
"""Modules whose functions `torch.nn.functional` offers as its own; it imports others, too."""


def told(torch: Any, value: Any) -> list[Any] | None:
    """Give kind and name of a constant; `None` for what is none."""
    if isinstance(value, torch.dtype):
        return ["dtype", str(value).rpartition(".")[2]]
    if type(value) is torch.Size:
        return ["size", list(value)]
    if not isinstance(value, _FUNCTIONS):
        return None
    names = vars(torch.nn.functional)  # where some are not called what they call themselves
    found = next((name for name in names if _function(torch, name) is value), None)
    return ["function", found] if found else None


def constant(torch: Any, kind: str, name: Any) -> Any:
    """Give a constant back.

    Raises:
        ValueError: there is none of this name.
    """
    if kind == "size":
        return torch.Size(name)
    found: Any = None
    if kind == "function":
        found = _function(torch, str(name))
    elif kind == "dtype" and isinstance(vars(torch).get(str(name)), torch.dtype):
        found = vars(torch)[name]
    if found is None:
        raise ValueError(f"PyTorch has no {kind} {name!r}")
    return found


def _function(torch: Any, name: str) -> Any:
    found = vars(torch.nn.functional).get(name)
    computes = isinstance(found, _FUNCTIONS) and not name.startswith("_")
    return found if computes and found.__module__ in _HOMES else None
