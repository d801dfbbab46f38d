"""What is compared of a config: everything but what depends on the process."""

from __future__ import annotations

from typing import Any

import pytest
from bundlekit_keras import internals, observe


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"value": "a"}, {"value": "b"}),
        ({"value": ["a", None]}, {"value": ["b", None]}),
        ({"code": "a", "defaults": None, "closure": None}, {"value": "b"}),
        ({"class_name": "__bytes__", "config": {"value": "a"}}, {"class_name": "__bytes__"}),
    ],
)
def test_plain_values_are_compared(one: Any, other: Any) -> None:
    assert observe.text_of(one) == observe.text_of(one)
    assert observe.text_of(one) != observe.text_of(other)


def test_bytecode_is_not() -> None:
    import keras

    with internals.tolerating_lambdas():
        one, other = (
            keras.activations.serialize(eval("lambda x: x * 2.0", {"file": number}))
            for number in range(2)
        )
        layers = [keras.layers.Dense(1, activation=eval("lambda x: x + 1")) for _ in range(2)]
        configs = [{**layer.get_config(), "name": "same"} for layer in layers]
    assert "bytecode" in observe.text_of(one)
    assert observe.text_of(one) == observe.text_of(other)
    assert observe.text_of(configs[0]) == observe.text_of(configs[1])
    assert "bytecode" in observe.text_of(configs[0])
