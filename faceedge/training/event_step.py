"""One step of our network as a function without memory: what it remembers goes in and comes out.

So it becomes a TFLite file that runs on a stream in constant memory, and the same numbers come out as of the network
that was trained, step by step.
"""

from __future__ import annotations

import contextlib
import copy
import io
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from faceedge.perception.event_input import CELLS
from faceedge.training.cs3d import SpikingFace


class Step(nn.Module):
    """(grid, potentials of each layer, answer) to (answer, potentials of each layer).

    Normalisation is part of the convolutions here. Neurons as snntorch's `Leaky`, reset by subtraction: one that was
    above its threshold after the last step loses the threshold in this one.

    Args:
        network: after training; a copy is taken.
    """

    def __init__(self, network: SpikingFace) -> None:
        super().__init__()
        network = copy.deepcopy(network).eval()
        self.convolutions = nn.ModuleList(
            fuse_conv_bn_eval(layer.convolution, layer.normalisation) for layer in network.layers
        )
        self.decays = nn.ParameterList(layer.neurons.beta.detach().clamp(0, 1) for layer in network.layers)
        self.thresholds = [float(layer.neurons.threshold.detach()) for layer in network.layers]
        self.readout = network.readout
        self.keep = float(torch.sigmoid(network.keep.detach()))

    def forward(self, grid: torch.Tensor, answer: torch.Tensor, *potentials: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """One step.

        Args:
            grid: (1, polarity, row, column).
            answer: (1, label), before `cs3d.GAIN`.
            potentials: (1, channel, row, column) of each layer.
        """
        x, after = grid, []
        for convolution, decay, threshold, before in zip(
            self.convolutions, self.decays, self.thresholds, potentials, strict=True
        ):
            reset = (before > threshold).to(before.dtype) * threshold
            potential = decay * before + convolution(x) - reset
            x = (potential > threshold).to(potential.dtype)
            after.append(potential)
        answer = self.keep * answer + (1 - self.keep) * self.readout(x.flatten(1))
        return (answer, *after)

    def start(self) -> tuple[torch.Tensor, ...]:
        """Answer and potentials before the first step: nothing."""
        found, side = [torch.zeros(1, self.readout.out_features)], CELLS
        for convolution in self.convolutions:
            side //= convolution.stride[0]
            found.append(torch.zeros(1, convolution.out_channels, side, side))
        return tuple(found)


def write_step(network: SpikingFace, path: Path) -> None:
    """The float TFLite file of one step."""
    import litert_torch

    step = Step(network).eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.redirect_stdout(io.StringIO()):
        litert_torch.convert(step, (torch.zeros(1, 2, CELLS, CELLS), *step.start())).export(str(path))
