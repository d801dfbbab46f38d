"""Files of weights: written without an optimizer, and taken over as others wrote them."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Loss, Payload
from bundlekit.errors import Damaged
from bundlekit_keras import hdf5, stored, writer
from bundlekit_keras.keras_file import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bundlekit.adapter import Foreign
    from bundlekit.source import Buffer
    from bundlekit_keras.account import Account

MAP = "model.weights.json"
"""The map of shards, whatever its file was called."""
_SHARD = re.compile(r"[^/\\:]+\.weights\.h5|[^/\\:]+\.h5")
UNNAMED = (
    Loss(
        what="what is not a weight",
        why="the file holds arrays only: no architecture, and no vocabulary of lookup layers",
    ),
)


def apart(account: Account) -> list[Any]:
    """Give the objects in a model whose variables are no weights: optimizers and metrics."""
    return [*account.optimizers.values(), *account.metrics.values()]


def losses(obj: Any, account: Account) -> tuple[Loss, ...]:
    """Tell what a model has that is no weight."""
    inside = [account.owners[place] for place in account.stored]
    names = sorted({owner.name for owner in inside if hasattr(owner, "get_vocabulary")})
    found = [Loss(what="architecture", why="weights only; the model to load them into is yours")]
    if getattr(obj, "compiled", False):
        why = "weights only; compile the model that they are loaded into"
        found.append(Loss(what="compile arguments and optimizer state", why=why))
    if names:
        why = f"weights only; adapt {', '.join(names)} again, or use the adapter 'keras'"
        found.append(Loss(what="vocabularies", why=why))
    return tuple(found)


def members_of(foreign: Foreign) -> dict[str, Buffer] | None:
    """Give the members of a file of weights, or of a map with its shards; `None` for others.

    Raises:
        Damaged, Refused, LimitExceeded: it is one, and not sound.
    """
    if foreign.is_folder:
        return None
    if hdf5.is_hdf5(foreign.head(len(hdf5.MAGIC))):
        data = foreign.read()
        with hdf5.opened(data, foreign.name) as file:
            whole = hdf5.has(file, "model_config", foreign.name)
        return None if whole else {WEIGHTS: data}
    if foreign.head(1).strip()[:1] != b"{":
        return None
    return _sharded(foreign)


def _sharded(foreign: Foreign) -> dict[str, Buffer] | None:
    data = foreign.read()
    try:
        found = json.loads(bytes(data))
    except (ValueError, RecursionError):
        return None
    shards = _shards(found)
    if shards is None:
        return None
    return {MAP: data, **{name: foreign.beside(name).read() for name in shards}}


def _shards(found: object) -> list[str] | None:
    """Give the files that a map of shards names; `None` where it is no such map."""
    listed = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(listed, dict):
        return None
    names: set[str] = set()
    for files in listed.values():
        several = files if isinstance(files, list) else [files]
        for name in several:
            if not isinstance(name, str) or not _SHARD.fullmatch(name):
                raise Damaged(f"{MAP} refers to {name!r}; expected the name of an H5 file")
            names.add(name)
    return sorted(names)


@contextmanager
def opened_shards(payload: Payload) -> Iterator[stored.Stored]:
    """Open the shards of a payload.

    Raises:
        Damaged: the map and the shards do not tell of the same.
    """
    names = _shards(payload.json(MAP))
    if names is None or {*names, MAP} != set(payload.paths):
        raise Damaged(f"{MAP} and the shards beside it do not belong together", member=MAP)
    with stored.opened_shards({name: payload.read(name) for name in names}) as found:
        listed = {place.strip("/") for place in payload.json(MAP)["weight_map"]}
        held = {one.path.rpartition("/")[0] for one in (*found.weights, *found.optimizer)}
        if not held <= listed:
            raise Damaged(f"{MAP} lists other weights than its shards hold", member=MAP)
        yield found


def writer_of(members: Mapping[str, Buffer]) -> str:
    """Say who wrote a file of weights, as far as it tells."""
    if WEIGHTS not in members:
        return "TensorFlow" if MAP not in members else "Keras 3"
    with hdf5.opened(members[WEIGHTS], WEIGHTS) as file:
        version = hdf5.text(file, "keras_version", WEIGHTS)
        if version:
            return str(writer.writer_of(version, WEIGHTS))
        old = "_layer_checkpoint_dependencies" in file
    return "Keras 2.12 or 2.13" if old else "Keras 2.14 or later"
