"""The adapter `keras-h5`: whole models in the older H5 format, for the tools that read it.

Keras' own loader makes of such a file a model that answers and does not train, or none at all. So
beside the file that Keras writes stands the config that its v3 format would hold, and the model is
built from that; the arrays come from the file. A file that others wrote holds a config of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bundlekit_tensorflow import keras_2

from bundlekit.adapter import (
    Adopted,
    Context,
    Description,
    Foreign,
    Known,
    Need,
    Out,
    Payload,
    Probed,
)
from bundlekit.errors import Damaged, NotBuilt, NotRestorable, Unwritable
from bundlekit_keras import (
    adapted,
    assembly,
    custom_objects,
    defaults,
    exact,
    exclusive,
    fidelity,
    h5_file,
    hdf5,
    loading,
    probe,
    record,
    restoring,
    scopes,
    state,
    stored,
    writing,
)
from bundlekit_keras.account import account_of
from bundlekit_keras.described import (
    FOREIGN_LOSSES,
    describe,
    optimizer_kind,
    require_vocabularies,
    type_of,
)
from bundlekit_keras.framework import environment, require_keras
from bundlekit_keras.h5_file import MODEL, REMEDY
from bundlekit_keras.keras_file import CONFIG, METADATA
from bundlekit_keras.parts import (
    compiles,
    drops_optimizer,
    keeps_optimizer,
    needed,
    wanted_parts,
)
from bundlekit_keras.route import OWN, Route, route
from bundlekit_keras.signature import signature_of
from bundlekit_keras.writer import Writer, writer_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_OWN = frozenset({CONFIG, METADATA, MODEL, record.MEMBER})
_TF_KERAS = "tf_keras"


class H5Adapter:
    """Whole models of Keras 3 and of tf_keras."""

    name = "keras-h5"
    version = 1
    reads = (1,)
    types = ("keras.Model", "tf_keras.Model")
    default = False
    deterministic = True
    pack_options = ("example", "optimizer")
    unpack_options = (
        "register",
        "parts",
        "compile",
        "optimizer",
        "into",
        "match",
        "allow_partial",
        "check",
    )
    members = (
        "model.h5",
        "config.json",
        "metadata.json",
        "state.safetensors",
        "variables.json",
        "probe.json",
        "probe.safetensors",
    )
    gives = "the compiled, trainable model; of Keras 3 or of tf_keras, as it was"
    keeps = (
        "architecture",
        "weights",
        "compile arguments",
        "the optimizer's state",
        "states of random generators (Keras 3)",
    )
    loses = (
        "what the adapter `keras` loses",
        "vocabularies that were adapted (refused)",
        "what `add_loss` and `add_metric` added to a model of tf_keras (refused)",
    )

    def pack(self, obj: Any, out: Out, options: Mapping[str, object]) -> Description:
        """Write the model as H5, and its config beside it.

        Raises:
            NotBuilt: the model has not seen an input shape yet.
            Unwritable: H5 cannot hold it: a vocabulary that was adapted, a subclassed model, …
        """
        if keras_2.is_model(obj):
            probe.refuse(options)
            return _pack_tf_keras(obj, out)
        optimizer = not drops_optimizer(options)
        writing.require_storable(obj)
        account = account_of(obj)
        adapted.require_calibrated(account)
        written = writing.written(obj, account)
        try:
            require_vocabularies(written.config, what="H5", remedy=REMEDY)
        except NotRestorable as error:
            raise Unwritable(str(error), model=obj.name) from error
        predicted = probe.pack(obj, out, options)
        data = h5_file.written(obj, optimizer=optimizer)
        out.add(MODEL, data, tensors=True)
        signature = signature_of(obj, predicted)
        left_out = fidelity.kinds_left_out(obj, optimizer=optimizer)
        kept = exact.pack(
            account, out, (), held=h5_file.held(account), signature=signature, without=left_out
        )
        writing.add_config(out, written.config, obj)
        return Description(
            kind="model",
            name=obj.name,
            signature=signature,
            parameters=obj.count_params(),
            capabilities=fidelity.capabilities(obj, written.config, kept),
            losses=fidelity.losses(obj, account, kept, signature, optimizer=optimizer),
            states=kept.states,
            custom_objects=written.own,
            environment=environment(),
        )

    def audit(self, payload: Payload) -> tuple[Need, ...]:
        """Name what the config takes from outside Keras, whatever the manifest says of it."""
        payload.read(MODEL)
        paths = {*payload.paths} - {state.MEMBER} - probe.MEMBERS
        if paths not in ({MODEL}, {MODEL, METADATA}, _OWN):
            raise Damaged(f"{', '.join(sorted(paths))} are not the members of 'keras-h5'")
        record.of(payload)
        found = _route(payload)
        probe.audit(payload, found)
        return found.needs(payload.part, MODEL)

    def needed(self, needs: tuple[Need, ...], options: Mapping[str, object]) -> tuple[Need, ...]:
        """Leave out what only compiling takes, where it is not compiled."""
        return needed(needs, options)

    def requires(self, payload: Payload) -> tuple[str, ...]:
        """Name what builds the model: the installed Keras, or tf_keras where only that can."""
        return _route(payload).requires

    def known(self) -> Known:
        """Give what open scopes and Keras' registry hold."""
        return scopes.known()

    def unpack(self, payload: Payload, context: Context) -> Any:
        """Build the model, compile it, and load its weights and the optimizer's state.

        The options are those of the adapter `keras`.

        Raises:
            NotRestorable: Keras failed, or config and weights are not of one model.
            ProbeFailed: the model answers otherwise than it did.
        """
        found = _route(payload)
        if not found.is_tf_keras:
            require_keras()
        loading.require_target(context.options)
        wanted = probe.is_wanted(payload, context.options)
        with stored.opened(payload.read(MODEL), MODEL) as weights:
            listed = record.of(payload)
            weights = replace(
                weights,
                optimizer_kind=optimizer_kind(found.config),
                trained=listed.trained.get("optimizer") if listed else None,
            )
            if "into" in context.options:
                return loading.load_into(weights, context.options)
            if found.is_tf_keras:
                return found.by_tf_keras(payload, context, {MODEL: payload.read(MODEL)})
            fresh = wanted_parts(context.options, ("config",)) == {"config"}
            around = defaults.of_file(_metadata(payload), found.config)
            with exclusive.building, defaults.set_as(around):
                if CONFIG in payload.paths and not fresh:
                    model = restoring.restored_of(found.config, payload, context, weights)
                else:
                    compiled = compiles(context.options)
                    model = assembly.build(
                        found.config, context, compiled=compiled, payload=payload
                    )
                    if fresh:
                        return model
                    assembly.fill(
                        model, weights, payload, optimizer=keeps_optimizer(context.options)
                    )
        if wanted:
            probe.replay(model, payload)
        if context.options.get("register"):
            custom_objects.register(context.objects)
        return model

    def probe(self, obj: Any, payload: Payload) -> Probed:
        """Let a restored model repeat the stored prediction."""
        return probe.replay(obj, payload)

    def adopt(self, foreign: Foreign) -> Adopted | None:
        """Take a whole model in H5, of Keras 2, Keras 3 or tf_keras, whatever its file is called.

        Raises:
            NotRestorable: it lacks a vocabulary.
        """
        if foreign.is_folder or not hdf5.is_hdf5(foreign.head(len(hdf5.MAGIC))):
            return None
        data = foreign.read()
        with hdf5.opened(data, foreign.name) as file:
            if not hdf5.has(file, "model_config", foreign.name):
                return None
            raw, training, writer = _embedded(file, foreign.name)
            resumes = "optimizer_weights" in file
        found = route(raw, training, writer, foreign.name)
        remedy = "export it from its writer as .keras or SavedModel, or adapt the layer again"
        require_vocabularies(found.config, what=repr(foreign.name), remedy=remedy)
        return Adopted(
            members={MODEL: data},
            description=describe(found, resumes=resumes),
            type=type_of(raw, writer),
            written_by=str(writer),
        )


def _pack_tf_keras(model: Any, out: Out) -> Description:
    """Write a model of tf_keras, which comes back as one."""
    if not model.built:
        raise NotBuilt(f"the model {model.name!r} is not built; call it on data first")
    data = keras_2.written(model)
    with hdf5.opened(data, MODEL) as file:
        raw, training, writer = _embedded(file, MODEL)
    out.add(MODEL, data, tensors=True)
    out.add_json(METADATA, {"keras_version": writer.version, _TF_KERAS: True})
    described = describe(
        Route(raw, training, writer, OWN), resumes="optimizer_config" in (training or {})
    )
    return replace(
        described,
        parameters=model.count_params(),
        losses=FOREIGN_LOSSES,
        custom_objects=keras_2.discover(model, raw, training),
    )


def _metadata(payload: Payload) -> Mapping[str, Any]:
    metadata = payload.json(METADATA) if METADATA in payload.paths else {}
    if not isinstance(metadata, dict):
        raise Damaged(f"{METADATA} is no JSON object", member=METADATA)
    defaults.check(metadata)
    return metadata


def _route(payload: Payload) -> Route:
    """Find out who builds the model, and from what; the same to audit and to build from."""

    def found() -> Route:
        if CONFIG in payload.paths:
            writer = writer_of(_metadata(payload).get("keras_version"), METADATA)
            if writer.is_keras_2:  # tf_keras reads another config, which nobody audits here
                raise Damaged(f"{CONFIG} stands beside {MODEL} in bundles of Keras 3 only")
            return route(payload.json(CONFIG), None, writer, CONFIG, today=writer.is_installed)
        with hdf5.opened(payload.read(MODEL), MODEL) as file:
            raw, training, writer = _embedded(file, MODEL)
        return route(raw, training, writer, MODEL, own=_TF_KERAS in _metadata(payload))

    route_found: Route = payload.once(MODEL, found)
    return route_found


def _embedded(file: Any, what: str) -> tuple[Any, dict[str, Any] | None, Writer]:
    raw = hdf5.parsed(file, "model_config", what)
    training = hdf5.parsed(file, "training_config", what)
    if not isinstance(training, dict | None):
        raise Damaged(f"{what} holds no config of a model", member=what)
    return raw, training, writer_of(hdf5.text(file, "keras_version", what), what)
