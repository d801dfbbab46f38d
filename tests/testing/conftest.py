"""The kit is tried on real models."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def _with_framework(framework: None) -> None:
    pass
