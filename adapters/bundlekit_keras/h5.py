"""The adapter `keras-h5`: whole models in the older H5 format, for the tools that read it.

Keras' own loader makes of such a file a model that answers and does not train, or none at all. So
beside the file that Keras writes stands the config that its v3 format would hold, and the model is
built from that; the arrays come from the file. A file that others wrote holds a config of its own.
"""

from __future__ import annotations

import io
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
    Payload,
)
from bundlekit.errors import BundleError, Damaged, NotRestorable, Unwritable
from bundlekit_keras import (
    assembly,
    audit,
    custom_objects,
    defaults,
    exclusive,
    fidelity,
    hdf5,
    legacy,
    loading,
    random_state,
    scopes,
    stored,
    writing,
)
from bundlekit_keras.described import (
    FOREIGN_LOSSES,
    describe,
    optimizer_kind,
    require_vocabularies,
    type_of,
)
from bundlekit_keras.framework import environment, innermost, require_keras
from bundlekit_keras.keras_file import CONFIG, METADATA
from bundlekit_keras.parts import wanted_parts
from bundlekit_keras.signature import signature_of
from bundlekit_keras.undisturbed import undisturbed
from bundlekit_keras.writer import Writer, require_readable, writer_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MODEL = "model.h5"
_OWN = frozenset({CONFIG, METADATA, MODEL})
_REMEDY = "use the adapter 'keras', which keeps it"


class H5Adapter:
    """Whole models of Keras 3, Sequential and Functional."""

    name = "keras-h5"
    version = 1
    reads = (1,)
    types = ("keras.Model",)
    default = False
    deterministic = True
    pack_options = ()
    unpack_options = ("register", "parts", "into", "match", "allow_partial")

    def pack(self, obj: Any, out: Out, options: Mapping[str, object]) -> Description:
        """Write the model as H5, and its config beside it.

        Raises:
            NotBuilt: the model has not seen an input shape yet.
            Unwritable: H5 cannot hold it: a vocabulary that was adapted, a subclassed model, …
        """
        writing.require_storable(obj)
        written = writing.written(obj)
        try:
            require_vocabularies(written.config, what="H5", remedy=_REMEDY)
        except NotRestorable as error:
            raise Unwritable(str(error), model=obj.name) from error
        data = _saved(obj)
        _require_whole(data, obj)
        out.add(MODEL, data, tensors=True)
        writing.add_config(out, written.config, obj)
        return Description(
            kind="model",
            name=obj.name,
            signature=signature_of(obj),
            parameters=obj.count_params(),
            capabilities=fidelity.capabilities(obj, written.config),
            losses=fidelity.losses(obj),
            custom_objects=written.own,
            environment=environment(),
        )

    def audit(self, payload: Payload) -> tuple[Need, ...]:
        """Name what the config takes from outside Keras, whatever the manifest says of it."""
        payload.read(MODEL)
        paths = {*payload.paths} - {random_state.MEMBER}
        if paths not in ({MODEL}, _OWN):
            raise Damaged(f"{', '.join(sorted(paths))} are not the members of 'keras-h5'")
        config, writer = _read(payload)
        return audit.needs(config, payload.part.custom_objects, written_by=writer.version)

    def known(self) -> Known:
        """Give what open scopes and Keras' registry hold."""
        return scopes.known()

    def unpack(self, payload: Payload, context: Context) -> Any:
        """Build the model, compile it, and load its weights and the optimizer's state.

        The options are those of the adapter `keras`.

        Raises:
            NotRestorable: Keras failed, or config and weights are not of one model.
        """
        config, writer = _read(payload)
        require_readable(writer)
        with stored.opened(payload.read(MODEL), MODEL) as weights:
            weights = replace(weights, optimizer_kind=optimizer_kind(config))
            if "into" in context.options:
                return loading.load_into(weights, context.options)
            fresh = wanted_parts(context.options, ("config",)) == {"config"}
            with exclusive.building, defaults.set_as(_metadata(payload)):
                model = assembly.build(config, context, compiled=not fresh, payload=payload)
                if fresh:
                    return model
                assembly.fill(model, weights, payload)
        if CONFIG in payload.paths:
            random_state.unpack(model, payload)
        if context.options.get("register"):
            custom_objects.register(context.objects)
        return model

    def adopt(self, foreign: Foreign) -> Adopted | None:
        """Take a whole model in H5, of Keras 2, Keras 3 or tf_keras, whatever its file is called.

        Raises:
            NotRestorable: it lacks a vocabulary.
        """
        if foreign.is_folder or not hdf5.is_hdf5(foreign.head(len(hdf5.MAGIC))):
            return None
        data = foreign.read()
        with hdf5.opened(data, foreign.name) as file:
            if "model_config" not in file.attrs:
                return None
            raw, training, writer = _embedded(file, foreign.name)
            resumes = "optimizer_weights" in file
        config = _modern(raw, training, writer)
        remedy = "export it from its writer as .keras or SavedModel, or adapt the layer again"
        require_vocabularies(config, what=repr(foreign.name), remedy=remedy)
        return Adopted(
            members={MODEL: data},
            description=describe(config, writer, resumes=resumes, losses=FOREIGN_LOSSES),
            type=type_of(raw, writer),
            written_by=str(writer),
        )


def _metadata(payload: Payload) -> Mapping[str, Any]:
    metadata = payload.json(METADATA) if METADATA in payload.paths else {}
    if not isinstance(metadata, dict):
        raise Damaged(f"{METADATA} is no JSON object", member=METADATA)
    defaults.check(metadata)
    return metadata


def _read(payload: Payload) -> tuple[dict[str, Any], Writer]:
    """Give the config to audit and to build from, and who wrote it."""

    def read() -> tuple[dict[str, Any], Writer]:
        if CONFIG in payload.paths:
            writer = writer_of(_metadata(payload).get("keras_version"), METADATA)
            return _modern(payload.json(CONFIG), None, writer), writer
        with hdf5.opened(payload.read(MODEL), MODEL) as file:
            raw, training, writer = _embedded(file, MODEL)
        return _modern(raw, training, writer), writer

    found: tuple[dict[str, Any], Writer] = payload.once(MODEL, read)
    return found


def _embedded(file: Any, what: str) -> tuple[dict[str, Any], dict[str, Any] | None, Writer]:
    raw = hdf5.parsed(file, "model_config", what)
    training = hdf5.parsed(file, "training_config", what)
    if not isinstance(raw, dict) or not isinstance(training, dict | None):
        raise Damaged(f"{what} holds no config of a model", member=what)
    version = hdf5.text(file, "keras_version", what)
    return raw, training, writer_of(version, what)


def _modern(raw: Any, training: dict[str, Any] | None, writer: Writer) -> dict[str, Any]:
    if not isinstance(raw, dict) or not {"class_name", "config"} <= set(raw):
        raise Damaged(f"{MODEL} holds no config of a model", member=MODEL)
    config: dict[str, Any] = legacy.modern(raw, written_by=writer.version)
    if training is not None:
        compiling = legacy.modern_compile_config(training, written_by=writer.version)
        config = {**config, "compile_config": compiling}
    return config


def _saved(model: Any) -> bytes:
    """Let Keras write the H5 file, without the arguments of compile.

    Where it writes them, it takes the optimizer out of the live model's; and it cannot read them.
    """
    keras = require_keras()
    try:
        with TemporaryDirectory(prefix="bundlekit-") as folder, undisturbed():
            path = Path(folder) / MODEL
            keras.saving.save_model(model, path, include_optimizer=False)
            data = path.read_bytes()
    except BundleError:
        raise
    except Exception as error:
        raise Unwritable(
            f"Keras could not save the model {model.name!r} ({type(model).__name__}) as H5: "
            f"{innermost(error)}; {_REMEDY}",
            model=model.name,
        ) from error
    optimizer = getattr(model, "optimizer", None)
    return data if not getattr(optimizer, "built", False) else _with_state(data, optimizer)


def _with_state(data: bytes, optimizer: Any) -> bytes:
    """Add the optimizer's variables, in the way of the format."""
    import h5py

    file = io.BytesIO(data)
    with h5py.File(file, "a") as model:
        group = model.create_group("optimizer_weights")
        variables = list(optimizer.variables)
        names = [f"{index}/{variable.path}" for index, variable in enumerate(variables)]
        group.attrs["weight_names"] = [name.encode() for name in names]
        for name, variable in zip(names, variables, strict=True):
            group[name] = require_keras().ops.convert_to_numpy(variable)
    return file.getvalue()


def _require_whole(data: bytes, model: Any) -> None:
    """Refuse a file that does not hold every weight of the model."""
    with stored.opened(data, MODEL) as weights:
        try:
            loading.require_complete(weights, model)
        except NotRestorable as error:
            raise Unwritable(
                f"H5 does not hold the model {model.name!r} as a whole; {_REMEDY}: {error}",
                model=model.name,
            ) from error
