"""Every file that another release wrote gives what the checked-in table says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.artifacts.keras_files import SCRIPT
from tests.compatibility.files import recorded
from tests.compatibility.regenerate import EXPECTED, STOCK
from tests.compatibility.results import ERROR, WRONG, Table, installed_reader, summary
from tests.compatibility.run import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.compatibility.results import Result

TABLE, THEIRS = Table.read(EXPECTED), Table.read(STOCK)
WRITERS = sorted({key.split("/")[0] for key in TABLE.results})


@pytest.fixture(scope="module")
def results(keras_files: Path) -> Mapping[str, Result]:
    return run(recorded(keras_files), SCRIPT)


def test_the_tables_have_a_result_for_every_file(keras_files: Path) -> None:
    keys = [file.key for file in recorded(keras_files)]
    assert len(keys) == 283
    assert sorted(keys) == sorted(TABLE.results) == sorted(THEIRS.results)


@pytest.mark.parametrize("writer", WRITERS)
def test_what_a_release_wrote_is_read_as_the_table_says(
    writer: str, results: Mapping[str, Result]
) -> None:
    reasons = TABLE.reader == installed_reader()  # others say what went wrong in other words
    differences = [
        f"{key}: {results[key]}; the table says {expected}"
        for key, expected in TABLE.results.items()
        if key.startswith(f"{writer}/")
        and (results[key] if reasons else results[key].outcome)
        != (expected if reasons else expected.outcome)
    ]
    assert not differences, "\n".join(differences)


def test_nothing_is_read_wrong_and_every_refusal_is_our_own() -> None:
    bad = [f"{k}: {r}" for k, r in TABLE.results.items() if r.outcome in (WRONG, ERROR)]
    assert not bad, "\n".join(bad)
    assert all(result.reason for result in TABLE.results.values() if not result.good)


def test_nothing_is_refused_that_stock_keras_reads() -> None:
    worse = [key for key, stock in THEIRS.results.items() if stock.good > TABLE.results[key].good]
    assert not worse
    assert summary(THEIRS.results.values()).startswith("182 of 283 ")
