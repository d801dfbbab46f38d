"""The adapter `keras-config`: what an object is made of, and none of its state.

For every object of Keras' that has a config: models and layers, whose weights are left out, and
optimizers, losses, metrics, regularizers and the like, which are nothing but their config.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import (
    Adopted,
    Context,
    Description,
    Foreign,
    Known,
    Loss,
    Need,
    Out,
    Payload,
)
from bundlekit.errors import BundleError, Damaged, Unwritable
from bundlekit_keras import (
    assembly,
    audit,
    custom_objects,
    defaults,
    discovery,
    exclusive,
    fidelity,
    internals,
    legacy,
    nodes,
    reload_check,
    scopes,
    unwritable,
    writing,
)
from bundlekit_keras.described import name_in, type_of
from bundlekit_keras.framework import REQUIRED, environment, innermost, require_keras
from bundlekit_keras.keras_file import CONFIG, METADATA
from bundlekit_keras.undisturbed import undisturbed
from bundlekit_keras.writer import writer_in, writer_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOSSES = (
    Loss(what="weights", why="a config holds none; they are made anew"),
    Loss(what="compile arguments", why="the fresh model is not compiled"),
)

_STATELESS = (
    "keras.Initializer",
    "keras.Loss",
    "keras.Metric",
    "keras.Optimizer",
    "keras.Quantizer",
    "keras.Regularizer",
    "keras.constraints.Constraint",
    "keras.dtype_policies.DTypePolicy",
    "keras.optimizers.schedules.LearningRateSchedule",
)
"""What a config tells all of, but for the state of a built optimizer or of a metric."""


class ConfigAdapter:
    """Any object of Keras' with a config; a model or layer comes back fresh and not compiled."""

    name = "keras-config"
    version = 1
    reads = (1,)
    types = ("keras.Layer", "keras.Operation", *_STATELESS)
    default = _STATELESS
    deterministic = True
    pack_options = ()
    unpack_options = ("register",)
    members = ("config.json", "metadata.json")
    gives = "a fresh object; models are not compiled"
    keeps = (
        "architecture",
        "the user's classes and functions",
    )
    loses = (
        "weights",
        "compile arguments",
        "what `adapt()` learned",
    )

    def pack(self, obj: Any, out: Out, options: Mapping[str, object]) -> Description:
        """Write the config.

        Raises:
            Unwritable: the object has none that could be read back.
        """
        keras = require_keras()
        config, own = _written(obj)
        out.add(CONFIG, json.dumps(config, separators=(",", ":")).encode())
        layer = isinstance(obj, keras.Layer)
        stored = defaults.of(obj) if layer else {}
        out.add_json(METADATA, {"keras_version": keras.__version__, **stored})
        return Description(
            kind=discovery.kind_of(type(obj)),
            name=getattr(obj, "name", None),
            losses=_losses(obj) if layer else _lost_state(obj),
            custom_objects=own,
            environment=environment(),
        )

    def audit(self, payload: Payload) -> tuple[Need, ...]:
        """Name what the config takes from outside Keras."""
        metadata = payload.json(METADATA)
        if not isinstance(metadata, dict):
            raise Damaged(f"{METADATA} is no JSON object", member=METADATA)
        for path in payload.paths:
            if path not in (CONFIG, METADATA):
                raise Damaged(f"{path} is no member of the adapter 'keras-config'", member=path)
        defaults.check(metadata)
        version = metadata.get("keras_version")
        return audit.needs(_config(payload), payload.part.custom_objects, written_by=version)

    def requires(self, payload: Payload) -> tuple[str, ...]:
        """Name what builds any object of Keras."""
        return REQUIRED

    def known(self) -> Known:
        """Give what open scopes and Keras' registry hold."""
        return scopes.known()

    def unpack(self, payload: Payload, context: Context) -> Any:
        """Build the object.

        Raises:
            NotRestorable: Keras failed, with its error as the cause.
        """
        metadata = payload.json(METADATA)
        require_keras()
        with exclusive.building, defaults.set_as(metadata):
            obj = assembly.build(_config(payload), context, compiled=False, payload=payload)
        if context.options.get("register"):
            custom_objects.register(context.objects)
        return obj

    def adopt(self, foreign: Foreign) -> Adopted | None:
        """Take an architecture in JSON, as `to_json()` of Keras 2 and 3 writes it."""
        if foreign.is_folder or foreign.head(64).lstrip()[:1] != b"{":
            return None
        data = foreign.read()
        try:
            found = json.loads(bytes(data))
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, dict) or not {"class_name", "config"} <= set(found):
            return None
        writer = writer_in(found)
        metadata = json.dumps({"keras_version": writer.version}).encode()
        modern = legacy.modern(found, written_by=writer.version)
        return Adopted(
            members={CONFIG: data, METADATA: metadata},
            description=Description(
                kind="architecture",
                name=name_in(modern),
                losses=_LOSSES,
                environment={writer.package: writer.version},
            ),
            type=type_of(found, writer),
            written_by=str(writer),
        )


def _losses(layer: Any) -> tuple[Loss, ...]:
    found = _LOSSES[: 2 if isinstance(layer, require_keras().Model) else 1]
    adapted = sorted({one.name for one in fidelity.layers(layer) if hasattr(one, "adapt")})
    if adapted:
        why = f"a config holds none; adapt {', '.join(adapted)} again"
        found += (Loss(what="what adapt() learned", why=why),)
    return found


def _lost_state(obj: Any) -> tuple[Loss, ...]:
    """Say what optimizers and metrics forget."""
    keras = require_keras()
    if isinstance(obj, keras.Optimizer) and obj.built:
        return (Loss(what="state", why="a config holds no step and no slots; they start anew"),)
    if isinstance(obj, keras.Metric) and obj.variables:
        return (Loss(what="state", why="a config holds no running values; they start anew"),)
    return ()


def _config(payload: Payload) -> dict[str, Any]:
    def modern() -> dict[str, Any]:
        config = payload.json(CONFIG)
        if not isinstance(config, dict) or not {"class_name", "config"} <= set(config):
            raise Damaged(f"{CONFIG} is not the config of an object", member=CONFIG)
        version = payload.json(METADATA).get("keras_version")
        if writer_of(version, METADATA).is_installed:
            return dict(config)
        found: dict[str, Any] = legacy.modern(
            config, written_by=version if isinstance(version, str) else None
        )
        return found

    found: dict[str, Any] = payload.once(CONFIG, modern)
    return found


def _written(obj: Any) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Let Keras write the config; give it, and what in it is not Keras' own."""
    keras = require_keras()
    marks = None
    try:
        with internals.unchanged_names(), undisturbed(), internals.marking() as marks:
            config = keras.saving.serialize_keras_object(obj)
        config = writing.plain(config, marks)
        config.pop("compile_config", None)
        own = discovery.discover(config, obj, marks)
        if marks is not None:
            reload_check.require_readable(config, marks, own)
        nodes.renumber_shared(config)
        return config, own
    except BundleError:
        raise
    except Exception as error:
        if marks is not None and marks.failed:
            raise unwritable.failed_at(marks.failed, error) from error
        raise Unwritable(
            f"Keras could not write the config of {type(obj).__name__}: {innermost(error)}; mend "
            f"its get_config",
            type=type(obj).__name__,
        ) from error
