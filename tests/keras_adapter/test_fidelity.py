"""What Keras would lose or mistake without a word: kept, declared, or refused."""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bundlekit_keras import defaults, fidelity, internals
from bundlekit_keras.observe import KerasObserver

import bundlekit
from bundlekit.errors import Damaged, NotRestorable, Unwritable
from bundlekit.testing import assert_roundtrip

if TYPE_CHECKING:
    from collections.abc import Callable

X = np.linspace(-1, 1, 32, dtype="float32").reshape(8, 4)
Y = np.ones((8, 1), dtype="float32")


def fitted(*layers: Any, **compiled: Any) -> Any:
    import keras

    keras.utils.set_random_seed(4)
    inner = layers or (keras.layers.Dense(3), keras.layers.Dense(1))
    model = keras.Sequential([keras.Input((4,)), *inner])
    model.compile(**{"optimizer": "adam", "loss": "mse", **compiled})
    model.fit(X, Y, verbose=0)
    return model


def lost(model: Any) -> set[str]:
    return {loss.what for loss in bundlekit.bundle(model).manifest.losses}


def frozen_after_fit() -> Any:
    model = fitted()
    model.layers[0].trainable = False
    return model


def thawed_after_compile() -> Any:
    import keras

    base = keras.layers.Dense(3, trainable=False)
    model = fitted(base, keras.layers.Dense(1))
    base.trainable = True
    return model


@pytest.mark.parametrize("make", [frozen_after_fit, thawed_after_compile])
def test_an_optimizer_that_was_built_for_other_variables_goes_on(make: Callable[[], Any]) -> None:
    model = make()
    bundled = bundlekit.bundle(model)
    assert "resume" in bundled.manifest.capabilities
    restored = bundlekit.unbundle(bundled)
    assert [one.trainable for one in restored.layers] == [one.trainable for one in model.layers]
    for left, right in zip(model.optimizer.variables, restored.optimizer.variables, strict=True):
        assert left.shape == right.shape
        np.testing.assert_array_equal(left, right)


def test_an_optimizer_that_fits_is_not_declared() -> None:
    assert "optimizer state" not in lost(fitted())


def test_all_optimizers_of_a_model_that_has_several_go_on() -> None:
    import keras

    class Two(keras.Model):
        def __init__(self, **more: Any) -> None:
            super().__init__(**more)
            self.first, self.second = keras.layers.Dense(2), keras.layers.Dense(2)

        def build(self, shape: Any) -> None:
            self.first.build(shape)
            self.second.build(shape)

        def call(self, x: Any) -> Any:
            return self.first(x) + self.second(x)

        def compile(self, one: Any, other: Any) -> None:
            super().compile(loss="mse")
            self.one, self.other = one, other

        def get_compile_config(self) -> dict[str, Any]:
            save = keras.saving.serialize_keras_object
            return {"one": save(self.one), "other": save(self.other)}

        def compile_from_config(self, config: dict[str, Any]) -> None:
            load = keras.saving.deserialize_keras_object
            self.compile(load(config["one"]), load(config["other"]))
            self.one.build(self.first.trainable_variables)
            self.other.build(self.second.trainable_variables)

    model = Two()
    model.build((None, 3))
    model.compile(keras.optimizers.Adam(0.1), keras.optimizers.SGD(0.1, momentum=0.9))
    for _ in range(3):
        for optimizer, part in ((model.one, model.first), (model.other, model.second)):
            ones = [keras.ops.ones_like(weight) for weight in part.trainable_variables]
            optimizer.apply(ones, part.trainable_variables)
    bundled = bundlekit.bundle(model, check="rebuild")
    assert "resume" in bundled.manifest.capabilities
    again = bundlekit.unbundle(bundled)
    for before, after in ((model.one, again.one), (model.other, again.other)):
        assert int(after.iterations) == 3
        for expected, found in zip(before.variables, after.variables, strict=True):
            np.testing.assert_array_equal(found, expected)
    state = KerasObserver().state(again)
    places = {seen.place.split("/")[1] for seen in state if seen.place.startswith("variable/")}
    assert places >= {"one", "other", "optimizer"}


def test_slots_that_an_untried_keras_does_not_tell_of_are_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = frozen_after_fit()
    monkeypatch.setattr(internals, "optimizer_variables", lambda _: None)
    bundled = bundlekit.bundle(model)
    with pytest.raises(NotRestorable, match=r"it has no variable optimizer/vars/\d+"):
        bundlekit.unbundle(bundled)
    restored = bundlekit.unbundle(bundled, optimizer="drop")
    assert int(restored.optimizer.iterations) == 0


def test_a_mixed_policy_of_the_process_comes_back_in_another() -> None:
    import keras

    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = fitted()
        model.fit(X, Y, epochs=20, verbose=0)  # the first steps overflow and are skipped
        assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
        bundled = bundlekit.bundle(model)
    finally:
        keras.config.set_dtype_policy("float32")
    restored = bundlekit.unbundle(bundled)
    assert isinstance(restored.optimizer, keras.optimizers.LossScaleOptimizer)
    assert int(restored.optimizer.iterations) == int(model.optimizer.iterations) > 0
    assert restored.dtype_policy.name == "mixed_float16"
    assert keras.config.dtype_policy().name == "float32"


def test_the_float_type_of_the_process_comes_back_in_another() -> None:
    import keras

    keras.config.set_floatx("float64")
    try:
        model = fitted()
        bundled = bundlekit.bundle(model)
    finally:
        keras.config.set_floatx("float32")
    restored = bundlekit.unbundle(bundled)
    kinds = [[str(v.dtype) for v in one.optimizer.variables] for one in (model, restored)]
    assert kinds[0] == kinds[1]
    assert "float64" in kinds[0]
    assert keras.config.floatx() == "float32"


@pytest.mark.parametrize(
    "metadata", [{"floatx": "int8"}, {"dtype_policy": ["a"]}, {"dtype_policy": "int8"}]
)
def test_defaults_that_are_none_are_refused(metadata: dict[str, Any]) -> None:
    with pytest.raises(Damaged, match=r"metadata\.json says .* expected one of"):
        defaults.check(metadata)


def test_a_compile_of_its_own_is_declared() -> None:
    import keras

    class Own(keras.Sequential):
        def compile(self, *args: Any, **kwargs: Any) -> None:
            super().compile(*args, **kwargs)

    model = Own([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    bundled = bundlekit.bundle(model)
    assert bundled.manifest.capabilities == ("predict",)
    assert {loss.what for loss in bundled.manifest.losses} == {"compile arguments"}
    restored = bundlekit.unbundle(bundled, custom_objects={"Own": Own})
    assert (restored.predict(X, verbose=0) == model.predict(X, verbose=0)).all()


def relu(x: Any) -> Any:
    return x * 7.0


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    return (y_true - y_pred) ** 2 * 5.0


def test_functions_with_a_name_of_keras_own_are_told_apart() -> None:
    import keras

    layers = (keras.layers.Dense(3, activation=relu), keras.layers.Dense(1, activation="relu"))
    model = fitted(*layers, loss=[mean_squared_error], metrics=["mean_squared_error"])
    bundled = assert_roundtrip(model, X, fresh_process=False)
    assert {need.name for need in bundled.needs} == {"relu", "mean_squared_error"}
    restored = bundlekit.unbundle(bundled)
    assert restored.layers[0].activation is relu
    assert restored.layers[1].activation is keras.activations.relu


def test_a_mask_of_a_lambda_layer_that_is_a_function_is_refused() -> None:
    import keras

    def all_of_it(x: Any, mask: Any = None) -> Any:
        return None

    layer = keras.layers.Lambda(relu, mask=all_of_it, name="masked")
    with pytest.raises(Unwritable, match="the mask of the Lambda layer 'masked' is a function"):
        bundlekit.bundle(fitted(layer, keras.layers.Dense(1)))


def test_functions_of_keras_and_of_other_names_pass() -> None:
    import keras

    def plain(x: Any) -> Any:
        return x * 7.0

    layer = keras.layers.Dense(1, activation=plain)
    model = fitted(layer, loss=keras.losses.mean_squared_error)
    restored = bundlekit.unbundle(bundlekit.bundle(model), custom_objects={"plain": plain})
    assert (restored.predict(X, verbose=0) == model.predict(X, verbose=0)).all()


def test_functions_of_the_backend_come_back_as_those_of_keras() -> None:
    import keras
    import tensorflow as tf

    model = fitted(keras.layers.Dense(3, activation=tf.nn.relu), keras.layers.Dense(1))
    assert_roundtrip(model, X, fresh_process=False)


def test_only_functions_that_do_the_same_stand_for_those_of_keras(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from bundlekit_keras import keras_own

    stub = types.ModuleType("torch.nn.functional")
    code = "def relu(x): return x\ndef leaky_relu(x, slope=0.01): return x"
    exec(code, vars(stub))
    monkeypatch.setitem(sys.modules, "torch.nn.functional", stub)
    assert keras_own.stands_for_keras(stub.relu)
    assert not keras_own.stands_for_keras(stub.leaky_relu)


@pytest.mark.parametrize("word", ["two\nlines", "end\r", "\x85", "a\u2028b"])
def test_words_that_hold_line_ends_are_refused(word: str) -> None:
    import keras

    lookup = keras.layers.StringLookup()
    lookup.adapt([word, "plain", "plain"])
    model = keras.Sequential([keras.Input((1,), dtype="string"), lookup])
    with pytest.raises(Unwritable, match="has the word .*one word in a line"):
        bundlekit.bundle(model)


def test_a_vocabulary_that_stands_in_the_config_may_hold_them() -> None:
    import keras

    lookup = keras.layers.StringLookup(vocabulary=["two\nlines", "plain"])
    model = keras.Sequential([keras.Input((1,), dtype="string"), lookup])
    restored = bundlekit.unbundle(bundlekit.bundle(model))
    assert restored.layers[0].get_vocabulary() == lookup.get_vocabulary()


def test_models_with_inputs_of_their_own_are_traced_for_their_signature() -> None:
    import keras

    class Odd(keras.Model):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.inputs = keras.layers.Dense(3)
            self.outputs = ["age"]

        def call(self, x: Any) -> Any:
            return self.inputs(x)

    model = Odd()
    model(X)
    bundled = bundlekit.bundle(model)
    signature = bundled.manifest.signature
    assert signature is not None
    assert [(spec.name, spec.shape) for spec in signature.inputs] == [("x", (None, 4))]
    assert_roundtrip(model, X, fresh_process=False, custom_objects={"Odd": Odd})


def test_an_output_of_several_tensors_has_a_signature() -> None:
    import keras

    layer = keras.layers.LSTM(2, return_state=True, name="last")
    model = keras.Sequential([keras.Input((3, 1)), layer])
    signature = bundlekit.bundle(model).manifest.signature
    assert signature
    assert [spec.name for spec in signature.outputs] == ["last/0", "last/1", "last/2"]


@pytest.mark.parametrize("fault", [TypeError("odd"), RuntimeError("odd"), NotImplementedError()])
def test_what_keras_cannot_save_is_a_clear_error_with_the_cause(fault: Exception) -> None:
    import keras

    class Failing(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x

        def get_config(self) -> dict[str, Any]:
            raise fault

    model = keras.Sequential([keras.Input((4,)), Failing()], name="mine")
    with pytest.raises(
        Unwritable,
        match=r"the config of Failing cannot be written: .*; mend its get_config; it is at 'mine' "
        r"\(Sequential\) > 'failing(_\d+)?' \(Failing\)",
    ) as refusal:
        bundlekit.bundle(model)
    assert refusal.value.__cause__ is fault


def test_a_config_that_no_reader_accepts_is_refused_when_bundling() -> None:
    import keras

    class Odd(keras.layers.Layer):
        def __init__(self, text: str = "\ud800", **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.text = text

        def call(self, x: Any) -> Any:
            return x

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "text": self.text}

    model = keras.Sequential([keras.Input((4,)), Odd()])
    with pytest.raises(Unwritable, match="no reader would accept it: config.json is not strict"):
        bundlekit.bundle(model)


def test_the_count_of_slots_is_that_of_the_optimizer_itself() -> None:
    model = fitted()
    fidelity.require_slots(model, bundlekit.bundle(model).read("model.weights.h5"))
