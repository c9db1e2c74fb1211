"""FOODER's expression stage: a ResNet block that tells dynamic from static, and two small MobileViT networks.

S. M. Kahya et al., arXiv:2512.18057, give the order of decisions and the kinds of network, not their sizes, which are
chosen here. MobileViT: S. Mehta and M. Rastegari, arXiv:2110.02178; the widths are those of its XXS, cut short after
the second transformer. Two things differ so that int8 loses little: ReLU instead of SiLU, and batch instead of layer
normalisation, which vanishes in the weights (as in LeViT, B. Graham et al., arXiv:2104.01136).
"""

from __future__ import annotations

import torch
from torch import nn

from faceedge.training.expression_network import ResidualBlock, conv_norm

RANGES = 32
"""Of 64 range bins the nearest are looked at, 0.9 m with the full band: farther away there is no face."""
PATCH = 2
HEADS = 4
BRANCHES = 2
"""Answers of each network."""


class _Inverted(nn.Module):
    """MobileNetV2's block: widen, filter each channel on its own, narrow."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        wide = 2 * channels_in
        filtered = nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False)
        self.layers = nn.Sequential(
            conv_norm(channels_in, wide, kernel=1), nn.ReLU(),
            filtered, nn.BatchNorm2d(wide), nn.ReLU(),
            conv_norm(wide, channels_out, kernel=1),
        )  # fmt: skip
        self.adds = stride == 1 and channels_in == channels_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x) if self.adds else self.layers(x)


class _Attention(nn.Module):
    """A transformer layer over (n, width, pixel of a patch, patch): patches look at each other, pixel by pixel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = conv_norm(width, 3 * width, kernel=1)
        self.join = conv_norm(width, width, kernel=1)
        self.forth = nn.Sequential(
            conv_norm(width, 2 * width, kernel=1), nn.ReLU(), conv_norm(2 * width, width, kernel=1)
        )
        self.each = width // HEADS

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, width, pixels, patches = x.shape
        parts = self.mix(x).reshape(n, 3 * HEADS, self.each, pixels * patches)
        split = [part.reshape(n * HEADS, self.each, pixels, patches).permute(0, 2, 3, 1) for part in parts.chunk(3, 1)]
        query, key, value = split
        weights = torch.softmax(query @ key.transpose(2, 3) * self.each**-0.5, dim=-1)
        seen = (weights @ value).permute(0, 3, 1, 2).reshape(n, width, pixels, patches)
        x = x + self.join(seen)
        return x + self.forth(x)


class _MobileVit(nn.Module):
    """Local convolutions, then transformers over patches of 2 x 2, then both together."""

    def __init__(self, channels: int, width: int, layers: int) -> None:
        super().__init__()
        self.into = nn.Sequential(conv_norm(channels, channels), nn.ReLU(), nn.Conv2d(channels, width, 1))
        self.layers = nn.Sequential(*(_Attention(width) for _ in range(layers)))
        self.back = nn.Sequential(conv_norm(width, channels, kernel=1), nn.ReLU())
        self.fuse = nn.Sequential(conv_norm(2 * channels, channels), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.into(x)
        n, width, high, wide = y.shape
        rows, columns = high // PATCH, wide // PATCH
        y = y.reshape(n * width * rows, PATCH, columns, PATCH).transpose(1, 2)
        y = y.reshape(n * width, rows * columns, PATCH * PATCH).transpose(1, 2)
        y = self.layers(y.reshape(n, width, PATCH * PATCH, rows * columns))
        y = y.reshape(n * width, PATCH * PATCH, rows * columns).transpose(1, 2)
        y = y.reshape(n * width * rows, columns, PATCH, PATCH).transpose(1, 2).reshape(n, width, high, wide)
        return self.fuse(torch.cat([x, self.back(y)], 1))


class _Judge(nn.Module):
    """Means over the map, then logits, and beside them what is only learnt along."""

    def __init__(self, channels: int, beside: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.3)
        self.out = nn.Linear(channels, BRANCHES + beside)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.dropout(x.mean((2, 3))))


def stage_network(channels: int, beside: int = 0) -> nn.Sequential:
    """Dynamic or static: (n, channels, RANGES, 64) to (n, BRANCHES + beside)."""
    return nn.Sequential(
        conv_norm(channels, 24, stride=2), nn.ReLU(),
        ResidualBlock(24, 32, stride=2, attention=False),
        ResidualBlock(32, 48, stride=2, attention=False),
        _Judge(48, beside),
    )  # fmt: skip


def leaf_network(channels: int, beside: int = 0) -> nn.Sequential:
    """One of two leaves: (n, channels, RANGES, 64) to (n, BRANCHES + beside)."""
    return nn.Sequential(
        conv_norm(channels, 16, stride=2), nn.ReLU(),
        _Inverted(16, 24, 2), _Inverted(24, 24, 1), _Inverted(24, 40, 2),
        _MobileVit(40, 56, 2),
        _Inverted(40, 56, 1),
        _MobileVit(56, 72, 1),
        _Judge(56, beside),
    )  # fmt: skip


class Exported(nn.Module):
    """Images (n, channels, 64, 64) to logits (n, 2), without what was learnt along."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(images[:, :, :RANGES])[:, :BRANCHES]
