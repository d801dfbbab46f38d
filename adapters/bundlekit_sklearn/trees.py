"""Trees as arrays of nodes, each of which names its children and its feature by number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit_sklearn.values import in_range

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bundlekit_sklearn.values import Values

TREE = "sklearn.tree._tree:Tree"
_RECORD = (
    "value", "count", "feature_idx", "num_threshold", "missing_go_to_left", "left", "right",
    "gain", "depth", "is_leaf", "bin_threshold", "is_categorical", "bitset_idx",
)  # fmt: skip
"""In this order, since nodes of another type are cast by position."""


def features_of(values: Values, node: Mapping[str, Any]) -> int:
    """Give the number of features of a tree of `sklearn.tree`."""
    return values.number(_given(values, node)[0])


def check_tree(values: Values, node: Mapping[str, Any]) -> None:
    """Check a tree of `sklearn.tree`.

    Raises:
        Refused: it is not one that `fit` has made.
    """
    content = values.dict(node["fields"]["content"].get("node"))
    given = _given(values, node)
    values.require(len(given) == 3 and "nodes" in content, "a tree lacks what it consists of")
    features, outputs = values.number(given[0]), values.number(given[2])
    classes, nodes = values.array(given[1]), values.array(content["nodes"])
    values.require(
        classes.ndim == 1 and 0 < outputs == len(classes) and (classes > 0).all(),
        "a tree has not a number of classes for each output",
    )
    fields = ("left_child", "right_child", "feature")
    values.require(
        nodes.ndim == 1 and set(fields) <= set(nodes.dtype.names or ()), "nodes are no nodes"
    )
    left, right, feature = (nodes[field] for field in fields)
    inner = left != -1
    values.require((right[~inner] == -1).all(), "a leaf has a child")
    depth = _depth(values, inner, left, right)
    _require_features(values, feature[inner], features)
    values.require(
        values.number(content.get("node_count")) == len(nodes), "node_count is not that of nodes"
    )
    values.require(
        values.number(content.get("max_depth")) >= depth, "a tree is deeper than its max_depth"
    )


def check_predictor(
    values: Values, state: Mapping[str, Any], features: int | None, categorical: Any
) -> None:
    """Check a tree of histogram gradient boosting.

    Args:
        values: the skeleton.
        state: its attributes.
        features: how many features there are; `None` where that is not known.
        categorical: which of them are categories, likewise.

    Raises:
        Refused: it is not one that `fit` has made.
    """
    nodes = values.array(state.get("nodes"))
    values.require(nodes.ndim == 1 and nodes.dtype.names == _RECORD, "nodes are no nodes")
    inner = nodes["is_leaf"] == 0
    _depth(values, inner, nodes["left"], nodes["right"])
    used = nodes["feature_idx"]
    by_set = inner & (nodes["is_categorical"] != 0)
    for key in ("raw_left_cat_bitsets", "binned_left_cat_bitsets"):
        sets = values.array(state.get(key))
        values.require(
            sets.ndim == 2
            and sets.shape[1] == 8
            and (nodes["bitset_idx"][by_set] < len(sets)).all(),
            f"a node asks for categories that {key} has not",
        )
    if features is not None:
        _require_features(values, used[inner], min(features, len(categorical)))
        values.require(categorical[used[by_set]].all(), "a node asks a number for its category")


def check_neighbours(values: Values, node: Mapping[str, Any]) -> None:
    """Check a k-d tree or a ball tree, by the order of its `__getstate__`.

    Raises:
        Refused: it is not one that was made of data.
    """
    state = values.items(node.get("state"), "tuple")
    values.require(len(state) in (12, 13), "a tree of neighbours lacks what it consists of")
    data, order, nodes, bounds = map(values.array, state[:4])
    leaf_size, levels, count = map(values.number, state[4:7])
    values.require(data.ndim == 2 and leaf_size > 0, "a tree of neighbours has no data")
    values.require(
        order.shape == data.shape[:1] and in_range(order, len(data)), "idx_array is beyond the data"
    )
    values.require(
        nodes.ndim == 1
        and 0 < levels < 63
        and len(nodes) == count == 2**levels - 1
        and {"idx_start", "idx_end", "is_leaf"} <= set(nodes.dtype.names or ()),
        "node_data are not those of the levels",
    )
    start, end = nodes["idx_start"], nodes["idx_end"]
    values.require(
        ((start >= 0) & (start <= end) & (end <= len(order))).all(),
        "node_data are beyond idx_array",
    )
    values.require((nodes["is_leaf"][count // 2 :] != 0).all(), "the last level is no leaf")
    kinds = 1 if "_ball_tree:" in str(node["object"]) else 2
    values.require(
        bounds.shape == (kinds, count, data.shape[1]), "node_bounds are not those of the nodes"
    )
    _check_metric(values, values.real(state[11]), data.shape[1])
    weights = values.real(state[12]) if len(state) == 13 else None
    values.require(
        weights is None or values.array(weights).shape == order.shape,
        "sample_weight is not one for each of the data",
    )


def _given(values: Values, node: Mapping[str, Any]) -> Sequence[Any]:
    return values.items(node["fields"]["__reduce__"]["fields"]["args"].get("node"), "tuple")


def _check_metric(values: Values, metric: Any, width: int) -> None:
    name = str(metric.get("object", "")) if isinstance(metric, dict) else ""
    given = values.items(metric.get("state"), "tuple") if name else ()
    module, _, kind = name.partition(":")
    values.require(
        module == "sklearn.metrics._dist_metrics" and len(given) >= 3, "a metric is none"
    )
    vector, matrix = values.array(given[1]), values.array(given[2])
    sizes = {"SEuclidean": (width,), "Mahalanobis": (width,), "Minkowski": (0, width)}
    for start, allowed in sizes.items():
        values.require(
            not kind.startswith(start) or vector.size in allowed, "a metric has other weights"
        )
    values.require(
        not kind.startswith("Mahalanobis") or matrix.shape == (width, width),
        "a metric has another matrix",
    )


def _depth(values: Values, inner: Any, left: Any, right: Any) -> int:
    """Check that nodes form one tree, each child behind its parent; give its depth."""
    import numpy as np

    values.require(len(inner), "a tree has no nodes")
    children = np.concatenate([left[inner], right[inner]])
    values.require(
        in_range(children, len(inner)) and (children > np.tile(np.flatnonzero(inner), 2)).all(),
        "a child is not behind its parent, or beyond the last node",
    )
    values.require(
        np.array_equal(np.sort(children), np.arange(1, len(inner))), "a node has not one parent"
    )
    depth, level = 0, np.array([0])
    while len(level := level[inner[level]]):
        level = np.concatenate([left[level], right[level]]).astype(np.int64)
        depth += 1
    return depth


def _require_features(values: Values, used: Any, features: int) -> None:
    values.require(
        in_range(used, features), f"a node asks for a feature that is none of the {features}"
    )
