"""The tensor index: where in a member each variable's bytes lie, and the arithmetic of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_RANK = 32
"""Dimensions of a tensor. Threat: a shape whose product takes hours to compute. numpy stops at
64, frameworks use up to eight."""

ITEM_SIZES: Mapping[str, int] = {
    "bool": 1,
    **{f"{kind}{bits}": bits // 8 for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "bfloat16": 2,
    "float16": 2,
    "float32": 4,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
}
"""The dtypes that a stored tensor may have, with the bytes of one item."""


Size = Annotated[int, msgspec.Meta(ge=0)]


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A frozen, closed record.

    Defaults are left out, so that a later optional field does not change the spelling of the
    files that are already there.
    """


class Tensor(Value, frozen=True, kw_only=True):
    """Where one variable's bytes lie: `size` bytes at `offset` inside `member`, row-major."""

    path: str
    member: str
    dtype: str
    shape: tuple[Size, ...]
    offset: Size
    size: Size

    def __post_init__(self) -> None:
        if self.dtype not in ITEM_SIZES:
            raise ValueError(f"tensor {self.path!r} has the unknown dtype {self.dtype!r}")
        if len(self.shape) > MAX_RANK:
            raise ValueError(f"tensor {self.path!r} has {len(self.shape)} dimensions")
        needed = math.prod(self.shape) * ITEM_SIZES[self.dtype]
        if needed != self.size:
            raise ValueError(
                f"tensor {self.path!r} says {self.size} bytes; "
                f"{self.dtype}{list(self.shape)} takes {needed}"
            )


def check_tensors(prefix: str, tensors: tuple[Tensor, ...], sizes: Mapping[str, int]) -> None:
    """Refuse tensors that lie outside their member, in another one's place, or twice.

    Args:
        prefix: where the members of the tensors' part are.
        tensors: the index of one part.
        sizes: the size of every member by its full path.

    Raises:
        ValueError: naming the tensor.
    """
    ends: dict[str, int] = {}
    paths = [tensor.path for tensor in tensors]
    if len(set(paths)) != len(paths):
        raise ValueError("two tensors have the same path")
    for tensor in sorted(tensors, key=lambda tensor: (tensor.member, tensor.offset, tensor.size)):
        member = prefix + tensor.member
        if member not in sizes or tensor.member.startswith("parts/"):
            raise ValueError(f"tensor {tensor.path!r} lies in {member!r}, which is no member")
        end = tensor.offset + tensor.size
        if end > sizes[member]:
            raise ValueError(
                f"tensor {tensor.path!r} ends at byte {end} of {member!r}, "
                f"which has {sizes[member]}"
            )
        if tensor.size and tensor.offset < ends.get(member, 0):
            raise ValueError(f"tensor {tensor.path!r} overlaps another one in {member!r}")
        ends[member] = max(end, ends.get(member, 0))
