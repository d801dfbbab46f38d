"""Buffers that threads take in turn, so that there are no more of them than threads."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from bundlekit.memory import allocate

if TYPE_CHECKING:
    from collections.abc import Iterator


class Scratch:
    """Buffers that become as large as what was asked of them."""

    def __init__(self) -> None:
        self._idle: list[memoryview] = []

    @contextmanager
    def take(self, size: int, skew: int = 0) -> Iterator[memoryview]:
        """Give `size` bytes that nobody else has in the meantime, `skew` behind a page's start."""
        try:
            buffer = self._idle.pop()
        except IndexError:
            buffer = memoryview(b"")
        if len(buffer) < skew + size:
            buffer = allocate(skew + size)
        with buffer[skew : skew + size] as part:
            yield part
        self._idle.append(buffer)
