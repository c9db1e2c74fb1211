"""Chirps for tests: strategies over what each device can do, and one chirp of each."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from faceedge.errors import ConfigurationError
from faceedge.radar import bgt60_ramp
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.chirp_limits import BGT60_GAINS_DB


def refusal(call: Callable[[], object]) -> str:
    """The sentence with which a call refuses its input; empty when it does not."""
    try:
        call()
    except ConfigurationError as error:
        return str(error)
    return ""


def bgt60_chirp(
    start_hz: float = 60.1e9,
    end_hz: float = 61.1e9,
    samples: int = 128,
    chirps: int = 64,
    *,
    divider: int = 40,
    chirp_period_s: float = 391.55e-6,
    frame_period_s: float = 50e-3,
    rx: tuple[int, ...] = (1, 2, 3),
    power: int = 31,
    gain_db: float = 33.0,
    high_pass_hz: float = 20e3,
) -> ChirpSettings:
    """FOOD's chirp, unless told otherwise; the slope is the one that the chip makes."""
    rate_hz = bgt60_ramp.REFERENCE_CLOCK_HZ / divider
    return ChirpSettings(
        device="bgt60tr13c",
        start_frequency_hz=start_hz,
        end_frequency_hz=end_hz,
        slope_hz_per_s=bgt60_ramp.slope_hz_per_s(start_hz, end_hz, samples, rate_hz),
        samples_per_chirp=samples,
        sample_rate_hz=rate_hz,
        chirps_per_frame=chirps,
        chirp_period_s=chirp_period_s,
        frame_period_s=frame_period_s,
        rx_antennas=rx,
        tx_power_level=power,
        if_gain_db=gain_db,
        high_pass_hz=high_pass_hz,
    )


@st.composite
def bgt60_chirps(draw: st.DrawFn) -> ChirpSettings:
    """Chirps that a BGT60TR13C can make."""
    samples, divider = draw(st.integers(8, 1024)), draw(st.integers(20, 80))
    start_mhz = draw(st.integers(58_000, 63_300))
    end_mhz = draw(st.integers(start_mhz + 200, min(start_mhz + 2_000, 63_500)))
    period_s = bgt60_ramp.shortest_chirp_s(samples, 80e6 / divider) + draw(st.floats(1e-6, 2e-3))
    chirps = draw(st.integers(1, 256))
    frame_s = chirps * period_s + 1.2e-3 + draw(st.floats(0, 0.1))
    receivers = draw(st.sets(st.integers(1, 3), min_size=1))
    return bgt60_chirp(
        start_mhz * 1e6,
        end_mhz * 1e6,
        samples,
        chirps,
        divider=divider,
        chirp_period_s=period_s,
        frame_period_s=frame_s,
        rx=tuple(sorted(receivers)),
        power=draw(st.integers(0, 31)),
        gain_db=draw(st.sampled_from(BGT60_GAINS_DB)),
        high_pass_hz=draw(st.sampled_from([20e3, 45e3, 70e3, 80e3])),
    )


@st.composite
def iwr6843_chirps(draw: st.DrawFn) -> ChirpSettings:
    """Chirps that an IWR6843 can make, in the steps that a .cfg file is written in."""
    samples = draw(st.sampled_from([64, 96, 128, 200, 256]))
    rate_hz = draw(st.integers(2_000, 12_500)) * 1e3
    sampled_us = samples / rate_hz * 1e6
    ramp_us = round(sampled_us + draw(st.floats(1.0, 12.0)), 2)
    start_mhz = draw(st.integers(60_000, 63_000))
    slope = draw(st.integers(1, max(int(min((64_000 - start_mhz) / ramp_us, 250)), 1)))
    tx = tuple(sorted(draw(st.sets(st.integers(1, 3), min_size=1))))
    idle_us = round(draw(st.floats(2.5, 400)), 2)
    chirps = draw(st.integers(2, 32))
    period_s = (idle_us + ramp_us) * len(tx) * 1e-6
    return ChirpSettings(
        device="iwr6843",
        start_frequency_hz=start_mhz * 1e6,
        end_frequency_hz=start_mhz * 1e6 + slope * ramp_us * 1e6,
        slope_hz_per_s=slope * 1e12,
        samples_per_chirp=samples,
        sample_rate_hz=rate_hz,
        chirps_per_frame=chirps,
        chirp_period_s=period_s,
        frame_period_s=round(chirps * period_s * 1e3 + draw(st.floats(1, 200)), 3) * 1e-3,
        rx_antennas=tuple(sorted(draw(st.sets(st.integers(1, 4), min_size=1)))),
        tx_antennas=tx,
        complex_sampling=True,
        if_gain_db=float(draw(st.integers(24, 48))),
        high_pass_hz=draw(st.sampled_from([175e3, 235e3, 350e3, 700e3])),
        low_pass_hz=0.9 * rate_hz,
    )
