"""`saved_model.pb` parsed, and not judged.

The numbers are those of TensorFlow's own `.proto` files; fields that neither compute nor name a
file are left out.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from bundlekit.errors import Damaged, LimitExceeded, Refused
from bundlekit_tensorflow.program import (
    MAIN,
    SAVED_MODEL,
    Body,
    Node,
    Program,
    Saver,
    TensorInfo,
    Thing,
)
from bundlekit_tensorflow.wire import Budget, Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bundlekit.source import Buffer

MAX_SIZE = 1024 * 1024 * 1024
"""Bytes of the file. Threat: a file that takes hours to walk. Weights are elsewhere; what is here
is a few megabytes, and protobuf itself ends at two gigabytes."""

MAX_DEPTH = 32
"""Functions as attributes of functions as attributes. Threat: nesting that exhausts the stack.
TensorFlow writes one level."""

MAX_SPREAD = 1 << 28
"""Elements that constants declare beyond what is stored: one value may stand for a whole tensor.
Threat: petabytes out of ten bytes. TensorFlow spreads constants of up to a thousand elements."""

MAX_RANK = 254
"""Dimensions of a tensor, TensorFlow's own limit."""

_VALUES = (*range(4, 14), 16, 17, 18)
_RESOURCE_HANDLE, _VARIANT = 14, 15
_LONGEST_NAME = 1000


def parse(data: Buffer) -> Program:
    """Parse `saved_model.pb`.

    Raises:
        Damaged: it is none, or contradicts itself.
        LimitExceeded: it is larger, deeper, or declares more than any.
        Refused: it holds what is no model: handles to what this process has in memory.
    """
    if len(data) > MAX_SIZE:
        raise LimitExceeded(
            f"{SAVED_MODEL} is of {len(data):,} bytes; at most {MAX_SIZE:,} are read",
            member=SAVED_MODEL,
        )
    root = Message(data, Budget(SAVED_MODEL))
    metas = list(root.messages(2))
    if len(metas) != 1:
        raise Damaged(
            f"{SAVED_MODEL} holds {len(metas)} graphs; expected one, as TensorFlow 2 writes it; "
            f"load it with tf.saved_model.load and save what you need of it again",
            member=SAVED_MODEL,
        )
    meta = metas[0]
    if not meta.has(7):
        raise Damaged(
            f"{SAVED_MODEL} has no object graph: TensorFlow 1 wrote it, or it is no SavedModel; "
            f"load it with tf.saved_model.load and save it again with TensorFlow 2",
            member=SAVED_MODEL,
        )
    info, objects = meta.message(1), meta.message(7)
    walk = _Walk()
    main, functions = walk.graph(meta.message(2))
    return Program(
        main=main,
        functions=functions,
        signatures={
            name: (_tensors(walk.message(value), 1), _tensors(walk.message(value), 2))
            for name, value in meta.map(5).items()
        },
        saver=_saver(meta.message(3)),
        assets=tuple((a.message(1).text(1), a.text(2)) for a in meta.messages(6)),
        things=tuple(_thing(thing) for thing in objects.messages(1)),
        bound={
            name: tuple(walk.message(value).numbers(2)) for name, value in objects.map(2).items()
        },
        spoken=frozenset(walk.spoken & functions.keys()),
        tensorflow=info.text(5),
        tags=info.texts(4),
    )


class _Walk:
    """Reads nodes and functions, and counts what their constants declare."""

    def __init__(self) -> None:
        self._budget = Budget(SAVED_MODEL)
        self._spread = 0
        self.spoken: set[str] = set()

    def message(self, data: memoryview) -> Message:
        return Message(data, self._budget)

    def graph(self, graph: Message) -> tuple[Body, dict[str, Body]]:
        functions: dict[str, Body] = {}
        library = graph.message(2)
        self.spoken |= {gradient.text(2) for gradient in library.messages(2)}
        self.spoken |= {gradient.text(1) for gradient in library.messages(3)}
        for function in library.messages(1):
            body = self._function(function)
            if body.name in functions:
                raise Damaged(f"{SAVED_MODEL} has two functions {body.name!r}", member=SAVED_MODEL)
            functions[body.name] = body
        return Body(MAIN, self._nodes(graph.messages(1))), functions

    def _function(self, function: Message) -> Body:
        signature = function.message(1)
        return Body(
            name=signature.text(1),
            nodes=self._nodes(function.messages(3)),
            args=tuple(arg.text(1) for arg in signature.messages(2)),
            functions=tuple(self._attributes(function, 5, 0)),
        )

    def _nodes(self, nodes: Iterator[Message]) -> tuple[Node, ...]:
        read = tuple(
            Node(n.text(1), n.text(2), n.texts(3), tuple(self._attributes(n, 5, 0))) for n in nodes
        )
        if len({node.name for node in read}) != len(read):
            raise Damaged(f"{SAVED_MODEL} has two nodes of one name", member=SAVED_MODEL)
        return read

    def _attributes(self, owner: Message, number: int, depth: int) -> Iterator[str]:
        if depth > MAX_DEPTH:
            raise LimitExceeded(
                f"{SAVED_MODEL} nests functions deeper than {MAX_DEPTH} levels", member=SAVED_MODEL
            )
        for value in owner.map(number).values():
            attribute = self.message(value)
            single = attribute.message(1)  # a list holds the same kinds of values, many of each
            for text in (*attribute.blobs(2), *single.blobs(2)):
                if len(text) <= _LONGEST_NAME:
                    self.spoken.add(bytes(text).decode(errors="replace"))
            for tensor in (*attribute.messages(8), *single.messages(8)):
                self._tensor(tensor)
            for function in (*attribute.messages(10), *single.messages(9)):
                if function.text(1):
                    yield function.text(1)
                yield from self._attributes(function, 2, depth + 1)

    def _tensor(self, tensor: Message) -> None:
        if tensor.has(_RESOURCE_HANDLE) or tensor.has(_VARIANT):
            raise Refused(
                f"{SAVED_MODEL} holds a constant that stands for something in memory (a resource "
                f"or a variant); no model is saved with one",
                member=SAVED_MODEL,
            )
        dimensions = [dim.number(1) for dim in tensor.message(2).messages(2)]
        if len(dimensions) > MAX_RANK or any(size < 0 for size in dimensions):
            raise Damaged(
                f"{SAVED_MODEL} has a constant of the shape {dimensions[:8]}", member=SAVED_MODEL
            )
        self._spread += max(prod(dimensions) - tensor.stored(_VALUES), 0)
        if self._spread > MAX_SPREAD:
            raise LimitExceeded(
                f"{SAVED_MODEL} declares constants of {self._spread:,} elements more than it "
                f"stores; at most {MAX_SPREAD:,} are allowed",
                member=SAVED_MODEL,
            )


def _saver(saver: Message) -> Saver:
    names = (saver.text(1), saver.text(2), saver.text(3))
    return Saver(*(name.partition(":")[0] for name in names))


_KINDS = {
    4: "user_object",
    5: "asset",
    6: "function",
    7: "variable",
    8: "bare_concrete_function",
    9: "constant",
    10: "resource",
    12: "captured_tensor",
}


def _thing(thing: Message) -> Thing:
    kinds = [name for number, name in _KINDS.items() if thing.has(number)]
    if len(kinds) > 1:
        raise Damaged(
            f"{SAVED_MODEL} has an object that is {' and '.join(kinds)}", member=SAVED_MODEL
        )
    kind = kinds[0] if kinds else ""
    children = {child.text(2): child.number(1) for child in thing.messages(1)}
    functions: tuple[str, ...] = ()
    if kind == "function":
        functions = thing.message(6).texts(1)
    elif kind == "bare_concrete_function":
        functions = (thing.message(8).text(1),)
    return Thing(
        kind=kind,
        identifier=thing.message(4).text(1) if kind == "user_object" else "",
        children=children,
        functions=functions,
        asset=thing.message(5).number(1) if kind == "asset" else None,
    )


def _tensors(signature: Message, number: int) -> dict[str, TensorInfo]:
    found = {}
    for entry in signature.messages(number):
        info = entry.message(2)
        shape = info.message(3)
        unknown = not info.has(3) or shape.number(3)
        sizes = tuple(None if (n := d.number(1)) < 0 else n for d in shape.messages(2))
        found[entry.text(1)] = TensorInfo(info.text(1), info.number(2), None if unknown else sizes)
    return found
