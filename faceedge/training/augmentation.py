"""Random changes of a batch of faces that leave the expression as it is, on tensors, a batch at a time."""

from __future__ import annotations

import math

import torch
from torch.nn import functional


def standardise(images: torch.Tensor) -> torch.Tensor:
    """Zero mean and unit spread per picture: (n, 1, h, w) in, the same out. Light and contrast drop out."""
    mean = images.mean((1, 2, 3), keepdim=True)
    std = images.std((1, 2, 3), keepdim=True, unbiased=False)
    return (images - mean) / std.clamp_min(1.0)


def random_affine(
    images: torch.Tensor, generator: torch.Generator, *, degrees: float, scale: float, shear: float, shift: float
) -> torch.Tensor:
    """Rotate, scale, shear, shift (fraction of the half width) and mirror each picture of (n, 1, h, w) on its own."""
    n = len(images)

    def uniform(bound: float) -> torch.Tensor:
        return (torch.rand(n, generator=generator) * 2 - 1) * bound

    angle, zoom = uniform(math.radians(degrees)), torch.exp(uniform(math.log1p(scale)))
    mirror = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    theta = torch.stack(
        [
            torch.stack([cos * mirror, -sin + uniform(shear), uniform(shift)], 1),
            torch.stack([sin * mirror, cos, uniform(shift)], 1),
        ],
        1,
    )
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def random_gamma(images: torch.Tensor, generator: torch.Generator, bound: float = 0.35) -> torch.Tensor:
    """Bend the grey curve of (n, 1, h, w) pictures in 0..255 by a random gamma in exp(+-bound)."""
    gamma = torch.exp((torch.rand(len(images), 1, 1, 1, generator=generator) * 2 - 1) * bound)
    return (images.clamp(0, 255) / 255).pow(gamma) * 255


def random_erase(
    images: torch.Tensor, generator: torch.Generator, *, chance: float, size: tuple[int, int]
) -> torch.Tensor:
    """Cover a random rectangle of some standardised pictures with grey: hands, hair, microphones."""
    n, _, height, width = images.shape
    low, high = size

    def integer(bound: int) -> torch.Tensor:
        return torch.randint(bound, (n, 1, 1, 1), generator=generator)

    h, w = integer(high - low) + low, integer(high - low) + low
    top, left = integer(height) - h // 2, integer(width) - w // 2
    rows, columns = torch.arange(height).view(1, 1, -1, 1), torch.arange(width).view(1, 1, 1, -1)
    covered = (rows >= top) & (rows < top + h) & (columns >= left) & (columns < left + w)
    covered &= torch.rand(n, 1, 1, 1, generator=generator) < chance
    return images.masked_fill(covered, 0.0)


def augment(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A fresh view of each of (n, 1, h, w) uint8 faces: moved, bent in tone, standardised, partly covered."""
    moved = random_affine(images.float(), generator, degrees=14.0, scale=0.15, shear=0.08, shift=0.10)
    toned = standardise(random_gamma(moved, generator))
    return random_erase(toned, generator, chance=0.5, size=(6, 22))


def mix(
    images: torch.Tensor, targets: torch.Tensor, generator: torch.Generator, *, chance: float, alpha: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mixup (H. Zhang et al., 2018) on a share of batches: convex pairs of pictures (n, ...) and targets (n,
    classes).
    """
    if float(torch.rand((), generator=generator)) >= chance:
        return images, targets
    gammas = torch._standard_gamma(torch.full((2,), alpha), generator=generator)
    weight = float(gammas[0] / gammas.sum().clamp_min(1e-6))
    order = torch.randperm(len(images), generator=generator)
    return weight * images + (1 - weight) * images[order], weight * targets + (1 - weight) * targets[order]
