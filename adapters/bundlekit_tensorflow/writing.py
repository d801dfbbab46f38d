"""Writing a SavedModel with the framework's own saver, and leaving no trace of it.

Keras 3 models are exported, tf_keras models saved by their own saver, which keeps what training
takes, and modules by TensorFlow's. Each traces functions, and calls the user's code for that.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bundlekit.errors import BundleError, NotBuilt, UnknownOption, Unwritable
from bundlekit_tensorflow import unchanged
from bundlekit_tensorflow.framework import is_a, require_tensorflow
from bundlekit_tensorflow.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Iterator

KERAS, TF_KERAS, MODULE = "keras", "tf_keras", "tensorflow"


def kind_of(obj: Any) -> str:
    """Tell which saver takes an object.

    Raises:
        Unwritable: none: it is a layer, which has no inputs of its own.
    """
    if is_a(obj, "keras", "Model"):
        return KERAS
    if is_a(obj, "tf_keras", "Model"):
        return TF_KERAS
    if is_a(obj, "tf_keras.layers", "Layer"):
        raise Unwritable(
            f"{type(obj).__name__} is a tf_keras layer, and only a model knows its inputs; make a "
            f"model of it, tf_keras.Sequential([layer]), and bundle that",
            type=type(obj).__name__,
        )
    return MODULE


def written(obj: Any, kind: str, options: Mapping[str, object]) -> dict[str, bytes]:
    """Write an object as a SavedModel; give its files by path.

    Raises:
        NotBuilt: a model that has not seen an input yet.
        UnknownOption: an option that this kind of object does not take.
        Unwritable: the saver failed, with its error as the cause.
    """
    _check_options(kind, options)
    _require_built(obj, kind)
    with TemporaryDirectory(prefix="bundlekit-") as temporary:
        folder = Path(temporary) / "model"
        try:
            with unchanged.process(), unchanged.attributes(obj), _silent():
                _write(obj, kind, str(folder), options)
        except BundleError:
            raise
        except Exception as error:
            raise Unwritable(
                f"{kind} could not save {getattr(obj, 'name', None) or type(obj).__name__} as a "
                f"SavedModel: {str(error).strip()[:2000] or type(error).__name__}",
                type=type(obj).__name__,
            ) from error
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }


def _write(obj: Any, kind: str, folder: str, options: Mapping[str, object]) -> None:
    if kind == KERAS:
        obj.export(folder, format="tf_saved_model", verbose=False)
    elif kind == TF_KERAS:
        import tf_keras

        tf_keras.models.save_model(obj, folder, save_format="tf", **options)
    else:
        tf = require_tensorflow()
        tf.saved_model.save(obj, folder, signatures=options.get("signatures"))


def _check_options(kind: str, options: Mapping[str, object]) -> None:
    taken = {KERAS: (), TF_KERAS: ("save_traces", "signatures"), MODULE: ("signatures",)}[kind]
    for option in options:
        if option not in taken:
            raise UnknownOption(
                f"the option {option!r} is not for objects of {kind}; for those there is "
                f"{', '.join(taken) or 'none'}",
                option=option,
                known=taken,
            )
    traces = options.get("save_traces", True)
    if type(traces) is not bool:
        raise UnknownOption(
            f"save_traces is {traces!r}; expected True or False", option="save_traces"
        )
    signatures = options.get("signatures")
    is_dict = isinstance(signatures, Mapping) and all(isinstance(key, str) for key in signatures)
    if not (signatures is None or callable(signatures) or is_dict):
        raise UnknownOption(
            f"signatures is {signatures!r}; expected a tf.function, or a dict of them by name",
            option="signatures",
        )


def _require_built(obj: Any, kind: str) -> None:
    if kind != MODULE and not obj.built:
        raise NotBuilt(
            f"the model {obj.name!r} ({type(obj).__name__}) is not built: it has no weights yet, "
            f"so there is nothing to bundle; call it on data, model(x), first",
            model=obj.name,
        )


@contextmanager
def _silent() -> Iterator[None]:
    """Keep the savers' advice away: what they would not save is an error or a declared loss."""
    with quiet(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
