"""Arrays as skops stores them, `.npy` and `.npz`, read without pickle, no larger than they are."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

from bundlekit.errors import Damaged, Refused

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bundlekit.source import Buffer

_SPARSE = ("data", "format", "shape", "indices", "indptr", "row", "col", "coords", "offsets",
           "_is_array")  # fmt: skip
"""What `scipy.sparse.save_npz` writes, of all its formats."""


def array_of(data: Buffer) -> npt.NDArray[np.generic]:
    """Give an array in `.npy` format, as a view of its bytes.

    Raises:
        Refused: its numbers are objects, which would be unpickled.
        Damaged: it is none, or does not have the size that it says.
    """
    import numpy as np

    stream = io.BytesIO(data)
    try:
        form: Any = np.lib.format
        versions = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}
        shape, by_columns, dtype = versions[form.read_magic(stream)](stream)
        found = memoryview(data)[stream.tell() :]
        size = dtype.itemsize
        for length in shape:
            size *= length
    except Exception as error:
        raise Damaged(f"an array of the skeleton is no .npy file: {error}") from error
    if dtype.hasobject:
        raise Refused("an array of the skeleton holds pickled objects, which are never loaded")
    if len(found) != size or min(shape, default=0) < 0:
        raise Damaged(
            f"an array of the skeleton is {dtype} {list(shape)}, {size:,} bytes; there are "
            f"{len(found):,}"
        )
    given = np.ndarray(shape, dtype, found, order="F" if by_columns else "C")
    given.flags.writeable = False
    return given


def sparse_of(data: Buffer) -> dict[str, Any]:
    """Give what a sparse matrix in `.npz` format consists of, by name.

    Raises:
        Refused: numbers that are objects.
        Damaged: it is no such file.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            if len(set(names)) < len(names) or not set(names) <= set(_SPARSE):
                raise Damaged(f"a sparse matrix of the skeleton has {', '.join(names)}")
            return {name: array_of(archive.read(f"{name}.npy")) for name in names}
    except (zipfile.BadZipFile, KeyError, EOFError, RuntimeError, NotImplementedError) as error:
        raise Damaged(f"a sparse matrix of the skeleton is no .npz file: {error}") from error


def settled(data: bytes) -> bytes:
    """Give an array in `.npy` format with zeros where no field is: memory is left there as it was.

    Raises:
        Damaged: it is none.
    """
    import numpy as np

    found: Any = array_of(data)
    if found.dtype.names is None:
        return data
    clean: Any = np.zeros(found.shape, found.dtype, order="C" if found.flags.c_contiguous else "F")
    for field in found.dtype.names:
        clean[field] = found[field]
    return data[: len(data) - found.nbytes] + bytes(clean.tobytes("A"))
