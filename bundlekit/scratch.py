"""Buffers that threads take in turn, so that there are no more of them than threads."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Scratch:
    """Buffers that become as large as what was asked of them."""

    def __init__(self) -> None:
        self._idle: list[bytearray] = []

    @contextmanager
    def take(self, size: int) -> Iterator[memoryview]:
        """Give `size` bytes that nobody else has in the meantime."""
        try:
            buffer = self._idle.pop()
        except IndexError:
            buffer = bytearray()
        if len(buffer) < size:
            buffer = bytearray(size)
        with memoryview(buffer) as view, view[:size] as part:
            yield part
        self._idle.append(buffer)
