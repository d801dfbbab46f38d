"""What belongs to what is told by a reason, and never by luck."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import bundlekit
from bundlekit import IncompleteLoad

if TYPE_CHECKING:
    from pathlib import Path


def chain(widths: list[int], names: list[str] | None = None, name: str | None = None) -> Any:
    import keras

    x = inputs = keras.Input((4,))
    for index, width in enumerate(widths):
        options = {"name": names[index]} if names else {}
        x = keras.layers.Dense(width, **options)(x)
    return keras.Model(inputs, x, name=name)


def same(left: Any, right: Any) -> bool:
    x = np.random.default_rng(2).normal(size=(3, 4)).astype("float32")
    return bool(np.array_equal(left.predict(x, verbose=0), right.predict(x, verbose=0)))


class TestNamesThatKerasMakes:
    """`dense_1` is another layer in each process: what counts is the order."""

    @pytest.fixture
    def shifted(self, tmp_path: Path) -> tuple[Any, Any, Path]:
        import keras

        keras.backend.clear_session()
        source = chain([4, 4, 4])
        source.save(tmp_path / "model.h5")
        keras.backend.clear_session()
        keras.layers.Dense(1)  # so that the next one is dense_1
        return source, chain([4, 4, 4]), tmp_path / "model.h5"

    def test_h5_of_others(self, shifted: tuple[Any, Any, Path]) -> None:
        source, target, path = shifted
        names = [{layer.name for layer in one.layers[1:]} for one in (source, target)]
        assert len(names[0] & names[1]) == 2, "some names are alike, and mean other layers"
        assert bundlekit.unbundle(bundlekit.adopt(path), into=target).complete
        assert same(source, target)

    def test_h5_of_a_live_model(self, shifted: tuple[Any, Any, Path]) -> None:
        source, target, _ = shifted
        assert bundlekit.unbundle(bundlekit.bundle(source, "keras-h5"), into=target).complete
        assert same(source, target)


def test_names_of_the_user_are_taken_as_they_are(tmp_path: Path) -> None:
    source = chain([4, 4], ["first", "second"])
    source.save(tmp_path / "model.h5")
    target = chain([4, 4], ["second", "first"])
    assert bundlekit.unbundle(bundlekit.adopt(tmp_path / "model.h5"), into=target).complete
    pair = source.get_layer("first"), target.get_layer("first")
    assert np.array_equal(*(layer.get_weights()[0] for layer in pair))


def test_the_head_of_one_is_not_the_head_of_another() -> None:
    import keras

    def classifier(head: str) -> Any:
        inputs = keras.Input((4,))
        body = keras.layers.Dense(3, name="body")(inputs)
        top = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="top")], name=head)
        return keras.Model(inputs, top(body))

    bundled = bundlekit.bundle(classifier("cat"), "keras-weights")
    target = classifier("dog")
    with pytest.raises(IncompleteLoad, match="2 missing, 2 unexpected"):
        bundlekit.unbundle(bundled, into=target, match="name")
    report = bundlekit.unbundle(
        bundled, into=target, match="name", allow_partial=["missing", "unexpected"]
    )
    assert {one.variable_path for one in report.matched} == {"body/kernel", "body/bias"}


def test_what_a_model_is_called_does_not_matter() -> None:
    import keras

    def sequential(name: str) -> Any:
        layers = [
            keras.Input((4,)),
            keras.layers.Dense(2, name="a"),
            keras.layers.Dense(2, name="b"),
        ]
        return keras.Sequential(layers, name=name)

    source, target = sequential("one"), sequential("two")
    bundled = bundlekit.bundle(source, "keras-weights")
    assert bundlekit.unbundle(bundled, into=target, match="name").complete
    assert same(source, target)


class TestOptimizers:
    def trained(self, frozen: str | None = None, **options: Any) -> Any:
        import keras

        model = chain([4, 4, 1], ["a", "b", "c"])
        if frozen:
            model.get_layer(frozen).trainable = False
        model.compile(keras.optimizers.Adam(**options), "mse")
        x = np.ones((4, 4), "float32")
        model.fit(x, x[:, :1], verbose=0)
        return model

    @pytest.mark.parametrize("adapter", ["keras", "keras-h5"])
    def test_one_that_trains_other_variables(self, adapter: str) -> None:
        bundled = bundlekit.bundle(self.trained(frozen="a"), adapter)
        report = bundlekit.unbundle(bundled, into=self.trained(frozen="b"))
        assert report.optimizer.startswith("left out: it was made for other variables")

    def test_one_that_keeps_averages(self) -> None:
        bundled = bundlekit.bundle(self.trained(gradient_accumulation_steps=3))
        report = bundlekit.unbundle(bundled, into=self.trained(use_ema=True))
        assert report.optimizer.startswith("left out: it was made with")

    def test_one_inside_another(self) -> None:
        import keras

        def scaled(inner: Any) -> Any:
            model = chain([2])
            model.compile(keras.optimizers.LossScaleOptimizer(inner), "mse")
            x = np.ones((4, 4), "float32")
            model.fit(x, x[:, :2], verbose=0)
            return model

        bundled = bundlekit.bundle(scaled(keras.optimizers.SGD(momentum=0.9)))
        target = scaled(keras.optimizers.RMSprop())
        report = bundlekit.unbundle(bundled, into=target)
        assert report.optimizer == "left out: it is that of SGD, and the model's is RMSprop"

    def test_a_load_that_is_refused_builds_none(self) -> None:
        bundled = bundlekit.bundle(self.trained())
        target = chain([4, 4, 9])
        target.compile("adam", "mse")
        with pytest.raises(IncompleteLoad, match="2 mismatched"):
            bundlekit.unbundle(bundled, into=target)
        assert not target.optimizer.built

    @pytest.mark.parametrize("adapter", ["keras", "keras-h5"])
    def test_mixed_precision(self, adapter: str) -> None:
        import keras

        keras.config.set_dtype_policy("mixed_float16")
        try:
            models = [chain([2]) for _ in range(2)]
            for model in models:
                model.compile("adam", "mse")
            x = np.ones((4, 4), "float32")
            models[0].fit(x, x[:, :2], verbose=0)
            bundled = bundlekit.bundle(models[0], adapter)
            assert bundlekit.unbundle(bundled, into=models[1]).optimizer == "restored"
        finally:
            keras.config.set_dtype_policy("float32")
        restored = bundlekit.unbundle(bundled)
        variables = (one.optimizer.variables for one in (restored, models[0]))
        assert all(np.array_equal(a, b) for a, b in zip(*variables, strict=True))

    def test_mixed_precision_of_a_file(self, tmp_path: Path) -> None:
        import keras

        keras.config.set_dtype_policy("mixed_float16")
        try:
            model = chain([2])
            model.compile("adam", "mse")
            x = np.ones((4, 4), "float32")
            model.fit(x, x[:, :2], verbose=0)
            model.save(tmp_path / "model.keras")
        finally:
            keras.config.set_dtype_policy("float32")
        restored = bundlekit.unbundle(bundlekit.adopt(tmp_path / "model.keras"))
        assert type(restored.optimizer).__name__ == "LossScaleOptimizer"
        assert int(restored.optimizer.inner_optimizer.iterations) == 1


def test_vocabularies_go_along() -> None:
    import keras

    def looking_up(words: list[str]) -> Any:
        layer = keras.layers.StringLookup(name="words")
        layer.adapt(words)
        return keras.Sequential([keras.Input((1,), dtype="string"), layer])

    source, target = looking_up(["a", "b"]), looking_up(["c", "d", "e"])
    bundlekit.unbundle(bundlekit.bundle(source), into=target)
    assert target.layers[0].get_vocabulary() == source.layers[0].get_vocabulary()
    with pytest.raises(bundlekit.NotRestorable, match="has no layer for the vocabularies of"):
        bundlekit.unbundle(bundlekit.bundle(source), into=chain([2]))
