"""What Keras writes of a live model, the classes and functions behind it, and what it omits."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from bundlekit.errors import BundleError, NotBuilt, Unwritable
from bundlekit_keras import (
    addresses,
    defaults,
    discovery,
    fidelity,
    internals,
    nodes,
    reload_check,
    unwritable,
)
from bundlekit_keras.framework import innermost, require_keras
from bundlekit_keras.keras_file import ASSETS, CONFIG, METADATA, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bundlekit.adapter import CustomObject, Out


class Written(NamedTuple):
    """What Keras writes of a model."""

    config: dict[str, Any]
    weights: bytes
    assets: dict[str, bytes]
    own: tuple[CustomObject, ...]
    """The classes and functions in it that are not Keras' own."""


def add_config(out: Out, config: dict[str, Any], model: Any) -> None:
    """Add the config, and what Keras leaves out of it: who wrote it, and under which defaults."""
    # Not canonical: the order of keys is the order of a model's outputs, and Keras writes NaN.
    out.add(CONFIG, json.dumps(config, separators=(",", ":")).encode())
    keras = require_keras()
    versions = {"keras_version": keras.__version__, "backend": keras.backend.backend()}
    out.add_json(METADATA, {**versions, **defaults.of(model)})


def require_storable(model: Any) -> None:
    """Refuse a model that is not built, or that Keras would store as another one.

    Raises:
        NotBuilt, Unwritable: naming the layers.
    """
    _require_built(model)
    fidelity.require_storable(model)


def _require_built(model: Any) -> None:
    if not model.built:
        raise NotBuilt(
            f"the model {model.name!r} ({type(model).__name__}) is not built: it has no weights "
            f"yet, so there is nothing to bundle; call it on data, model(x), or "
            f"model.build(input_shape), first",
            model=model.name,
        )
    waiting = fidelity.unbuilt_inside(model)
    if waiting:
        names = ", ".join(repr(layer.name) for layer in waiting)
        raise NotBuilt(
            f"the model {model.name!r} is built, and these layers in it are not: {names}; they "
            f"have no weights yet, so there is nothing of them to bundle; call the model on data, "
            f"model(x), first",
            model=model.name,
            layers=tuple(layer.name for layer in waiting),
        )


def written(model: Any, *, without: Iterable[Any] = ()) -> Written:
    """Let Keras save a model in its v3 format, and find what in it is not Keras' own.

    Args:
        model: the model.
        without: objects in it whose variables are not saved.

    Raises:
        Unwritable: Keras cannot save it, or could not load it again.
    """
    keras = require_keras()
    marks = None
    try:
        with TemporaryDirectory(prefix="bundlekit-") as folder:
            path = Path(folder) / "model.keras"
            silent = {id(owner): addresses.save_nothing for owner in without}
            with (
                internals.unchanged_names(),
                internals.marking() as marks,
                addresses.saving_instead(list(without), silent),
            ):
                keras.saving.save_model(model, path)
            with zipfile.ZipFile(path) as archive:
                config = json.loads(archive.read(CONFIG))
                own = discovery.discover(config, model, marks)
                if marks is not None:
                    reload_check.require_readable(config, marks, own)
                nodes.renumber_shared(config)
                names = [name for name in archive.namelist() if name.startswith(ASSETS)]
                assets = {name: archive.read(name) for name in names}
                return Written(config, archive.read(WEIGHTS), assets, own)
    except BundleError:
        raise
    except Exception as error:
        if marks is not None and marks.failed:
            raise unwritable.failed_at(marks.failed, error) from error
        raise Unwritable(
            f"Keras could not save the model {model.name!r} ({type(model).__name__}): "
            f"{innermost(error)}; mend the class or the folder that is named",
            model=model.name,
        ) from error
