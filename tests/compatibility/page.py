"""`docs/compatibility.md`, made from the two tables of results."""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import compress
from typing import TYPE_CHECKING

from tests.compatibility.files import FORMATS
from tests.compatibility.results import ERROR, OK, REFUSED, RESET, WRONG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tests.compatibility.results import Result, Table

_SHORT = {OK: "ok", RESET: "ok¹", REFUSED: "refused", WRONG: "**wrong**", ERROR: "fails"}
_NONE = "·"

_INTRODUCTION = """\
# Compatibility

Which files of older releases `bundlekit.adopt` takes and `unbundle` turns back into what they were,
beside what stock Keras {keras} reads of the same files. {total} files of {models} models, written
by {writers} releases in every format that each of them offers; `tests/artifacts/README.md` says
what they are. Both read them under Keras {keras} and TensorFlow {tensorflow}.

**bundlekit reads {ours} of {total} right, stock Keras {theirs}.** {exceptions}

A file is read right if what comes back has been compared and is the same:

* a whole model: the outputs on a fixed batch, the optimizer's steps and slots, the loss of the next
  training step, and outputs and metrics after it;
* weights: the same of a fresh model that they are loaded into;
* an architecture: the outputs once the model has the weights;
* a SavedModel: the outputs.

Everything is read in a process that did not adopt it. `uv run python -m tests.compatibility.run`
prints what becomes of each file, and `python -m tests.compatibility.regenerate` writes this page; a
test fails where a result is not the one below.
"""

_LEGEND = """\
Each cell is `bundlekit / stock Keras`. `ok¹`: the model is right, and its optimizer starts anew, as
the bundle's `losses` say. `refused`: an error of bundlekit's that says why, see below. `fails`: any
other exception. `**wrong**`: read without an error, and not what was written. `·`: the release does
not offer the format, or could not write this model in it.
"""


def page(ours: Table, theirs: Table) -> str:
    """Give the text of the page."""
    results, stock = ours.results, theirs.results
    writers, models = _parts(results, 0), _parts(results, 1)
    sections = [
        _INTRODUCTION.format(
            **ours.reader,
            total=len(results),
            models=len(models),
            writers=len(writers),
            ours=_good(results.values()),
            theirs=_good(stock.values()),
            exceptions=_exceptions(results.values()),
        ),
        "## By release and format\n\nFiles read right by `bundlekit / stock Keras`, of how many.\n",
        _grid([*writers, "all"], partial(_counts, results, stock)),
        f"## File by file\n\n{_LEGEND}",
    ]
    for model in models:
        table = _grid(writers, partial(_pair, results, stock, model))
        sections.append(f"### {model}\n\n{table}")
    sections.append("## What is not read, and why\n")
    sections.append("\n".join(_reasons(results)) + "\n")
    return "\n".join(sections)


def _parts(results: Iterable[str], index: int) -> list[str]:
    """Give the writers (0) or models (1) of the keys, each once."""
    return list(dict.fromkeys(key.split("/")[index] for key in results))


def _good(results: Iterable[Result]) -> int:
    return sum(result.good for result in results)


def _exceptions(results: Iterable[Result]) -> str:
    counts = Counter(result.outcome for result in results)
    said = [f"{counts[REFUSED]} are refused with a reason"] if counts[REFUSED] else []
    said += [f"{counts[WRONG]} come back wrong"] if counts[WRONG] else []
    said += [f"{counts[ERROR]} fail with another exception"] if counts[ERROR] else []
    return f"Of the others, {', '.join(said)}." if said else ""


def _grid(writers: Iterable[str], cell: Callable[[str, str], str]) -> str:
    """Give a table, a row for each writer and a column for each format that has a cell."""
    rows = {writer: [cell(writer, name) for name in FORMATS] for writer in writers}
    used = [any(row[i] != _NONE for row in rows.values()) for i in range(len(FORMATS))]
    lines = ["| | " + " | ".join(f"`{name}`" for name in compress(FORMATS, used)) + " |"]
    lines.append("|---|" + "---|" * sum(used))
    lines += [
        f"| {writer} | " + " | ".join(compress(row, used)) + " |" for writer, row in rows.items()
    ]
    return "\n".join(lines) + "\n"


def _counts(
    ours: Mapping[str, Result], theirs: Mapping[str, Result], writer: str, name: str
) -> str:
    start = "" if writer == "all" else f"{writer}/"
    keys = [key for key in ours if key.startswith(start) and key.endswith(f"/{name}")]
    if not keys:
        return _NONE
    here, there = (_good(table[key] for key in keys) for table in (ours, theirs))
    return f"{here} / {there} of {len(keys)}"


def _pair(
    ours: Mapping[str, Result], theirs: Mapping[str, Result], model: str, writer: str, name: str
) -> str:
    key = f"{writer}/{model}/{name}"
    if key not in ours:
        return _NONE
    return f"{_SHORT[ours[key].outcome]} / {_SHORT[theirs[key].outcome]}"


def _reasons(results: Mapping[str, Result]) -> Iterator[str]:
    """Yield each reason once, with the files that have it."""
    files: dict[str, list[str]] = {}
    for key, result in results.items():
        if result.outcome != OK:
            files.setdefault(str(result), []).append(f"`{key}`")
    for reason, keys in sorted(files.items()):
        yield f"* {reason}\n  ({', '.join(keys)})"
