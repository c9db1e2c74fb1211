"""What the networks that look at a face take from each frame of a near-face radar.

Two images as in HOOD (S. M. Kahya et al., IEEE Sensors Journal 2024, arXiv:2308.02396): range-Doppler, which shows
large movements, and micro range-Doppler, which shows small ones; and one *look*: the samples of a few chirps that
follow each other so fast that the face stands still meanwhile, averaged. A look keeps phase and all of the bandwidth,
which the images do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceedge.errors import ConfigurationError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.range_doppler import MicroRangeDoppler, RangeDoppler

LOOK_CHIRPS = 8
"""Of the near-face chirps 8 take 3 ms, in which a head moves by some hundredths of a millimetre."""
IMAGE_DB = (-20.0, 60.0)
"""Amplitudes in dB over one ADC count that become 0 and 1 in an image: a little below the noise of an averaged frame,
and the full scale of 12 bits."""
SATURATED_COUNTS = (8, 4087)
"""Samples at or beyond these of a 12-bit converter are taken for saturated."""


@dataclass(frozen=True, slots=True)
class FaceFrame:
    """One frame of the radar, prepared.

    Attributes:
        sequence: number of the frame as the sensor counts.
        stamp_ns: time of its first chirp.
        images: (2, range bin, Doppler bin) float32, 0 to 1 in dB: range-Doppler with moving target indication, micro
            range-Doppler. None until enough frames came without a gap.
        look: (rx, sample) float32, ADC counts: mean of the first `LOOK_CHIRPS` chirps.
        saturated: share of samples at the converter's ends, 0 to 1.
        repeated: whether the cube equals that of the frame before, sample by sample, which noise makes impossible.
        drift: (rx, sample) float32, ADC counts: mean of the second half of the look's chirps less that of the first
            half; beside the look it tells how fast an echo moves right now.
    """

    sequence: int
    stamp_ns: int
    images: np.ndarray | None
    look: np.ndarray
    saturated: float
    repeated: bool
    drift: np.ndarray | None = None


class FaceFrames:
    """Prepares the frames of one radar, in the order in which they come.

    Args:
        chirp: what the radar transmits.

    Raises:
        ConfigurationError: a chirp without the images or looks, such as one with fewer than `LOOK_CHIRPS` chirps.
    """

    def __init__(self, chirp: ChirpSettings) -> None:
        if chirp.chirps_per_frame < LOOK_CHIRPS:
            raise ConfigurationError(
                f"faces are looked at with at least {LOOK_CHIRPS} chirps a frame, the chirp has "
                f"{chirp.chirps_per_frame}; use a chirp file such as bgt60_face_full_band."
            )
        self.chirp = chirp
        self._doppler = RangeDoppler(chirp)
        self._micro = MicroRangeDoppler(chirp)
        self._last: np.ndarray | None = None

    def push(self, cube: np.ndarray, sequence: int, stamp_ns: int) -> FaceFrame:
        """Prepare the next frame.

        Args:
            cube: (rx, chirp, sample) uint16, 12-bit ADC counts.
            sequence: number of the frame as the sensor counts; a gap starts the micro range-Doppler over.
            stamp_ns: time of its first chirp.

        Raises:
            InputError: the cube has another shape.
        """
        doppler = self._doppler(cube)
        micro = self._micro.push(self._doppler.range_spectrum, sequence)
        images = None
        if micro is not None:
            images = np.stack([doppler, micro])
            in_db(images)
        low, high = SATURATED_COUNTS
        saturated = float(np.count_nonzero((cube <= low) | (cube >= high)) / cube.size)
        repeated = self._last is not None and np.array_equal(cube, self._last)
        self._last = cube.copy()
        half = LOOK_CHIRPS // 2
        first = cube[:, :half].mean(axis=1, dtype=np.float32)
        second = cube[:, half:LOOK_CHIRPS].mean(axis=1, dtype=np.float32)
        look = (first + second) / 2
        return FaceFrame(sequence, stamp_ns, images, look, saturated, repeated, second - first)


def in_db(images: np.ndarray) -> None:
    """Amplitudes in ADC counts, float32, to 0 to 1 over `IMAGE_DB`, in place."""
    low, high = IMAGE_DB
    np.maximum(images, np.float32(10 ** (low / 20)), out=images)
    np.log10(images, out=images)
    images *= np.float32(20 / (high - low))
    images -= np.float32(low / (high - low))
    np.minimum(images, np.float32(1), out=images)
