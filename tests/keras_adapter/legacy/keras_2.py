"""Keras 2 beside Keras 3: what it writes of a model, and its weights in the migrated one."""

from __future__ import annotations

import copy
import json
import warnings
from functools import cache
from typing import Any

import numpy as np
from bundlekit_keras import audit
from bundlekit_keras.legacy import layer_name, modern

FORMS = ("h5", "keras", "json")


@cache
def package() -> Any:
    """Give `tf_keras`, which warns while it is imported, as do the tools that it writes with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tf_keras

        return tf_keras


def _encoded(config: Any) -> Any:
    from tf_keras.src.saving.legacy.saved_model import json_utils

    return json.loads(json.dumps(config, default=json_utils.get_json_type))


def written(model: Any, form: str) -> dict[str, Any]:
    """Give the config of a model as Keras 2 writes it into a file of a kind."""
    from tf_keras.src.saving import serialization_lib
    from tf_keras.src.saving.legacy import saving_utils

    config: dict[str, Any]
    if form == "json":
        config = json.loads(model.to_json())
    elif form == "keras":
        config = _encoded(serialization_lib.serialize_keras_object(model))
    else:
        config = _encoded(saving_utils.model_metadata(model)["model_config"])
    return config


def training_config(model: Any) -> dict[str, Any]:
    """Give what Keras 2 writes of `compile` into an H5 file."""
    from tf_keras.src.saving.legacy import saving_utils

    config: dict[str, Any] = _encoded(saving_utils.model_metadata(model)["training_config"])
    return config


def migrated(model: Any, form: str) -> Any:
    """Give the model that Keras 3 builds from what Keras 2 wrote, with the same weights."""
    import keras

    config = modern(written(model, form), written_by=package().__version__)
    assert modern(config, written_by=package().__version__) == config
    assert not audit.needs({**config, "compile_config": None})
    config.pop("compile_config", None)
    built = keras.saving.deserialize_keras_object(copy.deepcopy(config))
    copy_weights(model, built)
    return built


def copy_weights(old: Any, new: Any) -> None:
    """Give each layer the weights of the layer of its name; of words it has them already."""
    layers = {layer_name(layer.name): layer for layer in old.layers}
    for layer in new.layers:
        source = layers.get(layer.name)
        if source is None or type(layer).__name__ in ("TextVectorization", "StringLookup"):
            continue
        if hasattr(layer, "layers"):
            copy_weights(source, layer)
        elif type(layer).__name__ != "IntegerLookup":
            layer.set_weights(source.get_weights())
            if type(layer).__name__ == "Normalization":
                layer.finalize_state()


def with_weights(model: Any, random: np.random.Generator, top: float = 0.9) -> Any:
    """Give a model weights that are not those it starts with."""
    for layer in model.layers:
        if not any(name in type(layer).__name__ for name in ("Lookup", "Normalization", "Text")):
            weights = layer.get_weights()
            layer.set_weights([_random(weight, random, top) for weight in weights])
        elif type(layer).__name__ != "Normalization" and layer.trainable_weights:
            values = [_random(w.numpy(), random, top) for w in layer.trainable_weights]
            rest = [w.numpy() for w in layer.non_trainable_weights]
            layer.set_weights([*values, *rest])
    return model


def _random(weight: Any, random: np.random.Generator, top: float) -> Any:
    if weight.dtype.kind != "f":
        return weight
    return random.uniform(0.1, top, weight.shape).astype(weight.dtype)


def flat(outputs: Any) -> list[Any]:
    """Give all outputs as arrays, in an order that both Kerases have."""
    if isinstance(outputs, dict):
        return [array for key in sorted(outputs) for array in flat(outputs[key])]
    if isinstance(outputs, list | tuple):
        return [array for one in outputs for array in flat(one)]
    return [np.asarray(outputs)]


def assert_equal(new: Any, old: Any, *, close: float = 1e-5, widths: bool = True) -> None:
    """Compare outputs; what counts may do it in other numbers where `widths` is false."""
    for found, expected in zip(flat(new), flat(old), strict=True):
        counts = {found.dtype.kind, expected.dtype.kind} <= ({"i"} if widths else {"i", "f"})
        assert found.dtype == expected.dtype or counts
        if found.dtype.kind in "fi":
            np.testing.assert_allclose(found, expected, rtol=close, atol=1e-5)
        else:
            assert found.tolist() == expected.tolist()
