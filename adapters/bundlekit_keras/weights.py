"""The adapter `keras-weights`: the weights of a model or layer, and nothing else.

The member is what `keras.Model.save_weights` writes, without the optimizer's state. Adopted files
keep their own form: by the place in the model, by layer, in shards, or a checkpoint.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bundlekit_tensorflow import keras_2

from bundlekit.adapter import Adopted, Context, Description, Foreign, Need, Out, Payload
from bundlekit.errors import Damaged, NotBuilt
from bundlekit_keras import (
    checkpoint,
    deep,
    exact,
    indexed,
    loading,
    record,
    stored,
    weights_file,
    writing,
)
from bundlekit_keras.account import account_of
from bundlekit_keras.framework import environment
from bundlekit_keras.keras_file import WEIGHTS
from bundlekit_keras.parts import wanted_arrays

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class WeightsAdapter:
    """The weights of any built `keras.Model` or layer; of tf_keras' models, as a checkpoint."""

    name = "keras-weights"
    version = 1
    reads = (1,)
    types = ("keras.Layer", "tf_keras.Model")
    default = False
    deterministic = True
    pack_options = ()
    unpack_options = ("into", "match", "allow_partial", "parts")
    members = ("model.weights.h5", "variables.json", "checkpoint.index", "checkpoint.data-…")
    gives = "a dict from path to array; with `into=`, a `LoadReport`"
    keeps = (
        "weights",
        "their order and names",
    )
    loses = (
        "architecture",
        "compile arguments and the optimizer's state",
        "vocabularies",
    )

    def pack(self, obj: Any, out: Out, options: Mapping[str, object]) -> Description:
        """Write the weights, and beside them their order and names.

        Raises:
            NotBuilt: there are none yet.
        """
        if not obj.built:
            raise NotBuilt(
                f"{obj.name!r} ({type(obj).__name__}) is not built: it has no weights yet; call it "
                f"on data first",
                model=obj.name,
            )
        if keras_2.is_model(obj):
            return _pack_tf_keras(obj, out)
        account = account_of(obj)
        file = writing.weights(account, without=weights_file.apart(account), empty=False)
        out.add(WEIGHTS, file.pieces, tensors=file.tensors)
        exact.pack_weights(account, out, file.tensors, others=file.others)
        return Description(
            kind="weights",
            name=obj.name,
            parameters=obj.count_params(),
            losses=weights_file.losses(obj, account),
            environment=environment(),
        )

    def audit(self, payload: Payload) -> tuple[Need, ...]:
        """Need nothing: arrays are arrays. A checkpoint is read by TensorFlow, and not here."""
        if not checkpoint.is_one(payload.paths):
            with _opened(payload):
                pass
        return ()

    def requires(self, payload: Payload) -> tuple[str, ...]:
        """Name what reads the arrays; a model to load them into is the caller's."""
        return ("tensorflow", "numpy") if checkpoint.is_one(payload.paths) else ("h5py", "numpy")

    def unpack(self, payload: Payload, context: Context) -> Any:
        """Give the arrays by path, or load them `into` a model.

        Args:
            payload: the weights.
            context: its options may have `into`, a built model or layer; `match`: `path` (by the
                place in the model, the default), `name` or `order`; `allow_partial`: which of
                `missing`, `unexpected` and `mismatched` pass, or `True`. Or `parts`: places such
                as `{"layers/dense"}`; no other weights are read than these.

        Returns:
            A dict from path to array, in order; with `into`, a `LoadReport`.

        Raises:
            IncompleteLoad: not everything matched, and that was not allowed.
        """
        loading.require_target(context.options)
        places = wanted_arrays(context.options)
        with _opened(payload) as found:
            if places:
                return indexed.taken(found, places)
            if "into" in context.options:
                return loading.load_into(found, context.options)
            return {one.path: one.read() for one in (*found.weights, *found.optimizer)}

    def deep(self, payload: Payload) -> None:
        """Compare the tensor index with the file's own structure."""
        deep.compare(payload, WEIGHTS)

    def adopt(self, foreign: Foreign) -> Adopted | None:
        """Take weights in H5, in shards, or in a checkpoint of TensorFlow's."""
        members = weights_file.members_of(foreign) or checkpoint.members_of(foreign)
        if members is None:
            return None
        return Adopted(
            members=members,
            description=Description(kind="weights", losses=weights_file.UNNAMED),
            type="keras.Model",
            written_by=weights_file.writer_of(members),
        )


def _pack_tf_keras(model: Any, out: Out) -> Description:
    """Write a checkpoint, which `tf.train.Checkpoint` and tf_keras read as well."""
    for path, data in keras_2.checkpoint(model).items():
        out.add(path, data, tensors=path != checkpoint.INDEX)
    return Description(
        kind="weights",
        name=model.name,
        parameters=model.count_params(),
        losses=weights_file.UNNAMED,
        environment=keras_2.environment(),
    )


@contextmanager
def _opened(payload: Payload) -> Iterator[stored.Stored]:
    paths = set(payload.paths)
    if paths - {record.MEMBER} == {WEIGHTS}:
        with indexed.opened(payload, WEIGHTS) as found:
            yield found
    elif weights_file.MAP in paths:
        with weights_file.opened_shards(payload) as found:
            yield found
    elif checkpoint.is_one(paths):
        with checkpoint.opened(payload) as found:
            yield found
    else:
        payload.read(WEIGHTS)
        raise Damaged(f"{', '.join(sorted(paths))} are not the members of weights")
