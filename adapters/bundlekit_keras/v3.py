"""The adapter `keras`: whole models, in the form that Keras itself calls v3.

The members are those of a Keras v3 zip, written and read by Keras' own saver, so that the
artifact under a name ending in `.keras` opens with stock `keras.saving.load_model`. Beside
them stand the states of random generators, which Keras leaves out.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Context, Description, Loss, Need, Out, Payload
from bundlekit.errors import Damaged, NotBuilt, NotRestorable, Refused, Unwritable
from bundlekit_keras import custom_objects, internals, nodes, random_state
from bundlekit_keras.framework import environment, require_keras
from bundlekit_keras.signature import signature_of

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG = "config.json"
METADATA = "metadata.json"
WEIGHTS = "model.weights.h5"
ASSETS = "assets/"


class KerasAdapter:
    """Any built `keras.Model`, compiled or not, with its optimizer's state."""

    name = "keras"
    version = 1
    reads = (1,)
    types = ("keras.Model",)
    default = True
    deterministic = True
    pack_options = ()
    unpack_options = ()

    def pack(self, obj: Any, out: Out, options: Mapping[str, object]) -> Description:
        """Write the members of a Keras v3 zip.

        Raises:
            NotBuilt: the model has not seen an input shape yet.
            Unwritable: it holds something that no config can hold.
        """
        _require_built(obj)
        config, weights, assets = _save(obj)
        _require_restorable(obj, config)
        out.add(CONFIG, json.dumps(config, separators=(",", ":")).encode())
        out.add_json(METADATA, {"keras_version": require_keras().__version__})
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
            capabilities=_capabilities(obj, config),
            losses=_losses(obj),
            environment=environment(),
        )

    def audit(self, payload: Payload) -> tuple[Need, ...]:
        """Name what the config takes from outside Keras; code in the config is refused."""
        for member in (CONFIG, METADATA, WEIGHTS):
            if member not in payload.members:
                raise Damaged(f"the payload of the adapter 'keras' has no {member}", member=member)
        payload.json(METADATA)
        config = payload.json(CONFIG)
        if not isinstance(config, dict) or "class_name" not in config:
            raise Damaged(f"{CONFIG} is not the config of a model", member=CONFIG)
        return nodes.needs(config)

    def unpack(self, payload: Payload, context: Context) -> Any:
        """Build the model with Keras' own loader.

        Raises:
            MissingCustomObjects: listing every class and function that should be given.
            NotRestorable: Keras failed, with its error as the cause.
        """
        objects = custom_objects.resolve(context.needs, context.custom_objects)
        with TemporaryDirectory(prefix="bundlekit-") as folder:
            path = Path(folder) / "model.keras"
            model = _load(path, objects, payload)
        random_state.unpack(model, payload.members)
        return model


def _require_built(model: Any) -> None:
    if not model.built:
        raise NotBuilt(
            f"the model {model.name!r} ({type(model).__name__}) is not built: it has no weights "
            f"yet, so there is nothing to bundle; call it on data, model(x), or "
            f"model.build(input_shape), first",
            model=model.name,
        )


def _save(model: Any) -> tuple[dict[str, Any], bytes, dict[str, bytes]]:
    """Let Keras save the model; give the config, the weights and the assets."""
    keras = require_keras()
    with TemporaryDirectory(prefix="bundlekit-") as folder:
        path = Path(folder) / "model.keras"
        with internals.unchanged_names():
            keras.saving.save_model(model, path)
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read(CONFIG))
            nodes.renumber_shared(config)
            names = [name for name in archive.namelist() if name.startswith(ASSETS)]
            return config, archive.read(WEIGHTS), {name: archive.read(name) for name in names}


def _load(path: Path, objects: Mapping[str, object], payload: Payload) -> Any:
    """Build the model from the config that was audited, in the way of stock Keras.

    Keras builds every optimizer that it loads and then looks for its slots. Where it had not
    taken a step there are none, so such a model is compiled after loading and not while.
    """
    keras = require_keras()
    config = dict(payload.json(CONFIG))
    later = None if "resume" in payload.part.capabilities else config.pop("compile_config", None)
    _write_keras(path, config, payload)
    try:
        model = keras.saving.load_model(path, custom_objects=objects)
        if later:
            with keras.saving.custom_object_scope(objects):
                model.compile_from_config(later)
    except Exception as error:
        raise NotRestorable(
            f"Keras {keras.__version__} could not rebuild {payload.part.type} "
            f"{payload.part.name!r}: {error}; the artifact itself is sound; try the Keras that "
            f"wrote it, or mend get_config and from_config of the class that is named",
            type=payload.part.type,
            cause=str(error),
        ) from error
    return model


def _write_keras(path: Path, config: dict[str, Any], payload: Payload) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(CONFIG, json.dumps(config))
        archive.writestr(METADATA, json.dumps(payload.json(METADATA)))
        for name, data in payload.members.items():
            if name == WEIGHTS or name.startswith(ASSETS):
                archive.writestr(name, data)


def _require_restorable(model: Any, config: dict[str, Any]) -> None:
    try:
        nodes.needs(config)
    except Refused as error:
        raise Unwritable(
            f"the model {model.name!r} cannot be bundled: {error}", model=model.name
        ) from error


def _capabilities(model: Any, config: dict[str, Any]) -> tuple[str, ...]:
    if not config.get("compile_config"):
        return ("predict",)
    resume = ("resume",) if getattr(model.optimizer, "built", False) else ()
    return ("predict", "evaluate", "fit", *resume)


def _losses(model: Any) -> tuple[Loss, ...]:
    keras = require_keras()
    running = (variable for variable in model.metrics_variables)
    if any(keras.ops.convert_to_numpy(variable).any() for variable in running):
        return (
            Loss(
                what="running metrics",
                why="Keras does not store the accumulators of metrics; they start at zero again",
            ),
        )
    return ()
