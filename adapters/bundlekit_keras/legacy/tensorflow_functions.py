"""Functions of TensorFlow that Keras 3 has an operation for which computes the same.

Keras 2 wrote a function that was called on symbolic tensors as a layer, with the public name of
the function, and the arguments of the call by the names that TensorFlow has for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Operation:
    """An operation of Keras 3, and where the arguments of the function go.

    Attributes:
        name: its class.
        inputs: names of the arguments that are tensors, the first one included.
        settings: arguments that go into the operation's config, by the name there.
        fixed: what the config says besides.
        without: arguments that are left out, with the values that they may have.
        adapt: changes settings whose form differs; gives `None` if it cannot.
    """

    name: str
    inputs: tuple[str, ...] = ("x",)
    settings: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    without: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    adapt: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda settings: settings


def _binary(name: str) -> Operation:
    return Operation(name, ("x", "y"))


def _reduction(name: str) -> Operation:
    return Operation(name, ("input_tensor",), {"axis": "axis", "keepdims": "keepdims"})


def _no_tensors(settings: dict[str, Any]) -> dict[str, Any] | None:
    """Give the settings if they are plain numbers, and perhaps lists of such."""
    for value in settings.values():
        parts = value if isinstance(value, list) else [value]
        flat = [one for part in parts for one in (part if isinstance(part, list) else [part])]
        if not all(isinstance(one, int | float | str | None) for one in flat):
            return None
    return settings


def _new_shape(settings: dict[str, Any]) -> dict[str, Any] | None:
    """Give a shape in which one size that is computed is left to follow from the others."""
    shape = settings.get("newshape")
    if not isinstance(shape, list):
        return None
    sizes = [size if isinstance(size, int) and size >= 0 else -1 for size in shape]
    return {"newshape": sizes} if sizes.count(-1) <= 1 else None


def _parts(settings: dict[str, Any]) -> dict[str, Any] | None:
    """Turn the sizes of parts into the places where they are split."""
    sizes = settings.get("indices_or_sections")
    if not isinstance(sizes, list):
        return settings if isinstance(sizes, int) else None
    if not all(isinstance(size, int) and size >= 0 for size in sizes):
        return None
    places = [sum(sizes[:index]) for index in range(1, len(sizes))]
    return {**settings, "indices_or_sections": places}


def _padding(settings: dict[str, Any]) -> dict[str, Any] | None:
    plain = _no_tensors(settings)
    mode = settings.get("mode", "constant")
    return {**plain, "mode": mode.lower()} if plain and isinstance(mode, str) else None


def _norm(settings: dict[str, Any]) -> dict[str, Any] | None:
    """Turn a bound of a squared norm into one of the norm."""
    epsilon = settings.get("epsilon", 1e-12)
    if not isinstance(epsilon, float) or epsilon < 0 or not isinstance(settings.get("axis"), int):
        return None
    return {**settings, "epsilon": epsilon**0.5, "order": 2}


def _slope(settings: dict[str, Any]) -> dict[str, Any] | None:
    return _no_tensors({"negative_slope": settings.get("negative_slope", 0.2)})


def _plain_axis(settings: dict[str, Any]) -> dict[str, Any] | None:
    axis = settings.get("axis")
    return settings if axis is None or isinstance(axis, int) else None


_NO, _NONE = (False, None), (None,)
_TRANSPOSED: Mapping[str, tuple[object, ...]] = {
    "transpose_a": _NO,
    "adjoint_a": _NO,
    "adjoint_b": _NO,
    "a_is_sparse": _NO,
    "b_is_sparse": _NO,
    "output_type": _NONE,
    "grad_a": _NO,
    "grad_b": _NO,
}
_TRANSPOSE = Operation("Transpose", ("a",), {"perm": "axes"}, without={"conjugate": (False,)})
_ARGUMENT = Operation(
    "Argmax", ("input",), {"axis": "axis"}, without={"output_type": ("int64", "int32", None)}
)
_FLOORED = Operation("FloorDivide", ("x", "y"))
_GELU = Operation("Gelu", ("features",), {"approximate": "approximate"}, {"approximate": False})
_ON_OFF: Mapping[str, tuple[object, ...]] = {
    "on_value": (None, 1, 1.0),
    "off_value": (None, 0, 0.0),
    "dtype": (None, "float32"),
}
_PAD = Operation(
    "Pad",
    ("tensor",),
    {"paddings": "pad_width", "mode": "mode"},
    without={"constant_values": (0, 0.0)},
    adapt=_padding,
)
_SQUEEZE = Operation("Squeeze", ("input",), {"axis": "axis"}, without={"squeeze_dims": (None,)})
_GATHER = Operation(
    "Take",
    ("params", "indices"),
    {"axis": "axis"},
    {"axis": 0},
    {"batch_dims": (0,), "validate_indices": (None,)},
)

FUNCTIONS: Mapping[str, Operation] = {
    "__operators__.add": _binary("Add"),
    "math.add": _binary("Add"),
    "math.subtract": _binary("Subtract"),
    "math.multiply": _binary("Multiply"),
    "math.truediv": _binary("TrueDivide"),
    "math.divide": _binary("TrueDivide"),
    "math.floordiv": _FLOORED,
    "compat.v1.floor_div": _FLOORED,
    "math.floormod": _binary("Mod"),
    "math.pow": _binary("Power"),
    "math.maximum": _binary("Maximum"),
    "math.minimum": _binary("Minimum"),
    "math.greater": _binary("Greater"),
    "math.greater_equal": _binary("GreaterEqual"),
    "math.less": _binary("Less"),
    "math.less_equal": _binary("LessEqual"),
    "math.equal": _binary("Equal"),
    "__operators__.eq": _binary("Equal"),
    "math.not_equal": _binary("NotEqual"),
    "__operators__.ne": _binary("NotEqual"),
    "math.logical_and": _binary("LogicalAnd"),
    "math.logical_or": _binary("LogicalOr"),
    "math.logical_not": Operation("LogicalNot"),
    "math.negative": Operation("Negative"),
    "math.abs": Operation("Absolute"),
    "math.exp": Operation("Exp"),
    "math.expm1": Operation("Expm1"),
    "math.log": Operation("Log"),
    "math.log1p": Operation("Log1p"),
    "math.sqrt": Operation("Sqrt"),
    "math.rsqrt": Operation("Rsqrt"),
    "math.square": Operation("Square"),
    "math.reciprocal": Operation("Reciprocal"),
    "math.sign": Operation("Sign"),
    "math.floor": Operation("Floor"),
    "math.ceil": Operation("Ceil"),
    "math.round": Operation("Round"),
    "math.sin": Operation("Sin"),
    "math.cos": Operation("Cos"),
    "math.tanh": Operation("Tanh"),
    "math.erf": Operation("Erf"),
    "math.sigmoid": Operation("Sigmoid"),
    "math.softplus": Operation("Softplus", ("features",)),
    "math.l2_normalize": Operation(
        "Normalize",
        ("x",),
        {"axis": "axis", "epsilon": "epsilon"},
        without={"dim": (None,)},
        adapt=_norm,
    ),
    "nn.relu": Operation("Relu", ("features",)),
    "nn.relu6": Operation("Relu6", ("features",)),
    "nn.elu": Operation("Elu", ("features",)),
    "nn.selu": Operation("Selu", ("features",)),
    "nn.softsign": Operation("Softsign", ("features",)),
    "nn.gelu": _GELU,
    "nn.silu": Operation("Silu", ("features",), without={"beta": (1, 1.0)}),
    "nn.leaky_relu": Operation(
        "LeakyRelu", ("features",), {"alpha": "negative_slope"}, adapt=_slope
    ),
    "nn.softmax": Operation("Softmax", ("logits",), {"axis": "axis"}, adapt=_no_tensors),
    "nn.log_softmax": Operation("LogSoftmax", ("logits",), {"axis": "axis"}, adapt=_no_tensors),
    "math.reduce_mean": _reduction("Mean"),
    "math.reduce_sum": _reduction("Sum"),
    "math.reduce_max": _reduction("Max"),
    "math.reduce_min": _reduction("Min"),
    "math.reduce_prod": _reduction("Prod"),
    "math.reduce_any": _reduction("Any"),
    "math.reduce_all": _reduction("All"),
    "math.reduce_std": _reduction("Std"),
    "math.reduce_variance": _reduction("Var"),
    "math.reduce_logsumexp": _reduction("Logsumexp"),
    "math.argmax": _ARGUMENT,
    "math.cumsum": Operation(
        "Cumsum",
        ("x",),
        {"axis": "axis"},
        {"axis": 0},
        {"exclusive": (False,), "reverse": (False,)},
    ),
    "linalg.matmul": Operation("Matmul", ("a", "b"), without=_TRANSPOSED),
    "reshape": Operation("Reshape", ("tensor",), {"shape": "newshape"}, adapt=_new_shape),
    "transpose": _TRANSPOSE,
    "compat.v1.transpose": _TRANSPOSE,
    "expand_dims": Operation("ExpandDims", ("input",), {"axis": "axis"}, adapt=_no_tensors),
    "squeeze": _SQUEEZE,
    "compat.v1.squeeze": _SQUEEZE,
    "concat": Operation("Concatenate", ("values",), {"axis": "axis"}, adapt=_no_tensors),
    "stack": Operation("Stack", ("values",), {"axis": "axis"}, adapt=_no_tensors),
    "unstack": Operation("Unstack", ("value",), {"axis": "axis", "num": "num"}, adapt=_no_tensors),
    "split": Operation(
        "Split",
        ("value",),
        {"num_or_size_splits": "indices_or_sections", "axis": "axis"},
        without={"num": (None,)},
        adapt=_parts,
    ),
    "tile": Operation("Tile", ("input",), {"multiples": "repeats"}, adapt=_no_tensors),
    "gather": _GATHER,
    "compat.v1.gather": _GATHER,
    "pad": _PAD,
    "compat.v1.pad": _PAD,
    "cast": Operation("Cast", ("x",), {"dtype": "dtype"}, adapt=_no_tensors),
    "clip_by_value": Operation(
        "Clip",
        ("t",),
        {"clip_value_min": "x_min", "clip_value_max": "x_max"},
        adapt=_no_tensors,
    ),
    "where": Operation("Where", ("condition", "x", "y")),
    "zeros_like": Operation("ZerosLike", ("input",), without={"dtype": (None,)}),
    "ones_like": Operation("OnesLike", ("input",), without={"dtype": (None,)}),
    "one_hot": Operation(
        "OneHot",
        ("indices",),
        {"depth": "num_classes", "axis": "axis"},
        without=_ON_OFF,
        adapt=_plain_axis,
    ),
}
"""By the name that TensorFlow exports the function under."""

EINSUM = {"transpose_b": "...ij,...kj->...ik", "transpose_a": "...ji,...jk->...ik"}
"""Matrix products with one matrix transposed, which Keras 3 has no arguments for."""
