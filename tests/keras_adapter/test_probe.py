from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bundlekit_keras import difference, internals, nested
from bundlekit_keras.observe import KerasObserver

import bundlekit
from bundlekit.errors import (
    Damaged,
    NoSuchMember,
    NotBuilt,
    ProbeFailed,
    UnknownOption,
    Unwritable,
)
from bundlekit.testing.comparison import Observation, compare, report
from tests.keras_adapter.test_v3 import rewritten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Trained = tuple[Any, Any]


def numbers(*shape: int) -> Any:
    return np.random.default_rng(3).normal(size=shape).astype("float32")


@pytest.fixture(scope="module")
def data(trained: Trained) -> bytes:
    return bundlekit.dumps(trained[0], example=trained[1])


class TestRoundTrip:
    def test_the_same_answer_comes_back(self, trained: Trained, data: bytes) -> None:
        restored = bundlekit.unbundle(data, check="probe")
        assert (restored(trained[1]) == trained[0](trained[1])).numpy().all()
        found = bundlekit.verify(data, probe=True).probe
        assert found is not None
        assert (found.difference, found.outputs) == (0.0, 1)

    def test_h5_has_it_too(self, trained: Trained) -> None:
        bundled = bundlekit.bundle(trained[0], "keras-h5", example=trained[1])
        assert bundlekit.unbundle(bundled, check="probe").name == "small"
        assert bundlekit.verify(bundled, probe=True).probe is not None

    def test_two_members_are_stored_and_the_bytes_are_the_same(
        self, trained: Trained, data: bytes
    ) -> None:
        paths = {member.path for member in bundlekit.inspect(data).members}
        assert {"probe.json", "probe.safetensors"} <= paths
        assert bundlekit.dumps(trained[0], example=trained[1]) == data

    def test_nothing_is_stored_without_an_example(self, trained: Trained) -> None:
        for plain in (bundlekit.dumps(trained[0]), bundlekit.dumps(trained[0], example=None)):
            assert b"probe" not in plain
            assert bundlekit.verify(plain).probe is None
            with pytest.raises(NoSuchMember, match=r"store one with bundle\(model, example=inp"):
                bundlekit.unbundle(plain, check="probe")
            with pytest.raises(NoSuchMember, match=r"store one with bundle\(model, example=inp"):
                bundlekit.verify(plain, probe=True)

    def test_verify_restores_nothing_unless_it_is_asked_to(self, data: bytes) -> None:
        assert bundlekit.verify(data).probe is None
        with pytest.raises(UnknownOption, match="nothing is restored without probe=True"):
            bundlekit.verify(data, trust=["acme"])
        with pytest.raises(UnknownOption, match="nothing is restored without probe=True"):
            bundlekit.verify(data, custom_objects={})

    def test_stock_keras_opens_the_file_still(self, data: bytes, tmp_path: Path) -> None:
        import keras

        (tmp_path / "small.keras").write_bytes(data)
        assert keras.saving.load_model(tmp_path / "small.keras").name == "small"

    @pytest.mark.parametrize("given", [{"parts": {"config"}}, {"into": None}])
    def test_only_a_whole_model_can_be_asked(self, data: bytes, given: dict[str, Any]) -> None:
        with pytest.raises(UnknownOption, match="check='probe' asks the whole model"):
            bundlekit.unbundle(data, check="probe", **given)

    @pytest.mark.parametrize("check", ["prob", True, None])
    def test_there_is_no_other_check(self, data: bytes, check: object) -> None:
        with pytest.raises(UnknownOption, match="check=.* is not known; it is 'probe'") as refusal:
            bundlekit.unbundle(data, check=check)
        assert refusal.value.known == ("probe",)  # type: ignore[attr-defined]


class TestFailure:
    def test_another_answer_is_an_error_with_its_size(self, trained: Trained, data: bytes) -> None:
        changed = with_arrays(data, lambda name, array: array * 1.5 if name == "1" else array)
        with pytest.raises(ProbeFailed, match="answers otherwise than it did .* is 0.333") as said:
            bundlekit.unbundle(changed, check="probe")
        assert said.value.difference == pytest.approx(1 / 3)
        assert (said.value.tolerance, said.value.output) == (1e-4, "output")
        with pytest.raises(ProbeFailed, match="answers otherwise"):
            bundlekit.verify(changed, probe=True)
        assert bundlekit.unbundle(changed).name == "small"

    def test_changed_weights_are_found(self, data: bytes) -> None:
        """Such as those of a class whose `call` is not what it was."""
        restored = bundlekit.unbundle(data)
        restored.layers[-1].bias.assign_add([0.0, 0.01])
        weights = bundlekit.Bundle(bundlekit.dumps(restored)).read("model.weights.h5")
        with pytest.raises(ProbeFailed, match="tolerance 0.0001"):
            bundlekit.unbundle(rewritten(data, "model.weights.h5", weights), check="probe")

    def test_a_rounding_passes(self, data: bytes) -> None:
        changed = with_arrays(
            data, lambda name, array: array * (1 + 1e-6) if name == "1" else array
        )
        found = bundlekit.verify(changed, probe=True).probe
        assert found is not None
        assert 0 < found.difference < 1e-5

    def test_another_structure_is_infinitely_far(self, data: bytes) -> None:
        def change(value: Any) -> Any:
            return {**value, "outputs": {"list": [value["outputs"]]}}

        with pytest.raises(ProbeFailed, match="the largest difference is inf") as said:
            bundlekit.unbundle(with_structure(data, change), check="probe")
        assert said.value.difference == math.inf

    def test_inputs_that_the_model_does_not_take_are_a_failure(self, data: bytes) -> None:
        changed = with_arrays(data, lambda name, array: array[:, :3] if name == "0" else array)
        with pytest.raises(ProbeFailed, match="does not answer the stored prediction: .*small"):
            bundlekit.unbundle(changed, check="probe")


class TestExamples:
    @pytest.mark.parametrize("batch", [1, 3, 7])
    def test_any_size_of_batch(self, trained: Trained, batch: int) -> None:
        bundled = bundlekit.bundle(trained[0], example=numbers(batch, 4))
        assert difference_of(bundled) == 0

    def test_several_inputs_in_a_dict_and_outputs_too(self) -> None:
        import keras

        inputs = {"a": keras.Input((2,), name="a"), "b": [keras.Input((3,)), keras.Input((1,))]}
        joined = keras.layers.Concatenate()([inputs["a"], *inputs["b"]])
        outputs = {"sum": keras.ops.sum(joined, -1), "ids": keras.ops.argmax(joined, -1)}
        model = keras.Model(inputs, outputs)
        example = {"a": numbers(3, 2), "b": [numbers(3, 3), numbers(3, 1)]}
        bundled = bundlekit.bundle(model, example=example)
        found = bundlekit.verify(bundled, probe=True).probe
        assert found is not None
        assert (found.outputs, found.difference) == (2, 0.0)
        ids = with_arrays(bytes(bundled), lambda _, a: a + (a.dtype.kind == "i") * a.dtype.type(1))
        with pytest.raises(ProbeFailed, match="is 1, in 'ids' of 2 outputs, and the tolerance 0"):
            bundlekit.unbundle(ids, check="probe")

    def test_strings(self) -> None:
        import keras

        words = keras.layers.StringLookup(vocabulary=["cat", "mat"], output_mode="int")
        model = keras.Sequential([keras.Input((2,), dtype="string"), words])
        example = [["cat", "dög"], ["mat", ""]]
        for given in (example, np.array(example), keras.ops.convert_to_tensor(example)):
            bundled = bundlekit.bundle(model, example=given)
            assert json.loads(bundled.read("probe.json"))["inputs"]["strings"][1] == "dög"
            assert difference_of(bundled) == 0

    def test_several_arguments_by_name(self) -> None:
        bundled = bundlekit.bundle(gated(), example={"x": numbers(3, 2), "gate": numbers(3, 2)})
        assert difference_of(bundled, Gated=type(gated())) == 0
        with pytest.raises(Unwritable, match="missing .* argument.*; give a dict with x, gate"):
            bundlekit.bundle(gated(), example=[numbers(3, 2), numbers(3, 2)])

    def test_what_the_model_does_not_take_is_refused_with_both_shapes(
        self, trained: Trained, tmp_path: Path
    ) -> None:
        with pytest.raises(
            Unwritable,
            match=r"'small' cannot predict on the example: .*given inputs: float32 \(8, 5\), "
            r"expected features: float32 \(None, 4\)",
        ):
            bundlekit.dump(trained[0], tmp_path / "no.bundle", example=numbers(8, 5))
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("example", "message"),
        [
            ({1: 2.0}, "example has the key 1; expected strings"),
            ([object()], r"example/0 is no array: it holds object"),
            (np.array(["2020-01-01"], dtype="datetime64[D]"), "of the dtype datetime64"),
            ([b"\xff"], "example is no array: .*utf-8"),
        ],
    )
    def test_what_cannot_be_stored_is_refused(
        self, trained: Trained, example: Any, message: str
    ) -> None:
        with pytest.raises(Unwritable, match=message):
            bundlekit.bundle(trained[0], example=example)

    def test_a_structure_without_an_end_is_refused(self, trained: Trained) -> None:
        endless: list[Any] = []
        endless.append(endless)
        with pytest.raises(Unwritable, match="nested deeper than 16 levels"):
            nested.plain(endless, "example")

    def test_ragged_and_sparse_tensors_are_refused(self, trained: Trained) -> None:
        tf = pytest.importorskip("tensorflow")
        for example in (tf.ragged.constant([[1.0], [2.0, 3.0]]), tf.sparse.eye(4)):
            with pytest.raises(Unwritable, match=r"example is a \w+Tensor; expected an array"):
                bundlekit.bundle(trained[0], example=example)

    def test_a_model_of_tf_keras_cannot_be_asked(self) -> None:
        tf_keras = pytest.importorskip("tf_keras")
        model = tf_keras.Sequential([tf_keras.layers.Dense(1, input_shape=(2,))])
        with pytest.raises(UnknownOption, match="example= is for models of Keras 3"):
            bundlekit.bundle(model, "keras-h5", example=numbers(1, 2))


def gated() -> Any:
    """Give a model whose `call` takes two inputs."""
    import keras

    class Gated(keras.Model):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.dense = keras.layers.Dense(2)

        def build(self, x_shape: Any, gate_shape: Any) -> None:
            self.dense.build(x_shape)

        def call(self, x: Any, gate: Any) -> Any:
            return self.dense(x) * keras.ops.sigmoid(gate)

    model = Gated()
    model(numbers(2, 2), numbers(2, 2))
    return model


def stateful() -> Any:
    import keras

    model = keras.Sequential(
        [
            keras.Input(batch_shape=(2, 5, 3)),
            keras.layers.LSTM(4, stateful=True),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    model.train_on_batch(numbers(2, 5, 3), numbers(2, 1))
    return model


def restless() -> Any:
    """Give a model that changes all that it can when it is called."""
    import keras

    class Restless(keras.layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.generator = keras.random.SeedGenerator(4)
            self.calls = 0
            self.metric = keras.metrics.Mean(name="seen")

        def build(self, shape: Any) -> None:
            self.counter = self.add_weight(shape=(), initializer="zeros", name="counter")

        def call(self, x: Any) -> Any:
            self.calls += 1
            self.last = x
            self.counter.assign_add(1.0)
            self.metric.update_state(x)
            keras.layers.Dense(1)
            noise = keras.random.normal(x.shape[1:]) + random.random() + np.random.rand()
            dropped = keras.random.dropout(x, 0.5, seed=self.generator)
            return dropped + noise + self.counter

    model = keras.Sequential([keras.Input((3,)), Restless()])
    model.compile("sgd", "mse")
    return model


class TestTheModelStaysAsItIs:
    @pytest.mark.parametrize(
        ("make", "shape"), [(stateful, (2, 5, 3)), (restless, (4, 3))], ids=["stateful", "restless"]
    )
    def test_bundling_with_an_example_changes_nothing(
        self, make: Callable[[], Any], shape: tuple[int, ...]
    ) -> None:
        model = make()
        with unchanged(model):
            bundlekit.bundle(model, example=numbers(*shape))

    def test_nor_does_one_that_fails(self) -> None:
        import keras

        class Failing(keras.Model):
            def __init__(self, **kwargs: Any) -> None:
                super().__init__(**kwargs)
                self.fails = False
                self.first = restless().layers[0]

            def call(self, x: Any) -> Any:
                y = self.first(x)
                if self.fails:
                    raise ValueError("no more")
                return y

        model = Failing()
        model(numbers(2, 3))
        model.fails = True
        with unchanged(model), pytest.raises(Unwritable, match="example: .*no more"):
            bundlekit.bundle(model, example=numbers(4, 3))

    def test_restoring_with_the_check_changes_nothing_either(self) -> None:
        model = restless()
        bundled = bundlekit.bundle(model, example=numbers(4, 3))
        given = {"Restless": type(model.layers[0])}
        plain = bundlekit.unbundle(bundled, custom_objects=given)
        asked = bundlekit.unbundle(bundled, custom_objects=given, check="probe")
        differences = compare(list(seen(plain)), list(seen(asked)))
        assert not differences, report(differences)
        assert asked.layers[0].calls == plain.layers[0].calls

    def test_a_variable_of_tensorflow_is_put_back(self) -> None:
        import keras

        tf = pytest.importorskip("tensorflow")

        class Counting(keras.layers.Layer):
            def __init__(self, **kwargs: Any) -> None:
                super().__init__(**kwargs)
                self.own = tf.Variable(0.0, trainable=False)

            def call(self, x: Any) -> Any:
                self.own.assign_add(1.0)
                return x + self.own

        model = keras.Sequential([keras.Input((3,)), Counting()])
        bundlekit.bundle(model, example=numbers(2, 3))
        assert float(model.layers[0].own) == 0

    def test_a_layer_that_waits_for_its_first_call_is_named_and_stays_unbuilt(self) -> None:
        import keras

        class Lazy(keras.Model):
            def __init__(self, **kwargs: Any) -> None:
                super().__init__(**kwargs)
                self.dense = keras.layers.Dense(2, name="waiting")

            def build(self, shape: Any) -> None:
                pass

            def call(self, x: Any) -> Any:
                return self.dense(x)

        model = Lazy()
        model.build((None, 3))
        with pytest.raises(NotBuilt, match="the layer 'waiting' is not built"):
            bundlekit.bundle(model, example=numbers(2, 3))
        assert not model.dense.built
        assert model.weights == []
        assert model(numbers(2, 3)).shape == (2, 2)

    def test_a_model_that_answers_otherwise_each_time_is_refused(self) -> None:
        import keras

        answers = iter(range(10))

        class Moody(keras.layers.Layer):
            def call(self, x: Any) -> Any:
                return x + float(next(answers))

        model = keras.Sequential([keras.Input((3,)), Moody()])
        with pytest.raises(Unwritable, match="answers otherwise when it is asked again.*SeedGener"):
            bundlekit.bundle(model, example=numbers(2, 3))


class TestDamage:
    """What no reader believes, and what does not end in anything but a typed error."""

    @pytest.mark.parametrize(
        "value",
        [
            [],
            {},
            {"inputs": None},
            {"inputs": 1, "outputs": None},
            {"inputs": {"list": {}}, "outputs": None},
            {"inputs": {"dict": [["a"]]}, "outputs": None},
            {"inputs": {"dict": [["a", None], ["a", None]]}, "outputs": None},
            {"inputs": {"strings": ["a"], "shape": [2]}, "outputs": None},
            {"inputs": {"strings": ["a"], "shape": [-1]}, "outputs": None},
            {"inputs": {"strings": ["a"], "shape": [True]}, "outputs": None},
            {"inputs": {"strings": [1], "shape": [1]}, "outputs": None},
            {"inputs": {"strings": [], "shape": [2**62, 0]}, "outputs": None},
            {"inputs": {"array": "0", "dtype": "object"}, "outputs": None},
            {"inputs": {"array": "0", "dtype": "int32"}, "outputs": None},
            {"inputs": {"array": "0", "dtype": "bfloat16"}, "outputs": None},
            {"inputs": {"array": "0", "dtype": []}, "outputs": None},
            {"inputs": {"array": 0, "dtype": "float32"}, "outputs": None},
            {"inputs": {"array": "9", "dtype": "float32"}, "outputs": None},
            {"inputs": {"array": "0", "dtype": "float32"}, "outputs": None},
            {
                "inputs": {"array": "0", "dtype": "float32"},
                "outputs": {"array": "0", "dtype": "float32"},
            },
            {"inputs": {"array": "0", "dtype": "float32", "more": 1}, "outputs": None},
        ],
    )
    def test_a_structure_that_is_none(self, data: bytes, value: Any) -> None:
        changed = with_structure(data, lambda _: value)
        for verb in (bundlekit.verify, bundlekit.unbundle):
            with pytest.raises(Damaged, match=r"probe\.(json|safetensors)"):
                verb(changed)

    def test_a_structure_that_is_too_deep(self, data: bytes) -> None:
        def deep(value: Any) -> Any:
            for _ in range(100):
                value = {"list": [value]}
            return {"inputs": value, "outputs": None}

        with pytest.raises(Damaged, match="of at most 16 levels"):
            bundlekit.verify(with_structure(data, deep))

    @pytest.mark.parametrize("text", [b"", b"[", b'{"inputs":null,"inputs":null}', b"\xff"])
    def test_what_is_no_strict_json(self, data: bytes, text: bytes) -> None:
        with pytest.raises(Damaged, match=r"probe\.json"):
            bundlekit.verify(rewritten(data, "probe.json", text))

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\xff" * 40,
            (2**62).to_bytes(8, "little") + b"{}",
            b"\x02\0\0\0\0\0\0\0{}more",
            b"\x43\0\0\0\0\0\0\0"
            b'{"0":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,4]}}  '
            + bytes(4),
        ],
    )
    def test_what_is_no_safetensors(self, data: bytes, content: bytes) -> None:
        with pytest.raises(Damaged, match=r"probe\.safetensors is not sound"):
            bundlekit.verify(rewritten(data, "probe.safetensors", content))

    @pytest.mark.parametrize("member", ["probe.json", "probe.safetensors"])
    def test_one_member_without_the_other(self, data: bytes, member: str) -> None:
        with pytest.raises(Damaged, match=f"has no {member}"):
            bundlekit.verify(rewritten(data, member, None))


class TestNested:
    @pytest.mark.parametrize(
        "dtype",
        [
            "bool",
            "int8",
            "int64",
            "uint16",
            "uint64",
            "float16",
            "float32",
            "float64",
            "bfloat16",
            "complex64",
            "complex128",
            "float8_e4m3fn",
            "float8_e5m2",
        ],
    )
    def test_every_dtype_comes_back_bit_for_bit(self, dtype: str) -> None:
        import ml_dtypes

        kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
        given = {"a": np.array([[0, 1], [1, 0]], kind), "zero": np.zeros((0, 3), kind)}
        found = there_and_back([given, (np.array(1, kind),), None])
        assert found[0]["a"].dtype == found[1][0].dtype == kind
        assert found[0]["a"].tobytes() == given["a"].tobytes()
        assert found[0]["zero"].shape == (0, 3)
        assert (type(found[1]), found[1][0].shape, found[2]) == (tuple, (), None)

    def test_order_of_bytes_and_of_memory_are_brought_in_line(self) -> None:
        given = np.arange(6, dtype=">i4").reshape(2, 3).T
        found = there_and_back(given)
        assert (found == given).all()
        assert found.dtype == np.dtype("int32")

    def test_lists_of_plain_values_are_arrays_and_of_arrays_are_lists(self) -> None:
        assert there_and_back([[1, 2], [3, 4]]).shape == (2, 2)
        assert isinstance(there_and_back([np.ones(2), np.ones(2)]), list)
        assert list(there_and_back({"b": [1.0], "a": [2.0]})) == ["b", "a"]


def there_and_back(structure: Any) -> Any:
    from safetensors.numpy import load, save

    arrays: dict[str, Any] = {}
    text = json.dumps(nested.encode(nested.plain(structure, "it"), arrays))
    return nested.decode(json.loads(text), load(save(arrays)), set(), "it")


class TestDifference:
    @pytest.mark.parametrize(
        ("one", "other", "expected"),
        [
            ([1.0, -4.0], [1.0, -4.0], 0.0),
            ([1.0, -4.0], [1.5, -4.0], 0.125),
            ([0.0, 0.0], [0.0, 0.5], 0.5),
            ([np.nan, np.inf, 2.0], [np.nan, np.inf, 2.0], 0.0),
            ([np.nan, 1.0], [0.0, 1.0], math.inf),
            ([0.0, 1.0], [np.nan, 1.0], math.inf),
            ([np.inf], [-np.inf], math.inf),
            ([], [], 0.0),
            ([1, 2, 3, 4], [1, 2, 3, 9], 0.25),
            ([True, False], [True, True], 0.5),
            (["a", "b"], ["a", "c"], 0.5),
            ([1.0], [1], math.inf),
            ([1.0], [[1.0]], math.inf),
            ({"a": [1.0]}, {"b": [1.0]}, math.inf),
            ([1j, 2.0], [1j, 1.0], 0.5),
        ],
    )
    def test_of_two_answers(self, trained: Trained, one: Any, other: Any, expected: float) -> None:
        found = difference.compared(
            trained[0], nested.plain(one, "one"), nested.plain(other, "other")
        )
        assert found.difference == expected

    def test_the_output_that_is_nearest_to_its_tolerance_speaks(self, trained: Trained) -> None:
        stored = {"coarse": np.ones(2, "float16"), "fine": np.ones(2, "float32")}
        found = {"coarse": stored["coarse"] * np.float16(1.005), "fine": stored["fine"] * 1.001}
        worst = difference.compared(trained[0], nested.plain(stored, "a"), nested.plain(found, "b"))
        assert (worst.output, worst.tolerance) == ("fine", 1e-4)

    def test_the_coarsest_dtype_that_is_computed_in_sets_the_tolerance(
        self, trained: Trained
    ) -> None:
        import keras

        mixed = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, dtype="mixed_bfloat16")])
        assert difference.tolerance("float32", mixed) == difference.TOLERANCES["bfloat16"]
        assert difference.tolerance("float16", trained[0]) == difference.TOLERANCES["float16"]
        assert difference.tolerance("float64", trained[0]) == difference.TOLERANCES["float32"]
        assert difference.tolerance("int32", mixed) == difference.tolerance("object", mixed) == 0


WRITER = """
import sys
sys.path[:0] = [{root!r}, {here!r}]
import keras
from tests.keras_adapter import models, test_probe
import bundlekit

def monte_carlo():
    class Always(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dropout = keras.layers.Dropout(0.5)
        def call(self, x):
            return self.dropout(x, training=True)
    model = keras.Sequential([keras.Input((3,)), Always()])
    model(test_probe.numbers(2, 3))
    return model

stateful = test_probe.stateful()
stateful.layers[0].reset_state()
gate = dict(x=test_probe.numbers(3, 2), gate=test_probe.numbers(3, 2))
made = [(make.__name__, *make()[:2]) for make in models.MODELS]
made += [
    ("stateful", stateful, test_probe.numbers(2, 5, 3)),
    ("restless", test_probe.restless(), test_probe.numbers(5, 3)),
    ("gated", test_probe.gated(), gate),
    ("monte_carlo", monte_carlo(), test_probe.numbers(7, 3)),
]
for name, model, inputs in made:
    bundlekit.dump(model, name + ".bundle", example=inputs)
"""
READER = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
import bundlekit

trust = bundlekit.Trust(imports=["acme_models"], code=True)
for path in Path().glob("*.bundle"):
    found = bundlekit.verify(path, probe=True, trust=trust).probe
    print(path.stem, found.outputs, found.difference)
"""


def test_in_a_fresh_process_every_model_answers_as_it_did(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    places = {"root": str(root), "here": str(Path(__file__).parent)}
    for code in (WRITER, READER):
        done = subprocess.run(
            [sys.executable, "-c", code.format(**places)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr[-4000:]
    answers = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert len(answers) == len(list(tmp_path.iterdir())) >= 25
    assert {one.split()[1] for one in answers.values()} == {"0.0"}, answers
    assert answers["dict_in_dict_out"].split()[0] == "2"


def test_the_command_repeats_the_prediction_in_a_fresh_process(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "good.bundle").write_bytes(data)
    bad = with_arrays(data, lambda name, array: array * 2 if name == "1" else array)
    (tmp_path / "bad.bundle").write_bytes(bad)
    done = command("verify", "--probe", tmp_path / "good.bundle")
    assert done.returncode == 0, done.stderr
    assert "probe   largest difference 0, in 'output' of 1 outputs; tolerance 0.0001" in done.stdout
    done = command("verify", "--probe", tmp_path / "bad.bundle")
    assert done.returncode == 1
    assert "the largest difference is 0.5, in 'output'" in done.stderr.splitlines()[-1]
    done = command("verify", "--trust", "acme", tmp_path / "good.bundle")
    assert (done.returncode, "give --probe too" in done.stderr) == (2, True)


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bundlekit", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def difference_of(bundled: bundlekit.Bundle, **custom_objects: object) -> float:
    found = bundlekit.verify(bundled, probe=True, custom_objects=custom_objects).probe
    assert found is not None
    return found.difference


def with_structure(data: bytes, change: Callable[[Any], Any]) -> bytes:
    value = json.loads(bundlekit.Bundle(data).read("probe.json"))
    return rewritten(data, "probe.json", json.dumps(change(value)).encode())


def with_arrays(data: bytes, change: Callable[[str, Any], Any]) -> bytes:
    from safetensors.numpy import load, save

    arrays = load(bundlekit.Bundle(data).read("probe.safetensors"))
    changed = {
        name: np.ascontiguousarray(change(name, array).astype(array.dtype))
        for name, array in arrays.items()
    }
    return rewritten(data, "probe.safetensors", save(changed))


def seen(model: Any) -> Iterator[Any]:
    yield from KerasObserver().state(model)
    for index, variable in enumerate(model.metrics_variables):
        yield Observation(f"metric/{index}", variable.numpy())


@contextmanager
def unchanged(model: Any) -> Iterator[None]:
    """Make sure that a model and its process are the same afterwards."""
    before, attributes = list(surrounded(model)), ids_of_attributes(model)
    yield
    differences = compare(before, list(surrounded(model)))
    assert not differences, report(differences)
    assert ids_of_attributes(model) == attributes


def surrounded(model: Any) -> Iterator[Any]:
    yield from seen(model)
    yield from KerasObserver().surroundings()


def ids_of_attributes(model: Any) -> dict[str, int]:
    return {
        f"{layer.path}/{name}": id(value)
        for layer in internals.all_layers(model)
        for name, value in vars(layer).items()
    }
