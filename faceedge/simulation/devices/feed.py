"""What an emulated radar sees: a recording, a function, or a point that moves to and fro."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np

from faceedge.errors import InputError
from faceedge.radar.chirp import SPEED_OF_LIGHT_M_S, ChirpSettings

FULL_SCALE = 4095
MID_SCALE = 2048
"""What the 12-bit ADC reads without a signal."""


class Feed(Protocol):
    """Cubes by the number of the frame, counted from the first one after power-on."""

    def cube(self, index: int) -> np.ndarray:
        """(rx, chirp, sample) uint16, 12-bit ADC counts, of frame ``index``."""


class RecordingFeed:
    """Cubes that were recorded.

    Args:
        cubes: (frame, rx, chirp, sample) uint16.
        loop: begin anew at the end; otherwise the last frame stays.
    """

    def __init__(self, cubes: np.ndarray, *, loop: bool = True) -> None:
        if cubes.ndim != 4 or not len(cubes) or cubes.dtype != np.uint16:
            raise InputError(
                f"a recording is (frame, rx, chirp, sample) of uint16 with at least one frame, got {cubes.shape} of "
                f"{cubes.dtype}."
            )
        self.cubes = cubes
        self.loop = loop

    @classmethod
    def load(cls, path: Path | str, *, loop: bool = True) -> RecordingFeed:
        """A ``radar.npy``, or the first one in a vendor's recording folder or below it.

        Raises:
            InputError: there is none, or it is not what it should be.
        """
        path = Path(path)
        files = [path] if path.is_file() else sorted(path.rglob("radar.npy"))
        if not files:
            raise InputError(f"no radar.npy in {path}; expected a recording folder of the vendor's tool.")
        try:
            cubes = np.load(files[0], mmap_mode="r")
        except (ValueError, OSError, EOFError) as error:
            raise InputError(
                f"{files[0]} is no whole array of NumPy; expected the radar.npy of a recording folder, of which "
                "`faceedge inspect` says more."
            ) from error
        return cls(cubes, loop=loop)

    def cube(self, index: int) -> np.ndarray:
        """(rx, chirp, sample) of the recorded frame."""
        count = len(self.cubes)
        return np.asarray(self.cubes[index % count if self.loop else min(index, count - 1)])


class CallableFeed:
    """Cubes that a function makes."""

    def __init__(self, function: Callable[[int], np.ndarray]) -> None:
        self._function = function

    def cube(self, index: int) -> np.ndarray:
        """(rx, chirp, sample) as the function returns it."""
        return self._function(index)


class AheadFeed:
    """Cubes of a slow feed, computed by a thread of its own before they are asked for.

    A chip has room for 17 ms of samples, so a feed that takes longer than that for a cube must be asked ahead.

    Args:
        feed: the slow one.
        depth: how many cubes to be ahead.
        period: frames after which the scene is the same again; those cubes are kept, and then nothing is computed any
            more. 0: it never is.
    """

    def __init__(self, feed: Feed, *, depth: int = 4, period: int = 0) -> None:
        self.feed = feed
        self._depth, self._period = depth, period
        self._worker = ThreadPoolExecutor(1, "radar scene")  # its thread ends with this object
        self._cubes: dict[int, Future[np.ndarray]] = {}

    def cube(self, index: int) -> np.ndarray:
        """(rx, chirp, sample) of the slow feed; waits if it is not there yet."""
        for wanted in range(index, index + self._depth + 1):
            place = self._place(wanted)
            if place not in self._cubes:
                self._cubes[place] = self._worker.submit(self.feed.cube, place)
        if not self._period:
            for old in [place for place in self._cubes if place < index]:
                del self._cubes[old]
        return self._cubes[self._place(index)].result()

    def _place(self, index: int) -> int:
        return index % self._period if self._period else index


class MovingPointFeed:
    """One point straight ahead that swings about a range, with noise: enough to see that everything works.

    Args:
        chirp: what the radar transmits and how it samples.
        range_m, swing_m, swing_hz: where the point is: ``range_m + swing_m * sin(2 pi swing_hz t)``.
        amplitude, noise: in ADC counts.
    """

    def __init__(
        self,
        chirp: ChirpSettings,
        *,
        range_m: float = 0.6,
        swing_m: float = 0.15,
        swing_hz: float = 0.4,
        amplitude: float = 300.0,
        noise: float = 4.0,
        seed: int = 0,
    ) -> None:
        self.chirp = chirp
        self._times_s = np.arange(chirp.chirps_per_frame) * chirp.chirp_period_s
        sampled_s = np.arange(chirp.samples_per_chirp) / chirp.sample_rate_hz
        self._frequencies_hz = chirp.start_frequency_hz + chirp.slope_hz_per_s * sampled_s
        self._range_m, self._swing_m, self._swing_hz = range_m, swing_m, swing_hz
        self._amplitude, self._noise, self._seed = amplitude, noise, seed

    def range_m(self, time_s: np.ndarray | float) -> np.ndarray:
        """Where the point is."""
        return np.asarray(self._range_m + self._swing_m * np.sin(2 * math.pi * self._swing_hz * np.asarray(time_s)))

    def cube(self, index: int) -> np.ndarray:
        """(rx, chirp, sample); the same index gives the same cube."""
        delays_s = 2 * self.range_m(index * self.chirp.frame_period_s + self._times_s) / SPEED_OF_LIGHT_M_S
        signal = self._amplitude * np.cos(2 * math.pi * delays_s[:, None] * self._frequencies_hz)
        noise = np.random.default_rng((self._seed, index)).standard_normal(self.chirp.cube_shape, np.float32)
        return np.clip(np.rint(MID_SCALE + signal + self._noise * noise), 0, FULL_SCALE).astype(np.uint16)
