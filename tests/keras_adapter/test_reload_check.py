"""What could not be read back is said when bundling, with the class, the argument and the place."""

from __future__ import annotations

import random
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import bundlekit
from bundlekit.errors import UnknownOption, Unwritable

if TYPE_CHECKING:
    from collections.abc import Callable


def layer_with(
    init: Callable[..., None], config: Callable[[Any], dict[str, Any]] | None, **more: Any
) -> type:
    """Make a layer class with this constructor and what `get_config` adds."""
    import keras

    def get_config(self: Any) -> dict[str, Any]:
        return {**keras.layers.Layer.get_config(self), **(config(self) if config else {})}

    own = {
        "__init__": init,
        "build": lambda self, shape: None,
        "call": lambda self, x: x,
        "get_config": get_config,
    }
    return type("Own", (keras.layers.Layer,), {**own, **more})


def bundled(layer: Any, **options: Any) -> bundlekit.Bundle:
    import keras

    model = keras.Sequential([keras.Input((3,)), layer, keras.layers.Dense(1)], name="mine")
    return bundlekit.bundle(model, **options)


def start(self: Any, **kwargs: Any) -> None:
    import keras

    keras.layers.Layer.__init__(self, **kwargs)


def takes_units(self: Any, units: int, **kwargs: Any) -> None:
    start(self, **kwargs)
    self.units = units


def takes_units_alone(self: Any, units: int) -> None:
    start(self)
    self.units = units


def takes_inner(self: Any, inner: Any, **kwargs: Any) -> None:
    start(self, **kwargs)
    self.inner = inner


PLACE = r"Own at config\.layers\[1\] could not be loaded again: "


def test_an_argument_that_get_config_leaves_out_is_named() -> None:
    with pytest.raises(Unwritable, match=PLACE + "get_config does not return 'units'") as refusal:
        bundled(layer_with(takes_units, None)(4))
    assert refusal.value.argument == "units"  # type: ignore[attr-defined]
    assert refusal.value.where == "config.layers[1]"  # type: ignore[attr-defined]
    assert bundled(layer_with(takes_units, lambda self: {"units": self.units})(4))


def test_an_argument_that_the_constructor_does_not_take_is_named() -> None:
    with pytest.raises(Unwritable, match=PLACE + r"get_config returns '(name|trainable)', which"):
        bundled(layer_with(takes_units_alone, lambda self: {"units": self.units})(4))


def test_what_is_no_json_is_named_with_its_class_and_place() -> None:
    own = layer_with(start, lambda self: {"sizes": {1, 2}})
    with pytest.raises(
        Unwritable,
        match=r"get_config of Own returns in 'sizes' \{1, 2\}, which is not JSON .* "
        r"it is at 'mine' \(Sequential\) > '.*' \(Own\)",
    ) as refusal:
        bundled(own())
    assert refusal.value.argument == "sizes"  # type: ignore[attr-defined]


def test_a_constructor_that_keras_cannot_describe_is_named() -> None:
    import keras

    class Own(keras.layers.Layer):
        def __init__(self, *sizes: int) -> None:
            super().__init__()

        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(Unwritable, match="the config of Own cannot be written: .*positional only"):
        bundled(Own(1, 2))


def test_keys_that_json_would_change_are_named() -> None:
    own = layer_with(start, lambda self: {"table": {"deep": [{1: "a"}]}})
    with pytest.raises(Unwritable, match=r"returns in table a dict with the key 1, .* as '1'"):
        bundled(own())


def test_a_class_in_a_config_is_refused() -> None:
    import keras

    own = layer_with(start, lambda self: {"kind": keras.layers.Dense})
    with pytest.raises(
        Unwritable, match=r"returns in 'kind' the class Dense itself, .*Dense\(…\); it"
    ):
        bundled(own())

    class Plain:
        pass

    own = layer_with(start, lambda self: {"kind": Plain})
    with pytest.raises(Unwritable, match=r"the class Plain itself at config\.layers\[1\]\..*kind"):
        bundled(own())


class Distance:
    def __call__(self, y: Any, p: Any) -> Any:
        return keras_mean(y, p)

    def between(self, y: Any, p: Any) -> Any:
        return keras_mean(y, p)


def keras_mean(y: Any, p: Any, weight: float = 1.0) -> Any:
    import keras

    return keras.ops.mean(y - p) * weight


def compiled_with_tensorflow() -> Any:
    import tensorflow as tf

    return tf.function(keras_mean)


@pytest.mark.parametrize(
    ("make", "what", "instead"),
    [
        (lambda: partial(keras_mean, weight=2.0), "partial of keras_mean", "with def"),
        (lambda: partial(Distance(), 1), "partial of a function", "with def"),
        (Distance, "an object of the class Distance", "get_config"),
        (lambda: Distance().between, "the method Distance.between", "with def"),
        (lambda: Distance, "the class Distance itself", "an instance, Distance"),
        (compiled_with_tensorflow, "keras_mean as wrapped by Function", "the plain function"),
    ],
)
@pytest.mark.parametrize("where", ["loss", "metrics", "nested"])
def test_what_compile_was_given_and_keras_cannot_write_is_named(
    make: Callable[[], Any], what: str, instead: str, where: str
) -> None:
    import keras

    given = make()
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name="out")])
    arguments = {
        "loss": {"loss": given},
        "metrics": {"loss": "mse", "metrics": [given]},
        "nested": {"loss": "mse", "metrics": {"out": ["mae", given]}},
    }
    model.compile("sgd", **arguments[where])
    with pytest.raises(Unwritable, match=rf"{what}.*; .*{instead}") as refusal:
        bundlekit.bundle(model)
    assert "compile" in str(refusal.value)
    assert " at 0x" not in str(refusal.value)
    assert refusal.value.type == type(given).__name__  # type: ignore[attr-defined]


class TestObjectsInAConfig:
    RETURNS_IT = staticmethod(lambda self: {"inner": self.inner})

    def test_that_nobody_turns_back_are_named(self) -> None:
        import keras

        own = layer_with(takes_inner, self.RETURNS_IT)
        with pytest.raises(Unwritable, match=PLACE + "get_config returns objects in inner, and"):
            bundled(own(keras.layers.Dense(2)))

    def test_that_from_config_turns_back_pass(self) -> None:
        import keras

        def from_config(cls: Any, config: dict[str, Any]) -> Any:
            config["inner"] = keras.saving.deserialize_keras_object(config["inner"])
            return cls(**config)

        own = layer_with(takes_inner, self.RETURNS_IT, from_config=classmethod(from_config))
        assert bundled(own(keras.layers.Dense(2)), check="rebuild")

    def test_that_the_constructor_turns_back_pass(self) -> None:
        import keras

        def init(self: Any, inner: Any, **kwargs: Any) -> None:
            takes_inner(self, keras.activations.get(inner), **kwargs)

        own = layer_with(init, self.RETURNS_IT)
        assert bundled(own(keras.activations.relu))

    def test_whose_constructor_fails_on_a_config_are_named(self) -> None:
        import keras

        def init(self: Any, inner: Any, **kwargs: Any) -> None:
            takes_inner(self, inner, **kwargs)
            self.width = inner.units

        with pytest.raises(Unwritable, match=PLACE + "from_config fails: .*units"):
            bundled(layer_with(init, self.RETURNS_IT)(keras.layers.Dense(2)))

    def test_are_tried_without_touching_names_and_random_states(self) -> None:
        import keras

        def init(self: Any, inner: Any, **kwargs: Any) -> None:
            takes_inner(self, keras.layers.deserialize(inner) if isinstance(inner, dict) else inner)
            self.drop = keras.layers.Dropout(0.5)
            np.random.random()

        own = layer_with(init, self.RETURNS_IT)
        layer = own(keras.layers.Dense(2))
        model = keras.Sequential([keras.Input((3,)), layer, keras.layers.Dense(1)])
        number = int(keras.layers.Dropout(0.1).name.rpartition("_")[2] or 0)
        before = random.getstate(), str(np.random.get_state())
        bundlekit.bundle(model)
        assert (random.getstate(), str(np.random.get_state())) == before
        assert keras.layers.Dropout(0.1).name == f"dropout_{number + 1}"


class TestRebuild:
    def test_finds_a_class_that_comes_back_as_another(self) -> None:
        def init(self: Any, units: int = 3, **kwargs: Any) -> None:
            takes_units(self, units, **kwargs)
            self.weight = self.add_weight(shape=(units,), name="weight")

        own = layer_with(init, None)
        assert bundled(own(3))
        with pytest.raises(Unwritable, match=r"does not come back from what would be stored"):
            bundled(own(5), check="rebuild")

    def test_finds_what_comes_back_otherwise(self) -> None:
        def init(self: Any, number: int = 0, **kwargs: Any) -> None:
            start(self, **kwargs)
            self.number = number + 1

        layer = layer_with(init, lambda self: {"number": self.number})()
        assert bundled(layer)
        with pytest.raises(Unwritable, match="comes back different from what would be stored"):
            bundled(layer, check="rebuild")

    def test_uses_nothing_but_what_the_artifact_needs(self) -> None:
        import keras

        class Hidden(keras.layers.Layer):
            pass

        def init(self: Any, **kwargs: Any) -> None:
            start(self, **kwargs)
            if keras.saving.get_registered_object("acme>Hidden") is None:
                raise LookupError("where is it?")

        keras.saving.get_custom_objects()["acme>Hidden"] = Hidden
        try:
            layer = layer_with(init, None)()
            assert bundled(layer)
            with pytest.raises(Unwritable, match=r"does not come back .*where is it\?"):
                bundled(layer, check="rebuild")
            assert keras.saving.get_custom_objects()["acme>Hidden"] is Hidden
        finally:
            del keras.saving.get_custom_objects()["acme>Hidden"]

    def test_passes_what_comes_back(self, trained: tuple[Any, Any]) -> None:
        assert bundlekit.bundle(trained[0], check="rebuild") == bundlekit.bundle(trained[0])

    def test_passes_what_warns_while_it_is_made(self) -> None:
        def init(self: Any, **kwargs: Any) -> None:
            start(self, **kwargs)
            warnings.warn("experimental", UserWarning, stacklevel=2)

        with pytest.warns(UserWarning, match="experimental"):
            bundled(layer_with(init, None)(), check="rebuild")

    def test_passes_live_objects_in_the_config_of_the_model_itself(self) -> None:
        import keras

        class Top(keras.Model):
            def __init__(self, initializer: Any = "zeros", **more: Any) -> None:
                super().__init__(**more)
                self.initializer = keras.initializers.get(initializer)
                self.inner = keras.layers.Dense(2, kernel_initializer=self.initializer)

            def build(self, shape: Any) -> None:
                self.inner.build(shape)

            def call(self, x: Any) -> Any:
                return self.inner(x)

            def get_config(self) -> dict[str, Any]:
                return {**super().get_config(), "initializer": self.initializer}

        model = Top(keras.initializers.HeNormal(seed=3))
        model.build((None, 3))
        assert bundlekit.bundle(model, check="rebuild")

    def test_is_one_of_two_checks(self, trained: tuple[Any, Any]) -> None:
        with pytest.raises(UnknownOption, match="check='full' is not known; it is one of config,"):
            bundlekit.bundle(trained[0], check="full")
