"""While a model is built, names mean what they meant; other threads and later code see nothing."""

from __future__ import annotations

import functools
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import bundlekit
from bundlekit import travel
from bundlekit.errors import MissingCustomObjects
from tests.keras_adapter.test_v3 import rewritten

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let nothing be found among what this process has bundled, and leave the registry as it is."""
    import keras

    monkeypatch.setattr(travel, "_bundled_here", {})
    before = dict(keras.saving.get_custom_objects())
    yield
    assert keras.saving.get_custom_objects() == before


@pytest.fixture(scope="module")
def cell() -> Any:
    import keras

    class Cell(keras.layers.Layer):
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = self.state_size = units

        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")

        def call(self, x: Any, states: Any) -> Any:
            state = keras.ops.tanh(keras.ops.matmul(x, self.kernel) + states[0])
            return state, [state]

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units}

    return Cell


@pytest.fixture(scope="module")
def copied(cell: Any) -> tuple[Any, bytes]:
    import keras

    layers = keras.layers
    with keras.saving.custom_object_scope({"Cell": cell}):
        both = layers.Bidirectional(layers.RNN(cell(2)))
    model = keras.Sequential([keras.Input((4, 3)), both])
    return model, bundlekit.dumps(model, check="rebuild")


class TestLayersThatCopyWhatTheyAreGiven:
    """`Bidirectional` writes a config and reads it back, in its constructor."""

    @pytest.mark.parametrize("unneeded", [{}, {"Unused": print, "relu": print, "Dense": dict}])
    @pytest.mark.parametrize("route", ["given", "scope", "code", "register"])
    def test_find_it_by_every_route(
        self, route: str, unneeded: dict[str, Any], copied: tuple[Any, bytes], cell: Any
    ) -> None:
        import keras

        model, data = copied
        named = {"Cell": cell, **unneeded}
        if route == "given":
            again = bundlekit.loads(data, custom_objects=named)
        elif route == "scope":
            with keras.saving.custom_object_scope(named):
                again = bundlekit.loads(data)
        elif route == "code":
            again = bundlekit.loads(data, trust=bundlekit.Trust(code=True), custom_objects=unneeded)
        else:
            again = bundlekit.loads(data, custom_objects=named, register=True)
            del keras.saving.get_custom_objects()["Cell"]
        x = np.ones((2, 4, 3), "float32")
        np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))

    def test_find_the_one_that_was_given_also_where_another_is_registered(
        self, copied: tuple[Any, bytes], cell: Any
    ) -> None:
        import keras

        class Other(keras.layers.Layer):
            pass

        registry = keras.saving.get_custom_objects()
        registry["Cell"] = Other
        again = bundlekit.loads(copied[1], custom_objects={"Cell": cell})
        assert registry.pop("Cell") is Other
        both = again.layers[0].forward_layer.cell, again.layers[0].backward_layer.cell
        assert [type(one) for one in both] == [cell, cell]


class Meeting:
    inside = threading.Event()
    other_begins = threading.Event()
    backbone = b""


MEETING = Meeting()


def plain_loss(y_true: Any, y_pred: Any, factor: float = 2.0) -> Any:
    return (y_true - y_pred) ** 2 * factor


def test_any_callable_can_be_given_for_a_function() -> None:
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", plain_loss)
    given = functools.partial(plain_loss, factor=3.0)
    again = bundlekit.unbundle(bundlekit.dumps(model), custom_objects={"plain_loss": given})
    assert again.loss is given


def test_a_constructor_that_loads_a_model_does_not_wait_for_ever(
    trained: tuple[Any, Any],
) -> None:
    """The trial of the check and a load in another thread take the same locks in one order."""
    import keras

    MEETING.backbone = bundlekit.dumps(trained[0])

    class Own(keras.layers.Layer):
        def __init__(self, inner: Any = None, **more: Any) -> None:
            super().__init__(**more)
            self.inner = keras.layers.deserialize(inner) if isinstance(inner, dict) else inner
            here = sys.modules[__name__].MEETING  # locks do not travel with a class
            if isinstance(inner, dict) and not here.inside.is_set():
                here.inside.set()
                here.other_begins.wait(60)
                bundlekit.loads(here.backbone)

        def build(self, shape: Any) -> None:
            pass

        def call(self, x: Any) -> Any:
            return x

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "inner": self.inner}

    class Other(keras.layers.Layer):
        pass

    def load() -> None:
        MEETING.inside.wait(60)
        MEETING.other_begins.set()
        bundlekit.loads(MEETING.backbone)

    model = keras.Sequential([keras.Input((2,)), Own(keras.layers.Dense(2))])
    keras.saving.get_custom_objects()["Own"] = Other
    try:
        threads = [
            threading.Thread(target=work, daemon=True)
            for work in (load, lambda: bundlekit.dumps(model))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in threads)
        assert MEETING.inside.is_set()
    finally:
        del keras.saving.get_custom_objects()["Own"]


def test_a_function_of_keras_own_stays_so_beside_one_of_its_name() -> None:
    import keras

    def gelu(x: Any) -> Any:
        return x * 0.0

    layers = [keras.layers.Dense(2, "gelu"), keras.layers.Lambda(keras.activations.gelu)]
    model = keras.Sequential([keras.Input((2,)), *layers])
    data = bundlekit.dumps(model)
    assert bundlekit.Bundle(data).needs == ()
    with keras.saving.custom_object_scope({"gelu": gelu}):
        again = bundlekit.loads(data, custom_objects={"gelu": gelu})
    assert again.layers[0].activation is keras.activations.gelu
    assert again.layers[1].function is keras.activations.gelu
    keras.saving.get_custom_objects()["gelu"] = gelu
    try:
        assert bundlekit.loads(data).layers[1].function is keras.activations.gelu
    finally:
        del keras.saving.get_custom_objects()["gelu"]


class TestThreads:
    def test_do_not_see_each_others_floatx(self, trained: tuple[Any, Any]) -> None:
        import keras

        data = bundlekit.dumps(trained[0])
        metadata = bundlekit.Bundle(data).read("metadata.json")
        half = rewritten(data, "metadata.json", metadata.replace(b'"float32"', b'"float16"', 1))
        seen: set[str] = set()

        def work(source: bytes) -> None:
            for _ in range(4):
                model = bundlekit.loads(source)
                seen.add(bundlekit.Bundle(bundlekit.dumps(model)).read("metadata.json").decode())

        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(work, source) for source in (data, half, data, half)]:
                done.result()
        assert keras.config.floatx() == "float32"
        assert not any('"floatx":"float16"' in one for one in seen)

    def test_keep_their_warnings_and_find_what_is_registered_while_others_rebuild(
        self, trained: tuple[Any, Any]
    ) -> None:
        import keras

        @keras.saving.register_keras_serializable("acme")
        class Registered(keras.layers.Layer):
            def call(self, x: Any) -> Any:
                return x

        model = keras.Sequential([keras.Input((2,)), Registered()])
        data = bundlekit.dumps(model)
        stop = threading.Event()
        faults: list[BaseException] = []

        def rebuild() -> None:
            while not stop.is_set():
                bundlekit.dumps(trained[0], check="rebuild")

        filters = list(warnings.filters)
        others = [threading.Thread(target=rebuild) for _ in range(2)]
        for thread in others:
            thread.start()
        try:
            for _ in range(15):
                try:
                    assert type(bundlekit.loads(data).layers[0]) is Registered
                except MissingCustomObjects as error:
                    faults.append(error)
        finally:
            stop.set()
            for thread in others:
                thread.join()
            del keras.saving.get_custom_objects()["acme>Registered"]
        assert faults == []
        assert warnings.filters == filters
