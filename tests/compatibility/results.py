"""What became of a recorded file, as one value with one line of text."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
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


def read_results(path: Path) -> dict[str, Result]:
    """Read a table of results by the files' keys."""
    stored = json.loads(path.read_text("utf-8"))
    return {key: Result.parse(line) for key, line in stored.items()}


def write_results(path: Path, results: Mapping[str, Result]) -> None:
    """Write a table of results by the files' keys."""
    lines = {key: str(result) for key, result in sorted(results.items())}
    path.write_text(json.dumps(lines, indent=1, ensure_ascii=False) + "\n", "utf-8")


def summary(results: Iterable[Result]) -> str:
    """Give the counts in one line."""
    counts = Counter(result.outcome for result in results)
    parts = [f"{counts[outcome]} {outcome}" for outcome in CLASSES if counts[outcome]]
    good = counts[OK] + counts[RESET]
    return f"{good} of {counts.total()} read right ({'; '.join(parts)})"
