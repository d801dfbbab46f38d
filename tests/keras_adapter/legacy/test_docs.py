"""The page about the migration says what the table says."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_page_is_the_one_that_the_table_gives() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "migration_docs.py"))
    page = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
    assert page == tool["page"](), "run tools/migration_docs.py"
