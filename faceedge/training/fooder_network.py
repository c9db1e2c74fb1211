"""FOODER's authentication network: body part and intermediate linear encoder-decoders (ILED).

The body part has one encoder and one decoder for each of the two images, in the sizes of HOOD (S. M. Kahya et al., IEEE
Sensors Journal 2024, arXiv:2308.02396). ILEDs sit at the encoder ends and before each decoder's last layer (S. M. Kahya
et al., FOODER, arXiv:2512.18057, whose sizes are not published; those of the ILEDs are chosen here).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

PUBLISHED_LATENT = 128
"""The latent size with which the network has the 49 MB that HOOD states; the paper does not give it."""
SIDE = 64
ENCODER_FILTERS = (16, 64)
SMALLEST_SIDE = SIDE // 4
ILED_RANK = 16
POOL = 8
"""The map before a decoder's last layer, 16 x 64 x 64, is averaged over squares of 8 x 8 pixels for the ILED: 1,024
numbers rather than 65,536, of which a linear model would have more weights than the rest of the network."""


class Encoder(nn.Module):
    """An image (n, 1, 64, 64) to a latent vector (n, latent)."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        first, second = ENCODER_FILTERS
        self.layers = nn.Sequential(
            nn.Conv2d(1, first, 3, 2, 1),
            nn.BatchNorm2d(first),
            nn.LeakyReLU(),
            nn.Conv2d(first, second, 3, 2, 1),
            nn.BatchNorm2d(second),
            nn.LeakyReLU(),
            nn.Flatten(),
            nn.Linear(second * SMALLEST_SIDE**2, latent),
            nn.BatchNorm1d(latent),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Encode."""
        return self.layers(image)


class Doubling(nn.ConvTranspose2d):
    """Transposed convolution, kernel 3 and stride 2, to exactly twice the side.

    The same as one with ``padding=1, output_padding=1``, which the converter to TFLite does not know.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, channels_in, h, w) to (n, channels_out, 2 h, 2 w)."""
        return super().forward(x)[:, :, 1:, 1:]


class Decoder(nn.Module):
    """A latent vector (n, latent) to an image (n, 1, 64, 64) and the map (n, 16, 64, 64) before its last layer."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        first, second = ENCODER_FILTERS
        self.dense = nn.Sequential(
            nn.Linear(latent, second * SMALLEST_SIDE**2), nn.BatchNorm1d(second * SMALLEST_SIDE**2)
        )
        self.layers = nn.Sequential(
            nn.Unflatten(1, (second, SMALLEST_SIDE, SMALLEST_SIDE)),
            Doubling(second, second),
            nn.BatchNorm2d(second),
            nn.LeakyReLU(),
            Doubling(second, first),
            nn.BatchNorm2d(first),
            nn.LeakyReLU(),
        )
        self.last = nn.Conv2d(first, 1, 3, 1, 1)

    def forward(self, latent: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode: image and map."""
        maps = self.layers(self.dense(latent))
        return torch.sigmoid(self.last(maps)), maps


class Parts(NamedTuple):
    """What the body part makes of n pairs of images, one entry for each image."""

    latents: list[torch.Tensor]  # (n, latent)
    maps: list[torch.Tensor]  # (n, 1024)
    images: list[torch.Tensor]  # (n, 1, 64, 64)


class BodyPart(nn.Module):
    """Two encoders and two decoders; (n, 2, 64, 64), 0 to 1, to `Parts`."""

    def __init__(self, latent: int = PUBLISHED_LATENT) -> None:
        super().__init__()
        self.encoders = nn.ModuleList([Encoder(latent), Encoder(latent)])
        self.decoders = nn.ModuleList([Decoder(latent), Decoder(latent)])

    def forward(self, images: torch.Tensor) -> Parts:
        """Encode and decode each image."""
        parts = Parts([], [], [])
        for place, (encoder, decoder) in enumerate(zip(self.encoders, self.decoders, strict=True)):
            latent = encoder(images[:, place : place + 1])
            image, maps = decoder(latent)
            parts.latents.append(latent)
            parts.maps.append(functional.avg_pool2d(maps, POOL).flatten(1))
            parts.images.append(image)
        return parts


class Iled(nn.Module):
    """A linear encoder to ``rank`` numbers and a linear decoder."""

    def __init__(self, size: int, rank: int = ILED_RANK) -> None:
        super().__init__()
        self.encode = nn.Linear(size, rank)
        self.decode = nn.Linear(rank, size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, size) reproduced."""
        return self.decode(self.encode(x))


class Fooder(nn.Module):
    """Body part and ILEDs of one person; `terms` are both its losses and what a frame is scored by."""

    def __init__(self, latent: int = PUBLISHED_LATENT, rank: int = ILED_RANK) -> None:
        super().__init__()
        self.body_part = BodyPart(latent)
        pooled = ENCODER_FILTERS[0] * (SIDE // POOL) ** 2
        self.ileds = nn.ModuleList([Iled(size, rank) for size in (latent, latent, pooled, pooled)])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Mean squared errors (n, 6): both images, then the ILEDs of both latents and of both maps."""
        parts = self.body_part(images)
        errors = [((made - images[:, place : place + 1]) ** 2).flatten(1) for place, made in enumerate(parts.images)]
        for iled, x in zip(self.ileds, [*parts.latents, *parts.maps], strict=True):
            errors.append((iled(x) - x) ** 2)
        return torch.stack([error.mean(1) for error in errors], dim=1)


class Exported(nn.Module):
    """The body part as it ships: latents (n, 2 x latent), maps (n, 2 x 1024) and images (n, 64, 64, 2)."""

    def __init__(self, body_part: BodyPart) -> None:
        super().__init__()
        self.body_part = body_part

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Concatenate, so that each output is known by its shape."""
        parts = self.body_part(images)
        picture = torch.cat(parts.images, 1).permute(0, 2, 3, 1)
        return torch.cat(parts.latents, 1), torch.cat(parts.maps, 1), picture
