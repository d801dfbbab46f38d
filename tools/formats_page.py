"""Write the table of `docs/formats.md` from what the adapters say of themselves.

python tools/formats_page.py            # write it
python tools/formats_page.py --check    # fail where the page says something else
"""

from __future__ import annotations

import sys
from pathlib import Path

from bundlekit._registry import installed

PAGE = Path(__file__).parents[1] / "docs" / "formats.md"
BEGIN, END = "<!-- written by tools/formats_page.py -->\n", "<!-- end -->\n"


def table() -> str:
    """Give a section for each adapter."""
    return "\n".join(_section(record.adapter) for record in installed().usable)


def page() -> str:
    """Give the page as it should be."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _section(adapter: object) -> str:
    default = getattr(adapter, "default", False)
    types = getattr(adapter, "types", ())
    by_default = types if default is True else (default or ())
    marks = [f"classes with `{mark}`" for mark in getattr(adapter, "marks", ())]
    rows = {
        "takes": ", ".join([*(f"`{name}`" for name in types), *marks]),
        "chosen by default for": ", ".join(f"`{name}`" for name in by_default) or "nothing",
        "writes": ", ".join(f"`{name}`" for name in getattr(adapter, "members", ())),
        "gives back": getattr(adapter, "gives", ""),
        "keeps": "; ".join(getattr(adapter, "keeps", ())),
        "loses": "; ".join(getattr(adapter, "loses", ())) or "nothing",
        "same object, same bytes": "yes" if getattr(adapter, "deterministic", False) else "no",
        "options of `bundle`": _options(getattr(adapter, "pack_options", ())),
        "options of `unbundle`": _options(getattr(adapter, "unpack_options", ())),
    }
    lines = [f"### `{getattr(adapter, 'name', '')}`", "", "| | |", "|---|---|"]
    return "\n".join([*lines, *(f"| {key} | {value} |" for key, value in rows.items()), ""])


def _options(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}=`" for name in names) or "none"


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        if PAGE.read_text(encoding="utf-8") != page():
            sys.exit(f"{PAGE.name} is not what the adapters say; run python tools/formats_page.py")
    else:
        PAGE.write_text(page(), encoding="utf-8")
