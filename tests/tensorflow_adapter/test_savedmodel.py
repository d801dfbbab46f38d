"""Writing SavedModels and restoring them, in one process."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from bundlekit_tensorflow.inference import InferenceModel

import bundlekit
from bundlekit import (
    BundleWarning,
    Damaged,
    InferenceOnly,
    MissingCustomObjects,
    NotBuilt,
    UnknownOption,
    Unwritable,
)
from tests.tensorflow_adapter.repacked import artifact, members


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let temporary folders be made where nobody else makes any."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


class TestWriting:
    def test_an_export_is_a_stock_saved_model(
        self, exported: tuple[Any, Any, bytes], tmp_path: Path
    ) -> None:
        import numpy as np
        import tensorflow as tf

        model, inputs, data = exported
        for path, content in members(data).items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_bytes(content)
        loaded = tf.saved_model.load(str(tmp_path))
        expected = model.predict(inputs, verbose=0)
        for one, other in zip(loaded.serve(inputs), expected, strict=True):
            assert np.allclose(one, other, atol=1e-6)

    def test_the_manifest_says_what_it_takes_and_what_it_is_not(
        self, exported: tuple[Any, Any, bytes]
    ) -> None:
        said = bundlekit.Bundle(exported[2]).manifest
        assert said.signature is not None
        assert [(s.name, s.dtype, s.shape) for s in said.signature.inputs] == [
            ("right", "float32", (None, 2)),
            ("left", "float32", (None, 3)),
        ]
        assert (said.kind, said.name, said.capabilities) == ("model", "two", ("predict",))
        assert [loss.what for loss in said.losses] == ["architecture, training and optimizer"]
        assert {"tensorflow", "keras"} <= said.environment.keys()

    def test_keras_models_still_go_to_the_adapter_keras(
        self, exported: tuple[Any, Any, bytes], trained: tuple[Any, Any, Any]
    ) -> None:
        import keras
        import tensorflow as tf

        from bundlekit._registry import installed

        assert installed().choose(exported[0]).name == "keras"
        assert installed().choose(trained[0]).name == "tf-savedmodel"
        assert installed().choose(tf.Module()).name == "tf-savedmodel"
        with pytest.raises(bundlekit.UnsupportedObject, match="no installed adapter takes"):
            installed().choose(keras.layers.Dense(1))

    def test_no_folder_is_left_and_none_needed(
        self, exported: tuple[Any, Any, bytes], temporary: Path
    ) -> None:
        import numpy as np

        model, inputs, _ = exported
        folder = Path.cwd()
        restored = bundlekit.unbundle(bundlekit.bundle(model, "tf-savedmodel"))
        assert list(temporary.glob("bundlekit-*")) == []
        assert Path.cwd() == folder
        expected = model.predict(inputs, verbose=0)
        assert np.allclose(restored.predict(inputs)[0], expected[0], atol=1e-6)

    def test_a_failing_save_leaves_nothing_and_names_the_cause(self, temporary: Path) -> None:
        import keras

        class Failing(keras.layers.Layer):
            def call(self, inputs: Any) -> Any:
                if self.armed:
                    raise RuntimeError("not twice")
                return inputs

            armed = False

        layer = Failing()
        model = keras.Sequential([keras.Input((2,)), layer])
        layer.armed = True
        folder = Path.cwd()
        with pytest.raises(Unwritable, match="not twice"):
            bundlekit.bundle(model, "tf-savedmodel")
        assert list(temporary.glob("bundlekit-*")) == []
        assert Path.cwd() == folder

    def test_what_cannot_be_called_is_not_built(self) -> None:
        import keras
        import tensorflow as tf
        import tf_keras

        with pytest.raises(NotBuilt, match="call it on data"):
            bundlekit.bundle(keras.Sequential([keras.layers.Dense(1)]), "tf-savedmodel")
        with pytest.raises(NotBuilt, match="call it on data"):
            bundlekit.bundle(tf_keras.Sequential([tf_keras.layers.Dense(1)]))
        with pytest.raises(NotBuilt, match="input_signature"):
            bundlekit.bundle(tf.Module())
        with pytest.raises(Unwritable, match="make a model of it"):
            bundlekit.bundle(tf_keras.layers.Dense(1))

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"save_traces": False}, "not for objects of tensorflow"),
            ({"signatures": 3}, "expected a tf.function"),
            ({"signatures": {3: print}}, "expected a tf.function"),
        ],
    )
    def test_options_that_do_not_fit_are_refused(self, options: dict[str, Any], said: str) -> None:
        import tensorflow as tf

        with pytest.raises(UnknownOption, match=said):
            bundlekit.bundle(tf.Module(), **options)

    def test_save_traces_is_a_plain_bool(self, trained: tuple[Any, Any, Any]) -> None:
        with pytest.raises(UnknownOption, match="expected True or False"):
            bundlekit.bundle(trained[0], save_traces="no")

    def test_named_signatures_of_a_module(self) -> None:
        import tensorflow as tf

        made = tf.Module()
        made.by = tf.Variable(3.0)
        spec = tf.TensorSpec([None], name="x")
        scale = tf.function(lambda x: {"y": x * made.by}, input_signature=[spec])
        model = bundlekit.unbundle(bundlekit.bundle(made, signatures={"scale": scale}))
        assert model.predict([1.0, 2.0])["y"].tolist() == [3.0, 6.0]
        assert list(model.signatures) == ["scale"]


class TestParts:
    def test_the_graph_is_what_tensorflow_gives(self, exported: tuple[Any, Any, bytes]) -> None:
        _, inputs, data = exported
        graph = bundlekit.unbundle(data, parts={"graph"})
        assert len(graph.serve(inputs)) == 2
        assert not isinstance(graph, InferenceModel)

    @pytest.mark.parametrize("parts", [{"weights"}, {"graph", "model"}, "graph", 3, []])
    def test_other_parts_are_refused_with_those_there_are(
        self, parts: object, exported: tuple[Any, Any, bytes]
    ) -> None:
        with pytest.raises(UnknownOption, match="'graph', what tf.saved_model.load gives"):
            bundlekit.unbundle(exported[2], parts=parts)

    def test_inference_of_a_trainable_model(self, trained: tuple[Any, Any, Any]) -> None:
        import numpy as np

        model, x, _ = trained
        restored = bundlekit.unbundle(bundlekit.bundle(model), parts={"inference"})
        assert isinstance(restored, InferenceModel)
        assert np.allclose(restored.predict(x), model.predict(x, verbose=0), atol=1e-6)


class TestTrainable:
    def test_the_second_step_is_that_of_a_model_that_was_never_saved(
        self, trained: tuple[Any, Any, Any]
    ) -> None:
        import numpy as np
        import tf_keras

        model, x, y = trained
        restored = bundlekit.unbundle(bundlekit.bundle(model))
        assert int(restored.optimizer.iterations) == int(model.optimizer.iterations) == 3
        twin = tf_keras.models.clone_model(model)
        twin.compile("adam", "mse", metrics=["mae"])
        twin.set_weights(model.get_weights())
        twin.optimizer.build(twin.trainable_variables)
        for mine, its in zip(twin.optimizer.variables(), model.optimizer.variables(), strict=True):
            mine.assign(its)
        for _ in range(2):
            expected, found = (m.train_on_batch(x, y) for m in (twin, restored))
        assert np.allclose(expected, found, atol=1e-7)
        assert np.array_equal(twin.get_weights()[0], restored.get_weights()[0])

    def test_without_tf_keras_it_predicts_and_says_so(
        self, trained: tuple[Any, Any, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from bundlekit_tensorflow import reading

        data = bytes(bundlekit.bundle(trained[0]))
        bare = bytes(bundlekit.bundle(trained[0], save_traces=False))
        monkeypatch.setattr(reading, "tf_keras", lambda: None)
        with pytest.warns(BundleWarning, match="tf_keras is not installed"):
            restored = bundlekit.unbundle(data)
        assert restored.predict(trained[1]).shape == (8, 1)
        with (
            pytest.warns(BundleWarning, match="tf_keras is not installed"),
            pytest.raises(bundlekit.FrameworkMissing, match="pip install tf-keras"),
        ):
            bundlekit.unbundle(bare)

    def test_without_traces_the_model_comes_back_whole(self, trained: tuple[Any, Any, Any]) -> None:
        import numpy as np

        model, x, _ = trained
        data = bytes(bundlekit.bundle(model, save_traces=False))
        restored = bundlekit.unbundle(data)
        assert np.array_equal(restored.predict(x, verbose=0), model.predict(x, verbose=0))
        assert int(restored.optimizer.iterations) == 3

    @pytest.mark.parametrize(
        "make",
        [
            lambda tf_keras: tf_keras.optimizers.AdamW(use_ema=True),
            lambda tf_keras: tf_keras.optimizers.SGD(
                tf_keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5), momentum=0.9
            ),
            lambda tf_keras: tf_keras.optimizers.legacy.SGD(0.1, momentum=0.9),
            lambda tf_keras: tf_keras.mixed_precision.LossScaleOptimizer(
                tf_keras.optimizers.Adam()
            ),
        ],
        ids=["averaged", "scheduled", "legacy", "wrapped"],
    )
    def test_any_optimizer_goes_on_where_it_was(self, make: Any) -> None:
        import numpy as np
        import tf_keras

        model = tf_keras.Sequential([tf_keras.layers.Dense(2, input_shape=(3,))])
        model.compile(make(tf_keras), "mse")
        x = np.random.default_rng(1).normal(size=(4, 3)).astype("float32")
        model.fit(x, x[:, :2], epochs=3, verbose=0)
        restored = bundlekit.unbundle(bundlekit.bundle(model))
        for _ in range(2):
            losses = [one.train_on_batch(x, x[:, :2]) for one in (model, restored)]
        assert losses[0] == losses[1]
        assert np.array_equal(model.get_weights()[0], restored.get_weights()[0])
        assert int(restored.optimizer.iterations) == 5

    def test_a_model_that_was_rebuilt_for_a_trial_is_the_same(self) -> None:
        import tf_keras

        layers = [tf_keras.Input((2,)), tf_keras.layers.Lambda(lambda x: x * 3.0)]
        assert bundlekit.bundle(tf_keras.Sequential(layers), check="rebuild").members

    def test_a_frozen_model_whose_optimizer_has_other_variables_says_so(self) -> None:
        import numpy as np
        import tf_keras

        model = tf_keras.Sequential(
            [tf_keras.layers.Dense(2, input_shape=(2,)), tf_keras.layers.Dense(1)]
        )
        model.compile("adam", "mse")
        model.fit(np.ones((2, 2)), np.ones((2, 1)), verbose=0)
        model.layers[0].trainable = False
        data = bundlekit.bundle(model)
        with pytest.warns(BundleWarning, match="begins anew"):
            restored = bundlekit.unbundle(data)
        assert int(restored.optimizer.iterations) == 0

    def test_another_optimizer_in_the_checkpoint_is_damage(
        self, trained: tuple[Any, Any, Any]
    ) -> None:
        import numpy as np
        import tf_keras

        other = tf_keras.Sequential([tf_keras.layers.Dense(1, input_shape=(3,))])
        other.compile("sgd", "mse")
        other.fit(np.ones((2, 3)), np.ones((2, 1)), verbose=0)
        files = members(bytes(bundlekit.bundle(trained[0])))
        alien = members(bytes(bundlekit.bundle(other)))
        files |= {path: data for path, data in alien.items() if path.startswith("variables/")}
        with pytest.raises((Damaged, bundlekit.NotRestorable)):
            bundlekit.unbundle(artifact(files))


class TestClasses:
    @pytest.fixture(scope="class")
    @classmethod
    def made(cls) -> tuple[Any, Any, type]:
        import numpy as np
        import tf_keras

        class Scale(tf_keras.layers.Layer):
            def build(self, shape: Any) -> None:
                self.scale = self.add_weight(name="scale", shape=(shape[-1],), initializer="ones")

            def call(self, inputs: Any) -> Any:
                return inputs * self.scale

        model = tf_keras.Sequential([tf_keras.layers.Dense(2, input_shape=(2,)), Scale()])
        model.compile("adam", "mse")
        x = np.ones((4, 2), "float32")
        model.fit(x, x, verbose=0)
        return model, x, Scale

    def test_a_class_is_declared_with_where_it_lives(self, made: tuple[Any, Any, type]) -> None:
        said = bundlekit.bundle(made[0]).manifest
        (need,) = said.custom_objects
        assert (need.name, need.kind, need.optional) == ("Scale", "layer", True)
        assert need.where == ("root", "root.layer_with_weights-1")
        assert need.travels == "value"
        assert "masks" in said.losses[-1].what

    def test_given_it_is_used(self, made: tuple[Any, Any, type]) -> None:
        model, x, cls = made
        data = bytes(bundlekit.bundle(model))
        restored = bundlekit.unbundle(data, custom_objects={"Scale": cls})
        assert type(restored.layers[1]) is cls
        assert restored.train_on_batch(x, x) == model.evaluate(x, x, verbose=0)

    def test_trusted_it_comes_out_of_the_artifact(self, made: tuple[Any, Any, type]) -> None:
        trust = bundlekit.Trust(code=True)
        restored = bundlekit.unbundle(bytes(bundlekit.bundle(made[0])), trust=trust)
        assert type(restored.layers[1]).__name__ == "Scale"

    def test_not_given_it_is_not_needed_to_predict(self, made: tuple[Any, Any, type]) -> None:
        import numpy as np

        model, x, _ = made
        data = artifact(plain(model))
        with pytest.warns(BundleWarning, match=r"Scale, layer.*only predicts"):
            restored = bundlekit.unbundle(data)
        assert isinstance(restored, InferenceModel)
        assert np.allclose(restored.predict(x), model.predict(x, verbose=0), atol=1e-6)
        with pytest.raises(InferenceOnly, match="with its classes"):
            restored.fit(x, x)

    def test_without_traces_it_is_needed_when_loading(self, made: tuple[Any, Any, type]) -> None:
        data = artifact(plain(made[0], save_traces=False))
        with pytest.raises(MissingCustomObjects, match=r'custom_objects=\{"Scale": Scale\}'):
            bundlekit.unbundle(data)
        restored = bundlekit.unbundle(data, custom_objects={"Scale": made[2]})
        assert type(restored.layers[1]) is made[2]


def plain(model: Any, **options: Any) -> dict[str, bytes]:
    """Give the files of a SavedModel, as somebody else would have written them."""
    files = members(bytes(bundlekit.bundle(model, **options)))
    return {path: data for path, data in files.items() if not path.startswith("code/")}


def test_the_data_are_those_of_the_installed_frameworks() -> None:
    import runpy

    tools = Path(__file__).parents[2] / "tools"
    for name in ("tensorflow_ops", "tf_keras_names"):
        assert runpy.run_path(str(tools / f"{name}.py"))["check"]() == 0


def test_an_export_leaves_nothing_behind_on_the_layers() -> None:
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    before = [set(vars(one)) for one in (model, *model.layers)]
    bundlekit.bundle(model, "tf-savedmodel")
    left = [set(vars(o)) - b for o, b in zip((model, *model.layers), before, strict=True)]
    assert not any(names & {"train_function", "predict_function"} for names in left), left
