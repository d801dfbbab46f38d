"""The page of figures says what was measured."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import PAGE, PICTURES, stored
from benchmarks.report import duration, exponent, page, size


def test_the_page_is_what_was_stored_and_the_prose() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(stored(), PICTURES)


def test_the_power_of_a_growth_is_found() -> None:
    assert exponent([(x, 3 * x) for x in (1, 10, 50)]) == pytest.approx(1)
    assert exponent([(x, x**2 / 7) for x in (2, 20, 90)]) == pytest.approx(2)


def test_figures_are_written_with_their_unit() -> None:
    assert [duration(value) for value in (0.000123, 0.0123, 0.8, 1.5)] == [
        "0.123 ms",
        "12.3 ms",
        "800 ms",
        "1.50 s",
    ]
    assert [size(value) for value in (2048, 3 * 2**20, 2**30)] == [
        "2.0 KiB",
        "3.0 MiB",
        "1,024.0 MiB",
    ]
