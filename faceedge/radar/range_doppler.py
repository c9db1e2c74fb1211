"""From the samples of one frame to range-Doppler, and from some frames to micro range-Doppler.

An echo from range R, delayed by tau = 2R/c, leaves the mixer as cos(2 pi (slope tau t + f0 tau)) during each chirp: its
frequency tells the range, and its phase turns from chirp to chirp with the Doppler frequency 2 v / wavelength.

Sign: the phase f0 tau grows with the range, and the frequency slope tau of an up-chirp is positive. Of a real signal we
keep the range bins of positive frequency, so that a receding target turns them forwards: **positive velocity is
receding**, as in TI's radars. (The other half of the spectrum is its mirror and would show the opposite sign.)

Scale: magnitudes are amplitudes in ADC counts. A sinusoid of amplitude A at the centre of a bin has magnitude A there,
whatever the window, because its coherent gain is divided out.

Every step (mean removal, window, Fourier sum, mean over chirps) is linear, so each transform is one matrix, computed
once: a frame costs two matrix products and a square root. At 64 or 128 points that is as fast as an FFT, which would
need further passes over the data, and it writes into preallocated memory on every NumPy. Run it with one BLAS thread
(OPENBLAS_NUM_THREADS=1): more do not speed up products this small, and wait for each other on a busy machine.

Source of the processing chain: S. M. Kahya et al., "HOOD: Real-time human presence and out-of-distribution detection
using FMCW radar", IEEE Sensors Journal 2024 (arXiv:2308.02396), section III.
"""

from __future__ import annotations

import numpy as np

from faceedge.errors import ConfigurationError, InputError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.windows import window, window_at

MICRO_FRAMES = 8
"""Frames in a micro range-Doppler image, and the factor by which its velocities are finer."""
# Length of the low-pass of the micro range-Doppler, in steps of its output. At 4 what aliases is 18 dB down from 1.5
# times the largest velocity on and 30 dB from twice of it on; longer ones are mostly cut off at the ends of a frame.
LOW_PASS_STEPS = 4
# Longest extent of the micro range-Doppler's window, in the time that would just resolve two columns. At 2 a
# Blackman-Harris window loses 4 dB between two columns.
MICRO_WINDOW_COLUMNS = 2


def range_axis(chirp: ChirpSettings) -> np.ndarray:
    """Ranges of the bins, (range,) float64 in m, from 0."""
    return np.arange(chirp.range_bins) * chirp.range_resolution_m


def velocity_axis(chirp: ChirpSettings, fraction: float = 1.0) -> np.ndarray:
    """Velocities of the Doppler bins, (doppler,) float64 in m/s, ascending, positive: receding.

    They divide plus or minus ``fraction`` of the unambiguous velocity into as many bins as a frame has chirps. Zero is
    bin ``chirps_per_frame // 2``.
    """
    count = chirp.chirps_per_frame
    return (np.arange(count) - count // 2) * (2 * fraction * chirp.max_velocity_m_s / count)


def range_matrix(samples: int, name: str) -> np.ndarray:
    """Mean removal, window and Fourier sum over the samples of a chirp.

    Returns:
        (samples, 2 * (samples // 2)) float32: real and imaginary part of each range bin side by side, so that the
        product with real samples can be read as complex numbers.
    """
    weights = window(name, samples)
    phase = 2 * np.pi * np.outer(np.arange(samples), np.arange(samples // 2)) / samples
    # Two: a real sinusoid has half of its amplitude at the positive frequency.
    matrix = (2 / weights.sum()) * weights[:, None] * np.exp(-1j * phase)
    matrix -= matrix.mean(axis=0)
    return np.ascontiguousarray(matrix).view(np.float64).astype(np.float32)


def doppler_matrix(chirps: int, name: str, mti: bool) -> np.ndarray:
    """Removal of what stands still (``mti``), window and Fourier sum over the chirps; zero Doppler in the middle.

    Returns:
        (chirps, doppler) complex64.
    """
    weights = window(name, chirps)
    phase = 2 * np.pi * np.outer(np.arange(chirps), np.arange(chirps) - chirps // 2) / chirps
    matrix: np.ndarray = (1 / weights.sum()) * weights[:, None] * np.exp(-1j * phase)
    if mti:
        matrix -= matrix.mean(axis=0)
    return matrix.astype(np.complex64)


def low_pass_matrix(chirps: int, step: int) -> np.ndarray:
    """Low-pass and decimation within a frame: a windowed sinc at every ``step``-th chirp.

    The kernels are cut off where the frame ends and each has unit sum, so that what stands still stays what it is.

    Returns:
        (chirps // step, chirps) float64.
    """
    centre = np.arange(chirps // step) * step + (step - 1) / 2
    offset = (np.arange(chirps) - centre[:, None]) / step
    taper = window_at("hann", np.clip(offset / LOW_PASS_STEPS + 0.5, 0, 1))
    kernel: np.ndarray = np.sinc(offset) * taper
    kernel /= kernel.sum(axis=1, keepdims=True)
    return kernel


def micro_matrix(chirp: ChirpSettings, frames: int, name: str) -> np.ndarray:
    """Removal of what stands still over ``frames`` frames, window and Fourier sum over low-passed slow time.

    The sum is taken at the true times of the samples. Frames have pauses between their bursts of chirps: an FFT over
    the samples in a row would see the phase jump at each pause and put a constant velocity in a wrong place.

    Returns:
        (frames * low-passed samples of a frame, doppler) complex64.
    """
    low_pass = low_pass_matrix(chirp.chirps_per_frame, frames)
    starts = np.arange(frames)[:, None] * chirp.frame_period_s
    chirp_times = np.arange(chirp.chirps_per_frame) * chirp.chirp_period_s
    times = (starts + low_pass @ chirp_times).ravel()
    step_s = frames * chirp.chirp_period_s
    # Frames far apart resolve velocities much finer than the columns are apart, and would lose what is between them.
    extent_s = min(times[-1] - times[0] + step_s, MICRO_WINDOW_COLUMNS * step_s * chirp.chirps_per_frame)
    weights = window_at(name, np.clip((times - times.mean()) / extent_s + 0.5, 0, 1))
    turn = 4j * np.pi * velocity_axis(chirp, 1 / frames) / chirp.wavelength_m
    matrix: np.ndarray = weights[:, None] * np.exp(-np.multiply.outer(times, turn))
    matrix -= weights[:, None] / weights.sum() * matrix.sum(axis=0)
    # Equal noise in all columns: of the signals beside something static, each is then largest in its own column.
    by_chirp = np.einsum("jc,fjv->fcv", low_pass, matrix.reshape(frames, -1, len(turn)))
    noise = np.sqrt((np.abs(by_chirp) ** 2).sum(axis=(0, 1)))
    noise = np.maximum(noise, 1e-3 * noise.max())  # a velocity whose ghost at zero is as strong as itself has nothing
    moving = np.arange(len(turn)) != chirp.chirps_per_frame // 2
    matrix[:, moving] /= noise[moving]
    echoes = np.exp(np.multiply.outer(starts + chirp_times, turn))
    gains = np.abs((by_chirp * echoes).sum(axis=(0, 1))[moving] / noise[moving])
    matrix *= moving / gains.max()
    return matrix.astype(np.complex64)


class _Magnitude:
    """Root of the mean power of the receivers, in preallocated memory."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        receivers, rows, columns = shape
        self.spectrum = np.zeros(shape, np.complex64)
        self.image = np.zeros((rows, columns), np.float32)
        self._receivers = list(self.spectrum.view(np.float32))
        self._sum = np.empty((rows, 2 * columns), np.float32)
        self._squares = np.empty_like(self._sum)
        self._scale = np.float32(1 / receivers)

    def update(self) -> np.ndarray:
        """(rows, columns) float32 of the spectrum as it is now; valid until the next call."""
        first, *others = self._receivers
        np.multiply(first, first, out=self._sum)
        for parts in others:
            np.multiply(parts, parts, out=self._squares)
            np.add(self._sum, self._squares, out=self._sum)
        np.add(self._sum[:, ::2], self._sum[:, 1::2], out=self.image)
        np.multiply(self.image, self._scale, out=self.image)
        return np.sqrt(self.image, out=self.image)


class RangeDoppler:
    """Range-Doppler images, one frame at a time, without allocating memory.

    Args:
        chirp: what the radar transmits.
        window: of both transforms, a name of ``windows.COEFFICIENTS``.
        mti: subtract the mean over the chirps of the frame (moving target indication): what stands still, such as the
            leakage from transmitter to receiver and the room, vanishes, and so does a target slower than about half a
            Doppler bin.

    Attributes:
        range_spectrum: (rx, chirp, range bin) complex64 of the last frame, before MTI; valid until the next call.
        spectrum: (rx, range bin, Doppler bin) complex64 of the last frame; valid until the next call.
        range_axis_m, velocity_axis_m_s: of the image's rows and columns, float64.

    Raises:
        ConfigurationError: the window is unknown, or the radar samples I and Q.
    """

    def __init__(self, chirp: ChirpSettings, *, window: str = "hann", mti: bool = True) -> None:
        if chirp.complex_sampling:
            raise ConfigurationError(
                f"The chirp of {chirp.device} has complex sampling; range-Doppler is computed from real samples."
            )
        self.chirp = chirp
        self.range_axis_m = range_axis(chirp)
        self.velocity_axis_m_s = velocity_axis(chirp)
        receivers, chirps, samples = chirp.cube_shape
        self._range_matrix = range_matrix(samples, window)
        self._doppler_matrix = doppler_matrix(chirps, window, mti)
        self._samples = np.zeros(chirp.cube_shape, np.float32)
        self._flat_samples = self._samples.reshape(-1, samples)
        self._flat_parts = np.zeros((receivers * chirps, 2 * chirp.range_bins), np.float32)
        self.range_spectrum = self._flat_parts.view(np.complex64).reshape(receivers, chirps, chirp.range_bins)
        self._by_range = self.range_spectrum.swapaxes(1, 2)
        self._magnitude = _Magnitude((receivers, chirp.range_bins, chirps))
        self.spectrum = self._magnitude.spectrum

    def __call__(self, cube: np.ndarray) -> np.ndarray:
        """Range-Doppler image of one frame.

        Args:
            cube: (rx, chirp, sample), real: ADC counts.

        Returns:
            (range bin, Doppler bin) float32: root of the mean power of the receivers, in ADC counts; zero Doppler in
            the middle. Valid until the next call.

        Raises:
            InputError: the cube has another shape, or complex values.
        """
        if cube.shape != self._samples.shape or cube.dtype.kind not in "uif":
            raise InputError(
                f"A cube has shape {cube.shape} of {cube.dtype}, expected {self._samples.shape} "
                "(receivers, chirps, samples) of real numbers; does the chirp file fit the device or recording?"
            )
        np.copyto(self._samples, cube, casting="same_kind")
        np.matmul(self._flat_samples, self._range_matrix, out=self._flat_parts)
        np.matmul(self._by_range, self._doppler_matrix, out=self.spectrum)
        return self._magnitude.update()


class MicroRangeDoppler:
    """Range against small velocities, over the last ``frames`` frames, without allocating memory.

    A frame alone tells velocities apart that differ by ``velocity_resolution_m_s`` (0.1 m/s for a near-face chirp): a
    face hardly moves that fast. Here the range spectra of some frames are low-passed and decimated by ``frames`` in
    slow time and transformed together: as many velocities as a frame has chirps, within plus or minus
    ``max_velocity_m_s / frames``. What is constant over all these frames is removed; what is constant within a chirp
    was removed by the range transform.

    What to know of its images, with figures for a near-face chirp (64 chirps of 0.39 ms in frames of 50 ms):

    - Ghosts. The radar looks during a part of each frame period only. A target at velocity v appears again at v plus or
      minus multiples of wavelength / 2 * frame rate (0.05 m/s, 4 columns), weaker: the first ones by about 4 dB, the
      second ones hardly at all, the third ones by 12 dB. Without pauses there are none; where chirps fill less than a
      quarter of the frame period, ghosts are nearly as strong as the target and the image says little.
    - Noise is equal in all columns, and a target is largest in its own one in spite of its ghosts. Amplitudes are those
      of the sinusoid but for: 4 dB less between two columns, 3.4 dB less at the edges, where the low-pass falls off,
      and 2.6 dB less at plus or minus 4 columns, where a target has a ghost at velocity zero that is removed.
    - What stands still vanishes, and so does a target slower than half a column. The column of velocity zero is 0.
    - The window is a Blackman-Harris because the frames together resolve velocities finer than the columns are apart:
      under a Hann window a target between two columns would lose 7 dB.
    - Velocities just outside of the interval appear folded at the opposite edge: 5 dB weaker at 1.1 times the limit,
      12 dB at 1.3 times, 18 dB or more from 1.5 times on, 30 dB from twice. The range-Doppler image shows where they
      really are.

    Args:
        chirp: what the radar transmits.
        frames: that one image covers, and the factor by which slow time is decimated.
        window: over all frames, a name of ``windows.COEFFICIENTS``.

    Attributes:
        spectrum: (rx, range bin, velocity) complex64 of the last image; valid until the next ``push``.
        range_axis_m, velocity_axis_m_s: of the image's rows and columns, float64.
        restarts: times that the frames so far were thrown away because of a gap.

    Raises:
        ConfigurationError: the window is unknown, or the chirps of a frame are no multiple of ``frames``.
    """

    def __init__(self, chirp: ChirpSettings, *, frames: int = MICRO_FRAMES, window: str = "blackman_harris") -> None:
        if frames < 2 or chirp.chirps_per_frame % frames:
            raise ConfigurationError(
                f"A micro range-Doppler image over {frames} frames needs at least 2 frames and a multiple of them in "
                f"chirps per frame; the chirp has {chirp.chirps_per_frame}."
            )
        self.chirp = chirp
        self.range_axis_m = range_axis(chirp)
        self.velocity_axis_m_s = velocity_axis(chirp, 1 / frames)
        self.restarts = 0
        receivers, chirps, _ = chirp.cube_shape
        self._frames, self._per_frame = frames, chirps // frames
        self._low_pass = low_pass_matrix(chirps, frames).astype(np.float32)
        self._matrix = micro_matrix(chirp, frames, window)
        # Each frame is written twice, ``frames`` slots apart: from slot to slot + frames they lie in the order of time.
        self._ring = np.zeros((receivers, 2 * chirps, chirp.range_bins), np.complex64)
        self._ring_parts = self._ring.view(np.float32)
        self._low_passed = np.zeros((receivers, self._per_frame, 2 * chirp.range_bins), np.float32)
        self._magnitude = _Magnitude((receivers, chirp.range_bins, chirps))
        self.spectrum = self._magnitude.spectrum
        self._last: int | None = None
        self._filled = 0
        self._slot = 0

    def reset(self) -> None:
        """Forget all frames: the next image comes ``frames`` frames later."""
        self._last, self._filled, self._slot = None, 0, 0

    def push(self, range_spectrum: np.ndarray, sequence: int | None = None) -> np.ndarray | None:
        """Add a frame.

        Args:
            range_spectrum: (rx, chirp, range bin) complex64, as ``RangeDoppler.range_spectrum``; copied from.
            sequence: number of the frame as the sensor counts. A gap starts over. It carries the time as well: frames
                are one frame period apart by the sensor's clock, far more evenly than stamps on a host are, and 1 ms
                would be a whole turn at the edge of the image. None: the frame follows the last one.

        Returns:
            (range bin, velocity) float32: root of the mean power of the receivers in ADC counts, zero velocity in the
            middle; valid until the next call. None until enough frames came.

        Raises:
            InputError: the spectrum has another shape or type.
        """
        expected = (self._ring.shape[0], self.chirp.chirps_per_frame, self._ring.shape[2])
        if range_spectrum.shape != expected or range_spectrum.dtype != np.complex64:
            raise InputError(
                f"A range spectrum has shape {range_spectrum.shape} of {range_spectrum.dtype}, expected {expected} "
                "(receivers, chirps, range bins) of complex64."
            )
        if self._last is not None and sequence is not None and sequence != self._last + 1:
            self.reset()
            self.restarts += 1
        self._last = sequence if sequence is not None else None if self._last is None else self._last + 1
        self._store(range_spectrum)
        if self._filled < self._frames:
            return None
        first = self._slot * self._per_frame
        in_order = self._ring[:, first : first + self._frames * self._per_frame]
        np.matmul(in_order.swapaxes(1, 2), self._matrix, out=self.spectrum)
        return self._magnitude.update()

    def _store(self, range_spectrum: np.ndarray) -> None:
        """Low-pass a frame into the slot of the oldest one."""
        np.matmul(self._low_pass, range_spectrum.view(np.float32), out=self._low_passed)
        for slot in (self._slot, self._slot + self._frames):
            first = slot * self._per_frame
            np.copyto(self._ring_parts[:, first : first + self._per_frame], self._low_passed)
        self._slot = (self._slot + 1) % self._frames
        self._filled = min(self._filled + 1, self._frames)
