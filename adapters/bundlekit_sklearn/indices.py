"""The arrays that compiled code follows without looking: checked before it gets them.

A tree is an array of nodes, and a node names its children and its feature by number. Where such a
number is beyond the array, scikit-learn reads or writes what is there in memory, or goes around for
ever. So with the trees of neighbours, support vectors, splines and sparse matrices. What `fit` has
made passes; a file that somebody has made is refused. It takes numpy alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from bundlekit.errors import BundleError, Damaged, Refused
from bundlekit_sklearn import arrays, skeleton

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    import numpy.typing as npt

    from bundlekit.source import Buffer

    Array: TypeAlias = "npt.NDArray[np.generic]"

_TREE = "sklearn.tree._tree:Tree"
_PREDICTOR = "sklearn.ensemble._hist_gradient_boosting.predictor:TreePredictor"
_NEIGHBOURS = ("sklearn.neighbors._kd_tree:", "sklearn.neighbors._ball_tree:")
_SPLINE = "scipy.interpolate._bsplines:BSpline"
_GUARDED = (_TREE, _PREDICTOR, _SPLINE)
_RECORD = (
    "value", "count", "feature_idx", "num_threshold", "missing_go_to_left", "left", "right",
    "gain", "depth", "is_leaf", "bin_threshold", "is_categorical", "bitset_idx",
)  # fmt: skip


def check(root: Any, read: Callable[[str], Buffer]) -> None:
    """Check all of a skeleton that `skeleton.expanded` has taken.

    Args:
        root: the skeleton.
        read: gives what stands beside it.

    Raises:
        Refused: a number is out of range, or a guarded class is not stored as `fit` leaves it.
        Damaged: an array is none.
    """
    _Checker(root, read).check()


class _Checker:
    def __init__(self, root: Any, read: Callable[[str], Buffer]) -> None:
        self._read = read
        self._nodes = list(skeleton.walk(root))
        self._shared = {node["id"]: node for _, node in self._nodes if "id" in node}
        self._place = ""
        self._trees: dict[int, int] = {}

    def check(self) -> None:
        try:
            self._check()
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            if isinstance(error, BundleError):
                raise
            raise Damaged(
                f"the estimator at {self._place or 'the top'} is none: {type(error).__name__} {error}"
            ) from error

    def _check(self) -> None:
        for place, node in self._nodes:
            self._place = place
            if "array" in node:
                self._array(node)
            name = str(node.get("object") or node.get("type") or "")
            if name.startswith(_NEIGHBOURS) and "DistanceMetric" not in name:
                self._neighbours(node)
            elif name in _GUARDED:
                self._guarded(name, node)
            elif node.get("loader") == "SparseMatrixNode":
                self._sparse(node)
            elif "object" in node:
                self._estimator(self._state(node))

    # --- what a skeleton holds -------------------------------------------------------------

    def _real(self, node: Any) -> Any:
        return self._shared[node["ref"]] if isinstance(node, dict) and "ref" in node else node

    def _dict(self, node: Any) -> Mapping[str, Any]:
        found = self._real(node)
        return found["dict"] if isinstance(found, dict) and "dict" in found else {}

    def _state(self, node: Any) -> Mapping[str, Any]:
        return self._dict(self._real(node).get("state"))

    def _array(self, node: Any) -> Array:
        found = self._real(node)
        if not isinstance(found, dict) or "array" not in found:
            raise self._refused("what should be an array of numbers is something else")
        return arrays.array_of(skeleton.contents(found, self._read))

    def _number(self, node: Any) -> int:
        found = self._real(node)
        if isinstance(found, dict) and "array" in found:  # numpy.int64 and the like
            array = self._array(found)
            found = int(array) if array.ndim == 0 and array.dtype.kind in "iu" else None  # type: ignore[call-overload]
        if type(found) is not int:
            raise self._refused("what should be a whole number is something else")
        return found

    def _refused(self, what: str) -> Refused:
        return Refused(
            f"the estimator at {self._place or 'the top'} was not made by fitting: {what}; compiled "
            f"code would follow it out of its memory",
            place=self._place,
        )

    def _require(self, holds: Any, what: str) -> None:
        if not holds:
            raise self._refused(what)

    # --- what is checked -------------------------------------------------------------------

    def _guarded(self, name: str, node: Mapping[str, Any]) -> None:
        if name == _TREE and node.get("loader") == "TreeNode":
            self._tree(node)
        elif name == _PREDICTOR and self._state(node):
            self._predictor(self._state(node), None, None)
        elif name == _SPLINE and self._state(node):
            self._spline(self._state(node))
        else:
            raise self._refused(f"{name} is stored without what it consists of")

    def _tree(self, node: Mapping[str, Any]) -> int:
        """Check a tree of scikit-learn's, once; give the number of its features."""
        if id(node) not in self._trees:
            self._trees[id(node)] = self._checked_tree(node)
        return self._trees[id(node)]

    def _checked_tree(self, node: Mapping[str, Any]) -> int:
        content = self._dict(node["fields"]["content"].get("node"))
        given = self._real(node["fields"]["__reduce__"]["fields"]["args"].get("node"))
        given = given.get("tuple", ()) if isinstance(given, dict) else ()
        self._require(len(given) == 3 and "nodes" in content, "a tree lacks what it consists of")
        features, outputs = self._number(given[0]), self._number(given[2])
        classes, nodes = self._array(given[1]), self._array(content["nodes"])
        self._require(
            classes.ndim == 1 and 0 < outputs == len(classes) and (classes > 0).all(),
            "the numbers of classes are not one for each output",
        )
        fields = ("left_child", "right_child", "feature")
        self._require(
            nodes.ndim == 1 and set(fields) <= set(nodes.dtype.names or ()), "nodes are none"
        )
        left, right, feature = (nodes[field] for field in fields)
        inner = left != -1
        self._require((right[~inner] == -1).all(), "a leaf has a child")
        depth = self._descent(len(nodes), inner, left, right)
        self._features(feature[inner], features)
        self._require(
            self._number(content.get("node_count")) == len(nodes), "node_count is not that of nodes"
        )
        self._require(
            self._number(content.get("max_depth")) >= depth, "it is deeper than its max_depth"
        )
        return features

    def _descent(self, count: int, inner: Array, left: Array, right: Array) -> int:
        """Check that nodes form one tree, each child after its parent; give its depth."""
        import numpy as np

        self._require(count > 0, "a tree has no nodes")
        parents = np.flatnonzero(inner)
        children = np.concatenate([left[inner], right[inner]])
        self._require(
            children.dtype.kind in "iu"
            and (children > np.tile(parents, 2)).all()
            and (children < count).all(),
            "a child is not behind its parent, or is beyond the last node",
        )
        self._require(
            np.array_equal(np.sort(children), np.arange(1, count)), "a node has not one parent"
        )
        depth, level = 0, np.array([0])
        while len(level := level[inner[level]]):
            level = np.concatenate([left[level], right[level]]).astype(np.int64)
            depth += 1
        return depth

    def _features(self, used: Array, features: int) -> None:
        self._require(
            used.dtype.kind in "iu" and ((used >= 0) & (used < features)).all(),
            f"a node asks for a feature that is none of its {features}",
        )

    def _predictor(
        self, state: Mapping[str, Any], features: int | None, categorical: Array | None
    ) -> None:
        nodes = self._array(state.get("nodes"))
        self._require(nodes.ndim == 1 and nodes.dtype.names == _RECORD, "nodes are none")
        inner = nodes["is_leaf"] == 0
        self._descent(len(nodes), inner, nodes["left"], nodes["right"])
        used = nodes["feature_idx"]
        if features is not None:
            self._features(used[inner], features)
        by_set = inner & (nodes["is_categorical"] != 0)
        for key in ("raw_left_cat_bitsets", "binned_left_cat_bitsets"):
            sets = self._array(state.get(key))
            self._require(
                sets.ndim == 2
                and sets.shape[1] == 8
                and (nodes["bitset_idx"][by_set] < len(sets)).all(),
                f"a node asks for a set of categories that {key} has not",
            )
        if categorical is not None:
            self._features(used[inner], len(categorical))
            self._require(categorical[used[by_set]].all(), "a feature is no category")

    def _neighbours(self, node: Mapping[str, Any]) -> None:
        """Check a k-d tree or a ball tree, by the order of its `__getstate__`."""
        state = self._real(node.get("state"))
        state = state.get("tuple", ()) if isinstance(state, dict) and "object" in node else ()
        self._require(len(state) in (12, 13), "a tree of neighbours lacks what it consists of")
        data, order, nodes, bounds = map(self._array, state[:4])
        count, levels = self._number(state[6]), self._number(state[5])
        self._require(data.ndim == 2 and self._number(state[4]) > 0, "its data are no table")
        self._require(
            order.shape == data.shape[:1] and _in_range(order, len(data)),
            "idx_array is beyond its data",
        )
        self._require(
            nodes.ndim == 1
            and len(nodes) == count == 2**levels - 1
            and {"idx_start", "idx_end", "is_leaf"} <= set(nodes.dtype.names or ()),
            "node_data are not those of its levels",
        )
        start, end = nodes["idx_start"], nodes["idx_end"]
        self._require(
            ((start >= 0) & (start <= end) & (end <= len(order))).all(),
            "node_data are beyond idx_array",
        )
        self._require((nodes["is_leaf"][count // 2 :] != 0).all(), "the last level has no leaves")
        kinds = 1 if "_ball_tree:" in str(node["object"]) else 2
        self._require(
            bounds.shape == (kinds, count, data.shape[1]), "node_bounds are not those of the nodes"
        )
        self._metric(state[11], data.shape[1])
        weights = self._real(state[12]) if len(state) == 13 else None
        self._require(
            weights is None or self._array(weights).shape == order.shape, "weights are not of data"
        )

    def _metric(self, node: Any, width: int) -> None:
        metric = self._real(node)
        name = str(metric.get("object", "")) if isinstance(metric, dict) else ""
        state = self._real(metric.get("state")) if name else None
        given = state.get("tuple", ()) if isinstance(state, dict) else ()
        self._require(
            name.startswith("sklearn.metrics._dist_metrics:") and len(given) >= 3,
            "its metric is none",
        )
        vector, matrix = self._array(given[1]), self._array(given[2])
        kind = name.partition(":")[2]
        allowed = {"SEuclidean": (width,), "Mahalanobis": (width,), "Minkowski": (0, width)}
        sizes = next((sizes for one, sizes in allowed.items() if kind.startswith(one)), None)
        self._require(sizes is None or vector.size in sizes, "its metric has not one weight each")
        if kind.startswith("Mahalanobis"):
            self._require(matrix.shape == (width, width), "its metric is of other features")

    def _estimator(self, state: Mapping[str, Any]) -> None:
        """Check what an estimator says of the trees and vectors in it."""
        features = self._real(state.get("n_features_in_"))
        tree = self._real(state.get("tree_"))
        if isinstance(tree, dict) and tree.get("type") == _TREE:
            self._require(features == self._tree(tree), "n_features_in_ is not that of its tree")
        if "_predictors" in state:
            self._boosting(state, features)
        if "_n_support" in state:
            self._support(state, features)
        stages = self._real(state.get("estimators_"))
        if isinstance(stages, dict) and stages.get("loader") == "NdArrayNode":
            self._stages(state, stages, features)
        centres = self._real(state.get("cluster_centers_"))
        if isinstance(centres, dict) and "array" in centres and features is not None:
            shape = self._array(centres).shape
            self._require(
                len(shape) == 2 and shape[1] == features, "its centres are of other features"
            )

    def _boosting(self, state: Mapping[str, Any], features: Any) -> None:
        self._require(type(features) is int, "n_features_in_ is no number")
        mapper = self._state(self._real(state.get("_bin_mapper")) or {})
        categorical = self._array(mapper.get("is_categorical_"))
        rounds = self._real(state["_predictors"])
        for one in rounds.get("list", ()) if isinstance(rounds, dict) else ():
            found = self._real(one)
            for each in found.get("list", ()) if isinstance(found, dict) else ():
                self._predictor(self._state(each), features, categorical)

    def _stages(self, state: Mapping[str, Any], stages: Mapping[str, Any], features: Any) -> None:
        """Check gradient boosting, which writes one column for each tree of a stage."""
        shape = self._real(stages["fields"].get("shape", {}).get("node"))
        sizes = shape.get("tuple", ()) if isinstance(shape, dict) else ()
        trees = state.get("n_trees_per_iteration_", state.get("_n_classes"))
        self._require(
            len(sizes) == 2 and (trees is None or sizes[1] == self._number(trees)),
            "its stages have other trees than it says",
        )
        for _, node in skeleton.walk(dict(stages)):
            found = self._real(node)
            if found.get("type") == _TREE:
                self._require(self._tree(found) == features, "a stage is of other features")

    def _support(self, state: Mapping[str, Any], features: Any) -> None:
        counts, support = self._array(state["_n_support"]), self._array(state.get("support_"))
        total = int(counts.sum())  # type: ignore[attr-defined]
        rows = self._real(state.get("shape_fit_"))
        rows = rows.get("tuple", [0]) if isinstance(rows, dict) else [0]
        self._require(
            counts.ndim == 1
            and counts.dtype.kind == "i"
            and (counts >= 0).all()
            and support.shape == (total,)
            and _in_range(support, self._number(rows[0])),
            "support_ and _n_support do not belong together",
        )
        vectors, weights = self._shape(state.get("support_vectors_")), None
        weights = self._shape(state.get("_dual_coef_"))
        classes = max(len(counts), 2)
        self._require(
            weights == (classes - 1, total), "_dual_coef_ is not one row for each class but one"
        )
        self._require(
            vectors in ((total, features), (0, 0)), "support_vectors_ are not those of support_"
        )
        pairs = classes * (classes - 1) // 2
        for key in ("_intercept_", "_probA", "_probB"):
            sizes = (pairs,) if key == "_intercept_" else (0, pairs)
            self._require(self._array(state.get(key)).size in sizes, f"{key} is of other classes")

    def _shape(self, node: Any) -> tuple[int, ...]:
        found = self._real(node)
        if isinstance(found, dict) and found.get("loader") == "SparseMatrixNode":
            return tuple(map(int, self._sparse(found)["shape"]))
        return self._array(found).shape

    def _spline(self, state: Mapping[str, Any]) -> None:
        knots = self._array(state.get("_t", state.get("t")))
        weights = self._array(state.get("_c", state.get("c")))
        degree, axis = self._number(state.get("k")), self._number(state.get("axis"))
        self._require(
            knots.ndim == 1
            and axis == 0
            and 0 <= degree < len(knots) - 1
            and weights.ndim > 0
            and len(weights) >= len(knots) - degree - 1 > degree
            and bool((knots[1:] >= knots[:-1]).all()),
            "the knots of a spline are not those of its degree",
        )

    def _sparse(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        found = arrays.sparse_of(skeleton.contents(node["fields"]["file"], self._read))
        shape = found.get("shape")
        self._require(
            shape is not None
            and shape.ndim == 1
            and shape.dtype.kind in "iu"
            and {"format", "data"} <= found.keys(),
            "a sparse matrix has no shape",
        )
        sizes = [int(size) for size in found["shape"]]
        across = sizes if len(sizes) > 1 else [1, *sizes]
        kind = found["format"].item() if found["format"].ndim == 0 else b""
        kind = kind.decode("ascii", "replace") if isinstance(kind, bytes) else str(kind)
        held = found["data"].shape[:1]
        if kind in ("csr", "csc", "bsr"):
            steps, inner = found.get("indptr"), found.get("indices")
            block = found["data"].shape[1:] if kind == "bsr" else (1, 1)
            rows, columns = across if kind != "csc" else across[::-1]
            self._require(
                len(block) == 2
                and min(block) > 0
                and steps is not None
                and inner is not None
                and inner.shape == held
                and steps.shape == (rows // block[0] + 1,)
                and steps[0] == 0
                and bool((steps[1:] >= steps[:-1]).all())
                and steps[-1] <= len(inner)
                and _in_range(inner, columns // block[1]),
                "a sparse matrix has indices beyond its shape",
            )
        elif kind == "coo":
            lines = found["coords"] if "coords" in found else [found.get("row"), found.get("col")]
            self._require(
                len(lines) == len(sizes)
                and all(one is not None and one.shape == held for one in lines)
                and all(_in_range(one, size) for one, size in zip(lines, sizes, strict=True)),
                "a sparse matrix has indices beyond its shape",
            )
        else:
            self._require(
                kind == "dia" and found.get("offsets") is not None and found["offsets"].shape == held,
                "a sparse matrix is of no known format",
            )
        return found


def _in_range(indices: Any, size: int) -> bool:
    return indices.dtype.kind in "iu" and bool(((indices >= 0) & (indices < size)).all())
