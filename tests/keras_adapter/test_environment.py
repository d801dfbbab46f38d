"""Real models, as if another environment had written them."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

import bundlekit
from bundlekit import BundleWarning, TooNew, here
from bundlekit._registry import installed
from bundlekit.artifact import Artifact
from bundlekit.source import MemorySource
from bundlekit.unpacking import payload_of
from tests.core.test_environment import said, written_in
from tests.keras_adapter.test_v3 import rewritten

if TYPE_CHECKING:
    from pathlib import Path

    from bundlekit.adapter import Payload

Trained = tuple[Any, Any]


@pytest.fixture(scope="module")
def data(trained: Trained) -> bytes:
    return bundlekit.dumps(trained[0])


def requires(source: bytes) -> tuple[str, ...]:
    payload: Payload = payload_of(Artifact(MemorySource(source)))
    return installed().get(payload.part.adapter).requires(payload)


def of_version(trained: Trained, version: str, path: Path) -> Path:
    """Let stock Keras save a model, in a file that says another version."""
    trained[0].save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    metadata = {**json.loads(members["metadata.json"]), "keras_version": version}
    members["metadata.json"] = json.dumps(metadata).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_the_backend_is_that_of_keras() -> None:
    import keras

    assert here.backend() == keras.backend.backend()


@pytest.mark.parametrize("adapter", ["keras", "keras-h5", "keras-config"])
def test_a_later_keras_and_its_backend_are_one_warning(trained: Trained, adapter: str) -> None:
    import keras

    backend = keras.backend.backend()
    recorded = {"keras": "3.999.1", backend: "99.5", "numpy": "99.1"}
    [warning] = said(written_in(bundlekit.dumps(trained[0], adapter), **recorded))
    assert f"keras 3.999.1 (here {keras.__version__})" in warning
    assert f"{backend} 99.5 (here " in warning
    assert f"'keras~=3.999' '{backend}~=99.5' 'numpy~=99.1'" in warning


def test_weights_alone_do_not_mind_which_keras_wrote_them(trained: Trained) -> None:
    weights = bundlekit.dumps(trained[0], "keras-weights")
    assert said(written_in(weights, keras="3.999.1")) == []
    [warning] = said(written_in(weights, h5py="99.0"))
    assert "h5py 99.0 (here 3." in warning


def test_the_backend_of_the_writer_is_not_compared_with_another(data: bytes) -> None:
    import keras

    backend = keras.backend.backend()
    other = {"backend": "openvino", "openvino": "99.0", backend: None}
    assert said(written_in(data, **other)) == []


def test_a_later_major_of_keras_is_refused_and_not_said(data: bytes) -> None:
    metadata = json.loads(bundlekit.Bundle(data).read("metadata.json"))
    later = rewritten(
        data, "metadata.json", json.dumps({**metadata, "keras_version": "4.0.0"}).encode()
    )
    with pytest.raises(TooNew, match=r"was written by Keras 4\.0\.0"):
        bundlekit.unbundle(written_in(later, keras="4.0.0", numpy="99.0"))


def test_an_adopted_file_of_a_later_keras_is_said_once(trained: Trained, tmp_path: Path) -> None:
    import keras

    adopted = bundlekit.adopt(of_version(trained, "3.999.0", tmp_path / "model.keras"))
    with pytest.warns(BundleWarning, match=r"keras 3\.999\.0 \(here ") as caught:
        bundlekit.unbundle(adopted)
    assert len(caught) == 1
    assert keras.__version__ in str(caught[0].message)


def test_an_adopted_file_of_an_earlier_keras_is_not_said(trained: Trained, tmp_path: Path) -> None:
    adopted = bundlekit.adopt(of_version(trained, "3.8.0", tmp_path / "model.keras"))
    assert said(bytes(adopted)) == []


def test_a_model_of_tf_keras_requires_tf_keras() -> None:
    import tf_keras

    model = tf_keras.Sequential([tf_keras.layers.Dense(1, input_shape=(2,))])
    assert requires(bundlekit.dumps(model, "keras-h5"))[:2] == ("tf_keras", "tensorflow")
    weights = bundlekit.dumps(model, "keras-weights")
    assert requires(weights) == ("tensorflow", "numpy")
