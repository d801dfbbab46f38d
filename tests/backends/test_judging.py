"""Each check of the matrix fires: on arrays, on cells, on processes that die."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.backends import cell, judging, matrix, table
from tests.backends.backends import chosen_backends, chosen_kinds
from tests.backends.cell import Cell
from tests.backends.kinds import listing

if TYPE_CHECKING:
    from pathlib import Path

OLD = {"weight/0 kernel": np.array([1.0, 2.0], "float32"), "optimizer/0": np.array(3, "int64")}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weight/0 kernel": np.array([1.0, 2.0000002], "float32")}, "kernel: [1, 2] before"),
        ({"weight/0 kernel": np.array([1.0, 2.0], "float64")}, "float64[2] after"),
        ({"weight/0 kernel": np.array([[1.0, 2.0]], "float32")}, "float32[1, 2] after"),
        ({"optimizer/0": np.array(4, "int32")}, "[3] before, [4] after"),
        ({"optimizer/0": np.array(3, "int8")}, "int64[] before, int8[] after"),
        ({"weight/1 bias": np.array(0.0)}, "weight/1 bias is new"),
    ],
)
def test_a_difference_is_said(change: dict[str, Any], said: str) -> None:
    found = judging.different(OLD, {**OLD, **change}, same_backend=False)
    assert any(said in one for one in found), found


def test_what_is_gone_is_said() -> None:
    assert judging.different(OLD, {}, same_backend=True)[0] == "weight/0 kernel is gone"


def test_another_backend_may_keep_a_counter_in_another_integer_type() -> None:
    new = {**OLD, "optimizer/0": np.array(3, "int32")}
    assert judging.different(OLD, new, same_backend=False) == []
    assert judging.different(OLD, new, same_backend=True) != []


@pytest.mark.parametrize(
    ("old", "new", "apart"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([0.5, 0.25], [0.5, 0.5], 0.25),
        ([10.0, 2.0], [10.0, 1.0], 0.1),
        ([1.0, np.nan], [1.0, np.nan], 0.0),
        ([1.0, np.nan], [1.0, 2.0], np.inf),
        ([1.0], [1.0, 1.0], np.inf),
    ],
)
def test_predictions_are_apart_by_a_share_of_the_largest(
    old: list[float], new: list[float], apart: float
) -> None:
    assert judging.distance({"a": np.array(old)}, {"a": np.array(new)}) == apart


def test_a_prediction_that_is_missing_is_infinitely_far() -> None:
    assert judging.distance({"a": np.zeros(1)}, {}) == np.inf


def one(**given: Any) -> Cell:
    return Cell(**{"kind": "lstm", "writer": "jax", "reader": "torch", **given})


def test_the_table_shows_each_outcome_and_says_why() -> None:
    cells = [
        one(apart=0.0),
        one(writer="torch", apart=3e-7),
        one(kind="gru", faults=["Traceback\nValueError: no"]),
        one(kind="string_lookup", reason="no text"),
    ]
    text = "\n".join(table.lines(cells))
    for line in (
        "kind           jax>torch  torch>torch",
        "lstm           same       3e-07",
        "gru            FAILED     not run",
        "string_lookup  cannot     not run",
        "gru jax>torch: ValueError: no",
        "string_lookup jax>torch: no text",
    ):
        assert line in text.splitlines(), text


def test_a_process_that_dies_is_a_fault_of_what_it_did_not_do(tmp_path: Path) -> None:
    cell.append(tmp_path / "jax.read", one(reader="jax", apart=0.0))
    found = matrix.Found(cell.read(tmp_path / "jax.read"), {"jax": "it ended with -11"})
    assert found["lstm", "jax", "jax"].faults == []
    assert found["gru", "jax", "jax"].faults == ["it ended with -11"]


@pytest.mark.parametrize(
    ("variable", "choose"),
    [
        ("BUNDLEKIT_TEST_BACKENDS", chosen_backends),
        ("BUNDLEKIT_TEST_KINDS", chosen_kinds),
    ],
)
def test_an_unknown_name_in_the_environment_is_an_error(
    variable: str, choose: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "no-such")
    with pytest.raises(AssertionError, match=f"{variable} names"):
        choose()


def test_there_are_more_than_thirty_kinds() -> None:
    assert len(set(listing.names())) == len(listing.names()) >= 36
