"""Compile arguments of Keras 2: the migrated model trains on with the same losses and metrics."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bundlekit_keras import audit
from bundlekit_keras.legacy import modern, modern_compile_config

from bundlekit.errors import NotRestorable
from tests.keras_adapter.legacy import keras_2

if TYPE_CHECKING:
    from collections.abc import Callable

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(8, 4)).astype("float32")
CLASS = RANDOM.integers(0, 3, 8)
ONE_HOT = np.eye(3, dtype="float32")[CLASS]
NUMBER = RANDOM.normal(size=(8, 1)).astype("float32")
MOST = {"optimizer": "sgd", "loss": "mse"}

ONE: dict[str, Callable[[Any], dict[str, Any]]] = {
    "momentum and a norm": lambda k: {
        **MOST,
        "optimizer": k.optimizers.SGD(0.05, momentum=0.9, nesterov=True, clipnorm=0.1),
    },
    "adam": lambda k: {
        **MOST,
        "optimizer": k.optimizers.Adam(0.05, amsgrad=True, weight_decay=0.1, global_clipnorm=0.1),
    },
    "rmsprop": lambda k: {
        **MOST,
        "optimizer": k.optimizers.RMSprop(0.05, momentum=0.5, centered=True, clipvalue=0.01),
    },
    **{
        name: lambda k, name=name: {**MOST, "optimizer": getattr(k.optimizers, name)(0.05)}  # type: ignore[misc]
        for name in ("Adadelta", "Adafactor", "Adagrad", "AdamW", "Adamax", "Ftrl", "Lion")
    },
    **{
        f"old {name}": lambda k, name=name: {  # type: ignore[misc]
            **MOST,
            "optimizer": getattr(k.optimizers.legacy, name)(0.05),
        }
        for name in ("Adam", "Adagrad", "Ftrl")
    },
    "old sgd with a decay": lambda k: {
        **MOST,
        "optimizer": k.optimizers.legacy.SGD(0.05, momentum=0.9, decay=0.5),
    },
    "a schedule": lambda k: {
        **MOST,
        "optimizer": k.optimizers.SGD(k.optimizers.schedules.PolynomialDecay(0.1, 3, 0.01, 2.0)),
    },
    "losses with arguments": lambda k: {
        **MOST,
        "loss": k.losses.CategoricalCrossentropy(label_smoothing=0.1, reduction="sum"),
    },
    "a loss by an old name": lambda k: {**MOST, "loss": "kullback_leibler_divergence"},
    "metrics": lambda k: {
        **MOST,
        "metrics": ["accuracy", "cosine_similarity", k.metrics.AUC(num_thresholds=20), "mae"],
        "weighted_metrics": [k.metrics.Precision(thresholds=[0.2, 0.5])],
    },
}
TWO: dict[str, dict[str, Any]] = {
    "lists": {"loss": ["hinge", "mse"], "metrics": [["accuracy"], ["mae"]], "loss_weights": [1, 2]},
    "names": {"loss": {"p": "hinge", "q": "mse"}, "metrics": {"q": "mae"}},
    "one for both": {"loss": "mse", "metrics": ["mae"]},
    "one for one": {"loss": ["mse", "mse"], "metrics": [None, ["mae"]]},
}
REFUSED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "use_ema": lambda k: {**MOST, "optimizer": k.optimizers.Adam(use_ema=True)},
    "a Nadam": lambda k: {**MOST, "optimizer": k.optimizers.Nadam()},
    "momentum": lambda k: {**MOST, "optimizer": k.optimizers.legacy.RMSprop()},
    "ignore_class": lambda k: {
        **MOST,
        "loss": k.losses.SparseCategoricalCrossentropy(ignore_class=1),
    },
    "dynamic": lambda k: {
        **MOST,
        "optimizer": k.mixed_precision.LossScaleOptimizer(
            k.optimizers.SGD(), dynamic=False, initial_scale=128.0
        ),
    },
}


def model(k: Any, *, outputs: int = 1) -> Any:
    inputs = k.Input((4,))
    made = [k.layers.Dense(3, activation="softmax", name="p")(inputs)]
    made += [k.layers.Dense(1, name="q")(inputs)][: outputs - 1]
    return k.Model(inputs, made)


def trained(any_model: Any, targets: Any) -> dict[str, list[float]]:
    options = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}
    history: dict[str, list[float]] = any_model.fit(X, targets, **options).history
    return history


def assert_trains_on(old: Any, targets: Any) -> None:
    import keras

    k = keras_2.package()
    old.evaluate(X, targets, verbose=0)  # metrics have their names by now
    weights = old.get_weights()
    configs = {form: keras_2.written(old, form) for form in ("h5", "keras")}
    compiled = {"h5": keras_2.training_config(old), "keras": configs["keras"]["compile_config"]}
    expected = trained(old, targets)
    for form, config in configs.items():
        names = old.output_names
        said = modern_compile_config(compiled[form], written_by=k.__version__, output_names=names)
        again = modern_compile_config(said, written_by=k.__version__, output_names=names)
        assert again == said
        assert not audit.needs({"compile": said})
        migrated = modern(config, written_by=k.__version__)
        assert form == "h5" or migrated.pop("compile_config") == said
        new = keras.saving.deserialize_keras_object(migrated)
        new.set_weights(weights)
        new.compile_from_config(copy.deepcopy(said))
        found = trained(new, targets)
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ONE)
@pytest.mark.filterwarnings("ignore")
def test_a_model_trains_on_as_it_would_have(name: str) -> None:
    k = keras_2.package()
    old = model(k)
    old.compile(**ONE[name](k))
    assert_trains_on(old, ONE_HOT)


@pytest.mark.parametrize("name", TWO)
@pytest.mark.filterwarnings("ignore")
def test_a_model_of_two_outputs_trains_on_as_it_would_have(name: str) -> None:
    old = model(keras_2.package(), outputs=2)
    old.compile("adam", **TWO[name])
    assert_trains_on(old, [ONE_HOT, NUMBER])


@pytest.mark.filterwarnings("ignore")
def test_the_scale_of_the_loss_is_kept_in_mixed_precision() -> None:
    k = keras_2.package()
    inner = k.optimizers.SGD(0.1, momentum=0.5)
    optimizer = k.mixed_precision.LossScaleOptimizer(
        inner, initial_scale=64.0, dynamic_growth_steps=3
    )
    old = model(k)
    old.compile(optimizer, "mse")
    for said in (keras_2.training_config(old), keras_2.written(old, "keras")["compile_config"]):
        found = modern_compile_config(said, written_by=k.__version__)["optimizer"]
        assert (found["module"], found["class_name"]) == ("keras.optimizers", "LossScaleOptimizer")
        assert found["config"]["initial_scale"] == 64.0
        assert found["config"]["inner_optimizer"]["config"]["momentum"] == 0.5


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_training_that_would_go_another_way_is_refused(what: str) -> None:
    k = keras_2.package()
    old = model(k)
    old.compile(**REFUSED[what](k))
    for said in (keras_2.training_config(old), keras_2.written(old, "keras")["compile_config"]):
        with pytest.raises(NotRestorable, match=what):
            modern_compile_config(said, written_by=k.__version__)


def test_a_crossentropy_that_depends_on_shapes_is_refused() -> None:
    with pytest.raises(NotRestorable, match="metrics='ce'"):
        modern_compile_config({"metrics": ["ce"]}, written_by="2.12.0")


def test_what_keras_2_left_open_is_said() -> None:
    found = modern_compile_config({"loss": "mse", "jit_compile": None}, written_by="2.12.0")
    assert found["run_eagerly"] is False
    assert found["jit_compile"] is False
    assert found["steps_per_execution"] == 1


def test_metrics_by_output_lose_the_name_that_keras_2_wrote_into_theirs() -> None:
    def metric(name: str) -> dict[str, Any]:
        return {"class_name": "MeanSquaredError", "config": {"name": name}}

    given = {"metrics": {"level": ["mae", metric("level_square")], "high": metric("high_square")}}
    found = modern_compile_config(given, written_by="2.15.0", output_names=["level", "high"])
    assert found["metrics"]["level"][1]["config"]["name"] == "square"
    assert found["metrics"]["high"]["config"]["name"] == "square"
    alone = {"metrics": {"level": [metric("level_square")]}}
    found = modern_compile_config(alone, written_by="2.15.0", output_names=["level"])
    assert found["metrics"]["level"][0]["config"]["name"] == "level_square", "of one output"
