"""Weights as files hold them, whoever wrote the file: arrays by path, in order where it is known.

Three layouts are read. *Structural*: Keras v3, a group for each object, by its place in the model;
in one file, or in shards with a map of them. *By layer*: what Keras 1 and 2 called H5, the arrays
of each layer of the outermost model, by names. *Checkpoint*: TensorFlow's, see `checkpoint`.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bundlekit.errors import Damaged
from bundlekit_keras import hdf5
from bundlekit_keras.addresses import VARIABLES, stored_path
from bundlekit_keras.numbered import natural
from bundlekit_keras.older_places import modern_places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from bundlekit.source import Buffer

NO_WEIGHTS = ("optimizer", "metrics", "_metrics")
"""The first steps of places that are no weights'."""
TOP = "top_level_model_weights"


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredTensor:
    """One array of a file."""

    path: str
    group: str
    """The place of the object that it belongs to; in files by layer, the layer's name."""
    key: str
    """Its name among that object's arrays."""
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Any]
    name: str | None = None
    """What the writer called the variable, where the file says so."""
    slot_of: str | None = None
    """Of an optimizer's array: the path of the weight that it is for, where the file says so."""
    offset: int | None = None
    """Where its bytes begin in the file, if they lie there as they are."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """The arrays of a file."""

    by_layer: bool
    weights: tuple[StoredTensor, ...]
    optimizer: tuple[StoredTensor, ...] = ()
    optimizer_kind: object = None
    """What the optimizer is, where the file says so: its config, a class, or a name made of one."""
    trained: tuple[str, ...] | None = None
    """The paths of the variables that the optimizer was made for, where the file says so."""
    places: tuple[str, ...] = ()
    """By structure: where objects are, those without weights too, as the file calls it."""
    layers: tuple[str, ...] = ()
    """By layer: the names of all layers, those without weights too, in the model's order."""
    by_position: bool = False
    """Whether the names of layers are positions, `layer-2`, or attributes of the model."""
    ordered: bool = False
    """Whether the weights are in the order of the model's."""

    def in_order(self, paths: Iterable[str], names: Mapping[str, str]) -> Stored:
        """Put the weights into an order that is known from elsewhere, with their names."""
        rank = {path: index for index, path in enumerate(paths)}
        weights = sorted(self.weights, key=lambda one: rank.get(one.path, len(rank)))
        named = tuple(replace(one, name=names.get(one.path, one.name)) for one in weights)
        return replace(self, weights=named, ordered=all(one.path in rank for one in named))


@contextmanager
def opened(data: Buffer, what: str) -> Iterator[Stored]:
    """Open an HDF5 file of weights, or of a whole model, in whichever layout it is.

    The arrays can be read while it is open.

    Raises:
        Damaged, Refused, LimitExceeded: it is not plain or not sound HDF5, or holds no weights.
    """
    with hdf5.opened(data, what) as file:
        with hdf5.parsing(what):
            layered = "model_weights" in file or "layer_names" in _attributes(file)
            found = _by_layer(file, what) if layered else _structural([file], what)
        yield found


@contextmanager
def opened_shards(shards: Mapping[str, Buffer]) -> Iterator[Stored]:
    """Open the shards of one model's weights."""
    with ExitStack() as stack:
        files = [stack.enter_context(hdf5.opened(data, what)) for what, data in shards.items()]
        names = ", ".join(shards)
        with hdf5.parsing(names):
            found = _structural(files, names)
        yield found


@contextmanager
def opened_arrays(data: Buffer, what: str) -> Iterator[dict[str, StoredTensor]]:
    """Open a file of weights by structure: every array in it by path, whatever it belongs to."""
    with hdf5.opened(data, what) as file:
        with hdf5.parsing(what):
            found = _arrays(file, what)
        yield {one.path: one for one in found}


def _arrays(file: Any, what: str) -> Iterator[StoredTensor]:
    for group, name, holder in _holders(file):
        for key in sorted(holder, key=natural):
            dataset = holder[key]
            if hasattr(dataset, "shape"):
                path = stored_path(group, key)
                label = f"{name}/{key}" if name else None
                yield _tensor(dataset, what, path=path, group=group, key=key, name=label)


def _attributes(file: Any) -> set[str]:
    return {name.rstrip("0123456789") for name in file.attrs}


def _structural(files: list[Any], what: str) -> Stored:
    found: dict[str, StoredTensor] = {}
    kind = None
    places: dict[str, None] = {}
    for file in files:
        for group, name, _ in _holders(file):
            places[group] = None
            kind = name or kind if group == "optimizer" else kind
        for one in _arrays(file, what):
            if one.path in found:
                raise Damaged(f"{what} holds {one.path} twice", member=what, path=one.path)
            found[one.path] = one
    if not places:
        raise Damaged(f"{what} holds no weights in any form that Keras writes", member=what)
    ordered = sorted(found.values(), key=lambda one: (natural(one.group), natural(one.key)))
    modern = modern_places(places)
    tensors = [replace(one, group=modern[one.group]) for one in ordered]
    optimizer = tuple(one for one in tensors if _first(one.group) == "optimizer")
    weights = tuple(one for one in tensors if _first(one.group) not in NO_WEIGHTS)
    return Stored(
        by_layer=False,
        weights=weights,
        optimizer=optimizer,
        optimizer_kind=kind,
        places=tuple(places),
    )


def _holders(file: Any) -> Iterator[tuple[str, str | None, Any]]:
    pending: list[tuple[str, Any]] = [("", file)]
    while pending:
        place, group = pending.pop()
        for name in group:
            child = group[name]
            if hasattr(child, "shape"):
                continue
            if name == VARIABLES:
                yield place, hdf5.text(child, "name", VARIABLES), child
            else:
                pending.append((f"{place}/{name}" if place else name, child))


def _by_layer(file: Any, what: str) -> Stored:
    root = hdf5.group(file, "model_weights", what) if "model_weights" in file else file
    layers = hdf5.names(root, "layer_names", what)
    groups = [*layers, TOP] if TOP in root else layers
    weights = [one for layer in groups for one in _of_group(root, layer, what)]
    optimizer: list[StoredTensor] = []
    if "optimizer_weights" in file:
        optimizer = _of_group(file, "optimizer_weights", what)
    return Stored(
        by_layer=True,
        weights=tuple(weights),
        optimizer=tuple(optimizer),
        optimizer_kind=kind_in(optimizer),
        layers=tuple(layers),
        ordered=True,
    )


def kind_in(optimizer: Iterable[StoredTensor]) -> str | None:
    """Read what an optimizer is called from the names of its variables: `Adam/m/dense/kernel`."""
    named = (one.name.split("/")[0] for one in optimizer if one.name and "/" in one.name)
    return next(named, None)


def _of_group(parent: Any, name: str, what: str) -> list[StoredTensor]:
    group = hdf5.group(parent, name, what)
    found = []
    for key in hdf5.names(group, "weight_names", what):
        dataset = group.get(key)
        if not hasattr(dataset, "shape"):
            raise Damaged(f"{what} names the weight {key!r} of {name!r}, and has no such array")
        plain = key.removesuffix(":0")
        found.append(
            _tensor(dataset, what, path=f"{name}/{key}", group=name, key=plain, name=plain)
        )
    return found


def _tensor(dataset: Any, what: str, **fields: Any) -> StoredTensor:
    marked = hdf5.text(dataset, "dtype", what) == "bfloat16"
    return StoredTensor(
        shape=tuple(dataset.shape),
        dtype="bfloat16" if marked else str(dataset.dtype),
        read=lambda: hdf5.array(dataset, what),
        offset=dataset.id.get_offset(),
        **fields,
    )


def _first(group: str) -> str:
    return group.partition("/")[0]
