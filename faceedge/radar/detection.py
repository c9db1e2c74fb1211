"""Targets in a range-Doppler image, at a constant rate of false alarms (CFAR).

Each cell is compared with its neighbourhood: a frame of training cells around it, without the guard cells next to it
that the target itself fills. What has `looks` receivers averaged, each with complex Gaussian noise, has a power of
Gamma distribution with that shape, and from it follows the factor over the noise that a false alarm exceeds at the
wanted rate:

- cell averaging (`ca`): the noise is the mean of the training cells. The ratio of the cell to their sum has a beta
  prime distribution. For one look this is the known N (P^(-1/N) - 1).
- ordered statistic (`os`): the noise is the training cell of a certain rank. It stands strong neighbours, such as a
  second person, where the mean would hide the weaker one, and costs some sensitivity and 40 times the time.

At the ends of the range axis the frame of training cells is shifted inwards, so that every cell has equally many. The
velocity axis is a circle.

Sources: H. M. Finn and R. S. Johnson, "Adaptive detection mode with threshold control as a function of spatially
sampled clutter-level estimates", RCA Review 29, 1968; H. Rohling, "Radar CFAR thresholding in clutter and multiple
target situations", IEEE Transactions on Aerospace and Electronic Systems 19 (4), 1983.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincinv, gammaincc, gammainccinv

from faceedge.errors import ConfigurationError, InputError

METHODS = ("ca", "os")
# A windowed transform makes neighbouring cells alike: of a range-Doppler image with Hann windows in both directions one
# training cell in this many counts. The sum of the squared correlations is 1.94 in each direction.
HANN_CELLS_PER_INDEPENDENT = 4.0
_ORDER_STATISTIC_POINTS = 2000


@dataclass(frozen=True, slots=True)
class Detection:
    """A local maximum that is above the threshold.

    Attributes:
        range_m, velocity_m_s: between the bins, from a parabola through the logarithms of the neighbours.
        snr_db: power over the mean power of the training cells.
        magnitude: of the cell, as in the image.
        row, column: of the cell.
    """

    range_m: float
    velocity_m_s: float
    snr_db: float
    magnitude: float
    row: int
    column: int


def cell_averaging_factor(cells: float, false_alarm_rate: float, looks: int = 1) -> float:
    """Threshold over the mean of ``cells`` independent training cells.

    >>> round(cell_averaging_factor(16, 1e-4), 3)
    12.452
    """
    # Cell / (cell + sum of training) has a Beta(looks, looks * cells) distribution.
    share = betaincinv(looks * cells, looks, false_alarm_rate)
    return float((1 - share) / share * cells)


def ordered_statistic_factor(cells: int, rank: int, false_alarm_rate: float, looks: int = 1) -> float:
    """Threshold over the ``rank``-th smallest of ``cells`` independent training cells, counted from 1."""
    points = (np.arange(_ORDER_STATISTIC_POINTS) + 0.5) / _ORDER_STATISTIC_POINTS
    noise = gammainccinv(looks, 1 - betaincinv(rank, cells - rank + 1, points))

    def excess(log_factor: float) -> float:
        rate = gammaincc(looks, np.exp(log_factor) * noise).mean()
        return float(np.log(max(rate, np.finfo(np.float64).tiny)) - np.log(false_alarm_rate))

    return float(np.exp(brentq(excess, -5.0, 40.0)))


class Cfar:
    """A detector for images of one shape.

    Args:
        shape: (range, doppler) of the images, or (range,) of profiles.
        guard: cells on each side of the cell under test that are left out, along each axis.
        training: cells on each side beyond those that measure the noise, along each axis.
        false_alarm_rate: false alarms a cell of noise.
        looks: receivers whose power was averaged.
        method: ``ca`` or ``os``.
        rank: of the training cell that stands for the noise with ``os``, relative to their number.
        cells_per_independent: how many training cells count as one, because a window makes neighbours alike.

    Raises:
        ConfigurationError: an argument is out of its range, or the neighbourhood does not fit into the image.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        guard: tuple[int, ...] = (2, 2),
        training: tuple[int, ...] = (4, 4),
        false_alarm_rate: float = 1e-5,
        looks: int = 1,
        method: str = "ca",
        rank: float = 0.75,
        cells_per_independent: float = 1.0,
    ) -> None:
        if method not in METHODS:
            raise ConfigurationError(f"The CFAR method is {method!r}, expected one of: {', '.join(METHODS)}.")
        if not 0 < false_alarm_rate < 0.5:
            raise ConfigurationError(f"The false-alarm rate is {false_alarm_rate:g}, expected more than 0, below 0.5.")
        if not 0 < rank <= 1 or cells_per_independent < 1 or looks < 1:
            raise ConfigurationError(
                f"CFAR with rank {rank:g}, {looks} looks and {cells_per_independent:g} cells per independent one: "
                "expected a rank above 0 and up to 1, and at least 1 of both others."
            )
        self.shape = shape
        self.false_alarm_rate = false_alarm_rate
        rows, columns = (*shape, 1)[:2]
        self._plane = (rows, columns)
        self._guard = (*guard[: len(shape)], 0)[:2]
        self._reach = tuple(g + t for g, t in zip(self._guard, (*training[: len(shape)], 0)[:2], strict=True))
        sizes = [2 * reach + 1 for reach in self._reach]
        holes = [2 * g + 1 for g in self._guard]
        self.training_cells = sizes[0] * sizes[1] - holes[0] * holes[1]
        if sizes[0] > rows or sizes[1] > columns or self.training_cells < 1 or min(self._guard) < 0:
            raise ConfigurationError(
                f"CFAR with {guard} guard and {training} training cells a side does not fit into an image of {shape}."
            )
        self._method = method
        self._rank = max(1, round(rank * self.training_cells))
        independent = max(1.0, self.training_cells / cells_per_independent)
        if method == "ca":
            self.factor = cell_averaging_factor(independent, false_alarm_rate, looks)
        else:
            order = min(max(1, round(rank * independent)), round(independent))
            self.factor = ordered_statistic_factor(round(independent), order, false_alarm_rate, looks)
        self._outer_rows = np.clip(np.arange(rows) - self._reach[0], 0, rows - sizes[0])
        self._inner_rows = np.clip(np.arange(rows) - self._guard[0], 0, rows - holes[0])
        self._table = self._training_table() if method == "os" else None

    def noise(self, power: np.ndarray) -> np.ndarray:
        """Noise around each cell: the mean of its training cells, or the one of the chosen rank; float64.

        Raises:
            InputError: the image has another shape.
        """
        if power.shape != self.shape:
            raise InputError(f"CFAR of an image of {power.shape}, expected {self.shape}.")
        plane = power.reshape(self._plane)
        if self._table is not None:
            chosen = np.partition(plane.ravel()[self._table], self._rank - 1, axis=1)[:, self._rank - 1]
            return chosen.astype(np.float64).reshape(self.shape)
        reach = self._reach[1]
        padded = np.pad(plane.astype(np.float64), ((0, 0), (reach, reach)), mode="wrap")
        sums = np.zeros((padded.shape[0] + 1, padded.shape[1] + 1))
        np.cumsum(np.cumsum(padded, axis=0), axis=1, out=sums[1:, 1:])
        start = np.arange(self._plane[1])
        outer = _boxes(sums, self._outer_rows, 2 * self._reach[0] + 1, start, 2 * reach + 1)
        inner_start = start + reach - self._guard[1]
        inner = _boxes(sums, self._inner_rows, 2 * self._guard[0] + 1, inner_start, 2 * self._guard[1] + 1)
        # Differences of sums can fall a rounding below zero where everything is zero.
        means: np.ndarray = np.maximum(outer - inner, 0) / self.training_cells
        return means.reshape(self.shape)

    def __call__(self, power: np.ndarray) -> np.ndarray:
        """Cells above their threshold, bool of the image's shape. ``power`` is the square of a magnitude."""
        exceeding: np.ndarray = power > self.factor * self.noise(power)
        return exceeding

    def _training_table(self) -> np.ndarray:
        """(cell, training cell) flat indices."""
        rows, columns = self._plane
        around = np.arange(-self._reach[1], self._reach[1] + 1)
        far = np.abs(around) > self._guard[1]
        table = []
        for row in range(rows):
            near_rows = self._outer_rows[row] + np.arange(2 * self._reach[0] + 1)
            inside = (near_rows >= self._inner_rows[row]) & (near_rows <= self._inner_rows[row] + 2 * self._guard[0])
            kept_rows, kept_columns = np.nonzero(~inside[:, None] | far)
            all_columns = (np.arange(columns)[:, None] + around[kept_columns]) % columns
            table.append(near_rows[kept_rows] * columns + all_columns)
        return np.concatenate(table).astype(np.intp)


def _boxes(sums: np.ndarray, rows: np.ndarray, height: int, columns: np.ndarray, width: int) -> np.ndarray:
    """Sums over boxes that start at ``rows`` and ``columns``, from cumulative sums with a zero row and column."""
    strips = sums[rows + height] - sums[rows]
    boxes: np.ndarray = strips[:, columns + width] - strips[:, columns]
    return boxes


def detect(image: np.ndarray, range_axis_m: np.ndarray, velocity_axis_m_s: np.ndarray, cfar: Cfar) -> list[Detection]:
    """Targets in a range-Doppler image, the strongest first.

    Args:
        image: (range, doppler) magnitudes.

    Returns:
        One detection a local maximum: a cell that no cell of the eight around it exceeds.

    Raises:
        InputError: the image has another shape than the detector.
    """
    power = np.square(image, dtype=np.float64)
    noise = cfar.noise(power)
    above = np.pad(power, 1, constant_values=-1)
    above[1:-1, [0, -1]] = power[:, [-1, 0]]
    neighbours = np.lib.stride_tricks.sliding_window_view(above, (3, 3))
    rows, columns = np.nonzero((power > cfar.factor * noise) & (power >= neighbours.max(axis=(2, 3))) & (power > 0))
    found = []
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        around = neighbours[row, column]
        cell, level = power[row, column], max(noise[row, column], np.finfo(np.float64).tiny)
        found.append(
            Detection(
                range_m=float(range_axis_m[row] + _peak_offset(around[:, 1]) * _step(range_axis_m)),
                velocity_m_s=float(velocity_axis_m_s[column] + _peak_offset(around[1]) * _step(velocity_axis_m_s)),
                snr_db=float(10 * np.log10(cell / level)),
                magnitude=float(image[row, column]),
                row=row,
                column=column,
            )
        )
    return sorted(found, key=lambda detection: -detection.magnitude)


def _step(axis: np.ndarray) -> float:
    return float(axis[1] - axis[0]) if len(axis) > 1 else 0.0


def _peak_offset(three: np.ndarray) -> float:
    """Where between -0.5 and 0.5 the top of a parabola through the logarithms of three powers is."""
    if three.min() <= 0:
        return 0.0
    left, middle, right = np.log(three)
    bend = left - 2 * middle + right
    return float(np.clip((left - right) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0
