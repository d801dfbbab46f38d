"""Sparse matrices, which compiled code follows by their indices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit_sklearn import arrays
from bundlekit_sklearn.values import in_range

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bundlekit_sklearn.values import Values

_BEYOND = "a sparse matrix has indices beyond its shape"


def check_sparse(values: Values, node: Mapping[str, Any]) -> tuple[int, ...]:
    """Check a sparse matrix; give its shape.

    Raises:
        Refused: its indices do not belong together.
        Damaged: it is none.
    """
    found = arrays.sparse_of(values.data(node["fields"]["file"]))
    values.require(
        {"data", "format", "shape"} <= found.keys()
        and found["shape"].ndim == 1
        and found["shape"].dtype.kind in "iu"
        and found["data"].ndim > 0
        and found["format"].ndim == 0,
        "a sparse matrix has no shape",
    )
    shape = tuple(map(int, found["shape"]))
    kind = found["format"].item()
    kind = kind.decode("ascii", "replace") if isinstance(kind, bytes) else kind
    known = {"bsr": _by_rows, "coo": _by_places, "csc": _by_rows, "csr": _by_rows, "dia": _by_lines}
    values.require(kind in known, f"a sparse matrix has the format {kind!r}")
    values.require(known[kind](found, shape, kind), _BEYOND)
    return shape


def _by_rows(found: Mapping[str, Any], shape: tuple[int, ...], kind: str) -> bool:
    data, steps, inner = found["data"], found["indptr"], found["indices"]
    rows, columns = shape if len(shape) == 2 else (1, *shape)
    if kind == "csc":
        rows, columns = columns, rows
    high, wide = data.shape[1:] if kind == "bsr" else (1, 1)
    return bool(
        min(high, wide) > 0
        and inner.shape == data.shape[:1]
        and steps.shape == (rows // high + 1,)
        and in_range(steps, len(inner) + 1)
        and steps[0] == 0
        and (steps[1:] >= steps[:-1]).all()
        and in_range(inner, columns // wide)
    )


def _by_places(found: Mapping[str, Any], shape: tuple[int, ...], kind: str) -> bool:
    places = found["coords"] if "coords" in found else (found["row"], found["col"])
    return len(places) == len(shape) and all(
        one.shape == found["data"].shape and in_range(one, size)
        for one, size in zip(places, shape, strict=True)
    )


def _by_lines(found: Mapping[str, Any], shape: tuple[int, ...], kind: str) -> bool:
    return len(shape) == 2 and found["offsets"].shape == found["data"].shape[:1]
