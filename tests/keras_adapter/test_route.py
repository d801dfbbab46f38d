"""What tf_keras loads is what was audited, and it finds no other class than the one looked at."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

import bundlekit
from bundlekit import Damaged, Refused
from tests.keras_adapter.test_v3 import rewritten

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = {"class_name": "LocallyConnected1D", "config": {"filters": 1, "kernel_size": [1]}}
"""A layer that Keras 3 does not have, so that tf_keras is asked."""
NOT_A_MODEL = "tf_keras.src.testing_infra.keras_doctest_lib"
INPUT = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 3, 1], "name": "i"}}


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """Write an honest file that only tf_keras can load."""
    import tf_keras

    inputs = tf_keras.Input((4, 1))
    outputs = tf_keras.layers.LocallyConnected1D(2, 2, name="local")(inputs)
    model = tf_keras.Model(inputs, outputs)
    model.compile(tf_keras.optimizers.Adam(), "mse")
    model.save(tmp_path / "local.keras")
    return tmp_path / "local.keras"


def with_config(path: Path, config: dict[str, Any], weights: bytes | None = None) -> Path:
    target = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            data = json.dumps(config).encode() if name == "config.json" else data
            data = weights if weights and name.endswith(".h5") else data
            new.writestr(name, data)
    changed = path.with_name("changed.keras")
    changed.write_bytes(target.getvalue())
    return changed


def test_an_honest_file_comes_back(local: Path) -> None:
    with pytest.warns(bundlekit.BundleWarning, match="comes back as a model of tf_keras"):
        model = bundlekit.unbundle(bundlekit.adopt(local))
    assert model.optimizer is not None


@pytest.mark.parametrize(
    ("node", "kind", "match"),
    [
        (
            {"class_name": "TensorShape", "registered_name": "Functional", "config": {}},
            Damaged,
            "registered as 'Functional'",
        ),
        (
            {"class_name": "Dense", "registered_name": "ReloadedLayer", "config": {}},
            Damaged,
            "registered as 'ReloadedLayer'",
        ),
        (
            {"class_name": "Dense", "registered_name": "StringLookup", "config": {}},
            Damaged,
            "registered as 'StringLookup'",
        ),
        (
            {
                "class_name": "Dense",
                "module": "tf_keras.src.testing_infra.keras_doctest_lib",
                "config": {},
            },
            Refused,
            "which loading would import",
        ),
        (
            {"class_name": "Dense", "config": {"vocabulary": "/etc/hostname"}},
            Refused,
            "read /etc/hostname",
        ),
        (
            {"class_name": "TFOpLambda", "config": {"function": "io.gfile.makedirs"}},
            Refused,
            r"tf\.io\.gfile\.makedirs",
        ),
        ({"class_name": "TFOpLambda", "config": {"function": []}}, Refused, r"tf\.\[\]"),
        ({"class_name": "TypeSpec", "type_spec": [], "config": {}}, Refused, r"type \[\]"),
    ],
    ids=lambda value: value.get("class_name", "") if isinstance(value, dict) else "",
)
def test_a_hostile_node_beside_it(local: Path, node: Any, kind: Any, match: str) -> None:
    layers = {"name": "m", "layers": [INPUT, LOCAL, node]}
    root = {"class_name": "Sequential", "config": layers, "module": "keras"}
    with pytest.raises(kind, match=match):
        bundlekit.unbundle(bundlekit.adopt(with_config(local, root)))
    assert NOT_A_MODEL not in sys.modules


def test_weights_that_are_stored_elsewhere(local: Path, tmp_path: Path) -> None:
    import h5py

    target = io.BytesIO()
    with h5py.File(target, "w") as file:
        file["layers/local"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/")
    with zipfile.ZipFile(local) as archive:
        config = json.loads(archive.read("config.json"))
    with pytest.raises(Refused, match="has a link"):
        bundlekit.adopt(with_config(local, config, target.getvalue()))


def test_a_config_beside_an_h5_file_is_of_keras_3(trained: tuple[Any, Any]) -> None:
    data = bytes(bundlekit.bundle(trained[0], "keras-h5"))

    metadata = json.loads(bundlekit.Bundle(data).read("metadata.json"))
    old = json.dumps({**metadata, "keras_version": "2.15.0"}).encode()
    with pytest.raises(Damaged, match="in bundles of Keras 3 only"):
        bundlekit.unbundle(rewritten(data, "metadata.json", old))
