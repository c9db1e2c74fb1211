"""Recordings of a few moving points, to see the evaluation at work within a minute. They are no faces.

Each "person" is a cloud of points with strengths of their own, which sits elsewhere in each session, breathes, and at
each act moves a little in its way. Figures on it say that the command works, and nothing of authentication.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceedge.evaluation.radar.clips import LEAVES
from faceedge.evaluation.radar.datasets import COLUMNS, STRANGER
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.recordings import VendorWriter

SPEED_OF_LIGHT_M_S = 299_792_458.0
POINTS = 14
DEPTH_M, WIDTH_M = 0.1, 0.08
"""Half extent of a cloud."""
NEAREST_M, FARTHEST_M = 0.22, 0.4
ANTENNA_GAP_M = 0.0025
MIDDLE_COUNTS, ECHO_COUNTS, NOISE_COUNTS = 2048, 40.0, 2.0
SWAY_M, BREATH_M, ACT_M = 0.001, 0.003, 0.004
ENROLLED, STRANGERS, SESSIONS, STRANGER_SESSIONS = 3, 3, 3, 2
SECONDS = 14.0
START_NS = 1_700_000_000_000_000_000
SEED = 0


@dataclass(frozen=True, slots=True)
class Cloud:
    """Points of one "person": (p, 3) m around the centre, (p,) strengths, (p,) share in each act's movement (4, p)."""

    places_m: np.ndarray
    strengths: np.ndarray
    moves: np.ndarray


def write_points(folder: Path, chirp: ChirpSettings, seconds: float = SECONDS) -> Path:
    """Write recording folders and their list into ``folder``; returns the list's path."""
    rows = []
    for person in range(ENROLLED + STRANGERS):
        rng = np.random.default_rng((SEED, person))
        cloud = Cloud(
            rng.uniform(-1, 1, (POINTS, 3)) * (DEPTH_M, WIDTH_M, WIDTH_M),
            rng.lognormal(0, 0.7, POINTS),
            rng.uniform(-1, 1, (len(LEAVES), POINTS)) * np.array([[0.0], [1.0], [1.0], [0.3]]),
        )
        stranger = person >= ENROLLED
        for session in range(STRANGER_SESSIONS if stranger else SESSIONS):
            name = f"p{person}s{session}"
            bounds = _record(folder / name, chirp, cloud, np.random.default_rng((SEED, person, session)), seconds)
            for leaf, (start_s, stop_s) in bounds:
                rows.append(
                    (name, f"p{person}", f"s{session}", LEAVES[leaf], start_s, stop_s, STRANGER if stranger else "")
                )
    path = folder / "recordings.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow((*COLUMNS, "start_s", "stop_s", "role"))
        table.writerows(rows)
    return path


def _record(
    folder: Path, chirp: ChirpSettings, cloud: Cloud, rng: np.random.Generator, seconds: float
) -> list[tuple[int, tuple[float, float]]]:
    """Write one session; when each of its acts took place."""
    centre = np.array([rng.uniform(NEAREST_M, FARTHEST_M), *rng.uniform(-0.02, 0.02, 2)])
    rate_hz, phase = rng.uniform(0.2, 0.35), rng.uniform(0, 2 * np.pi)
    order = [int(leaf) for _ in range(2) for leaf in rng.permutation(len(LEAVES))]
    act_s = seconds / len(order)
    sway = rng.standard_normal((3, 3)) * SWAY_M
    with VendorWriter(folder, chirp) as writer:
        for index in range(round(seconds / chirp.frame_period_s)):
            first_s = index * chirp.frame_period_s
            times_s = first_s + np.arange(chirp.chirps_per_frame) * chirp.chirp_period_s
            leaf = order[min(int(first_s / act_s), len(order) - 1)]
            swing = np.sin(2 * np.pi * np.array([[0.3], [0.7], [1.1]]) * times_s + phase)
            common_m = (sway @ swing)[0] + BREATH_M * np.sin(2 * np.pi * rate_hz * times_s + phase)
            own_m = ACT_M * np.sin(2 * np.pi * times_s / act_s) ** 2 * cloud.moves[leaf][:, np.newaxis]
            cube = _cube(chirp, cloud, centre, common_m + own_m, rng)
            writer.append(cube, START_NS + round(first_s * 1e9))
    return [(leaf, (place * act_s, (place + 1) * act_s)) for place, leaf in enumerate(order)]


def _cube(
    chirp: ChirpSettings, cloud: Cloud, centre: np.ndarray, moved_m: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(rx, chirp, sample) uint16 of points that moved by (point, chirp) m along the line of sight."""
    carrier = 4 * np.pi * chirp.start_frequency_hz / SPEED_OF_LIGHT_M_S
    beat = 4 * np.pi * chirp.slope_hz_per_s / SPEED_OF_LIGHT_M_S / chirp.sample_rate_hz
    samples = np.arange(chirp.samples_per_chirp)
    rows = []
    for antenna in range(len(chirp.rx_antennas)):
        range_m = np.linalg.norm(centre + cloud.places_m + np.array([0.0, antenna * ANTENNA_GAP_M, 0.0]), axis=1)
        slow = (cloud.strengths / range_m**2)[:, np.newaxis] * np.exp(1j * carrier * (range_m[:, np.newaxis] + moved_m))
        fast = np.exp(1j * beat * range_m[:, np.newaxis] * samples)
        rows.append((slow.T @ fast).real)
    echo = np.stack(rows) * ECHO_COUNTS * NEAREST_M**2
    return np.clip(np.rint(MIDDLE_COUNTS + echo + rng.normal(0, NOISE_COUNTS, echo.shape)), 0, 4095).astype(np.uint16)
