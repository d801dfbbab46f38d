"""Threads of Python that take turns sooner, while one of them builds and others hash and write.

A thread that comes back from hashing waits until the one that runs Python code lets go, 5 ms by
default, and has done nothing for most of the time that the other was busy. The interval is one for
the process: it is what it was when the last of those who need it has ended.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERVAL = 0.0005
"""Seconds. At a fifth of it nothing is gained any more."""

_lock = threading.Lock()
_users = 0
_before = _ours = 0.0


@contextmanager
def sooner() -> Iterator[None]:
    """Let threads wait for each other at most `INTERVAL`; what somebody else sets meanwhile stays.

    Example:
        >>> with sooner():
        ...     sys.getswitchinterval() <= INTERVAL
        True
    """
    global _users, _before, _ours
    with _lock:
        _users += 1
        if _users == 1:
            _before = sys.getswitchinterval()
            if _before > INTERVAL:
                sys.setswitchinterval(INTERVAL)
            _ours = sys.getswitchinterval()
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0 and sys.getswitchinterval() == _ours != _before:
                sys.setswitchinterval(_before)
