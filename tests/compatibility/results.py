"""What became of a recorded file, as one value with one line of text."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

OK = "ok"
RESET = "ok, optimizer reset (declared)"
REFUSED = "refused"
WRONG = "WRONG"
ERROR = "ERROR"
CLASSES = (OK, RESET, REFUSED, WRONG, ERROR)


@dataclass(frozen=True)
class Result:
    """A class of `CLASSES`, and the reason where it is not `ok`.

    `refused` is a `BundleError`; `WRONG` is an object that is not the one that was written;
    `ERROR` is any other exception.
    """

    outcome: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.outcome}: {self.reason}" if self.reason else self.outcome

    @classmethod
    def parse(cls, line: str) -> Result:
        """Read what `str` wrote."""
        for outcome in sorted(CLASSES, key=len, reverse=True):
            if line == outcome or line.startswith(f"{outcome}: "):
                return cls(outcome, line[len(outcome) + 2 :])
        raise ValueError(f"{line!r} is no result")

    @property
    def good(self) -> bool:
        return self.outcome in (OK, RESET)


def reason_of(error: BaseException, *places: Path) -> str:
    """Give an exception in one line that is the same on every machine and at every run."""
    text = " ".join(str(error).split())
    for place in places:
        text = text.replace(f"{place}/", "").replace(str(place), ".")
    text = re.sub(r"0x[0-9a-f]{6,}", "0x…", text)
    text = re.sub(r"\x1b\[\d*m", "", text)
    text = re.sub(r" defined at \(most recent call last\):.*", "", text)
    text = text if len(text) <= 400 else f"{text[:400]}…"
    return f"{type(error).__name__}: {text}"


@dataclass(frozen=True)
class Table:
    """Results by the files' keys, and the versions of what read the files."""

    reader: Mapping[str, str]
    results: Mapping[str, Result]

    @classmethod
    def read(cls, path: Path) -> Table:
        """Read what `write` wrote."""
        stored = json.loads(path.read_text("utf-8"))
        results = {key: Result.parse(line) for key, line in stored["results"].items()}
        return cls(stored["reader"], results)

    def write(self, path: Path) -> None:
        """Write the table as JSON."""
        lines = {key: str(result) for key, result in self.results.items()}
        stored = {"reader": dict(self.reader), "results": lines}
        path.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", "utf-8")


def installed_reader() -> dict[str, str]:
    """Give the versions of what reads the files here."""
    return {name: version(name) for name in ("keras", "tensorflow")}


def summary(results: Iterable[Result]) -> str:
    """Give the counts in one line."""
    counts = Counter(result.outcome for result in results)
    parts = [f"{counts[outcome]} {outcome}" for outcome in CLASSES if counts[outcome]]
    good = counts[OK] + counts[RESET]
    return f"{good} of {counts.total()} read right ({'; '.join(parts)})"
