"""Networks that read expressions from events: C3D, CS3D, ours, and two rivals, all on the same clips.

Each takes (n, step, polarity, row, column) log counts and gives (n, label) logits. Widths are chosen so that all train
on two cores; C3D's and CS3D's are a share of the published one.

Sources: C3D: D. Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks", ICCV 2015. CS3D:
arXiv 2512.09592, of which the abstract alone is known here: decomposition, soft spiking neurons and spatio-temporal
attention are as we read it. Soft spiking neurons: S. Wozniak et al., "Deep learning incorporating biologically
inspired neural dynamics and in-memory computing", Nature Machine Intelligence 2020 (soft SNU, arXiv 2007.12723).
(2+1)-D: D. Tran et al., "A Closer Look at Spatiotemporal Convolutions", CVPR 2018. ConvLSTM: X. Shi et al., NeurIPS
2015. Leaky integrate-and-fire with surrogate gradient: J. Eshraghian et al., Proc. IEEE 2023 (snntorch).
"""

from __future__ import annotations

import itertools

import snntorch
import torch
from snntorch import surrogate
from torch import nn

from faceedge.perception.event_input import CELLS, LABELS, STEPS

C3D_CHANNELS = (64, 128, 256, 256, 512, 512, 512, 512)
"""As published."""
C3D_POOLED = ((1, 2, 2), (2, 2, 2), None, (2, 2, 2), None, (2, 2, 2), None, (2, 2, 2))
C3D_HIDDEN = 4096
WIDTH = 1 / 8
"""Share of the published channels."""
DROPOUT = 0.5
GAIN = 4.0
"""Of our answers, which would need large weights otherwise."""


def _channels(width: float) -> list[int]:
    return [max(8, int(channels * width)) for channels in C3D_CHANNELS]


class C3D(nn.Module):
    """Eight convolutions of 3 x 3 x 3, five pools, two hidden layers. Batch normalisation is ours: it helps it.

    Args:
        width: share of the published channels and hidden units.
    """

    def __init__(self, width: float = WIDTH) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 2
        for channels, pool in zip(_channels(width), C3D_POOLED, strict=True):
            layers += [nn.Conv3d(before, channels, 3, padding=1, bias=False), nn.BatchNorm3d(channels), nn.ReLU()]
            layers += [nn.MaxPool3d(pool)] if pool else []
            before = channels
        self.features = nn.Sequential(*layers)
        self.head = _c3d_head(before, width)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """See the module."""
        return self.head(self.features(clips.transpose(1, 2)).flatten(1))


def _c3d_head(channels: int, width: float) -> nn.Sequential:
    size, hidden = channels * (STEPS // 16) * (CELLS // 32) ** 2, int(C3D_HIDDEN * width)
    return nn.Sequential(
        nn.Linear(size, hidden), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(hidden, hidden), nn.ReLU(),
        nn.Dropout(DROPOUT), nn.Linear(hidden, len(LABELS)),
    )  # fmt: skip


class SoftSpiking(nn.Module):
    """Soft SNU along time: V_t = elu(x_t + d V_(t-1) (1 - h_(t-1))), h_t = sigmoid(V_t - 1); d = 0.8 at first, learnt.

    Takes and gives (n, channel, step, row, column).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.decay = nn.Parameter(torch.full((channels, 1, 1), 1.386))  # sigmoid of it is 0.8
        self.threshold = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        decay = torch.sigmoid(self.decay)
        potential, graded = torch.zeros_like(x[:, :, 0]), torch.zeros_like(x[:, :, 0])
        found = []
        for step in range(x.shape[2]):
            potential = nn.functional.elu(x[:, :, step] + decay * potential * (1 - graded))
            graded = torch.sigmoid(potential - self.threshold)
            found.append(graded)
        return torch.stack(found, 2)


class Attention(nn.Module):
    """Weights of places and of moments, one after the other."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.place = nn.Conv3d(2, 1, (1, 7, 7), padding=(0, 3, 3))
        self.moment = nn.Sequential(nn.Linear(steps, steps), nn.ReLU(), nn.Linear(steps, steps))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, channel, step, row, column) to the same."""
        x = x * torch.sigmoid(self.place(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)))
        return x * torch.sigmoid(self.moment(x.mean((1, 3, 4))))[:, None, :, None, None]


class CS3D(nn.Module):
    """C3D with each convolution as 1 x 3 x 3 and 3 x 1 x 1, soft spiking neurons, and attention twice."""

    def __init__(self, width: float = WIDTH) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before, steps = 2, STEPS
        for place, (channels, pool) in enumerate(zip(_channels(width), C3D_POOLED, strict=True)):
            layers += [
                nn.Conv3d(before, channels, (1, 3, 3), padding=(0, 1, 1), bias=False),
                nn.Conv3d(channels, channels, (3, 1, 1), padding=(1, 0, 0), bias=False),
                nn.BatchNorm3d(channels),
                SoftSpiking(channels),
            ]
            if pool:
                layers.append(nn.MaxPool3d(pool))
                steps //= pool[0]
            if place in (1, 3):
                layers.append(Attention(steps))
            before = channels
        self.features = nn.Sequential(*layers)
        self.head = _c3d_head(before, width)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """See the module."""
        return self.head(self.features(clips.transpose(1, 2)).flatten(1))


class ConvLSTM(nn.Module):
    """Convolutions of each step, two layers of convolutional LSTM, mean over places of the last state."""

    def __init__(self, channels: tuple[int, int] = (32, 48)) -> None:
        super().__init__()
        first, second = channels
        self.stem = nn.Sequential(
            nn.Conv2d(2, first, 5, 2, 2, bias=False), nn.BatchNorm2d(first), nn.ReLU(),
            nn.Conv2d(first, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU(),
        )  # fmt: skip
        self.lower = nn.Conv2d(2 * first, 4 * first, 3, padding=1)
        self.between = nn.Conv2d(first, second, 3, 2, 1)
        self.upper = nn.Conv2d(2 * second, 4 * second, 3, padding=1)
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(DROPOUT), nn.Linear(second * 64, len(LABELS)))

    @staticmethod
    def _step(gates: nn.Conv2d, x: torch.Tensor, state: list[torch.Tensor]) -> list[torch.Tensor]:
        into, forget, out, new = gates(torch.cat([x, state[0]], 1)).chunk(4, 1)
        cell = torch.sigmoid(forget + 1) * state[1] + torch.sigmoid(into) * torch.tanh(new)
        return [torch.sigmoid(out) * torch.tanh(cell), cell]

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """See the module."""
        count, steps = clips.shape[:2]
        seen = self.stem(clips.flatten(0, 1)).unflatten(0, (count, steps))
        size = self.upper.in_channels // 2
        lower = [torch.zeros_like(seen[:, 0]) for _ in range(2)]
        upper = [torch.zeros(count, size, 8, 8) for _ in range(2)]
        for step in range(steps):
            lower = self._step(self.lower, seen[:, step], lower)
            upper = self._step(self.upper, self.between(lower[0]), upper)
        return self.head(upper[0])


class VideoTransformer(nn.Module):
    """Patches of 8 x 8 cells and two steps as tokens; attention over places, then over moments, in turn (TimeSformer,
    G. Bertasius et al., ICML 2021).
    """

    def __init__(self, size: int = 96, layers: int = 3, heads: int = 4) -> None:
        super().__init__()
        self.patches = nn.Conv3d(2, size, (2, 8, 8), (2, 8, 8))
        self.place = nn.Parameter(0.02 * torch.randn(1, 1, (CELLS // 8) ** 2, size))
        self.moment = nn.Parameter(0.02 * torch.randn(1, STEPS // 2, 1, size))

        def layer() -> nn.TransformerEncoderLayer:
            return nn.TransformerEncoderLayer(size, heads, 2 * size, 0.1, "gelu", batch_first=True, norm_first=True)

        self.over_places = nn.ModuleList(layer() for _ in range(layers))
        self.over_moments = nn.ModuleList(layer() for _ in range(layers))
        self.head = nn.Sequential(nn.LayerNorm(size), nn.Dropout(DROPOUT), nn.Linear(size, len(LABELS)))

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """See the module."""
        tokens = self.patches(clips.transpose(1, 2)).flatten(3).permute(0, 2, 3, 1) + self.place + self.moment
        count, moments, places, size = tokens.shape
        for over_places, over_moments in zip(self.over_places, self.over_moments, strict=True):
            tokens = over_places(tokens.reshape(-1, places, size)).view(count, moments, places, size)
            turned = over_moments(tokens.transpose(1, 2).reshape(-1, moments, size))
            tokens = turned.view(count, places, moments, size).transpose(1, 2)
        return self.head(tokens.mean((1, 2)))


class Spiking(nn.Module):
    """Leaky integrate-and-fire neurons with learnt decay, one for each channel, behind a normalised convolution."""

    def __init__(self, convolution: nn.Module, channels: int) -> None:
        super().__init__()
        self.convolution, self.normalisation = convolution, nn.BatchNorm2d(channels)
        self.neurons = snntorch.Leaky(
            beta=torch.full((channels, 1, 1), 0.7), learn_beta=True, spike_grad=surrogate.atan(alpha=2.0),
            reset_mechanism="subtract",
        )  # fmt: skip

    def currents(self, x: torch.Tensor) -> torch.Tensor:
        """(n, step, channel, row, column) of what comes in."""
        count, steps = x.shape[:2]
        return self.normalisation(self.convolution(x.flatten(0, 1))).unflatten(0, (count, steps))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Spikes (n, step, channel, row, column)."""
        currents = self.currents(x)
        potential, spikes = torch.zeros_like(currents[:, 0]), []
        for step in range(currents.shape[1]):
            spike, potential = self.neurons(currents[:, step], potential)
            spikes.append(spike)
        return torch.stack(spikes, 1)


class SpikingFace(nn.Module):
    """Ours: convolutions of one step at a time, spikes in between, memory in the neurons alone.

    Nothing looks back: one step needs the new grid and the potentials, so it runs as a stream. The convolutions behind
    the first get spikes and so only add; depthwise ones would not save anything, as what they hand on is no spike.

    Args:
        channels: of the layers, the first at a quarter of the size, each further one at half of the one before.
    """

    def __init__(self, channels: tuple[int, ...] = (32, 64, 96)) -> None:
        super().__init__()
        layers = [Spiking(nn.Conv2d(2, channels[0], 5, 4, 2, bias=False), channels[0])]
        for before, after in itertools.pairwise(channels):
            layers.append(Spiking(nn.Conv2d(before, after, 3, 2, 1, bias=False), after))
        self.layers = nn.ModuleList(layers)
        side = CELLS >> (len(channels) + 1)
        self.dropout = nn.Dropout(DROPOUT)
        self.readout = nn.Linear(channels[-1] * side * side, len(LABELS))
        self.keep = nn.Parameter(torch.tensor(2.2))  # sigmoid: 0.9 of the answer stays from step to step

    def answers(self, clips: torch.Tensor) -> torch.Tensor:
        """(n, step, label) logits after each step; there may be any number of steps."""
        spikes = clips
        for layer in self.layers:
            spikes = layer(spikes)
        found = self.readout(self.dropout(spikes.flatten(2)))
        keep, answer, after = torch.sigmoid(self.keep), torch.zeros_like(found[:, 0]), []
        for step in range(found.shape[1]):
            answer = keep * answer + (1 - keep) * found[:, step]
            after.append(answer)
        return GAIN * torch.stack(after, 1)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """See the module."""
        return self.answers(clips)[:, -1]


NETWORKS = {
    "C3D": C3D,
    "CS3D": CS3D,
    "ConvLSTM": ConvLSTM,
    "transformer": VideoTransformer,
    "faceedge": SpikingFace,
}
