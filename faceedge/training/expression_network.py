"""The expression network: a small residual network with squeeze-and-excitation on a 48x48 grey face.

1.5 million weights, so that the int8 file stays below 2 MB. Dense 3x3 convolutions instead of depthwise ones: at this
resolution they are as fast on the int8 kernels of a CPU and train several times faster without an accelerator.

Sources: K. He et al., "Deep residual learning for image recognition", 2016; J. Hu et al., "Squeeze-and-excitation
networks", 2018; average-pooled shortcuts after T. He et al., "Bag of tricks for image classification", 2019.
"""

from __future__ import annotations

import torch
from torch import nn

WIDTHS = (32, 48, 96, 192)
CLASSES = 7


def conv_norm(channels_in: int, channels_out: int, *, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Convolution without bias and its batch normalisation."""
    convolution = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out))


class SqueezeExcitation(nn.Module):
    """Weighs each channel by a function of all channels' means."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // reduction, 1)
        self.excite = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale ``x`` (n, channels, h, w) channel by channel."""
        weight = torch.relu(self.squeeze(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.excite(weight))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut; a stride halves the picture.

    ``attention`` adds squeeze-and-excitation, which costs most time and gives least at the highest resolution.
    """

    def __init__(self, channels_in: int, channels_out: int, *, stride: int = 1, attention: bool = True) -> None:
        super().__init__()
        self.first = conv_norm(channels_in, channels_out, stride=stride)
        self.second = conv_norm(channels_out, channels_out)
        self.attention: nn.Module = SqueezeExcitation(channels_out) if attention else nn.Identity()
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride) if stride > 1 else nn.Identity(), conv_norm(channels_in, channels_out, kernel=1)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, channels_in, h, w) to (n, channels_out, h / stride, w / stride)."""
        y = self.attention(self.second(torch.relu(self.first(x))))
        return torch.relu(y + self.shortcut(x))


class ExpressionNetwork(nn.Module):
    """Logits (n, 7) of a standardised grey face (n, 1, 48, 48) float32.

    ``half_resolution`` starts with 24x24, where faces of a band of 24 cosines or less lose nothing and the stem costs a
    quarter; otherwise the stem sees all 48x48 and halves them itself.
    """

    def __init__(
        self,
        *,
        half_resolution: bool = False,
        widths: tuple[int, int, int, int] = WIDTHS,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        stem, a, b, c = widths
        self.features = nn.Sequential(
            nn.AvgPool2d(2) if half_resolution else nn.Identity(),
            conv_norm(1, stem),
            nn.ReLU(),
            conv_norm(stem, a, stride=1 if half_resolution else 2),
            nn.ReLU(),
            ResidualBlock(a, a, attention=False),
            ResidualBlock(a, b, stride=2),
            ResidualBlock(b, b),
            ResidualBlock(b, c, stride=2),
            ResidualBlock(c, c),
        )
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(c, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, 1, 48, 48) to (n, 7)."""
        return self.classify(self.dropout(self.features(x).mean((2, 3))))
