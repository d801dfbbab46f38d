"""The models that must survive, through the other adapters of Keras."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))

import models  # type: ignore[import-not-found] # beside this file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bundlekit.testing import Case

NOT_IN_H5 = ("adapted_text", "adapted_lookups")
SOME = (
    "sequential_mlp",
    "nested_models",
    "masked_bidirectional_lstm",
    "adapted_lookups",
    "mixed_precision",
    "subclassed_inside_functional",
)


def cases() -> Iterator[Case]:
    for case in models.cases():
        if case.name not in NOT_IN_H5:
            yield replace(case, name=f"{case.name}-keras-h5", adapter="keras-h5")
        if case.name in SOME:
            yield replace(case, name=f"{case.name}-keras-weights", adapter="keras-weights")
            yield replace(case, name=f"{case.name}-keras-config", adapter="keras-config")
