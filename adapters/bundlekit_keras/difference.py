"""How far two answers of a model are from each other, and how far they may be.

A float is compared with the largest magnitude of its output, so that one near zero among large
ones may differ by as much as they do. The tolerance is for other machines, other versions and
other backends, which add in another order; the same ones give a difference of 0. What the weights
are wrong of differs by far more.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Probed
from bundlekit_keras import internals, nested

if TYPE_CHECKING:
    from bundlekit_keras.nested import Nested

TOLERANCES = {
    "float64": 1e-8,
    "float32": 1e-4,
    "float16": 1e-2,
    "bfloat16": 5e-2,
    "float8_e4m3fn": 0.25,
    "float8_e5m2": 0.5,
}
"""By the coarsest dtype that the model computes in: relative to the largest magnitude of an output.
Between 6 and 10 roundings for the coarse ones; a thousand for float32, whose sums are long."""
_PARTS = {"complex64": "float32", "complex128": "float64"}


def compared(model: Any, stored: Nested, found: Nested) -> Probed:
    """Compare what a model answers with what is stored; the worst output speaks for all.

    Integers, booleans and strings have a tolerance of 0, and their difference is the share of
    elements that are not equal. It is infinite where an output has another shape or dtype, is not
    there, or is finite on one side only.
    """
    pairs = _pairs(stored, found)
    results = [
        Probed(
            difference=math.inf if other is None else _difference(one, other),
            tolerance=tolerance(one.dtype.name, model),
            output=name,
            outputs=len(pairs),
        )
        for name, one, other in pairs
    ]
    return max(results, key=_severity, default=_NOTHING)


_NOTHING = Probed(difference=0.0, tolerance=0.0, output="", outputs=0)


def tolerance(dtype: str, model: Any) -> float:
    """Give the difference that passes in an output of this dtype."""
    if _PARTS.get(dtype, dtype) not in TOLERANCES:
        return 0.0
    computed = {str(layer.compute_dtype) for layer in internals.all_layers(model)}
    return max(TOLERANCES.get(_PARTS.get(one, one), 0.0) for one in {dtype, *computed})


def _pairs(stored: Nested, found: Nested) -> list[tuple[str, Any, Any]]:
    others = dict(nested.flatten(found, "output"))
    expected = dict(nested.flatten(stored, "output"))
    more = [(name, other, None) for name, other in others.items() if name not in expected]
    return [(name, one, others.get(name)) for name, one in expected.items()] + more


def _severity(one: Probed) -> float:
    if one.difference == 0:
        return 0.0
    return one.difference / one.tolerance if one.tolerance else math.inf


def _difference(one: Any, other: Any) -> float:
    import numpy as np

    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return math.inf
    if not one.size:
        return 0.0
    if one.dtype.name not in {*TOLERANCES, *_PARTS}:
        return float(np.mean(one != other))
    wide = "complex128" if one.dtype.kind == "c" else "float64"
    one, other = one.astype(wide), other.astype(wide)
    finite = np.isfinite(one)
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    if not same[~finite | ~np.isfinite(other)].all():
        return math.inf
    if not finite.any():
        return 0.0
    scale = float(np.abs(one[finite]).max()) or 1.0
    return float(np.abs(one[finite] - other[finite]).max()) / scale
