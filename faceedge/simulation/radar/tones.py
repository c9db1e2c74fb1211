"""The sum of many tones, one a reflecting facet and receiver, over the chirps and samples of a frame.

A facet at the two-way delay tau makes a tone whose phase at sample n is, in turns, with the middle sample m and the
frequency f_m transmitted then,

    f_m tau - slope tau^2 / 2 + beat (n - m) / sample rate,      beat = slope tau

The first part turns with every hundredth of a wavelength and is followed from chirp to chirp. The second says in which
range bin the facet is and hardly changes: it is taken every `CHIRPS_A_TONE` chirps, linear between. So the sum over
facets is put on a grid of beat frequencies, each tone spread over its nearest `WIDTH` cells, and one small Fourier sum
turns the grid into samples: a non-uniform Fourier transform of the first type (Dutt and Rokhlin, SIAM J. Sci. Comput.
14, 1993) with the "exponential of semicircle" kernel of Barnett, Magland and af Klinteberg (SIAM J. Sci. Comput. 41,
2019). With this width and grid it is right to 1e-5 of a tone that stands still, to 4e-4 at 0.2 m/s and 3 % at 2 m/s (a
full-band chirp every 0.39 ms), where the range bin changes within eight chirps.
"""

from __future__ import annotations

import math

import numpy as np

from faceedge.radar.chirp import ChirpSettings
from faceedge.simulation.compiled import compiled
from faceedge.simulation.radar.lanes import CELLS, TONE, add_tone

CHIRPS_A_TONE = 8
"""Chirps for which the weights of a tone's cells change linearly."""
LONGEST_BLOCK_S = 8e-3
"""Between two instants at which the surface is computed; 16 chirps of 0.39 ms."""
MOST_TONES_A_BLOCK = 2

OVERSAMPLING = 2
WIDTH = 6
_SHAPE = 2.30 * WIDTH
_REACH = 4
"""A tone between the cells 0 and 1 touches the cells from 1 - _REACH to _REACH, also when it moves on by one: the
`CELLS` of `lanes`."""
_TABLE = 256


def instants(chirp: ChirpSettings) -> np.ndarray:
    """(e,) chirps, as numbers from the first one of the frame, at which the surface has to be known; evenly spaced."""
    tones = int(LONGEST_BLOCK_S / (chirp.chirp_period_s * CHIRPS_A_TONE))
    block = CHIRPS_A_TONE * min(max(tones, 1), MOST_TONES_A_BLOCK)
    return np.arange(math.ceil(chirp.chirps_per_frame / block) + 1) * block


class ToneGrid:
    """Beat frequencies of one frame, filled by `add` and turned into samples by `samples`. Buffers are kept.

    Args:
        chirp: settings.
        first_hz: transmitted when the first sample is taken.

    Attributes:
        instants: (e,) as `instants` says.
        middle_hz: transmitted at the middle sample: the phase's frequency.
    """

    def __init__(self, chirp: ChirpSettings, first_hz: float) -> None:
        receivers, _, samples = chirp.cube_shape
        self.chirp = chirp
        self.instants = instants(chirp)
        self.middle_hz = first_hz + chirp.slope_hz_per_s * (samples // 2) / chirp.sample_rate_hz
        self._cells = OVERSAMPLING * max(samples, 2 * WIDTH)
        shape = receivers, int(self.instants[-1]) // CHIRPS_A_TONE, self._cells + CELLS, 2, CHIRPS_A_TONE
        self._grid = np.zeros(shape, np.float32)
        self._rows = np.empty((shape[0], shape[1], CHIRPS_A_TONE, shape[2], 2), np.float32)
        order = np.arange(self._cells + CELLS) + 1 - _REACH  # what a cell of the array is on the grid
        self._delay_s = order / self._cells * chirp.sample_rate_hz / chirp.slope_hz_per_s
        self._fourier = _fourier(samples, order, self._cells)
        self._table = _kernel_table()
        self._samples = np.empty((receivers * int(self.instants[-1]), samples), np.float32)

    def clear(self, standing: np.ndarray | None = None) -> None:
        """Begin a frame with nothing, or with what stands still, as `standing` returned it."""
        self._grid[...] = 0 if standing is None else standing

    def add(self, turns: np.ndarray, beat: np.ndarray, weights: np.ndarray) -> None:
        """Add tones.

        Args:
            turns: (rx, e, n) float64, phase at the middle sample at each instant.
            beat: (rx, e, n) float32, cycles a sample at each instant.
            weights: (rx, n) complex64, ADC counts.
        """
        _spread(turns, beat, weights, int(self.instants[1]), self._table, self._grid)

    def standing(self, delay_s: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(rx, 1, cell, 2, 1) of tones that do not change, to begin frames with.

        Args:
            delay_s: (rx, n) float64.
            weights: (rx, n) complex, ADC counts.
        """
        turns, beat = self.phase(delay_s)
        self.clear()
        receivers, count = delay_s.shape
        # Parts of larger arrays, as `facets` passes them: then `_spread` is compiled once only.
        shape = receivers, len(self.instants), count + 1
        steady = np.zeros(shape), np.zeros(shape, np.float32), np.zeros((receivers, count + 1), np.complex64)
        steady[0][..., :count] = turns[:, np.newaxis]
        steady[1][..., :count] = beat[:, np.newaxis]
        steady[2][..., :count] = weights
        self.add(steady[0][..., :count], steady[1][..., :count], steady[2][..., :count])
        return self._grid[:, :1, ..., :1].copy()

    def phase(self, delay_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Turns at the middle sample, and cycles a sample, of delays."""
        beat_hz = self.chirp.slope_hz_per_s * delay_s
        return self.middle_hz * delay_s - beat_hz * delay_s / 2, beat_hz / self.chirp.sample_rate_hz

    def samples(self, error_hz: np.ndarray) -> np.ndarray:
        """(rx, chirp, sample) float32, ADC counts of all tones together; valid until the next call.

        Args:
            error_hz: (chirp,) or (1,) by how much the ramp's frequency is off. It is taken to be the same all over the
                ramp, and for the delays of a grid cell, which is right to 1e-4 rad for an error of 100 kHz.
        """
        receivers, chirps, samples = self.chirp.cube_shape
        self._rows[...] = self._grid.transpose(0, 1, 4, 2, 3)
        rows = self._rows.reshape(receivers, -1, self._rows.shape[3] * 2)
        if np.any(error_hz):
            turned = rows[:, :chirps].view(np.complex64)
            turned *= np.exp(2j * math.pi * np.outer(error_hz, self._delay_s)).astype(np.complex64)
        np.matmul(rows.reshape(-1, rows.shape[-1]), self._fourier, out=self._samples)
        return self._samples.reshape(receivers, -1, samples)[:, :chirps]


def _fourier(samples: int, order: np.ndarray, cells: int) -> np.ndarray:
    """(cell * 2, sample) float32: real and imaginary parts of the grid to samples, the kernel's own shape taken out."""
    sample = np.arange(samples) - samples // 2
    place, weight = np.polynomial.legendre.leggauss(100)
    kernel = weight * np.exp(_SHAPE * (np.sqrt(1 - place**2) - 1)) * WIDTH / 2
    shape = np.cos(np.pi * WIDTH * np.outer(sample, place) / cells) @ kernel
    angle = 2 * np.pi * np.outer(order, sample) / cells
    both = np.stack([np.cos(angle), -np.sin(angle)], axis=1) / shape
    return np.asarray(both.reshape(-1, samples), np.float32)


def _kernel_table() -> np.ndarray:
    """(entry, lane) float32: weights of the cells 1 - _REACH to _REACH for a tone at -1 + entry / _TABLE, up to 2."""
    place = np.arange(3 * _TABLE + 1)[:, np.newaxis] / _TABLE - 1
    distance = np.arange(1 - _REACH, 1 + _REACH) - place
    inside = 1 - (2 * distance / WIDTH) ** 2
    return np.where(inside >= 0, np.exp(_SHAPE * (np.sqrt(np.abs(inside)) - 1)), 0).astype(np.float32)


@compiled
def _sine(turns: np.float32) -> np.float32:
    """Sine of a quarter of a turn at most, to 1e-7: the Taylor series to the eleventh power."""
    x = turns * np.float32(2 * math.pi)
    square = x * x
    value = np.float32(-1 / 39916800)
    value = value * square + np.float32(1 / 362880)
    value = value * square - np.float32(1 / 5040)
    value = value * square + np.float32(1 / 120)
    value = value * square - np.float32(1 / 6)
    value = value * square + np.float32(1)
    return value * x


@compiled
def _entry(place: np.float32) -> tuple[int, np.float32]:
    """Row of the table for a tone at ``place``, which is held between -1 and 2, and the share of the next row."""
    entry = min(max(place + np.float32(1), np.float32(0)), np.float32(2.999)) * np.float32(_TABLE)
    row = int(entry)
    return row, entry - np.float32(row)


@compiled
def _spread(
    turns: np.ndarray, beat: np.ndarray, weights: np.ndarray, block: int, table: np.ndarray, grid: np.ndarray
) -> None:
    """Follow each tone from chirp to chirp and add it to the cells around its beat frequency.

    Between two instants the phase is the parabola through both whose curvature is the mean of the second differences
    there: its error is that of the third derivative, 1e-4 rad for a head that nods by 0.1 rad at 3 Hz.
    """
    receivers, edges, count = turns.shape
    parts, cells_stored = grid.shape[1], grid.shape[2]
    cells = cells_stored - CELLS
    real = np.empty(block, np.float32)
    imaginary = np.empty(block, np.float32)
    both = np.empty(TONE, np.float32)
    length = np.float64(block)
    tones = block // CHIRPS_A_TONE
    chirp = np.arange(block).astype(np.float32)
    for receiver in range(receivers):
        for edge in range(edges - 1):
            for n in range(count):
                here = turns[receiver, edge, n]
                there = turns[receiver, edge + 1, n]
                bend = 0.0
                known = 0
                if edge > 0:
                    bend += there - 2 * here + turns[receiver, edge - 1, n]
                    known += 1
                if edge + 2 < edges:
                    bend += turns[receiver, edge + 2, n] - 2 * there + here
                    known += 1
                if known == 2:
                    bend *= 0.5
                start = np.float32(here - math.floor(here))
                step = np.float32((there - here - 0.5 * bend) / length)
                turn = np.float32(0.5 * bend / length**2)
                weight_x = weights[receiver, n].real
                weight_y = weights[receiver, n].imag
                for c in range(block):
                    phase = start + chirp[c] * (step + chirp[c] * turn)
                    phase -= np.floor(phase + np.float32(0.5))
                    size = abs(phase)
                    cosine = _sine(np.float32(0.25) - size)
                    sine = _sine(min(size, np.float32(0.5) - size))
                    sine = sine if phase >= 0 else -sine
                    real[c] = cosine * weight_x - sine * weight_y
                    imaginary[c] = cosine * weight_y + sine * weight_x
                first_beat = beat[receiver, edge, n] * np.float32(cells)
                change = (beat[receiver, edge + 1, n] * np.float32(cells) - first_beat) / np.float32(tones)
                for tone in range(tones):
                    place = first_beat + change * np.float32(tone)
                    low = math.floor(place + np.float32(0.5) * change)
                    row, share = _entry(place - np.float32(low))
                    next_row, next_share = _entry(place + change - np.float32(low))
                    for c in range(CHIRPS_A_TONE):
                        both[c] = real[tone * CHIRPS_A_TONE + c]
                        both[CHIRPS_A_TONE + c] = imaginary[tone * CHIRPS_A_TONE + c]
                    part = (receiver * parts + edge * tones + tone) * cells_stored + low % cells
                    add_tone(grid, part * TONE, table, row, share, next_row, next_share, both)
