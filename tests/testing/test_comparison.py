from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bundlekit.testing import Difference, Observation, compare
from bundlekit.testing.comparison import report

ARRAYS = arrays.arrays(
    st.sampled_from(["float32", "float16", "int64", "bool", "complex64", "uint8"]),
    arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


def seen(value: object, place: str = "it") -> list[Observation]:
    return [Observation(place, value)]  # type: ignore[arg-type]


@given(ARRAYS)
def test_an_array_is_no_different_from_its_copy(array: np.ndarray) -> None:
    assert compare(seen(array), seen(array.copy())) == ()


@given(ARRAYS.filter(lambda array: array.size), st.data())
def test_one_changed_bit_is_found_where_it_is(array: np.ndarray, data: st.DataObject) -> None:
    index = tuple(data.draw(st.integers(0, size - 1)) for size in array.shape)
    changed = array.copy()
    flat = changed.reshape(-1).view(np.uint8).reshape(-1, array.dtype.itemsize)
    flat[np.ravel_multi_index(index, array.shape) if array.shape else 0, 0] ^= 1
    (difference,) = compare(seen(array), seen(changed))
    assert f"1 of {array.size} values differ, first at {list(index)}" in difference.how


def test_nan_is_itself_and_minus_zero_is_not_zero() -> None:
    assert compare(seen(np.array([np.nan])), seen(np.array([np.nan]))) == ()
    assert compare(seen(np.array([0.0])), seen(np.array([-0.0]))) != ()


def test_dtype_and_shape_are_compared_first() -> None:
    (dtype,) = compare(seen(np.zeros(2, "float32")), seen(np.zeros(2, "float64")))
    (shape,) = compare(seen(np.zeros((2, 1))), seen(np.zeros(2)))
    assert dtype.how == "float32[2] before, float64[2] after"
    assert shape.how == "float64[2, 1] before, float64[2] after"


def test_text_shows_where_it_differs() -> None:
    (difference,) = compare(seen("x" * 100 + "left"), seen("x" * 100 + "right"))
    assert "left" in difference.how
    assert len(difference.how) < 120


def test_what_is_gone_and_what_is_new_are_differences() -> None:
    found = compare(seen("a", "old") + seen("b", "kept"), seen("b", "kept") + seen("c", "new"))
    assert found == (Difference("old", "is gone"), Difference("new", "is new"))


@pytest.mark.parametrize(("gap", "same"), [(0.5e-3, True), (2e-3, False), (np.nan, False)])
def test_a_tolerance_is_an_absolute_bound(gap: float, same: bool) -> None:
    one = np.ones(3)
    other = one + np.array([0, gap, 0])
    assert (compare(seen(one), seen(other), tolerance=1e-3) == ()) is same


def test_strings_in_arrays_are_compared() -> None:
    one, other = np.array(["a", "b"], dtype=object), np.array(["a", "c"], dtype=object)
    assert compare(seen(one), seen(one.copy())) == ()
    (difference,) = compare(seen(one), seen(other))
    assert "first at [1]: 'b' before, 'c' after" in difference.how


def test_a_report_shows_the_first_and_counts_the_rest() -> None:
    many = [Difference(f"place {index}", "is gone") for index in range(7)]
    assert report(many).splitlines()[0] == "  place 0: is gone"
    assert report(many).splitlines()[-1] == "  … and 2 more"
