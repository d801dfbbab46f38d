"""Write the names that SavedModels of Keras 2 may hold: `bundlekit_tensorflow/keras_names.txt`.

    python tools/tf_keras_names.py            # from the installed tf_keras and TensorFlow
    python tools/tf_keras_names.py --check    # the installed ones against the checked-in data

The whole rule is in this file. Three kinds of names:

* `class`: modelling classes that tf_keras exports (layers, models, losses, metrics, optimizers,
  schedules, initializers, regularizers, constraints, policies), under the name it is called by and
  the one it is registered under, and those that tf_keras writes without exporting them.
* `function`: activations, losses, metrics, initializers and regularizers that are functions.
* `symbol`: public functions of TensorFlow that only compute, which a functional model may call by
  name (`TFOpLambda`).

Not on the list: what opens a path, loads, writes, registers, runs Python, or calls any attribute.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import inspect
import re
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = Path(__file__).parents[1] / "adapters" / "bundlekit_tensorflow" / "keras_names.txt"

_MODULES = (
    "activations",
    "constraints",
    "initializers",
    "layers",
    "layers.experimental",
    "layers.experimental.preprocessing",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "optimizers",
    "optimizers.experimental",
    "optimizers.legacy",
    "optimizers.schedules",
    "regularizers",
)
_FUNCTIONS = frozenset({"activations", "initializers", "losses", "metrics", "regularizers"})
_WRITTEN = (
    "Functional",
    "InputSpec",
    "LossFunctionWrapper",
    "LossScaleOptimizer",
    "LossScaleOptimizerV3",
    "MeanMetricWrapper",
    "PolicyV1",
    "SlicingOpLambda",
    "SumOverBatchSizeMetricWrapper",
    "TFOpLambda",
)
"""Classes that tf_keras writes and does not export. The two that call functions of TensorFlow are
looked at by what they call."""

_REFUSED = re.compile(
    r"^(get|serialize|deserialize|save_model|load_model|clone_model|model_from_\w+|set_global_policy"
    r"|global_policy|TensorFlowOpLayer)$"
)

_NAMESPACES = (
    "bitwise",
    "image",
    "linalg",
    "math",
    "nn",
    "quantization",
    "random",
    "sets",
    "signal",
    "sparse",
    "strings",
)
_ROOT = [
    "abs",
    "acos",
    "acosh",
    "add",
    "add_n",
    "argmax",
    "argmin",
    "argsort",
    "as_string",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "batch_to_space",
    "bitcast",
    "boolean_mask",
    "broadcast_dynamic_shape",
    "broadcast_static_shape",
    "broadcast_to",
    "cast",
    "clip_by_norm",
    "clip_by_value",
    "complex",
    "concat",
    "convert_to_tensor",
    "cos",
    "cosh",
    "cumsum",
    "divide",
    "dynamic_partition",
    "dynamic_stitch",
    "edit_distance",
    "eig",
    "eigvals",
    "einsum",
    "ensure_shape",
    "equal",
    "exp",
    "expand_dims",
    "extract_volume_patches",
    "eye",
    "fill",
    "fingerprint",
    "floor",
    "gather",
    "gather_nd",
    "greater",
    "greater_equal",
    "guarantee_const",
    "histogram_fixed_width",
    "histogram_fixed_width_bins",
    "identity",
    "identity_n",
    "less",
    "less_equal",
    "linspace",
    "logical_and",
    "logical_not",
    "logical_or",
    "matmul",
    "matrix_square_root",
    "maximum",
    "meshgrid",
    "minimum",
    "multiply",
    "negative",
    "no_op",
    "norm",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "pad",
    "pow",
    "range",
    "rank",
    "realdiv",
    "reduce_all",
    "reduce_any",
    "reduce_logsumexp",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_prod",
    "reduce_sum",
    "repeat",
    "reshape",
    "reverse",
    "reverse_sequence",
    "roll",
    "round",
    "saturate_cast",
    "scalar_mul",
    "scatter_nd",
    "searchsorted",
    "sequence_mask",
    "shape",
    "shape_n",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "size",
    "slice",
    "sort",
    "space_to_batch",
    "space_to_batch_nd",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "stop_gradient",
    "strided_slice",
    "subtract",
    "tan",
    "tanh",
    "tensor_scatter_nd_add",
    "tensor_scatter_nd_max",
    "tensor_scatter_nd_min",
    "tensor_scatter_nd_sub",
    "tensor_scatter_nd_update",
    "tensordot",
    "tile",
    "transpose",
    "truediv",
    "truncatediv",
    "truncatemod",
    "unique",
    "unique_with_counts",
    "unravel_index",
    "unstack",
    "where",
    "zeros",
    "zeros_like",
    "__operators__.add",
    "__operators__.eq",
    "__operators__.getitem",
    "__operators__.ne",
    "__operators__.ragged_getitem",
]
_UNFIT = re.compile(
    r"fixed_unigram|set_seed|generator|rng_state|Generator|map_values|^nn\.(scale_reg|experimental)"
    r"|decode_proto|encode_proto|from_dense_blob"
)


def collect() -> list[tuple[str, str]]:
    """Give the kinds and names, sorted; a name may be of two kinds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {(kind, name) for name, kind in _keras()}
        found |= {("symbol", name) for name in _symbols()}
    return sorted(found)


def _keras() -> Iterator[tuple[str, str]]:
    keras = importlib.import_module("tf_keras")
    for name in _MODULES:
        module: Any = keras
        for step in name.split("."):
            module = getattr(module, step)
        for short, value in vars(module).items():
            if _REFUSED.match(short) or short.startswith("_") or inspect.ismodule(value):
                continue
            if isinstance(value, type):
                if hasattr(value, "from_config"):
                    yield short, "class"
                    yield value.__name__, "class"
                    yield keras.saving.get_registered_name(value), "class"
            elif name in _FUNCTIONS and callable(value):
                yield short, "function"
                yield value.__name__, "function"
    for short in _WRITTEN:
        yield short, "class"


def _symbols() -> Iterator[str]:
    tf = importlib.import_module("tensorflow")
    for name in _NAMESPACES:
        for short, value in vars(getattr(tf, name)).items():
            full = f"{name}.{short}"
            is_function = callable(value) and not isinstance(value, type)
            if is_function and not short.startswith("_") and not _UNFIT.search(full):
                yield full
    for name in _ROOT:
        target: Any = tf
        for step in name.split("."):
            target = getattr(target, step, None)
        if callable(target) and not isinstance(target, type):
            yield name


def lines() -> list[str]:
    """Give the data, a line for each name."""
    return [f"{kind} {name}" for kind, name in collect()]


def write() -> None:
    """Write the data file."""
    header = [
        "# Names that a Keras 2 SavedModel may hold: tf_keras' own, and functions of TensorFlow.",
        "# Written by tools/tf_keras_names.py, which holds the rule. Do not edit.",
    ]
    DATA.write_text("\n".join([*header, *lines()]) + "\n", encoding="utf-8")


def check() -> int:
    """Compare the checked-in data with what is installed; print the difference."""
    checked_in = [line for line in DATA.read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    difference = list(
        difflib.unified_diff(checked_in, lines(), "checked in", "installed", "", "", 0, "")
    )
    sys.stdout.writelines(f"{line}\n" for line in difference)
    return 1 if difference else 0


def main() -> int:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(description="Write the names that Keras 2 SavedModels hold.")
    parser.add_argument("--check", action="store_true", help="compare with what is installed")
    if parser.parse_args().check:
        return check()
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
