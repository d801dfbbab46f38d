"""The state of every optimizer of Keras 2 goes on in Keras 3, or is left out and said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import bundlekit

if TYPE_CHECKING:
    from pathlib import Path

OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("Adadelta", {}),
    ("Adagrad", {}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {"weight_decay": 0.01}),
    ("Adamax", {}),
    ("Ftrl", {}),
    ("Lion", {}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9, "centered": True}),
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
]


def trained(framework: Any, optimizer: Any, steps: int) -> Any:
    layers = framework.layers
    model = framework.Sequential(
        [
            layers.Input((3,)),
            layers.Dense(4, activation="tanh", name="one"),
            layers.Dense(2, name="two"),
        ]
    )
    model.compile(optimizer, "mse")
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(size=w.shape).astype("float32") for w in model.get_weights()])
    for _ in range(steps):
        model.train_on_batch(*batch())
    return model


def batch() -> tuple[Any, Any]:
    rng = np.random.default_rng(6)
    return rng.normal(size=(8, 3)).astype("float32"), rng.normal(size=(8, 2)).astype("float32")


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=lambda value: str(value))
def test_it_goes_on(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    import keras
    import tf_keras

    options = {"learning_rate": 0.01, **options}  # defaults are others
    old = trained(tf_keras, getattr(tf_keras.optimizers, name)(**options), steps=3)
    old.save_weights(tmp_path / "model.weights.h5")
    new = trained(keras, getattr(keras.optimizers, name)(**options), steps=0)
    report = bundlekit.unbundle(bundlekit.adopt(tmp_path / "model.weights.h5"), into=new)
    assert report.optimizer == "restored"
    assert int(new.optimizer.iterations) == 3
    for _ in range(2):
        old.train_on_batch(*batch())
        new.train_on_batch(*batch())
    for left, right in zip(old.get_weights(), new.get_weights(), strict=True):
        assert np.allclose(left, right, rtol=1e-5, atol=1e-6)


def test_nadam_has_the_product_of_its_momenta(tmp_path: Path) -> None:
    import keras
    import tf_keras

    trained(tf_keras, "nadam", steps=3).save_weights(tmp_path / "model.weights.h5")
    reference = trained(keras, "nadam", steps=3)
    new = trained(keras, "nadam", steps=0)
    report = bundlekit.unbundle(bundlekit.adopt(tmp_path / "model.weights.h5"), into=new)
    assert report.optimizer == "restored; the product of its momenta was computed"
    pairs = (float(one.optimizer.variables[-1]) for one in (new, reference))
    assert next(pairs) == pytest.approx(next(pairs))


def test_adafactor_is_laid_out_in_another_way(tmp_path: Path) -> None:
    import keras
    import tf_keras

    old = trained(tf_keras, tf_keras.optimizers.Adafactor(), steps=1)
    old.save_weights(tmp_path / "model.weights.h5")
    new = trained(keras, "adafactor", steps=0)
    report = bundlekit.unbundle(bundlekit.adopt(tmp_path / "model.weights.h5"), into=new)
    assert report.optimizer.startswith("left out: 9 arrays are stored")
    assert int(new.optimizer.iterations) == 0


def test_the_velocity_of_one_is_not_the_momentum_of_another(tmp_path: Path) -> None:
    import keras

    old = trained(keras, "rmsprop", steps=2)
    new = trained(keras, keras.optimizers.SGD(momentum=0.9), steps=0)
    new.optimizer.build(new.trainable_variables)
    shapes = ([v.shape for v in one.optimizer.variables] for one in (old, new))
    assert next(shapes) == next(shapes), "the lists are alike"
    report = bundlekit.unbundle(bundlekit.bundle(old), into=new)
    assert report.optimizer == "left out: it is that of RMSprop, and the model's is SGD"


@pytest.mark.parametrize("optimizer", ["Adam", "SGD"])
def test_keras_2_stores_of_a_scaled_loss_what_the_inner_optimizer_holds(
    optimizer: str, tmp_path: Path
) -> None:
    import keras
    import tf_keras

    scaled = tf_keras.mixed_precision.LossScaleOptimizer(getattr(tf_keras.optimizers, optimizer)())
    old = trained(tf_keras, scaled, steps=3)
    old.save_weights(tmp_path / "model.weights.h5")
    old.save_weights(tmp_path / "prefix", save_format="tf")
    for name in ("model.weights.h5", "prefix"):
        inner = getattr(keras.optimizers, optimizer)()
        new = trained(keras, keras.optimizers.LossScaleOptimizer(inner), steps=0)
        report = bundlekit.unbundle(bundlekit.adopt(tmp_path / name), into=new)
        assert report.optimizer == "restored, but for the loss scale, which is not stored"
        assert int(new.optimizer.iterations) == 3
        slots = [np.asarray(value) for value in inner.variables[2:]]
        assert len(slots) == (8 if optimizer == "Adam" else 0)
        for left, right in zip(old.optimizer.variables[1:], slots, strict=optimizer == "Adam"):
            assert np.array_equal(left, right)


def test_what_keras_2_does_not_store_is_declared(tmp_path: Path) -> None:
    import tf_keras

    before = tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        old = trained(tf_keras, "nadam", steps=3)
    finally:
        tf_keras.mixed_precision.set_global_policy(before)
    old.save(tmp_path / "model.keras")
    whats = {loss.what for loss in bundlekit.adopt(tmp_path / "model.keras").manifest.losses}
    assert "the loss scale of the optimizer" in whats
    assert "the product of the momenta of the optimizer" in whats
