"""A texture that is painted layer by layer, and the seeded noise that layers are made of."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

Colour = tuple[float, float, float]

_TILE = 512  # side of the noise images, which repeat


@dataclass(slots=True)
class Canvas:
    """Attributes:
    albedo: (h, w, 3) float32 linear R, G, B.
    nir: (h, w) float32 albedo at 850 nm.
    gloss: (h, w) float32.
    """

    albedo: np.ndarray
    nir: np.ndarray
    gloss: np.ndarray

    @classmethod
    def blank(cls, shape: tuple[int, int]) -> Canvas:
        """All black and dull."""
        return cls(np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32), np.zeros(shape, np.float32))

    def cover(
        self, mask: np.ndarray, colour: Colour | np.ndarray, nir: float | np.ndarray, gloss: float | None = None
    ) -> None:
        """Paint over: where ``mask`` (h, w) is 1, ``colour`` ((3,) or (h, w, 3)) hides what was there."""
        box = _box(mask)
        if box is None:
            return
        share = mask[box]
        new = np.asarray(colour, np.float32)
        new = new[box] if new.ndim == 3 else new
        self.albedo[box] += share[..., None] * (new - self.albedo[box])
        infrared = nir[box] if isinstance(nir, np.ndarray) else np.float32(nir)
        self.nir[box] += share * (infrared - self.nir[box])
        if gloss is not None:
            self.gloss[box] += share * (np.float32(gloss) - self.gloss[box])

    def tint(self, mask: np.ndarray, factor: Colour, nir: float = 1.0, gloss: float = 1.0) -> None:
        """Glaze: where ``mask`` (h, w) is 1, albedo is multiplied by ``factor``; masks above 1 and below 0 work."""
        box = _box(mask)
        if box is None:
            return
        share = mask[box]
        for channel in range(3):
            self.albedo[box][..., channel] *= 1 + share * np.float32(factor[channel] - 1)
        self.nir[box] *= 1 + share * np.float32(nir - 1)
        if gloss != 1.0:
            self.gloss[box] *= 1 + share * np.float32(gloss - 1)


def _box(mask: np.ndarray) -> tuple[slice, slice] | None:
    """The smallest rectangle outside of which ``mask`` is 0; None: it is 0 everywhere."""
    rows = np.flatnonzero(mask.any(axis=1))
    if len(rows) == 0:
        return None
    columns = np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


class Noise:
    """Smooth random fields over any two coordinates; ``number`` tells the fields of one seed apart.

    Each is about normal with mean 0 and standard deviation 1, and repeats after 512 wavelengths.
    """

    def __init__(self, seed: int, stream: int) -> None:
        self._key = (seed, stream)
        self._images: dict[int, np.ndarray] = {}

    def at(self, across: np.ndarray, along: np.ndarray, number: int) -> np.ndarray:
        """The field at coordinates (h, w) float32 in units of its finest detail."""
        image = self._image(number)
        columns, rows = np.asarray(across, np.float32), np.asarray(along, np.float32)
        return np.asarray(cv2.remap(image, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))

    def cloud(self, across: np.ndarray, along: np.ndarray, number: int, octaves: int = 3) -> np.ndarray:
        """Octaves of `at` together, each of half the strength and twice as fine."""
        total = self.at(across, along, number)
        for octave in range(1, octaves):
            scale = np.float32(2.0**octave)
            total += self.at(across * scale, along * scale, number + 1000 * octave) / scale
        return total

    def _image(self, number: int) -> np.ndarray:
        if number not in self._images:
            random = np.random.default_rng((*self._key, number))
            image = random.standard_normal((_TILE, _TILE), np.float32)
            image = cv2.GaussianBlur(np.pad(image, 4, mode="wrap"), (0, 0), 0.7)[4:-4, 4:-4]
            self._images[number] = np.ascontiguousarray(image / image.std(), np.float32)
        return self._images[number]
