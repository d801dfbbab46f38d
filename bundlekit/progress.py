"""How far the work is, for whoever wants to know: `progress=`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeAlias

from bundlekit.errors import UnknownOption

Report: TypeAlias = Callable[[int, int], None]
"""Takes the bytes that are done, and the bytes in all."""

INTERVAL = 0.1
"""Seconds between two reports, at least."""


class Progress:
    """Counts bytes, from any thread, and tells of them from one thread at a time.

    An error of `report` is raised where the work is done, and so ends it.

    Args:
        report: what to tell, or `None`.
        total: the bytes in all, if they are known.
    """

    def __init__(self, report: Report | None = None, total: int = 0) -> None:
        self._report = report
        self._total = total
        self._done = 0
        self._last = time.monotonic()
        self._counting = threading.Lock()
        self._reporting = threading.Lock()
        self._error: BaseException | None = None

    def expect(self, total: int) -> None:
        """Say how many bytes there are in all; before, nothing is told."""
        self._total = total

    def advance(self, size: int) -> None:
        """Count bytes that are done."""
        if self._report is None:
            return
        with self._counting:
            self._done += size
            due = self._total > 0 and time.monotonic() - self._last >= INTERVAL
            if due:
                self._last = time.monotonic()
        if due:
            self._tell(self._report)

    def finish(self) -> None:
        """Tell once more, that all is done."""
        if self._report is not None:
            self._done = self._total
            self._tell(self._report)

    def _tell(self, report: Report) -> None:
        with self._reporting:
            if self._error is not None:
                raise self._error
            try:
                report(min(self._done, self._total), self._total)
            except BaseException as error:
                self._error = error
                raise


def require_report(progress: object) -> None:
    """Refuse what cannot be called, before any work is done.

    Raises:
        UnknownOption: saying what is expected.
    """
    if progress is not None and not callable(progress):
        raise UnknownOption(
            f"progress={progress!r} is not known; expected a function of two numbers, the bytes "
            f"that are done and the bytes in all",
            option="progress",
            found=progress,
        )
