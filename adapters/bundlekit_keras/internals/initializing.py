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


class Waiting:
    """The variables that were made without their initial values: they hold zeros."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[Any, Callable[..., Any]]] = {}
        self._blanks: dict[tuple[tuple[int, ...], str], Any] = {}

    def blank(self, shape: tuple[int, ...], dtype: str) -> Any:
        """Give a tensor of zeros, the same for several variables where that can be.

        `None` where there is none.
        """
        if not buffers.is_shareable():
            return buffers.blank(shape, dtype)
        if (shape, dtype) not in self._blanks:
            self._blanks[shape, dtype] = buffers.blank(shape, dtype)
        return self._blanks[shape, dtype]

    def add(self, variable: Any, initializer: Callable[..., Any]) -> None:
        """Remember a variable, and where its initial value comes from."""
        self._waiting[id(variable)] = (variable, initializer)

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


class _Building(threading.local):
    waiting: Waiting | None = None


_building = _Building()


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
        waiting = Waiting() if before is None else before
        _building.waiting = waiting if available and wanted else None
        try:
            yield waiting
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
        waiting, blank = _building.waiting, None
        if waiting is not None and require_keras().distribution.distribution() is None:
            blank = waiting.blank(tuple(self._shape), str(self._dtype))
        if waiting is None or blank is None:
            initialize(self, initializer)
            return
        self._initialize(blank)
        waiting.add(self, initializer)

    return [(Variable, _METHOD, initialized)]


_hooks = Hooks(_found)
