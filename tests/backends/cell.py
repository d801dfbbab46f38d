"""What became of one kind of model, written under one backend and read under another."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of the table.

    Attributes:
        kind: the kind of model.
        writer: the backend that it was bundled under.
        reader: the backend that it was restored under; the writer's own where there is no bundle.
        reason: why there can be no such model, or what it cannot do, on one of the two.
        faults: what is not as it should be.
        apart: how far predictions are apart; `None` where there are none.
        seconds: of the processor, for making or for restoring and comparing.
        imported: backends that bundling or restoring it imported.
        compiles: whether what came back compiles its steps (`jit_compile`).
    """

    kind: str
    writer: str
    reader: str
    reason: str = ""
    faults: list[str] = field(default_factory=list)
    apart: float | None = None
    seconds: float = 0.0
    imported: list[str] = field(default_factory=list)
    compiles: bool = False

    @property
    def text(self) -> str:
        """What the table shows."""
        if self.faults:
            return "FAILED"
        if self.apart is None:
            return "cannot"
        return "same" if self.apart == 0 else f"{self.apart:.0e}"


def append(path: Path, cell: Cell) -> None:
    """Add a cell to a file, so that what a process found is there if it dies."""
    with path.open("a", encoding="utf-8") as file:
        print(json.dumps(asdict(cell)), file=file)


def read(path: Path) -> list[Cell]:
    """Give the cells of a file, none where there is none."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [Cell(**json.loads(line)) for line in lines]
