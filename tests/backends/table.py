"""The matrix as text: a row for each kind of model, a column for each pair of backends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.backends.cell import Cell
from tests.backends.kinds import listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROPERTY = "backends"
"""The name under which a test reports its cell, with pytest's `record_property`."""
LEGEND = (
    "same: bit for bit; a number: how far predictions are apart, as a share of the largest; "
    "cannot: a backend has no such models, see below"
)
_SHORT = {"tensorflow": "tf"}
_SLOWEST = 3
_WIDEST = 300


def lines(cells: Sequence[Cell]) -> Iterator[str]:
    """Give the table, what its cells say besides, and which kinds take longest."""
    pairs = sorted({(one.writer, one.reader) for one in cells})
    order = {name: rank for rank, name in enumerate(listing.names())}
    kinds = sorted({one.kind for one in cells}, key=lambda kind: order.get(kind, len(order)))
    at = {(one.kind, one.writer, one.reader): one for one in cells}
    wide = max(map(len, kinds), default=0)
    heads = [
        f"{_SHORT.get(writer, writer)}>{_SHORT.get(reader, reader)}" for writer, reader in pairs
    ]
    yield LEGEND
    yield "  ".join(["kind".ljust(wide), *heads])
    for kind in kinds:
        shown = [
            (at[kind, *pair].text if (kind, *pair) in at else "not run").ljust(len(head))
            for pair, head in zip(pairs, heads, strict=True)
        ]
        yield "  ".join([kind.ljust(wide), *shown]).rstrip()
    yield ""
    yield from _remarks(cells)
    yield from _slowest(cells)


def reported(reports: Sequence[Any]) -> list[Cell]:
    """Give the cells that tests have reported, in whichever process they ran."""
    return [
        Cell(**value)
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == PROPERTY
    ]


def _remarks(cells: Sequence[Cell]) -> Iterator[str]:
    said: dict[tuple[str, str], list[str]] = {}
    for one in cells:
        for text in (one.reason, *one.faults):
            if text:
                last = text.strip().splitlines()[-1][:_WIDEST]
                said.setdefault((one.kind, last), []).append(f"{one.writer}>{one.reader}")
    for (kind, text), pairs in said.items():
        yield f"{kind} {' '.join(pairs)}: {text}"


def _slowest(cells: Sequence[Cell]) -> Iterator[str]:
    for reader in sorted({one.reader for one in cells}):
        read = sorted((one for one in cells if one.reader == reader), key=lambda one: -one.seconds)
        slow = ", ".join(f"{one.kind} {one.seconds:.1f} s" for one in read[:_SLOWEST])
        total = sum(one.seconds for one in read)
        yield f"reading under {reader}: {total:.0f} s of the processor; {slow}"
