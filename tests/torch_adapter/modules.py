"""Modules of PyTorch for `fresh_process`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from bundlekit import Trust
from bundlekit.testing import Case

sys.path.insert(0, str(Path(__file__).parent / "own"))
import acme_torch  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from collections.abc import Iterator


def gate() -> nn.Module:
    """Give a module of a class that no reader could import."""

    class Gate(nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.sigmoid(x) * x

    return nn.Sequential(Gate(), nn.Linear(4, 1))


def deep() -> nn.Sequential:
    """Give a module whose submodules are more than ten, so that 10 comes after 9."""
    layers = [each for width in range(6) for each in (nn.Linear(4 + width, 5 + width), nn.ReLU())]
    return nn.Sequential(*layers)


def cases() -> Iterator[Case]:
    torch.manual_seed(0)
    x = np.random.RandomState(0).rand(6, 4).astype("float32")
    images = x.reshape(2, 1, 3, 4)
    image_net = nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.Dropout(), nn.Flatten())
    image_net(torch.as_tensor(images))  # running statistics are no longer what they begin with
    own: dict[str, Any] = {"python_path": ["own"], "trust": ["acme_torch"]}
    yield Case(name="deep", obj=deep(), inputs=x)
    yield Case(name="images", obj=image_net, inputs=images)
    yield Case(name="evaluating", obj=deep().eval(), inputs=x)
    yield Case(name="tied", obj=acme_torch.Tied(4), inputs=x, **own)
    yield Case(name="recurrent", obj=acme_torch.Recurrent(), inputs=x.reshape(2, 4, 3), **own)
    yield Case(name="attention", obj=nn.TransformerEncoderLayer(4, 2, 8, activation=nn.GELU()),
               inputs=x.reshape(2, 3, 4))  # fmt: skip
    yield Case(name="by_value", obj=gate(), inputs=x, trust=Trust(code=True))
    half = nn.Linear(4, 2).to(torch.bfloat16).to(torch.float64)
    yield Case(name="double", obj=half, inputs=x.astype("float64"))
