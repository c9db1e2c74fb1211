"""Energy of a network by counting, as the field does: 4.6 pJ for a multiply-accumulate, 0.9 pJ for an addition.

Both are 32-bit floating point in 45 nm (M. Horowitz, ISSCC 2014). A layer whose input is spikes adds alone, and, on
hardware that waits for events, only where one came: its operations times the share of spikes. Everything else
multiplies, whatever its input. This counts arithmetic: no memory, no control, and says nothing of joules on a device.

Multiplications come from torch's own counter (`torch.utils.flop_counter`: convolutions, matrix products, attention).
What neurons do at each step is counted by hand: one multiply-accumulate each, two for the gates of a ConvLSTM's cell
and for a soft spiking one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from faceedge.perception.event_input import CELLS, STEPS
from faceedge.training.cs3d import ConvLSTM, SoftSpiking, Spiking, SpikingFace

MAC_PJ, AC_PJ = 4.6, 0.9


@dataclass(frozen=True, slots=True)
class LayerCount:
    """Of one clip.

    Attributes:
        name: of the layer.
        parameters: of it.
        macs: multiply-accumulates, all of them.
        acs: additions where the input is spikes, all of them: on hardware that does not wait for events.
        spikes: share of the inputs that are one; 1 where they are no spikes.
    """

    name: str
    parameters: int
    macs: int
    acs: int
    spikes: float = 1.0

    @property
    def dense_uj(self) -> float:
        """Energy when every addition is made."""
        return (self.macs * MAC_PJ + self.acs * AC_PJ) / 1e6

    @property
    def event_driven_uj(self) -> float:
        """Energy when additions are made for spikes alone."""
        return (self.macs * MAC_PJ + self.acs * self.spikes * AC_PJ) / 1e6


def count(network: nn.Module, clips: torch.Tensor | None = None) -> list[LayerCount]:
    """Layers of a network with their operations for one clip.

    Args:
        network: any of `cs3d.NETWORKS`.
        clips: real ones (n, step, polarity, row, column), for the share of spikes; None: for networks without any.
    """
    network = network.eval()
    if isinstance(network, SpikingFace):
        return _spiking(network, clips)
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # the counter does not see into attention that is fused
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, STEPS, 2, CELLS, CELLS))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    found = []
    per_module = {name: sum(flops.values()) // 2 for name, flops in counter.get_flop_counts().items()}
    top = type(network).__name__
    for name, child in _leaves(network):
        macs = per_module.get(f"{top}.{name}", 0) + _by_hand(child, name, network)
        parameters = sum(parameter.numel() for parameter in child.parameters())
        if macs or parameters:
            found.append(LayerCount(name, parameters, macs, 0))
    counted, total = sum(layer.macs for layer in found), per_module["Global"]
    rest = total + sum(_by_hand(child, name, network) for name, child in _leaves(network)) - counted
    if rest:
        found.append(LayerCount("products outside of layers", 0, rest, 0))
    return found


def _leaves(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """Modules that are counted as a whole: those without children, and attention layers."""
    whole = (SoftSpiking, nn.TransformerEncoderLayer)
    found: list[tuple[str, nn.Module]] = []
    for name, child in network.named_children():
        if isinstance(child, whole) or not list(child.children()):
            found.append((name, child))
        else:
            found += [(f"{name}.{below}", module) for below, module in _leaves(child)]
    return found


def _by_hand(child: nn.Module, name: str, network: nn.Module) -> int:
    """Multiply-accumulates of neurons, which torch does not count."""
    if isinstance(child, SoftSpiking):
        return 2 * _neurons(network, child)
    if isinstance(network, ConvLSTM) and name in ("lower", "upper"):
        assert isinstance(child, nn.Conv2d)
        side = CELLS // 4 if name == "lower" else CELLS // 8
        return 2 * STEPS * child.out_channels // 4 * side * side
    return 0


def _neurons(network: nn.Module, child: nn.Module) -> int:
    """Elements of what goes through a module for one clip."""
    seen: list[int] = []
    hook = child.register_forward_hook(lambda _module, _given, out: seen.append(out[0].numel()))
    with torch.no_grad():
        network(torch.zeros(1, STEPS, 2, CELLS, CELLS))
    hook.remove()
    return seen[0]


def _spiking(network: SpikingFace, clips: torch.Tensor | None) -> list[LayerCount]:
    if clips is None:
        raise ValueError("the share of spikes is measured on clips; give some.")
    found, x, rate = [], clips, 1.0
    with torch.no_grad():
        for place, layer in enumerate(network.layers):
            assert isinstance(layer, Spiking)
            convolution = layer.convolution
            out = layer(x)
            neurons = out[0].numel()
            weights = convolution.weight[0].numel()
            products = neurons * weights
            parameters = sum(parameter.numel() for parameter in layer.parameters())
            multiplied, added = (neurons, products) if place else (neurons + products, 0)
            found.append(LayerCount(f"layers.{place}", parameters, multiplied, added, rate))
            x, rate = out, float(out.mean())
        readout = network.readout
        products = STEPS * readout.weight.numel()
        parameters = sum(parameter.numel() for parameter in readout.parameters()) + 1
        found.append(LayerCount("readout", parameters, STEPS * readout.out_features, products, rate))
    return found
