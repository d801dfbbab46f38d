"""Arrays and strings in dicts, lists and tuples, as JSON and a safetensors file beside it.

The JSON holds the structure and the strings, the file the numbers. Each array is named in one
place; a dtype that safetensors' numpy does not know is stored as its bytes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

from bundlekit.errors import Damaged, Unwritable
from bundlekit_keras.framework import require_keras

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Nested: TypeAlias = Any
"""An array of numpy, `None`, or a dict, list or tuple of such; strings are an array of `str`."""

MAX_DEPTH = 16
"""Structures inside structures. Threat: nesting that exhausts a stack. Real ones have three."""

_NATIVE = frozenset(
    {"bool", "float16", "float32", "float64"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)
_AS_BYTES = frozenset({"bfloat16", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2"})


def plain(structure: Any, where: str, depth: int = 0) -> Nested:
    """Bring what a user gives, or a model returns, into the form that is stored; a copy of it.

    Tensors of any backend, and lists of plain numbers or strings, become arrays.

    Raises:
        Unwritable: it is too deep, or holds something else; the message says where.
    """
    if depth > MAX_DEPTH:
        raise Unwritable(f"{where} is nested deeper than {MAX_DEPTH} levels", where=where)
    if isinstance(structure, dict):
        for key in structure:
            if not isinstance(key, str):
                raise Unwritable(f"{where} has the key {key!r}; expected strings", where=where)
        return {k: plain(child, f"{where}/{k}", depth + 1) for k, child in structure.items()}
    if isinstance(structure, list | tuple) and not _is_written_out(structure):
        children = [plain(c, f"{where}/{i}", depth + 1) for i, c in enumerate(structure)]
        return tuple(children) if isinstance(structure, tuple) else children
    return None if structure is None else _array(structure, where)


def flatten(structure: Nested, root: str, name: str = "") -> Iterator[tuple[str, Any]]:
    """Give the arrays with their names, dicts in the order of their keys, as Keras does.

    An array in a dict is called by its key, one in a list by its number after `root`.

    Example:
        >>> [name for name, _ in flatten({"b": 1, "a": [2, 3]}, "output")]
        ['a/0', 'a/1', 'b']
    """
    if isinstance(structure, dict):
        for key in sorted(structure):
            yield from flatten(structure[key], root, f"{name}/{key}" if name else key)
    elif isinstance(structure, list | tuple):
        for index, child in enumerate(structure):
            yield from flatten(child, root, f"{name or root}/{index}")
    elif structure is not None:
        yield name or root, structure


def mapped(structure: Nested, change: Callable[[Any], Any]) -> Any:
    """Give the same structure of other things."""
    if isinstance(structure, dict):
        return {key: mapped(child, change) for key, child in structure.items()}
    if isinstance(structure, list | tuple):
        return type(structure)(mapped(child, change) for child in structure)
    return None if structure is None else change(structure)


def encode(structure: Nested, arrays: dict[str, Any]) -> Any:
    """Give the JSON of a structure, and add its arrays to those that safetensors will hold."""
    if isinstance(structure, dict):
        return {"dict": [[key, encode(child, arrays)] for key, child in structure.items()]}
    if isinstance(structure, list | tuple):
        kind = "tuple" if isinstance(structure, tuple) else "list"
        return {kind: [encode(child, arrays) for child in structure]}
    if structure is None:
        return None
    if structure.dtype.kind == "O":
        return {"strings": structure.ravel().tolist(), "shape": list(structure.shape)}
    name, dtype = str(len(arrays)), structure.dtype.name
    arrays[name] = structure if dtype in _NATIVE else _bytes_of(structure)
    return {"array": name, "dtype": dtype}


def decode(node: Any, arrays: Mapping[str, Any], used: set[str], what: str, depth: int = 0) -> Any:
    """Read a structure; the arrays that it names are added to `used`.

    Raises:
        Damaged: it is not what `encode` writes.
    """
    if node is None:
        return None
    kinds = frozenset(node) if isinstance(node, dict) else frozenset()
    value = next(iter(node.values())) if kinds else None
    if depth <= MAX_DEPTH and isinstance(value, list):
        if kinds in ({"list"}, {"tuple"}):
            children = [decode(child, arrays, used, what, depth + 1) for child in value]
            return tuple(children) if kinds == {"tuple"} else children
        if kinds == {"dict"} and all(map(_is_pair, value)):
            found = {k: decode(child, arrays, used, what, depth + 1) for k, child in value}
            if len(found) == len(value):
                return found
    if kinds == {"strings", "shape"} and _is_shape(node["shape"]):
        return _strings(node["strings"], node["shape"], what)
    if kinds == {"array", "dtype"} and isinstance(node["array"], str):
        return _named(node["array"], node["dtype"], arrays, used, what)
    raise Damaged(f"{what} is no structure of arrays of at most {MAX_DEPTH} levels", member=what)


def _named(name: str, dtype: object, arrays: Mapping[str, Any], used: set[str], what: str) -> Any:
    stored = arrays.get(name)
    if stored is None or name in used:
        raise Damaged(f"{what} names the array {name!r}, which is not there once", member=what)
    used.add(name)
    dtype = str(dtype)
    if dtype in _NATIVE and stored.dtype.name == dtype:
        return stored
    if dtype in _AS_BYTES and stored.dtype.name == "uint8" and stored.ndim:
        kind = _dtype(dtype)
        if stored.shape[-1] == kind.itemsize:
            return stored.view(kind).reshape(stored.shape[:-1])
    raise Damaged(f"{what} says {dtype[:40]!r} of an array of {stored.dtype}", member=what)


def _strings(values: Any, shape: list[int], what: str) -> Any:
    import numpy as np

    texts = isinstance(values, list) and all(isinstance(value, str) for value in values)
    if not texts or math.prod(shape) != len(values):
        raise Damaged(f"{what} does not hold the strings of an array of shape {shape}", member=what)
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found.reshape(shape)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def _is_shape(value: Any) -> bool:
    known = isinstance(value, list) and len(value) <= 32
    return known and all(type(size) is int and 0 <= size < 2**48 for size in value)


def _is_written_out(value: Any, depth: int = 0) -> bool:
    """Whether a list holds plain numbers or strings, and lists of such, and nothing else."""
    if isinstance(value, list | tuple):
        if depth > MAX_DEPTH or not value:
            return False
        return all(_is_written_out(child, depth + 1) for child in value)
    return isinstance(value, str | bytes | bool | int | float | complex)


def _array(leaf: Any, where: str) -> Any:
    import numpy as np

    keras = require_keras()
    if hasattr(leaf, "dense_shape") or hasattr(leaf, "row_splits"):
        kind = type(leaf).__name__
        raise Unwritable(f"{where} is a {kind}; expected an array, in which all is", where=where)
    try:
        found = keras.ops.convert_to_numpy(leaf) if keras.ops.is_tensor(leaf) else np.asarray(leaf)
        if found.dtype.kind in "UTSO":
            return _texts(found)
        name = found.dtype.newbyteorder("=").name
    except (TypeError, ValueError, UnicodeDecodeError) as error:
        raise Unwritable(f"{where} is no array: {error}", where=where) from error
    if name not in _NATIVE | _AS_BYTES:
        raise Unwritable(f"{where} is of the dtype {name}, which is not stored", where=where)
    return np.array(found, dtype=_dtype(name), order="C", copy=True)


def _texts(found: Any) -> Any:
    import numpy as np

    texts = np.empty(found.size, dtype=object)
    for index, value in enumerate(found.ravel().tolist()):
        if not isinstance(value, str | bytes):
            raise TypeError(f"it holds {type(value).__name__}")
        texts[index] = value.decode() if isinstance(value, bytes) else value
    return texts.reshape(found.shape)


def _bytes_of(array: Any) -> Any:
    import numpy as np

    shape = (*array.shape, array.dtype.itemsize)
    return np.frombuffer(array.tobytes(), dtype="uint8").reshape(shape)


def _dtype(name: str) -> Any:
    import numpy as np

    if name in _AS_BYTES and not name.startswith("complex"):
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, name))
    return np.dtype(name)
