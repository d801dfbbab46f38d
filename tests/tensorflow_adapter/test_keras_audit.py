"""What Keras 2 wrote beside a program: nothing of it is imported or run that is not allowed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from bundlekit_tensorflow.inference import InferenceModel

import bundlekit
from bundlekit import BundleWarning, Damaged, Refused, Trust
from bundlekit.adapter import Need
from tests.tensorflow_adapter.repacked import METADATA, artifact, members, rewritten

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Config = dict[str, Any]


@pytest.fixture(scope="module")
def data(trained: tuple[Any, Any, Any]) -> bytes:
    return bytes(bundlekit.bundle(trained[0]))


def with_layer(data: bytes, node: Config) -> bytes:
    return rewritten(data, lambda config: config["config"]["layers"].append(node))


def only_predicts(data: bytes, said: str) -> None:
    with pytest.warns(BundleWarning, match=said):
        model = bundlekit.unbundle(data)
    assert isinstance(model, InferenceModel)


def test_a_model_of_tf_keras_alone_needs_nothing(data: bytes) -> None:
    assert bundlekit.verify(data).needs == ()


@pytest.mark.parametrize("where", ["optimizer_config", "loss", "extra"])
def test_a_module_to_import_is_refused(where: str, data: bytes) -> None:
    node: Config = {
        "module": "mod_marker",
        "class_name": "Adam",
        "config": {},
        "registered_name": None,
    }

    def change(config: Config) -> None:
        if where == "extra":
            config["config"]["extra"] = [{"deep": node}]
        else:
            config["training_config"][where] = node

    with pytest.raises(Refused, match="'mod_marker' for 'Adam' at root, which loading would"):
        bundlekit.unbundle(rewritten(data, change))
    assert "mod_marker" not in sys.modules


FUNCTIONS = ("io.read_file", "io.write_file", "py_function", "load_library", "print", "get", None)


@pytest.mark.parametrize("symbol", FUNCTIONS)
def test_a_function_of_tensorflow_that_does_more_is_not_called(symbol: Any, data: bytes) -> None:
    node = {"class_name": "TFOpLambda", "config": {"name": "x", "function": symbol}}
    hostile = with_layer(data, node)
    (need,) = bundlekit.verify(hostile).needs
    assert (need.name, need.is_op, need.optional) == (f"tf.{symbol}", True, True)
    only_predicts(hostile, rf"the operation tf\.{symbol} in root.*only predicts")


@pytest.mark.parametrize("name", ["ClassMethod", "InstanceMethod", "TensorFlowOpLayer"])
def test_a_layer_that_calls_anything_is_not_made(name: str, data: bytes) -> None:
    only_predicts(with_layer(data, {"class_name": name, "config": {"name": "x"}}), name)


@pytest.mark.parametrize("name", ["deserialize", "get", "load_model", "np", "FeatureSpace"])
def test_what_is_no_class_of_layers_is_not_called(name: str, data: bytes) -> None:
    only_predicts(with_layer(data, {"class_name": name, "config": {"name": "x"}}), name)


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config["training_config"].update(loss="deserialize"),
        lambda config: config["training_config"].update(loss={"a": "deserialize"}),
        lambda config: config["training_config"].update(metrics=[["deserialize"]]),
        lambda config: config["config"]["layers"][1]["config"].update(activation="deserialize"),
    ],
)
def test_a_function_by_a_name_that_is_none_is_not_looked_up(
    change: Callable[[Config], object], data: bytes
) -> None:
    only_predicts(rewritten(data, change), "deserialize, function")


def test_a_vocabulary_that_is_a_path_is_not_opened(data: bytes, tmp_path: Path) -> None:
    marker = tmp_path / "words.txt"
    config = {"name": "x", "vocabulary": str(marker)}
    for name in ("StringLookup", "IntegerLookup", "TextVectorization"):
        hostile = with_layer(data, {"class_name": name, "config": config})
        only_predicts(hostile, "read .*words.txt")
    with pytest.raises(bundlekit.InvalidTrust, match="not the name of an operation"):
        Trust(ops=[f"read {marker}"])


def test_another_type_of_tensors_is_not_looked_up(data: bytes) -> None:
    node = {"class_name": "TypeSpec", "type_spec": "acme.Spec", "serialized": []}
    only_predicts(rewritten(data, lambda config: config.update(save_spec=node)), "type acme.Spec")


class TestLambda:
    @pytest.fixture(scope="class")
    @classmethod
    def made(cls) -> tuple[Any, Any]:
        import numpy as np
        import tf_keras

        model = tf_keras.Sequential(
            [tf_keras.Input((2,)), tf_keras.layers.Lambda(lambda x: x * 3.0)]
        )
        model.compile("sgd", "mse")
        return model, np.ones((2, 2), "float32")

    def test_it_is_not_run_without_trust(self, made: tuple[Any, Any]) -> None:
        model, x = made
        data = bytes(bundlekit.bundle(model))
        (need,) = bundlekit.verify(data).needs
        assert (need.kind, need.optional) == ("lambda", True)
        with pytest.warns(BundleWarning, match="<lambda>.*only predicts"):
            restored = bundlekit.unbundle(data)
        assert restored.predict(x).tolist() == model.predict(x, verbose=0).tolist()

    def test_it_is_run_with_trust(self, made: tuple[Any, Any]) -> None:
        import tf_keras

        model, x = made
        restored = bundlekit.unbundle(bundlekit.bundle(model), trust=Trust(code=True))
        assert isinstance(restored, tf_keras.Model)
        assert restored.predict(x, verbose=0).tolist() == model.predict(x, verbose=0).tolist()

    def test_without_traces_it_is_refused(self, made: tuple[Any, Any]) -> None:
        data = bytes(bundlekit.bundle(made[0], save_traces=False))
        with pytest.raises(Refused, match="a lambda at root"):
            bundlekit.unbundle(data)


class TestManifest:
    """What the manifest declares is only where needs come from."""

    def with_need(self, data: bytes, **fields: Any) -> bytes:
        need = Need(name="Scale", kind="layer", where=("root",), optional=True, **fields)
        return artifact(members(data), custom_objects=(need,))

    def test_one_that_nothing_needs_is_damage(self, data: bytes) -> None:
        with pytest.raises(Damaged, match="does not need that"):
            bundlekit.verify(self.with_need(data))

    def test_one_that_is_tensorflows_is_damage(self, data: bytes) -> None:
        hostile = with_layer(data, {"class_name": "Scale", "config": {"name": "x"}})
        bundlekit.verify(self.with_need(hostile, module="acme", qualname="Scale"))
        with pytest.raises(Damaged, match="does not need that"):
            bundlekit.verify(self.with_need(hostile, module="tensorflow.io", qualname="x"))

    def test_a_program_alone_needs_no_classes(self, exported: tuple[Any, Any, bytes]) -> None:
        with pytest.raises(Damaged, match="a program needs none"):
            bundlekit.verify(self.with_need(exported[2]))


@pytest.mark.parametrize("content", [b"\x0a\x05", b"\x0a\x02\x2a\x00", b"\x0a\x04\x2a\x02[]"])
def test_what_is_no_metadata_is_damage(content: bytes, data: bytes) -> None:
    with pytest.raises(Damaged, match=METADATA):
        bundlekit.verify(artifact({**members(data), METADATA: content}))


def test_a_node_without_a_name_is_damage(data: bytes) -> None:
    for node in ({"class_name": 3, "config": {}}, {"class_name": "Dense", "module": [1]}):
        hostile = with_layer(data, node)
        with pytest.raises(Damaged, match="without (a plain class_name|plain names)"):
            bundlekit.verify(hostile)
