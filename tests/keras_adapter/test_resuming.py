"""Training goes on from a bundle as if nothing had happened, bit for bit."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).with_name("resuming_models.py")
MODELS = ("fit", "own_step")
OPTIMIZERS = ("adam", "momentum_and_schedule", "average", "scaled_loss", "accumulation")
CASES = [f"{model}-{optimizer}" for model, optimizer in itertools.product(MODELS, OPTIMIZERS)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train and bundle in one process, and go on in another."""
    folder = tmp_path_factory.mktemp("resuming")
    for part in ("write", "read"):
        subprocess.run([sys.executable, SCRIPT, part, folder], check=True)
    return folder


def differing(folder: Path, case: str, one: str, other: str) -> list[str]:
    with (
        np.load(folder / f"{case}.{one}.npz") as left,
        np.load(folder / f"{case}.{other}.npz") as right,
    ):
        assert set(left) == set(right)
        assert len(left) > 8
        return [path for path in left if left[path].tobytes() != right[path].tobytes()]


@pytest.mark.parametrize("case", CASES)
def test_a_bundle_in_between_changes_nothing(case: str, folder: Path) -> None:
    assert differing(folder, case, "parts", "resumed") == []


@pytest.mark.parametrize("case", [case for case in CASES if "average" not in case])
def test_it_is_as_if_trained_at_once(case: str, folder: Path) -> None:
    assert differing(folder, case, "whole", "resumed") == []


@pytest.mark.parametrize("case", [case for case in CASES if "average" in case])
def test_two_fits_are_not_one_where_fit_ends_with_the_averages(case: str, folder: Path) -> None:
    """Keras itself overwrites the weights with their averages at the end of each `fit`."""
    assert differing(folder, case, "whole", "parts") != []
