"""Optimizers of before Keras 2.11 list their state slot by slot, and go on where they stopped.

All arrays of the model have one shape, so that no order but the right one fails by itself.
"""

from __future__ import annotations

import resource
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bundlekit_keras import optimizer_v2
from bundlekit_keras.stored import StoredTensor

import bundlekit

if TYPE_CHECKING:
    from pathlib import Path

OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adagrad", {}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
    ("Adam", {"clipnorm": 0.1}),
    ("Adamax", {}),
    ("Ftrl", {}),
    ("RMSprop", {"momentum": 0.9, "centered": True}),
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
]
X = np.random.default_rng(6).normal(size=(8, 4)).astype("float32")
Y = np.random.default_rng(7).normal(size=(8, 4)).astype("float32")


def trained(framework: Any, optimizer: Any, steps: int) -> Any:
    """Make a model whose inner layers a checkpoint lists after the outer ones."""
    layers = framework.layers
    inner = framework.Sequential(
        [layers.Input((4,)), layers.Dense(4, use_bias=False), layers.Dense(4, use_bias=False)]
    )
    inputs = layers.Input((4,))
    frozen = layers.Dense(4, use_bias=False, trainable=False)
    outputs = layers.Dense(4, use_bias=False)(inner(frozen(inputs)))
    model = framework.Model(inputs, outputs)
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(size=w.shape).astype("float32") for w in model.get_weights()])
    model.compile(optimizer, "mse")
    for _ in range(steps):
        model.train_on_batch(X, Y)
    return model


def assert_goes_on(old: Any, new: Any) -> None:
    assert int(new.optimizer.iterations) == 3
    for _ in range(2):
        old.train_on_batch(X, Y)
        new.train_on_batch(X, Y)
    for left, right in zip(old.get_weights(), new.get_weights(), strict=True):
        assert np.allclose(left, right, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=lambda value: str(value))
def test_it_goes_on(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    import keras
    import tf_keras

    options = {"learning_rate": 0.01, **options}
    old = trained(tf_keras, getattr(tf_keras.optimizers.legacy, name)(**options), steps=3)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file")
        old.save(tmp_path / "model.h5")
    old.save_weights(tmp_path / "weights", save_format="tf")
    whole = bundlekit.unbundle(bundlekit.adopt(tmp_path / "model.h5"))
    into = trained(keras, getattr(keras.optimizers, name)(**options), steps=0)
    report = bundlekit.unbundle(bundlekit.adopt(tmp_path / "weights"), into=into)
    assert report.optimizer == "restored"
    assert_goes_on(
        trained(tf_keras, old.optimizer.from_config(old.optimizer.get_config()), 3), into
    )
    assert_goes_on(old, whole)


def test_nadam_had_another_schedule(tmp_path: Path) -> None:
    import keras
    import tf_keras

    old = trained(tf_keras, tf_keras.optimizers.legacy.Nadam(), steps=3)
    old.save_weights(tmp_path / "weights", save_format="tf")
    new = trained(keras, "nadam", steps=0)
    report = bundlekit.unbundle(bundlekit.adopt(tmp_path / "weights"), into=new)
    assert report.optimizer == "left out: Keras 3 has no optimizer that keeps such a state"
    assert int(new.optimizer.iterations) == 0


def test_what_the_file_never_held_is_declared(tmp_path: Path) -> None:
    import tf_keras

    old = trained(tf_keras, tf_keras.optimizers.legacy.Adam(), steps=3)
    old.save(tmp_path / "model.keras")
    adopted = bundlekit.adopt(tmp_path / "model.keras")
    losses = {loss.what: loss.why for loss in adopted.manifest.losses}
    assert losses["the optimizer's state"] == "the file holds none; the optimizer starts anew"
    assert int(bundlekit.unbundle(adopted).optimizer.iterations) == 0


@pytest.mark.parametrize("name", ["old.h5", "prefix"])
@pytest.mark.parametrize("legacy", [True, False])
def test_the_state_of_one_variable_is_not_that_of_another(
    name: str, legacy: bool, tmp_path: Path
) -> None:
    import keras
    import tf_keras

    def made(framework: Any, optimizer: Any, frozen: str) -> Any:
        names = ("one", "two", "three")
        dense = [framework.layers.Dense(4, use_bias=False, name=name) for name in names]
        model = framework.Sequential([framework.layers.Input((4,)), *dense])
        model.get_layer(frozen).trainable = False
        model.compile(optimizer, "mse")
        model.train_on_batch(X, Y)
        return model

    optimizers = tf_keras.optimizers.legacy if legacy else tf_keras.optimizers
    old = made(tf_keras, optimizers.Adam(), "two")
    if name == "prefix":
        old.save_weights(tmp_path / name, save_format="tf")
    else:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file")
            old.save(tmp_path / name)
    adopted = bundlekit.adopt(tmp_path / name)
    same, other = (made(keras, "adam", frozen) for frozen in ("two", "three"))
    assert bundlekit.unbundle(adopted, into=same).optimizer == "restored"
    report = bundlekit.unbundle(adopted, into=other)
    assert report.optimizer == "left out: it was made for other variables than the model trains"


def test_a_part_of_the_weights_brings_no_state(tmp_path: Path) -> None:
    import keras

    old = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(4)])
    old.compile("adam", "mse")
    old.train_on_batch(X, Y)
    old.save_weights(tmp_path / "model.weights.h5")
    wide = [keras.layers.Dense(4) for _ in range(2)]
    grown = keras.Sequential([keras.layers.Input((4,)), *wide])
    grown.compile("adam", "mse")
    adopted = bundlekit.adopt(tmp_path / "model.weights.h5")
    report = bundlekit.unbundle(adopted, into=grown, allow_partial=True)
    assert report.optimizer == (
        "left out: not all variables that the model trains are those of the file"
    )


def array(name: str) -> StoredTensor:
    return StoredTensor(
        path=name, group="", key=name, shape=(), dtype="float32", read=lambda: None, name=name
    )


@pytest.mark.parametrize(
    "names",
    [
        ["Adam/iter", "Adam/a/m", "Adam/b/m", "Adam/a/v"],
        ["Adam/iterations", "training/Adam/Variable", "training/Adam/Variable_1"],
        ["Nadam/iter", "Nadam/momentum_cache", "Nadam/a/m", "Nadam/a/v"],
    ],
    ids=["one slot is missing", "slots without names", "more than slots"],
)
def test_what_cannot_be_told_apart_is_left_out(names: list[str]) -> None:
    assert optimizer_v2.is_one([array(name) for name in names])
    assert optimizer_v2.reordered([array(name) for name in names], {}) is None


def test_later_optimizers_are_left_as_they_are() -> None:
    assert not optimizer_v2.is_one([array("iteration"), array("Adam/m/a")])
    assert not optimizer_v2.is_one([])


def hostile(path: Path, *, nodes: int, slot: int) -> None:
    """Write a checkpoint in which many objects say that one array of 8 MB is theirs."""
    import tensorflow as tf
    from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

    key = "layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE"
    graph = TrackableObjectGraph()
    root, optimizer, iterations = (graph.nodes.add() for _ in range(3))
    root.children.add(node_id=1, local_name="optimizer")
    optimizer.children.add(node_id=2, local_name="iter")
    iterations.attributes.add(name="VARIABLE_VALUE", full_name="Adam/iter", checkpoint_key="iter")
    for number in range(3, 3 + nodes):
        graph.nodes.add().attributes.add(
            name="VARIABLE_VALUE", full_name=f"d/{number}", checkpoint_key=key
        )
        root.children.add(node_id=number, local_name=f"layer_with_weights-{number}")
        optimizer.slot_variables.add(
            original_variable_node_id=number, slot_name="m", slot_variable_node_id=number + slot
        )
    tf.raw_ops.SaveV2(
        prefix=str(path),
        tensor_names=[key, "iter", "_CHECKPOINTABLE_OBJECT_GRAPH"],
        shape_and_slices=["", "", ""],
        tensors=[
            tf.zeros((2_000_000,)),
            tf.constant(1, "int64"),
            tf.constant(graph.SerializeToString()),
        ],
    )


def test_an_array_is_read_once_whoever_says_that_it_is_his(tmp_path: Path) -> None:
    hostile(tmp_path / "prefix", nodes=400, slot=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = bundlekit.unbundle(bundlekit.adopt(tmp_path / "prefix"))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert {array.size for array in found.values()} == {1, 2_000_000}
    assert grown < 500_000, "KiB: 400 copies would be 3 GB"


def test_slots_of_no_variable_are_damage(tmp_path: Path) -> None:
    hostile(tmp_path / "prefix", nodes=2, slot=1)
    with pytest.raises(bundlekit.Damaged, match="the checkpoint is not sound"):
        bundlekit.unbundle(bundlekit.adopt(tmp_path / "prefix"))
