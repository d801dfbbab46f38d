"""The object that predicts: inputs in any form, outputs in the model's own."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import bundlekit
from bundlekit import InferenceOnly, InvalidInputs, UnknownSignature


@pytest.fixture(scope="module")
def restored(exported: tuple[Any, Any, bytes]) -> Any:
    return bundlekit.unbundle(exported[2])


def test_inputs_by_list_by_name_in_order_and_one_by_one(
    exported: tuple[Any, Any, bytes], restored: Any
) -> None:
    import numpy as np

    model, (right, left), _ = exported
    expected = model.predict([right, left], verbose=0)
    named = {"left": left, "right": right}
    for found in (
        restored.predict([right, left]),
        restored.predict((right, left)),
        restored.predict(right, left),
        restored.predict(named),
        restored.predict(**named),
        restored([right, left]),
        restored(left=left, right=right),
    ):
        assert isinstance(found, list)
        for one, other in zip(found, expected, strict=True):
            assert np.allclose(one, other, atol=1e-6)


def test_predict_gives_numpy_and_a_call_tensors(
    exported: tuple[Any, Any, bytes], restored: Any
) -> None:
    import numpy as np
    import tensorflow as tf

    _, inputs, _ = exported
    assert all(type(one) is np.ndarray for one in restored.predict(inputs))
    assert all(tf.is_tensor(one) for one in restored(inputs))


@pytest.mark.parametrize("size", [1, 7, 32, 70, 1000, None])
def test_any_batch_size_gives_the_same(
    size: int | None, exported: tuple[Any, Any, bytes], restored: Any
) -> None:
    import numpy as np

    _, inputs, _ = exported
    whole = restored(inputs)
    for one, other in zip(restored.predict(inputs, batch_size=size), whole, strict=True):
        assert one.shape == other.shape
        assert np.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("size", [0, -1, 2.5, True, "all"])
def test_no_other_batch_size(size: Any, exported: tuple[Any, Any, bytes], restored: Any) -> None:
    with pytest.raises(InvalidInputs, match="expected a positive number"):
        restored.predict(exported[1], batch_size=size)


def test_plain_lists_and_other_numbers_are_cast(restored: Any) -> None:
    found = restored.predict([[1, 2]], [[1, 2, 3]])
    assert [one.dtype.name for one in found] == ["float32", "float32"]


def test_what_is_missing_is_named(exported: tuple[Any, Any, bytes], restored: Any) -> None:
    right, left = exported[1]
    with pytest.raises(InvalidInputs, match="misses the input 'left'; it takes 'right'") as caught:
        restored.predict({"right": right})
    assert caught.value.missing == ("left",)  # type: ignore[attr-defined]
    with pytest.raises(InvalidInputs, match="misses the input 'left'"):
        restored.predict(right)
    with pytest.raises(InvalidInputs, match="has no input 'top'"):
        restored.predict({"right": right, "left": left, "top": left})
    with pytest.raises(InvalidInputs, match="given 3 inputs; it takes 2"):
        restored.predict(right, left, left)
    with pytest.raises(InvalidInputs, match="both in order and by name"):
        restored.predict(right, left=left)


def test_wrong_shapes_and_texts_are_named(exported: tuple[Any, Any, bytes], restored: Any) -> None:
    right, left = exported[1]
    with pytest.raises(InvalidInputs, match=r"'right'.*has the shape \(70, 3\)"):
        restored.predict(left, left)
    with pytest.raises(InvalidInputs, match="'left'.*is no tensor of float32"):
        restored.predict(right, [["a", "b", "c"]])
    with pytest.raises(InvalidInputs, match="'right' has 70, 'left' has 3"):
        restored.predict(right, left[:3])


def test_signatures_by_name_and_what_they_take(
    exported: tuple[Any, Any, bytes], restored: Any
) -> None:
    found = restored.predict(exported[1], signature="serving_default")
    assert set(found) == {"output_0", "output_1"}
    signature = restored.signatures["serving_default"]
    assert {spec.name for spec in signature.inputs} == {"left", "right"}
    assert [(s.name, s.dtype, s.shape) for s in restored.inputs] == [
        ("right", "float32", (None, 2)),
        ("left", "float32", (None, 3)),
    ]
    assert [spec.shape for spec in restored.outputs] == [(None, 2), (None, 1)]
    assert "'right': float32[?, 2]" in repr(signature)
    with pytest.raises(UnknownSignature, match="known are 'serv") as caught:
        restored.predict(exported[1], signature="other")
    assert set(caught.value.known) == {"serve", "serving_default"}  # type: ignore[attr-defined]


def test_a_module_of_several_functions_does_not_guess() -> None:
    import tensorflow as tf

    made = tf.Module()
    spec = [tf.TensorSpec([None])]
    made.double = tf.function(lambda x: x * 2, input_signature=spec)
    made.half = tf.function(lambda x: x / 2, input_signature=spec)
    model = bundlekit.unbundle(bundlekit.bundle(made))
    assert model.signatures["double"].predict([1.0, 2.0]).tolist() == [2.0, 4.0]
    with pytest.raises(UnknownSignature, match="'double', 'half'"):
        model.predict([1.0])
    assert "double, half" in repr(model)


@pytest.mark.parametrize(
    "method",
    [
        "fit",
        "train_on_batch",
        "evaluate",
        "test_on_batch",
        "compile",
        "save",
        "save_weights",
        "load_weights",
        "export",
        "get_config",
    ],
)
def test_what_it_cannot_do_says_what_to_use(method: str, restored: Any) -> None:
    with pytest.raises(InferenceOnly, match=rf"{method}\(\) is not there.*adapter 'keras'"):
        getattr(restored, method)()
    with pytest.raises(NotImplementedError, match="is not there"):
        getattr(restored, method)()


def test_it_does_not_pickle(restored: Any) -> None:
    with pytest.raises(InferenceOnly, match="keep the bundle"):
        pickle.dumps(restored)


def test_texts_of_any_kind_are_taken() -> None:
    import numpy as np
    import tensorflow as tf

    made = tf.Module()
    made.run = tf.function(tf.strings.upper, input_signature=[tf.TensorSpec([None], tf.string)])
    model = bundlekit.unbundle(bundlekit.bundle(made))
    for given in (["a", "b"], np.array(["a", "b"]), np.array([b"a", b"b"], dtype=object)):
        assert model.predict(given)["output_0"].tolist() == [b"A", b"B"]
