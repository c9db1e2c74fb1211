"""Training of the expression network on FER2013, resumable after each epoch.

``faceedge train expression --data FOLDER --output FOLDER`` runs it. The public test split is used for choosing and
for the temperature of the confidence, never for learning; the card says so beside each figure.
"""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from faceedge.training import augmentation, fer2013
from faceedge.training.expression_network import CLASSES, ExpressionNetwork

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Everything that decides the result besides the data."""

    epochs: int = 26
    batch: int = 128
    learning_rate: float = 0.08
    warmup_epochs: float = 2.0
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    mixup_chance: float = 0.25
    mixup_alpha: float = 0.4
    average_decay: float = 0.999
    seed: int = 1
    threads: int = 2


def as_tensor(images: np.ndarray) -> torch.Tensor:
    """(n, 48, 48) uint8 as an (n, 1, 48, 48) tensor without a copy."""
    return torch.from_numpy(images).unsqueeze(1)


@torch.no_grad()
def predict(network: nn.Module, images: np.ndarray, *, mirrored: bool = True, batch: int = 512) -> np.ndarray:
    """Logits (n, 7) of (n, 48, 48) uint8 faces; ``mirrored`` averages each face with its mirror image."""
    network.eval()
    parts = []
    for start in range(0, len(images), batch):
        x = augmentation.standardise(as_tensor(images[start : start + batch]).float())
        y = network(x)
        parts.append((y + network(x.flip(3))) / 2 if mirrored else y)
    return torch.cat(parts).numpy()


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the averaged weights towards the network's; counters and other integers are copied."""
    for ours, theirs in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if ours.is_floating_point():
            ours.lerp_(theirs, 1 - decay)
        else:
            ours.copy_(theirs)


def rate_at(step: int, steps_per_epoch: int, settings: TrainingSettings) -> float:
    """Learning rate: linear warm-up, then a half cosine to zero."""
    warmup, total = settings.warmup_epochs * steps_per_epoch, settings.epochs * steps_per_epoch
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def save_atomically(state: dict[str, object], path: Path) -> None:
    """Write a checkpoint so that a killed run leaves the previous one whole."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def train(
    training: fer2013.FaceSet,
    validation: fer2013.FaceSet,
    output: Path,
    settings: TrainingSettings,
    say: Say = print,
    *,
    half_resolution: bool = False,
) -> ExpressionNetwork:
    """Train, or go on from ``output/checkpoint.pt``; returns the averaged network.

    Args:
        training: faces to learn from, already cleaned.
        validation: faces to watch; they do not influence the weights.
        output: folder for ``checkpoint.pt`` and ``history.jsonl``.
        settings: the recipe.
        say: receives one line an epoch.
        half_resolution: see `ExpressionNetwork`.
    """
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    output.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(settings.seed)
    network = ExpressionNetwork(half_resolution=half_resolution).to(memory_format=torch.channels_last)
    average = copy.deepcopy(network)
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    optimiser = torch.optim.SGD(
        [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=settings.learning_rate,
        momentum=settings.momentum,
        nesterov=True,
    )
    checkpoint, first_epoch = output / "checkpoint.pt", 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=False)
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        generator.set_state(state["generator"])
        first_epoch = state["epoch"]
        say(f"going on after epoch {first_epoch}")

    images, labels = as_tensor(training.images), torch.from_numpy(training.labels)
    steps = len(training) // settings.batch
    for epoch in range(first_epoch, settings.epochs):
        started, losses = time.monotonic(), 0.0
        network.train()
        order = torch.randperm(len(training), generator=generator)
        for index in range(steps):
            rate = rate_at(epoch * steps + index, steps, settings)
            for group in optimiser.param_groups:
                group["lr"] = rate
            chosen = order[index * settings.batch : (index + 1) * settings.batch]
            targets = functional.one_hot(labels[chosen], CLASSES).float()
            x, targets = augmentation.mix(
                augmentation.augment(images[chosen], generator),
                targets,
                generator,
                chance=settings.mixup_chance,
                alpha=settings.mixup_alpha,
            )
            x = x.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = network(x)
            loss = functional.cross_entropy(logits.float(), targets, label_smoothing=settings.label_smoothing)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            # Early weights are worthless: a young average follows faster (decay grows with the step count).
            done = epoch * steps + index + 1
            follow(average, network, min(settings.average_decay, (1 + done) / (10 + done)))
            losses += float(loss.detach())
        accuracy = float((predict(average, validation.images).argmax(1) == validation.labels).mean())
        line = {
            "epoch": epoch + 1,
            "loss": round(losses / steps, 4),
            "validation_accuracy": round(accuracy, 4),
            "seconds": round(time.monotonic() - started, 1),
        }
        with (output / "history.jsonl").open("a") as history:
            history.write(json.dumps(line) + "\n")
        say(" ".join(f"{key} {value}" for key, value in line.items()))
        save_atomically(
            {
                "network": network.state_dict(),
                "average": average.state_dict(),
                "optimiser": optimiser.state_dict(),
                "generator": generator.get_state(),
                "epoch": epoch + 1,
                "settings": asdict(settings),
            },
            checkpoint,
        )
    return average
