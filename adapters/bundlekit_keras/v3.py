"""The adapter `keras`: whole models, in the form that Keras itself calls v3.

The members are those of a Keras v3 zip, written and read by Keras' own saver, so that the
artifact under a name ending in `.keras` opens with stock `keras.saving.load_model`. Beside
them stands what Keras leaves out: the states of random generators, and the process-wide defaults
that the model was made under.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import (
    Adopted,
    Context,
    Description,
    Foreign,
    Known,
    Need,
    Out,
    Part,
    Payload,
    Probed,
)
from bundlekit.errors import BundleError, Damaged, NotRestorable
from bundlekit_keras import (
    adapted,
    assembly,
    custom_objects,
    deep,
    defaults,
    exact,
    exclusive,
    fidelity,
    hdf5,
    indexed,
    inner_layers,
    internals,
    keras_file,
    loading,
    older_places,
    probe,
    record,
    restoring,
    scopes,
    state,
    writing,
)
from bundlekit_keras import stored as stored_weights
from bundlekit_keras.account import account_of
from bundlekit_keras.collecting import uncollected
from bundlekit_keras.described import (
    describe,
    optimizer_kind,
    require_vocabularies,
    type_of,
)
from bundlekit_keras.framework import environment, require_keras
from bundlekit_keras.keras_file import ASSETS, CONFIG, METADATA, WEIGHTS
from bundlekit_keras.parts import (
    compiles,
    drops_optimizer,
    keeps_optimizer,
    needed,
    wanted_arrays,
    wanted_parts,
)
from bundlekit_keras.route import Route, route
from bundlekit_keras.signature import signature_of
from bundlekit_keras.writer import writer_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_MEMBERS = probe.MEMBERS | {CONFIG, METADATA, WEIGHTS, record.MEMBER, state.MEMBER}


class KerasAdapter:
    """Any built `keras.Model`, compiled or not, with its optimizer's state."""

    name = "keras"
    version = 1
    reads = (1,)
    types = ("keras.Model",)
    default = True
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
        "config.json",
        "metadata.json",
        "model.weights.h5",
        "assets/…",
        "state.safetensors",
        "variables.json",
        "probe.json",
        "probe.safetensors",
    )
    gives = "the compiled, trainable model"
    keeps = (
        "architecture",
        "weights",
        "compile arguments",
        "the optimizer's state",
        "vocabularies",
        "states of random generators",
        "states of stateful recurrent layers",
        "running metrics",
        "LoRA weights, unmerged",
        "trainable flags and dtype policies of every layer",
    )
    loses = (
        "running losses of single outputs",
        "objects that were set on a `Sequential` or Functional model after it was made",
    )

    @uncollected()
    @internals.answered_once()
    def pack(self, obj: Any, out: Out, options: Mapping[str, object]) -> Description:
        """Write the members of a Keras v3 zip; with `example=inputs`, a prediction beside them.

        Raises:
            NotBuilt: the model has not seen an input shape yet.
            Unwritable: Keras cannot save it, or would save something else.
        """
        optimizer = not drops_optimizer(options)
        writing.require_storable(obj)
        predicted = probe.pack(obj, out, options)
        account = account_of(obj)
        adapted.require_calibrated(account)
        # First, so that they can be on their way while the rest is made.
        file = writing.weights(account, without=() if optimizer else account.optimizers.values())
        out.add(WEIGHTS, file.pieces, tensors=file.tensors)
        made = writing.written(obj, account)
        for path, data in made.assets.items():
            out.add(path, data)
        signature = signature_of(obj, predicted)
        left_out = fidelity.kinds_left_out(obj, optimizer=optimizer)
        kept = exact.pack(
            account,
            out,
            file.tensors,
            others=file.others,
            signature=signature,
            without=left_out,
        )
        writing.add_config(out, made.config, obj)
        return Description(
            kind="model",
            name=obj.name,
            signature=signature,
            parameters=obj.count_params(),
            capabilities=fidelity.capabilities(obj, made.config, kept),
            losses=fidelity.losses(obj, account, kept, signature, optimizer=optimizer),
            states=kept.states,
            custom_objects=made.own,
            environment=environment(),
        )

    def audit(self, payload: Payload) -> tuple[Need, ...]:
        """Name what the config takes from outside Keras, whatever the manifest says of it."""
        if WEIGHTS not in payload.paths:
            payload.read(WEIGHTS)
        listed = record.of(payload)
        if listed is None and payload.whole:
            with hdf5.opened(payload.read(WEIGHTS), WEIGHTS):
                pass  # it is plain: Keras and tf_keras follow links
        for path in payload.paths:
            if path not in _MEMBERS and not path.startswith(ASSETS):
                raise Damaged(f"{path} is no member of the adapter 'keras'", member=path)
        found = _route(payload)
        defaults.check(payload.json(METADATA))
        probe.audit(payload, found)
        if listed is not None:
            record.require_indexed(listed, payload.part.tensors)
        return found.needs(payload.part, CONFIG)

    def needed(self, needs: tuple[Need, ...], options: Mapping[str, object]) -> tuple[Need, ...]:
        """Leave out what only compiling takes, where it is not compiled."""
        return needed(needs, options)

    def requires(self, payload: Payload) -> tuple[str, ...]:
        """Name what builds the model: the installed Keras, or tf_keras where only that can."""
        return _route(payload).requires

    def known(self) -> Known:
        """Give what open scopes and Keras' registry hold."""
        return scopes.known()

    def scoped(self) -> Mapping[str, object]:
        """Give what the calling thread's open scopes hold."""
        return scopes.scoped()

    def unpack(self, payload: Payload, context: Context) -> Any:
        """Build the model with Keras' own loader, or what the options ask for.

        With `register=True` the user's classes and functions stay in Keras' registry. With
        `parts={"config"}` the model is fresh and not compiled, and no weights are read. With
        `parts={"weights"}`, or places such as `{"layers/dense"}`, it is a dict from path to array,
        and no other weights are read than these. With `into=model` the weights, and the optimizer's
        state if that model is compiled, are loaded into it, and a `LoadReport` is given back;
        `match` and `allow_partial` are those of the adapter `keras-weights`. With `check="probe"`
        the model is given back only if it repeats the prediction that is stored with it.

        Raises:
            NotRestorable: Keras failed, with its error as the cause.
            IncompleteLoad: the weights are not those of `into`.
            ProbeFailed: the model answers otherwise than it did.
        """
        found = _route(payload)
        if not found.is_tf_keras:
            require_keras()
        loading.require_target(context.options)
        wanted = probe.is_wanted(payload, context.options)
        if "into" in context.options:
            with indexed.opened(payload, WEIGHTS) as stored:
                kind = optimizer_kind(found.config)
                return loading.load_into(
                    replace(stored, optimizer_kind=kind),
                    context.options,
                    before=lambda target: assembly.require_places(target, stored, payload),
                    after=lambda target: assembly.load_assets(target, stored, payload),
                )
        arrays = wanted_arrays(context.options)
        if arrays:
            return indexed.arrays(payload, WEIGHTS, arrays)
        fresh = wanted_parts(context.options, ("config",)) == {"config"}
        if found.is_tf_keras:
            members = older_places.renamed({path: payload.read(path) for path in payload.paths})
            return found.by_tf_keras(payload, context, members)
        around = defaults.of_file(payload.json(METADATA), found.config)
        with exclusive.building, defaults.set_as(around):
            if fresh:
                return assembly.build(found.config, context, compiled=False, payload=payload)
            if defaults.are_in(payload.json(METADATA)):
                model = restoring.restored(found.config, payload, context, WEIGHTS)
            elif found.writer.is_keras_2:
                model = _assemble(payload, context)
            else:
                model = _load_or_assemble(payload, context)
        if wanted:
            probe.replay(model, payload)
        if context.options.get("register"):
            custom_objects.register(context.objects)
        return model

    def probe(self, obj: Any, payload: Payload) -> Probed:
        """Let a restored model repeat the stored prediction."""
        return probe.replay(obj, payload)

    def inner(self, obj: Any) -> Mapping[str, Any]:
        """Give the layers that have weights, models among them, however deep."""
        return inner_layers.of(obj)

    def deep(self, payload: Payload) -> None:
        """Compare the tensor index with the members' own formats."""
        deep.compare(payload, WEIGHTS)

    def adopt(self, foreign: Foreign) -> Adopted | None:
        """Take a `.keras` file of Keras 2, Keras 3 or tf_keras, or one that is unzipped."""
        members = keras_file.members_of(foreign)
        if members is None:
            return None
        part = Part(adapter=self.name, payload_version=1, distribution="?", type="?", kind="?")
        payload = Payload(part, members, {})
        found = _route(payload)
        require_vocabularies(
            found.config,
            [path for path in members if path.startswith(ASSETS)],
            what=repr(foreign.name),
            remedy="save the model as one .keras file, or adapt the layer again",
        )
        with stored_weights.opened(payload.read(WEIGHTS), WEIGHTS) as stored:
            resumes = bool(stored.optimizer)
        return Adopted(
            members=members,
            description=describe(found, resumes=resumes),
            type=type_of(payload.json(CONFIG), found.writer),
            written_by=str(found.writer),
        )


def _route(payload: Payload) -> Route:
    """Find out who builds the model, and from what; the same to audit and to build from."""

    def found() -> Route:
        metadata, config = payload.json(METADATA), payload.json(CONFIG)
        for path, value in ((METADATA, metadata), (CONFIG, config)):
            if not isinstance(value, dict):
                raise Damaged(f"{path} is no JSON object", member=path)
        writer = writer_of(metadata.get("keras_version"), METADATA)
        today = writer.is_installed and defaults.are_in(metadata)
        return route(config, None, writer, CONFIG, today=today)

    route_found: Route = payload.once(CONFIG, found)
    return route_found


def _load_or_assemble(payload: Payload, context: Context) -> Any:
    """Let Keras load a file of its own; what it does not read of an older minor, put together."""
    try:
        return _load(payload, context)
    except NotRestorable as error:
        try:
            return _assemble(payload, context)
        except BundleError:
            raise error from error.__cause__


def _assemble(payload: Payload, context: Context) -> Any:
    options = context.options
    config = _route(payload).config
    model = assembly.build(config, context, compiled=compiles(options), payload=payload)
    with stored_weights.opened(payload.read(WEIGHTS), WEIGHTS) as stored:
        assembly.fill(model, stored, payload, optimizer=keeps_optimizer(options))
    return model


def _load(payload: Payload, context: Context) -> Any:
    """Build the model from the config that was audited, in the way of stock Keras.

    Keras builds every optimizer that it loads and then looks for its slots. Where there are none,
    or not those of this model, it is compiled after loading and not while.
    """
    keras = require_keras()
    resume = keeps_optimizer(context.options) and "resume" in payload.part.capabilities
    carried = any(need.kind == "lambda" and not need.code for need in context.needs)
    try:
        with custom_objects.presented(_route(payload).config, context) as config:
            later = None if resume else config.pop("compile_config", None)
            with TemporaryDirectory(prefix="bundlekit-") as folder:
                path = Path(folder) / "model.keras"
                _write_keras(path, config, payload)
                model = keras.saving.load_model(path, safe_mode=not carried)
            if not isinstance(model, keras.Model):
                kind = type(model).__name__
                raise TypeError(f"the config is that of a {kind}, which is no model")
            if later and compiles(context.options) and "fit" in payload.part.capabilities:
                model.compile_from_config(later)
    except Exception as error:
        raise assembly.failed(payload, error) from error
    if resume:
        fidelity.require_slots(model, payload.read(WEIGHTS))
    return model


def _write_keras(path: Path, config: dict[str, Any], payload: Payload) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(CONFIG, json.dumps(config))
        archive.writestr(METADATA, json.dumps(payload.json(METADATA)))
        for name in payload.paths:
            if name == WEIGHTS or name.startswith(ASSETS):
                archive.writestr(name, payload.read(name))
