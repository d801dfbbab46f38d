"""The functions that write and read the checkpoint, as a SavedModel itself registers them.

A SavedModel names two nodes of its main graph as its saver, for servers that restore variables
by running the graph; TensorFlow in Python never runs them. The operations that write and read
files are allowed in the functions that these two call, where nothing else can reach those, and
on no other file than the one that the caller of the saver names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundlekit_tensorflow.operations import SAVING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bundlekit_tensorflow.program import Body, Node, Program

_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})


def saving_nodes(program: Program) -> frozenset[tuple[str, str]]:
    """Give the nodes, by function and name, that may write and read a checkpoint."""
    registered = [node for node in program.main.nodes if node.name in _registered(program)]
    callers = [node for node in registered if node.op in _CALLS and len(node.functions) == 1]
    if any(not _is_apart(program, node) for node in registered):
        return frozenset()
    others = [node for node in program.main.nodes if node not in registered]
    reached = _reachable(program, _roots(program, others))
    found: set[tuple[str, str]] = set()
    for caller in callers:
        body = program.functions.get(caller.functions[0])
        if body is not None and body.name not in reached:
            found |= set(_on_the_named_file(program, caller, body))
    return frozenset(found)


def _registered(program: Program) -> set[str]:
    return {program.saver.save, program.saver.restore} - {""}


def _is_apart(program: Program, node: Node) -> bool:
    """Tell whether neither another node nor a signature takes what the saver gives."""
    taken = (
        tensor.partition(":")[0].lstrip("^")
        for other in program.main.nodes
        for tensor in other.inputs
    )
    fetched = (
        info.tensor.partition(":")[0]
        for inputs, outputs in program.signatures.values()
        for info in (*inputs.values(), *outputs.values())
    )
    return node.name not in taken and node.name not in fetched


def _roots(program: Program, nodes: Iterable[Node]) -> Iterator[str]:
    """Yield the functions that anything but the saver starts from."""
    yield from program.spoken
    yield from program.bound
    for thing in program.things:
        yield from thing.functions
    for node in nodes:
        yield from node.functions
        yield node.op


def _reachable(program: Program, roots: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    pending = list(roots)
    while pending:
        name = pending.pop()
        body = program.functions.get(name)
        if body is None or name in seen:
            continue
        seen.add(name)
        pending.extend(body.functions)
        for node in body.nodes:
            pending.extend((*node.functions, node.op))
    return seen


def _on_the_named_file(program: Program, caller: Node, body: Body) -> Iterator[tuple[str, str]]:
    given = {
        arg
        for arg, tensor in zip(body.args, caller.inputs, strict=False)
        if program.main.source(tensor) == program.saver.filename
    }
    for node in body.nodes:
        files = node.inputs[: 2 if node.op == "MergeV2Checkpoints" else 1]
        if node.op in SAVING and files and all(_begins_with(body, given, f) for f in files):
            yield body.name, node.name


def _begins_with(body: Body, given: set[str], tensor: str) -> bool:
    """Tell whether a file's name begins with one that the saver was given."""
    pending, seen = [tensor], set()
    while pending:
        name = body.source(pending.pop())
        node = body.by_name.get(name)
        if name in seen:
            return False
        if node is None:
            if name not in given:
                return False
            continue
        seen.add(name)
        inputs = [one for one in node.inputs if not one.startswith("^")]
        if not inputs or node.op not in ("Pack", "ShardedFilename", "StringJoin"):
            return False
        pending.extend(inputs if node.op == "Pack" else inputs[:1])
    return True
