"""The member with what Keras leaves out of its files, as safetensors.

States of random generators and of recurrent layers, running metrics, LoRA weights that are not
merged, and whatever else a model holds where Keras does not look.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping

MEMBER = "state.safetensors"
LENGTH = 8
"""Bytes before the header, which say how long it is."""


DTYPES = {
    "bfloat16": "BF16",
    "bool": "BOOL",
    "complex64": "C64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    **{f"float{bits}": f"F{bits}" for bits in (16, 32, 64)},
    **{f"int{bits}": f"I{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"U{bits}" for bits in (8, 16, 32, 64)},
}
"""What safetensors calls the dtypes that Keras has."""


def pack(arrays: Mapping[str, Any]) -> tuple[bytes, tuple[Tensor, ...]]:
    """Give the bytes of the member, and where in it each array lies."""
    import numpy as np
    from safetensors.numpy import save

    # Other layouts would be stored as they lie in memory.
    plain = {path: np.array(array, order="C", ndmin=0) for path, array in arrays.items()}
    data = save(plain)
    start = LENGTH + int.from_bytes(data[:LENGTH], "little")
    header = json.loads(data[LENGTH:start])
    tensors = []
    for path, array in plain.items():
        begin, end = header[path]["data_offsets"]
        tensors.append(
            Tensor(
                path=path,
                member=MEMBER,
                dtype=array.dtype.name,
                shape=array.shape,
                offset=start + begin,
                size=end - begin,
            )
        )
    return data, tuple(tensors)
