"""The operations that any SavedModel may hold: computation, control flow, variables, tables.

The data, `ops.txt`, are written by `tools/tensorflow_ops.py`, which holds the rule. What is not
on the list, an operation of a later TensorFlow as well, runs only if it is trusted by name.
Nothing here imports TensorFlow.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

SAVING = frozenset({"MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"})
"""What reads and writes checkpoints: allowed in a SavedModel's own saver, see `saver`."""

TEXT_TABLE = "InitializeTableFromTextFileV2"
"""Fills a table from a file: allowed on an asset of the SavedModel, see `assets`."""


@cache
def allowed() -> frozenset[str]:
    """Give the names of the operations that need no trust.

    Example:
        >>> "MatMul" in allowed(), "ReadFile" in allowed()
        (True, False)
    """
    text = Path(__file__).with_name("ops.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))
