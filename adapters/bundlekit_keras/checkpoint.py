"""Checkpoints of TensorFlow's, as Keras 2 writes with `save_weights(…, save_format="tf")`.

A checkpoint holds arrays by the way that leads to them through a graph of objects: `layer-2`, its
`cell`, its `kernel`. The outermost steps are the layers of the model, in its order; from there on
the arrays are taken as those of a layer, with the names that their variables had.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bundlekit.errors import BundleError, Damaged, FrameworkMissing
from bundlekit_keras.numbered import natural
from bundlekit_keras.stored import Stored, StoredTensor, kind_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from bundlekit.adapter import Foreign, Payload
    from bundlekit.source import Buffer

INDEX = "checkpoint.index"
_DATA = re.compile(r"checkpoint\.(data-\d{5}-of-\d{5})")
_FOREIGN = re.compile(r"(.*)\.(index|data-\d{5}-of-\d{5})")
_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "VARIABLE_VALUE"
_LAYER = re.compile(r"layer-(\d+)")
_WEIGHTED = re.compile(r"layer_with_weights-(\d+)")
MAX_NODES = 1_000_000
"""Objects of one checkpoint. Threat: a graph that takes hours to walk. A layer has about ten."""
_MAGIC = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
"""The last bytes of an index: it is a table of LevelDB's."""


def members_of(foreign: Foreign) -> dict[str, Buffer] | None:
    """Give the files of a checkpoint, from its prefix, its folder or its index; else `None`.

    Raises:
        Damaged: a folder holds several, or an index has no data.
    """
    paths = [path for path in foreign.paths if _FOREIGN.fullmatch(path) and "/" not in path]
    if len(foreign.paths) == 1 and not foreign.is_folder and paths:
        prefix = foreign.name.removesuffix(".index")
        return members_of(type(foreign)(prefix)) if prefix != foreign.name else None
    if foreign.is_folder and "saved_model.pb" in foreign.paths:
        return None
    stems = {_stem(path) for path in paths}
    if not stems:
        return None
    if len(stems) > 1:
        raise Damaged(
            f"{foreign.name!r} holds the checkpoints {', '.join(sorted(stems))}; give the prefix "
            f"of one",
            source=foreign.name,
        )
    renamed = {f"checkpoint{path.removeprefix(_stem(path))}": path for path in paths}
    members = {name: foreign.read(path) for name, path in renamed.items()}
    if not is_one(set(members)) or bytes(members[INDEX][-8:]) != _MAGIC:
        raise Damaged(
            f"{foreign.name!r} is no whole checkpoint; expected an index and all of its data",
            source=foreign.name,
        )
    return members


def is_one(paths: Collection[str]) -> bool:
    """Tell whether members are those of a checkpoint."""
    others = set(paths) - {INDEX}
    return INDEX in paths and bool(others) and all(_DATA.fullmatch(path) for path in others)


@contextmanager
def opened(payload: Payload) -> Iterator[Stored]:
    """Read a checkpoint, which takes TensorFlow.

    Raises:
        FrameworkMissing: TensorFlow is not installed.
        Damaged: it is no checkpoint, or none of an object.
    """
    try:
        import tensorflow as tf
        from tensorflow.core.protobuf import trackable_object_graph_pb2
    except ImportError as error:
        raise FrameworkMissing(
            f"checkpoints of TensorFlow take TensorFlow to read: {error}; pip install tensorflow",
            framework="tensorflow",
        ) from error
    from google.protobuf.message import DecodeError

    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    with TemporaryDirectory(prefix="bundlekit-") as folder:
        for path in payload.paths:
            Path(folder, path).write_bytes(payload.read(path))
        faults = (tf.errors.OpError, ValueError, RuntimeError, LookupError, TypeError, DecodeError)
        try:
            reader = tf.train.load_checkpoint(str(Path(folder, "checkpoint")))
            encoded = reader.get_tensor(_GRAPH)
            graph.ParseFromString(encoded if isinstance(encoded, bytes) else b"")
            found = _read(graph, _Reader(reader))
        except BundleError:
            raise
        except faults as error:
            raise Damaged(
                f"the checkpoint is not sound, or not one of a model: {str(error)[:300]}; give "
                f"one that a model's save_weights wrote",
                member=INDEX,
            ) from error
    yield found


class _Reader:
    """A checkpoint's arrays, each read once, however many objects say that it is theirs."""

    def __init__(self, reader: Any) -> None:
        self.has_tensor = reader.has_tensor
        self.get_tensor = cache(reader.get_tensor)


def _read(graph: Any, reader: _Reader) -> Stored:
    nodes = list(graph.nodes)
    if not 0 < len(nodes) <= MAX_NODES:
        raise Damaged(f"the checkpoint is of {len(nodes):,} objects", member=INDEX)
    children = {child.local_name: child.node_id for child in nodes[0].children}
    places: dict[int, str] = {}
    for name, node in sorted(children.items(), key=lambda item: natural(item[0])):
        if _LAYER.fullmatch(name):
            places[node] = name
    for name, node in children.items():
        if _WEIGHTED.fullmatch(name):
            places.setdefault(node, name)
    layers = tuple(sorted(places.values(), key=natural))
    tensors: list[StoredTensor] = []
    seen: set[int] = {0}
    for node, place in sorted(places.items(), key=lambda item: natural(item[1])):
        tensors += _below(nodes, node, place, reader, seen)
    optimizer: list[StoredTensor] = []
    if "optimizer" in children:
        optimizer = _optimizer(nodes, children["optimizer"], reader)
        seen.add(children["optimizer"])
    known = {"optimizer", "root", "loss", "keras_api", *places.values()}
    for name, node in children.items():
        if name not in known and not _WEIGHTED.fullmatch(name):
            tensors += _below(nodes, node, name, reader, seen)
    if not tensors:
        raise Damaged("the checkpoint holds no weights of a Keras model", member=INDEX)
    return Stored(
        by_layer=True,
        by_position=True,
        weights=tuple(tensors),
        optimizer=tuple(optimizer),
        optimizer_kind=kind_in(optimizer),
        layers=layers,
        ordered=True,
    )


def _below(
    nodes: list[Any], root: int, place: str, reader: _Reader, seen: set[int]
) -> list[StoredTensor]:
    found = []
    pending = [root]
    while pending:
        number = pending.pop()
        if number in seen or not 0 <= number < len(nodes):
            continue
        seen.add(number)
        node = nodes[number]
        found += _own(node, place, reader)
        pending += [c.node_id for c in reversed(node.children) if c.node_id not in seen]
    return found


def _own(node: Any, place: str, reader: _Reader) -> list[StoredTensor]:
    return [
        _tensor(reader, attribute, place)
        for attribute in node.attributes
        if attribute.name == _VALUE and reader.has_tensor(attribute.checkpoint_key)
    ]


def _optimizer(nodes: list[Any], root: int, reader: _Reader) -> list[StoredTensor]:
    children = {child.local_name: child.node_id for child in nodes[root].children}
    if "iter" in children:
        return _by_slot(nodes, root, children["iter"], reader)
    if "_variables" not in children:
        return []
    listed = {child.local_name: child.node_id for child in nodes[children["_variables"]].children}
    seen: set[int] = set()
    return [
        one
        for _, number in sorted(listed.items(), key=lambda item: natural(item[0]))
        for one in _below(nodes, number, "optimizer", reader, seen)
    ]


def _by_slot(nodes: list[Any], root: int, iterations: int, reader: _Reader) -> list[StoredTensor]:
    """Read the state of an optimizer of before Keras 2.11: it says whose slot an array is."""
    found = _own(nodes[iterations], "optimizer", reader)
    seen = {root, iterations}
    for slot in nodes[root].slot_variables:
        if slot.slot_variable_node_id in seen:
            continue
        seen.add(slot.slot_variable_node_id)
        owner = _own(nodes[slot.original_variable_node_id], "optimizer", reader)
        own = _own(nodes[slot.slot_variable_node_id], "optimizer", reader)
        if len(owner) == len(own) == 1:
            found.append(replace(own[0], slot_of=owner[0].path))
    return found


def _tensor(reader: _Reader, attribute: Any, place: str) -> StoredTensor:
    key = attribute.checkpoint_key
    value = reader.get_tensor(key)
    if getattr(value, "dtype", None) is None or value.dtype.kind not in "biufV":
        raise Damaged(f"the checkpoint holds no numbers for {key}", member=INDEX)
    return StoredTensor(
        path=key.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE"),
        group=place,
        key=attribute.full_name,
        shape=tuple(value.shape),
        dtype=str(value.dtype),
        read=lambda: value,
        name=attribute.full_name,
    )


def _stem(path: str) -> str:
    match = _FOREIGN.fullmatch(path)
    return match[1] if match else path
