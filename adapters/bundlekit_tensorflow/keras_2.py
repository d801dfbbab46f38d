"""Models of Keras 2 by tf_keras itself: live ones as H5, and files that Keras 3 cannot express."""

from __future__ import annotations

import json
import warnings
import zipfile
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bundlekit.errors import BundleError, FrameworkMissing, NotRestorable, Unwritable
from bundlekit.manifest import Part
from bundlekit_tensorflow import keras_audit, keras_objects, trainable, unchanged
from bundlekit_tensorflow.framework import is_a, tf_keras
from bundlekit_tensorflow.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bundlekit.adapter import Context, CustomObject, Need, Payload
    from bundlekit.source import Buffer

REQUIRED = ("tf_keras", "tensorflow", "h5py", "numpy")
"""What restoring a model by tf_keras takes."""
_ADDED = frozenset({"AddLoss", "AddMetric"})
_UNDECLARED = Part(adapter="", payload_version=1, distribution="", type="", kind="")


def is_model(obj: object) -> bool:
    """Tell whether an object is a model of tf_keras."""
    return is_a(obj, "tf_keras", "Model")


def written(model: Any) -> bytes:
    """Let tf_keras write a model as H5, and read it back: what it writes it may not read.

    Raises:
        Unwritable: it cannot write the model, or reads another one.
    """
    keras = tf_keras()
    added = [layer.name for layer in model.layers if type(layer).__name__ in _ADDED]
    if added:
        raise Unwritable(
            f"H5 does not keep what add_loss and add_metric added to the model {model.name!r} "
            f"({', '.join(added)}); use the adapter 'tf-savedmodel'",
            model=model.name,
            layers=tuple(added),
        )
    with TemporaryDirectory(prefix="bundlekit-") as folder, unchanged.process(), _silent():
        path = Path(folder) / "model.h5"
        try:
            keras.models.save_model(model, path, save_format="h5")
            objects = dict(keras_objects.named(model))
            with keras.utils.custom_object_scope(objects):
                again = keras.models.load_model(path)
        except Exception as error:
            raise Unwritable(
                f"tf_keras cannot keep the model {model.name!r} ({type(model).__name__}) as H5: "
                f"{str(error).strip()[:1000]}; use the adapter 'tf-savedmodel'",
                model=model.name,
            ) from error
        lost = [what for what, seen in _seen(model).items() if seen != _seen(again)[what]]
        if lost:
            raise Unwritable(
                f"H5 does not keep {' and '.join(lost)} of the model {model.name!r}; use the "
                f"adapter 'tf-savedmodel'",
                model=model.name,
                lost=tuple(lost),
            )
        return path.read_bytes()


def checkpoint(model: Any) -> dict[str, bytes]:
    """Let tf_keras write a model's weights, and its optimizer's state, as a checkpoint.

    Raises:
        Unwritable: it cannot.
    """
    with TemporaryDirectory(prefix="bundlekit-") as folder, unchanged.process(), quiet():
        try:
            model.save_weights(str(Path(folder) / "checkpoint"), save_format="tf")
        except Exception as error:
            raise Unwritable(
                f"tf_keras cannot keep the weights of {model.name!r} ({type(model).__name__}) as a "
                f"checkpoint: {str(error).strip()[:1000]}",
                model=model.name,
            ) from error
        files = Path(folder).glob("checkpoint.*")
        return {path.name: path.read_bytes() for path in sorted(files)}


def environment() -> dict[str, str]:
    """Give the versions of tf_keras and TensorFlow."""
    return {name: metadata.version(name) for name in ("tf_keras", "tensorflow")}


def discover(
    model: Any, config: dict[str, Any], training: dict[str, Any] | None
) -> tuple[CustomObject, ...]:
    """Find the user's live classes and functions that a model's config needs."""
    needs = keras_audit.needs_of_config(config, training, _UNDECLARED, "the config")
    return keras_objects.live(model, needs)


def needs(
    config: dict[str, Any], training: dict[str, Any] | None, part: Part, what: str
) -> tuple[Need, ...]:
    """Name what tf_keras takes to make a model, from its config alone."""
    return keras_audit.needs_of_config(config, training, part, what)


def loaded(payload: Payload, context: Context, files: Mapping[str, Buffer], reason: str) -> Any:
    """Let tf_keras load an audited file.

    Args:
        payload: what it is part of, for the errors.
        context: the user's classes and functions.
        files: an H5 file, `model.h5`; or the members of a `.keras` file.
        reason: why it is tf_keras that loads it, for the error where there is none.

    Raises:
        FrameworkMissing: tf_keras is not installed.
        NotRestorable: it failed, with its error as the cause.
    """
    keras = tf_keras()
    if keras is None:
        raise FrameworkMissing(
            f"{payload.part.type} {payload.part.name!r} takes tf_keras, which is not installed: "
            f"{reason}; pip install tf-keras",
            framework="tf_keras",
        )
    with TemporaryDirectory(prefix="bundlekit-") as folder, quiet(), ExitStack() as stack:
        path = _file(Path(folder), files)
        stack.enter_context(keras.utils.custom_object_scope(trainable.named(context)))
        if any(need.kind == "lambda" and not need.code for need in context.needs):
            stack.enter_context(trainable.unsafe())
        try:
            model = keras.models.load_model(path, compile=context.options.get("compile", True))
            if context.options.get("optimizer") == "drop" and model.optimizer is not None:
                model.optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
            return model
        except BundleError:
            raise
        except Exception as error:
            raise NotRestorable(
                f"tf_keras {keras.__version__} could not rebuild {payload.part.type} "
                f"{payload.part.name!r}: {str(error).strip()[:1000]}",
                type=payload.part.type,
                cause=str(error),
            ) from error


@contextmanager
def _silent() -> Iterator[None]:
    """Keep the saver's advice away, to save in another format."""
    with quiet(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file")
        yield


def _file(folder: Path, files: Mapping[str, Buffer]) -> Path:
    if "model.h5" in files:
        path = folder / "model.h5"
        path.write_bytes(files["model.h5"])
        return path
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, _of_today(data) if name == "config.json" else bytes(data))
    return path


def _of_today(config: Buffer) -> bytes:
    """Call the modules of Keras 2.12 as later releases do: what is not public is below `src`."""

    def moved(node: dict[str, Any]) -> dict[str, Any]:
        module = node.get("module") if {"class_name", "config"} <= node.keys() else None
        if isinstance(module, str) and module.startswith("keras.") and not _is_public(module):
            node["module"] = "keras.src." + module.removeprefix("keras.").removeprefix("src.")
        return node

    return json.dumps(json.loads(bytes(config), object_hook=moved)).encode()


def _is_public(module: str) -> bool:
    found: Any = tf_keras()
    for step in module.split(".")[1:]:
        found = getattr(found, step, None)
    return found is not None


def _seen(model: Any) -> dict[str, object]:
    """See what H5 may lose of a model."""
    optimizer = getattr(model, "optimizer", None)
    iterations = None if optimizer is None else int(optimizer.iterations)
    return {
        "its layers": [layer.name for layer in model.layers],
        "its weights": [value.tobytes() for value in model.get_weights()],
        "what add_loss added": len(model.losses),
        "its metrics": sorted(metric.name for metric in model.metrics),
        "its optimizer": iterations,
    }
