"""The recorded files below a folder: `<writer>/<model>/`, and beside them what is true of them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FORMATS = (
    "keras",
    "h5_named_keras",
    "keras_dir",
    "h5",
    "saved_model",
    "ckpt",
    "weights_h5",
    "weights_legacy_h5",
    "weights_sharded",
    "json",
)
"""All formats, in the order of the tables."""

WHOLE = frozenset({"keras", "h5_named_keras", "keras_dir", "h5"})
WEIGHTS = frozenset({"ckpt", "weights_h5", "weights_legacy_h5", "weights_sharded"})
HOLDS_OPTIMIZER = WHOLE | {"ckpt"}
"""The formats that every writer puts the optimizer's state into."""


@dataclass(frozen=True)
class Recorded:
    """One file, or the folder or prefix that stands for several, as a user would name it."""

    root: Path
    writer: str
    model: str
    format: str

    @property
    def key(self) -> str:
        """What the file is called in tables of results."""
        return f"{self.writer}/{self.model}/{self.format}"

    @property
    def path(self) -> Path:
        return self.folder / str(self.meta["formats"][self.format])

    @property
    def folder(self) -> Path:
        return self.root / self.writer / self.model

    @cached_property
    def meta(self) -> dict[str, Any]:
        """What the writer recorded of the model; see the README of the artifacts."""
        found: dict[str, Any] = json.loads((self.folder / "meta.json").read_text("utf-8"))
        return found


def recorded(root: Path, wanted: Sequence[str] = ()) -> list[Recorded]:
    """Give the files below a folder, in the order of writers, models and formats.

    Args:
        root: the folder.
        wanted: parts of keys, `keras3.0/`, `/json`; every file that has one of them, or all.
    """
    found = [
        Recorded(root, path.parent.parent.name, path.parent.name, name)
        for path in sorted(root.glob("*/*/meta.json"), key=_natural)
        for name in FORMATS
        if name in json.loads(path.read_text("utf-8"))["formats"]
    ]
    return [file for file in found if not wanted or any(part in file.key for part in wanted)]


def _natural(path: Path) -> list[tuple[str, int]]:
    """Sort `keras3.12` behind `keras3.9`."""
    return [(text, int(number or 0)) for text, number in re.findall(r"(\D+)(\d*)", str(path))]


def weights_beside(file: Recorded) -> list[Recorded]:
    """Give the files of the same model that hold nothing but weights."""
    return [
        Recorded(file.root, file.writer, file.model, name)
        for name in ("weights_h5", "weights_legacy_h5", "ckpt")
        if name in file.meta["formats"]
    ]
