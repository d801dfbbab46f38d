"""The walk over a config: names, a user's own, odd forms, garbage, depth."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bundlekit_keras import audit
from bundlekit_keras.legacy import layer_name, modern, modern_compile_config
from hypothesis import given, settings
from hypothesis import strategies as st

from bundlekit.errors import BundleError, Damaged, Refused

WRITTEN = json.loads((Path(__file__).parent / "written" / "tensorflow-2.12.json").read_text())


def dense(**config: Any) -> dict[str, Any]:
    return {"class_name": "Dense", "config": {"name": "d", "trainable": True, **config}}


def sequential(*layers: Any) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": "s", "layers": list(layers)}}


def test_names_without_a_module_mean_what_belongs_into_their_slot() -> None:
    config = dense(
        kernel_initializer={"class_name": "Identity", "config": {}},
        kernel_constraint={"class_name": "MaxNorm", "config": {}},
        bias_regularizer={"class_name": "L2", "config": {"l2": 0.1}},
        dtype={"class_name": "Policy", "config": {"name": "mixed_float16"}},
    )
    found = modern(config, written_by="2.4.0")
    slots = ("kernel_initializer", "kernel_constraint", "bias_regularizer", "dtype")
    assert found["module"] == "keras.layers"
    assert [found["config"][slot]["module"] for slot in slots] == [
        "keras.initializers",
        "keras.constraints",
        "keras.regularizers",
        "keras",
    ]
    assert found["config"]["dtype"]["class_name"] == "DTypePolicy"


@pytest.mark.parametrize(
    "module",
    [
        "keras.layers.core.dense",
        "keras.src.layers.core.dense",
        "tf_keras.src.layers.core.dense",
        "tensorflow.python.keras.layers.core",
    ],
)
def test_modules_inside_of_keras_become_public_ones(module: str) -> None:
    found = modern({**dense(), "module": module, "registered_name": "Dense"}, written_by="2.13.1")
    assert (found["module"], found["registered_name"]) == ("keras.layers", None)


def test_a_users_class_keeps_its_names() -> None:
    own = {"class_name": "acme>Scale", "config": {"name": "x", "activation": "mine"}}
    found = modern(sequential(own), written_by="2.12.0")
    (need,) = audit.needs(found)
    assert (need.name, need.class_name, need.module) == ("acme>Scale", "Scale", None)
    assert found["config"]["layers"][0]["config"]["activation"] == "mine"


def test_a_users_function_is_needed_where_keras_2_wrote_its_name_alone() -> None:
    found = modern(sequential(dense(activation="acme>bend")), written_by="2.12.0")
    (need,) = audit.needs(found)
    assert (need.name, need.kind) == ("acme>bend", "function")
    assert need.where == ("config.layers[0].config.activation",)


def test_a_function_in_a_users_config_is_told_by_its_registered_name() -> None:
    config = {"activation": "acme>bend", "inner_activation": "relu", "label": "left>right"}
    found = modern({"class_name": "acme>Scale", "config": config}, written_by="2.12.0")
    assert {need.name for need in audit.needs(found)} == {"acme>Scale", "acme>bend"}
    assert found["config"]["inner_activation"] == "relu"
    assert found["config"]["label"] == "left>right"
    assert modern(found, written_by="3.15.0") == found


def test_numbers_that_2_12_wrote_as_arrays_are_numbers() -> None:
    number = {"class_name": "__numpy__", "config": {"value": 6.0, "dtype": "float32"}}
    several = {"class_name": "__numpy__", "config": {"value": [1.0], "dtype": "float32"}}
    node = {"class_name": "ReLU", "config": {"max_value": number, "name": several}}
    found = modern(node, written_by="2.12.0")["config"]
    assert found["max_value"] == 6.0
    assert found["name"] == several, "which is none"


def test_a_users_loss_and_metric_are_needed() -> None:
    given = {"loss": "acme>far", "metrics": ["acme>near"], "optimizer_config": None}
    found = modern_compile_config(given, written_by="2.12.0")
    assert {need.name for need in audit.needs(found)} == {"acme>far", "acme>near"}


def test_a_lambda_that_names_a_function_needs_it_from_its_module() -> None:
    config: dict[str, Any]
    config = {"function": "bend", "function_type": "function", "module": "acme.maths"}
    config |= {"output_shape": None, "output_shape_type": "raw", "output_shape_module": None}
    found = modern({"class_name": "Lambda", "config": {"name": "l", **config}}, written_by="2.9.0")
    (need,) = audit.needs(found)
    assert (need.name, need.module) == ("bend", "acme.maths")
    assert found["config"].keys() == {"name", "function", "output_shape"}


def test_bytecode_of_a_lambda_is_left_for_the_audit_to_refuse() -> None:
    code = ["4wEAAAAAAAAAAAAAAAEAAAABAAAAUwAAAA==", None, None]
    config = {"name": "l", "function": code, "function_type": "lambda", "module": "__main__"}
    found = modern({"class_name": "Lambda", "config": config}, written_by="2.9.0")
    with pytest.raises(Refused, match="code in a config is not run"):
        audit.needs(found)


def test_the_first_layer_of_a_sequential_model_brings_its_input() -> None:
    found = modern(sequential(dense(batch_input_shape=[None, 4])), written_by="2.1.0")
    first, second = found["config"]["layers"]
    assert first["config"]["batch_shape"] == [None, 4]
    assert first["config"]["name"] == "d_input"
    assert "batch_input_shape" not in second["config"]


def test_the_oldest_sequential_models_are_a_list() -> None:
    config = {"class_name": "Sequential", "config": [dense(batch_input_shape=[None, 4])]}
    assert len(modern(config, written_by=None)["config"]["layers"]) == 2


def test_layers_of_keras_3_and_operations_of_the_same_name_are_told_apart() -> None:
    layer = {"class_name": "Add", "config": {"name": "a", "trainable": True}, "name": "a"}
    operation = {"class_name": "Add", "config": {"name": "b"}, "name": "b"}
    found = modern(sequential(layer, operation), written_by="3.4.0")["config"]["layers"]
    assert [one["module"] for one in found] == ["keras.layers", "keras.src.ops.numpy"]


def test_a_class_that_has_another_name_in_public_is_found_by_that() -> None:
    layer = {"class_name": "GroupedQueryAttention", "config": {"name": "a", "trainable": True}}
    assert modern(layer, written_by="3.6.0")["class_name"] == "GroupQueryAttention"


def test_a_list_of_one_output_is_kept_where_its_writer_meant_it() -> None:
    config = {"name": "f", "layers": [], "input_layers": [["i", 0, 0]], "output_layers": []}
    node = {"class_name": "Functional", "config": config, "module": "keras.src.models.functional"}
    assert modern(node, written_by="3.12.0")["config"]["input_layers"] == [["i", 0, 0]]
    assert modern(node, written_by="3.9.0")["config"]["input_layers"] == ["i", 0, 0]


def test_a_slash_in_the_name_of_a_layer_becomes_one_that_keras_takes() -> None:
    found = modern(sequential(dense(name="Conv/d")), written_by="2.12.0")
    assert found["config"]["layers"][0]["config"]["name"] == layer_name("Conv/d") == "Conv_d"


def test_the_version_is_taken_from_the_config_or_from_its_form() -> None:
    hard = dense(activation="hard_sigmoid")
    assert modern(hard, written_by="3.1.0")["config"]["activation"] == "hard_sigmoid"
    assert modern(hard, written_by=None)["config"]["activation"] == "hard_sigmoid"
    for said in ({"keras_version": "2.3.1", "backend": "tensorflow"}, {}):
        old = {**hard, **said}
        old["config"] = {**hard["config"], "batch_input_shape": [None, 4]}
        found = modern(old, written_by=None)
        assert found["config"]["activation"]["class_name"] == "Pipeline"
        assert found.keys() == {"class_name", "config", "module", "registered_name"}


def test_hard_sigmoid_of_keras_2_is_its_own_also_when_the_model_is_saved_again(
    tmp_path: Path,
) -> None:
    import keras
    import numpy as np

    config = modern(
        sequential(dense(units=3, activation="hard_sigmoid", batch_input_shape=[None, 4])),
        written_by="2.3.1",
    )
    model = keras.saving.deserialize_keras_object(config)
    model.save(tmp_path / "again.keras")
    again = keras.saving.load_model(tmp_path / "again.keras")
    x = np.linspace(-9, 9, 8, dtype="float32").reshape(2, 4)
    kernel, bias = model.get_weights()
    expected = np.clip(0.2 * (x @ kernel + bias) + 0.5, 0, 1)
    np.testing.assert_allclose(again(x), expected, rtol=1e-5, atol=1e-6)


def test_shared_objects_of_two_nested_models_stay_apart() -> None:
    layer = {**dense(), "name": "d", "shared_object_id": 3, "inbound_nodes": []}
    config = {"name": "f", "layers": [layer, layer], "input_layers": [], "output_layers": []}
    inner = {"class_name": "Functional", "config": config}
    found = modern(sequential(inner, inner), written_by="2.12.0")
    first, second = (model["config"]["layers"] for model in found["config"]["layers"])
    assert first[0]["shared_object_id"] == first[1]["shared_object_id"]
    assert first[0]["shared_object_id"] != second[0]["shared_object_id"]
    assert modern(found, written_by="2.12.0") == found


def test_deep_nesting_is_no_matter() -> None:
    config = dense(batch_input_shape=[None, 4])
    for _ in range(400):
        config = sequential(config)
    deep = modern(config, written_by="2.12.0")
    for _ in range(400):
        deep = deep["config"]["layers"][-1]
    assert deep["module"] == "keras.layers"


@pytest.mark.parametrize("config", [None, [], {}, {"class_name": "Dense"}, "Dense", 3])
def test_what_is_no_config_is_damaged(config: Any) -> None:
    with pytest.raises(Damaged, match="expected class_name and config"):
        modern(config, written_by="2.12.0")
    if not isinstance(config, dict):
        with pytest.raises(Damaged, match="expected an object"):
            modern_compile_config(config, written_by="2.12.0")


def test_a_connection_to_a_layer_that_is_not_there_is_damaged() -> None:
    layers = [{**dense(), "name": "d", "inbound_nodes": [[["nobody", 0, 0, {}]]]}]
    config = {"layers": layers, "input_layers": [], "output_layers": [["d", 0, 0]]}
    with pytest.raises(Damaged, match="the connection at .*'nobody'"):
        modern({"class_name": "Functional", "config": config}, written_by="2.12.0")


def test_nothing_is_imported() -> None:
    code = (
        "import sys; from bundlekit_keras.legacy import modern; "
        "modern({'class_name': 'X', 'module': 'antigravity', 'config': {}}, written_by='2.0.0'); "
        "assert not {'keras', 'tensorflow', 'tf_keras', 'antigravity'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


KEY_TEXT = (
    "class_name config module registered_name layers name inbound_nodes input_layers output_layers "
    "batch_input_shape dtype activation kernel_initializer axis decay learning_rate function loss "
    "metrics optimizer optimizer_config compile_config reduction fn function_type bins"
)
WORD_TEXT = (
    "Functional Sequential Dense LSTM BatchNormalization Lambda TFOpLambda SlicingOpLambda SGD "
    "InputLayer Custom>Adam Hinge MeanMetricWrapper keras.layers keras math.add reshape a d "
    "auto function acme>X _CONSTANT_VALUE Discretization Policy"
)
KEYS = st.sampled_from(KEY_TEXT.split())
WORDS = st.sampled_from(WORD_TEXT.split())
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=3)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)
VERSIONS = st.sampled_from([None, "2.12.0", "3.4.0", "3.15.0", "nonsense", "2"])


@given(config=st.dictionaries(KEYS, JSON, max_size=8), written_by=VERSIONS)
@settings(max_examples=400, deadline=None)
def test_any_config_is_migrated_or_refused(config: dict[str, Any], written_by: str | None) -> None:
    before = copy.deepcopy(config)
    for migrate in (modern, modern_compile_config):
        try:
            found = migrate(config, written_by=written_by)
            assert migrate(found, written_by=written_by or "3.15.0") is not None
        except BundleError:
            pass
    assert repr(config) == repr(before)


@given(data=st.data(), written_by=VERSIONS)
@settings(max_examples=300, deadline=None)
def test_a_config_with_anything_in_a_place_is_migrated_or_refused(
    data: st.DataObject, written_by: str | None
) -> None:
    forms = WRITTEN["models"][data.draw(st.sampled_from(sorted(WRITTEN["models"])))]
    config = copy.deepcopy(forms[data.draw(st.sampled_from(["keras", "json"]))])
    at: Any = config
    while isinstance(at, dict | list) and at:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], dict | list) or data.draw(st.integers(0, 3)) == 0:
            at[key] = data.draw(JSON)
            break
        at = at[key]
    try:
        modern(config, written_by=written_by)
    except BundleError:
        pass
