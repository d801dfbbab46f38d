"""A module that the readers of the tests can import."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Tied(nn.Module):
    """Two layers with one weight, a buffer that is stored and one that passes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.options = {"widths": [width, width]}
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)
        self.second.weight = self.first.weight
        self.first.bias.requires_grad_(False)
        self.register_buffer("kept", torch.arange(width).float())
        self.register_buffer("passing", torch.ones(width), persistent=False)
        self.register_parameter("none", None)

    def forward(self, x: Any) -> Any:
        return self.second(self.first(x)) + self.kept * self.passing


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 4, num_layers=2, batch_first=True)
        self.head = nn.Linear(4, 1)

    def forward(self, x: Any) -> Any:
        return self.head(self.lstm(x)[0])
