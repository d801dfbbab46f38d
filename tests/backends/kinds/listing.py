"""All kinds: their names, read from the sources without Keras, and they themselves."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.backends.kinds.kind import Kind

MODULES = (
    "structures",
    "convolutions",
    "sequences",
    "random_layers",
    "preprocessing",
    "numerics",
    "training",
)


def names() -> list[str]:
    """Give the names of all kinds, in order; collecting tests should not wait for Keras."""
    return [name for module in MODULES for name in _decorated(module)]


def kinds() -> Mapping[str, Kind]:
    """Import Keras, and give all kinds by name."""
    from tests.backends.kinds.kind import KINDS

    for module in MODULES:
        importlib.import_module(f"tests.backends.kinds.{module}")
    return KINDS


def _decorated(module: str) -> list[str]:
    tree = ast.parse(Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8"))
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(each).startswith("kind(") for each in node.decorator_list)
    ]
