"""Work that makes very many objects, without the collector walking them again and again."""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_lock = threading.Lock()
_users = 0
_was_on = False


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector of the process from running, and let it run again afterwards.

    Where somebody has turned it off, it stays off.
    """
    global _users, _was_on
    with _lock:
        _users += 1
        if _users == 1:
            _was_on = gc.isenabled()
            gc.disable()
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0 and _was_on:
                gc.enable()
