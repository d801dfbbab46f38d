"""All of a model's variables, kept and restored: each has one tensor, and each tensor one variable.

Keras' own file holds what Keras stores; `state.safetensors` holds the rest. The record beside them
says which variables there are, and a model that has others is no model of this bundle.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from bundlekit.errors import Damaged, NotRestorable, Unwritable
from bundlekit_keras import (
    adapted,
    attached,
    bijection,
    buffers,
    flags,
    indexed,
    internals,
    record,
    running_metrics,
    state,
    stored,
)
from bundlekit_keras.framework import require_keras
from bundlekit_keras.record import Array, Record, Variable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from bundlekit.adapter import Out, Payload, Signature, Tensor
    from bundlekit_keras.account import Account, Entry

_KINDS = {"metric": "running metrics", "optimizer": "optimizer", "random": "random states"}


class Kept(NamedTuple):
    """What a bundle keeps of a model's variables."""

    record: Record
    states: tuple[str, ...]


def pack(
    account: Account,
    out: Out,
    index: Iterable[Tensor],
    *,
    held: Iterable[str] = (),
    others: tuple[str, ...] = (),
    signature: Signature | None = None,
    without: Collection[str] = (),
) -> Kept:
    """Write what Keras leaves out, and the record of all variables.

    Args:
        account: of the live model.
        out: where to.
        index: where Keras' own file has its arrays.
        held: the paths of variables that a file without an index holds.
        others: the paths of arrays in Keras' own file that no index can list.
        signature: of the model, which metrics are made for.
        without: kinds of variables that are not kept: `optimizer`, `metric`.

    Raises:
        Unwritable: Keras' file holds a variable in another form.
    """
    index = tuple(index)
    _require_held(account, index)
    in_file = {*held, *(tensor.path for tensor in index)}
    measured = frozenset() if "metric" in without else running_metrics.kept(account, signature)
    aside = attached.left_out(account)
    kept = {
        path: one
        for path, one in account.entries.items()
        if one.kind not in without
        and (one.kind != "metric" or path in measured)
        and path not in aside
    }
    rest = {p: buffers.view(one.variable) for p, one in kept.items() if p not in in_file}
    if rest:
        data, tensors = state.pack(rest)
        out.add(state.MEMBER, data, tensors=tensors)
    found = Record(
        variables=tuple(_described(one) for one in kept.values()),
        arrays=_arrays(account, kept.values(), index),
        trained={
            place: paths
            for place, paths in trained_of(account).items()
            if "optimizer" not in without and not attached.is_in(place, aside.values())
        },
        metrics={
            place: kind
            for place, kind in running_metrics.kinds(account, signature).items()
            if measured and not attached.is_in(place, aside.values())
        },
        layers=flags.of(account),
        not_indexed=others,
    )
    out.add_json(record.MEMBER, record.plain(found))
    return Kept(found, tuple(_states(account, kept)))


def pack_weights(
    account: Account, out: Out, index: Iterable[Tensor], *, others: tuple[str, ...] = ()
) -> None:
    """Write the record of the weights alone; the arguments are those of `pack`."""
    index = tuple(index)
    stored_paths = {tensor.path for tensor in index}
    weights = [one for path, one in account.entries.items() if path in stored_paths]
    found = Record(
        variables=tuple(_described(one) for one in weights),
        arrays=_arrays(account, weights, index),
        not_indexed=others,
    )
    out.add_json(record.MEMBER, record.plain(found))


def restore(account: Account, found: Record, payload: Payload, member: str) -> None:
    """Give every variable of a rebuilt model its value.

    Args:
        account: of the rebuilt model.
        found: what is to come back.
        payload: what is stored.
        member: the path of Keras' own file.

    Raises:
        NotRestorable: the model has other variables than the record.
        Damaged: the arrays are not those that were bundled.
    """
    bijection.require_same(account, found, payload)
    wanted = {one.path for one in found.variables}
    listed = found.paths
    groups: dict[str, dict[str, Tensor]] = {}
    for tensor in payload.part.tensors:
        if tensor.member == member and tensor.path in listed:
            place, key = indexed.place_of(tensor.path)
            groups.setdefault(place, {})[key] = tensor
    with _not_indexed(found, payload, member) as others:
        for place in {**groups, **others}:
            own = groups.get(place, {})
            paths = {tensor.path for tensor in own.values()}
            owner = account.owners.get(place)
            if owner is not None and (place in others or _loads_more(owner, paths <= wanted)):
                values = {key: indexed.array(payload, tensor) for key, tensor in own.items()}
                owner.load_own_variables(values | others.get(place, {}))
            for tensor in own.values():
                if tensor.path in wanted:
                    _give(account.entries[tensor.path], indexed.array(payload, tensor))
    restore_rest(account, found, payload)


@contextmanager
def _not_indexed(
    found: Record, payload: Payload, member: str
) -> Iterator[dict[str, dict[str, Any]]]:
    """Give the arrays that no tensor index lists, such as texts, by place and key."""
    if not found.not_indexed:
        yield {}
        return
    with stored.opened_arrays(payload.read(member), member) as arrays:
        others: dict[str, dict[str, Any]] = {}
        for path in found.not_indexed:
            if path not in arrays:
                raise Damaged(f"{member} has no {path}, which {record.MEMBER} lists", path=path)
            place, key = indexed.place_of(path)
            others.setdefault(place, {})[key] = arrays[path].read()
        yield others


def restore_rest(account: Account, found: Record, payload: Payload) -> None:
    """Give the variables that Keras leaves out their values, and all their flags."""
    rest = {one.path: one for one in payload.part.tensors if one.member == state.MEMBER}
    for one in found.variables:
        if one.path in rest:
            _give(account.entries[one.path], indexed.array(payload, rest[one.path]))
    restore_flags(account, found)


def restore_flags(account: Account, found: Record) -> None:
    """Set layers and variables as they were, where they are there."""
    trainable = {one.path: one.trainable for one in found.variables}
    flags.restore(account, found.layers, trainable)


def _give(entry: Entry, value: Any) -> None:
    if str(value.dtype) == entry.dtype:
        buffers.give(entry.variable, value)
        return
    cast = value.astype(entry.dtype)
    if (cast != value).any():
        raise NotRestorable(
            f"{entry.path} is stored as {value.dtype} {value.ravel()[:4].tolist()}; this backend "
            f"keeps it as {entry.dtype}, which cannot hold that",
            path=entry.path,
        )
    entry.variable.assign(cast)


def _loads_more(owner: Any, all_variables: bool) -> bool:
    """Whether an object may do more than take its arrays.

    Args:
        owner: the object.
        all_variables: whether its arrays are its variables, each as it is.
    """
    keras = require_keras()
    plain: tuple[Any, ...] = (keras.Layer, keras.optimizers.Optimizer)
    # These tell apart how they are quantised; what is not a variable of theirs stays as it is.
    if all_variables:
        layers = keras.layers
        plain += (layers.Dense, layers.EinsumDense, layers.Embedding, layers.Conv2D)
    own = getattr(type(owner), "load_own_variables", None)
    calibrated = adapted.mode_of(owner) in adapted.CALIBRATED  # which Keras does not load
    known = own in {kind.load_own_variables for kind in plain}
    return own is not None and not calibrated and not known


def _require_held(account: Account, index: Iterable[Tensor]) -> None:
    for tensor in index:
        entry = account.entries.get(tensor.path)
        if entry is not None and (tensor.shape, tensor.dtype) != (entry.shape, entry.dtype):
            raise Unwritable(
                f"{entry.path} ({entry.name}) is {entry.dtype}{list(entry.shape)}, and Keras "
                f"stores it as {tensor.dtype}{list(tensor.shape)}; mend save_own_variables of "
                f"{type(entry.owner).__name__}",
                path=entry.path,
            )


def _arrays(
    account: Account, variables: Iterable[Entry], index: Iterable[Tensor]
) -> tuple[Array, ...]:
    """List what a file holds that is no variable."""
    own = {path for one in variables for path in (one.path, *one.also)}
    names = {path: slot.name for path, slot in account.arrays.items()}
    return tuple(
        Array(path=tensor.path, name=names.get(tensor.path, tensor.path))
        for tensor in index
        if tensor.path not in own
    )


def _described(entry: Entry) -> Variable:
    trainable = entry.kind in ("weight", "state") and bool(getattr(entry.variable, "trainable", 0))
    return Variable(
        path=entry.path,
        name=entry.name,
        kind=entry.kind,
        trainable=trainable,
        also=entry.also,
        attribute=attached.attribute_of(entry),
    )


def trained_of(account: Account) -> dict[str, tuple[str, ...]]:
    """Give the paths of the variables that each optimizer was built for, where it is built."""
    paths = {id(one.variable): one.path for one in account.entries.values()}
    found = {}
    for place, optimizer in account.optimizers.items():
        variables = internals.optimizer_variables(optimizer) if optimizer.built else None
        if optimizer.built and variables is None and optimizer is account.main_optimizer:
            # By public means, only what is trainable now can be told; loading tells if that is it.
            variables = list(account.owners[""].trainable_variables)
        if variables is not None and all(id(one) in paths for one in variables):
            found[place] = tuple(paths[id(one)] for one in variables)
    return found


def _states(account: Account, kept: Mapping[str, Entry]) -> Iterator[str]:
    """Name what is kept besides the weights."""
    for one in kept.values():
        if one.kind == "state":
            is_lora = adapted.lora_of(one.owner)
            stateful = getattr(one.owner, "stateful", False) is True
            yield "LoRA weights" if is_lora else "recurrent states" if stateful else "other states"
        elif one.kind in _KINDS:
            yield _KINDS[one.kind]
    for layer in account.layers.values():
        if not layer.trainable:
            yield "trainable flags"
        if adapted.mode_of(layer):
            yield "quantization"
        if layer.dtype_policy.name != require_keras().config.dtype_policy().name:
            yield "dtype policies"
