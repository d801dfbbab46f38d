"""Models with state that Keras leaves out of its files; the reader never sees this file."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
import numpy as np
from keras import layers

from bundlekit.testing import Case

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)
import acme_exact  # type: ignore[import-not-found]  # noqa: E402 - the reader finds it too

Made: TypeAlias = "tuple[Any, Any, Any]"
X = np.random.default_rng(7).normal(size=(8, 6)).astype("float32")
Y = np.random.default_rng(8).normal(size=(8, 4)).astype("float32")


def stack(*inner: Any) -> Any:
    return keras.Sequential([keras.Input((6,)), *inner])


def trained(model: Any, x: Any = X, y: Any = Y, **compiled: Any) -> Made:
    model.compile(**{"optimizer": "adam", "loss": "mse", "metrics": ["mae"], **compiled})
    for _ in range(3):
        model.train_on_batch(x, y)
    return model, x, y


def quantised(model: Any, mode: str, **more: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of each layer that has no kernel
        model.quantize(mode, **more)
    return model


def lora() -> Made:
    model = stack(layers.Dense(5), layers.Dense(4))
    model.layers[0].enable_lora(2, lora_alpha=3)
    return trained(model)


def lora_of_an_embedding_in_bfloat16() -> Made:
    words = layers.Embedding(9, 3, dtype="bfloat16")
    model = keras.Sequential([keras.Input((6,)), words, layers.Flatten(), layers.Dense(4)])
    words.enable_lora(2)
    return trained(model, np.arange(48).reshape(8, 6) % 9)


def lora_on_int8() -> Made:
    model = quantised(stack(layers.Dense(5), layers.Dense(4)), "int8")
    model.layers[0].enable_lora(2)
    return trained(model)


def lora_on_a_layer_that_a_class_makes() -> Made:
    model = acme_exact.Two()
    model(X)
    model.first.enable_lora(2, lora_alpha=3)
    return trained(model)


def int8_on_a_layer_that_a_class_makes() -> Made:
    model = acme_exact.Two()
    model(X)
    model.first.quantize("int8")
    return trained(model)


def quantised_after_training(mode: str) -> Made:
    model, x, y = trained(stack(layers.Dense(5), layers.Dense(4)))
    quantised(model, mode)
    model.compile("sgd", "mse", metrics=["mse"])
    return model, x, y


def int8() -> Made:
    return quantised_after_training("int8")


def int4() -> Made:
    return quantised_after_training("int4")


def float8() -> Made:
    return trained(quantised(stack(layers.Dense(5), layers.Dense(4)), "float8"))


def calibrated(mode: str) -> Made:
    tokens = keras.Input((12,), dtype="int32")
    words = layers.Embedding(20, 8)
    block = keras.Sequential([layers.Dense(16, activation="relu"), layers.Dense(8)])
    model = keras.Model(tokens, layers.GlobalAveragePooling1D()(block(words(tokens))))
    drawn = np.random.default_rng(2)
    configs = {"gptq": keras.quantizers.GPTQConfig, "awq": keras.quantizers.AWQConfig}
    config = configs[mode](
        dataset=[drawn.integers(0, 20, (1, 12)) for _ in range(4)],
        tokenizer=lambda text: text,
        num_samples=4,
        sequence_length=12,
        group_size=8,
    )
    structure = {"pre_block_layers": [words], "sequential_blocks": [block]}
    model.get_quantization_layer_structure = lambda mode=None: structure
    quantised(model, mode, config=config)
    del model.get_quantization_layer_structure
    return model, drawn.integers(0, 20, (4, 12)), None


def gptq() -> Made:
    return calibrated("gptq")


def awq() -> Made:
    return calibrated("awq")


def stateful() -> Made:
    series = keras.Input(batch_shape=(8, 2, 3))
    inner = layers.Bidirectional(layers.GRU(3, stateful=True, dropout=0.3))
    model = keras.Model(series, layers.Dense(4)(inner(series)))
    return trained(model, X.reshape(8, 2, 3))


def random_augmentation() -> Made:
    images = keras.Input((8, 8, 3))
    x = layers.RandomZoom(0.2)(layers.RandomFlip()(layers.GaussianNoise(0.1)(images)))
    model = keras.Model(images, layers.Dense(4)(layers.Flatten()(x)))
    return trained(model, np.random.default_rng(1).random((8, 8, 8, 3), dtype="float32"))


def averaged_and_accumulated() -> Made:
    optimizer = keras.optimizers.AdamW(
        use_ema=True, ema_overwrite_frequency=4, gradient_accumulation_steps=2
    )
    return trained(stack(layers.Dense(4)), optimizer=optimizer)


def scaled_loss() -> Made:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        return trained(stack(layers.Dense(4)))
    finally:
        keras.config.set_dtype_policy("float32")


def frozen_container() -> Made:
    inner = keras.Sequential([layers.Dense(3), layers.BatchNormalization()])
    model = stack(inner, layers.Dense(4))
    model(X)
    inner.trainable = False
    return trained(model)


def frozen_variable() -> Made:
    model = stack(layers.Dense(3), layers.Dense(4))
    model.layers[0].kernel.trainable = False
    return trained(model)


def frozen_after_training() -> Made:
    model, x, y = trained(stack(layers.Dense(3), layers.Dense(4)))
    model.layers[0].trainable = False
    model.make_train_function(force=True)  # Keras would go on with what it had traced
    return model, x, y


def policy_of_a_container() -> Made:
    inner = keras.Sequential([layers.Dense(4)])
    inner.dtype_policy = "mixed_bfloat16"
    return trained(stack(inner))


def several_outputs_with_metrics() -> Made:
    x = keras.Input((6,))
    outputs = {
        "value": layers.Dense(1, name="value")(layers.Dropout(0.1)(x)),
        "class": layers.Dense(4, activation="softmax", name="class")(x),
    }
    model = keras.Model(x, outputs)
    y = {"value": X[:, :1], "class": np.arange(8) % 4}
    losses = {"value": "mse", "class": "sparse_categorical_crossentropy"}
    measured = {"value": ["mae"], "class": ["accuracy", keras.metrics.SparseCategoricalAccuracy()]}
    weighted = {"value": ["mse"]}
    return trained(model, X, y, loss=losses, metrics=measured, weighted_metrics=weighted)


def shared_between_wrappers() -> Made:
    dense = layers.Dense(6)
    return trained(stack(acme_exact.Wrapper(dense), acme_exact.Wrapper(dense), layers.Dense(4)))


def in_containers_and_plain_objects() -> Made:
    return trained(stack(layers.Dense(4), acme_exact.Nested()))


def attribute_of_a_sequential() -> Made:
    model = stack(layers.Dense(4))
    model.extra = keras.Variable(np.arange(3.0), trainable=False, name="extra")
    return trained(model)


def tied() -> Made:
    model = acme_exact.Tied()
    words = np.arange(16).reshape(8, 2) % 5
    model(words)
    return trained(model, words, np.zeros((8, 2, 5), "float32"))


def step_of_its_own() -> Made:
    model = acme_exact.Stepping()
    model(X)
    return trained(model, X, Y[:, :1], metrics=None)


def optimizers_of_its_own() -> Made:
    model = acme_exact.Two()
    model(X)
    for optimizer, part in ((model.aside, model.first), (model.more[0], model.second)):
        ones = [keras.ops.ones_like(one) for one in part.trainable_variables]
        optimizer.apply(ones, part.trainable_variables)
    return trained(model)


MODELS = (
    lora,
    lora_of_an_embedding_in_bfloat16,
    lora_on_int8,
    lora_on_a_layer_that_a_class_makes,
    int8_on_a_layer_that_a_class_makes,
    int8,
    int4,
    float8,
    gptq,
    awq,
    stateful,
    random_augmentation,
    averaged_and_accumulated,
    scaled_loss,
    frozen_container,
    frozen_variable,
    frozen_after_training,
    policy_of_a_container,
    several_outputs_with_metrics,
    shared_between_wrappers,
    in_containers_and_plain_objects,
    attribute_of_a_sequential,
    tied,
    step_of_its_own,
    optimizers_of_its_own,
)
OWN = ("Wrapper", "Nested", "Stepping", "Scores", "Tied", "Two")


def cases() -> Iterator[Case]:
    for make in MODELS:
        keras.utils.set_random_seed(1)
        model, x, y = make()
        yield Case(
            name=make.__name__,
            obj=model,
            inputs=x,
            targets=y,
            custom_objects={name: f"acme_exact:{name}" for name in OWN},
            python_path=(HERE,),
        )
