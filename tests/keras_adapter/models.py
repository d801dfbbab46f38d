"""The models that must survive: made, trained and bundled in one process.

Each function makes one model with inputs, and with targets where the observer cannot make
them up. `cases()` is what the writer process runs; the reader never sees this file.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
import numpy as np
from keras import layers, ops

from bundlekit.testing import Case

if TYPE_CHECKING:
    from collections.abc import Iterator

Made: TypeAlias = "tuple[Any, Any, Any]"
"""A model, inputs, and targets or None."""

HERE = str(Path(__file__).parent)


def trained(model: Any, inputs: Any, targets: Any, steps: int = 3) -> Any:
    for _ in range(steps):
        model.train_on_batch(inputs, targets)
    return model


def numbers(*shape: int) -> Any:
    return np.random.default_rng(7).normal(size=shape).astype("float32")


def classes(count: int, size: Any) -> Any:
    return np.random.default_rng(8).integers(0, count, size)


def sequential_mlp() -> Made:
    model = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(8, activation="relu", kernel_regularizer="l2"),
            layers.Dropout(0.4),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = numbers(16, 5), classes(3, 16)
    return trained(model, x, y), x, y


def sequential_without_input_shape() -> Made:
    model = keras.Sequential([layers.Dense(4, activation="tanh"), layers.Dense(2)], name="deferred")
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True), "mae")
    x = numbers(8, 3)
    return trained(model, x, numbers(8, 2)), x, None


def dict_in_dict_out() -> Made:
    inputs = {"price": keras.Input((2,), name="price"), "area": keras.Input((3,), name="area")}
    joined = layers.Concatenate()([inputs["price"], inputs["area"]])
    outputs = {
        "value": layers.Dense(1, name="value")(joined),
        "class": layers.Dense(4, activation="softmax", name="class")(joined),
    }
    model = keras.Model(inputs, outputs)
    model.compile(
        keras.optimizers.AdamW(0.01, weight_decay=0.1),
        loss={"value": "mse", "class": "sparse_categorical_crossentropy"},
        loss_weights={"value": 0.3, "class": 1.0},
        metrics={"class": ["accuracy"], "value": [keras.metrics.RootMeanSquaredError()]},
    )
    x = {"price": numbers(12, 2), "area": numbers(12, 3)}
    y = {"value": numbers(12, 1), "class": classes(4, 12)}
    return trained(model, x, y), x, y


def nested_structure() -> Made:
    first, second = keras.Input((2,)), keras.Input((2,))
    third = keras.Input((2,), name="single")
    inputs = {"pair": [first, second], "single": third}
    total = layers.Add()([first, second, third])
    outputs = [layers.Dense(1)(total), {"inner": layers.Dense(2)(total)}]
    model = keras.Model(inputs, outputs)
    x = {"pair": [numbers(4, 2), numbers(4, 2)], "single": numbers(4, 2)}
    return model, x, None


def shared_layers() -> Made:
    shared = layers.Dense(4, activation="elu", name="shared")
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    distance = layers.Subtract()([shared(left), shared(shared_width(right))])
    model = keras.Model([left, right], layers.Dense(1)(distance))
    model.compile("rmsprop", "mse")
    x = [numbers(6, 3), numbers(6, 3)]
    return trained(model, x, numbers(6, 1)), x, None


def shared_width(tensor: Any) -> Any:
    return layers.Dense(3, use_bias=False)(tensor)


def nested_models() -> Made:
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.BatchNormalization()])
    middle_in = keras.Input((4,))
    middle = keras.Model(middle_in, layers.Dense(2)(inner(middle_in)), name="middle")
    middle.layers[-1].trainable = False
    outer_in = keras.Input((4,))
    model = keras.Model(outer_in, layers.Dense(1)(middle(outer_in)), name="outer")
    model.compile("adam", "mse")
    x = numbers(8, 4)
    return trained(model, x, numbers(8, 1)), x, None


def masked_bidirectional_lstm() -> Made:
    tokens = keras.Input((None,), dtype="int32")
    embedded = layers.Embedding(20, 6, mask_zero=True)(tokens)
    states = layers.Bidirectional(layers.LSTM(5, return_sequences=True, dropout=0.2))(embedded)
    states = layers.LSTM(4, recurrent_dropout=0.1)(states)
    model = keras.Model(tokens, layers.Dense(1, activation="sigmoid")(states))
    model.compile(keras.optimizers.Adam(clipnorm=1.0), "binary_crossentropy", metrics=["auc"])
    x = classes(20, (8, 7)) * (np.arange(7) < 5)
    y = classes(2, (8, 1)).astype("float32")
    return trained(model, x, y), x, y


def convolutional_batch_norm() -> Made:
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(4, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(max_value=6.0),
            layers.DepthwiseConv2D(3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, 50)), loss)
    x, y = numbers(8, 12, 12, 3), classes(2, 8)
    return trained(model, x, y), x, y


def attention() -> Made:
    sequence = keras.Input((6, 8))
    attended = layers.MultiHeadAttention(2, 4, dropout=0.1)(sequence, sequence)
    normal = layers.LayerNormalization()(layers.Add()([sequence, attended]))
    pooled = layers.GlobalMaxPooling1D()(normal)
    model = keras.Model(sequence, layers.Dense(1)(pooled))
    model.compile(keras.optimizers.Adam(amsgrad=True, use_ema=True), "huber")
    x = numbers(5, 6, 8)
    return trained(model, x, numbers(5, 1)), x, None


def adapted_text() -> Made:
    words = np.array([["a cat sat"], ["on the mat"], ["the cat"], ["ran away"]], dtype=object)
    vectorize = layers.TextVectorization(max_tokens=15, output_sequence_length=4)
    vectorize.adapt(words)
    text = keras.Input((1,), dtype="string")
    embedded = layers.Embedding(15, 3)(vectorize(text))
    model = keras.Model(text, layers.Dense(1)(layers.Flatten()(embedded)))
    model.compile("adam", "mse")
    x = ops.convert_to_tensor(words.tolist(), dtype="string")
    return trained(model, x, numbers(4, 1)), words, None


def adapted_lookups() -> Made:
    names = np.array([["red"], ["green"], ["blue"], ["red"]], dtype=object)
    codes = np.array([[10], [20], [10], [30]])
    size = numbers(4, 2) * 9 + 4
    lookup = layers.StringLookup(output_mode="one_hot")
    lookup.adapt(names)
    integers = layers.IntegerLookup(output_mode="multi_hot")
    integers.adapt(codes)
    normalize = layers.Normalization()
    normalize.adapt(size)
    discretize = layers.Discretization(num_bins=3, output_mode="one_hot")
    discretize.adapt(size)
    inputs = {
        "name": keras.Input((1,), dtype="string", name="name"),
        "code": keras.Input((1,), dtype="int64", name="code"),
        "size": keras.Input((2,), name="size"),
    }
    features = layers.Concatenate()(
        [
            lookup(inputs["name"]),
            ops.cast(integers(inputs["code"]), "float32"),
            normalize(inputs["size"]),
            layers.Flatten()(discretize(inputs["size"])),
        ]
    )
    model = keras.Model(inputs, layers.Dense(2)(features))
    model.compile("adam", "mse")
    x = {
        "name": ops.convert_to_tensor(names.tolist(), dtype="string"),
        "code": codes,
        "size": size,
    }
    trained(model, x, numbers(4, 2))
    return model, {**x, "name": names}, None


def mixed_precision() -> Made:
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="gelu", dtype="mixed_float16"),
            layers.Dense(1, dtype="float32"),
        ]
    )
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(), initial_scale=64.0)
    model.compile(optimizer, "mse")
    x = numbers(8, 6)
    return trained(model, x, numbers(8, 1)), x, None


def mobile_net() -> Made:
    model = keras.applications.MobileNetV3Small((48, 48, 3), weights=None, classes=4)
    model.compile("adam", "categorical_crossentropy")
    x, y = numbers(2, 48, 48, 3), np.eye(4, dtype="float32")[[1, 3]]
    return trained(model, x, y, steps=2), x, y


def augmented() -> Made:
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.GaussianNoise(0.2, seed=3),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    x = numbers(4, 8, 8, 1)
    return trained(model, x, numbers(4, 1)), x, None


def one_dimensional() -> Made:
    model = keras.Sequential(
        [
            keras.Input((20, 2)),
            layers.Conv1D(4, 3, dilation_rate=2, activation=keras.activations.swish),
            layers.MaxPooling1D(),
            layers.GRU(3, reset_after=False),
            layers.Dense(2, kernel_constraint=keras.constraints.MaxNorm(2.0)),
        ]
    )
    model.compile(keras.optimizers.Lion(), keras.losses.LogCosh(), metrics=["mse", "mae"])
    x = numbers(4, 20, 2)
    return trained(model, x, numbers(4, 2)), x, None


def operations() -> Made:
    """Operations and slices between layers, which the config holds as nodes of their own."""
    x_in = keras.Input((4, 6))
    x = ops.sin(x_in)[:, 1:, ::2] * 2.0 + 1.0
    x = ops.mean(ops.matmul(x, ops.transpose(x, (0, 2, 1))), axis=-1, keepdims=True)
    model = keras.Model(x_in, layers.Dense(1)(ops.squeeze(x, -1)))
    return model, numbers(3, 4, 6), None


def shared_objects() -> Made:
    """One activation layer and one initializer object in several layers."""
    activation = layers.LeakyReLU(negative_slope=0.1)
    start = keras.initializers.HeNormal(seed=4)
    x_in = keras.Input((3,))
    x = layers.Dense(4, activation=activation, kernel_initializer=start)(x_in)
    model = keras.Model(x_in, layers.Dense(2, activation=activation, kernel_initializer=start)(x))
    return model, numbers(4, 3), None


def jointly_compiled_extras() -> Made:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, activation="softmax")])
    model.compile(
        keras.optimizers.Nadam(gradient_accumulation_steps=2),
        keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        metrics=["accuracy", keras.metrics.TopKCategoricalAccuracy(1, name="top")],
        weighted_metrics=["mse"],
        run_eagerly=True,
        jit_compile=False,
    )
    x, y = numbers(6, 3), np.eye(2, dtype="float32")[classes(2, 6)]
    return trained(model, x, y), x, y


def compiled_and_never_trained() -> Made:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)], name="never-trained")
    model.compile("ftrl", "mse")
    return model, numbers(4, 3), None


def subclassed() -> Made:
    from acme_models import TwoTowers  # type: ignore[import-not-found]

    model = TwoTowers(units=3, name="towers")
    x = {"left": numbers(6, 2), "right": numbers(6, 5)}
    model(x)
    model.compile("adam", {"score": "mse", "left": None})
    y = {"score": numbers(6, 1), "left": numbers(6, 3)}
    return trained(model, x, y), x, y


def subclassed_inside_functional() -> Made:
    from acme_models import Encoder

    x_in = keras.Input((4,))
    model = keras.Model(x_in, layers.Dense(1)(Encoder(width=2)(x_in)))
    model.compile("adam", "mse")
    x = numbers(6, 4)
    return trained(model, x, numbers(6, 1)), x, None


OWN_CLASSES: dict[str, dict[str, str]] = {
    "subclassed": {"TwoTowers": "acme_models:TwoTowers"},
    "subclassed_inside_functional": {"Encoder": "acme_models:Encoder"},
}
MODELS = (
    sequential_mlp,
    sequential_without_input_shape,
    dict_in_dict_out,
    nested_structure,
    shared_layers,
    nested_models,
    masked_bidirectional_lstm,
    convolutional_batch_norm,
    attention,
    adapted_text,
    adapted_lookups,
    mixed_precision,
    mobile_net,
    augmented,
    one_dimensional,
    operations,
    shared_objects,
    jointly_compiled_extras,
    compiled_and_never_trained,
    subclassed,
    subclassed_inside_functional,
)


def cases() -> Iterator[Case]:
    sys.path.insert(0, HERE)
    wanted = os.environ.get("BUNDLEKIT_TEST_MODELS", "").split()
    for make in MODELS:
        if wanted and make.__name__ not in wanted:
            continue
        keras.utils.set_random_seed(1)
        model, inputs, targets = make()
        own = OWN_CLASSES.get(make.__name__, {})
        yield Case(
            name=make.__name__,
            obj=model,
            inputs=inputs,
            targets=targets,
            custom_objects=own,
            python_path=(HERE,) if own else (),
        )
