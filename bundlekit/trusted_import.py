"""The import of what a caller trusts, and the check that it is what the name says."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bundlekit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from bundlekit.adapter import Known
    from bundlekit.need import Need
    from bundlekit.trust import Trust


def imported(need: Need, trust: Trust, look: Callable[[], Known]) -> object:
    """Import the object of a need that is trusted.

    Args:
        need: the need; `trust.allows_import` was asked before.
        trust: what else is trusted.
        look: tells what the framework knows, once the module has registered what it does.

    Raises:
        ImportError, AttributeError: there is no such module, or no such object in it.
        Refused: the name leads to a module, or into one that is not trusted.
    """
    found: Any = importlib.import_module(str(need.module))
    if not hasattr(found, str(need.qualname).partition(".")[0]):
        # Registered by the module and living elsewhere, perhaps since it was bundled.
        registered = look().registered.get(need.name)
        if registered is not None:
            return _require_trusted(need, registered, trust)
    for step in str(need.qualname).split("."):
        found = getattr(found, step)
        if isinstance(found, ModuleType):
            raise _escapes(need, found)
    return _require_trusted(need, found, trust)


def _require_trusted(need: Need, found: Any, trust: Trust) -> object:
    module = getattr(found, "__module__", None)
    if module != need.module and not (module and trust.allows_module(module)):
        raise _escapes(need, found)
    return found


def _escapes(need: Need, found: object) -> Refused:
    # Never its repr: that may be the settings of the process.
    home = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
    if isinstance(found, ModuleType):
        what = f"the module {found.__name__}"
    elif all(isinstance(name, str) for name in home):
        what = ".".join(map(str, home))
    else:
        what = f"a {type(found).__name__}"
    return Refused(
        f"{need.reference} is trusted, and is {what}, which lives in another module that is not "
        f"trusted; it is not used",
        name=need.name,
        found=what,
    )
