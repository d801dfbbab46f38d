"""Rows of label and text, as a person reads them in a terminal.

Plain text on purpose: `bundlekit inspect` should answer at once, and rich takes longer to
import than a bundle takes to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bundlekit.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable


def show(rows: Iterable[tuple[str, str]]) -> None:
    """Print rows with aligned labels; text of several lines stays in its column."""
    listed = [(printable(label), text.split("\n")) for label, text in rows]
    width = max((len(label) for label, _ in listed), default=0) + 2
    for label, lines in listed:
        click.echo(click.style(label.ljust(width), bold=True) + printable(lines[0]))
        for line in lines[1:]:
            click.echo(" " * width + printable(line))
