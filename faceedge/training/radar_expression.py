"""Training of the radar's expression network on synthetic people.

``faceedge train radar-expression --data FOLDER`` runs it. People are split by their number: 0 to 199 are learnt from,
200 to 239 choose and calibrate, 240 to 299 are tested.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from faceedge.perception.radar_expression import LEAVES
from faceedge.perception.radar_expression_features import BINS
from faceedge.training.expression import follow
from faceedge.training.radar_expression_data import MARGIN_BINS, PERIOD_S, UNITS, MotionSession
from faceedge.training.radar_expression_network import MotionNetwork

Say = Callable[[str], None]
RECEIVERS = 3
PAIR_ANGLES = slice(12, 14)
EDGE_STEPS, EDGE_WEIGHT = 4, 0.3
"""At both ends of a stretch little is seen of what came before or after."""


@dataclass(frozen=True, slots=True)
class MotionTrainingSettings:
    """Everything that decides the result besides the data."""

    epochs: int = 44
    batch: int = 32
    stretch: int = 56
    learning_rate: float = 4e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.05
    leaf_weights: tuple[float, ...] = (0.55, 1.6, 1.0, 1.15)
    rest_weight: float = 0.3
    truth_weight: float = 1.0
    reversed_share: float = 0.25
    noise: float = 0.05
    gain_spread: float = 0.15
    average_decay: float = 0.99
    timing_noise: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Tensors:
    features: torch.Tensor
    labels: torch.Tensor
    units: torch.Tensor
    pose: torch.Tensor


def train(
    sessions: Sequence[MotionSession], settings: MotionTrainingSettings, say: Say = print, watch: Watch | None = None
) -> MotionNetwork:
    """Train on sessions of equal length; returns the network with averaged weights.

    Args:
        sessions: to learn from.
        settings: the recipe.
        say: receives a line every few epochs.
        watch: looks at the averaged network then; what it says follows in that line.
    """
    torch.set_num_threads(1)
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    shortest = min(len(session.labels) for session in sessions)
    data = _tensors(sessions, shortest, settings.timing_noise, rng)
    network = MotionNetwork()
    average = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )  # fmt: skip
    steps = len(sessions) // settings.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=settings.epochs * steps + 1, pct_start=0.15
    )
    started, done = time.monotonic(), 0
    for epoch in range(settings.epochs):
        network.train()
        order, losses = rng.permutation(len(sessions)), 0.0
        for index in range(steps):
            chosen = torch.from_numpy(order[index * settings.batch : (index + 1) * settings.batch])
            loss = _loss(network, _batch(data, chosen, rng, settings), settings)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 2.0)
            optimiser.step()
            schedule.step()
            done += 1
            follow(average, network, min(settings.average_decay, (1 + done) / (10 + done)))
            losses += float(loss.detach())
        if epoch % 5 == 4 or epoch == settings.epochs - 1:
            seen = watch(average) if watch is not None else ""
            say(f"epoch {epoch + 1} loss {losses / steps:.3f} {seen} {time.monotonic() - started:.0f} s")
    return average.eval()


Watch = Callable[[MotionNetwork], str]


def save(network: MotionNetwork, folder: Path) -> None:
    """Keep the weights as ``weights.pt`` in a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), folder / "weights.pt")


def _tensors(sessions: Sequence[MotionSession], length: int, noise: float, rng: np.random.Generator) -> _Tensors:
    units = torch.from_numpy(np.stack([session.units[:length] for session in sessions]).transpose(0, 2, 1).copy())
    return _Tensors(
        torch.from_numpy(np.stack([session.features[:, :length] for session in sessions])),
        torch.from_numpy(np.stack([shifted_labels(session, noise, rng)[:length] for session in sessions])),
        units / units.std((0, 2), keepdim=True).clamp(min=1e-6),
        torch.from_numpy(np.stack([session.pose[:length] for session in sessions]).transpose(0, 2, 1).copy()),
    )


def shifted_labels(session: MotionSession, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Labels (time,) as somebody would give them who starts each act up to ``noise`` of its length early or late."""
    if not noise:
        return session.labels
    time_s = np.arange(len(session.labels)) * PERIOD_S
    labels = np.full(len(time_s), -1, np.int64)
    for act in session.acts:
        shift_s = rng.uniform(-noise, noise) * (act.stop_s - act.start_s)
        labels[(time_s >= act.start_s + shift_s) & (time_s < act.stop_s + shift_s)] = act.leaf
    return labels


def _batch(
    data: _Tensors, chosen: torch.Tensor, rng: np.random.Generator, settings: MotionTrainingSettings
) -> tuple[torch.Tensor, _Tensors]:
    """Stretches of sessions, changed in ways that leave the expression what it is."""
    length = data.labels.shape[1]
    first = int(rng.integers(0, length - settings.stretch + 1))
    bin_ = int(rng.integers(0, 2 * MARGIN_BINS + 1))
    back = bool(rng.random() < settings.reversed_share)
    times = slice(first, first + settings.stretch)
    x = data.features[chosen, int(back), times, bin_ : bin_ + BINS].float().permute(0, 3, 1, 2)
    # The receivers are a few millimetres apart: which is which says little, and left is as good as right.
    order = rng.permutation(RECEIVERS)
    by_receiver = np.concatenate([group * RECEIVERS + order for group in range(4)])
    x = x[:, np.concatenate([by_receiver, np.arange(len(by_receiver), x.shape[1])])]
    if rng.random() < 0.5:
        x[:, PAIR_ANGLES] *= -1
    gains = np.exp(settings.gain_spread * rng.standard_normal((len(chosen), 15, 1, 1))).astype(np.float32)
    x[:, :15] *= torch.from_numpy(gains)
    x = x + settings.noise * torch.randn_like(x)

    def part(values: torch.Tensor) -> torch.Tensor:
        taken = values[chosen]
        return (taken.flip(-1) if back else taken)[..., times]

    return x, _Tensors(x, part(data.labels), part(data.units), part(data.pose))


def _loss(
    network: MotionNetwork, batch: tuple[torch.Tensor, _Tensors], settings: MotionTrainingSettings
) -> torch.Tensor:
    x, truth = batch
    out = network(x)
    leaves, units = len(LEAVES), len(UNITS)
    known = truth.labels.clamp(min=0)  # rest is neutral, at a weight of its own
    weight = torch.where(
        truth.labels >= 0, torch.tensor(settings.leaf_weights)[known], torch.tensor(settings.rest_weight)
    )
    weight[:, :EDGE_STEPS] *= EDGE_WEIGHT
    weight[:, -EDGE_STEPS:] *= EDGE_WEIGHT
    each = functional.cross_entropy(
        out[:, :leaves], known, reduction="none", label_smoothing=settings.label_smoothing
    )  # fmt: skip
    of_units = functional.smooth_l1_loss(out[:, leaves : leaves + units], truth.units)
    of_pose = functional.smooth_l1_loss(out[:, leaves + units :], truth.pose.clamp(-4, 4))
    return (each * weight).sum() / weight.sum() + settings.truth_weight * (of_units + 0.3 * of_pose)
