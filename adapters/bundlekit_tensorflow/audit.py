"""The audit of a SavedModel's program: an allowlist of operations, over every graph in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundlekit.adapter import Need
from bundlekit.errors import Damaged
from bundlekit_tensorflow import assets, operations, saver
from bundlekit_tensorflow.program import SAVED_MODEL

if TYPE_CHECKING:
    from collections.abc import Collection

    from bundlekit_tensorflow.program import Program

OPERATION = "op"
"""The kind of need that an operation is: met by `Trust(ops=[…])` and by nothing else."""


def needs(program: Program, paths: Collection[str]) -> tuple[Need, ...]:
    """Give the operations that are not on the list, each with the functions that hold it.

    Args:
        program: the parsed SavedModel.
        paths: the files that it has, relative to its folder.

    Raises:
        Refused: an asset is none of its files.
        Damaged: it calls a function that it does not have.
    """
    assets.check(program, paths)
    _check_calls(program)
    allowed = operations.allowed()
    excused: frozenset[tuple[str, str]] | None = None
    found: dict[str, dict[str, None]] = {}
    for body in program.bodies:
        for node in body.nodes:
            if node.op in allowed:
                continue
            if excused is None:
                excused = saver.saving_nodes(program) | assets.table_nodes(program)
            if (body.name, node.name) not in excused:
                found.setdefault(node.op, {})[body.name] = None
    return tuple(
        Need(name=op or "(nameless)", kind=OPERATION, where=tuple(places))
        for op, places in sorted(found.items())
    )


def _check_calls(program: Program) -> None:
    """Refuse calls of functions that another program of the process would have to bring."""
    called = {name for body in program.bodies for name in body.functions}
    called |= {name for body in program.bodies for node in body.nodes for name in node.functions}
    called |= {name for thing in program.things for name in thing.functions}
    for name in sorted((called | program.bound.keys()) - program.functions.keys()):
        raise Damaged(
            f"{SAVED_MODEL} calls the function {name!r}, which it does not have",
            member=SAVED_MODEL,
            function=name,
        )
