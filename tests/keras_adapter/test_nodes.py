from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import pytest
from bundlekit_keras import nodes
from hypothesis import given
from hypothesis import strategies as st

from bundlekit.errors import Damaged, Refused


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


def test_only_what_is_not_keras_is_needed_with_every_place() -> None:
    own = node("Own", "acme", registered_name="acme>Own")
    tensor = node("__keras_tensor__", None)
    config = node("M", config={"a": own, "b": copy.deepcopy(own), "c": tensor})
    (need,) = nodes.needs(config)
    assert (need.name, need.short_name, need.module) == ("acme>Own", "Own", "acme")
    assert need.where == ("config.a", "config.b")


def test_one_name_from_two_modules_is_two_needs() -> None:
    config = [node("Own", module, registered_name="acme>Own") for module in ("one", "two")]
    assert [need.module for need in nodes.needs(config)] == ["one", "two"]


@pytest.mark.parametrize("module", ["keras", "keras.layers", "keras.src.models.functional"])
def test_built_in_modules_are_not_needed(module: str) -> None:
    assert nodes.needs(node("Dense", module)) == ()


@pytest.mark.parametrize("module", ["keras_hub.layers", "kerasx", None, "builtins", "__main__"])
def test_other_modules_are_needed(module: str | None) -> None:
    assert len(nodes.needs(node("Dense", module))) == 1


def test_functions_are_needed_by_their_registered_name() -> None:
    config = node("function", "builtins", config="acme>soft", registered_name="function")
    assert [(need.name, need.module) for need in nodes.needs(config)] == [("acme>soft", None)]


@pytest.mark.parametrize("odd", [{"class_name": 3}, {"module": ["keras"]}])
def test_a_node_that_keras_does_not_write_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(Damaged, match="no plain class_name and module"):
        nodes.needs({**node("A"), **odd})


def test_a_lambda_is_refused_at_any_depth() -> None:
    config = node("A", config=[[{"x": node("__lambda__", None)}]])
    with pytest.raises(Refused, match=r"lambda at config\[0\]\[0\]\.x"):
        nodes.needs(config)


@given(st.lists(st.integers(0, 2**63), max_size=12))
def test_shared_objects_are_numbered_by_their_order(addresses: list[int]) -> None:
    config = [node("A", shared_object_id=address) for address in addresses]
    nodes.renumber_shared(config)
    numbers = [found["shared_object_id"] for found in config]
    first_seen = list(dict.fromkeys(addresses))
    assert numbers == [first_seen.index(address) + 1 for address in addresses]


def test_a_config_made_to_fill_memory_does_not() -> None:
    import tracemalloc

    config = {"class_name": "A", "module": "keras", "config": {"k" * 100_000: [0] * 10_000}}
    tracemalloc.start()
    assert nodes.needs(config) == ()
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_reading_a_config_imports_no_framework() -> None:
    code = (
        "from bundlekit_keras import nodes; import sys\n"
        "nodes.needs({'class_name': 'A', 'config': {}})\n"
        "assert not {'keras', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
