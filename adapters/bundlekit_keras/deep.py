"""What the tensor index says, compared with what the file formats themselves say.

Restoring goes by the index alone. Who opens a member with other tools goes by its format: both are
to find the same arrays.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import ITEM_SIZES
from bundlekit.errors import Damaged
from bundlekit_keras import record, state, stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bundlekit.adapter import Payload


def compare(payload: Payload, weights: str) -> None:
    """Compare the index with Keras' own file, and with the states beside it.

    Args:
        payload: a bundle of ours; of others there is nothing to compare.
        weights: the path of Keras' own file.

    Raises:
        Damaged: naming the member and what differs.
    """
    if record.of(payload) is None:
        return
    if weights in payload.paths:
        with stored.opened_arrays(payload.read(weights), weights) as arrays:
            found = {
                path: (one.dtype, one.shape, one.offset or 0)
                for path, one in arrays.items()
                if one.dtype in ITEM_SIZES
            }
        _require_same(found, payload, weights)
    if state.MEMBER in payload.paths:
        _require_same(_in_states(payload), payload, state.MEMBER)


def _in_states(payload: Payload) -> dict[str, tuple[str, tuple[int, ...], int]]:
    from safetensors import SafetensorError, deserialize

    data = bytes(payload.read(state.MEMBER))
    try:
        deserialize(data)  # type: ignore[no-untyped-call]
        length = int.from_bytes(data[: state.LENGTH], "little")
        header: dict[str, Any] = json.loads(data[state.LENGTH : state.LENGTH + length])
    except (SafetensorError, ValueError) as error:
        raise Damaged(f"{state.MEMBER} is not sound: {error}", member=state.MEMBER) from error
    names = {short: name for name, short in state.DTYPES.items()}
    return {
        path: (
            names.get(one["dtype"], one["dtype"]),
            tuple(one["shape"]),
            state.LENGTH + length + one["data_offsets"][0],
        )
        for path, one in header.items()
        if path != "__metadata__"
    }


def _require_same(
    found: Mapping[str, tuple[str, tuple[int, ...], int]], payload: Payload, member: str
) -> None:
    listed = {
        one.path: (one.dtype, one.shape, one.offset)
        for one in payload.part.tensors
        if one.member == member
    }
    paths = dict.fromkeys((*found, *listed))
    differing = [path for path in paths if found.get(path) != listed.get(path)]
    if differing:
        path = differing[0]
        raise Damaged(
            f"the tensor index of the manifest and {member} differ in {len(differing)} tensors: "
            f"{path} is {listed.get(path, 'not listed')} in the index, and "
            f"{found.get(path, 'not there')} in the file; it was changed after bundlekit wrote it",
            member=member,
            paths=tuple(differing),
        )
