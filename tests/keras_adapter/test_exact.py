"""What Keras leaves out of its files comes back all the same, and to the last bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundlekit.testing import Outcome, fresh_process

MODELS = Path(__file__).with_name("exact_models.py")


def names() -> list[str]:
    listed = MODELS.read_text().partition("MODELS = (")[2].partition(")")[0]
    return [name.strip() for name in listed.split(",") if name.strip()]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    return fresh_process(MODELS)


@pytest.mark.parametrize("name", names())
def test_a_fresh_process_has_the_same_model(name: str, outcomes: dict[str, Outcome]) -> None:
    outcomes[name].check()
