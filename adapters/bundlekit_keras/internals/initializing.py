"""Building models without their random initial values, which are overwritten anyway."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bundlekit_keras import buffers
from bundlekit_keras.framework import require_keras
from bundlekit_keras.internals.hooks import Hook, Hooks
from bundlekit_keras.internals.versions import tried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_METHOD = "_initialize_with_initializer"


class _Building(threading.local):
    waiting: dict[int, tuple[Any, Callable[..., Any]]] | None = None


_building = _Building()


class Waiting:
    """The variables that were made without their initial values: they hold zeros."""

    def __init__(self, waiting: dict[int, tuple[Any, Callable[..., Any]]]) -> None:
        self._waiting = waiting

    def initialize(self, without: Iterable[Any] = ()) -> None:
        """Give them what their initializers say.

        Args:
            without: those that have got their values otherwise.
        """
        for variable in without:
            self._waiting.pop(id(variable), None)
        while self._waiting:
            _, (variable, initializer) = self._waiting.popitem()
            variable.assign(initializer(variable.shape, dtype=variable.dtype))


@contextmanager
def uninitialized(*, wanted: bool = True) -> Iterator[Waiting]:
    """Let variables that this thread makes hold zeros, which take no memory until they are written.

    Whoever uses this gives each its value, or lets it have its initial one. Without these internals
    they have it from the start.

    Args:
        wanted: if false, they have it from the start, although they would not around this.
    """
    with _hooks.installed() as available:
        before = _building.waiting
        waiting: dict[int, tuple[Any, Callable[..., Any]]] = {} if before is None else before
        _building.waiting = waiting if available and wanted else None
        try:
            yield Waiting(waiting)
        finally:
            _building.waiting = before


def _found() -> list[Hook] | None:
    if not tried():
        return None
    try:
        from keras.src.backend import Variable

        initialize = getattr(Variable, _METHOD)
    except (ImportError, AttributeError):
        return None

    def initialized(self: Any, initializer: Callable[..., Any]) -> None:
        blank = None
        if _building.waiting is not None and require_keras().distribution.distribution() is None:
            blank = buffers.blank(tuple(self._shape), str(self._dtype))
        if blank is None:
            initialize(self, initializer)
            return
        self._initialize(blank)
        _building.waiting[id(self)] = (self, initializer)  # type: ignore[index]

    return [(Variable, _METHOD, initialized)]


_hooks = Hooks(_found)
