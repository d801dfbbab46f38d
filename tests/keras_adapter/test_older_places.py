"""Keras 2 called the places of layers by other names, and some by names of other layers today.

All layers of a model have one shape, so that no pair but the right one fails by itself.
"""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bundlekit_keras import older_places
from bundlekit_keras.keras_file import WEIGHTS

import bundlekit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

X = np.random.default_rng(3).normal(size=(5, 4)).astype("float32")


def attributes(framework: Any, *, more: bool = False) -> Any:
    """Give a model with attributes before and after `layers`, made in another order."""

    class Attributes(framework.Model):
        def __init__(self) -> None:
            super().__init__()
            self.zeta = dense(framework)
            self.beta = dense(framework)
            self.alpha = dense(framework)
            self.mid = dense(framework)
            self.kind = framework.layers.Dense
            if more:
                self.extra = dense(framework)

        def call(self, x: Any) -> Any:
            x = self.mid(self.alpha(self.beta(self.zeta(x))))
            return self.extra(x) if more else x

    return called(Attributes())


def early(framework: Any) -> Any:
    return chain(framework, "beta", "alpha", "gamma")


def late(framework: Any) -> Any:
    return chain(framework, "zeta", "out", "proj")


def chain(framework: Any, *names: str) -> Any:
    class Chain(framework.Model):
        def __init__(self) -> None:
            super().__init__()
            for name in names:
                setattr(self, name, dense(framework))

        def call(self, x: Any) -> Any:
            for name in sorted(names):
                x = getattr(self, name)(x)
            return x

    return called(Chain())


def containers(framework: Any) -> Any:
    """Give a model that holds layers in lists and dicts, and another such model."""

    class Inner(framework.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.steps = [dense(framework), dense(framework)]
            self.first = dense(framework)

        def call(self, x: Any) -> Any:
            for step in (self.first, *self.steps):
                x = step(x)
            return x

    class Containers(framework.Model):
        def __init__(self) -> None:
            super().__init__()
            self.many = [dense(framework), dense(framework)]
            self.blocks = [dense(framework), dense(framework)]
            self.named = {"one": dense(framework), "two": dense(framework)}
            self.inner = Inner()

        def call(self, x: Any) -> Any:
            for layer in (*self.blocks, self.inner, *self.many, *self.named.values()):
                x = layer(x)
            return x

    return called(Containers())


def dense(framework: Any) -> Any:
    return framework.layers.Dense(4, use_bias=False)


def by_key(framework: Any) -> Any:
    """Give a model with a dict whose keys are not in order."""

    class ByKey(framework.Model):
        def __init__(self) -> None:
            super().__init__()
            self.heads = {"value": dense(framework), "policy": dense(framework)}
            self.out = dense(framework)

        def call(self, x: Any) -> Any:
            return self.out(self.heads["value"](x) - 2.0 * self.heads["policy"](x))

    return called(ByKey())


def at_once(framework: Any) -> Any:
    return listed(framework, later=False)


def appended(framework: Any) -> Any:
    return listed(framework, later=True)


def listed(framework: Any, *, later: bool) -> Any:
    class Listed(framework.Model):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = [] if later else [dense(framework), dense(framework)]
            self.final = dense(framework)
            if later:
                for _ in range(2):
                    self.blocks.append(dense(framework))

        def call(self, x: Any) -> Any:
            for block in self.blocks:
                x = block(x)
            return self.final(x)

    return called(Listed())


def called(model: Any) -> Any:
    model(X)
    return model


@pytest.mark.parametrize("made", [attributes, early, late, containers, by_key, at_once])
@pytest.mark.parametrize("name", ["model.weights.h5", "old.h5", "prefix"])
def test_layers_of_subclassed_models(made: Callable[..., Any], name: str, tmp_path: Path) -> None:
    import keras
    import tf_keras

    old, new = made(tf_keras), made(keras)
    old.save_weights(tmp_path / name, **({"save_format": "tf"} if name == "prefix" else {}))
    assert bundlekit.unbundle(bundlekit.adopt(tmp_path / name), into=new).complete
    assert np.allclose(old(X), new(X), atol=1e-6)


@pytest.mark.parametrize("made", [attributes, early, late, containers, by_key, at_once])
def test_those_of_keras_3_are_where_it_puts_them(made: Callable[..., Any], tmp_path: Path) -> None:
    import keras

    old, new = made(keras), made(keras)
    old.save_weights(tmp_path / "model.weights.h5")
    assert bundlekit.unbundle(bundlekit.adopt(tmp_path / "model.weights.h5"), into=new).complete
    assert np.array_equal(old(X), new(X))


@pytest.mark.parametrize("name", ["old.h5", "prefix"])
def test_names_and_paths_tell_what_was_appended(name: str, tmp_path: Path) -> None:
    import keras
    import tf_keras

    old, new = appended(tf_keras), appended(keras)
    old.save_weights(tmp_path / name, **({"save_format": "tf"} if name == "prefix" else {}))
    assert bundlekit.unbundle(bundlekit.adopt(tmp_path / name), into=new).complete
    assert np.allclose(old(X), new(X), atol=1e-6)


def test_what_may_have_been_appended_is_not_guessed(tmp_path: Path) -> None:
    import keras
    import tf_keras

    appended(tf_keras).save_weights(tmp_path / "model.weights.h5")
    new = appended(keras)
    before = new.get_weights()
    with pytest.raises(bundlekit.NotRestorable, match="does not tell which layer of 'listed"):
        bundlekit.unbundle(bundlekit.adopt(tmp_path / "model.weights.h5"), into=new)
    assert all(map(np.array_equal, before, new.get_weights()))


def test_a_file_of_keras_3_is_not_taken_for_an_older_one(tmp_path: Path) -> None:
    import keras

    late(keras).save_weights(tmp_path / "model.weights.h5")
    adopted = bundlekit.adopt(tmp_path / "model.weights.h5")
    with pytest.raises(bundlekit.IncompleteLoad, match="none of the stored weights"):
        bundlekit.unbundle(adopted, into=early(keras))
    grown = chain(keras, "zeta", "out", "proj", "adapter", "bottleneck")
    with pytest.raises(bundlekit.IncompleteLoad, match="2 missing"):
        bundlekit.unbundle(adopted, into=grown)


def test_an_attribute_called_layers_is_anybodys(tmp_path: Path) -> None:
    import keras

    class Encoder(keras.layers.Layer):
        def __init__(self, layers: Any) -> None:
            super().__init__(name="encoder")
            self.layers = layers
            self.inner = dense(keras)

        def build(self, shape: Any) -> None:
            self.inner.build(shape)

        def call(self, x: Any) -> Any:
            return self.inner(x)

    for layers in (["conv", "dense"], {"a": dense(keras)}, 3, len):
        old, new = (called(keras.Sequential([Encoder(layers)])) for _ in range(2))
        old.save_weights(tmp_path / "model.weights.h5")
        bundlekit.unbundle(bundlekit.adopt(tmp_path / "model.weights.h5"), into=new)
        assert np.array_equal(old(X), new(X))


@pytest.mark.parametrize("name", ["model.weights.h5", "prefix"])
def test_running_metrics_that_a_model_holds_are_no_weights(name: str, tmp_path: Path) -> None:
    import keras
    import tf_keras

    def made(framework: Any) -> Any:
        class Tracking(framework.Model):
            def __init__(self) -> None:
                super().__init__()
                self.zeta = dense(framework)
                self.beta = dense(framework)
                self.total_loss_tracker = framework.metrics.Mean(name="total")
                self.another = framework.metrics.Mean(name="another")

            def call(self, x: Any) -> Any:
                return self.zeta(self.beta(x))

        return called(Tracking())

    old, new = made(tf_keras), made(keras)
    old.total_loss_tracker.update_state(2.0)
    old.save_weights(tmp_path / name, **({"save_format": "tf"} if name == "prefix" else {}))
    assert bundlekit.unbundle(bundlekit.adopt(tmp_path / name), into=new).complete
    assert np.allclose(old(X), new(X), atol=1e-6)


def test_gaps_are_closed_by_what_stands_between() -> None:
    """Of 2.12: a layer with weights is listed twice, and one without them once."""
    layers = "_layer_checkpoint_dependencies"
    names = ("normalization", "normalization_1", "normalization_3", "lookup", "lookup_2")
    listed = [f"{layers}/{name}" for name in names]
    found = older_places.modern_places([f"{layers}/lookup_2", f"{layers}/normalization_3"], listed)
    assert list(found.values()) == ["layers/lookup_1", "layers/normalization_2"]


@pytest.mark.parametrize("of_keras_2", [True, False])
def test_a_model_that_has_more_takes_each_where_it_belongs(
    of_keras_2: bool, tmp_path: Path
) -> None:
    import keras
    import tf_keras

    old, new = attributes(tf_keras if of_keras_2 else keras), attributes(keras, more=True)
    old.save_weights(tmp_path / "model.weights.h5")
    adopted = bundlekit.adopt(tmp_path / "model.weights.h5")
    report = bundlekit.unbundle(adopted, into=new, allow_partial="missing")
    assert len(report.matched) == 4
    for name in ("alpha", "beta", "mid", "zeta"):
        left, right = (np.asarray(getattr(one, name).weights[0]) for one in (old, new))
        assert np.array_equal(left, right), name


def test_places_of_what_is_no_layer_are_unexpected(tmp_path: Path) -> None:
    import h5py
    import keras
    import tf_keras

    attributes(tf_keras).save_weights(tmp_path / "model.weights.h5")
    names = ("zeta/units", "zeta/_name", "layers/dense/kernel", "zeta/no", "kind")
    with h5py.File(tmp_path / "model.weights.h5", "a") as file:
        for name in names:
            file[f"{name}/vars/0"] = X
    new = attributes(keras)
    with pytest.raises(bundlekit.IncompleteLoad, match="5 unexpected; match") as refusal:
        bundlekit.unbundle(bundlekit.adopt(tmp_path / "model.weights.h5"), into=new)
    unexpected = {one.stored_path for one in refusal.value.report.unexpected}
    assert unexpected == {f"{name}/vars/0" for name in names}


@pytest.mark.parametrize("of_keras_2", [True, False])
def test_vocabularies_are_those_of_their_layers(of_keras_2: bool, tmp_path: Path) -> None:
    import keras
    import tf_keras

    def made(framework: Any, vocabularies: list[list[int]]) -> Any:
        class Coded(framework.Model):
            def __init__(self) -> None:
                super().__init__()
                looks_up = framework.layers.IntegerLookup
                self.zeta = looks_up(max_tokens=4, output_mode="one_hot")
                self.first = looks_up(max_tokens=4, output_mode="one_hot")
                self.head = framework.layers.Dense(1)
                self.tail = framework.layers.Dense(1)

            def call(self, x: Any) -> Any:
                return self.tail(self.head(self.first(x) - self.zeta(x) ** 2))

            def get_config(self) -> dict[str, Any]:
                return {}

        model = Coded()
        for layer, (most, some, least) in zip((model.zeta, model.first), vocabularies, strict=True):
            layer.adapt(np.array([most, most, most, some, some, least]))
        model(numbers)
        return model

    numbers = np.array([[1], [2], [3], [4]])
    old = made(tf_keras if of_keras_2 else keras, [[1, 2, 3], [4, 3, 2]])
    old.save(tmp_path / "model.keras")
    new = made(keras, [[7, 8, 9], [9, 8, 7]])
    adopted = bundlekit.adopt(tmp_path / "model.keras")
    bundlekit.unbundle(adopted, into=new, custom_objects={"Coded": type(new)})
    assert [int(one) for one in new.first.get_vocabulary()[1:]] == [4, 3, 2]
    assert [int(one) for one in new.zeta.get_vocabulary()[1:]] == [1, 2, 3]
    assert np.allclose(old(numbers), new(numbers), atol=1e-6)


@pytest.mark.parametrize(
    "model", ["conv_bn", "functional_two_input", "sequential_mlp", "text_vectorization"]
)
def test_files_of_2_12_that_take_tf_keras(model: str, keras_files: Path, tmp_path: Path) -> None:
    import tensorflow as tf

    folder = keras_files / "tf2.12" / model
    with (
        zipfile.ZipFile(folder / "model.keras") as archive,
        zipfile.ZipFile(tmp_path / "model.keras", "w") as other,
    ):
        for name in archive.namelist():
            data = archive.read(name)
            if name == "config.json":  # an optimizer that Keras 3 does not have
                config = json.loads(data)
                config["compile_config"]["optimizer"] = {
                    "module": "keras.optimizers.legacy",
                    "class_name": "Nadam",
                    "config": {"name": "Nadam"},
                    "registered_name": None,
                }
                data = json.dumps(config).encode()
            other.writestr(name, data)
    with pytest.warns(bundlekit.BundleWarning, match="comes back as a model of tf_keras"):
        loaded = bundlekit.unbundle(bundlekit.adopt(tmp_path / "model.keras"))
    assert type(loaded).__module__.startswith("tf_keras.")
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    with np.load(folder / "io.npz") as stored:
        inputs = [stored[name] for name in stored.files if name.startswith("in_")]
        expected = [stored[f"out_{name}"] for name in meta["outputs"]]
    fed = [tf.constant(one.tolist()) if one.dtype.kind == "U" else one for one in inputs]
    outputs = loaded(fed[0] if len(fed) == 1 else fed)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    for left, right in zip(outputs, expected, strict=True):
        assert np.allclose(left, right, atol=1e-5)


def test_files_of_today_stay_as_they_are(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)])
    model.save_weights(tmp_path / "model.weights.h5")
    members = {WEIGHTS: (tmp_path / "model.weights.h5").read_bytes()}
    assert older_places.renamed(members) is members
