"""Configs as nine releases wrote them: what they need, and that today's Keras builds from them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from bundlekit_keras import audit
from bundlekit_keras.legacy import modern, modern_compile_config

WRITTEN = sorted((Path(__file__).parent / "written").glob("*.json"))
MODELS = ("sequential_mlp", "functional_two_input", "conv_bn", "text_vectorization", "custom_layer")


@pytest.fixture(params=WRITTEN, ids=lambda path: path.stem)
def written(request: pytest.FixtureRequest) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(request.param.read_text(encoding="utf-8"))
    return data


@pytest.fixture(params=MODELS)
def forms(request: pytest.FixtureRequest, written: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = written["models"][request.param]
    return found


def own_objects() -> dict[str, Any]:
    import keras

    class Scale(keras.layers.Layer):
        def __init__(self, gain: float = 1.0, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.gain = gain

        def build(self, input_shape: Any) -> None:
            self.scale = self.add_weight(name="scale", shape=(input_shape[-1],))

        def call(self, inputs: Any) -> Any:
            return inputs * self.scale * self.gain

    class Pinball(keras.losses.Loss):
        def __init__(self, quantile: float = 0.5, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.quantile = quantile

        def call(self, y_true: Any, y_pred: Any) -> Any:
            difference = y_true - y_pred
            return keras.ops.maximum(self.quantile * difference, (self.quantile - 1) * difference)

    def soft_clip(x: Any) -> Any:
        return keras.ops.tanh(x)

    return {"acme>Scale": Scale, "acme>Pinball": Pinball, "acme>soft_clip": soft_clip}


def wanted(config: Any) -> set[str]:
    """Give what a config names of the user's, judged by the text of it alone."""
    text = json.dumps(config)
    return {name for name in own_objects() if name in text}


def test_every_form_needs_the_users_objects_and_nothing_else(
    written: dict[str, Any], forms: dict[str, Any]
) -> None:
    for form in ("keras", "h5", "json"):
        if form in forms:
            migrated = modern(forms[form], written_by=written["keras_version"])
            assert {need.name for need in audit.needs(migrated)} == wanted(forms[form])


def test_every_form_builds_the_same_model(written: dict[str, Any], forms: dict[str, Any]) -> None:
    import keras

    built = []
    for form in ("keras", "h5", "json"):
        if form in forms:
            config = modern(forms[form], written_by=written["keras_version"])
            config.pop("compile_config", None)
            with keras.saving.custom_object_scope(own_objects()):
                model = keras.saving.deserialize_keras_object(copy.deepcopy(config))
            built.append([(v.path.split("/")[-2:], v.shape) for v in model.weights])
    assert built[0]
    assert all(one == built[0] for one in built)


def test_a_model_is_compiled_as_it_was(written: dict[str, Any], forms: dict[str, Any]) -> None:
    import keras

    version = written["keras_version"]
    config = modern(forms["keras"], written_by=version)
    compiled = [config.pop("compile_config")]
    if "training" in forms:
        compiled.append(modern_compile_config(forms["training"], written_by=version))
    for one in compiled:
        assert {need.name for need in audit.needs({"compile": one})} <= wanted(forms["keras"])
        with keras.saving.custom_object_scope(own_objects()):
            model = keras.saving.deserialize_keras_object(copy.deepcopy(config))
            model.compile_from_config(one)
        assert model.compiled
        assert type(model.optimizer).__name__ in ("Adam", "RMSprop")


def test_what_came_in_is_not_changed_and_what_comes_out_stays(
    written: dict[str, Any], forms: dict[str, Any]
) -> None:
    version = written["keras_version"]
    before = copy.deepcopy(forms)
    for form in ("keras", "h5", "json"):
        if form in forms:
            once = modern(forms[form], written_by=version)
            assert modern(once, written_by=version) == once
    if "training" in forms:
        compiled = modern_compile_config(forms["training"], written_by=version)
        assert modern_compile_config(compiled, written_by=version) == compiled
    assert forms == before


def test_a_config_of_today_is_left_as_it_is() -> None:
    newest = next(path for path in WRITTEN if path.stem == "keras-3.15")
    data = json.loads(newest.read_text(encoding="utf-8"))
    for forms in data["models"].values():
        for form in ("keras", "json"):
            assert modern(forms[form], written_by=data["keras_version"]) == forms[form]
