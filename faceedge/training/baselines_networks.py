"""Networks of the baselines: a narrow residual network that tells the enrolled people apart, and an autoencoder."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

BLOCKS = (3, 4, 6, 3)
"""Of ResNet-34 (K. He et al., CVPR 2016)."""
WIDTH = 8
"""Channels of the first stage; ResNet-34 has 64. The narrow one trains on a single core."""
SIDE = 64
CODE = 32
"""Numbers between encoder and decoder."""


class Block(nn.Module):
    """Two 3 x 3 convolutions and what goes around them."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)])
        self.around: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels:
            self.around = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, channels_in, h, w) to (n, channels, h / stride, w / stride)."""
        inside = functional.relu(self.norms[0](self.first(x)))
        return functional.relu(self.norms[1](self.second(inside)) + self.around(x))


class Classifier(nn.Module):
    """ResNet-34 with fewer channels; (n, 2, 64, 64) to features (n, 8 x width) and logits (n, classes)."""

    def __init__(self, classes: int, width: int = WIDTH) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(2, width, 7, 2, 3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
        ]
        before = width
        for stage, blocks in enumerate(BLOCKS):
            channels = width * 2**stage
            for place in range(blocks):
                layers.append(Block(before, channels, 2 if stage and not place else 1))
                before = channels
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(before, classes)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features and logits."""
        features = self.body(images)
        return features, self.head(features)


class Autoencoder(nn.Module):
    """Two convolutions to `CODE` numbers and back; (n, 2, 64, 64) to the same."""

    def __init__(self) -> None:
        super().__init__()
        smallest = SIDE // 8
        self.layers = nn.Sequential(
            nn.Conv2d(2, 16, 5, 4, 2),
            nn.LeakyReLU(),
            nn.Conv2d(16, 32, 3, 2, 1),
            nn.LeakyReLU(),
            nn.Flatten(),
            nn.Linear(32 * smallest**2, CODE),
            nn.Linear(CODE, 32 * smallest**2),
            nn.Unflatten(1, (32, smallest, smallest)),
            nn.LeakyReLU(),
            nn.ConvTranspose2d(32, 16, 4, 2, 1),
            nn.LeakyReLU(),
            nn.ConvTranspose2d(16, 2, 4, 4),
            nn.Sigmoid(),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Encode and decode."""
        return self.layers(images)
