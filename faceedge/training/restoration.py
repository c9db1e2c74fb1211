"""Undo the blur of a training split whose pictures are less sharp than those the model will see.

Some copies of a data set have been resized or smoothed on the way. A network that learns from blurred faces fails on
sharp ones: it has never seen an edge. Both splits come from the same population, so the ratio of their mean spectra
is the blur's transfer function; where it stands above the noise the training pictures are divided by it, and what
lies beyond is cut off in both: in training here, on a robot by `band_limit` with the radius that the card carries. A
sharp split has a ratio of one everywhere and comes back unchanged, with the full band.

Only the mean spectrum of the reference is used, neither its labels nor any single picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import dctn, idctn

from faceedge.perception.expression_networks import CROP_SIZE, band_limit, band_mask

WEAKEST = 0.03
"""Transfer below which the rounding of 8-bit pictures drowns what is left of the signal."""

SHARP = 0.7
"""Mean transfer in the upper half of the band above which a split counts as sharp."""


@dataclass(frozen=True, slots=True)
class Blur:
    """How a split was blurred.

    Attributes:
        transfer: (48,) gain at each spatial frequency index of the cosine transform, averaged over direction.
        band: radius, in index steps, up to which the transfer stands above the noise; 48 for a sharp split.
    """

    transfer: np.ndarray
    band: float

    @property
    def is_sharp(self) -> bool:
        """Whether nothing needs to be undone."""
        return self.band >= CROP_SIZE


def spectrum(images: np.ndarray) -> np.ndarray:
    """Root mean square (48, 48) of the orthonormal cosine transform of (n, 48, 48) pictures, symmetric in both
    axes.
    """
    power = np.zeros((CROP_SIZE, CROP_SIZE))
    for start in range(0, len(images), 2000):
        part = dctn(images[start : start + 2000].astype(np.float32), axes=(1, 2), norm="ortho")
        power += (part**2).sum(0)
    amplitude = np.sqrt(power / len(images))
    return np.asarray((amplitude + amplitude.T) / 2)


def estimate_blur(images: np.ndarray, reference: np.ndarray) -> tuple[Blur, np.ndarray]:
    """The blur of ``images`` (n, 48, 48) against sharp pictures of the same kind, and its (48, 48) transfer."""
    transfer = np.minimum(spectrum(images) / np.maximum(spectrum(reference), 1e-6), 1.0)
    index = np.arange(CROP_SIZE)
    along_axes = (transfer[0] + transfer[:, 0]) / 2
    if along_axes[CROP_SIZE // 2 :].mean() > SHARP:
        return Blur(along_axes, float(CROP_SIZE)), np.ones_like(transfer)
    above = along_axes > WEAKEST
    band = float(index[~above][0]) if not above.all() else float(CROP_SIZE)
    return Blur(along_axes, band), transfer


def restore(images: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, Blur]:
    """``images`` (n, 48, 48) uint8 with their blur undone as far as the noise allows, and what the blur was."""
    blur, transfer = estimate_blur(images, reference)
    if blur.is_sharp:
        return images, blur
    gain = (band_mask(blur.band) / np.maximum(transfer, 1e-3)).astype(np.float32)
    restored = np.empty_like(images)
    for start in range(0, len(images), 2000):
        part = dctn(images[start : start + 2000].astype(np.float32), axes=(1, 2), norm="ortho") * gain
        restored[start : start + 2000] = np.clip(np.rint(idctn(part, axes=(1, 2), norm="ortho")), 0, 255)
    return restored, blur


def limit(images: np.ndarray, blur: Blur) -> np.ndarray:
    """Sharp ``images`` (n, 48, 48) uint8 cut to the band that a restored split has, so that the two compare."""
    if blur.is_sharp:
        return images
    mask = band_mask(blur.band)
    return np.stack([np.clip(np.rint(band_limit(image, mask)), 0, 255).astype(np.uint8) for image in images])
