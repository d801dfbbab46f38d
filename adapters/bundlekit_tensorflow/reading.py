"""Restoring what was audited: by TensorFlow's loader, or by that of tf_keras."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Known
from bundlekit.errors import BundleError, FrameworkMissing, NotRestorable
from bundlekit.warning import warn
from bundlekit_tensorflow import parts, trainable
from bundlekit_tensorflow.framework import require_tensorflow, tf_keras
from bundlekit_tensorflow.inference import InferenceModel
from bundlekit_tensorflow.keras_metadata import METADATA
from bundlekit_tensorflow.quiet import quiet

if TYPE_CHECKING:
    from bundlekit.adapter import Context, Payload

_EXPORT = (
    "to go on training, bundle the model itself with the adapter 'keras'; to keep it, keep the "
    "bundle that it came from"
)
_KERAS_2 = (
    "unbundle it with tf_keras installed and with its classes (custom_objects=) for the trainable "
    "model; to keep it, keep the bundle that it came from"
)


def known() -> Known:
    """Give what open scopes of this thread and the registry of tf_keras hold."""
    saving: Any = getattr(sys.modules.get("tf_keras"), "saving", None)
    if saving is None:
        return Known()
    registration: Any = sys.modules.get("tf_keras.src.saving.object_registration")
    scoped = getattr(registration, "_THREAD_LOCAL_CUSTOM_OBJECTS", None)
    return Known(
        scoped=dict(getattr(scoped, "__dict__", {})), registered=dict(saving.get_custom_objects())
    )


def restored(payload: Payload, context: Context, part: str) -> Any:
    """Restore a part of a SavedModel.

    TensorFlow's loaders read files, so there is a folder while they do. Variables and tables are
    filled before they are done, and the folder is gone when this returns.

    Raises:
        FrameworkMissing: TensorFlow is not installed, or tf_keras where there is no other way.
        NotRestorable: the loader failed, with its error as the cause.
    """
    tf = require_tensorflow()
    is_keras = METADATA in payload.paths
    try:
        with TemporaryDirectory(prefix="bundlekit-") as temporary, quiet():
            folder = Path(temporary) / "model"
            for path in payload.paths:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(payload.read(path))
            if is_keras and part == parts.MODEL and _is_trainable(context):
                model = trainable.load(str(folder), payload, context)
                if model is not None:
                    return model
            loaded = tf.saved_model.load(str(folder))
    except BundleError:
        raise
    except Exception as error:
        raise NotRestorable(
            f"TensorFlow {tf.__version__} could not load the SavedModel of {payload.part.type} "
            f"{payload.part.name or ''}: {str(error).strip()[:2000] or type(error).__name__}",
            type=payload.part.type,
            cause=str(error),
        ) from error
    if part == parts.GRAPH:
        return loaded
    if is_keras and not loaded.signatures:
        raise FrameworkMissing(
            "this SavedModel was written with save_traces=False: it holds no functions, and only "
            "tf_keras can make the model again; pip install tf-keras",
            framework="tf_keras",
        )
    signature = payload.part.signature
    outputs = [spec.name for spec in signature.outputs] if signature else []
    return InferenceModel(loaded, payload.part.name, outputs, _KERAS_2 if is_keras else _EXPORT)


def _is_trainable(context: Context) -> bool:
    """Tell whether tf_keras can make the model again; say why not, where it cannot."""
    if tf_keras() is None:
        warn(
            "this SavedModel holds a trainable model of Keras 2, and tf_keras is not installed: "
            "what comes back only predicts; pip install tf-keras, or pass parts={'inference'} to "
            "say that this is what you want"
        )
        return False
    if context.missing:
        listed = "; ".join(need.describe() for need in context.missing)
        warn(
            f"this SavedModel holds a trainable model of Keras 2, and these were neither found nor "
            f"trusted: {listed}; what comes back only predicts, and masks and methods of "
            f"those classes are lost; give them, custom_objects={{…}}, or pass "
            f"parts={{'inference'}} to say that this is what you want"
        )
        return False
    return True
