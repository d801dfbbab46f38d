"""What a SavedModel that was just written is, for its manifest."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import CustomObject, Description, Loss
from bundlekit.errors import NotBuilt
from bundlekit_tensorflow import keras_metadata, keras_objects
from bundlekit_tensorflow.framework import require_tensorflow
from bundlekit_tensorflow.keras_metadata import METADATA
from bundlekit_tensorflow.parsing import parse
from bundlekit_tensorflow.program import SAVED_MODEL
from bundlekit_tensorflow.signature import names, signature_of
from bundlekit_tensorflow.writing import KERAS, MODULE, TF_KERAS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


EXPORT_LOSSES = (
    Loss(
        what="architecture, training and optimizer",
        why="a program holds what the model computes and not how it was made; the adapter 'keras' "
        "keeps those",
    ),
)
MODULE_LOSSES = (
    Loss(
        what="Python attributes and methods",
        why="a program holds variables and the functions that TensorFlow has traced, nothing else",
    ),
)
KERAS_2_LOSSES = (
    Loss(what="random states", why="seeds of layers and generators begin anew"),
    Loss(what="running metrics", why="they begin anew with the next epoch or evaluation"),
)
WITHOUT_CLASSES = Loss(
    what="masks, overridden train_step and all methods of classes that are not given",
    why="without its class a model comes back for inference only",
)


def describe(obj: Any, kind: str, files: Mapping[str, bytes]) -> Description:
    """Describe an object and the SavedModel that was made of it.

    Raises:
        NotBuilt: a module has no function that could be called.
    """
    tf = require_tensorflow()
    program = parse(files[SAVED_MODEL])
    if kind == MODULE and not (names(program) or program.bound):
        raise NotBuilt(
            f"{type(obj).__name__} has no function that TensorFlow has traced, so there is nothing "
            f"to call; give its tf.functions an input_signature, call them once, or pass "
            f"signatures={{name: function}}",
            type=type(obj).__name__,
        )
    environment = {"tensorflow": tf.__version__}
    for package in (KERAS, TF_KERAS):
        if kind == package:
            environment[package] = sys.modules[package].__version__
    losses: tuple[Loss, ...] = MODULE_LOSSES
    capabilities: tuple[str, ...] = ("predict",)
    custom: tuple[CustomObject, ...] = ()
    if kind == KERAS:
        losses = EXPORT_LOSSES
    elif kind == TF_KERAS:
        custom = keras_objects.discover(obj, files[METADATA], program)
        losses = KERAS_2_LOSSES + ((WITHOUT_CLASSES,) if custom else ())
        capabilities = _capabilities(obj)
    return Description(
        kind="module" if kind == MODULE else "model",
        name=getattr(obj, "name", None) or None,
        signature=signature_of(program, _order(obj, kind, files)),
        parameters=_parameters(obj),
        capabilities=capabilities,
        losses=losses,
        custom_objects=custom,
        environment=environment,
    )


def _order(
    obj: Any, kind: str, files: Mapping[str, bytes]
) -> tuple[Sequence[str], Sequence[str]] | None:
    if kind == TF_KERAS:
        return keras_metadata.order_of(
            keras_metadata.root_of(keras_metadata.parse(files[METADATA]))
        )
    if kind == KERAS and isinstance(getattr(obj, "inputs", None), list):
        count = len(getattr(obj, "outputs", None) or ())
        return [tensor.name for tensor in obj.inputs], [f"output_{n}" for n in range(count)]
    return None


def _parameters(obj: Any) -> int:
    import numpy as np

    shapes = [
        v.shape for v in getattr(obj, "weights", None) or obj.variables if hasattr(v, "shape")
    ]
    return sum(int(np.prod(shape)) for shape in shapes)


def _capabilities(model: Any) -> tuple[str, ...]:
    """Say what the model can do where tf_keras and its classes are at hand."""
    found = ["predict"]
    if getattr(model, "optimizer", None) is not None:
        found += ["evaluate", "fit", "resume"]
    return tuple(found)
