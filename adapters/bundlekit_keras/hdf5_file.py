"""HDF5 files of weights, laid out without their arrays: structure in memory, arrays where they are.

Groups, names and the headers of arrays stand as Keras has them; the arrays follow, row-major and
each in one piece. So a file is pieces that can be written one after the other, the arrays straight
from the variables, and where each array lies is known before anything is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bundlekit.adapter import ITEM_SIZES, Pieces, Tensor
from bundlekit.errors import Unwritable
from bundlekit_keras import buffers, hdf5_structure
from bundlekit_keras.addresses import VARIABLES, stored_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class Group(NamedTuple):
    """What is stored of one object."""

    place: str
    name: str | None
    """What the object is called."""
    values: Mapping[str, Any]
    """Variables or arrays by key."""


class LaidOut(NamedTuple):
    """A file that is not written yet."""

    pieces: Pieces
    tensors: tuple[Tensor, ...]
    """Where in it each array lies."""
    others: tuple[str, ...]
    """The paths of arrays that no tensor index lists, such as texts."""


def laid_out(groups: Iterable[Group], member: str) -> LaidOut:
    """Lay out a file with the arrays of some objects, as Keras names them.

    Args:
        groups: the objects.
        member: what the file is called in the artifact.

    Raises:
        Unwritable: a value is none that HDF5 holds, or two have one place.
    """
    root = hdf5_structure.Group()
    types: dict[Any, bytes] = {}
    names: dict[Any, str] = {}
    stored: dict[str, tuple[hdf5_structure.Array, Any]] = {}
    try:
        for group in groups:
            holder = _inside(root, f"{group.place}/{VARIABLES}") if group.values else None
            if group.name is not None:
                holder = holder or _inside(root, f"{group.place}/{VARIABLES}")
                holder.name = group.name
            for key, value in group.values.items():
                path = stored_path(group.place, key)
                array = buffers.view(value)
                if array.dtype not in types:
                    types[array.dtype] = hdf5_structure.encoded_type(array.dtype)
                    names[array.dtype] = array.dtype.name  # which numpy puts together each time
                found = hdf5_structure.Array(array.shape, types[array.dtype], array.nbytes)
                found.text = "bfloat16" if names[array.dtype] == "bfloat16" else None
                place, _, name = path.rpartition("/")
                _inside(root, place).put(name, found)
                stored[path] = found, array
        structure, size = hdf5_structure.structure(root, buffers.ALIGNMENT)
    except (TypeError, ValueError) as error:
        raise Unwritable(
            f"{member} cannot be written: {error}; mend save_own_variables of the class that "
            f"stores it",
            member=member,
        ) from error
    tensors = tuple(
        Tensor(
            path=path,
            member=member,
            dtype=names[array.dtype],
            shape=array.shape,
            offset=found.offset,
            size=array.nbytes,
        )
        for path, (found, array) in stored.items()
        if names[array.dtype] in ITEM_SIZES
    )
    others = tuple(
        path for path, (_, array) in stored.items() if names[array.dtype] not in ITEM_SIZES
    )
    return LaidOut(Pieces(list(_pieces(structure, stored.values(), size))), tensors, others)


def _inside(group: hdf5_structure.Group, path: str) -> hdf5_structure.Group:
    for step in path.strip("/").split("/"):
        group = group.group(step)
    return group


def _pieces(
    structure: bytes, stored: Iterable[tuple[hdf5_structure.Array, Any]], size: int
) -> Iterator[Any]:
    """Yield the structure, and the arrays at their offsets behind it."""
    import numpy as np

    yield structure
    position = len(structure)
    for found, array in sorted(stored, key=lambda one: one[0].offset):
        if array.nbytes:
            yield bytes(found.offset - position)
            yield array.reshape(-1).view(np.uint8)
            position = found.offset + array.nbytes
    yield bytes(size - position)
