"""Chirps, ideal front ends and measurements for tests of the synthetic radar's surfaces."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from faceedge.radar.chirp import SPEED_OF_LIGHT_M_S, ChirpSettings
from faceedge.simulation.radar.front_end import FrontEnd, Receiver
from faceedge.simulation.radar.images import Mirror, corner_detours
from faceedge.simulation.radar.reflectors import Shifted
from faceedge.simulation.radar.tones import ToneGrid
from faceedge.simulation.radar.view import SurfaceEchoes
from faceedge.simulation.surface import Mesh

ONE_POINT = FrontEnd(
    tx_position_m=(0.0, 0.0, 0.0),
    rx_positions_m={3: (0.0, 0.0, 0.0)},
    pattern_exponent=0.0,
    leakage_db=-300.0,
    adc_noise_counts=0.0,
)
"""Transmitter and receiver in one place that look everywhere: what cross sections are defined for."""
TONE_HZ = 60e9


def full_band(**other: Any) -> ChirpSettings:
    """A chirp of the BGT60TR13C over its whole band."""
    plain = ChirpSettings(
        "bgt60tr13c",
        start_frequency_hz=58e9,
        end_frequency_hz=63.5e9,
        slope_hz_per_s=5.5e9 / 69e-6,
        samples_per_chirp=128,
        sample_rate_hz=2e6,
        chirps_per_frame=64,
        chirp_period_s=391.55e-6,
        frame_period_s=50e-3,
        if_gain_db=23.0,
        high_pass_hz=20e3,
        low_pass_hz=500e3,
    )
    return dataclasses.replace(plain, **other)


def one_tone() -> ChirpSettings:
    """Hardly a ramp and no filters: cross sections at 60 GHz, in the middle sample."""
    return full_band(
        start_frequency_hz=TONE_HZ - 1e6,
        end_frequency_hz=TONE_HZ + 1e6,
        slope_hz_per_s=2e6 / 69e-6,
        chirps_per_frame=1,
        rx_antennas=(3,),
        high_pass_hz=1e-3,
        low_pass_hz=1e9,
    )


def wavelength_m() -> float:
    """Of `one_tone` in the middle sample."""
    chirp = one_tone()
    return SPEED_OF_LIGHT_M_S / ToneGrid(chirp, Receiver(chirp, ONE_POINT, 0).first_hz).middle_hz


def cross_section_db(shape: tuple[Mesh, np.ndarray], range_m: float, plates: Sequence[Mirror] = ()) -> float:
    """Measured RCS of a shape in dB over 1 m2: in-phase and quadrature by a step of an eighth of a wavelength."""
    chirp = one_tone()
    receiver = Receiver(chirp, ONE_POINT, 0)
    tones = ToneGrid(chirp, receiver.first_hz)
    mesh, points = shape
    step_m = np.array([wavelength_m() / 8, 0.0, 0.0])
    parts = []
    for shift_m in (0 * step_m, step_m):
        moved = [dataclasses.replace(plate, corner_m=tuple(plate.corner_m + shift_m)) for plate in plates]
        detours = corner_detours(receiver.tx_m, receiver.rx_m, moved, len(mesh.triangles)) if moved else ()
        tones.clear()
        SurfaceEchoes(tones, receiver, Shifted(mesh, points + shift_m), detours).add(0.0)
        parts.append(tones.samples(np.zeros(1))[0, 0, chirp.samples_per_chirp // 2])
    amplitude = np.hypot(*parts) / receiver.counts_of_unit_echo() * range_m**2
    return float(20 * np.log10(amplitude))
