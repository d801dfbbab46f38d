"""`keras_metadata.pb`: what Keras 2 writes beside the program, to make its own objects again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bundlekit import strict_json
from bundlekit.adapter import MAX_JSON_DEPTH, MAX_JSON_SIZE
from bundlekit.errors import Damaged, LimitExceeded
from bundlekit_tensorflow.wire import Budget, Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bundlekit.source import Buffer

METADATA = "keras_metadata.pb"

MAX_SIZE = 512 * 1024 * 1024
"""Bytes of the file. Threat: a file that takes minutes to parse. The root holds the whole config
twice, and each layer its own: a kilobyte for each."""

MAX_OBJECTS = 200_000
"""Objects of the file. Threat: as above. A layer is one, and so is a metric."""


@dataclass(frozen=True)
class KerasObject:
    """A model, layer or metric of a SavedModel."""

    node: int
    """Its number in the object graph."""
    path: str
    """Where it is in the model, from `root`."""
    identifier: str
    config: dict[str, Any]
    """Its class, its config, and for the root what it was compiled with."""


def parse(data: Buffer) -> tuple[KerasObject, ...]:
    """Parse `keras_metadata.pb`.

    Raises:
        Damaged, LimitExceeded: it is none, or larger than any.
    """
    if len(data) > MAX_SIZE:
        raise LimitExceeded(
            f"{METADATA} is of {len(data):,} bytes; at most {MAX_SIZE:,} are read", member=METADATA
        )
    found: list[KerasObject] = []
    for node in Message(data, Budget(METADATA)).messages(1):
        if len(found) == MAX_OBJECTS:
            raise LimitExceeded(f"{METADATA} has more than {MAX_OBJECTS:,} objects")
        path = node.text(3)
        config = strict_json.decode(
            bytes(node.blob(5)),
            what=f"{METADATA}, {path}",
            max_size=MAX_JSON_SIZE,
            max_depth=MAX_JSON_DEPTH,
            finite=False,
        )
        if not isinstance(config, dict):
            raise Damaged(f"{METADATA} has no JSON object for {path}", member=METADATA)
        found.append(KerasObject(node.number(2), path, node.text(4), config))
    if len({one.node for one in found}) != len(found):
        raise Damaged(f"{METADATA} has two objects of one number", member=METADATA)
    return tuple(found)


def root_of(objects: Sequence[KerasObject]) -> KerasObject | None:
    """Give the object that was saved; `None` where it is none of Keras'."""
    return next((one for one in objects if one.node == 0), None)


def order_of(root: KerasObject | None) -> tuple[list[str], list[str]] | None:
    """Give the names of a functional model's inputs and outputs in its own order."""
    config = root.config.get("config") if root is not None else None
    if not isinstance(config, dict):
        return None
    inputs, outputs = (_names(config.get(key)) for key in ("input_layers", "output_layers"))
    return (inputs, outputs) if inputs and outputs else None


def _names(structure: Any) -> list[str]:
    """Give the layers' names in a structure of `[name, node, tensor]`."""
    if isinstance(structure, dict):
        return [name for key in sorted(structure) for name in _names(structure[key])]
    if not isinstance(structure, list):
        return []
    if structure and isinstance(structure[0], str):
        return [structure[0]]
    return [name for child in structure for name in _names(child)]
