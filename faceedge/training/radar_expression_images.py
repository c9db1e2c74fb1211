"""Training of FOODER's expression stage on images of synthetic people.

``faceedge train radar-expression-images`` runs it. The three networks see the same samples: the first all of them, each
of the others its half. As many samples of each leaf are drawn, and some of the time between acts, as neutral.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from faceedge.perception.expression_networks import softmax
from faceedge.perception.radar_expression import LEAVES
from faceedge.perception.radar_expression_images import DYNAMIC_LEAVES, STATIC_LEAVES, leaf_log_probabilities
from faceedge.training.expression import follow
from faceedge.training.radar_expression_data import REST, UNITS
from faceedge.training.radar_expression_images_data import LEVELS, ImageSession, Places, places, stacks
from faceedge.training.radar_expression_images_network import BRANCHES, RANGES, leaf_network, stage_network

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ImageTrainingSettings:
    """Everything that decides the result besides the data."""

    moments: int = 8
    steps: int = 1800
    of_each_leaf: int = 10
    of_rest: int = 3  # of those of neutral
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.05
    truth_weight: float = 1.0
    shift_bins: int = 2
    gain: float = 0.06
    noise: float = 0.03
    reversed_share: float = 0.25
    average_decay: float = 0.99
    seed: int = 0


class Networks(nn.Module):
    """Dynamic or static, smile or shock, neutral or anger."""

    def __init__(self, moments: int) -> None:
        super().__init__()
        self.moments = moments
        self.stage = stage_network(2 * moments, len(UNITS))
        self.dynamic = leaf_network(2 * moments, len(UNITS))
        self.static = leaf_network(2 * moments, len(UNITS))


Watch = Callable[[Networks], str]


def train(
    sessions: Sequence[ImageSession], settings: ImageTrainingSettings, say: Say = print, watch: Watch | None = None,
    where: Places | None = None,
) -> Networks:  # fmt: skip
    """Train; returns the networks with averaged weights. ``where``: the samples to learn from, by default all."""
    torch.set_num_threads(1)
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    where = places(sessions, settings.moments) if where is None else where
    by_leaf = [np.flatnonzero(where.labels == label) for label in (*range(len(LEAVES)), REST)]
    of_rest = settings.of_rest if len(by_leaf[-1]) else 0
    sizes = [settings.of_each_leaf - of_rest, *[settings.of_each_leaf] * (len(LEAVES) - 1), of_rest]
    scale = np.maximum(where.units.std(axis=0), 1e-6)
    networks = Networks(settings.moments)
    average = copy.deepcopy(networks)
    optimiser = torch.optim.AdamW(
        networks.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )  # fmt: skip
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=settings.steps + 1, pct_start=0.15
    )
    networks.train()
    started, total = time.monotonic(), 0.0
    for step in range(settings.steps):
        chosen = where.at(np.concatenate([rng.choice(rows, n) for rows, n in zip(by_leaf, sizes, strict=True) if n]))
        images = changed(torch.from_numpy(stacks(sessions, chosen, settings.moments, RANGES)), settings, rng)
        loss = _loss(networks, images, chosen, scale, settings)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(networks.parameters(), 2.0)
        optimiser.step()
        schedule.step()
        follow(average, networks, min(settings.average_decay, (1 + step) / (10 + step)))
        total += float(loss.detach())
        if step % 150 == 149 or step == settings.steps - 1:
            seen = watch(average.eval()) if watch is not None else ""
            say(f"step {step + 1} loss {total / (step % 150 + 1):.3f} {seen} {time.monotonic() - started:.0f} s")
            total = 0.0
    return average.eval()


def changed(stack: torch.Tensor, settings: ImageTrainingSettings, rng: np.random.Generator) -> torch.Tensor:
    """Stacks (n, 2 * moments, range, 64) uint8 as floats, changed in ways that leave the expression what it is.

    Nearer and farther, another gain, noise; and mirrored velocities, which is what time reversed looks like.
    """
    x = stack.float() / LEVELS
    x = x.roll(int(rng.integers(-settings.shift_bins, settings.shift_bins + 1)), dims=2)
    if rng.random() < settings.reversed_share:
        n, channels, ranges, doppler = x.shape
        x = x.reshape(n, channels // 2, 2, ranges, doppler).flip(1).reshape(x.shape)
        # Column 0 is the largest negative velocity and has no counterpart.
        x = torch.cat([x[..., :1], x[..., 1:].flip(3)], 3)
    gain = settings.gain * (2 * torch.rand(len(x), 1, 1, 1) - 1)
    return (x + gain + settings.noise * torch.randn_like(x)).clamp(0, 1)


def _loss(
    networks: Networks, images: torch.Tensor, chosen: Places, scale: np.ndarray, settings: ImageTrainingSettings
) -> torch.Tensor:
    labels = np.where(chosen.labels == REST, LEAVES.index("neutral"), chosen.labels)
    dynamic = np.isin(labels, DYNAMIC_LEAVES)
    units = torch.from_numpy(chosen.units / scale)
    total = torch.zeros(())
    for network, rows, answers in (
        (networks.stage, np.ones(len(labels), bool), dynamic == 0),
        (networks.dynamic, dynamic, labels == DYNAMIC_LEAVES[1]),
        (networks.static, ~dynamic, labels == STATIC_LEAVES[1]),
    ):
        out = network(images[torch.from_numpy(rows)])
        target = torch.from_numpy(answers[rows].astype(np.int64))
        total = total + functional.cross_entropy(out[:, :BRANCHES], target, label_smoothing=settings.label_smoothing)
        total = total + settings.truth_weight * functional.smooth_l1_loss(out[:, BRANCHES:], units[rows])
    return total


@torch.no_grad()
def answers(networks: Networks, sessions: Sequence[ImageSession], where: Places, batch: int = 64) -> np.ndarray:
    """(n, 4) log-probabilities of the leaves."""
    found = []
    for first in range(0, len(where.labels), batch):
        part = where.at(np.arange(first, min(first + batch, len(where.labels))))
        x = torch.from_numpy(stacks(sessions, part, networks.moments, RANGES)).float() / LEVELS
        logits = [net(x)[:, :BRANCHES].numpy() for net in (networks.stage, networks.dynamic, networks.static)]
        found.append(leaf_log_probabilities(*(np.log(softmax(each)) for each in logits)))
    return np.concatenate(found)
