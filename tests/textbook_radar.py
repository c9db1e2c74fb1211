"""Range-Doppler and micro range-Doppler from their defining sums: explicit loops, double precision, nothing shared.

Slow on purpose. What the package computes by matrix products is compared with this.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence

import numpy as np

SPEED_OF_LIGHT_M_S = 299_792_458.0

Spectrum = list[list[complex]]
"""One receiver: [chirp][range bin]."""


def hann(position: float) -> float:
    return math.sin(math.pi * position) ** 2


def blackman_harris(position: float) -> float:
    turn = 2 * math.pi * position
    return 0.35875 - 0.48829 * math.cos(turn) + 0.14128 * math.cos(2 * turn) - 0.01168 * math.cos(3 * turn)


def fourier_sum(values: Sequence[complex], cycles: float) -> complex:
    """Sum of values[n] exp(-2 pi i cycles n / N)."""
    count = len(values)
    total = 0j
    for n in range(count):
        total += values[n] * cmath.exp(-2j * math.pi * cycles * n / count)
    return total


def range_spectrum(receiver: np.ndarray) -> Spectrum:
    """(chirp, sample) to [chirp][range bin]: mean removed, Hann window, amplitude of a real sinusoid."""
    chirps, samples = receiver.shape
    weights = [hann((n + 0.5) / samples) for n in range(samples)]
    result = []
    for c in range(chirps):
        mean = sum(float(x) for x in receiver[c]) / samples
        weighted = [weights[n] * (float(receiver[c, n]) - mean) for n in range(samples)]
        result.append([2 / sum(weights) * fourier_sum(weighted, k) for k in range(samples // 2)])
    return result


def root_mean_square(images: list[list[list[complex]]]) -> np.ndarray:
    """[rx][row][column] to (row, column): root of the mean of the squares over the receivers."""
    rows, columns = len(images[0]), len(images[0][0])
    result = np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            result[r, c] = math.sqrt(sum(abs(image[r][c]) ** 2 for image in images) / len(images))
    return result


def range_doppler(cube: np.ndarray, mti: bool) -> np.ndarray:
    """(rx, chirp, sample) to (range bin, Doppler bin), Hann windows, zero Doppler in the middle."""
    images = []
    for receiver in cube:
        spectrum = range_spectrum(receiver)
        chirps, bins = len(spectrum), len(spectrum[0])
        weights = [hann((c + 0.5) / chirps) for c in range(chirps)]
        image = []
        for k in range(bins):
            mean = sum(spectrum[c][k] for c in range(chirps)) / chirps if mti else 0j
            weighted = [weights[c] * (spectrum[c][k] - mean) for c in range(chirps)]
            image.append([fourier_sum(weighted, d - chirps // 2) / sum(weights) for d in range(chirps)])
        images.append(image)
    return root_mean_square(images)


def low_pass(chirps: int, step: int) -> list[list[float]]:
    """Weights of the chirps in each output: a sinc under a Hann window of four steps, cut off at the frame's ends."""
    kernels = []
    for j in range(chirps // step):
        kernel = []
        for c in range(chirps):
            offset = (c - (j * step + (step - 1) / 2)) / step
            inside = abs(offset) < 2
            sinc = 1.0 if offset == 0 else math.sin(math.pi * offset) / (math.pi * offset)
            kernel.append(sinc * hann(offset / 4 + 0.5) if inside else 0.0)
        kernels.append([weight / sum(kernel) for weight in kernel])
    return kernels


def micro_range_doppler(
    cubes: Sequence[np.ndarray],
    wavelength_m: float,
    chirp_period_s: float,
    frame_period_s: float,
) -> np.ndarray:
    """The last frames, each (rx, chirp, sample), to (range bin, velocity): Blackman-Harris over all of them."""
    frames, (receivers, chirps, _) = len(cubes), cubes[0].shape
    kernels = low_pass(chirps, frames)
    chirp_times = [[f * frame_period_s + c * chirp_period_s for c in range(chirps)] for f in range(frames)]
    times = [
        sum(w * t for w, t in zip(kernel, chirp_times[f], strict=True)) for f in range(frames) for kernel in kernels
    ]
    step_s = frames * chirp_period_s
    extent_s = min(times[-1] - times[0] + step_s, 2 * step_s * chirps)
    middle_s = sum(times) / len(times)
    weights = [blackman_harris(min(max((t - middle_s) / extent_s + 0.5, 0.0), 1.0)) for t in times]
    limit = wavelength_m / (4 * chirp_period_s) / frames
    omegas = [4 * math.pi / wavelength_m * (2 * limit * (d - chirps // 2) / chirps) for d in range(chirps)]

    def column(slow: list[complex], d: int) -> complex:
        mean = sum(w * x for w, x in zip(weights, slow, strict=True)) / sum(weights)
        total = 0j
        for j in range(len(slow)):
            total += weights[j] * cmath.exp(-1j * omegas[d] * times[j]) * (slow[j] - mean)
        return total

    def filtered(spectra: list[list[complex]]) -> list[complex]:
        """[frame][chirp] of one range bin to low-passed slow time."""
        return [sum(kernel[c] * frame[c] for c in range(chirps)) for frame in spectra for kernel in kernels]

    noise, gains = [], []
    for d in range(chirps):
        # The weight of one chirp in the result is the result of a single one in that chirp.
        by_output = [column([1.0 if i == j else 0.0 for i in range(len(times))], d) for j in range(len(times))]
        power = 0.0
        for f in range(frames):
            for c in range(chirps):
                weight = sum(by_output[f * len(kernels) + j] * kernels[j][c] for j in range(len(kernels)))
                power += abs(weight) ** 2
        noise.append(math.sqrt(power))
        echo = [[cmath.exp(1j * omegas[d] * t) for t in frame] for frame in chirp_times]
        gains.append(abs(column(filtered(echo), d)))
    scale = max(g / n for d, (g, n) in enumerate(zip(gains, noise, strict=True)) if d != chirps // 2)

    images = []
    for rx in range(receivers):
        spectra = [range_spectrum(cube[rx]) for cube in cubes]
        image = []
        for k in range(len(spectra[0][0])):
            slow = filtered([[chirp[k] for chirp in spectrum] for spectrum in spectra])
            row = [column(slow, d) / (noise[d] * scale) if d != chirps // 2 else 0j for d in range(chirps)]
            image.append(row)
        images.append(image)
    return root_mean_square(images)
