"""The contract of adapters, kept by `torch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bundlekit.testing import AdapterContract

torch = pytest.importorskip("torch")

if TYPE_CHECKING:
    from bundlekit.testing import Outcome


class TestTorch(AdapterContract):
    adapter = "torch"
    cases = Path("modules.py")

    def make(self) -> tuple[Any, Any]:
        net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
        return net, np.ones((4, 3), "float32")

    @pytest.mark.parametrize(
        "name",
        ["deep", "images", "evaluating", "tied", "recurrent", "attention", "by_value", "double"],
    )
    def test_this_module_survives(self, outcomes: dict[str, Outcome], name: str) -> None:
        outcomes[name].check()
