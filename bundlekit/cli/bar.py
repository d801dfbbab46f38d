"""A bar on standard error, for what takes longer than a second and somebody watches."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bundlekit.progress import Report

PATIENCE = 1.0
"""Seconds before there is anything to see."""


@contextmanager
def bar(label: str) -> Iterator[Report | None]:
    """Give what to report progress to; nothing, where standard error is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    begun = time.monotonic()
    shown: list[Any] = []

    def report(done: int, total: int) -> None:
        if not shown:
            if time.monotonic() - begun < PATIENCE or done == total:
                return
            shown.append(_started())
            shown.append(shown[0].add_task(label))
        shown[0].update(shown[1], completed=done, total=total)

    try:
        yield report
    finally:
        if shown:
            shown[0].stop()


def _started() -> Any:
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(binary_units=True),
        progress.TransferSpeedColumn(),
    )
    started = progress.Progress(*columns, console=Console(stderr=True), transient=True)
    started.start()
    return started
