"""From a document to an estimator: skops constructs, and finds what was resolved for it."""

from __future__ import annotations

import importlib
import itertools
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bundlekit.errors import Damaged
from bundlekit_sklearn import skeleton, skops_file
from bundlekit_sklearn.named import Named, named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bundlekit.source import Buffer

_numbers = itertools.count()


def assembled(
    document: Mapping[str, Any],
    read: Callable[[str], Buffer],
    *,
    own: Callable[[Named], Any],
    parts: Mapping[str, Any],
) -> Any:
    """Construct an estimator.

    skops imports what a schema names. What is the user's own, and what is stored elsewhere, it
    finds in a module that exists for this one call, so that it gets the very objects that were
    resolved, and two loads at once do not meet.

    Args:
        document: what `skeleton.json` holds.
        read: gives the files beside it.
        own: gives the class or function of the user's.
        parts: what else is stored, by the name in the skeleton.

    Raises:
        Refused, NotRestorable, Damaged: as skops finds.
    """
    module = ModuleType(f"bundlekit_stored_{next(_numbers)}")
    renamed: dict[str, str] = {}
    trusted = set()
    for number, one in enumerate(named(document)):
        if one.stored is not None:
            setattr(module, one.stored, _allowed_function(one) if one.is_allowed else own(one))
        elif one.is_allowed:
            trusted.add(f"{one.module}.{one.name}")
        else:
            renamed[f"{one.module}:{one.name}"] = f"{module.__name__}:own_{number}"
            setattr(module, f"own_{number}", own(one))
    for name, obj in parts.items():
        setattr(module, name, obj)
    trusted |= {f"{module.__name__}.{name}" for name in vars(module)}
    schema, files = skeleton.expanded(document["root"], read)
    _rename(schema, module.__name__, renamed, trusted)
    schema["protocol"], schema["_skops_version"] = document["protocol"], document["skops"]
    sys.modules[module.__name__] = module
    try:
        return skops_file.loads(schema, files, trusted)
    finally:
        del sys.modules[module.__name__]


def _allowed_function(one: Named) -> Any:
    found: Any = importlib.import_module(one.module)
    if not hasattr(found, one.qualname):
        raise Damaged(
            f"the installed {one.module} has no {one.qualname}, which the estimator uses; compare "
            f"the versions with those in the manifest's environment",
            name=one.qualname,
        )
    return getattr(found, one.qualname)


def _rename(value: Any, home: str, renamed: Mapping[str, str], trusted: set[str]) -> None:
    """Let a schema name the objects in `home`, in place; trust methods of what is trusted."""
    if isinstance(value, list):
        for one in value:
            _rename(one, home, renamed, trusted)
    elif isinstance(value, dict):
        if "__loader__" in value:
            module, name = value["__module__"], value["__class__"]
            if module == skeleton.MODULE:
                value["__module__"] = home
            elif f"{module}:{name}" in renamed:
                value["__module__"], _, value["__class__"] = renamed[f"{module}:{name}"].partition(
                    ":"
                )
            if value["__loader__"] == "MethodNode":
                owner = f"{value['__module__']}.{value['__class__']}"
                trusted.add(f"{owner}.{value['content']['func']}")
        for one in value.values():
            _rename(one, home, renamed, trusted)
