"""Objects that handles have restored in this process: each once, shared, the least used forgotten.

What is forgotten lives on as long as a handle holds it; it only is no longer given to others.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from bundlekit.errors import UnknownOption

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

SIZE = 8
"""How many objects are kept unless a caller asks for another number."""


@dataclass
class _Entry:
    lock: threading.RLock = field(default_factory=threading.RLock)
    obj: Any = None
    is_gone: bool = False
    """Whether its object was taken away, to be changed."""
    users: WeakSet[Any] = field(default_factory=WeakSet)


class Restored:
    """The restored objects of a process, by what they were restored from.

    Example:
        >>> restored = Restored()
        >>> restored.get("a digest", "a handle's state", lambda: [1])  # doctest: +SKIP
        [1]
    """

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._start()
        if hasattr(os, "register_at_fork"):
            # A child shares neither the frameworks' threads nor locks that others held.
            os.register_at_fork(after_in_child=self._start)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._count = 0

    @property
    def size(self) -> int:
        """How many objects are kept at most."""
        return self._size

    @property
    def count(self) -> int:
        """How many objects were restored since the process began; who asks twice gets one."""
        return self._count

    def __len__(self) -> int:
        return len(self._entries)

    def resize(self, size: int) -> None:
        """Keep so many objects and no more; with 0, each handle restores its own.

        Raises:
            UnknownOption: it is no number of objects.
        """
        if type(size) is not int or size < 0:
            raise UnknownOption(
                f"size={size!r} is no number of objects; give 0 or more", option="size", found=size
            )
        with self._lock:
            self._size = size
            self._forget()

    def clear(self) -> None:
        """Forget all of them; handles keep what they hold."""
        with self._lock:
            self._entries.clear()

    def get(self, key: Hashable, user: object, restore: Callable[[], Any]) -> Any:
        """Give the object of a key; the first that asks restores it, and all others wait.

        Args:
            key: what it is restored from, and under which conditions.
            user: who wants it; referred to weakly.
            restore: makes it.
        """
        if not self._size:
            return self.alone(restore)
        while True:
            with self._lock:
                entry = self._entries.setdefault(key, _Entry())
                self._entries.move_to_end(key)
                self._forget(key)
            with entry.lock:
                if entry.is_gone:
                    continue
                if entry.obj is None:
                    entry.obj = self.alone(restore)
                entry.users.add(user)
                return entry.obj

    def alone(self, restore: Callable[[], Any]) -> Any:
        """Restore an object that nobody else is given."""
        obj = restore()
        with self._lock:
            self._count += 1
        return obj

    def leave(self, key: Hashable, user: object) -> bool:
        """Take an object away, as its user is about to change it; tell whether it was his alone."""
        with self._lock:
            entry = self._entries.get(key)
        if entry is None:
            return False  # whoever got it before it was forgotten may still have it
        with entry.lock:
            entry.users.discard(user)
            if entry.users:
                return False
            entry.is_gone = True  # for those who wait for it right now
        with self._lock:
            if self._entries.get(key) is entry:
                del self._entries[key]
        return True

    def _forget(self, but: Hashable = None) -> None:
        while len(self._entries) > self._size:
            oldest = next((key for key in self._entries if key != but), None)
            if oldest is None:
                return
            del self._entries[oldest]
