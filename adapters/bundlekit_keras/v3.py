"""The adapter `keras`: whole models, in the form that Keras itself calls v3.

The members are those of a Keras v3 zip, written and read by Keras' own saver, so that the
artifact under a name ending in `.keras` opens with stock `keras.saving.load_model`. Beside
them stands what Keras leaves out: the states of random generators, and the process-wide defaults
that the model was made under.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Context, CustomObject, Description, Known, Need, Out, Payload
from bundlekit.errors import BundleError, Damaged, NotBuilt, NotRestorable, Unwritable
from bundlekit_keras import (
    audit,
    custom_objects,
    defaults,
    discovery,
    exclusive,
    fidelity,
    internals,
    nodes,
    random_state,
    reload_check,
    scopes,
    unwritable,
)
from bundlekit_keras.framework import environment, innermost, require_keras
from bundlekit_keras.signature import signature_of

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG = "config.json"
METADATA = "metadata.json"
WEIGHTS = "model.weights.h5"
ASSETS = "assets/"
_MEMBERS = frozenset({CONFIG, METADATA, WEIGHTS, random_state.MEMBER})


class KerasAdapter:
    """Any built `keras.Model`, compiled or not, with its optimizer's state."""

    name = "keras"
    version = 1
    reads = (1,)
    types = ("keras.Model",)
    default = True
    deterministic = True
    pack_options = ()
    unpack_options = ("register",)

    def pack(self, obj: Any, out: Out, options: Mapping[str, object]) -> Description:
        """Write the members of a Keras v3 zip.

        Raises:
            NotBuilt: the model has not seen an input shape yet.
            Unwritable: Keras cannot save it, or would save something else.
        """
        _require_built(obj)
        fidelity.require_storable(obj)
        config, weights, assets, own = _save(obj)
        # Not canonical: the order of keys is the order of a model's outputs, and Keras writes NaN.
        out.add(CONFIG, json.dumps(config, separators=(",", ":")).encode())
        out.add_json(METADATA, {"keras_version": require_keras().__version__, **defaults.of(obj)})
        out.add(WEIGHTS, weights, tensors=True)
        for path, data in assets.items():
            out.add(path, data)
        state = random_state.pack(obj)
        if state is not None:
            out.add(random_state.MEMBER, state)
        return Description(
            kind="model",
            name=obj.name,
            signature=signature_of(obj),
            parameters=obj.count_params(),
            capabilities=fidelity.capabilities(obj, config),
            losses=fidelity.losses(obj),
            custom_objects=own,
            environment=environment(),
        )

    def audit(self, payload: Payload) -> tuple[Need, ...]:
        """Name what the config takes from outside Keras, whatever the manifest says of it."""
        if WEIGHTS not in payload.paths:
            payload.read(WEIGHTS)
        for path in payload.paths:
            if path not in _MEMBERS and not path.startswith(ASSETS):
                raise Damaged(f"{path} is no member of the adapter 'keras'", member=path)
        for path in (METADATA, CONFIG):
            if not isinstance(payload.json(path), dict):
                raise Damaged(f"{path} is no JSON object", member=path)
        defaults.check(payload.json(METADATA))
        config = payload.json(CONFIG)
        if "class_name" not in config or "config" not in config:
            raise Damaged(f"{CONFIG} is not the config of a model", member=CONFIG)
        version = payload.json(METADATA).get("keras_version")
        return audit.needs(config, payload.part.custom_objects, written_by=version)

    def known(self) -> Known:
        """Give what open scopes and Keras' registry hold."""
        return scopes.known()

    def unpack(self, payload: Payload, context: Context) -> Any:
        """Build the model with Keras' own loader.

        With `register=True` the user's classes and functions stay in Keras' registry.

        Raises:
            NotRestorable: Keras failed, with its error as the cause.
        """
        with exclusive.building, defaults.set_as(payload.json(METADATA)):
            model = _load(payload, context)
        random_state.unpack(model, payload)
        if context.options.get("register"):
            custom_objects.register(context.objects)
        return model


def _require_built(model: Any) -> None:
    if not model.built:
        raise NotBuilt(
            f"the model {model.name!r} ({type(model).__name__}) is not built: it has no weights "
            f"yet, so there is nothing to bundle; call it on data, model(x), or "
            f"model.build(input_shape), first",
            model=model.name,
        )
    waiting = fidelity.unbuilt_inside(model)
    if waiting:
        names = ", ".join(repr(layer.name) for layer in waiting)
        raise NotBuilt(
            f"the model {model.name!r} is built, and these layers in it are not: {names}; they "
            f"have no weights yet, so there is nothing of them to bundle; call the model on data, "
            f"model(x), first",
            model=model.name,
            layers=tuple(layer.name for layer in waiting),
        )


def _save(
    model: Any,
) -> tuple[dict[str, Any], bytes, dict[str, bytes], tuple[CustomObject, ...]]:
    """Let Keras save the model; give config, weights, assets, and what is not Keras' own."""
    keras = require_keras()
    marks = None
    try:
        with TemporaryDirectory(prefix="bundlekit-") as folder:
            path = Path(folder) / "model.keras"
            with internals.unchanged_names(), internals.marking() as marks:
                keras.saving.save_model(model, path)
            with zipfile.ZipFile(path) as archive:
                config = json.loads(archive.read(CONFIG))
                own = discovery.discover(config, model, marks)
                if marks is not None:
                    reload_check.require_readable(config, marks, own)
                nodes.renumber_shared(config)
                names = [name for name in archive.namelist() if name.startswith(ASSETS)]
                assets = {name: archive.read(name) for name in names}
                return config, archive.read(WEIGHTS), assets, own
    except BundleError:
        raise
    except Exception as error:
        if marks is not None and marks.failed:
            raise unwritable.failed_at(marks.failed, error) from error
        raise Unwritable(
            f"Keras could not save the model {model.name!r} ({type(model).__name__}): "
            f"{innermost(error)}; mend the class or the folder that is named",
            model=model.name,
        ) from error


def _load(payload: Payload, context: Context) -> Any:
    """Build the model from the config that was audited, in the way of stock Keras.

    Keras builds every optimizer that it loads and then looks for its slots. Where there are none,
    or not those of this model, it is compiled after loading and not while.
    """
    keras = require_keras()
    resume = "resume" in payload.part.capabilities
    carried = any(need.kind == "lambda" and not need.code for need in context.needs)
    try:
        with custom_objects.presented(payload.json(CONFIG), context) as config:
            later = None if resume else config.pop("compile_config", None)
            with TemporaryDirectory(prefix="bundlekit-") as folder:
                path = Path(folder) / "model.keras"
                _write_keras(path, config, payload)
                model = keras.saving.load_model(path, safe_mode=not carried)
            if not isinstance(model, keras.Model):
                kind = type(model).__name__
                raise TypeError(f"the config is that of a {kind}, which is no model")
            if later and "fit" in payload.part.capabilities:
                model.compile_from_config(later)
    except Exception as error:
        raise NotRestorable(
            f"Keras {keras.__version__} could not rebuild {payload.part.type} "
            f"{payload.part.name!r}: {innermost(error)}; try the Keras that wrote it (`bundlekit "
            f"inspect` tells), or mend get_config and from_config of the class that is named",
            type=payload.part.type,
            cause=str(error),
        ) from error
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
