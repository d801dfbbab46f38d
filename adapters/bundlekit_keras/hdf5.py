"""HDF5 files as plain data: groups, arrays and attributes, and nothing that leads elsewhere.

HDF5 can refer to other files, in links, in external storage and in virtual arrays, and it can
declare arrays that nothing is stored of. Every object is looked at before one is read.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bundlekit import strict_json
from bundlekit.adapter import MAX_JSON_DEPTH, MAX_JSON_SIZE
from bundlekit.errors import BundleError, Damaged, FrameworkMissing, LimitExceeded, Refused
from bundlekit_keras import heaps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bundlekit.source import Buffer

MAGIC = b"\x89HDF\r\n\x1a\n"
MAX_OBJECTS = 2_000_000
"""Groups and arrays of one file. Threat: a file that takes hours to walk. A model of 10,000 layers
has 40,000."""
MAX_DEPTH = 200
"""Groups inside groups. Threat: a stack that is exhausted. A nested model adds three."""
MAX_RATIO = 1100
"""How much smaller than its values a compressed array may be stored. Threat: a small file that
fills memory. Deflate reaches 1,030."""
_KINDS = "biufcS"
_ERRORS = (
    ArithmeticError,
    AttributeError,
    KeyError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What h5py raises where a file is not sound."""


def is_hdf5(head: bytes) -> bool:
    """Tell whether a file begins as HDF5 does."""
    return head.startswith(MAGIC)


@contextmanager
def opened(data: Buffer, what: str) -> Iterator[Any]:
    """Open a file that is in memory, once all of it is known to be plain.

    Raises:
        Damaged: it is not HDF5, or not sound.
        Refused: it holds links, or arrays that are stored elsewhere.
        LimitExceeded: it declares more than is stored, or more objects than are walked.
        FrameworkMissing: h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise FrameworkMissing(
            f"{what} is an HDF5 file, which takes h5py to read: {error}; pip install "
            f"'bundlekit[keras]'",
            framework="h5py",
        ) from error
    heaps.require_sound(data, what)
    if not is_hdf5(bytes(data[: len(MAGIC)])):
        raise Damaged(f"{what} is no HDF5 file; it may be cut off or another format", member=what)
    try:
        file = h5py.File(io.BytesIO(bytes(data)), "r")
    except _ERRORS as error:
        raise _unsound(what, error) from error
    with file:
        with parsing(what):
            _require_plain(file, what)
        yield file


@contextmanager
def parsing(what: str) -> Iterator[None]:
    """Turn what h5py raises of a file that is not sound into a typed error.

    Raises:
        Damaged: instead of it.
    """
    try:
        yield
    except BundleError:
        raise
    except _ERRORS as error:
        raise _unsound(what, error) from error


def group(parent: Any, name: str, what: str) -> Any:
    """Give a group by its name.

    Raises:
        Damaged: there is none.
    """
    import h5py

    found = parent.get(name)
    if not isinstance(found, h5py.Group):
        raise Damaged(f"{what} names the layer {name!r} and holds no such group", member=what)
    return found


def has(holder: Any, attribute: str, what: str) -> bool:
    """Tell whether a group has an attribute."""
    with parsing(what):
        return attribute in holder.attrs


def array(dataset: Any, what: str) -> Any:
    """Read an array; bfloat16 is what Keras marks as such.

    Raises:
        Damaged: its bytes cannot be read.
    """
    import numpy as np

    try:
        if text(dataset, "dtype", what) == "bfloat16":
            import ml_dtypes

            return np.array(dataset, dtype=ml_dtypes.bfloat16)
        return np.array(dataset)
    except _ERRORS as error:
        raise _unsound(f"{what}{dataset.name}", error) from error


def names(group: Any, attribute: str, what: str) -> list[str]:
    """Read a list of names from an attribute, or from the several that a long one is split into.

    Raises:
        Damaged: it is no list of names.
    """
    found = _attribute(group, attribute, what)
    if found is None:
        parts: list[Any] = []
        while (part := _attribute(group, f"{attribute}{len(parts)}", what)) is not None:
            parts.append(part)
        listed = [name for part in parts for name in _listed(part, attribute, what)]
    else:
        listed = _listed(found, attribute, what)
    texts = [_text(name) for name in listed]
    if None in texts:
        raise Damaged(f"{what} has {attribute} that are no names", member=what)
    return [text for text in texts if text is not None]


def text(group: Any, attribute: str, what: str) -> str | None:
    """Read a text from an attribute; `None` where there is no such attribute or it is no text."""
    return _text(_attribute(group, attribute, what))


def parsed(group: Any, attribute: str, what: str) -> Any:
    """Read JSON from an attribute; `None` where there is none.

    Raises:
        Damaged, LimitExceeded: it is not JSON, or larger or deeper than allowed.
    """
    found = text(group, attribute, what)
    if found is None:
        return None
    return strict_json.decode(
        found.encode(errors="surrogatepass"),
        what=f"{attribute} of {what}",
        max_size=MAX_JSON_SIZE,
        max_depth=MAX_JSON_DEPTH,
        finite=False,
    )


def _require_plain(file: Any, what: str) -> None:
    import h5py

    seen: set[int] = set()
    pending = [(file, "", 0)]
    while pending:
        group, path, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise LimitExceeded(f"{what} nests groups deeper than {MAX_DEPTH}", member=what)
        for name in group:
            where = f"{path}/{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise Refused(
                    f"{what} has a link at {where!r} to another place or file; expected groups and "
                    f"arrays only",
                    member=what,
                    where=where,
                )
            child = group[name]
            address = h5py.h5o.get_info(child.id).addr
            if address in seen:
                raise Refused(f"{what} has one object at two places, {where!r}", where=where)
            seen.add(address)
            if len(seen) > MAX_OBJECTS:
                raise LimitExceeded(f"{what} holds more than {MAX_OBJECTS:,} objects", member=what)
            if isinstance(child, h5py.Group):
                pending.append((child, where, depth + 1))
            elif isinstance(child, h5py.Dataset):
                _check_dataset(child, f"{what}:{where}")
            else:
                raise Refused(f"{what} has {type(child).__name__} at {where!r}", where=where)


def _check_dataset(dataset: Any, where: str) -> None:
    if dataset.is_virtual or dataset.external:
        raise Refused(f"the array {where} is stored in other files", where=where)
    if dataset.shape is None:
        raise Refused(f"the array {where} is empty, and no number", where=where)
    plain = dataset.dtype.kind in _KINDS or text(dataset, "dtype", where) == "bfloat16"
    if not plain or dataset.dtype.hasobject:
        raise Refused(
            f"the array {where} has the dtype {dataset.dtype}; expected numbers", where=where
        )
    declared, stored = dataset.nbytes, dataset.id.get_storage_size()
    if declared > stored * (MAX_RATIO if dataset.chunks and dataset.compression else 1):
        raise LimitExceeded(
            f"the array {where} declares {declared:,} bytes, and {stored:,} are stored",
            where=where,
            declared=declared,
            stored=stored,
        )


def _attribute(group: Any, name: str, what: str) -> Any:
    with parsing(f"the attribute {name} of {what}"):
        if name not in group.attrs:
            return None
        _check_type(group.attrs.get_id(name).get_type(), f"the attribute {name} of {what}")
        return group.attrs[name]


def _check_type(kind: Any, what: str) -> None:
    """Refuse a type of values of which the HDF5 library would follow addresses in the file.

    Texts of any length are such, and have to be just that: a byte that is changed in such a type
    makes the library read wherever it leads.
    """
    import h5py

    kinds = (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.STRING)
    if kind.get_class() not in kinds:
        raise Damaged(f"{what} holds neither texts nor numbers", member=what)
    if kind.get_class() == h5py.h5t.STRING and kind.is_variable_str():
        sets = (h5py.h5t.CSET_ASCII, h5py.h5t.CSET_UTF8)
        if kind.get_cset() not in sets or not kind.equal(_text_type(kind.get_cset())):
            raise Damaged(f"{what} holds texts of a kind that nobody writes", member=what)


def _text_type(character_set: int) -> Any:
    import h5py

    kind = h5py.h5t.C_S1.copy()
    kind.set_size(h5py.h5t.VARIABLE)
    kind.set_cset(character_set)
    return kind


def _listed(value: Any, attribute: str, what: str) -> list[Any]:
    if not hasattr(value, "tolist"):
        raise Damaged(f"{what} has {attribute} that are no list", member=what)
    listed = value.tolist()
    return listed if isinstance(listed, list) else [listed]


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, str) else None


def _unsound(what: str, error: Exception) -> Damaged:
    return Damaged(f"{what} is no sound HDF5: {error}; get it again from where it came from")
