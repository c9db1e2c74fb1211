"""Looks of made-up people: some points that reflect, sway by millimetres, and are others for other people."""

from __future__ import annotations

import numpy as np

from faceedge.radar.chirp import SPEED_OF_LIGHT_M_S
from faceedge.radar.chirp_files import find_chirp_file, load_chirp_file
from faceedge.radar.face_frames import FaceFrame

CHIRP = load_chirp_file(find_chirp_file("bgt60_face_full_band")).chirp
POINTS, DEPTH_M, ASIDE_M = 40, 0.35, 0.12
PERIOD_NS = 50_000_000


def looks_of(person: int, count: int, distance_m: float = 0.30, size: float = 10.0) -> np.ndarray:
    """(count, rx, sample) float32 ADC counts of someone whose nearest point is at ``distance_m``."""
    generator = np.random.default_rng((person, 1))
    depth_m = np.sort(np.concatenate([[0.0], generator.uniform(0, DEPTH_M, POINTS - 1)]))
    aside = generator.uniform(-ASIDE_M, ASIDE_M, POINTS)
    strength = size * generator.exponential(1.0, POINTS)
    strength[0] = size
    sway_m = 1e-3 * np.cumsum(np.random.default_rng((person, 2)).standard_normal((count, POINTS)), axis=0) / 10
    range_m = distance_m + depth_m + np.clip(sway_m, -4e-3, 4e-3)
    time_s = np.arange(CHIRP.samples_per_chirp) / CHIRP.sample_rate_hz
    out = np.empty((count, 3, CHIRP.samples_per_chirp))
    for rx in range(3):
        path_m = 2 * range_m + 2.5e-3 * rx * aside / distance_m
        delay_s = path_m[..., np.newaxis] / SPEED_OF_LIGHT_M_S
        turns = CHIRP.start_frequency_hz * delay_s + CHIRP.slope_hz_per_s * delay_s * time_s
        out[:, rx] = (strength[:, np.newaxis] * np.cos(2 * np.pi * turns)).sum(axis=1)
    noise = np.random.default_rng((person, 3)).standard_normal(out.shape)
    return np.asarray(2000 + out + 0.3 * noise, np.float32)


def frame(
    sequence: int,
    look: np.ndarray | None = None,
    *,
    stamp_ns: int | None = None,
    saturated: float = 0.0,
    repeated: bool = False,
) -> FaceFrame:
    """A frame 50 ms after the one before."""
    stamp = PERIOD_NS * sequence if stamp_ns is None else stamp_ns
    return FaceFrame(
        sequence, stamp, None, np.zeros((3, 128), np.float32) if look is None else look, saturated, repeated
    )
