"""Arithmetic of the networks of events for a clip of 0.8 s, by counting; `faceedge/training/event_energy.py` says how.

Needs torch (extra ``train``). The spiking network's share of spikes needs recordings; its card has that table.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from rows import Row


def section(args: argparse.Namespace) -> list[Row]:
    """MACs and energy of each network."""
    try:
        from faceedge.training.cs3d import C3D, CS3D, NETWORKS, SpikingFace
        from faceedge.training.event_energy import count
    except ImportError:
        return [Row("energy", float("nan"), "uJ", note="torch or snntorch is not installed")]
    makers: dict[str, Callable[[], Any]] = {
        "C3D as published": lambda: C3D(1.0),
        "CS3D at that width": lambda: CS3D(1.0),
    }
    makers |= {name: network for name, network in NETWORKS.items() if network is not SpikingFace}
    rows = []
    for name, make in makers.items():
        layers = count(make())
        macs, parameters = sum(layer.macs for layer in layers), sum(layer.parameters for layer in layers)
        energy_uj = sum(layer.dense_uj for layer in layers)
        rows.append(Row(name, energy_uj, "uJ", note=f"{macs / 1e6:,.0f} million MACs, {parameters:,} parameters"))
    return rows
