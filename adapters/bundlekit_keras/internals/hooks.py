"""Functions of Keras' own that are replaced for a while, whoever else uses them meanwhile."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Hook: TypeAlias = "tuple[Any, str, Any]"
"""Where it stands, what it is called, and what replaces it."""


class Hooks:
    """Replacements that are in place while anybody needs them.

    Threads that do not need them pass through them unchanged: each replacement asks for itself
    whether its thread is meant.

    Args:
        find: gives the replacements, made from what stands there; `None` where this Keras has no
            such names.
    """

    def __init__(self, find: Callable[[], list[Hook] | None]) -> None:
        self._find = find
        self._lock = threading.Lock()
        self._users = 0
        self._before: list[Hook] = []

    @contextmanager
    def installed(self) -> Iterator[bool]:
        """Put them in, and tell whether there are any."""
        with self._lock:
            found = self._find() if self._users == 0 else []
            available = found is not None
            self._install(found or [])
            self._users += available
        try:
            yield available
        finally:
            with self._lock:
                self._users -= available
                if available and self._users == 0:
                    self._remove()

    def _install(self, found: list[Hook]) -> None:
        for holder, name, hook in found:
            self._before.append((holder, name, vars(holder).get(name, _ABSENT)))
            setattr(holder, name, hook)

    def _remove(self) -> None:
        while self._before:
            holder, name, before = self._before.pop()
            if before is _ABSENT:
                delattr(holder, name)
            else:
                setattr(holder, name, before)


_ABSENT = object()
"""What is inherited, and not the holder's own."""


class Instead:
    """A module with another function in it, for a module that imports it.

    Args:
        module: the one that has all others.
        functions: those that are others, by name.
    """

    def __init__(self, module: Any, **functions: Any) -> None:
        self._module = module
        vars(self).update(functions)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)
