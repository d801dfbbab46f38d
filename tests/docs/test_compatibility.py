"""`docs/compatibility.md` shows the tables of results, and they are those that the test checks."""

from __future__ import annotations

from dataclasses import replace

from tests.compatibility.page import page
from tests.compatibility.regenerate import EXPECTED, PAGE, STOCK
from tests.compatibility.results import Result, Table

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
