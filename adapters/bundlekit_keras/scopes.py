"""What Keras knows by name in this process: open scopes, merged, and the registry.

Keras keeps only the innermost `custom_object_scope`, and keeps it per thread. The outer ones are
found through the `with` statements that hold them: a statement keeps its scope's `__exit__` until
it ends, so the scopes that somebody is inside of are those whose bound `__exit__` is alive (in
CPython up to 3.13; where it is not, only the innermost scope is seen, as Keras does).
"""

from __future__ import annotations

import gc
import sys
from types import MethodType
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Known
from bundlekit_keras import exclusive

if TYPE_CHECKING:
    from collections.abc import Mapping


def known() -> Known:
    """Give the objects of this thread's scopes, of the registry, and of other threads' scopes.

    A process that has not imported Keras knows nothing, and is not made to import it.
    """
    saving: Any = getattr(sys.modules.get("keras"), "saving", None)
    if saving is None:
        return Known()
    own, others = _scopes(saving.CustomObjectScope)
    return Known(scoped=own, registered=registered(), elsewhere=others)


def scoped() -> dict[str, object]:
    """Give the objects of this thread's scopes, the inner one's first."""
    saving: Any = getattr(sys.modules.get("keras"), "saving", None)
    if saving is None or not _innermost(saving.CustomObjectScope):
        return {}  # without a look at every object of the process
    return _scopes(saving.CustomObjectScope)[0]


def registered() -> dict[str, object]:
    """Give the objects of Keras' registry."""
    saving: Any = getattr(sys.modules.get("keras"), "saving", None)
    with exclusive.altered:
        return {} if saving is None else dict(saving.get_custom_objects())


def _scopes(scope_type: Any) -> tuple[dict[str, object], dict[str, object]]:
    """Merge the scopes of this thread, the inner ones first, and those of other threads."""
    entered = _entered(scope_type)
    own: dict[str, object] = {}
    current: Mapping[str, object] = _innermost(scope_type)
    while current:
        own = {**current, **own}
        scope = next((s for s in entered if s.custom_objects == current), None)
        if scope is None:
            break
        entered.remove(scope)
        current = scope.backup or {}
    others: dict[str, object] = {}
    for scope in entered:
        others |= scope.custom_objects
    return own, others


def _innermost(scope_type: Any) -> dict[str, object]:
    probe = scope_type({})
    with probe:
        return dict(probe.backup or {})


def _entered(scope_type: Any) -> list[Any]:
    holders = gc.get_referrers(scope_type.__exit__)
    held = [holder.__self__ for holder in holders if isinstance(holder, MethodType)]
    return list({id(scope): scope for scope in held if isinstance(scope, scope_type)}.values())
