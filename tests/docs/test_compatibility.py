"""`docs/compatibility.md` shows the tables of results, and they are those that the test checks."""

from __future__ import annotations

from dataclasses import replace

from tests.compatibility.page import page
from tests.compatibility.regenerate import EXPECTED, PAGE, STOCK
from tests.compatibility.results import Result, Table

README = PAGE.parents[1] / "README.md"
OURS, THEIRS = Table.read(EXPECTED), Table.read(STOCK)


def test_the_page_is_what_the_tables_give() -> None:
    assert PAGE.read_text("utf-8") == page(OURS, THEIRS)


def test_the_page_shows_every_result_and_every_reason() -> None:
    text = page(OURS, THEIRS)
    for key, result in OURS.results.items():
        changed = replace(OURS, results={**OURS.results, key: Result("refused", "a new reason")})
        if result.outcome != "refused":
            assert page(changed, THEIRS) != text
        assert f"a new reason\n  (`{key}`)" in page(changed, THEIRS)
        assert result.reason in text


def test_the_readme_has_the_counts_of_the_page() -> None:
    text = " ".join(README.read_text("utf-8").split())
    right, stock = (sum(r.good for r in table.results.values()) for table in (OURS, THEIRS))
    refused = len(OURS.results) - right
    assert f"of {len(OURS.results)} recorded files, {right} do and {refused} have lost" in text
    assert f"stock Keras 3.15 reads {stock}." in text
