"""A live model as an H5 file: what Keras writes, with the optimizer's state, and nothing lost."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bundlekit.errors import BundleError, Unwritable
from bundlekit_keras import loading, stored
from bundlekit_keras.framework import innermost, require_keras
from bundlekit_keras.undisturbed import undisturbed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bundlekit_keras.account import Account

MODEL = "model.h5"
REMEDY = "use the adapter 'keras', which keeps it"


def held(account: Account) -> Iterator[str]:
    """Give the paths of the variables that such a file holds."""
    for path, entry in account.entries.items():
        main = entry.kind == "optimizer" and entry.owner is account.main_optimizer
        if entry.kind == "weight" or main:
            yield path


def written(model: Any, *, optimizer: bool = True) -> bytes:
    """Let Keras write a model as H5, and make sure that all of its weights are in the file.

    Args:
        model: the model.
        optimizer: whether to write the optimizer's state.

    Raises:
        Unwritable: Keras cannot write it so, or the file does not hold it as a whole.
    """
    data = _saved(model)
    if optimizer and getattr(getattr(model, "optimizer", None), "built", False):
        data = _with_state(data, model.optimizer)
    _require_whole(data, model)
    return data


def _saved(model: Any) -> bytes:
    """Let Keras write the H5 file, without the arguments of compile.

    Where it writes them, it takes the optimizer out of the live model's; and it cannot read them.
    """
    keras = require_keras()
    try:
        with TemporaryDirectory(prefix="bundlekit-") as folder, undisturbed():
            path = Path(folder) / MODEL
            keras.saving.save_model(model, path, include_optimizer=False)
            return path.read_bytes()
    except BundleError:
        raise
    except Exception as error:
        raise Unwritable(
            f"Keras could not save the model {model.name!r} ({type(model).__name__}) as H5: "
            f"{innermost(error)}; {REMEDY}",
            model=model.name,
        ) from error


def _with_state(data: bytes, optimizer: Any) -> bytes:
    """Add the optimizer's variables, in the way of the format."""
    import h5py

    file = io.BytesIO(data)
    with h5py.File(file, "a") as model:
        group = model.create_group("optimizer_weights")
        variables = list(optimizer.variables)
        names = [f"{index}/{variable.path}" for index, variable in enumerate(variables)]
        group.attrs["weight_names"] = [name.encode() for name in names]
        for name, variable in zip(names, variables, strict=True):
            group[name] = require_keras().ops.convert_to_numpy(variable)
    return file.getvalue()


def _require_whole(data: bytes, model: Any) -> None:
    """Refuse a file that does not hold every weight of the model."""
    with stored.opened(data, MODEL) as weights:
        report = loading.compared(weights, model)
    if not report.complete:
        raise Unwritable(
            f"H5 does not hold the model {model.name!r} as a whole: Keras leaves weights out, or "
            f"stores others in their place; {REMEDY}:\n{report}",
            model=model.name,
            report=report,
        )
