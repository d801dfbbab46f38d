from __future__ import annotations

from typing import Any

from bundlekit_keras import nodes
from hypothesis import given
from hypothesis import strategies as st


def node(name: str, module: str | None = "keras.layers", **more: Any) -> dict[str, Any]:
    return {"class_name": name, "module": module, "config": {}, "registered_name": None, **more}


def test_nodes_are_walked_outermost_first_with_their_places() -> None:
    config = node("A", config={"layers": [node("B"), {"deep": node("C")}], "x": (node("D"),)})
    assert [(str(where), found["class_name"]) for where, found in nodes.walk(config)] == [
        ("the model", "A"),
        ("config.layers[0]", "B"),
        ("config.layers[1].deep", "C"),
        ("config.x[0]", "D"),
    ]


def test_places_tell_keys_from_paths() -> None:
    config = {"a.b": [node("A")], "a": {"b": [node("B")]}, "[0]": {"": node("C")}}
    places = [str(where) for where, _ in nodes.walk(config)]
    assert places == ['["a.b"][0]', "a.b[0]", '["[0]"][""]']


def test_texts_and_containers_are_walked_with_their_places() -> None:
    config: dict[str, Any] = {"a": ["x", {"b": "y"}], "c": 1}
    assert [(str(where), text) for where, text in nodes.texts(config)] == [
        ("a[0]", "x"),
        ("a[1].b", "y"),
    ]
    assert [(str(where), value) for where, value in nodes.containers(config)] == [
        ("the model", config),
        ("a", config["a"]),
        ("a[1]", config["a"][1]),
    ]


def test_the_registered_name_is_what_keras_looks_up() -> None:
    assert nodes.registered_name(node("A")) == "A"
    assert nodes.registered_name(node("A", registered_name="acme>B")) == "acme>B"
    function = node("function", "builtins", config="acme>f", registered_name="function")
    assert nodes.registered_name(function) == "acme>f"


@given(st.lists(st.integers(0, 2**63) | st.integers(0, 3), max_size=12))
def test_shared_objects_are_numbered_by_their_order(addresses: list[int]) -> None:
    config = [node("A", shared_object_id=address) for address in addresses]
    nodes.renumber_shared(config)
    numbers = [found.get("shared_object_id") for found in config]
    shared = [one for one in dict.fromkeys(addresses) if addresses.count(one) > 1]
    assert numbers == [
        shared.index(address) + 1 if address in shared else None for address in addresses
    ]
