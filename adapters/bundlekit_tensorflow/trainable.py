"""The trainable model of tf_keras out of its SavedModel, with the optimizer that tf_keras loses."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from bundlekit.errors import Damaged
from bundlekit.warning import warn
from bundlekit_tensorflow.framework import require_tensorflow, tf_keras

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bundlekit.adapter import Context, Payload

_CHECKPOINT = "variables/variables"
_NUMBERED = re.compile(r"optimizer/(?:_optimizer/)?_variables/(\d+)/")
_REVIVED = "tf_keras.src.saving.legacy.saved_model.load"


def load(folder: str, payload: Payload, context: Context) -> Any:
    """Let tf_keras make the model again, and put the state of its optimizer back.

    Args:
        folder: the SavedModel, audited.
        payload: the same, as members.
        context: the user's classes and functions.

    Returns:
        The model; `None` where it was none that was saved.

    Raises:
        Damaged: the checkpoint holds another optimizer than the model was compiled with.
    """
    keras = tf_keras()
    with ExitStack() as stack:
        stack.enter_context(keras.utils.custom_object_scope(named(context)))
        if any(need.kind == "lambda" and not need.code for need in context.needs):
            stack.enter_context(unsafe())  # they are trusted, or this would not have been called
        model = keras.models.load_model(folder)
    if not isinstance(model, keras.Model):
        return None
    _restore_optimizer(model, folder)
    _warn_of_revived(model)
    return model


def named(context: Context) -> dict[str, object]:
    """Give what was found by each name that tf_keras may call it."""
    return {
        name: obj
        for need, obj in context.objects.items()
        for name in (need.class_name, need.name)
        if name
    }


def unsafe() -> Any:
    """Let tf_keras run the lambdas of a file, which the caller trusts."""
    from tf_keras.src.saving.serialization_lib import SafeModeScope

    return SafeModeScope(safe_mode=False)


def _restore_optimizer(model: Any, folder: str) -> None:
    """Read the optimizer's variables from the checkpoint, where tf_keras leaves them.

    What it loads is a new optimizer at step 0. The old one's variables are in the checkpoint as
    those of any other object, and TensorFlow matches them by their place, once they exist.
    """
    tf = require_tensorflow()
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return
    path = f"{folder}/{_CHECKPOINT}"
    stored = tf.train.load_checkpoint(path).get_variable_to_shape_map()
    if not any(key.startswith("optimizer/") for key in stored):
        return
    is_legacy = not hasattr(optimizer, "build")
    if is_legacy:  # its slots hang on the model's variables, so those are read again as well
        optimizer._create_all_weights(model.trainable_variables)
        root = tf.train.Checkpoint(root=model)
    else:
        optimizer.build(model.trainable_variables)
        root = tf.train.Checkpoint(optimizer=optimizer)
        if not _is_of(optimizer, stored):
            warn(
                f"the optimizer {type(optimizer).__name__} begins anew: it was made for other "
                f"variables than are trainable in the stored model"
            )
            return
    try:
        status = root.read(path)
        if is_legacy:
            status.expect_partial()
        else:
            status.assert_existing_objects_matched()
    except (AssertionError, ValueError, tf.errors.OpError) as error:
        raise Damaged(
            f"the checkpoint holds another optimizer than the {type(optimizer).__name__} that the "
            f"model was compiled with: {str(error)[:1000]}",
            optimizer=type(optimizer).__name__,
        ) from error


def _is_of(optimizer: Any, stored: Iterable[str]) -> bool:
    """Tell whether as many variables are stored as the optimizer has: they go by number."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    variables = inner.variables() if callable(inner.variables) else inner.variables
    numbers = [int(found[1]) for key in stored if (found := _NUMBERED.match(key))]
    return max(numbers, default=0) + 1 == len(variables)


def _warn_of_revived(model: Any) -> None:
    """Say which layers tf_keras made of their functions, since their class has no config."""
    names = [
        layer.name
        for layer in model._flatten_layers()
        if type(layer).__module__ == _REVIVED or type(layer).__name__.startswith("Revived")
    ]
    if names:
        warn(
            f"tf_keras made these layers of their stored functions and not of their classes: "
            f"{', '.join(names)}; masks and methods of the classes are lost; give the classes a "
            f"get_config and from_config and bundle the model again"
        )
