"""Values of variables as arrays of numpy and back, without a copy where the backend allows it."""

from __future__ import annotations

import mmap
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bundlekit_keras.framework import require_keras

if TYPE_CHECKING:
    from collections.abc import Callable

ALIGNMENT = 64
"""Bytes. Where an array starts at a multiple of it, backends can take it as it lies."""
_LARGE = 1 << 20
"""Bytes from which on an array has pages of its own, which take no memory until they are used."""
_WORDS = {1: "uint8", 2: "uint16"}
"""What stands for dtypes that numpy has not, by the size of an item."""


def view(variable: Any) -> Any:
    """Give the value of a variable or tensor as an array; where it can be, without a copy.

    The array may change with the variable, and must not be changed.
    """
    import numpy as np

    value = getattr(variable, "value", variable)
    value = value() if callable(value) else value  # one of TensorFlow's own
    found = None
    of_backend = _VIEWS.get(_package(value))
    with suppress(TypeError, ValueError, RuntimeError, AttributeError, BufferError):
        found = of_backend(value) if of_backend else None
    if found is None:
        found = require_keras().ops.convert_to_numpy(variable)
    return np.ascontiguousarray(found) if found.ndim else found


def give(variable: Any, array: Any) -> None:
    """Assign an array to a variable, which may take it over: nobody else may use it afterwards.

    Args:
        variable: of Keras' or of TensorFlow's.
        array: writable, in memory of its own, with the variable's shape and dtype.
    """
    tensor = _taken(array)
    if tensor is None:
        variable.assign(array)
        return
    own: Any = getattr(variable, "value", None)
    if _package(tensor) == "torch":
        data = getattr(own, "data", None)
        if data is not None and data.device == tensor.device and data.dtype == tensor.dtype:
            own.data = tensor
            return
    if _is_plain(own) and (own.shape, own.dtype) == (tensor.shape, tensor.dtype):
        raw = sys.modules["tensorflow"].raw_ops  # a fifth of the time that Keras' way to it takes
        raw.AssignVariableOp(resource=own.handle, value=tensor)
        return
    variable.assign(tensor)


def pages(size: int) -> mmap.mmap:
    """Give memory of this process alone that is only taken where it is written to.

    Args:
        size: bytes.
    """
    if sys.platform == "win32":
        return mmap.mmap(-1, size)
    # Python's default is one that forked processes share.
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
    return mmap.mmap(-1, size, flags=flags)


def blank(shape: tuple[int, ...], dtype: str) -> Any:
    """Give a tensor of zeros that takes no memory until it is read; `None` where there is none."""
    import numpy as np

    with suppress(TypeError, ValueError, OverflowError, OSError):
        kind = numpy_dtype(dtype)
        size = int(np.prod(shape, dtype=object)) * kind.itemsize
        if size < _LARGE:
            memory = np.zeros(size + ALIGNMENT, np.uint8)
            start = -_address(memory) % ALIGNMENT
            return _taken(memory[start : start + size].view(kind).reshape(shape))
        return _taken(np.frombuffer(pages(size), kind).reshape(shape))
    return None


def is_shareable() -> bool:
    """Tell whether one tensor can be the value of several variables: none of them changes it."""
    return require_keras().backend.backend() in ("tensorflow", "jax")


def _taken(array: Any) -> Any:
    """Make a tensor of the backend's of an array's own memory; `None` where that cannot be."""
    take = _TAKES.get(require_keras().backend.backend())
    if take is None or _address(array) % ALIGNMENT:
        return None
    with suppress(TypeError, ValueError, RuntimeError, BufferError, ImportError):
        return take(array)
    return None


def _address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


def numpy_dtype(name: str) -> Any:
    """Give the dtype of numpy for a dtype of Keras'."""
    import ml_dtypes
    import numpy as np

    return np.dtype(getattr(ml_dtypes, name, name))


def _package(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _is_plain(value: Any) -> bool:
    """Whether it is a variable of TensorFlow's on one device, that a handle stands for."""
    return type(value).__name__ == "ResourceVariable" and _package(value) == "tensorflow"


def _from_tensorflow(value: Any) -> Any:
    import numpy as np

    tensorflow = sys.modules["tensorflow"]
    if _is_plain(value) and tensorflow.executing_eagerly():
        tensor = tensorflow.raw_ops.ReadVariableOp(resource=value.handle, dtype=value.dtype)
    else:
        tensor = tensorflow.convert_to_tensor(value)
    words = _words(tensor.dtype.name)
    if words is None:
        return np.asarray(memoryview(tensor))
    plain = np.asarray(memoryview(tensorflow.bitcast(tensor, words)))
    return plain.view(numpy_dtype(tensor.dtype.name))


def _from_torch(value: Any) -> Any:
    torch = sys.modules["torch"]
    tensor = value.detach().cpu().contiguous()
    name = str(tensor.dtype).rpartition(".")[2]
    words = _words(name)
    if words is None:
        return tensor.numpy()
    return tensor.view(getattr(torch, words)).numpy().view(numpy_dtype(name))


def _from_jax(value: Any) -> Any:
    import numpy as np

    return np.asarray(value)


_VIEWS: dict[str, Callable[[Any], Any]] = {
    "tensorflow": _from_tensorflow,
    "torch": _from_torch,
    "jaxlib": _from_jax,
    "jax": _from_jax,
    "numpy": lambda value: value,
}


def _to_tensorflow(array: Any) -> Any:
    tensorflow = import_module("tensorflow")
    words = _words(array.dtype.name)
    plain = array if words is None else array.view(words)
    tensor = tensorflow.experimental.dlpack.from_dlpack(plain.__dlpack__())
    return tensor if words is None else tensorflow.bitcast(tensor, array.dtype.name)


def _to_torch(array: Any) -> Any:
    torch = import_module("torch")
    words = _words(array.dtype.name)
    if words is None:
        return torch.from_numpy(array)
    return torch.from_numpy(array.view(words)).view(getattr(torch, array.dtype.name))


def _to_jax(array: Any) -> Any:
    return import_module("jax").numpy.asarray(array)


_TAKES: dict[str, Callable[[Any], Any]] = {
    "tensorflow": _to_tensorflow,
    "torch": _to_torch,
    "jax": _to_jax,
}


def _words(dtype: str) -> str | None:
    """Name the plain dtype whose bytes stand for one that numpy has not."""
    if dtype == "bfloat16" or dtype.startswith("float8"):
        return _WORDS[numpy_dtype(dtype).itemsize]
    return None
