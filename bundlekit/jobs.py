"""Jobs that the cores do in order, and whoever waits for one of them helps.

Threads are enough: hashing, checksums and reading let go of Python's lock. They live as long as
the jobs, so that a process which forks, or ends, meets none of them.
"""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Generic, TypeVar

from bundlekit import switching

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

Item = TypeVar("Item")
Result = TypeVar("Result")

WORTH_A_THREAD = 1024 * 1024
"""Bytes. Less than this is done before a thread has started."""


def cores() -> int:
    """Give the number of threads that share the work; beyond eight, memory is what limits."""
    return min(os.cpu_count() or 1, 8)


class Jobs(Generic[Item, Result]):
    """One function for many items, each done once.

    Args:
        work: what is done with an item; any thread calls it.
        items: in the order in which they are begun.

    Example:
        >>> with Jobs(abs, [-1, -2]) as jobs:
        ...     jobs.start(2)
        ...     jobs.results()
        [1, 2]
    """

    def __init__(self, work: Callable[[Item], Result], items: Sequence[Item]) -> None:
        self._work = work
        self._items = items
        self._begun = bytearray(len(items))
        self._next = 0
        self._results: dict[int, Result] = {}
        self._errors: dict[int, BaseException] = {}
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._meanwhile = ExitStack()

    def start(self, size: int, threads: int | None = None) -> None:
        """Begin on all cores, or with so many threads, if `size`, the bytes in all, is worth it."""
        if size < WORTH_A_THREAD or cores() == 1:
            return
        self._meanwhile.enter_context(switching.sooner())
        for _ in range(min(threads or cores(), len(self._items))):
            thread = threading.Thread(target=self._run, name="bundlekit")
            try:
                thread.start()
            except RuntimeError:  # there can be no more of them; who waits does the work
                return
            self._threads.append(thread)

    def result(self, index: int) -> Result:
        """Give what came of an item, or raise; it is done here, if nobody has begun it."""
        if self._claims(index):
            self._do(index)
        with self._changed:
            while index not in self._results and index not in self._errors:
                self._changed.wait()
        if index in self._errors:
            raise self._errors[index]
        return self._results[index]

    def results(self) -> list[Result]:
        """Give what came of all items, in order, or raise the first error in that order."""
        if len(self._threads) < cores():
            self._run()
        return [self.result(index) for index in range(len(self._items))]

    def require_no_error(self) -> None:
        """Raise the first error in order, of those that there are."""
        with self._changed:
            if self._errors:
                raise self._errors[min(self._errors)]

    def stop(self) -> None:
        """Begin no more, and wait until what was begun has ended."""
        self._next = len(self._items)
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._meanwhile.close()

    def __enter__(self) -> Jobs[Item, Result]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        while self._next < len(self._items) and not self._errors:
            with self._changed:
                index, self._next = self._next, self._next + 1
            if index < len(self._items) and self._claims(index):
                self._do(index)

    def _claims(self, index: int) -> bool:
        with self._changed:
            begun, self._begun[index] = self._begun[index], 1
        return not begun

    def _do(self, index: int) -> None:
        outcomes: dict[int, BaseException] | dict[int, Result]
        try:
            outcomes, outcome = self._results, self._work(self._items[index])
        except BaseException as error:
            outcomes, outcome = self._errors, error  # type: ignore[assignment]
        with self._changed:
            outcomes[index] = outcome  # type: ignore[assignment]
            self._changed.notify_all()
