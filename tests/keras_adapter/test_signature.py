from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bundlekit_keras.signature import signature_of

import bundlekit
from tests.keras_adapter.test_probe import gated, numbers, unchanged

if TYPE_CHECKING:
    from bundlekit.manifest import Signature, TensorSpec


def told(specs: tuple[TensorSpec, ...]) -> dict[str, Any]:
    return {spec.name: (spec.dtype, *spec.shape) for spec in specs}


def of(model: Any, **options: Any) -> Signature:
    found = bundlekit.bundle(model, **options).manifest.signature
    assert found is not None
    return found


def subclassed(call: Any, *inputs: Any, **attributes: Any) -> Any:
    """Give a model that computes what a function of it and its inputs says, and was called."""
    import keras

    class Own(keras.Model):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            for name, value in {"dense": keras.layers.Dense(3), **attributes}.items():
                setattr(self, name, value)

    Own.call = call
    model = Own()
    model(*inputs)
    return model


def on_one(self: Any, x: Any) -> Any:
    return self.dense(x)


def on_a_dict(self: Any, inputs: Any, training: Any = None) -> Any:
    both = self.dense(inputs["b"]) + inputs["a"]
    return {"sum": both, "parts": [both, {"first": both[:, :1]}]}


class TestSubclassed:
    def test_one_input_is_called_as_the_argument(self) -> None:
        found = of(subclassed(on_one, numbers(5, 2)))
        assert told(found.inputs) == {"x": ("float32", None, 2)}
        assert told(found.outputs) == {"output": ("float32", None, 3)}

    def test_dicts_and_lists_are_flattened(self) -> None:
        found = of(subclassed(on_a_dict, {"b": numbers(5, 2), "a": numbers(5, 3)}))
        assert told(found.inputs) == {"a": ("float32", None, 3), "b": ("float32", None, 2)}
        assert told(found.outputs) == {
            "parts/0": ("float32", None, 3),
            "parts/1/first": ("float32", None, 1),
            "sum": ("float32", None, 3),
        }

    def test_a_list_is_numbered(self) -> None:
        def call(self: Any, pair: Any) -> Any:
            return self.dense(pair[0]), pair[1]

        found = of(subclassed(call, [numbers(5, 2), numbers(5, 4)]))
        assert told(found.inputs) == {
            "pair/0": ("float32", None, 2),
            "pair/1": ("float32", None, 4),
        }
        assert list(told(found.outputs)) == ["output/0", "output/1"]

    def test_several_arguments_are_called_as_they_are(self) -> None:
        found = of(gated())
        assert told(found.inputs) == {"gate": ("float32", None, 2), "x": ("float32", None, 2)}
        assert told(found.outputs) == {"output": ("float32", None, 2)}

    def test_what_takes_no_floats_is_traced_on_integers(self) -> None:
        import keras

        def call(self: Any, ids: Any) -> Any:
            return self.dense(keras.ops.cast(keras.ops.bitwise_and(ids, 1), "float32"))

        ids = keras.ops.convert_to_tensor(np.ones((5, 2), "int32"))
        assert told(of(subclassed(call, ids)).inputs) == {"ids": ("int32", None, 2)}

    def test_or_on_strings(self) -> None:
        tf = pytest.importorskip("tensorflow")

        def call(self: Any, text: Any) -> Any:
            return self.dense(tf.cast(tf.strings.length(text), "float32"))

        found = of(subclassed(call, tf.constant([["a", "b"]] * 5)))
        assert told(found.inputs) == {"text": ("string", None, 2)}

    def test_what_goes_into_embeddings_and_lookups_is_of_their_kind(self) -> None:
        import keras

        def call(self: Any, inputs: Any) -> Any:
            words = keras.ops.cast(self.look(inputs["word"]), "float32")
            title = keras.ops.mean(self.inner(inputs["title"]), axis=1)
            return self.dense(words) + inputs["size"] + title

        inner = keras.Sequential([keras.layers.Embedding(9, 3), keras.layers.Dense(3)])
        look = keras.layers.StringLookup(vocabulary=["a"], output_mode="multi_hot")
        example = {
            "word": keras.ops.convert_to_tensor([["a"]] * 5),
            "title": np.ones((5, 4), "int32"),
            "size": numbers(5, 3),
        }
        tensors = {key: keras.ops.convert_to_tensor(value) for key, value in example.items()}
        model = subclassed(call, tensors, look=look, inner=inner)
        assert told(of(model).inputs) == {
            "size": ("float32", None, 3),
            "title": ("int32", None, 4),
            "word": ("string", None, 1),
        }

    def test_also_among_several_arguments(self) -> None:
        import keras

        class Weighted(keras.Model):
            def __init__(self, **kwargs: Any) -> None:
                super().__init__(**kwargs)
                self.embed = keras.layers.Embedding(9, 3)

            def build(self, bias_shape: Any, words_shape: Any) -> None:
                self.embed.build(words_shape)

            def call(self, bias: Any, words: Any, training: Any = None) -> Any:
                return keras.ops.mean(self.embed(words), axis=1) + bias

        model = Weighted()
        model(numbers(5, 3), np.ones((5, 4), "int32"))
        expected = {"bias": ("float32", None, 3), "words": ("int32", None, 4)}
        assert told(of(model).inputs) == expected

    def test_a_model_that_needs_to_know_its_batch_is_given_it(self) -> None:
        import keras

        def call(self: Any, x: Any) -> Any:
            rows = [self.dense(x[index : index + 1]) for index in range(x.shape[0])]
            return keras.ops.concatenate(rows)

        found = of(subclassed(call, numbers(5, 2)))
        assert told(found.outputs) == {"output": ("float32", None, 3)}

    def test_one_that_was_built_by_hand(self) -> None:
        import keras

        class Own(keras.Model):
            def __init__(self, **kwargs: Any) -> None:
                super().__init__(**kwargs)
                self.dense = keras.layers.Dense(3)

            def build(self, shape: Any) -> None:
                self.dense.build(shape)

            def call(self, x: Any) -> Any:
                return self.dense(x)

        model = Own()
        model.build((None, None, 2))
        found = of(model)
        assert told(found.inputs) == {"x": ("float32", None, None, 2)}
        assert told(found.outputs) == {"output": ("float32", None, None, 3)}

    def test_mixed_precision(self) -> None:
        import keras

        dense = keras.layers.Dense(3, dtype="mixed_float16")
        found = of(subclassed(on_one, numbers(5, 2), dense=dense))
        assert told(found.inputs) == {"x": ("float32", None, 2)}
        assert told(found.outputs) == {"output": ("float16", None, 3)}

    def test_what_comes_back_has_the_same(self) -> None:
        for model in (gated(), subclassed(on_one, numbers(5, 2))):
            bundled = bundlekit.bundle(model)
            given = {type(model).__name__: type(model)}
            assert of(bundlekit.unbundle(bundled, custom_objects=given)) == of(model)


class TestWhatCannotBeKnown:
    @pytest.mark.parametrize("way", ["call", "build config", "no shapes"])
    def test_is_left_out(self, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
        model = subclassed(on_one, numbers(5, 2))

        def fails(*arguments: Any) -> Any:
            raise RuntimeError("not today")

        if way == "call":
            monkeypatch.setattr(model, "call", fails)
        else:
            told = fails if way == "build config" else lambda: {"input_shape": "odd"}
            monkeypatch.setattr(model, "get_build_config", told)
        assert signature_of(model) is None

    def test_is_that_of_other_arguments_than_the_first(self) -> None:
        """Keras remembers no more where the model has no `build` of its own."""

        def call(self: Any, x: Any, gate: Any) -> Any:
            return self.dense(x) * gate

        model = subclassed(call, numbers(5, 2), numbers(5, 3))
        assert signature_of(model) is None
        found = of(model, example={"x": numbers(5, 2), "gate": numbers(5, 3)})
        assert told(found.inputs) == {"gate": ("float32", None, 3), "x": ("float32", None, 2)}

    def test_a_layer_that_waits_for_its_first_call_is_not_built_for_it(self) -> None:
        import keras

        class Lazy(keras.Model):
            def __init__(self, **kwargs: Any) -> None:
                super().__init__(**kwargs)
                self.dense = keras.layers.Dense(2)

            def build(self, shape: Any) -> None:
                pass

            def call(self, x: Any) -> Any:
                return self.dense(x)

        model = Lazy()
        model.build((None, 3))
        assert signature_of(model) is None
        assert not model.dense.built


class TestExample:
    def test_tells_what_a_trace_cannot(self) -> None:
        import keras

        def call(self: Any, inputs: Any) -> Any:
            if self.careful and float(keras.ops.max(inputs["size"])) > 1e9:
                raise ValueError("too large")
            return {"out": self.dense(inputs["size"]), "word": inputs["word"]}

        example = {"word": np.array([["a"], ["b"]]), "size": numbers(2, 3).astype("float64")}
        tensors = {key: keras.ops.convert_to_tensor(value) for key, value in example.items()}
        model = subclassed(call, tensors, careful=False)
        model.careful = True
        assert signature_of(model) is None
        found = of(model, example=example)
        assert told(found.inputs) == {"size": ("float32", None, 3), "word": ("string", None, 1)}
        assert told(found.outputs) == {"out": ("float32", None, 3), "word": ("string", None, 1)}

    def test_leaves_the_names_of_a_functional_model(self, trained: tuple[Any, Any]) -> None:
        assert of(trained[0], example=trained[1]) == of(trained[0])


def restless(self: Any, x: Any) -> Any:
    import random

    import keras

    self.calls += 1
    self.counter.assign_add(1.0)
    self.metric.update_state(x)
    keras.layers.Dense(2)
    return self.dense(x) * (random.random() + np.random.rand()) + keras.random.normal(x.shape)


def test_asking_leaves_the_model_and_the_process_as_they_were() -> None:
    import keras

    counter = keras.Variable(0.0, name="counter")
    metric = keras.metrics.Mean()
    model = subclassed(restless, numbers(5, 3), calls=0, counter=counter, metric=metric)
    with unchanged(model):
        assert signature_of(model) is not None
