"""The sum of many tones, one a reflecting facet and receiver, over the chirps and samples of a frame.

A facet at the two-way delay tau makes a tone whose phase at sample n is, in turns, with the middle sample m and the
frequency f_m transmitted then,

    f_m tau - slope tau^2 / 2 + beat (n - m) / sample rate,      beat = slope tau

The first part turns with every hundredth of a wavelength and is followed from chirp to chirp. The second says in which
range bin the facet is and hardly changes: it is taken twice a block of chirps, linear between. So the sum over facets
is put on a grid of beat frequencies, each tone spread over its nearest `WIDTH` cells, and one small Fourier sum turns
the grid into samples: a non-uniform Fourier transform of the first type (Dutt and Rokhlin, SIAM J. Sci. Comput. 14,
1993) with the "exponential of semicircle" kernel of Barnett, Magland and af Klinteberg (SIAM J. Sci. Comput. 41, 2019).
With this width and grid no sample of a tone is further off than 3e-5 of it while it stands still, 6e-4 at 0.2 m/s and
6 % at 2 m/s (a full-band chirp every 0.39 ms), where the range bin changes within eight chirps.
"""

from __future__ import annotations

import math

import numpy as np

from faceedge.compiled import compiled
from faceedge.radar.chirp import ChirpSettings

BLOCK_CHIRPS = (8, 16)
"""Least and most chirps between two instants at which the surface is computed."""
LONGEST_BLOCK_S = 8e-3
"""A block has the most chirps if they take no longer, such as 16 of 0.39 ms."""

OVERSAMPLING = 2
WIDTH = 6
_SHAPE = 2.30 * WIDTH
_REACH = 4
CELLS = 2 * _REACH
"""A tone between the cells 0 and 1 touches the cells from 1 - _REACH to _REACH, also when it moves on by one."""
_TABLE = 256


def instants(chirp: ChirpSettings) -> np.ndarray:
    """(e,) chirps, as numbers from the first one of the frame, at which the surface has to be known; evenly spaced."""
    least, most = BLOCK_CHIRPS
    block = most if most * chirp.chirp_period_s <= LONGEST_BLOCK_S else least
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
        blocks, block = len(self.instants) - 1, int(self.instants[1])
        self._grid = np.zeros((receivers, blocks, self._cells + CELLS, 2, block), np.float32)
        self._rows = np.empty((receivers, blocks, block, self._cells + CELLS, 2), np.float32)
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
        lanes = self._grid.reshape(*self._grid.shape[:3], -1)
        _spread(turns, beat, weights, self._table, lanes)

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
def _follow(turns: np.ndarray, edge: int, weight: np.complex64, real: np.ndarray, imaginary: np.ndarray) -> None:
    """A tone over the chirps (c,) from one instant to the next, from its phase (e,) in turns at all instants.

    Between two instants the phase is the parabola through both whose curvature is the mean of the second differences
    there: its error is that of the third derivative, 1e-4 rad for a head that nods by 0.1 rad at 3 Hz.
    """
    here, there = turns[edge], turns[edge + 1]
    before, after = edge > 0, edge + 2 < len(turns)
    bend = 0.0
    if before:
        bend += there - 2 * here + turns[edge - 1]
    if after:
        bend += turns[edge + 2] - 2 * there + here
    if before and after:
        bend *= 0.5
    length = np.float64(len(real))
    start = np.float32(here - math.floor(here))
    step = np.float32((there - here - 0.5 * bend) / length)
    turn = np.float32(0.5 * bend / length**2)
    for c in range(len(real)):
        chirp = np.float32(c)
        phase = start + chirp * (step + chirp * turn)
        phase -= np.floor(phase + np.float32(0.5))
        size = abs(phase)
        cosine = _sine(np.float32(0.25) - size)
        sine = _sine(min(size, np.float32(0.5) - size))
        sine = sine if phase >= 0 else -sine
        real[c] = cosine * weight.real - sine * weight.imag
        imaginary[c] = cosine * weight.imag + sine * weight.real


@compiled
def _add(
    tone: np.ndarray,
    halves: np.ndarray,
    place: np.float32,
    moved: np.float32,
    table: np.ndarray,
    room: np.ndarray,
    cells: np.ndarray,
) -> None:
    """Add a tone to the cells around ``place``, with weights that are right where a block begins, in its middle and at
    its end, and linear between.

    All loops run to a length that is known only when they run: those of a constant length are unrolled before the
    compiler looks for vector instructions, and then it finds none.

    Args:
        tone: (lane,) float32: the chirps' real parts, then their imaginary ones.
        halves: (2, lane) float32, how much of either half of the block has passed.
        place: of the tone on the grid, at the first chirp.
        moved: how far it is from there to where the next block begins.
        table: as `_kernel_table` has it.
        room: (3, weight) float32, for a row of the table at the beginning and its changes over the halves.
        cells: (cell, lane) float32 to add to.
    """
    low = math.floor(place + np.float32(0.5) * moved)
    row, share = _entry(place - np.float32(low))
    middle_row, middle_share = _entry(place + np.float32(0.5) * moved - np.float32(low))
    end_row, end_share = _entry(place + moved - np.float32(low))
    for k in range(table.shape[1]):
        begin = table[row, k] + share * (table[row + 1, k] - table[row, k])
        middle = table[middle_row, k] + middle_share * (table[middle_row + 1, k] - table[middle_row, k])
        end = table[end_row, k] + end_share * (table[end_row + 1, k] - table[end_row, k])
        room[0, k], room[1, k], room[2, k] = begin, middle - begin, end - middle
    start = low % (len(cells) - table.shape[1])
    for k in range(table.shape[1]):
        begin, first, second = room[0, k], room[1, k], room[2, k]
        for lane in range(len(tone)):
            cells[start + k, lane] += (begin + first * halves[0, lane] + second * halves[1, lane]) * tone[lane]


@compiled
def _spread(turns: np.ndarray, beat: np.ndarray, weights: np.ndarray, table: np.ndarray, grid: np.ndarray) -> None:
    """Follow each tone from chirp to chirp and add it to the cells around its beat frequency.

    Args:
        turns, beat, weights: of the tones; see `ToneGrid.add`.
        table: as `_kernel_table` has it.
        grid: (rx, block, cell, lane) float32 to add to.
    """
    receivers, edges, count = turns.shape
    cells = np.float32(grid.shape[2] - table.shape[1])
    block = grid.shape[3] // 2
    tone = np.empty(2 * block, np.float32)
    room = np.empty((3, table.shape[1]), np.float32)
    halves = np.empty((2, 2 * block), np.float32)
    for lane in range(2 * block):
        passed = np.float32(2 * (lane % block)) / np.float32(block)
        halves[0, lane], halves[1, lane] = min(passed, np.float32(1)), max(passed - np.float32(1), np.float32(0))
    for receiver in range(receivers):
        for edge in range(edges - 1):
            for n in range(count):
                _follow(turns[receiver, :, n], edge, weights[receiver, n], tone[:block], tone[block:])
                place = beat[receiver, edge, n] * cells
                moved = beat[receiver, edge + 1, n] * cells - place
                _add(tone, halves, place, moved, table, room, grid[receiver, edge])
