"""`docs/formats.md` says what the adapters say of themselves."""

from __future__ import annotations

from bundlekit._registry import installed
from tools import formats_page


def test_the_page_is_what_the_adapters_declare() -> None:
    assert formats_page.PAGE.read_text(encoding="utf-8") == formats_page.page()


def test_every_adapter_declares_what_it_keeps_and_loses() -> None:
    for record in installed().usable:
        name = record.name
        section = formats_page.table().partition(f"### `{name}`")[2].partition("###")[0]
        for row in ("writes", "gives back", "keeps", "loses"):
            assert f"| {row} | " in section
            assert f"| {row} |  |" not in section
