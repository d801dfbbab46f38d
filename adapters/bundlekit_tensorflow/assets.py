"""Assets: files of the SavedModel's own that tables are filled from, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundlekit.errors import Damaged, Refused
from bundlekit_tensorflow.operations import TEXT_TABLE
from bundlekit_tensorflow.program import MAIN, SAVED_MODEL

if TYPE_CHECKING:
    from collections.abc import Collection

    from bundlekit_tensorflow.program import Body, Program

FOLDER = "assets/"
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})


def check(program: Program, paths: Collection[str]) -> None:
    """Make sure that every asset is a file of the SavedModel.

    Raises:
        Refused: its name leads out of the folder of assets.
        Damaged: there is no such file.
    """
    for _, name in program.assets:
        steps = name.split("/")
        if any(mark in name for mark in "\\:\0") or {"", ".", ".."} & set(steps):
            raise Refused(
                f"{SAVED_MODEL} names the asset {name!r}; expected the name of a file in "
                f"{FOLDER}, which this is not",
                asset=name,
            )
        if FOLDER + name not in paths:
            raise Damaged(
                f"{SAVED_MODEL} names the asset {name!r}, and there is no {FOLDER}{name}",
                member=FOLDER + name,
            )
    for thing in program.things:
        if thing.asset is not None and not 0 <= thing.asset < len(program.assets):
            raise Damaged(
                f"{SAVED_MODEL} refers to the asset number {thing.asset}; it has "
                f"{len(program.assets)}",
                member=SAVED_MODEL,
            )


def table_nodes(program: Program) -> frozenset[tuple[str, str]]:
    """Give the nodes, by function and name, that fill a table from an asset and nothing else."""
    return frozenset(
        (body.name, node.name)
        for body in program.bodies
        for node in body.nodes
        if node.op == TEXT_TABLE
        and len(node.inputs) > 1
        and _is_asset(program, body, node.inputs[1], frozenset())
    )


def _is_asset(program: Program, body: Body, tensor: str, above: frozenset[str]) -> bool:
    """Tell whether a tensor can only be the path of an asset, whoever calls the function."""
    source = body.source(tensor)
    if body.name == MAIN:
        return _is_fed(program, source)
    if source not in body.args or body.name in above or body.name in program.spoken:
        return False
    place = body.args.index(source)
    verdicts = [
        node.op in _CALLS
        and place < len(node.inputs)
        and _is_asset(program, caller, node.inputs[place], above | {body.name})
        for caller in program.bodies
        for node in caller.nodes
        if body.name in (*node.functions, node.op)
    ]
    if body.name in program.bound:
        verdicts.append(_captures_asset(program, body, place))
    return bool(verdicts) and all(verdicts)


def _captures_asset(program: Program, body: Body, place: int) -> bool:
    captured = program.bound[body.name]
    index = place - (len(body.args) - len(captured))
    if not 0 <= index < len(captured) or not 0 <= captured[index] < len(program.things):
        return False
    return program.things[captured[index]].asset is not None


def _is_fed(program: Program, source: str) -> bool:
    """Tell whether a node of the main graph is one that servers feed with an asset's path.

    Or reads a variable that nothing but such nodes is assigned to, as TensorFlow writes it.
    """
    main = program.main
    named = {name.partition(":")[0] for name, _ in program.assets}
    node = main.by_name.get(source)
    if node is None:
        return False
    if source in named:
        return node.op in ("Const", "Placeholder")
    if node.op != "ReadVariableOp" or not node.inputs:
        return False
    handle = main.source(node.inputs[0])
    users = [one for one in main.nodes if any(main.source(t) == handle for t in one.inputs)]
    assigned = [main.source(one.inputs[1]) for one in users if one.op == "AssignVariableOp"]
    return (
        bool(assigned)
        and all(
            one.op in ("AssignVariableOp", "ReadVariableOp", "VarIsInitializedOp") for one in users
        )
        and all(name in named for name in assigned)
    )
