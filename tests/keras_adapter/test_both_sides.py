"""Both sides of what saves time: Keras' private names, and the public way, on any release of Keras.

Run with the newest Keras as part of the suite, and by itself on older ones.
"""

from __future__ import annotations

import json
import re
import zipfile
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from bundlekit_keras import addresses, buffers, hdf5_file, internals
from bundlekit_keras.account import account_of
from bundlekit_keras.internals import (
    attributes,
    configs,
    initializing,
    questions,
    versions,
    walking,
)

import bundlekit

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:.*:bundlekit.errors.BundleWarning")


class Text(str):
    """A kind of text of the user's; and so the others are of numbers, lists, dicts and tuples."""

    __slots__ = ()


class Whole(int):
    pass


class Listed(list[int]):
    pass


class Keyed(dict[str, int]):
    pass


class Pair(NamedTuple):
    first: int
    second: list[int]


def inputs(*shape: int) -> Any:
    import numpy as np

    return np.random.default_rng(1).normal(size=(8, *shape)).astype("float32")


def trained(model: Any, x: Any) -> Any:
    """Compile a model, and make its optimizer's variables."""
    model.compile("adam", "mse", metrics=["mae"])
    model.train_on_batch(x, model.predict(x, verbose=0) + 1)
    return model


def sequential() -> Any:
    import keras

    layers = [keras.layers.Dense(5, "relu"), keras.layers.Dropout(0.5), keras.layers.Dense(2)]
    return trained(keras.Sequential([keras.Input((4,)), *layers]), inputs(4))


def functional() -> Any:
    """A model in a model, a layer that is used twice, and statistics."""
    import keras

    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="inner")
    shared = keras.layers.Dense(3, name="shared")
    joined = keras.layers.Concatenate()([inner(a), shared(a), shared(b)])
    out = keras.layers.Dense(1)(keras.layers.BatchNormalization()(joined))
    model = keras.Model([a, b], out)
    model.compile("sgd", "mse")
    x = inputs(4)
    model.train_on_batch([x, x], x[:, :1])
    return model


def recurrent() -> Any:
    import keras

    layers = [keras.layers.Bidirectional(keras.layers.LSTM(3)), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((5, 4)), *layers])


def subclassed() -> Any:
    """Layers in attributes, lists and dicts, and a class that saves in a way of its own."""
    import keras

    class Block(keras.layers.Layer):
        def __init__(self, **named: Any) -> None:
            super().__init__(**named)
            self.inner = [keras.layers.Dense(3, name="first"), keras.layers.Dense(3)]
            self.by_name = {"gate": keras.layers.Dense(3)}

        def build(self, shape: Any) -> None:
            for layer in (*self.inner, *self.by_name.values()):
                layer.build((None, 3))

        def call(self, x: Any) -> Any:
            return self.by_name["gate"](self.inner[1](self.inner[0](x)))

    class Own(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.scale = self.add_weight(shape=(3,), name="scale")

        def save_own_variables(self, store: Any) -> None:
            store["scale"] = self.scale

        def load_own_variables(self, store: Any) -> None:
            self.scale.assign(store["scale"])

        def call(self, x: Any) -> Any:
            return x * self.scale

    model = keras.Sequential([keras.Input((3,)), Block(), Own()])
    model.predict(inputs(3), verbose=0)
    return model


KINDS = {make.__name__: make for make in (sequential, functional, recurrent, subclassed)}


@pytest.fixture(scope="module", params=list(KINDS.values()), ids=list(KINDS))
def model(request: pytest.FixtureRequest, framework: None) -> Any:
    return request.param()


def classes(model: Any) -> dict[str, Any]:
    """Give the classes of a model that are not Keras' own."""
    return {type(layer).__name__: type(layer) for layer in model.layers}


def without_private_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "version", lambda: (4, 0))


class TestWalking:
    def test_finds_what_keras_finds(self, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        listened = addresses.places(model)
        assert internals.walked(model) is not None
        without_private_names(monkeypatch)
        assert internals.walked(model) is None
        asked = addresses.places(model)
        assert list(listened) == list(asked)
        assert all(listened[place] is asked[place] for place in asked)

    def test_leaves_keras_as_it_was(self, model: Any) -> None:
        from keras.src.saving import saving_lib

        before = saving_lib._save_state, saving_lib._walk_saveable
        internals.walked(model)
        assert (saving_lib._save_state, saving_lib._walk_saveable) == before

    @pytest.mark.parametrize("name", ["_save_state", "_walk_saveable", "get_attr_skipset"])
    def test_does_without_a_name_that_is_gone(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from keras.src.saving import saving_lib

        monkeypatch.delattr(saving_lib, name)
        assert walking._found() is None


class TestTheFile:
    def test_is_what_keras_writes(self, model: Any, tmp_path: Path) -> None:
        import h5py
        import numpy as np

        bundlekit.dump(model, tmp_path / "ours.keras")
        model.save(tmp_path / "theirs.keras")
        found = []
        for name in ("ours", "theirs"):
            with zipfile.ZipFile(tmp_path / f"{name}.keras") as archive:
                archive.extract("model.weights.h5", tmp_path / name)
            arrays: dict[str, Any] = {}
            names: dict[str, str] = {}
            with h5py.File(tmp_path / name / "model.weights.h5") as file:

                def visit(path: str, item: Any, arrays: Any = arrays, names: Any = names) -> None:
                    if hasattr(item, "shape"):
                        arrays[path] = np.array(item)
                    elif "name" in item.attrs:
                        names[path] = item.attrs["name"]

                file.visititems(visit)
            found.append((arrays, names))
        (ours, our_names), (theirs, their_names) = found
        assert our_names == their_names
        assert ours.keys() == theirs.keys()
        assert all(np.array_equal(ours[path], theirs[path]) for path in theirs)
        assert all(ours[path].dtype == theirs[path].dtype for path in theirs)

    def test_is_read_by_keras(self, model: Any, tmp_path: Path) -> None:
        import keras
        import numpy as np

        path = tmp_path / "model.keras"
        bundlekit.dump(model, path)
        stock = keras.saving.load_model(path, custom_objects=classes(model))
        for mine, theirs in zip(model.weights, stock.weights, strict=True):
            assert np.array_equal(np.array(mine), np.array(theirs))

    def test_arrays_begin_where_backends_can_take_them(self, model: Any) -> None:
        found = bundlekit.bundle(model).manifest.tensors
        held = [one for one in found if one.member == "model.weights.h5" and one.size]
        assert held
        assert all(one.offset % buffers.ALIGNMENT == 0 for one in held)

    def test_is_the_same_at_any_time(self, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        if model.compiled:
            model.reset_metrics()  # which come back with private names alone
        first = bundlekit.dumps(model)
        without_private_names(monkeypatch)
        assert bundlekit.dumps(model) == first

    @pytest.mark.parametrize("dtype", ["bfloat16", "bool", "float16", "int8", "uint32"])
    def test_holds_every_dtype(self, dtype: str, framework: None) -> None:
        import io

        import h5py
        import numpy as np

        array = np.ones((3, 2), buffers.numpy_dtype(dtype))
        file = hdf5_file.laid_out([hdf5_file.Group("a", "n", {"0": array})], "weights.h5")
        (tensor,) = file.tensors
        data = file.pieces.join()
        assert data[tensor.offset : tensor.offset + tensor.size] == array.tobytes()
        with h5py.File(io.BytesIO(data)) as opened:
            dataset = opened["a/vars/0"]
            assert dataset.id.get_offset() == tensor.offset
            assert dataset.attrs.get("dtype") == ("bfloat16" if dtype == "bfloat16" else None)


class TestInitialValues:
    @pytest.fixture(params=[True, False], ids=["with private names", "without"])
    def skipped(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
        if not request.param:
            without_private_names(monkeypatch)
        return bool(request.param)

    def test_are_not_made_for_what_is_overwritten(self, skipped: bool, framework: None) -> None:
        import keras
        import numpy as np

        made = []

        class Counting(keras.initializers.Initializer):
            def __call__(self, shape: Any, dtype: Any = None) -> Any:
                made.append(shape)
                return keras.ops.full(shape, 0.5, dtype)

            def get_config(self) -> dict[str, Any]:
                return {}

        layer = keras.layers.Dense(2, kernel_initializer=Counting())
        model = trained(keras.Sequential([keras.Input((3,)), layer]), inputs(3))
        data = bundlekit.dumps(model)
        made.clear()
        restored = bundlekit.loads(data, custom_objects={"Counting": Counting})
        assert made == ([] if skipped else [(3, 2)])
        before, after = account_of(model).entries, account_of(restored).entries
        kept = [path for path, one in before.items() if one.kind != "metric"]
        assert len(kept) == 8
        for path in kept:
            assert np.array_equal(before[path].read(), after[path].read()), path

    def test_are_there_where_nothing_is_restored(self, skipped: bool, framework: None) -> None:
        import keras
        import numpy as np

        data = bundlekit.dumps(sequential())
        restored = bundlekit.loads(data, optimizer="drop")
        restored.train_on_batch(inputs(4), inputs(2))
        fresh = keras.optimizers.Adam()
        assert int(restored.optimizer.iterations) == 1
        assert np.isclose(float(restored.optimizer.learning_rate), float(fresh.learning_rate))

    def test_are_given_to_what_is_left(self, skipped: bool, framework: None) -> None:
        import keras
        import numpy as np

        with internals.uninitialized() as waiting:
            left, given = (keras.Variable("ones", shape=(2, 3), dtype="float32") for _ in range(2))
            given.assign(np.full((2, 3), 7.0))
            first = np.array(left).sum()
            waiting.initialize(without=[given])
        assert first == (0 if skipped else 6)
        assert np.array_equal(np.array(left), np.ones((2, 3)))
        assert np.array_equal(np.array(given), np.full((2, 3), 7.0))

    def test_of_other_threads_are_made(self, framework: None) -> None:
        from concurrent.futures import ThreadPoolExecutor

        import keras
        import numpy as np

        def make() -> Any:
            return np.array(keras.Variable("ones", shape=(2,), dtype="float32")).sum()

        with internals.uninitialized(), ThreadPoolExecutor(1) as other:
            assert other.submit(make).result() == 2

    def test_a_name_that_is_gone(self, monkeypatch: pytest.MonkeyPatch, framework: None) -> None:
        monkeypatch.setattr(initializing, "_METHOD", "gone")
        assert initializing._found() is None


class TestQuestions:
    def test_have_the_same_answers(self, framework: None) -> None:
        import inspect

        import keras
        import numpy as np
        from keras.src import backend
        from keras.src.ops import operation

        class Own(keras.layers.Layer):
            def call(self, x: Any, *, scale: float = 2.0) -> Any:
                return x * scale

        values = [
            *(None, 1, 1.0, "text", True, [], (), {}, np.ones(2), object(), Own, Own(), Own().call),
            *(keras.Input((2,)), keras.ops.ones(2), keras.Variable([1.0]), keras.Variable),
            *(keras.initializers.Zeros(), keras.dtype_policies.get("float32")),
        ]
        functions = [Own.call, Own().call, Own.__init__, keras.layers.Dense.__init__, len, Own]
        tensors = [bool(backend.is_tensor(value)) for value in values]
        assert any(tensors)
        before = backend.is_tensor, backend.core.is_tensor, operation.inspect
        with internals.answered_once():
            assert operation.inspect is not inspect
            for _ in range(2):
                for ask in (backend.is_tensor, backend.core.is_tensor, keras.ops.is_tensor):
                    assert [bool(ask(value)) for value in values] == tensors
                for function in functions:
                    found = operation.inspect.signature(function)
                    assert found == inspect.signature(function)
                    assert found == operation.inspect.signature(function, follow_wrapped=True)
                    found = operation.inspect.getfullargspec(function)
                    assert found == inspect.getfullargspec(function)
        assert (backend.is_tensor, backend.core.is_tensor, operation.inspect) == before

    def test_are_asked_every_time_elsewhere(
        self, monkeypatch: pytest.MonkeyPatch, framework: None
    ) -> None:
        from keras.src import backend

        before = backend.is_tensor
        without_private_names(monkeypatch)
        with internals.answered_once():
            assert backend.is_tensor is before

    def test_a_name_that_is_gone(self, monkeypatch: pytest.MonkeyPatch, framework: None) -> None:
        from keras.src import backend

        monkeypatch.delattr(backend, "is_tensor")
        assert questions._found() is None

    def test_what_is_done_to_a_config_is_not_done_to_the_model(self, model: Any) -> None:
        from keras.src.models import functional

        before = json.dumps(model.get_config(), default=str), vars(functional).get("copy")
        with internals.marking():
            config = model.get_config()
            for layer in config.get("layers", ()):
                layer.get("config", layer).clear()
        assert (json.dumps(model.get_config(), default=str), vars(functional).get("copy")) == before


class TestConfigs:
    def test_are_what_keras_writes(self, model: Any) -> None:
        import keras

        with internals.sharing_objects():
            plain = keras.saving.serialize_keras_object(model)
        with internals.sharing_objects(), internals.tolerating_lambdas() as watchable:
            watched = keras.saving.serialize_keras_object(model)
        assert watchable
        assert in_text(watched) == in_text(plain)

    @pytest.mark.parametrize(
        "value",
        [
            *(None, True, 2, 2.5, "a", [], (), {}, [1, (2, {"a": (3,)})], {1: {"b": [None]}}),
            *(b"bytes", slice(1, 2), ...),
            *(Text("own"), Whole(3), Listed([1, 2]), Keyed(a=1), Pair(1, [2])),
        ],
        ids=repr,
    )
    def test_values_in_them_are_what_keras_writes(self, value: Any, framework: None) -> None:
        from keras.src.saving import serialization_lib

        plain = [serialization_lib.serialize_keras_object(value) for value in (value, [value])]
        with internals.tolerating_lambdas():
            watched = [
                serialization_lib.serialize_keras_object(value) for value in (value, [value])
            ]
        assert repr(watched) == repr(plain)
        assert [type(one) for one in watched] == [type(one) for one in plain]

    @pytest.mark.parametrize("name", ["serialize_keras_object", "serialize_dict"])
    def test_do_without_a_name_that_is_gone(
        self, name: str, monkeypatch: pytest.MonkeyPatch, framework: None
    ) -> None:
        from keras.src.saving import serialization_lib

        monkeypatch.delattr(serialization_lib, name)
        assert configs._found() is None


class TestAttributes:
    @pytest.fixture(params=[True, False], ids=["with private names", "without"])
    def plainly(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
        if not request.param:
            without_private_names(monkeypatch)
        return bool(request.param)

    def test_are_the_same(self, plainly: bool, framework: None) -> None:
        import keras

        def made() -> Any:
            layer = keras.layers.Dense(2, kernel_initializer="ones", name="one")
            layer.number, layer.nothing, layer.several = 1, None, [keras.layers.Dense(1, name="a")]
            layer.build((None, 3))
            layer.trainable = False
            layer.several = True
            return {name: in_text(value) for name, value in vars(layer).items()}

        before = made()
        with internals.set_plainly():
            assert made() == before

    def test_classes_that_set_in_their_own_way_still_do(
        self, plainly: bool, framework: None
    ) -> None:
        import keras

        seen: list[Any] = []

        class Own(keras.layers.Layer):
            def __setattr__(self, name: str, value: Any) -> None:
                seen.append(name)
                super().__setattr__(name, value)

        class After:
            def __setattr__(self, name: str, value: Any) -> None:
                seen.append(name)
                super().__setattr__(name, value)

        class Mixed(keras.layers.Layer, After):
            pass

        class Hooked(keras.layers.Layer):
            def _setattr_hook(self, name: str, value: Any) -> Any:
                seen.append(name)
                return super()._setattr_hook(name, value)

        class Property(keras.layers.Layer):
            @property
            def size(self) -> int:
                return 3

            @size.setter
            def size(self, value: int) -> None:
                seen.append("size")

        with internals.set_plainly():
            for kind in (Own, Mixed, Hooked, Property):
                layer = kind()
                seen.clear()
                layer.size = 7
                assert seen == ["size"], kind
                assert layer.size == (3 if kind is Property else 7)

    def test_a_layer_that_tells_of_attributes_it_has_not(
        self, plainly: bool, framework: None
    ) -> None:
        import keras

        class Telling(keras.layers.Layer):
            def __getattr__(self, name: str) -> Any:
                if name == "told":
                    return None
                raise AttributeError(name)

        def made() -> bool:
            layer = Telling()
            layer.told = None
            return "told" in vars(layer)

        before = made()
        with internals.set_plainly():
            assert made() is before

    def test_a_property_that_cannot_be_set_says_so(self, plainly: bool, framework: None) -> None:
        import keras

        class Fixed(keras.layers.Layer):
            @property
            def size(self) -> int:
                return 3

        with internals.set_plainly(), pytest.raises(AttributeError, match="size"):
            Fixed().size = 4  # type: ignore[misc]

    def test_keras_is_as_it_was(self, framework: None) -> None:
        import keras
        from keras.src.utils.tracking import Tracker

        before = vars(keras.Layer)["__setattr__"], vars(Tracker)["track"]
        with internals.set_plainly():
            assert vars(keras.Layer)["__setattr__"] is not before[0]
        assert (vars(keras.Layer)["__setattr__"], vars(Tracker)["track"]) == before

    @pytest.mark.parametrize("name", ["__setattr__", "_setattr_hook"])
    def test_a_name_that_is_gone(
        self, name: str, monkeypatch: pytest.MonkeyPatch, framework: None
    ) -> None:
        import keras

        holder = next(base for base in keras.Layer.__mro__ if name in vars(base))
        monkeypatch.delattr(holder, name)
        assert attributes._found() is None


def in_text(value: Any) -> str:
    """Write a value out, without addresses in memory."""
    if isinstance(value, dict):
        value = {str(key): in_text(one) for key, one in value.items() if key != "shared_object_id"}
    elif isinstance(value, list | tuple):
        value = (type(value).__name__, [in_text(one) for one in value])
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


class TestBuffers:
    @pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "int32", "bool", "uint8"])
    @pytest.mark.parametrize("shape", [(), (0,), (3,), (300, 400), (1, 2, 3)])
    def test_go_there_and_back(self, dtype: str, shape: tuple[int, ...], framework: None) -> None:
        import keras
        import numpy as np

        kind = buffers.numpy_dtype(dtype)
        value = (np.arange(np.prod(shape, dtype=int)) % 2).astype(kind).reshape(shape)
        variable = keras.Variable(keras.ops.zeros(shape, dtype), dtype=dtype, trainable=False)
        for offset in (0, 4):  # aligned as backends want it, and not
            buffers.give(variable, at(offset, value))
            seen = buffers.view(variable)
            assert (seen.dtype, seen.shape) == (kind, shape)
            assert np.array_equal(seen.astype("float32"), value.astype("float32"))

    def test_zeros_that_take_no_memory(self, framework: None) -> None:
        import keras
        import numpy as np

        tensor = buffers.blank((1 << 18, 1 << 10), "float32")  # 1 GiB
        if tensor is None:
            pytest.skip("this backend has none")
        assert float(np.array(keras.ops.convert_to_numpy(tensor[0])).sum()) == 0

    def test_what_was_seen_stays_when_the_variable_goes_on(self, framework: None) -> None:
        import keras
        import numpy as np

        if keras.backend.backend() == "torch":
            pytest.skip("views of torch's tensors change with them, as the docstring says")
        variable = keras.Variable(np.zeros(1000, "float32"))
        seen = buffers.view(variable)
        variable.assign(np.ones(1000, "float32"))
        assert seen.sum() == 0


def at(offset: int, value: Any) -> Any:
    """Copy an array to memory that begins so many bytes after a multiple of the alignment."""
    import numpy as np

    memory = np.zeros(value.nbytes + 2 * buffers.ALIGNMENT, np.uint8)
    start = -memory.__array_interface__["data"][0] % buffers.ALIGNMENT + offset
    found = memory[start : start + value.nbytes].view(value.dtype).reshape(value.shape)
    found[...] = value
    return found
