"""Point targets for tests: samples of the intermediate frequency from its defining phase, and where recordings are."""

from __future__ import annotations

import numpy as np
import pytest
from shared_data import BGT60

from faceedge.radar.bgt60_ramp import slope_hz_per_s
from faceedge.radar.chirp import SPEED_OF_LIGHT_M_S, ChirpSettings

ADC_CENTRE = 2048


def chirp_settings(
    chirps: int = 64,
    samples: int = 128,
    *,
    start_hz: float = 60.1e9,
    slope_hz_per_s: float = 1e9 / 67.1875e-6,
    chirp_period_s: float = 391.55e-6,
    frame_period_s: float = 50e-3,
    rx_antennas: tuple[int, ...] = (1, 2, 3),
) -> ChirpSettings:
    """A near-face chirp of 1 GHz unless told otherwise."""
    return ChirpSettings(
        device="bgt60tr13c",
        start_frequency_hz=start_hz,
        end_frequency_hz=start_hz + slope_hz_per_s * samples / 2e6,
        slope_hz_per_s=slope_hz_per_s,
        samples_per_chirp=samples,
        sample_rate_hz=2e6,
        chirps_per_frame=chirps,
        chirp_period_s=chirp_period_s,
        frame_period_s=frame_period_s,
        rx_antennas=rx_antennas,
    )


def echo(
    chirp: ChirpSettings,
    range_m: float,
    velocity_m_s: float = 0.0,
    *,
    amplitude: float = 100.0,
    frame: int = 0,
    extra_m: tuple[float, ...] | None = None,
) -> np.ndarray:
    """(rx, chirp, sample) float64 of a point that is at ``range_m`` when frame 0 begins and recedes at a velocity.

    ``extra_m``: for each receiver, by how much its way back is longer.
    """
    fast_s = np.arange(chirp.samples_per_chirp) / chirp.sample_rate_hz
    slow_s = frame * chirp.frame_period_s + np.arange(chirp.chirps_per_frame) * chirp.chirp_period_s
    way_m = 2 * (range_m + velocity_m_s * (slow_s[:, None] + fast_s))
    extra = np.zeros(len(chirp.rx_antennas)) if extra_m is None else np.asarray(extra_m)
    tau_s = (way_m + extra[:, None, None]) / SPEED_OF_LIGHT_M_S
    phase = 2 * np.pi * (chirp.slope_hz_per_s * tau_s * fast_s + chirp.start_frequency_hz * tau_s)
    return amplitude * np.cos(phase)


def quantised(signal: np.ndarray, noise_counts: float = 0.0, seed: int = 0) -> np.ndarray:
    """12-bit ADC counts, uint16."""
    noise = np.random.default_rng(seed).normal(0, noise_counts, signal.shape) if noise_counts else 0.0
    return np.clip(np.round(signal + noise + ADC_CENTRE), 0, 4095).astype(np.uint16)


def recorded_cubes(name: str) -> np.ndarray:
    """(frame, rx, chirp, sample) uint16 of a recording; skips the test where it is absent."""
    paths = sorted((BGT60 / name).rglob("radar.npy"))
    if not paths:
        pytest.skip(f"the recording {name} is not on this machine")
    cubes = np.load(paths[0], mmap_mode="r")
    assert isinstance(cubes, np.ndarray)
    return cubes


def two_reflectors_chirp() -> ChirpSettings:
    """What the recording two_reflectors was made with: 58 to 63.5 GHz, 64 samples."""
    return chirp_settings(
        64,
        64,
        start_hz=58e9,
        slope_hz_per_s=slope_hz_per_s(58e9, 63.5e9, 64, 2e6),
        chirp_period_s=591.125e-6,
        frame_period_s=77.26885e-3,
    )
