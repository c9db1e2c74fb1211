"""Breathing and heartbeat out of the phase of a range bin: does what sits there live?

The phase of an echo turns by 4 pi / wavelength for each metre of displacement: a chest that moves 5 mm turns it twice
round at 60 GHz, a heartbeat on the skin (0.1 to 0.5 mm) by a tenth of a turn. A picture, a mask or a screen shows
neither. It is a cue among others: a person who holds the breath looks dead for a while, and a fan looks alive.

All functions take time along the first axis. Frames are evenly spaced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceedge.errors import ConfigurationError, InputError
from faceedge.radar.chirp import ChirpSettings

BREATHING_HZ = (0.1, 0.5)
HEART_HZ = (0.8, 2.5)
# Spectra are computed on a grid that many times finer than their resolution, so that their peaks are not cut off.
_OVERSAMPLING = 8
_BREATHING_HARMONICS = 6
# Static echoes in the bin move the centre of the circle that the phase runs on. A shorter arc than this, in rad, tells
# too little of its circle, and points that lie further from it than this, relative to its radius, lie on none: noise
# alone is at 0.5.
_SHORTEST_ARC_RAD = 1.0
_LARGEST_SPREAD = 0.25
# How far a static echo must stand above its changes for its phase to mean something.
_SMALLEST_STEADINESS = 3.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The strongest rhythm of a band.

    Attributes:
        rate_hz: of it.
        amplitude_m: of the displacement: half of what lies between its extremes.
        snr_db: its power over the median of the spectrum from the band's lower end upwards.
    """

    rate_hz: float
    amplitude_m: float
    snr_db: float


@dataclass(frozen=True, slots=True)
class VitalSigns:
    """What one range bin tells.

    Attributes:
        row: the range bin.
        range_m: of it.
        displacement_m: (frame,) float64, mean 0, positive: away from the radar.
        breathing, heart: the rhythms in their bands.
    """

    row: int
    range_m: float
    displacement_m: np.ndarray
    breathing: Rhythm
    heart: Rhythm


def circle_centre(points: np.ndarray) -> complex:
    """Centre of the circle that fits complex points best in the algebraic sense (I. Kasa, "A circle fitting procedure
    and its error analysis", IEEE Transactions on Instrumentation and Measurement 25 (1), 1976).
    """
    mean = points.mean()
    x, y = (points - mean).real, (points - mean).imag
    square = x * x + y * y
    matrix = np.array([[x @ x, x @ y], [x @ y, y @ y]])
    if np.linalg.det(matrix) <= 1e-12 * max(np.trace(matrix) ** 2, np.finfo(float).tiny):
        return complex(mean)
    a, b = np.linalg.solve(matrix, np.array([x @ square, y @ square]) / 2)
    return complex(mean + complex(a, b))


def displacement(points: np.ndarray, wavelength_m: float) -> np.ndarray:
    """Motion of a target from the complex values of its range bin.

    The centre of their circle, which static echoes in the same bin move away from zero, is fitted and removed where the
    points cover enough of a circle. Points of noise alone have no displacement: their phase would wander far.

    Returns:
        (frame,) float64 in m, mean 0, positive: away from the radar.
    """
    values = np.asarray(points, np.complex128)
    about_centre = values - circle_centre(values)
    phase = np.unwrap(np.angle(about_centre))
    radius = np.abs(about_centre)
    if np.ptp(phase) < _SHORTEST_ARC_RAD or radius.std() > _LARGEST_SPREAD * radius.mean():
        if np.abs(values.mean()) < _SMALLEST_STEADINESS * values.std():
            return np.zeros(len(values))
        phase = np.unwrap(np.angle(values))
    moved: np.ndarray = (phase - phase.mean()) * wavelength_m / (4 * np.pi)
    return moved


def amplitude_spectrum(signal: np.ndarray, rate_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in Hz and amplitudes of a real signal, its straight line removed, under a Hann window."""
    count = len(signal)
    time = np.arange(count) - (count - 1) / 2
    centred = signal - signal.mean()
    centred = centred - time * (time @ centred) / (time @ time)
    weights = np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 2
    amplitudes = np.abs(np.fft.rfft(centred * weights, _OVERSAMPLING * count)) * 2 / weights.sum()
    return np.fft.rfftfreq(_OVERSAMPLING * count, 1 / rate_hz), amplitudes


def strongest_rhythm(signal_m: np.ndarray, rate_hz: float, band_hz: tuple[float, float]) -> Rhythm:
    """The strongest rhythm of a displacement in a band."""
    frequencies, amplitudes = amplitude_spectrum(signal_m, rate_hz)
    inside = np.flatnonzero((frequencies >= band_hz[0]) & (frequencies <= band_hz[1]))
    best = int(inside[amplitudes[inside].argmax()])
    floor = max(float(np.median(amplitudes[frequencies >= band_hz[0]])), np.finfo(float).tiny)
    peak = max(float(amplitudes[best]), np.finfo(float).tiny)
    return Rhythm(float(frequencies[best]), float(amplitudes[best]), float(20 * np.log10(peak / floor)))


def without_harmonics(signal: np.ndarray, rate_hz: float, fundamental_hz: float) -> np.ndarray:
    """A signal without a rhythm and its harmonics: those of breathing reach into the heart's band."""
    turns = 2 * np.pi * fundamental_hz * np.arange(len(signal)) / rate_hz
    orders = np.arange(1, _BREATHING_HARMONICS + 1)
    columns = [np.ones((len(signal), 1)), np.cos(np.outer(turns, orders)), np.sin(np.outer(turns, orders))]
    basis = np.concatenate(columns, axis=1)
    rest: np.ndarray = signal - basis @ np.linalg.lstsq(basis, signal, rcond=None)[0]
    return rest


def analyse(points: np.ndarray, rate_hz: float, wavelength_m: float) -> tuple[np.ndarray, Rhythm, Rhythm]:
    """Displacement, breathing and heartbeat of one range bin; ``points``: (frame,) complex."""
    moved = displacement(points, wavelength_m)
    breathing = strongest_rhythm(moved, rate_hz, BREATHING_HZ)
    heart = strongest_rhythm(without_harmonics(moved, rate_hz, breathing.rate_hz), rate_hz, HEART_HZ)
    return moved, breathing, heart


class VitalSignsMonitor:
    """Keeps the phases of all range bins over the last seconds.

    Args:
        chirp: what the radar transmits.
        seconds: of history; 20 s tell breaths apart that differ by 3 a minute.

    Raises:
        ConfigurationError: the history is too short for a breath, or the frames too slow for a heartbeat.
    """

    def __init__(self, chirp: ChirpSettings, *, seconds: float = 20.0) -> None:
        if seconds < 1 / BREATHING_HZ[0] or chirp.frame_rate_hz < 2 * HEART_HZ[1]:
            raise ConfigurationError(
                f"Vital signs from {seconds:g} s at {chirp.frame_rate_hz:.3g} frames/s: expected at least "
                f"{1 / BREATHING_HZ[0]:g} s and {2 * HEART_HZ[1]:g} frames/s."
            )
        self.chirp = chirp
        self._frames = round(seconds * chirp.frame_rate_hz)
        receivers, chirps, _ = chirp.cube_shape
        self._average = np.full((1, chirps), 1 / chirps, np.complex64)
        self._mean = np.zeros((receivers, 1, chirp.range_bins), np.complex64)
        # Each frame is written twice, as many slots apart as there are frames: from the slot of the next frame on they
        # lie in the order of time.
        self._ring = np.zeros((2 * self._frames, receivers, chirp.range_bins), np.complex64)
        self._slot = 0
        self._filled = 0
        self._last: int | None = None

    @property
    def ready(self) -> bool:
        """Whether the history is full."""
        return self._filled == self._frames

    def reset(self) -> None:
        """Forget the history."""
        self._slot, self._filled, self._last = 0, 0, None

    def push(self, range_spectrum: np.ndarray, sequence: int | None = None) -> None:
        """Add a frame: the mean over its chirps.

        Args:
            range_spectrum: (rx, chirp, range bin) complex64, as ``RangeDoppler.range_spectrum``.
            sequence: number of the frame as the sensor counts; a gap starts over. None: it follows the last one.

        Raises:
            InputError: the spectrum has another shape.
        """
        expected = (self._mean.shape[0], self._average.shape[1], self._mean.shape[2])
        if range_spectrum.shape != expected:
            raise InputError(f"A range spectrum has shape {range_spectrum.shape}, expected {expected}.")
        if self._last is not None and sequence is not None and sequence != self._last + 1:
            self.reset()
        self._last = sequence if sequence is not None else None if self._last is None else self._last + 1
        np.matmul(self._average, range_spectrum, out=self._mean)
        for slot in (self._slot, self._slot + self._frames):
            np.copyto(self._ring[slot], self._mean[:, 0])
        self._slot = (self._slot + 1) % self._frames
        self._filled = min(self._filled + 1, self._frames)

    def history(self) -> np.ndarray:
        """(frame, rx, range bin) complex64 in the order of time, of the frames so far; a view of the ring."""
        first = self._slot if self.ready else 0
        return self._ring[first : first + self._filled]

    def liveliest_row(self) -> int:
        """The range bin whose echo changes most, of all receivers together."""
        history = self.history()
        if not len(history):
            return 0
        power = (np.abs(history - history.mean(axis=0)) ** 2).mean(axis=0).sum(axis=0)
        return int(power.argmax())

    def measure(self, row: int | None = None) -> VitalSigns | None:
        """Vital signs of a range bin, from the receiver in which its echo is strongest.

        Takes about half a millisecond for 20 s: call it once a second or so.

        Args:
            row: range bin; None: the liveliest one.

        Returns:
            None until the history is full.
        """
        if not self.ready:
            return None
        chosen = self.liveliest_row() if row is None else row
        values = self.history()[:, :, chosen]
        receiver = int((np.abs(values - values.mean(axis=0)) ** 2).mean(axis=0).argmax())
        moved, breathing, heart = analyse(values[:, receiver], self.chirp.frame_rate_hz, self.chirp.wavelength_m)
        return VitalSigns(chosen, chosen * self.chirp.range_resolution_m, moved, breathing, heart)
