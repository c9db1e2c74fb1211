"""The network that reads motion by range: what a face shows at each instant of a few seconds.

Convolutions over range and time, then dilated ones over time (F. Yu and V. Koltun, 2016; as a temporal convolutional
network: S. Bai et al., arXiv:1803.01271). One look at an instant rests on 1.6 s before it and 1.6 s after it.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from faceedge.perception.radar_expression import LEAVES
from faceedge.perception.radar_expression_features import BINS, CHANNELS
from faceedge.training.radar_expression_data import POSES, UNITS

BY_TIME = 5
"""The last channels say the same in all bins."""
DILATIONS = (1, 2, 4, 6)


class _Block(nn.Module):
    """A residual step over time."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.steps = nn.Sequential(
            nn.Conv2d(width, width, (3, 1), padding=(dilation, 0), dilation=(dilation, 1)),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv2d(width, width, 1),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(x + self.steps(x))


class MotionNetwork(nn.Module):
    """From (n, CHANNELS, time, BINS) to (n, out, time).

    The first outputs are logits of the leaves, then come the face units and the pose, which are learnt beside and not
    exported.
    """

    def __init__(self, width: int = 64, dropout: float = 0.2, channel_dropout: float = 0.05) -> None:
        super().__init__()
        by_bin = CHANNELS - BY_TIME
        self.ranges = nn.Sequential(
            nn.Conv2d(by_bin, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(),
            nn.Conv2d(24, 32, 3, stride=(1, 2), padding=1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Dropout2d(channel_dropout),
            nn.Conv2d(32, 32, 3, stride=(1, 2), padding=1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Dropout2d(channel_dropout),
        )  # fmt: skip
        self.join = nn.Conv2d(32, width, (1, BINS // 4))
        self.head_motion = nn.Conv2d(BY_TIME, width, 1, bias=False)
        self.joined = nn.BatchNorm2d(width)
        self.times = nn.Sequential(*(_Block(width, dilation, dropout) for dilation in DILATIONS))
        self.last_dropout = nn.Dropout(0.3)
        self.out = nn.Conv2d(width, len(LEAVES) + len(UNITS) + POSES, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        echo, head = x[:, :-BY_TIME], x[:, -BY_TIME:, :, :1]
        joined = self.join(self.ranges(echo)) + self.head_motion(head)
        y = self.times(functional.relu(self.joined(joined)))
        return self.out(self.last_dropout(y))[..., 0]


class Exported(nn.Module):
    """(n, CHANNELS, time, BINS) to logits (n, time, leaf) alone."""

    def __init__(self, network: MotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x)[:, : len(LEAVES)].permute(0, 2, 1)
