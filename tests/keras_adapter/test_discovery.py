"""Which live object is behind a node: by marks, and by name where Keras cannot be watched."""

from __future__ import annotations

import functools
import threading
from typing import Any

import numpy as np
import pytest
from bundlekit_keras import internals, scopes
from bundlekit_keras.internals import configs, versions
from bundlekit_keras.internals.hooks import Hooks

import bundlekit
from bundlekit.adapter import Known
from bundlekit.errors import BundleWarning, UnknownOption, Unwritable


@pytest.fixture
def unwatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on a Keras that these internals were not tried on."""
    monkeypatch.setattr(versions, "version", lambda: (3, 999))


def layer(name: str = "Own", factor: float = 2.0, **more: Any) -> Any:
    import keras

    own = {"call": lambda self, x: x * factor, "build": lambda self, shape: None}
    return type(name, (keras.layers.Layer,), {**own, **more})


def model_of(*own: Any, **compiled: Any) -> Any:
    import keras

    model = keras.Sequential([keras.Input((3,)), *own, keras.layers.Dense(1)])
    if compiled:
        model.compile(**compiled)
    return model


def restored(model: Any, **given: Any) -> Any:
    return bundlekit.unbundle(bundlekit.bundle(model), **given)


def relu(x: Any) -> Any:
    return x * 7.0


def own_loss(y_true: Any, y_pred: Any) -> Any:
    return (y_true - y_pred) ** 2


def test_two_classes_of_one_name_are_told_apart() -> None:
    first, second = layer(factor=2.0), layer(factor=3.0)
    again = restored(model_of(first(), second(), first()))
    assert [type(one) for one in again.layers[:3]] == [first, second, first]
    needs = bundlekit.bundle(model_of(first(), second(), first())).needs
    assert [need.where for need in needs] == [
        ("config.layers[1]", "config.layers[3]"),
        ("config.layers[2]",),
    ]


def test_a_class_whose_name_was_registered_again_is_still_itself() -> None:
    import keras

    register = keras.saving.register_keras_serializable("twice")
    first = register(layer(factor=2.0))
    model = model_of(first())
    second = register(layer(factor=3.0))
    try:
        assert type(restored(model).layers[0]) is first
        given = {"twice>Own": second}
        assert type(restored(model, custom_objects=given).layers[0]) is second
        assert keras.saving.get_custom_objects()["twice>Own"] is second
    finally:
        keras.saving.get_custom_objects().clear()


def test_functions_of_keras_that_are_no_activations_keep_their_home() -> None:
    import keras

    model = model_of(keras.layers.Dense(2, activation=keras.ops.sin))
    assert bundlekit.bundle(model).needs == ()
    assert restored(model).layers[0].activation is keras.ops.sin


def test_a_name_in_plain_text_is_a_need_too() -> None:
    import keras

    keras.saving.get_custom_objects()["spoken"] = own_loss
    try:
        model = model_of(optimizer="sgd", loss="spoken")
        (need,) = bundlekit.bundle(model).needs
        assert (need.name, need.class_name, need.where) == (
            "spoken",
            "own_loss",
            ("compile_config.loss",),
        )
        bundled = bundlekit.bundle(model)
    finally:
        keras.saving.get_custom_objects().clear()
    again = bundlekit.unbundle(bundled, custom_objects={"spoken": own_loss})
    again.train_on_batch(np.ones((2, 3)), np.ones((2, 1)))
    assert keras.saving.get_custom_objects() == {}


def test_what_only_reads_like_a_registered_name_is_no_need() -> None:
    import keras

    registry = keras.saving.get_custom_objects()
    registry.update(gate=own_loss, partial=functools.partial(own_loss), layer=layer()())
    try:
        words = keras.layers.StringLookup(vocabulary=["gate", "partial", "layer"])
        inputs = keras.Input((3,), name="partial")
        hidden = keras.layers.Dense(2, name="gate")(inputs)
        model = keras.Model(inputs, keras.layers.Dense(1, name="layer")(hidden))
        assert bundlekit.bundle(model, code="reference").needs == ()
        assert (
            bundlekit.bundle(keras.Sequential([keras.Input((1,), dtype="string"), words])).needs
            == ()
        )
        model.compile("sgd", "gate", metrics=["gate"])
        (need,) = bundlekit.bundle(model).needs
        assert need.where == ("compile_config.loss", "compile_config.metrics[0]")
        model.compile("sgd", "partial")
        with pytest.raises(Unwritable, match="hold functools.partial of own_loss at compile_conf"):
            bundlekit.bundle(model)
        registry["partial"] = keras.losses.mean_squared_error
        model.compile("sgd", "partial")
        with pytest.raises(Unwritable, match="the text 'partial' at .* own mean_squared_error"):
            bundlekit.bundle(model)
    finally:
        for name in ("gate", "partial", "layer"):
            del registry[name]


def like_keras(function: Any) -> Any:
    @functools.wraps(function)
    def changed(*arguments: Any) -> Any:
        return 5.0 * function(*arguments)

    return changed


@pytest.mark.parametrize("code", ["auto", "value"])
def test_a_function_that_only_says_that_it_is_keras_own_is_not(code: str) -> None:
    import keras

    loss = like_keras(keras.losses.mean_squared_error)
    activation = like_keras(keras.activations.tanh)
    model = model_of(keras.layers.Dense(2, activation), optimizer="sgd", loss=loss)
    bundled = bundlekit.bundle(model, code=code, check="rebuild")
    home = (__name__, "like_keras.<locals>.changed", "value")
    assert [(need.module, need.qualname, need.travels) for need in bundled.needs] == [home] * 2
    x, y = np.ones((4, 3)), np.zeros((4, 1))
    trusting = bundlekit.loads(bundled.data, trust=bundlekit.Trust(code=True))
    assert trusting.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    with pytest.raises(Unwritable, match="'mean_squared_error', used at .* inside a function"):
        bundlekit.bundle(model_of(optimizer="sgd", loss=loss), code="reference")


def test_what_the_backend_defines_is_not_copied() -> None:
    import tensorflow as tf

    model = model_of(layer()(), optimizer="sgd", loss=own_loss)
    model.add(type(model.layers[-1])(2, activation=tf.nn.softmax))
    bundled = bundlekit.bundle(model, code="value")
    assert {need.class_name: need.travels for need in bundled.needs} == {
        "Own": "value",
        "own_loss": "value",
        "softmax_v2": "reference",
    }
    again = bundlekit.unbundle(bundled, trust=bundlekit.Trust(["tensorflow"], code=True))
    assert again.layers[-1].activation is tf.nn.softmax


def test_a_function_found_where_it_says_is_imported_from_there() -> None:
    model = model_of(optimizer="sgd", loss=decorated_loss)
    (need,) = bundlekit.bundle(model).needs
    assert (need.reference, need.travels) == (f"{__name__}:decorated_loss", "reference")


def _named(function: Any, name: str) -> Any:
    function.__name__ = function.__qualname__ = name
    return function


decorated_loss = _named(like_keras(own_loss), "decorated_loss")


@pytest.mark.parametrize("written", ["json", "indented", "sorted", "twice"])
def test_a_config_that_get_config_wrote_as_text_has_its_needs_and_no_marks(written: str) -> None:
    import json

    import keras

    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, own_activation)])

    def get_config(self: Any) -> dict[str, Any]:
        data = json.loads(inner.to_json())
        text = {
            "json": inner.to_json(),
            "indented": json.dumps(data, indent=2),
            "sorted": json.dumps(data, sort_keys=True),
            "twice": json.dumps({"inner": json.dumps(data)}),
        }[written]
        return {**keras.layers.Layer.get_config(self), "text": text}

    def init(self: Any, text: str = "", **more: Any) -> None:
        keras.layers.Layer.__init__(self, **more)
        data = json.loads(text) if text else {}
        data = json.loads(data["inner"]) if "inner" in data else data
        self.inner = keras.saving.deserialize_keras_object(data) if data else inner

    own = layer(__init__=init, get_config=get_config, call=lambda self, x: self.inner(x))
    model = model_of(own())
    bundled = bundlekit.bundle(model)
    assert b"bundlekit" not in bundled.read("config.json")
    assert {need.name for need in bundled.needs} == {"Own", "own_activation"}
    (spoken,) = [need for need in bundled.needs if need.name == "own_activation"]
    assert spoken.where == ("config.layers[1].config.text",)
    again = bundlekit.unbundle(bundled)
    assert again.layers[0].inner.layers[0].activation is own_activation


def own_activation(x: Any) -> Any:
    return x * 2.0


def test_a_node_that_get_config_wrote_by_hand_is_found_in_the_model() -> None:
    inner = layer("Inner")

    def get_config(self: Any) -> dict[str, Any]:
        import keras

        inside = {"class_name": "Inner", "config": self.inside.get_config()}
        return {**keras.layers.Layer.get_config(self), "inside": inside}

    def from_config(cls: Any, config: dict[str, Any]) -> Any:
        import keras

        made = keras.layers.deserialize(config.pop("inside"))
        found = cls(**config)
        found.inside = made
        return found

    outer = layer("Outer", get_config=get_config, from_config=classmethod(from_config))
    one = outer()
    one.inside = inner()
    again = restored(model_of(one))
    assert type(again.layers[0].inside) is inner


def test_what_only_looks_like_a_node_is_refused_with_its_place() -> None:
    def get_config(self: Any) -> dict[str, Any]:
        import keras

        spec = {"class_name": "Nobody", "config": {}}
        return {**keras.layers.Layer.get_config(self), "spec": spec}

    with pytest.raises(
        Unwritable, match=r"names 'Nobody' at config\.layers\[1\]\.config\.spec, and no"
    ):
        bundlekit.bundle(model_of(layer(get_config=get_config)()))


def test_code_is_one_of_three_ways() -> None:
    with pytest.raises(UnknownOption, match="code='pickle' is not known; it is one of auto, ref"):
        bundlekit.bundle(model_of(layer()()), code="pickle")


def test_by_reference_alone_refuses_what_no_interpreter_could_import() -> None:
    with pytest.raises(
        Unwritable, match=r"'Own', used at config\.layers\[1\], cannot travel by ref"
    ):
        bundlekit.bundle(model_of(layer()()), code="reference")


def test_what_cannot_be_pickled_is_named() -> None:
    lock = threading.Lock()
    own = layer(call=lambda self, x: x * lock.locked())
    with pytest.raises(Unwritable, match="lock"):
        bundlekit.bundle(model_of(own()))


class TestOnAKerasThatCannotBeWatched:
    @pytest.mark.usefixtures("unwatched")
    def test_classes_and_functions_are_found_in_the_model(self) -> None:
        import keras

        own = layer()
        model = model_of(
            own(), keras.layers.Dense(2, activation=own_loss_of), optimizer="sgd", loss=own_loss
        )
        bundled = bundlekit.bundle(model)
        assert {need.name for need in bundled.needs} == {"Own", "own_loss_of", "own_loss"}
        again = bundlekit.unbundle(bundled)
        assert type(again.layers[0]) is own
        assert again.loss is own_loss

    @pytest.mark.usefixtures("unwatched")
    def test_registered_ones_are_found_in_the_registry_and_in_scopes(self) -> None:
        import keras

        own = keras.saving.register_keras_serializable("acme")(layer())
        try:
            assert type(restored(model_of(own())).layers[0]) is own
        finally:
            keras.saving.get_custom_objects().clear()

    @pytest.mark.usefixtures("unwatched")
    def test_two_classes_of_one_name_are_refused(self) -> None:
        with pytest.raises(
            Unwritable, match=r"names 'Own' at config\.layers\[1\], and that fits .* alike"
        ):
            bundlekit.bundle(model_of(layer()(), layer(factor=3.0)()))

    @pytest.mark.usefixtures("unwatched")
    def test_a_function_called_like_one_of_keras_is_refused(self) -> None:
        import keras

        model = model_of(keras.layers.Dense(2, activation=relu))
        with pytest.raises(Unwritable, match="uses .*relu; Keras has a function of its own called"):
            bundlekit.bundle(model)

    @pytest.mark.usefixtures("unwatched")
    def test_a_lambda_is_refused_even_by_value(self) -> None:
        import keras

        model = model_of(keras.layers.Lambda(lambda x: x))
        with pytest.raises(Unwritable, match="holds a lambda at .*cannot be watched"):
            bundlekit.bundle(model, code="value")

    def test_hooks_are_there_while_bundling_and_gone_afterwards(self) -> None:
        from keras.src.saving import serialization_lib
        from keras.src.utils import python_utils

        def hooks() -> list[object]:
            library = serialization_lib
            return [
                library.record_object_after_serialization, library._get_class_or_fn_config,
                library.inspect, python_utils.func_dump,
            ]  # fmt: skip

        before = hooks()
        with internals.marking() as marks:
            assert marks is not None
            assert all(now is not then for now, then in zip(hooks(), before, strict=True))
            with internals.marking() as inner:
                assert inner is not marks
        assert hooks() == before

    def test_where_a_private_name_is_gone_the_model_is_searched(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from keras.src.saving import serialization_lib

        monkeypatch.setattr(
            serialization_lib, "record_object_after_serialization_", None, raising=False
        )
        monkeypatch.setattr(configs, "_hooks", Hooks(lambda: None))
        own = layer()
        assert type(restored(model_of(own())).layers[0]) is own


def own_loss_of(x: Any) -> Any:
    return x


def test_another_thread_that_saves_meanwhile_gets_no_marks(tmp_path: Any) -> None:
    import keras

    model = model_of(layer()())
    written: list[dict[str, Any]] = []
    with internals.marking() as marks:
        thread = threading.Thread(
            target=lambda: written.append(keras.saving.serialize_keras_object(model))
        )
        thread.start()
        thread.join()
        own = keras.saving.serialize_keras_object(model)
    assert "bundlekit" not in str(written)
    assert "bundlekit" in str(own)
    assert marks is not None
    assert type(marks.objects[0]) is type(model.layers[0])


def test_many_threads_bundle_and_unbundle_at_once() -> None:
    import keras

    results: list[Any] = []

    def work(factor: float) -> None:
        own = layer(factor=factor)
        again = restored(model_of(own(), optimizer="sgd", loss=own_loss))
        results.append(type(again.layers[0]) is own)

    threads = [threading.Thread(target=work, args=(float(n),)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 6
    assert keras.saving.get_custom_objects() == {}


class TestScopes:
    def test_all_that_are_open_are_merged_and_the_inner_one_wins(self) -> None:
        import keras

        scope = keras.saving.custom_object_scope
        with scope({"a": 1, "b": 1}), scope({"b": 2, "c": 2}), scope({"c": 3}):
            assert scopes.known().scoped == {"a": 1, "b": 2, "c": 3}
            assert scopes.known().elsewhere == {}
        assert scopes.known().scoped == {}

    def test_one_that_is_closed_counts_no_more_though_it_is_kept(self) -> None:
        import keras

        kept = keras.saving.custom_object_scope({"a": 1})
        with kept:
            pass
        with keras.saving.custom_object_scope({"b": 2}):
            assert scopes.known().scoped == {"b": 2}
            assert scopes.known().elsewhere == {}

    def test_those_of_other_threads_stand_apart(self) -> None:
        import keras

        seen: list[Any] = []
        with (
            keras.saving.custom_object_scope({"a": 1}),
            keras.saving.custom_object_scope({"b": 2}),
        ):
            thread = threading.Thread(target=lambda: seen.append(scopes.known()))
            thread.start()
            thread.join()
        assert (seen[0].scoped, seen[0].elsewhere) == ({}, {"a": 1, "b": 2})

    def test_the_registry_is_a_copy(self) -> None:
        import keras

        assert scopes.known().registered == keras.saving.get_custom_objects()
        assert scopes.known().registered is not keras.saving.get_custom_objects()

    def test_a_process_without_keras_knows_nothing_and_does_not_import_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import sys

        monkeypatch.delitem(sys.modules, "keras")
        assert scopes.known() == Known()
        assert "keras" not in sys.modules


def test_a_changed_class_is_a_warning_when_it_is_given() -> None:
    import keras

    class Own(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    class Other(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x + 1

    bundled = bundlekit.bundle(model_of(Own()))
    with pytest.warns(BundleWarning, match="the source of Own is not what it was") as caught:  # noqa: PT031
        again = bundlekit.unbundle(bundled, custom_objects={"Own": Other})
        bundlekit.load(bundled, custom_objects={"Own": Other})
    assert {warning.filename for warning in caught} == {__file__}
    assert type(again.layers[0]) is Other
