"""Estimators that hold networks and trees at once survive in a fresh process."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import bundlekit
from bundlekit import Damaged
from bundlekit.testing import Outcome, fresh_process

pytest.importorskip("xgboost")
pytest.importorskip("lightgbm")
NAMES = ("voting", "stacking", "in_a_dict")


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    return fresh_process(Path(__file__).with_name("together_models.py"))


@pytest.mark.parametrize("name", NAMES)
def test_all_models_in_it_survive(name: str, outcomes: dict[str, Outcome]) -> None:
    outcomes[name].check()
    assert set(outcomes) == set(NAMES)


@pytest.fixture
def voting(framework: None) -> Any:
    import together_models  # type: ignore[import-not-found]

    return together_models.voting()[0]


def test_each_model_is_a_part_of_its_own_adapter(voting: Any) -> None:
    bundle = bundlekit.bundle(voting)
    adapters = sorted(part.adapter for _, part in bundle.manifest.walk())
    # One of each, though a voting classifier holds its estimators twice, and once by name.
    assert adapters == ["keras", "lightgbm", "sklearn", "xgboost"]


def test_a_damaged_model_of_any_of_them_is_refused(voting: Any) -> None:
    data = bundlekit.dumps(voting)
    members = bundlekit.Bundle(data).manifest.members
    models = [one.path for one in members if re.search(r"model\.(ubj|txt|weights\.h5)$", one.path)]
    assert len(models) == 3
    for path in models:
        start = data.index(bytes(bundlekit.Bundle(data).read(path)))
        damaged = bytearray(data)
        damaged[start + 100] ^= 1
        with pytest.raises(Damaged, match=re.escape(path)):
            bundlekit.unbundle(bytes(damaged), trust=bundlekit.Trust(code=True))
