"""Training of the radar's body part, and of FOODER as published for one person.

`train_body_part` learns to reproduce the images of many people: that body part is frozen and ships, and people are told
apart by linear encoder-decoders in closed form (`faceedge.perception.authentication`). `train_person` trains all of
FOODER's terms on one person alone, as published (S. M. Kahya et al., arXiv:2512.18057), for comparison.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from faceedge.training.fooder_network import PUBLISHED_LATENT, BodyPart, Fooder

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class FooderSettings:
    """Everything that decides the result besides the data."""

    latent: int = 16
    epochs: int = 7
    batch: int = 16
    learning_rate: float = 4e-3  # Adamax, as in HOOD
    frame_step: int = 4  # a micro range-Doppler image covers 8 frames: neighbours are nearly the same
    shift_range_bins: int = 4
    gain: float = 0.06  # of full scale, 5 dB
    seed: int = 1
    threads: int = 1


def augment(images: torch.Tensor, settings: FooderSettings, generator: torch.Generator) -> torch.Tensor:
    """Move faces nearer and farther, mirror velocities, change the gain; (n, 2, 64, 64) each pair alike."""
    made = images.clone()
    shifts = torch.randint(
        -settings.shift_range_bins, settings.shift_range_bins + 1, (len(images),), generator=generator
    )
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    for place, (shift, mirror) in enumerate(zip(shifts.tolist(), mirrored.tolist(), strict=True)):
        made[place] = made[place].roll(shift, dims=1)
        if mirror:
            # Column 0 is the largest negative velocity and has no counterpart.
            made[place, :, :, 1:] = made[place, :, :, 1:].flip(2)
    gain = (2 * torch.rand(len(images), 1, 1, 1, generator=generator) - 1) * settings.gain
    return (made + gain).clamp_(0, 1)


def train_body_part(images: np.ndarray, settings: FooderSettings, say: Say = print) -> BodyPart:
    """Learn to reproduce pairs of images (n, 2, 64, 64), 0 to 1, of many people; the loss is the sum of both errors."""
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    network = BodyPart(settings.latent)

    def loss(batch: torch.Tensor) -> torch.Tensor:
        made = torch.cat(network(batch).images, 1)
        return ((made - batch) ** 2).mean((2, 3)).sum(1).mean()

    _descend(network, loss, images, settings, say, augmented=True)
    return network.eval()


def train_person(images: np.ndarray, settings: FooderSettings, say: Say = print) -> Fooder:
    """Learn all six terms, equally weighed, at once on the images (n, 2, 64, 64) of one person."""
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    network = Fooder(settings.latent)
    _descend(network, lambda batch: network(batch).sum(1).mean(), images, settings, say, augmented=False)
    return network.eval()


@torch.no_grad()
def person_terms(network: Fooder, images: np.ndarray, batch: int = 128) -> np.ndarray:
    """Errors (n, 6) of images (n, 2, 64, 64): both images, both latents, both maps."""
    network.eval()
    parts = [
        network(torch.from_numpy(images[first : first + batch].astype(np.float32)))
        for first in range(0, len(images), batch)
    ]
    return torch.cat(parts).numpy().astype(np.float64)


def published(settings: FooderSettings) -> FooderSettings:
    """The same with the published latent size and every frame."""
    return dataclasses.replace(settings, latent=PUBLISHED_LATENT, frame_step=1)


def _descend(
    network: torch.nn.Module,
    loss_of: Callable[[torch.Tensor], torch.Tensor],
    images: np.ndarray,
    settings: FooderSettings,
    say: Say,
    *,
    augmented: bool,
) -> None:
    """Adamax with a rate that falls to zero as half a cosine."""
    generator = torch.Generator().manual_seed(settings.seed)
    optimiser = torch.optim.Adamax(network.parameters(), settings.learning_rate)
    steps = max(1, len(images) // settings.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.epochs * steps)
    network.train()
    for epoch in range(settings.epochs):
        started, total = time.monotonic(), 0.0
        order = torch.randperm(len(images), generator=generator)
        for index in range(steps):
            chosen = order[index * settings.batch : (index + 1) * settings.batch].numpy()
            batch = torch.from_numpy(images[chosen].astype(np.float32))
            loss = loss_of(augment(batch, settings, generator) if augmented else batch)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        say(f"epoch {epoch + 1} loss {total / steps:.5f} seconds {time.monotonic() - started:.1f}")
