"""SavedModel folders that others wrote, taken as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundlekit.adapter import Adopted, Description, Loss
from bundlekit_tensorflow import keras_audit, keras_metadata
from bundlekit_tensorflow.description import KERAS_2_LOSSES, MODULE_LOSSES, WITHOUT_CLASSES
from bundlekit_tensorflow.keras_metadata import METADATA
from bundlekit_tensorflow.layout import is_known
from bundlekit_tensorflow.parsing import parse
from bundlekit_tensorflow.program import SAVED_MODEL
from bundlekit_tensorflow.signature import names, signature_of
from bundlekit_tensorflow.versions import require_readable

if TYPE_CHECKING:
    from bundlekit.adapter import Foreign
    from bundlekit_tensorflow.program import Program


def adopted(foreign: Foreign) -> Adopted | None:
    """Take a folder that holds a SavedModel; `None` where it holds none.

    The files stay as they are; files that no SavedModel has are left behind.

    Raises:
        Damaged, LimitExceeded, Refused: the program in it is not sound.
    """
    if not foreign.is_folder or SAVED_MODEL not in foreign.paths:
        return None
    members = {path: foreign.read(path) for path in foreign.paths if is_known(path)}
    left = tuple(path for path in foreign.paths if path not in members)
    losses = tuple(
        Loss(what=path, why="a file that no SavedModel has is not kept") for path in left
    )
    program = parse(members[SAVED_MODEL])
    require_readable(program.tensorflow)
    environment = {"tensorflow": program.tensorflow} if program.tensorflow else {}
    if METADATA not in members:
        return Adopted(
            members=members,
            description=Description(
                kind="model" if _is_export(program) else "module",
                signature=signature_of(program),
                capabilities=("predict",) if names(program) else (),
                losses=MODULE_LOSSES + losses,
                environment=environment,
            ),
            type="keras.Model" if _is_export(program) else "tensorflow.Module",
            written_by=f"TensorFlow {program.tensorflow or '2'}"
            + (", exported by Keras 3" if _is_export(program) else ""),
        )
    objects = keras_metadata.parse(members[METADATA])
    root = keras_metadata.root_of(objects)
    config = root.config if root is not None else {}
    version = config.get("keras_version")
    version = version if isinstance(version, str) else ""
    if version:
        environment["keras"] = version
    compiled = isinstance(config.get("training_config"), dict)
    capabilities = ["predict"] if names(program) else []
    capabilities += ["evaluate", "fit", "resume"] if compiled else []
    if keras_audit.can_predict(program):
        losses += (WITHOUT_CLASSES,)
    name = config.get("name")
    return Adopted(
        members=members,
        description=Description(
            kind="model",
            name=name if isinstance(name, str) else None,
            signature=signature_of(program, keras_metadata.order_of(root)),
            capabilities=tuple(sorted(capabilities)),
            losses=KERAS_2_LOSSES + losses,
            environment=environment,
        ),
        type="tf_keras.Model",
        written_by=f"Keras {version or '2'}, with TensorFlow {program.tensorflow or '2'}",
    )


def _is_export(program: Program) -> bool:
    """Tell whether Keras 3 exported it: a function `serve` and lists of variables, no more."""
    root = program.things[0].children if program.things else {}
    return {"serve", "trainable_variables", "non_trainable_variables"} <= root.keys()
