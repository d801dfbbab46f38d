"""The numbers that compiled code follows without looking: checked before it gets them.

A tree is an array of nodes, and a node names its children and its feature by number. Where such a
number is beyond the array, scikit-learn reads or writes what is there in memory, or goes around for
ever. So with the trees of neighbours, support vectors, splines and sparse matrices. What `fit` has
made passes; what somebody has made by hand is refused. It takes numpy alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.errors import BundleError, Damaged
from bundlekit_sklearn import skeleton
from bundlekit_sklearn.sparse import check_sparse
from bundlekit_sklearn.trees import TREE, check_neighbours, check_predictor, check_tree, features_of
from bundlekit_sklearn.values import Values, in_range

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bundlekit.source import Buffer


def check(root: Any, read: Callable[[str], Buffer]) -> None:
    """Check all of a skeleton that `skeleton.expanded` has taken.

    Args:
        root: the skeleton.
        read: gives what stands beside it.

    Raises:
        Refused: a number is out of range, or a guarded class is not stored as `fit` leaves it.
        Damaged: an array is none.
    """
    values = Values(root, read)
    try:
        for place, node in values.nodes:
            values.place = place
            _check(values, node)
    except BundleError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        where = values.place or "the top"
        raise Damaged(
            f"the estimator at {where} is none: {type(error).__name__} {error}"
        ) from error


def _check(values: Values, node: Mapping[str, Any]) -> None:
    name = str(node.get("object") or node.get("type") or "")
    if "array" in node:
        values.array(node)
    elif node.get("loader") == "SparseMatrixNode":
        check_sparse(values, node)
    elif node.get("loader") == "TreeNode":  # which makes a tree, whatever the type says
        check_tree(values, node)
    elif name in _GUARDED:
        values.require("object" in node, f"{name} is there without what it consists of")
        _GUARDED[name](values, node)
    elif "object" in node:
        _check_estimator(values, values.state(node), name)


def _check_estimator(values: Values, state: Mapping[str, Any], name: str) -> None:
    """Check what an estimator says of the trees, vectors and centres in it."""
    features = values.real(state.get("n_features_in_"))
    tree = values.real(state.get("tree_"))
    if isinstance(tree, dict) and tree.get("loader") == "TreeNode":
        values.require(
            features_of(values, tree) == features, "n_features_in_ is not that of its tree"
        )
    if "_predictors" in state:
        _check_histograms(values, state, features)
    if "_n_support" in state:
        _check_support(values, state, features, classifies=_classifies(name, state))
    stages = values.real(state.get("estimators_"))
    if isinstance(stages, dict) and stages.get("loader") == "NdArrayNode":
        _check_stages(values, state, stages, features)
    centres = values.real(state.get("cluster_centers_"))
    if isinstance(centres, dict) and "array" in centres and features is not None:
        values.require(
            values.array(centres).shape[1:] == (features,), "its centres are of other features"
        )


def _check_histograms(values: Values, state: Mapping[str, Any], features: Any) -> None:
    values.require(type(features) is int, "n_features_in_ is no number")
    categorical = values.array(values.state(state.get("_bin_mapper")).get("is_categorical_"))
    for stage in values.items(state["_predictors"], "list"):
        for one in values.items(stage, "list"):
            check_predictor(values, values.state(one), features, categorical)


def _check_stages(
    values: Values, state: Mapping[str, Any], stages: Mapping[str, Any], features: Any
) -> None:
    """Check gradient boosting, which writes one column for each tree of a stage."""
    sizes = values.items(stages["fields"].get("shape", {}).get("node"), "tuple")
    trees = state.get("n_trees_per_iteration_")
    values.require(
        len(sizes) == 2 and (trees is None or sizes[1] == values.number(trees)),
        "a stage has other trees than it says",
    )
    for _, node in skeleton.walk(dict(stages)):
        found = values.real(node)
        if found.get("loader") == "TreeNode":
            values.require(features_of(values, found) == features, "a stage is of other features")


def _classifies(name: str, state: Mapping[str, Any]) -> bool:
    """Tell what its class decides; a class of the user's, which takes trust, by what it has."""
    own = not name.startswith("sklearn.svm._classes:")
    return "classes_" in state if own else name.endswith((":SVC", ":NuSVC"))


def _check_support(
    values: Values, state: Mapping[str, Any], features: Any, *, classifies: bool
) -> None:
    counts, support = values.array(state["_n_support"]), values.array(state.get("support_"))
    total = len(support)
    values.require(
        counts.ndim == 1
        and counts.dtype.kind == "i"
        and len(counts) >= 2
        and (counts if classifies else counts[:1]).sum() == total
        and (counts >= 0).all()
        and support.ndim == 1
        and in_range(support, values.number(values.items(state.get("shape_fit_"), "tuple")[0])),
        "support_ and _n_support do not belong together",
    )
    classes = len(counts) if classifies else 2
    values.require(
        _shape(values, state.get("_dual_coef_")) == (classes - 1, total),
        "_dual_coef_ has not a row for each class but one",
    )
    values.require(
        _shape(values, state.get("support_vectors_")) in ((total, features), (0, 0)),
        "support_vectors_ are not those of support_",
    )
    pairs = classes * (classes - 1) // 2
    for key, sizes in {"_intercept_": (pairs,), "_probA": (0, pairs), "_probB": (0, pairs)}.items():
        values.require(values.array(state.get(key)).size in sizes, f"{key} is of other classes")


def _shape(values: Values, node: Any) -> tuple[int, ...]:
    found = values.real(node)
    if isinstance(found, dict) and found.get("loader") == "SparseMatrixNode":
        return check_sparse(values, found)
    return tuple(values.array(found).shape)


def _check_predictor(values: Values, node: Mapping[str, Any]) -> None:
    check_predictor(values, values.state(node), None, None)


def _check_spline(values: Values, node: Mapping[str, Any]) -> None:
    state = values.state(node)
    knots = values.array(state.get("_t", state.get("t")))
    weights = values.array(state.get("_c", state.get("c")))
    degree, axis = values.number(state.get("k")), values.number(state.get("axis"))
    values.require(
        knots.ndim == 1
        and axis == 0
        and weights.ndim > 0
        and 0 <= degree < len(knots) - degree - 1 <= len(weights)
        and (knots[1:] >= knots[:-1]).all(),
        "the knots of a spline are not those of its degree",
    )


def _refuse(values: Values, node: Mapping[str, Any]) -> None:
    values.require(False, "a tree is there without its nodes")


_NEIGHBOURS = [
    f"sklearn.neighbors._{module}:{name}"
    for module, kind in (("kd_tree", "KDTree"), ("ball_tree", "BallTree"))
    for name in (kind, f"{kind}32", f"{kind}64", "BinaryTree32", "BinaryTree64")
]
_GUARDED: Mapping[str, Callable[[Values, Mapping[str, Any]], None]] = {
    TREE: _refuse,
    "sklearn.neighbors._quad_tree:_QuadTree": _refuse,
    "sklearn.ensemble._hist_gradient_boosting.predictor:TreePredictor": _check_predictor,
    "scipy.interpolate._bsplines:BSpline": _check_spline,
    **dict.fromkeys(_NEIGHBOURS, check_neighbours),
}
"""Classes that are never there but with all that they consist of."""
