"""Weights into models that exist: what the transfer-learning guides do, and what must not pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import bundlekit
from bundlekit import IncompleteLoad, InvalidTarget, LoadReport, NotBuilt, UnknownOption

if TYPE_CHECKING:
    from pathlib import Path


def encoder(name: str = "encoder", **options: Any) -> Any:
    import keras

    inputs = keras.Input((4,))
    x = keras.layers.Dense(6, activation="relu", name="first")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    return keras.Model(inputs, keras.layers.Dense(3, name="code")(x), name=name, **options)


def classifier(inner: Any, classes: int = 2, *, dropout: bool = False) -> Any:
    import keras

    inputs = keras.Input((4,))
    x = inner(inputs)
    if dropout:
        x = keras.layers.Dropout(0.5)(x)
    model = keras.Model(inputs, keras.layers.Dense(classes, name="head")(x), name="classifier")
    model.compile("adam", "mse")
    return model


@pytest.fixture
def x() -> Any:
    return np.random.default_rng(3).normal(size=(5, 4)).astype("float32")


@pytest.fixture(scope="module")
def source() -> Any:
    import keras

    keras.utils.set_random_seed(1)
    model = classifier(encoder())
    data = np.random.default_rng(3).normal(size=(8, 4)).astype("float32")
    model.fit(data, data[:, :2], verbose=0)
    return model


@pytest.fixture(scope="module")
def weights(source: Any) -> Any:
    return bundlekit.bundle(source, "keras-weights")


@pytest.fixture(scope="module")
def whole(source: Any) -> Any:
    return bundlekit.bundle(source)


def values(model: Any) -> list[Any]:
    return [weight.numpy() for weight in model.weights]


def same(model: Any, other: Any, inputs: Any) -> bool:
    left, right = (one.predict(inputs, verbose=0) for one in (model, other))
    return bool(np.array_equal(left, right))


class TestAllOfIt:
    @pytest.mark.parametrize("match", ["path", "order", "name"])
    def test_it_is_loaded_and_reported(self, source: Any, weights: Any, match: str, x: Any) -> None:
        target = classifier(encoder())
        report = bundlekit.unbundle(weights, into=target, match=match)
        assert isinstance(report, LoadReport)
        assert report.complete
        assert len(report.matched) == len(source.weights) == 10
        assert same(source, target, x)

    def test_a_record_says_both_sides(self, weights: Any) -> None:
        report = bundlekit.unbundle(weights, into=classifier(encoder()))
        found = {one.stored_path: one for one in report.matched}
        kernel = found["layers/functional/layers/dense/vars/0"]
        assert kernel.variable_path == "first/kernel"
        assert kernel.stored_shape == kernel.variable_shape == (4, 6)
        assert kernel.stored_dtype == kernel.variable_dtype == "float32"
        assert "first/kernel" in str(report)
        assert "10 matched, 0 missing, 0 unexpected, 0 mismatched" in str(report)

    def test_layers_without_state_do_not_matter(self, source: Any, weights: Any, x: Any) -> None:
        target = classifier(encoder(), dropout=True)
        assert bundlekit.unbundle(weights, into=target).complete
        assert same(source, target, x)

    @pytest.mark.parametrize("match", ["path", "order", "name"])
    def test_frozen_or_not_does_not_matter(
        self, source: Any, weights: Any, match: str, x: Any
    ) -> None:
        inner = encoder()
        inner.layers[1].trainable = False
        inner.layers[2].trainable = False
        target = classifier(inner)
        assert bundlekit.unbundle(weights, into=target, match=match).complete
        assert same(source, target, x)

    def test_a_whole_model_gives_its_optimizer_too(self, source: Any, whole: Any, x: Any) -> None:
        target = classifier(encoder())
        report = bundlekit.unbundle(whole, into=target)
        assert report.optimizer == "restored"
        assert int(target.optimizer.iterations) == int(source.optimizer.iterations) == 1
        twin = bundlekit.unbundle(whole)
        for model in (twin, target):
            model.train_on_batch(x, x[:, :2])
        assert same(twin, target, x)

    def test_an_optimizer_of_another_kind_is_left_alone(self, whole: Any) -> None:
        target = classifier(encoder())
        target.compile("sgd", "mse")
        report = bundlekit.unbundle(whole, into=target)
        assert report.optimizer == "left out: it is that of Adam, and the model's is SGD"
        assert int(target.optimizer.iterations) == 0

    def test_a_layer_is_a_source_and_a_target(self, source: Any, x: Any) -> None:
        bundled = bundlekit.bundle(source.get_layer("head"), "keras-weights")
        target = classifier(encoder())
        assert bundlekit.unbundle(bundled, into=target.get_layer("head")).complete
        pairs = zip(values(source)[-2:], values(target)[-2:], strict=True)
        assert all(np.array_equal(left, right) for left, right in pairs)


class TestAnotherArchitecture:
    def test_an_inner_model_goes_into_a_larger_one(self, x: Any) -> None:
        inner = encoder()
        bundled = bundlekit.bundle(inner, "keras-weights")
        outer = classifier(encoder())
        assert bundlekit.unbundle(bundled, into=outer.get_layer("encoder")).complete
        assert same(inner, outer.get_layer("encoder"), x)

    def test_the_outer_model_would_load_nothing(self) -> None:
        bundled = bundlekit.bundle(encoder(), "keras-weights")
        outer = classifier(encoder())
        before = values(outer)
        with pytest.raises(IncompleteLoad, match="give that as into="):
            bundlekit.unbundle(bundled, into=outer, allow_partial=True)
        assert all(map(np.array_equal, before, values(outer)))

    def test_the_head_is_cut(self, source: Any, weights: Any, x: Any) -> None:
        target = classifier(encoder(), classes=7)
        with pytest.raises(IncompleteLoad, match="2 mismatched") as caught:
            bundlekit.unbundle(weights, into=target)
        assert {one.variable_shape for one in caught.value.report.mismatched} == {(3, 7), (7,)}
        report = bundlekit.unbundle(weights, into=target, allow_partial={"mismatched"})
        assert len(report.matched) == 8
        assert same(source.get_layer("encoder"), target.get_layer("encoder"), x)

    def test_functional_to_subclassed(self, x: Any) -> None:
        import keras

        class Encoder(keras.Model):
            def __init__(self) -> None:
                super().__init__()
                self.zeroth = keras.layers.Dense(6, activation="relu", name="first")
                self.norm = keras.layers.BatchNormalization(name="norm")
                self.after = keras.layers.Dense(3, name="code")

            def call(self, inputs: Any) -> Any:
                return self.after(self.norm(self.zeroth(inputs)))

        inner = encoder()
        bundled = bundlekit.bundle(inner, "keras-weights")
        for match in ("order", "name"):
            target = Encoder()
            target(x)
            assert bundlekit.unbundle(bundled, into=target, match=match).complete
            assert same(inner, target, x)

    def test_a_new_layer_is_missing(self, source: Any, weights: Any) -> None:
        import keras

        target = classifier(encoder())
        longer = keras.Model(target.inputs, keras.layers.Dense(1, name="new")(target.output))
        with pytest.raises(IncompleteLoad, match="2 missing") as caught:
            bundlekit.unbundle(weights, into=longer)
        assert {one.variable_path for one in caught.value.report.missing} == {
            "new/kernel",
            "new/bias",
        }
        report = bundlekit.unbundle(weights, into=longer, allow_partial=["missing"])
        assert len(report.matched) == len(source.weights)


class TestWhatMustNotPass:
    def test_nothing_is_loaded_when_it_raises(self, weights: Any) -> None:
        target = classifier(encoder(), classes=7)
        before = values(target)
        with pytest.raises(IncompleteLoad, match="nothing was loaded"):
            bundlekit.unbundle(weights, into=target)
        assert all(map(np.array_equal, before, values(target)))

    def test_nothing_is_loaded_when_a_layer_refuses(self, weights: Any) -> None:
        target = classifier(encoder())
        before = values(target)
        head = target.get_layer("head")
        original = head.load_own_variables

        def refuse(store: Any) -> None:
            if vars(head).pop("load_own_variables", None):
                raise RuntimeError("not today")
            original(store)

        vars(head)["load_own_variables"] = refuse
        with pytest.raises(bundlekit.NotRestorable, match="is as it was: not today"):
            bundlekit.unbundle(weights, into=target)
        assert all(map(np.array_equal, before, values(target)))

    def test_a_dtype_is_not_cast(self, weights: Any) -> None:
        import keras

        inputs = keras.Input((4,), dtype="float64")
        with pytest.raises(IncompleteLoad, match="mismatched"):
            target = keras.Model(inputs, keras.layers.Dense(6, dtype="float64")(inputs))
            bundled = bundlekit.bundle(
                keras.Model(
                    (other := keras.Input((4,))), keras.layers.Dense(6, dtype="float32")(other)
                ),
                "keras-weights",
            )
            bundlekit.unbundle(bundled, into=target, allow_partial=["mismatched"])

    def test_a_target_that_is_not_built(self, weights: Any) -> None:
        import keras

        with pytest.raises(NotBuilt, match="has no variables to load into"):
            bundlekit.unbundle(weights, into=keras.Sequential([keras.layers.Dense(2)]))

    def test_a_target_that_is_no_model(self, weights: Any) -> None:
        with pytest.raises(InvalidTarget, match="into=dict"):
            bundlekit.unbundle(weights, into={})

    @pytest.mark.parametrize("option", [{"match": "luck"}, {"allow_partial": ["some"]}])
    def test_options_that_there_are_none_of(self, weights: Any, option: Any) -> None:
        with pytest.raises(UnknownOption, match="is not known"):
            bundlekit.unbundle(weights, into=classifier(encoder()), **option)


def test_without_a_target_it_is_a_mapping(source: Any, weights: Any) -> None:
    arrays = bundlekit.unbundle(weights)
    assert list(arrays)[:2] == [
        "layers/functional/layers/dense/vars/0",
        "layers/functional/layers/dense/vars/1",
    ]
    assert all(map(np.array_equal, arrays.values(), values(source)))


def test_weights_alone_hold_no_optimizer(weights: Any) -> None:
    assert not [path for path in bundlekit.unbundle(weights) if "optimizer" in path]
    losses = {loss.what for loss in weights.manifest.losses}
    assert losses == {"architecture", "compile arguments and optimizer state"}


def test_the_parts_of_a_whole_model(whole: Any, x: Any) -> None:
    damaged = bytearray(bytes(whole))
    damaged[1000] ^= 1  # in the weights, which are not read
    fresh = bundlekit.unbundle(bytes(damaged), parts={"config"})
    assert not fresh.compiled
    assert fresh.predict(x, verbose=0).shape == (5, 2)
    with pytest.raises(bundlekit.Damaged, match=r"model\.weights\.h5"):
        bundlekit.unbundle(bytes(damaged))
    with pytest.raises(
        UnknownOption, match="'soul', where nothing is stored; 'weights' is all of them"
    ):
        bundlekit.unbundle(whole, parts={"soul"})


def test_weights_of_tf_keras_are_a_checkpoint(x: Any, tmp_path: Path) -> None:
    import keras
    import tf_keras

    def dense(framework: Any) -> Any:
        inputs = framework.Input((4,))
        hidden = framework.layers.Dense(3, activation="tanh", name="first")(inputs)
        model = framework.Model(inputs, framework.layers.Dense(2, name="second")(hidden))
        model.compile("adam", "mse")
        return model

    old = dense(tf_keras)
    old.fit(x, x[:, :2], verbose=0)
    bundled = bundlekit.bundle(old, "keras-weights")
    assert bundled.members == ("checkpoint.data-00000-of-00001", "checkpoint.index")
    assert bytes(bundlekit.bundle(old, "keras-weights")) == bytes(bundled)
    for name in bundled.members:  # tf_keras and TensorFlow read the members
        (tmp_path / name).write_bytes(bundled.read(name))
    again = dense(tf_keras)
    again.load_weights(str(tmp_path / "checkpoint")).expect_partial()
    new = dense(keras)
    report = bundlekit.unbundle(bundled, into=new)
    assert report.complete
    assert report.optimizer == "restored"
    expected = old.predict(x, verbose=0)
    assert np.array_equal(again.predict(x, verbose=0), expected)
    assert np.allclose(new.predict(x, verbose=0), expected, atol=1e-6)


def test_a_vocabulary_that_is_refused_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    import zipfile

    import keras

    def made(words: list[str]) -> Any:
        inputs = keras.Input((1,), dtype="string")
        first, second = (keras.layers.StringLookup(max_tokens=4) for _ in range(2))
        for lookup in (first, second):
            lookup.adapt(words)
        embedded = keras.layers.Embedding(4, 2)(first(inputs) + second(inputs))
        return keras.Model(inputs, embedded)

    made(["a", "b", "c"]).save(tmp_path / "model.keras")
    with (
        zipfile.ZipFile(tmp_path / "model.keras") as archive,
        zipfile.ZipFile(tmp_path / "hostile.keras", "w") as other,
    ):
        for name in archive.namelist():
            twice = name.endswith("string_lookup_1/vocabulary.txt")
            other.writestr(name, b"[UNK]\na\na" if twice else archive.read(name))
    model = made(["x", "y"])
    lookups = [layer for layer in model.layers if isinstance(layer, keras.layers.StringLookup)]
    before = [lookup.get_vocabulary() for lookup in lookups], model.get_weights()
    with pytest.raises(bundlekit.NotRestorable, match="could not rebuild"):
        bundlekit.unbundle(bundlekit.adopt(tmp_path / "hostile.keras"), into=model)
    assert [lookup.get_vocabulary() for lookup in lookups] == before[0]
    assert all(map(np.array_equal, model.get_weights(), before[1]))
