"""Each way of keeping a model: how it saves, how it loads, what it is not."""

from __future__ import annotations

import logging
import os
import pickle
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from benchmarks import floor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Way:
    """One way of keeping a model.

    Attributes:
        title: for readers.
        save: writes a live model to a path.
        load: reads it; gets the live model too, for ways that need one.
        why: what it leaves out, which bundlekit does.
        whole: whether loading gives a model.
        file: what to call the file, since some ways go by its name.
        needs: the modules that it takes beyond those of the project.
    """

    title: str
    save: Callable[[Any, Path], object]
    load: Callable[[Path, Any], object]
    why: str
    whole: bool = True
    file: str = "model.keras"
    needs: tuple[str, ...] = ()

    @property
    def absent(self) -> str:
        """Say why it cannot be measured here, if it cannot."""
        missing = [name for name in self.needs if find_spec(name) is None]
        return f"not installed: {', '.join(missing)}" if missing else ""


def _dump(model: Any, path: Path) -> object:
    import bundlekit

    return bundlekit.dump(model, path)


def _load(path: Path, _: Any) -> object:
    import bundlekit

    return bundlekit.load(path)


def _keras_save(model: Any, path: Path) -> object:
    import keras

    return keras.saving.save_model(model, path)


def _keras_load(path: Path, _: Any) -> object:
    import keras

    return keras.saving.load_model(path)


def _pickle_save(model: Any, path: Path) -> None:
    with path.open("wb") as file:
        pickle.dump(model, file, protocol=5)


def _pickle_load(path: Path, _: Any) -> object:
    with path.open("rb") as file:
        return pickle.load(file)


def _joblib_save(model: Any, path: Path) -> object:
    import joblib

    return joblib.dump(model, path)


def _joblib_load(path: Path, _: Any) -> object:
    import joblib

    return joblib.load(path)


def _mlflow_save(model: Any, path: Path) -> object:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    import mlflow.keras

    logging.getLogger("mlflow").setLevel(logging.ERROR)  # each time, it asks for a signature
    # Otherwise it starts an interpreter which loads the model, to see what that imports.
    return mlflow.keras.save_model(model, str(path), pip_requirements=["keras"])


def _mlflow_load(path: Path, _: Any) -> object:
    import mlflow.keras

    return mlflow.keras.load_model(str(path))


def _weights_save(model: Any, path: Path) -> object:
    return model.save_weights(path)


def _weights_load(path: Path, model: Any) -> object:
    return model.load_weights(path)


def _safetensors_save(model: Any, path: Path) -> object:
    from keras import ops
    from safetensors.numpy import save_file

    arrays = {str(at): ops.convert_to_numpy(v) for at, v in enumerate(model.variables)}
    return save_file(arrays, path)


def _safetensors_load(path: Path, _: Any) -> object:
    from safetensors.numpy import load_file

    return load_file(path)


def _floor_save(model: Any, path: Path) -> None:
    floor.save(model, path, sync=True)


def _copy_save(model: Any, path: Path) -> None:
    floor.save(model, path, sync=False)


WAYS = {
    "bundlekit": Way("bundlekit", _dump, _load, ""),
    "keras": Way(
        "stock Keras",
        _keras_save,
        _keras_load,
        "no digests, no record of what it needs, no sync to disk, no trial of the configs",
    ),
    "pickle": Way(
        "pickle", _pickle_save, _pickle_load, "stock Keras' file as one bytes object in a pickle"
    ),
    "joblib": Way(
        "joblib",
        _joblib_save,
        _joblib_load,
        "as pickle: Keras hands it bytes and no arrays",
        needs=("joblib",),
    ),
    "mlflow": Way(
        "MLflow's Keras flavour",
        _mlflow_save,
        _mlflow_load,
        "stock Keras' file in a folder, and YAML files; given the requirements, which it would "
        "otherwise find out by loading the model in another interpreter",
        needs=("mlflow", "pandas"),
    ),
    "weights": Way(
        "Keras' weights alone",
        _weights_save,
        _weights_load,
        "no model: loading fills one that is there, so nothing is built",
        whole=False,
        file="model.weights.h5",
    ),
    "safetensors": Way(
        "safetensors",
        _safetensors_save,
        _safetensors_load,
        "no model: loading gives arrays, nothing is built or assigned; no digests, no sync to disk",
        whole=False,
        needs=("safetensors",),
    ),
    "floor": Way(
        "the floor",
        _floor_save,
        floor.load,
        "no model: the bytes copied, hashed and synced; hashed and assigned to variables that are "
        "there",
        whole=False,
    ),
    "copy": Way(
        "the floor without sync",
        _copy_save,
        floor.load,
        "as the floor, and what is saved is not on the disk yet",
        whole=False,
    ),
}
OURS, STOCK = "bundlekit", "keras"
PAIR = (OURS, STOCK)
