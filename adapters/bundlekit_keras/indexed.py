"""The arrays of a bundle, read by its tensor index: no file format is parsed for them."""

from __future__ import annotations

from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from bundlekit.errors import UnknownOption
from bundlekit_keras import buffers, record, stored
from bundlekit_keras.addresses import VARIABLES
from bundlekit_keras.numbered import natural
from bundlekit_keras.stored import NO_WEIGHTS, Stored, StoredTensor

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from bundlekit.adapter import Payload, Tensor


def array(payload: Payload, tensor: Tensor) -> Any:
    """Give one array: checked against its digest, writable, and the caller's alone.

    Raises:
        Damaged: it is not what was bundled.
    """
    import numpy as np

    dtype = buffers.numpy_dtype(tensor.dtype)
    return np.frombuffer(payload.tensor(tensor.path), dtype).reshape(tensor.shape)


def place_of(path: str) -> tuple[str, str]:
    """Give the place of the object that an array in Keras' file belongs to, and its key there."""
    place, _, key = f"/{path}".rpartition(f"/{VARIABLES}/")
    return place.strip("/"), key


@contextmanager
def opened(payload: Payload, member: str) -> Iterator[Stored]:
    """Open the weights of a payload: by its tensor index, or the file, if it is not one of ours.

    Args:
        payload: what is stored.
        member: Keras' own file in it.

    Raises:
        Damaged: the record of variables is none; or, of a file of others, as `stored.opened`.
    """
    listed = record.of(payload)
    if listed is not None and not listed.not_indexed:
        yield weights(payload, member)
        return
    with stored.opened(payload.read(member), member) as found:
        yield found.in_order(listed.names, listed.names) if listed else found


def weights(payload: Payload, member: str) -> Stored:
    """Give the weights of a bundle of ours by its tensor index; each is read when it is asked for.

    Raises:
        Damaged: the record of variables is none.
    """
    listed = record.of(payload)
    tensors = (one for one in payload.part.tensors if one.member == member)
    found = [_stored(payload, tensor) for tensor in tensors]
    found.sort(key=lambda one: (natural(one.group), natural(one.key)))
    places = dict.fromkeys(one.group for one in found) | dict.fromkeys(
        listed.layers if listed else ()
    )
    plain = Stored(
        by_layer=False,
        weights=tuple(one for one in found if _root(one) not in NO_WEIGHTS),
        optimizer=tuple(one for one in found if _root(one) == "optimizer"),
        places=tuple(places),
        trained=listed.trained.get("optimizer") if listed else None,
    )
    return plain.in_order(listed.names, listed.names) if listed else plain


def arrays(payload: Payload, member: str, places: Collection[str]) -> dict[str, Any]:
    """Give arrays by path, and read no others.

    Args:
        payload: what is stored.
        member: Keras' own file in it.
        places: of the objects whose arrays are wanted, with all that is inside them; or `weights`.

    Raises:
        UnknownOption: there is nothing at a place.
    """
    with opened(payload, member) as found:
        return taken(found, places)


def taken(found: Stored, places: Collection[str]) -> dict[str, Any]:
    """Read the arrays at some places; see `arrays`."""
    everything = (*found.weights, *found.optimizer)
    known = {one.path for one in everything}
    chosen: dict[str, StoredTensor] = {}
    for place in places:
        there = [one for one in everything if f"{one.path}/".startswith(f"{place}/")]
        there = list(found.weights) if place == "weights" else there
        if not there:
            near = get_close_matches(place, [*{one.group for one in everything}, *known], 3)
            nearest = f"; the nearest are {', '.join(near)}" if near else ""
            raise UnknownOption(
                f"parts has {place!r}, where nothing is stored{nearest}; 'weights' is all of them",
                option="parts",
                found=place,
                known=tuple(near),
            )
        chosen |= {one.path: one for one in there}
    return {one.path: one.read() for one in everything if one.path in chosen}


def _root(one: StoredTensor) -> str:
    return one.group.partition("/")[0]


def _stored(payload: Payload, tensor: Tensor) -> StoredTensor:
    place, key = place_of(tensor.path)
    return StoredTensor(
        path=tensor.path,
        group=place,
        key=key,
        shape=tensor.shape,
        dtype=tensor.dtype,
        read=lambda: array(payload, tensor),
        offset=tensor.offset,
    )
