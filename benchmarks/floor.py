"""The floor: what saving and loading cannot cost less than, on this machine.

Saving copies the bytes of the live variables to a new file and hashes them; loading hashes the
bytes in the file and assigns the arrays to variables that are there already. SHA-256 of pieces of
4 MiB, on as many threads as there are cores. The digests stand behind the bytes, and are compared.
"""

from __future__ import annotations

import mmap
import os
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_PIECE = 4 * 2**20
_DIGEST = 32


def save(model: Any, path: Path, *, sync: bool) -> None:
    """Copy and hash; with `sync`, wait until the disk has it, as `dump` does."""
    pieces: list[tuple[int, memoryview]] = []
    end = 0
    for variable in _variables(model):
        # Not `numpy()`, which copies: the very memory of TensorFlow's variable.
        data = memoryview(variable.value.value()).cast("B")
        pieces += [(end + at, data[at : at + _PIECE]) for at in range(0, len(data), _PIECE)]
        end += len(data)
    with path.open("wb", buffering=0) as file:

        def put(piece: tuple[int, memoryview]) -> bytes:
            at, data = piece
            while data:
                done = os.pwrite(file.fileno(), data, at)
                at, data = at + done, data[done:]
            return sha256(piece[1]).digest()

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            digests = list(pool.map(put, pieces))
        os.pwrite(file.fileno(), b"".join(digests), end)
        if sync:
            os.fsync(file.fileno())


def load(path: Path, model: Any) -> None:
    """Hash and assign; raises ValueError where the bytes are not those that were saved."""
    import numpy as np

    with path.open("rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    spans: list[tuple[int, int]] = []
    end = 0
    for variable in _variables(model):
        start, end = end, end + variable.value.dtype.size * variable.value.shape.num_elements()
        spans += [(at, min(at + _PIECE, end)) for at in range(start, end, _PIECE)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        digests = pool.map(lambda span: sha256(data[slice(*span)]).digest(), spans)
        if b"".join(digests) != data[end : end + _DIGEST * len(spans)]:
            raise ValueError(f"{path.name} does not hold what was saved")
    start = 0
    for variable in _variables(model):
        count = variable.value.shape.num_elements()
        array = np.frombuffer(data, variable.dtype, count, start).reshape(variable.shape)
        variable.assign(array)
        start += array.nbytes


def _variables(model: Any) -> list[Any]:
    optimizer = getattr(model, "optimizer", None)  # of compiled models alone
    return [*model.variables, *(optimizer.variables if optimizer else ())]
