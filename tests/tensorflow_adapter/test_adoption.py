"""Folders that others wrote, taken as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from bundlekit_tensorflow.savedmodel import SavedModelAdapter

import bundlekit
from bundlekit import BundleWarning, Damaged, TooNew
from bundlekit.adapter import Foreign
from tests.tensorflow_adapter.repacked import PROGRAM, changed, members

if TYPE_CHECKING:
    from pathlib import Path

ADAPTER = SavedModelAdapter()


@pytest.fixture(scope="module")
def folders(
    exported: tuple[Any, Any, bytes],
    trained: tuple[Any, Any, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    import tensorflow as tf
    import tf_keras

    root = tmp_path_factory.mktemp("theirs")
    exported[0].export(str(root / "export"), verbose=False)
    tf_keras.models.save_model(trained[0], str(root / "model"), save_format="tf")
    made = tf.Module()
    made.run = tf.function(lambda x: x + 1, input_signature=[tf.TensorSpec([None], name="x")])
    tf.saved_model.save(made, str(root / "module"))
    return {name: root / name for name in ("export", "model", "module")}


def test_an_export_of_keras_3(folders: dict[str, Path], exported: tuple[Any, Any, bytes]) -> None:
    import numpy as np
    import tensorflow as tf

    found = ADAPTER.adopt(Foreign(folders["export"]))
    assert found is not None
    assert found.written_by == f"TensorFlow {tf.__version__}, exported by Keras 3"
    assert (found.type, found.description.kind) == ("keras.Model", "model")
    assert found.description.signature is not None
    assert {spec.name for spec in found.description.signature.inputs} == {"left", "right"}
    model = bundlekit.unbundle(bundlekit.adopt(folders["export"]))
    expected = exported[0].predict(exported[1], verbose=0)
    assert np.allclose(model.predict(exported[1])[0], expected[0], atol=1e-6)


def test_a_model_of_tf_keras(folders: dict[str, Path], trained: tuple[Any, Any, Any]) -> None:
    import tf_keras

    found = ADAPTER.adopt(Foreign(folders["model"]))
    assert found is not None
    assert found.written_by.startswith(f"Keras {tf_keras.__version__}, with TensorFlow ")
    assert found.description.capabilities == ("evaluate", "fit", "predict", "resume")
    assert found.description.name == "small"
    assert {loss.what for loss in found.description.losses} >= {"random states"}
    model = bundlekit.unbundle(bundlekit.adopt(folders["model"]))
    assert int(model.optimizer.iterations) == int(trained[0].optimizer.iterations)


def test_a_module(folders: dict[str, Path]) -> None:
    found = ADAPTER.adopt(Foreign(folders["module"]))
    assert found is not None
    assert found.written_by.startswith("TensorFlow ")
    assert (found.type, found.description.kind) == ("tensorflow.Module", "module")
    model = bundlekit.unbundle(bundlekit.adopt(folders["module"]))
    assert model.predict([1.0])["output_0"].tolist() == [2.0]


def test_the_bytes_stay_and_strange_files_are_left(folders: dict[str, Path]) -> None:
    (folders["module"] / "notes.txt").write_text("mine")
    found = ADAPTER.adopt(Foreign(folders["module"]))
    assert found is not None
    assert "notes.txt" not in found.members
    assert "notes.txt" in {loss.what for loss in found.description.losses}
    original = (folders["module"] / "saved_model.pb").read_bytes()
    assert bytes(found.members["saved_model.pb"]) == original


def test_anything_else_is_not_its_business(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"x")
    assert ADAPTER.adopt(Foreign(tmp_path)) is None
    assert ADAPTER.adopt(Foreign(tmp_path / "model.h5")) is None


def test_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"garbage")
    with pytest.raises(Damaged, match=r"saved_model.pb"):
        ADAPTER.adopt(Foreign(tmp_path))


@pytest.mark.parametrize("package", ["", "acme>"])
def test_a_subclassed_model_without_traces_takes_its_classes_by_any_name(
    package: str, tmp_path: Path
) -> None:
    import numpy as np
    import tf_keras

    @tf_keras.saving.register_keras_serializable("acme", "Mix")
    class Mix(tf_keras.Model):
        def __init__(self, **options: object) -> None:
            super().__init__(**options)
            self.dense = tf_keras.layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.dense(x)

        def get_config(self) -> dict[str, object]:
            return {"name": self.name}

    try:
        made = Mix()
        expected = made.predict(np.ones((2, 3)), verbose=0)
        made.save(str(tmp_path / "mix"), save_format="tf", save_traces=False)
    finally:
        tf_keras.saving.get_custom_objects().pop("acme>Mix")
    found = bundlekit.adopt(tmp_path / "mix")
    model = bundlekit.unbundle(found, custom_objects={f"{package}Mix": Mix})
    assert isinstance(model, Mix)
    assert np.array_equal(model.predict(np.ones((2, 3)), verbose=0), expected)


def of_version(data: bytes, version: str) -> bytes:
    def change(graph: Any) -> None:
        graph.meta_info_def.tensorflow_version = version

    return changed(data, change)


def test_a_later_major_is_refused_and_a_later_minor_said(
    exported: tuple[Any, Any, bytes], tmp_path: Path
) -> None:
    for name, data in members(exported[2]).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    path = tmp_path / PROGRAM
    path.write_bytes(members(of_version(exported[2], "3.0.1"))[PROGRAM])
    with pytest.raises(TooNew, match=r"TensorFlow 3.0.1 wrote it"):
        bundlekit.adopt(tmp_path)
    path.write_bytes(members(of_version(exported[2], "2.999.0"))[PROGRAM])
    adopted = bundlekit.adopt(tmp_path)
    with pytest.warns(BundleWarning, match=r"tensorflow 2\.999\.0 \(here 2\.") as said:
        bundlekit.unbundle(adopted)
    assert len(said) == 1
