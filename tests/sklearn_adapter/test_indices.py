"""What compiled code follows without looking is checked before it gets it."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bundlekit_sklearn import skeleton
from bundlekit_sklearn.arrays import array_of, settled

import bundlekit
from bundlekit import Damaged, Refused
from tests.sklearn_adapter.documents import (
    ADAPTER,
    array,
    audited,
    changed,
    rewrite,
    stored,
    values,
)

if TYPE_CHECKING:
    from collections.abc import Callable

X = np.random.default_rng(3).normal(size=(60, 3))
C = np.arange(60) % 3


def made(kind: str) -> Any:
    from scipy.sparse import bsr_array, coo_matrix, csc_matrix, csr_array, csr_matrix, dia_matrix
    from sklearn.cluster import KMeans
    from sklearn.ensemble import (
        GradientBoostingClassifier,
        HistGradientBoostingClassifier,
        RandomForestRegressor,
    )
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import SplineTransformer, StandardScaler
    from sklearn.svm import SVC, SVR, OneClassSVM
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    mixed = np.column_stack([X[:, 0], np.arange(60) % 5, X[:, 1]])
    chosen = np.isin(mixed[:, 1], [1, 3])
    options = {"min_samples_leaf": 2, "max_iter": 3, "categorical_features": [1]}
    weights = {"V": np.ones(3)}
    formats = (csr_matrix, csc_matrix, coo_matrix, dia_matrix, csr_array, bsr_array)
    return {
        "tree": lambda: DecisionTreeClassifier(random_state=0).fit(X, C),
        "tree of two": lambda: DecisionTreeRegressor().fit(X, X[:, :2]),
        "stump": lambda: DecisionTreeClassifier().fit(X, C * 0),
        "forest": lambda: RandomForestRegressor(3, random_state=0).fit(X, C),
        "stages": lambda: GradientBoostingClassifier(n_estimators=2).fit(X, C),
        "histograms": lambda: HistGradientBoostingClassifier(**options).fit(mixed, chosen),
        "kd_tree": lambda: KNeighborsClassifier(algorithm="kd_tree", leaf_size=5).fit(X, C),
        "ball_tree": lambda: KNeighborsClassifier(
            algorithm="ball_tree", leaf_size=5, metric="seuclidean", metric_params=weights
        ).fit(X, C),
        "svc": lambda: SVC().fit(X, C),
        "sparse svc": lambda: SVC(kernel="linear").fit(csr_matrix(X), C),
        "precomputed": lambda: SVC(kernel="precomputed").fit(X @ X.T, C),
        "svr": lambda: SVR().fit(X, C),
        "one class": lambda: OneClassSVM().fit(X),
        "splines": lambda: SplineTransformer().fit(X),
        "centres": lambda: KMeans(2, n_init=1).fit(X),
        "sparse": lambda: StandardScaler(copy=[kind(np.eye(4)) for kind in formats]),
        "sparse line": lambda: StandardScaler(copy=[csr_array(np.arange(4.0))]),
    }[kind]()


HONEST = (
    "tree", "tree of two", "stump", "forest", "stages", "histograms", "kd_tree", "ball_tree",
    "svc", "sparse svc", "precomputed", "svr", "one class", "splines", "centres", "sparse",
    "sparse line",
)  # fmt: skip


@pytest.mark.parametrize("kind", HONEST)
def test_what_fit_has_made_passes(kind: str) -> None:
    assert ADAPTER.audit(stored(made(kind))) == ()


def find(root: Any, key: str) -> Any:
    """Give the value of the first attribute of this name."""
    return holder(root, key)[key]


def holder(root: Any, key: str) -> Any:
    for _, node in skeleton.walk(root):
        for one in (node, node.get("state") or {}):
            if key in one.get("dict", {}):
                return one["dict"]
    raise KeyError(key)


def loaded(root: Any, loader: str) -> Any:
    return next(node for _, node in skeleton.walk(root) if node.get("loader") == loader)


def node(key: str, index: int | slice, value: Any, within: str = "nodes") -> Callable[[Any], None]:
    """Change one field of one node of a tree."""

    def change(root: Any) -> None:
        def put(found: Any) -> None:
            found[key][index] = value

        rewrite(find(root, within), put)

    return change


def given(position: int, value: Any) -> Callable[[Any], None]:
    """Change what a tree is constructed with."""

    def change(root: Any) -> None:
        arguments = loaded(root, "TreeNode")["fields"]["__reduce__"]["fields"]["args"]["node"]
        arguments["tuple"][position] = value

    return change


def put(key: str, value: Any) -> Callable[[Any], None]:
    def change(root: Any) -> None:
        holder(root, key)[key] = value

    return change


def numbers(key: str, index: Any, value: Any) -> Callable[[Any], None]:
    """Change one number of an array."""

    def change(root: Any) -> None:
        def write(found: Any) -> None:
            found[index] = value

        rewrite(find(root, key), write)

    return change


def neighbours(position: int, change: Callable[[Any], object]) -> Callable[[Any], None]:
    """Change an array, or a number, of a tree of neighbours."""

    def apply(root: Any) -> None:
        state = find(root, "_tree")["state"]["tuple"]
        if isinstance(state[position], dict):
            rewrite(state[position], change)
        else:
            state[position] = change(state[position])

    return apply


def first_field(key: str, value: Any) -> Callable[[Any], None]:
    def change(found: Any) -> None:
        found[key][0] = value

    return neighbours(2, change)


def hidden_classes(root: Any) -> None:
    """Let a classifier look like a regressor, whose second count is not used."""
    holder(root, "classes_").pop("classes_")
    rewrite(find(root, "_n_support"), lambda found: found * 0 + found.sum())


CHILD = "a child is not behind its parent, or beyond the last node"
FEATURE = "asks for a feature that is none of the 3"
CRAFTED: dict[str, tuple[str, Callable[[Any], None], str]] = {
    "left beyond": ("tree", node("left_child", 0, 10**9), CHILD),
    "left before": ("tree", node("left_child", 0, -7), CHILD),
    "itself": ("tree", node("left_child", 0, 0), CHILD),
    "round": ("tree", node("left_child", 1, 1), CHILD),
    "right beyond": ("tree", node("right_child", 0, 2**40), CHILD),
    "two parents": ("tree", node("right_child", 0, 1), "a node has not one parent"),
    "leaf with child": ("stump", node("right_child", 0, 5), "a leaf has a child"),
    "feature": ("tree", node("feature", 0, 3), FEATURE),
    "feature before": ("tree", node("feature", 0, -3), FEATURE),
    "more features": ("tree", given(0, 10**6), "n_features_in_ is not that of its tree"),
    "outputs": ("tree", given(2, 9), "has not a number of classes for each output"),
    "no classes": ("tree", given(1, array(np.array([0]))), "has not a number of classes"),
    "no number": ("tree", given(0, "3"), "a whole number is something else"),
    "node_count": ("tree", put("node_count", 10**6), "node_count is not that of nodes"),
    "max_depth": (
        "tree",
        lambda root: holder(root, "node_count").update(max_depth=1),
        "a tree is deeper than its max_depth",
    ),
    "nodes gone": ("tree", put("nodes", {"list": []}), "an array is something else"),
    "other nodes": ("tree", put("nodes", array(np.arange(3))), "nodes are no nodes"),
    "no nodes": (
        "stump",
        lambda root: rewrite(find(root, "nodes"), lambda found: found[:0]),
        "a tree has no nodes",
    ),
    "in a forest": ("forest", node("left_child", 0, 10**9), CHILD),
    "in a stage": ("stages", node("right_child", 0, 10**9), CHILD),
    "stage of others": ("stages", put("n_features_in_", 2), "a stage is of other features"),
    "more trees": ("stages", put("n_trees_per_iteration_", 1), "a stage has other trees"),
    "histogram left": ("histograms", node("left", 0, 2**31), CHILD),
    "histogram feature": ("histograms", node("feature_idx", 0, 3), FEATURE),
    "histogram category": ("histograms", node("bitset_idx", slice(None), 10**6), "bitsets has not"),
    "number as category": (
        "histograms",
        lambda root: rewrite(
            find(root, "_bin_mapper")["state"]["dict"]["is_categorical_"], lambda found: found & 0
        ),
        "asks a number for its category",
    ),
    "fewer columns": (
        "histograms",
        lambda root: rewrite(
            find(root, "_bin_mapper")["state"]["dict"]["is_categorical_"], lambda found: found[:1]
        ),
        "asks for a feature that is none of the 1",
    ),
    "idx_array": ("kd_tree", neighbours(1, lambda found: found + 1), "idx_array is beyond"),
    "idx_array before": ("ball_tree", neighbours(1, lambda found: found - 1), "idx_array is bey"),
    "idx_array short": ("kd_tree", neighbours(1, lambda found: found[1:]), "idx_array is beyond"),
    "start before": ("kd_tree", first_field("idx_start", -1), "node_data are beyond idx_array"),
    "end beyond": ("ball_tree", first_field("idx_end", 61), "node_data are beyond idx_array"),
    "nodes short": ("kd_tree", neighbours(2, lambda found: found[:3]), "those of the levels"),
    "nodes counted": ("kd_tree", neighbours(6, lambda n: 2 * n + 1), "those of the levels"),
    "levels": ("kd_tree", neighbours(5, lambda n: n + 1), "those of the levels"),
    "many levels": ("kd_tree", neighbours(5, lambda n: 10**9), "those of the levels"),
    "no leaf": (
        "kd_tree",
        neighbours(2, lambda found: found["is_leaf"].fill(0)),
        "the last level is no leaf",
    ),
    "bounds": ("kd_tree", neighbours(3, lambda found: found[:, :1]), "node_bounds are not"),
    "weights": ("kd_tree", neighbours(12, lambda n: array(np.ones(2))), "sample_weight is not one"),
    "metric": (
        "kd_tree",
        lambda root: find(root, "_tree")["state"]["tuple"].__setitem__(11, 5),
        "a metric is none",
    ),
    "metric weights": (
        "ball_tree",
        lambda root: find(root, "_tree")["state"]["tuple"][11]["state"]["tuple"].__setitem__(
            1, array(np.ones(1))
        ),
        "a metric has other weights",
    ),
    "neighbours gone": (
        "kd_tree",
        lambda root: find(root, "_tree").pop("state"),
        "a tree of neighbours lacks what it consists of",
    ),
    "support": ("svc", numbers("support_", 0, 60), "support_ and _n_support do not belong"),
    "negative counts": (
        "svc",
        lambda root: rewrite(find(root, "_n_support"), lambda n: n + np.array([-99, 99, 0], "i4")),
        "support_ and _n_support do not belong",
    ),
    "classes hidden": ("svc", hidden_classes, "support_ and _n_support do not belong"),
    "vectors": (
        "svc",
        lambda root: rewrite(find(root, "support_vectors_"), lambda found: found[:, :1]),
        "support_vectors_ are not those of support_",
    ),
    "duals": (
        "svr",
        lambda root: rewrite(find(root, "dual_coef_"), lambda found: found[:, 1:]),
        "_dual_coef_ has not a row for each class but one",
    ),
    "intercepts": (
        "one class",
        lambda root: rewrite(find(root, "_intercept_"), lambda found: found[:0]),
        "_intercept_ is of other classes",
    ),
    "knots": (
        "splines",
        lambda root: rewrite(find(root, "_t"), lambda found: found[:5]),
        "the knots of a spline are not",
    ),
    "knots in disorder": (
        "splines",
        lambda root: rewrite(find(root, "_t"), lambda found: found[::-1]),
        "the knots of a spline are not",
    ),
    "degree": ("splines", put("k", 40), "the knots of a spline are not"),
    "centres": (
        "centres",
        lambda root: rewrite(find(root, "cluster_centers_"), lambda found: found[:, :1]),
        "its centres are of other features",
    ),
}


@pytest.mark.parametrize("way", CRAFTED)
def test_what_somebody_has_crafted_is_refused(way: str) -> None:
    kind, change, match = CRAFTED[way]
    crafted = changed(made(kind), change)
    with pytest.raises(Refused, match=match):
        ADAPTER.audit(crafted)


def test_what_was_not_changed_passes_as_it_is_taken_apart() -> None:
    for kind in {kind for kind, _, _ in CRAFTED.values()}:
        assert ADAPTER.audit(changed(made(kind), lambda root: None)) == ()


TREE = "sklearn.tree._tree:Tree"
BARE = {
    "called": {
        "loader": "ConstructorFromReduceNode",
        "type": TREE,
        "fields": {"content": {"node": {"tuple": [3, array(np.array([2])), 1]}}},
    },
    "object": {"object": TREE, "state": {"dict": {}}},
    "type": {"loader": "TypeNode", "type": TREE, "fields": {}},
    "list": {"loader": "ListNode", "type": "sklearn.neighbors._kd_tree:KDTree", "fields": {}},
    "predictor": {"object": "sklearn.ensemble._hist_gradient_boosting.predictor:TreePredictor"},
    "neighbours": {"object": "sklearn.neighbors._ball_tree:BinaryTree64"},
    "spline": {"object": "scipy.interpolate._bsplines:BSpline"},
    "quad": {"object": "sklearn.neighbors._quad_tree:_QuadTree"},
}


@pytest.mark.parametrize("way", BARE)
def test_a_tree_without_its_nodes_is_refused(way: str) -> None:
    with pytest.raises(Refused, match="was not made by fitting"):
        audited({"list": [BARE[way]]})


def test_a_tree_under_another_name_is_checked_all_the_same() -> None:
    def disguise(root: Any) -> None:
        loaded(root, "TreeNode")["type"] = "sklearn.pipeline:Pipeline"
        node("left_child", 0, 10**9)(root)

    with pytest.raises(Refused, match=CHILD):
        ADAPTER.audit(changed(made("tree"), disguise))


def test_a_tree_whose_fields_are_none_is_damaged() -> None:
    with pytest.raises(Damaged, match="the estimator at the top is none"):
        audited({"loader": "TreeNode", "type": TREE, "fields": {}})


SPARSE: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "csr column": ("csr", "indices", lambda found: found + 4),
    "csr before": ("csr", "indices", lambda found: found - 1),
    "csr rows": ("csr", "indptr", lambda found: found[:-1]),
    "csr order": ("csr", "indptr", lambda found: found[::-1]),
    "csr end": ("csr", "indptr", lambda found: found * 9),
    "csr start": ("csr", "indptr", lambda found: found + (found == 0)),
    "csr data": ("csr", "data", lambda found: found[:-1]),
    "csc row": ("csc", "indices", lambda found: found + 4),
    "coo row": ("coo", "row", lambda found: found + 4),
    "coo column": ("coo", "col", lambda found: found - 1),
    "dia offsets": ("dia", "offsets", lambda found: np.append(found, 1)),
    "bsr block": ("bsr", "indices", lambda found: found + 4),
    "shape": ("csr", "shape", lambda found: found[:1] * 0 + 2),
    "no shape": ("csr", "shape", lambda found: None),
    "format": ("csr", "format", lambda found: np.array(b"lil")),
}


@pytest.mark.parametrize("way", SPARSE)
def test_a_sparse_matrix_with_indices_beyond_its_shape_is_refused(way: str) -> None:
    import scipy.sparse

    kind, key, change = SPARSE[way]

    def spelled(change: Callable[[Any], Any]) -> Any:
        file = io.BytesIO()
        scipy.sparse.save_npz(file, getattr(scipy.sparse, f"{kind}_matrix")(np.eye(4)))
        held = dict(np.load(io.BytesIO(file.getvalue())))
        held[key] = change(held[key])
        again = io.BytesIO()
        np.savez(again, **{name: one for name, one in held.items() if one is not None})
        text = base64.b64encode(again.getvalue()).decode()
        fields = {"type": "scipy", "file": {"data": text}}
        name = f"scipy.sparse._{kind}:{kind}_matrix"
        return {"loader": "SparseMatrixNode", "type": name, "fields": fields}

    assert audited(spelled(lambda found: found)) == ()
    with pytest.raises(Refused, match="a sparse matrix has"):
        audited(spelled(change))


def test_the_audit_imports_no_framework(tmp_path: Any) -> None:
    bundlekit.bundle(made("forest")).save(tmp_path / "forest.bundle")
    code = (
        "import sys, bundlekit; assert bundlekit.Bundle(sys.argv[1]).needs == ();"
        "print({'sklearn', 'skops', 'scipy', 'keras'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "forest.bundle"], check=True, stdout=subprocess.PIPE
    )
    assert done.stdout.strip() == b"set()"


def test_memory_between_fields_is_not_stored() -> None:
    kind = np.dtype({"names": ["a", "b"], "formats": ["i8", "u1"], "itemsize": 16})
    memory = np.full(32, 0xAB, "u1")
    file = io.BytesIO()
    np.save(file, memory.view(kind), allow_pickle=False)
    clean = settled(file.getvalue())
    assert bytes(array_of(clean).tobytes()) == (b"\xab" * 9 + bytes(7)) * 2
    np.testing.assert_array_equal(array_of(clean), memory.view(kind))
    assert values(array(np.arange(3))).tolist() == [0, 1, 2]
