"""How layers make a model: sequential, functional, subclassed, nested, shared."""

from __future__ import annotations

import keras
from keras import layers, optimizers

from tests.backends import own
from tests.backends.kinds.kind import Made, classes, kind, numbers, trained


@kind()
def sequential() -> Made:
    """In the way of every day: compiled as Keras likes, with a metric."""
    model = keras.Sequential(
        [keras.Input((5,)), layers.Dense(6, activation="relu"), layers.Dense(3, "softmax")]
    )
    return trained(
        model,
        numbers(8, 5),
        classes(3, 8),
        "adam",
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        run_eagerly=False,
    )


@kind()
def sequential_without_input() -> Made:
    model = keras.Sequential([layers.Dense(4, activation="tanh"), layers.Dense(2)])
    optimizer = optimizers.SGD(0.05, momentum=0.9, nesterov=True)
    return trained(model, numbers(4, 3), numbers(4, 2), optimizer, "mae")


@kind()
def functional_lists() -> Made:
    left, right = keras.Input((2,), name="left"), keras.Input((3,), name="right")
    joined = layers.Concatenate()([left, right])
    outputs = [layers.Dense(1, name="first")(joined), layers.Dense(2, name="second")(joined)]
    model = keras.Model([left, right], outputs)
    optimizer = optimizers.RMSprop(0.01, momentum=0.5, centered=True)
    x, y = [numbers(4, 2), numbers(4, 3)], [numbers(4, 1), numbers(4, 2)]
    return trained(model, x, y, optimizer, ["mse", "mae"])


@kind()
def functional_dicts() -> Made:
    inputs = {"price": keras.Input((2,), name="price"), "area": keras.Input((3,), name="area")}
    joined = layers.Concatenate()([inputs["price"], inputs["area"]])
    outputs = {
        "value": layers.Dense(1, name="value")(joined),
        "class": layers.Dense(4, activation="softmax", name="class")(joined),
    }
    model = keras.Model(inputs, outputs)
    return trained(
        model,
        {"price": numbers(6, 2), "area": numbers(6, 3)},
        {"value": numbers(6, 1), "class": classes(4, 6)},
        optimizers.AdamW(0.01, weight_decay=0.1),
        {"value": "mse", "class": "sparse_categorical_crossentropy"},
        loss_weights={"value": 0.3, "class": 1.0},
        metrics={"class": ["accuracy"], "value": [keras.metrics.RootMeanSquaredError()]},
    )


@kind()
def operations() -> Made:
    """Operations and slices between layers, which the config holds as nodes of their own."""
    start = keras.Input((4, 6))
    x = keras.ops.sin(start)[:, 1:, ::2] * 2.0 + 1.0
    x = keras.ops.matmul(x, keras.ops.transpose(x, (0, 2, 1)))
    model = keras.Model(start, layers.Dense(1)(keras.ops.mean(x, axis=-1)))
    return trained(model, numbers(3, 4, 6), numbers(3, 1), "adadelta")


@kind(custom_objects=("Tower",))
def subclassed() -> Made:
    return trained(own.Tower(3, name="tower"), numbers(4, 5), numbers(4, 1), "nadam")


@kind(trust=("tests.backends.own",))
def subclassed_layers_inside() -> Made:
    start = keras.Input((4,))
    x = own.Scale(name="scale")(start)
    model = keras.Model(start, layers.Dense(1)(own.Tower(2, name="tower")(x)))
    return trained(model, numbers(4, 4), numbers(4, 1), "adagrad")


@kind()
def nested_models() -> Made:
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3), layers.BatchNormalization()], name="inner"
    )
    middle_in = keras.Input((4,))
    middle = keras.Model(middle_in, layers.Dense(2)(inner(middle_in)), name="middle")
    start = keras.Input((4,))
    model = keras.Model(start, layers.Dense(1)(middle(start)), name="outer")
    return trained(model, numbers(4, 4), numbers(4, 1), optimizers.Adam(clipnorm=1.0))


@kind()
def shared_layers() -> Made:
    shared = layers.Dense(4, activation="elu", name="shared")
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    model = keras.Model(
        [left, right], layers.Dense(1)(layers.Subtract()([shared(left), shared(right)]))
    )
    return trained(model, [numbers(4, 3), numbers(4, 3) * 2], numbers(4, 1), "adamax")


@kind(custom_objects=("Mixture",))
def layers_in_lists_tuples_dicts() -> Made:
    model = keras.Sequential([keras.Input((4,)), own.Mixture(name="mixture"), layers.Dense(1)])
    return trained(model, numbers(4, 4), numbers(4, 1), "adafactor")


@kind(trust=("tests.backends.own:Tied",))
def tied_weights() -> Made:
    model = keras.Sequential([keras.Input((5,), dtype="int32"), own.Tied(7, 3, name="tied")])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return trained(model, classes(7, 4, 5), classes(7, 4, 5), optimizers.Lamb(), loss)


@kind(custom_objects=("Borrower",))
def layer_inside_another() -> Made:
    """A layer of the model that another layer of it uses too."""
    lender = layers.Dense(4, name="lender")
    start = keras.Input((4,))
    x = own.Borrower(lender, name="borrower")(lender(start))
    return trained(keras.Model(start, layers.Dense(1)(x)), numbers(4, 4), numbers(4, 1), "adam")


@kind(trust=("tests.backends.own",))
def own_loss_metric_schedule() -> Made:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    optimizer = optimizers.Adam(own.Steps(0.1))
    return trained(
        model, numbers(4, 3), numbers(4, 2), optimizer, own.Cubed(), metrics=[own.Largest()]
    )
