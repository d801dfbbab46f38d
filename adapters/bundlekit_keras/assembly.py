"""Building a model from a config and weights that Keras' own loader does not read together.

The config has been brought into today's form; Keras builds from it and compiles. Then every
stored array has to find its variable and every variable its array, or there is no model.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bundlekit.errors import BundleError, NotRestorable
from bundlekit.warning import warn
from bundlekit_keras import addresses, custom_objects, loading
from bundlekit_keras.framework import innermost, require_keras
from bundlekit_keras.keras_file import ASSETS
from bundlekit_keras.stored import modern_places

if TYPE_CHECKING:
    from bundlekit.adapter import Context, Payload
    from bundlekit_keras.stored import Stored


def build(config: dict[str, Any], context: Context, *, compiled: bool, payload: Payload) -> Any:
    """Build an object from its config, with fresh weights.

    Args:
        config: the node, in today's form, as it was audited.
        context: the classes and functions that were found.
        compiled: whether to compile it, where it is a model and the config says how.
        payload: what it is part of, for the errors.

    Raises:
        NotRestorable: Keras failed, with its error as the cause.
    """
    keras = require_keras()
    carried = any(need.kind == "lambda" and not need.code for need in context.needs)
    try:
        with custom_objects.presented(config, context) as renamed:
            if not compiled:
                renamed.pop("compile_config", None)
            return keras.saving.deserialize_keras_object(renamed, safe_mode=not carried)
    except BundleError:
        raise
    except Exception as error:
        raise failed(payload, error) from error


def failed(payload: Payload, error: Exception) -> NotRestorable:
    """Say what Keras could not rebuild, and what to try."""
    keras = require_keras()
    part = payload.part
    return NotRestorable(
        f"Keras {keras.__version__} could not rebuild {part.type} {part.name!r}: "
        f"{innermost(error)}; try the Keras that wrote it (`bundlekit inspect` tells), or mend "
        f"get_config and from_config of the class that is named",
        type=part.type,
        cause=str(error),
    )


def fill(model: Any, stored: Stored, payload: Payload) -> None:
    """Load all stored weights, the optimizer's state and the assets into a model that was built.

    Raises:
        NotRestorable: an array has no variable, or a variable no array.
    """
    model_name = payload.part.name
    try:
        report = loading.load(stored, model, optimizer="resume" in payload.part.capabilities)
    except BundleError as error:
        raise NotRestorable(
            f"the weights of {payload.part.type} {model_name!r} are not those of its config: "
            f"{error}",
            type=payload.part.type,
            report=getattr(error, "report", None),
        ) from error
    if "resume" in payload.part.capabilities and report.optimizer != "restored":
        warn(f"the optimizer of {model_name!r} starts anew: its state was {report.optimizer}")
    _load_assets(model, payload)


def _load_assets(model: Any, payload: Payload) -> None:
    assets = {path: payload.read(path) for path in payload.paths if path.startswith(ASSETS)}
    if not assets:
        return
    folders = {path.removeprefix(ASSETS).rpartition("/")[0] for path in assets}
    modern = modern_places(folders)
    left = set(folders)
    for place, owner in addresses.places(model).items():
        for folder in [folder for folder in folders if modern[folder] == place]:
            if not hasattr(owner, "load_assets"):
                continue
            left.discard(folder)
            with TemporaryDirectory(prefix="bundlekit-") as scratch:
                for path, data in assets.items():
                    parent, _, name = path.removeprefix(ASSETS).rpartition("/")
                    if parent == folder:
                        Path(scratch, name).write_bytes(data)
                owner.load_assets(scratch)
    if left:
        raise NotRestorable(
            f"the model has no layer for the assets of {', '.join(sorted(left))}",
            assets=tuple(sorted(left)),
        )
