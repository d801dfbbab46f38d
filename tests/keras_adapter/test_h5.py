"""Whole models in H5: what Keras loses there, and what is refused."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pytest

import bundlekit
from bundlekit import NotRestorable, Unwritable


@pytest.fixture
def x() -> Any:
    return np.random.default_rng(3).normal(size=(8, 4)).astype("float32")


@pytest.fixture
def short(x: Any) -> Any:
    """Give a model whose loss and metrics are given by their short names."""
    import keras

    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3, activation="relu")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden), name="short")
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(x, x[:, :1], verbose=0)
    return model


def test_short_names_come_back_compiled_with_the_optimizer(short: Any, x: Any) -> None:
    restored = bundlekit.unbundle(bundlekit.bundle(short, "keras-h5"))
    assert int(restored.optimizer.iterations) == int(short.optimizer.iterations) == 1
    for _ in range(2):
        assert restored.train_on_batch(x, x[:, :1]) == short.train_on_batch(x, x[:, :1])


def test_h5_and_then_v3_keeps_the_optimizer(short: Any) -> None:
    before = short.get_compile_config()
    bundlekit.bundle(short, "keras-h5")
    assert short.get_compile_config() == before
    restored = bundlekit.unbundle(bundlekit.bundle(short))
    assert type(restored.optimizer).__name__ == "Adam"
    assert int(restored.optimizer.iterations) == 1


def test_stock_keras_reads_the_member(short: Any, x: Any, tmp_path: Any) -> None:
    import keras

    path = tmp_path / "model.h5"
    path.write_bytes(bundlekit.bundle(short, "keras-h5").read("model.h5"))
    stock = keras.saving.load_model(path, compile=False)
    assert np.array_equal(stock.predict(x, verbose=0), short.predict(x, verbose=0))


def test_masks_come_back(x: Any) -> None:
    import keras

    tokens = keras.Input((5,), dtype="int32")
    embedded = keras.layers.Embedding(9, 4, mask_zero=True)(tokens)
    pooled = keras.layers.GlobalAveragePooling1D()(embedded)
    model = keras.Model(tokens, keras.layers.Dense(1)(pooled))
    words = np.array([[1, 2, 0, 0, 0], [3, 4, 5, 6, 0]])
    restored = bundlekit.unbundle(bundlekit.bundle(model, "keras-h5"))
    assert np.array_equal(restored.predict(words, verbose=0), model.predict(words, verbose=0))


def test_a_vocabulary_is_refused() -> None:
    import keras

    layer = keras.layers.StringLookup(name="words")
    layer.adapt(["a", "b"])
    model = keras.Sequential([keras.Input((1,), dtype="string"), layer])
    with pytest.raises(Unwritable, match="H5 lacks the vocabulary of 'words'.*adapter 'keras'"):
        bundlekit.bundle(model, "keras-h5")


def test_a_vocabulary_of_the_config_is_kept() -> None:
    import keras

    layer = keras.layers.StringLookup(vocabulary=["a", "b"])
    model = keras.Sequential([keras.Input((1,), dtype="string"), layer])
    restored = bundlekit.unbundle(bundlekit.bundle(model, "keras-h5"))
    assert restored.layers[0].get_vocabulary() == ["[UNK]", "a", "b"]


def test_weights_that_are_not_those_of_the_config(short: Any, tmp_path: Any) -> None:
    import h5py

    path = tmp_path / "model.h5"
    short.save(path)
    with h5py.File(path, "a") as file:
        group = file["model_weights"][short.layers[1].name]
        name = group.attrs["weight_names"][0]
        del group[name]
        group[name] = np.zeros((9, 9), "float32")
    with pytest.raises(NotRestorable, match="are not those of its config.*1 mismatched"):
        bundlekit.unbundle(bundlekit.adopt(path))


def test_an_empty_file_of_weights_is_refused(short: Any, tmp_path: Any) -> None:
    import h5py

    target = io.BytesIO()
    with h5py.File(target, "w") as file:
        file.create_group("layers")
    path = tmp_path / "empty.h5"
    path.write_bytes(target.getvalue())
    with pytest.raises(bundlekit.Damaged, match="holds no weights in any form"):
        bundlekit.adopt(path)


class TestKeras2:
    """Models of tf_keras, which come back as such."""

    def test_they_come_back_trained(self, x: Any) -> None:
        import tf_keras

        inputs = tf_keras.Input((4,))
        model = tf_keras.Model(inputs, tf_keras.layers.Dense(1)(inputs), name="old")
        model.compile("adam", "mse", metrics=["mae"])
        model.fit(x, x[:, :1], verbose=0)
        bundled = bundlekit.bundle(model, "keras-h5")
        assert bytes(bundled) == bytes(bundlekit.bundle(model, "keras-h5"))
        restored = bundlekit.unbundle(bundled)
        assert isinstance(restored, tf_keras.Model)
        for _ in range(2):
            assert restored.train_on_batch(x, x[:, :1]) == model.train_on_batch(x, x[:, :1])

    def test_add_loss_is_refused(self, x: Any) -> None:
        import tf_keras

        inputs = tf_keras.Input((4,))
        outputs = tf_keras.layers.Dense(1)(inputs)
        model = tf_keras.Model(inputs, outputs)
        model.add_loss(tf_keras.backend.mean(outputs))
        with pytest.raises(Unwritable, match="does not keep what add_loss and add_metric added"):
            bundlekit.bundle(model, "keras-h5")

    def test_what_keras_3_cannot_express_comes_back_by_tf_keras(
        self, x: Any, tmp_path: Any
    ) -> None:
        import tf_keras

        inputs = tf_keras.Input((4, 1))
        local = tf_keras.layers.LocallyConnected1D(2, 2)(inputs)
        model = tf_keras.Model(inputs, tf_keras.layers.Flatten()(local), name="local")
        model.compile("adam", "mse")
        for path in (tmp_path / "model.keras", tmp_path / "model.h5"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # tf_keras calls H5 outdated
                model.save(path)
            bundled = bundlekit.adopt(path)
            assert any("takes tf_keras" in loss.why for loss in bundled.manifest.losses)
            with pytest.warns(bundlekit.BundleWarning, match="comes back as a model of tf_keras"):
                restored = bundlekit.unbundle(bundled)
            seen = (one.predict(x[..., None], verbose=0) for one in (restored, model))
            assert np.array_equal(*seen)
