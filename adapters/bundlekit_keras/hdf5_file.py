"""HDF5 files of weights, laid out without their arrays: structure in memory, arrays where they are.

The HDF5 library writes a file as Keras does, groups, names and the headers of arrays, and only
reserves the place of each array, row-major and in one piece. What it wrote stands between the
arrays. So a file is pieces that can be written one after the other, the arrays straight from the
variables, and where each array lies is known before anything is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bundlekit.adapter import ITEM_SIZES, Pieces, Tensor
from bundlekit.errors import Unwritable
from bundlekit_keras import buffers
from bundlekit_keras.addresses import VARIABLES, stored_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_ROOM = 64 << 20
_ROOM_OF_ARRAY = 16 << 10
"""Bytes that the structure of a file takes at most: room that is reserved, and not used."""


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
    """The paths of arrays that no tensor index lists, such as texts: they are in the structure."""


def laid_out(groups: Iterable[Group], member: str) -> LaidOut:
    """Lay out a file with the arrays of some objects, as Keras names them.

    Args:
        groups: the objects.
        member: what the file is called in the artifact.

    Raises:
        Unwritable: a value is none that HDF5 holds, or two have one place.
    """
    arrays = [
        (group, {key: buffers.view(value) for key, value in group.values.items()})
        for group in groups
    ]
    size = sum(array.nbytes + _ROOM_OF_ARRAY for _, own in arrays for array in own.values())
    memory = _Memory(_ROOM + size)
    try:
        written = dict(_written(memory, arrays))
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise Unwritable(
            f"{member} cannot be written: {error}; mend save_own_variables of the class that "
            f"stores it",
            member=member,
        ) from error
    tensors = tuple(
        Tensor(
            path=path,
            member=member,
            dtype=array.dtype.name,
            shape=array.shape,
            offset=offset,
            size=array.nbytes,
        )
        for path, (offset, array) in written.items()
        if offset is not None
    )
    placed = {tensor.offset: written[tensor.path][1] for tensor in tensors if tensor.size}
    others = tuple(path for path, (offset, _) in written.items() if offset is None)
    return LaidOut(Pieces(list(memory.around(placed))), tensors, others)


def _written(
    memory: _Memory, arrays: Iterable[tuple[Group, Mapping[str, Any]]]
) -> Iterator[tuple[str, tuple[int | None, Any]]]:
    """Let HDF5 write the structure; yield path, offset and array; no offset where it is in it."""
    from h5py import h5d, h5f, h5fd, h5g, h5p, h5s, h5t

    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fileobj_driver(h5fd.fileobj_driver, memory)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_alignment(1, buffers.ALIGNMENT)
    access.set_libver_bounds(h5f.LIBVER_V18, h5f.LIBVER_LATEST)  # a third of the older one's size
    reserved = h5p.create(h5p.DATASET_CREATE)
    reserved.set_layout(h5d.CONTIGUOUS)
    reserved.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    reserved.set_fill_time(h5d.FILL_TIME_NEVER)
    root, plain, inner = (
        h5p.create(kind) for kind in (h5p.FILE_CREATE, h5p.DATASET_CREATE, h5p.GROUP_CREATE)
    )
    for made_so in (root, reserved, plain, inner):
        made_so.set_obj_track_times(False)  # the same weights are the same bytes at any time
    file = h5f.create(b"weights", h5f.ACC_TRUNC, fcpl=root, fapl=access)
    made: dict[str, Any] = {"": file}
    kinds: dict[Any, Any] = {}
    spaces: dict[tuple[int, ...], Any] = {(): h5s.create(h5s.SCALAR)}

    def group_at(path: str) -> Any:
        if path not in made:
            parent, _, name = path.rpartition("/")
            made[path] = h5g.create(group_at(parent), name.encode(), gcpl=inner)
        return made[path]

    try:
        for group, own in arrays:
            place = f"{group.place}/{VARIABLES}" if group.place else VARIABLES
            if group.name is not None:
                _set_text(group_at(place), b"name", group.name)
            for key, array in own.items():
                holder, _, name = f"{place}/{key}".rpartition("/")
                if array.dtype not in kinds:
                    kinds[array.dtype] = h5t.py_create(array.dtype, logical=True)
                if array.shape not in spaces:
                    spaces[array.shape] = h5s.create_simple(array.shape)
                indexed = array.dtype.name in ITEM_SIZES
                dataset = h5d.create(
                    group_at(holder),
                    name.encode(),
                    kinds[array.dtype],
                    spaces[array.shape],
                    reserved if indexed else plain,
                )
                if array.dtype.name == "bfloat16":
                    _set_text(dataset, b"dtype", "bfloat16")
                if not indexed:
                    dataset.write(h5s.ALL, h5s.ALL, array)
                offset = (dataset.get_offset() or 0) if indexed else None
                yield stored_path(group.place, key), (offset, array)
    finally:
        made.clear()
        file.close()


def _set_text(holder: Any, name: bytes, text: str) -> None:
    import numpy as np
    from h5py import h5a, h5s, h5t

    value = np.array(text, dtype=h5t.string_dtype())
    kind = h5t.py_create(value.dtype, logical=True)
    h5a.create(holder, name, kind, h5s.create(h5s.SCALAR)).write(value)


class _Memory:
    """A file in memory that takes only the pages that are written.

    Args:
        room: its size at most, in bytes.
    """

    def __init__(self, room: int) -> None:
        self._pages = buffers.pages(room)
        self._position = 0
        self._end = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self._position = offset if whence == 0 else self._end + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int) -> bytes:
        start = self._position
        self._position += size
        return self._pages[start : start + size]

    def readinto(self, buffer: Any) -> int:
        buffer[:] = self.read(len(buffer))
        return len(buffer)

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self._pages[self._position : self._position + len(view)] = view
        self._position += len(view)
        self._end = max(self._end, self._position)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        self._end = self._position if size is None else size
        return self._end

    def flush(self) -> None:
        """Do nothing: it is all there."""

    def around(self, placed: Mapping[int, Any]) -> Iterator[Any]:
        """Yield the arrays at their offsets, and what was written between them."""
        import numpy as np

        position = 0
        for offset in sorted(placed):
            yield self._pages[position:offset]
            yield placed[offset].reshape(-1).view(np.uint8)
            position = offset + placed[offset].nbytes
        yield self._pages[position : self._end]
