"""The adapter `tf-savedmodel`: TensorFlow's own form, a program with its variables.

The members are the files of a SavedModel folder, written by the framework's own saver. What comes
back predicts (`InferenceModel`); of a model of tf_keras, where that is installed, the trainable
model comes back, with its optimizer.

The same object does not give the same bytes: TensorFlow numbers the functions that it traces
through the whole process, so the names in `saved_model.pb` and the order of maps in it differ from
one save to the next, and with them `fingerprint.pb`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.errors import Damaged
from bundlekit_tensorflow import (
    adoption,
    audit,
    description,
    keras_audit,
    parts,
    reading,
    writing,
)
from bundlekit_tensorflow.keras_metadata import METADATA
from bundlekit_tensorflow.layout import check_paths, is_tensors
from bundlekit_tensorflow.parsing import parse
from bundlekit_tensorflow.program import SAVED_MODEL
from bundlekit_tensorflow.versions import require_readable

if TYPE_CHECKING:
    from collections.abc import Mapping

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


class SavedModelAdapter:
    """Keras 3 models, tf_keras models and modules of TensorFlow, as SavedModels."""

    name = "tf-savedmodel"
    version = 1
    reads = (1,)
    types = ("keras.Model", "tensorflow.Module")
    default = ("tensorflow.Module",)
    deterministic = False
    pack_options = ("save_traces", "signatures")
    unpack_options = ("parts",)
    members = ("saved_model.pb", "variables/…", "assets/…", "fingerprint.pb", "keras_metadata.pb")
    gives = "an object that predicts, with named signatures; of tf_keras, the trainable model"
    keeps = (
        "the program that predicts, without its classes",
        "weights",
        "vocabularies",
        "of tf_keras: compile arguments and the optimizer's state",
    )
    loses = (
        "of Keras 3: the model that trains",
        "masks and overridden methods of classes that are not given",
    )

    def pack(self, obj: Any, out: Out, options: Mapping[str, object]) -> Description:
        """Write the files of a SavedModel.

        A Keras 3 model is exported: for inference, with a batch of any size. A model of tf_keras is
        saved with what training takes; `save_traces=False` leaves the functions out that let it
        predict where its classes are not at hand. Of a module, `signatures` names the functions
        that are stored beside those that have been traced.

        Raises:
            NotBuilt: the model has not seen an input yet, the module has no function to call.
            Unwritable: the saver failed.
        """
        kind = writing.kind_of(obj)
        files = writing.written(obj, kind, options)
        for path, data in files.items():
            out.add(path, data, tensors=is_tensors(path))
        return description.describe(obj, kind, files)

    def audit(self, payload: Payload) -> tuple[Need, ...]:
        """Name the operations that are on no list, and what the config of tf_keras needs."""
        check_paths(payload.paths)
        program = parse(payload.read(SAVED_MODEL))
        require_readable(program.tensorflow)
        needed = audit.needs(program, payload.paths)
        if METADATA in payload.paths:
            needed += keras_audit.needs(payload.read(METADATA), program, payload.part)
        elif payload.part.custom_objects:
            raise Damaged("the manifest declares custom objects, and a program needs none")
        return needed

    def requires(self, payload: Payload) -> tuple[str, ...]:
        """Name TensorFlow, and what makes a model of Keras 2 trainable again."""
        return ("tensorflow", "tf_keras") if METADATA in payload.paths else ("tensorflow",)

    def known(self) -> Known:
        """Give what open scopes and the registry of tf_keras hold."""
        return reading.known()

    def unpack(self, payload: Payload, context: Context) -> Any:
        """Restore the model.

        `parts={"graph"}` gives what TensorFlow's own loader gives, and `parts={"inference"}` an
        object that predicts, whatever else could be restored.

        Raises:
            UnknownOption: parts that there are none of.
            NotRestorable: TensorFlow failed, with its error as the cause.
        """
        return reading.restored(payload, context, parts.of(context.options.get("parts")))

    def adopt(self, foreign: Foreign) -> Adopted | None:
        """Take a folder that holds a SavedModel, whoever wrote it."""
        return adoption.adopted(foreign)
