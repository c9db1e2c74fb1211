"""What each radar can do, as data, and the check of chirp settings against it: physics and remedy in the sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from faceedge.errors import ConfigurationError
from faceedge.radar import bgt60_ramp
from faceedge.radar.chirp import FACE_RANGES_M, ChirpSettings

MOST_ON_AIR = 0.5
"""Above this part of the time transmitting, chips grow warm and regulations may ask for less power."""
BAND_TOLERANCE_HZ = 100e3
"""Files state slopes and times in a few digits: a ramp of 45 MHz/us and 88.89 us is meant to be one of 4 GHz."""
ROUNDING = 1e-6
"""Vendors' tools carry periods as 32-bit floats."""
SLOPE_ROUNDING_HZ_PER_S = 25e9
"""Half a step of the registers that hold the slope, which matters where the band is narrow and the ramp long."""


@dataclass(frozen=True, slots=True)
class DeviceLimits:
    """What one device accepts.

    Attributes:
        band_hz: of the ramp, that the data sheet guarantees.
        sample_rate_hz, samples_per_chirp, chirps_per_frame: least and most; rates are for the device's usual sampling.
        slope_hz_per_s: the steepest ramp.
        rx_antennas, tx_antennas: how many there are, numbered from 1.
        if_gain_db, high_pass_hz, low_pass_hz: the values that can be set; empty: not checked.
        complex_sampling: whether I and Q are sampled.
    """

    name: str
    band_hz: tuple[float, float]
    sample_rate_hz: tuple[float, float]
    samples_per_chirp: tuple[int, int]
    chirps_per_frame: tuple[int, int]
    slope_hz_per_s: float
    rx_antennas: int
    tx_antennas: int
    if_gain_db: tuple[float, ...]
    high_pass_hz: tuple[float, ...]
    low_pass_hz: tuple[float, ...]
    complex_sampling: bool


BGT60_FIFO_WORDS = 8192
"""Of 24 bits, two samples each."""
BGT60_GAINS_DB = tuple(sorted({high_pass + 5.0 * step for high_pass in (18, 30) for step in range(7)}))
"""High-pass stage 18 or 30 dB, then a variable gain of 0 to 30 dB in steps of 5 dB."""

IWR_SAMPLE_MEMORY_BYTES = 32 * 1024
"""One chirp of all receivers, 4 bytes a complex sample. As commonly stated for the ADC buffer; not looked up."""
IWR_CUBE_MEMORY_BYTES = 768 * 1024
"""Radar memory of an IWR6843, which holds the cube after the range transform. As commonly stated; not looked up."""
IWR_LEAST_IDLE_S = 2e-6
"""The synthesiser's way back to the start of the ramp takes longer the wider the ramp is. A lower bound of ours: TI's
configurations have 7 us and more."""

LIMITS: Mapping[str, DeviceLimits] = {
    # BGT60TR13C datasheet V2.4.9: band, gains, filters, field widths of PLLx_3, CCR2, ADC0. The highest sample rate and
    # the steepest slope are not confirmed by a text; known exports of the vendor stay below 2.5 MHz and 160 MHz/us.
    "bgt60tr13c": DeviceLimits(
        name="BGT60TR13C",
        band_hz=(58e9, 63.5e9),
        sample_rate_hz=(bgt60_ramp.REFERENCE_CLOCK_HZ / bgt60_ramp.LARGEST_ADC_DIVIDER, 4e6),
        samples_per_chirp=(2, 4095),
        chirps_per_frame=(1, 4096),
        slope_hz_per_s=400e12,
        rx_antennas=3,
        tx_antennas=1,
        if_gain_db=BGT60_GAINS_DB,
        high_pass_hz=(20e3, 45e3, 70e3, 80e3),
        low_pass_hz=(500e3,),
        complex_sampling=False,
    ),
    # IWR6843: the band of its data sheet (SWRS219), loops and chirps of frameCfg, high-pass corners of profileCfg. TI's
    # own profiles go up to 12.5 MHz, which stands here as the limit of complex sampling; samples and slope are not
    # confirmed by a text. The filter before the ADC follows its rate.
    "iwr6843": DeviceLimits(
        name="IWR6843",
        band_hz=(60e9, 64e9),
        sample_rate_hz=(2e6, 12.5e6),
        samples_per_chirp=(2, 2048),
        chirps_per_frame=(1, 255 * 512),
        slope_hz_per_s=250e12,
        rx_antennas=4,
        tx_antennas=3,
        if_gain_db=(),
        high_pass_hz=(175e3, 235e3, 350e3, 700e3),
        low_pass_hz=(),
        complex_sampling=True,
    ),
}


def limits_of(device: str) -> DeviceLimits:
    """Limits of a device by the name in ``ChirpSettings.device``.

    Raises:
        ConfigurationError: no such device.
    """
    if device not in LIMITS:
        raise ConfigurationError(f"chirp: device must be one of {', '.join(LIMITS)}, got {device!r}.")
    return LIMITS[device]


def check_limits(chirp: ChirpSettings) -> None:
    """Refuse what the device cannot do.

    Raises:
        ConfigurationError: with one sentence for each problem: the physics, what was asked for, and what to change.
    """
    found = problems(chirp)
    if found:
        raise ConfigurationError(f"{limits_of(chirp.device).name}: {' '.join(found)}")


def problems(chirp: ChirpSettings) -> list[str]:
    """One sentence for each thing that the device cannot do; empty: the chirp is possible.

    Raises:
        ConfigurationError: the device is unknown.
    """
    limits = limits_of(chirp.device)
    found = [*_common_problems(chirp, limits), *_frame_problems(chirp)]
    if chirp.device == "bgt60tr13c":
        found.extend(_bgt60_problems(chirp))
    if chirp.device == "iwr6843":
        found.extend(_iwr6843_problems(chirp))
    return found


def _common_problems(chirp: ChirpSettings, limits: DeviceLimits) -> list[str]:
    found = []
    low, high = limits.band_hz
    if chirp.start_frequency_hz < low - BAND_TOLERANCE_HZ or chirp.end_frequency_hz > high + BAND_TOLERANCE_HZ:
        found.append(
            f"the ramp from {_ghz(chirp.start_frequency_hz)} to {_ghz(chirp.end_frequency_hz)} leaves the band of the "
            f"part, {_ghz(low)} to {_ghz(high)}: move it inside; or is the file for another device?"
        )
    sampled_hz, ramp_hz = chirp.sampled_bandwidth_hz, chirp.end_frequency_hz - chirp.start_frequency_hz
    rounding_hz = SLOPE_ROUNDING_HZ_PER_S * chirp.samples_per_chirp / chirp.sample_rate_hz
    if sampled_hz > ramp_hz + rounding_hz:
        found.append(
            f"{chirp.samples_per_chirp} samples at {chirp.sample_rate_hz / 1e6:g} MHz cover {_ghz(sampled_hz)} of a "
            f"ramp of {_ghz(ramp_hz)}: take fewer samples, a lower slope, or a longer ramp."
        )
    if chirp.slope_hz_per_s > limits.slope_hz_per_s:
        found.append(
            f"a slope of {chirp.slope_hz_per_s / 1e12:.4g} MHz/us is above {limits.slope_hz_per_s / 1e12:g}: take more "
            "samples, a lower sample rate, or less bandwidth."
        )
    for name, (least, most), value, unit, scale in (
        ("sample rate", limits.sample_rate_hz, chirp.sample_rate_hz, " MHz", 1e6),
        ("number of samples in a chirp", limits.samples_per_chirp, chirp.samples_per_chirp, "", 1),
        ("number of chirps in a frame", limits.chirps_per_frame, chirp.chirps_per_frame, "", 1),
    ):
        if not least <= value <= most:
            found.append(
                f"the {name} must lie between {least / scale:.4g} and {most / scale:.6g}{unit}, got "
                f"{value / scale:.6g}{unit}."
            )
    for name, number, antennas in (
        ("receivers", limits.rx_antennas, chirp.rx_antennas),
        ("transmitters", limits.tx_antennas, chirp.tx_antennas),
    ):
        if antennas[-1] > number:
            found.append(f"it has {number} {name}, numbered from 1; got {list(antennas)}.")
    for name, values, value, unit, scale in (
        ("IF gain", limits.if_gain_db, chirp.if_gain_db, "dB", 1),
        ("high-pass corner", limits.high_pass_hz, chirp.high_pass_hz, "kHz", 1e3),
        ("low-pass corner", limits.low_pass_hz, chirp.low_pass_hz, "kHz", 1e3),
    ):
        if values and value not in values:
            known = ", ".join(f"{each / scale:g}" for each in values)
            found.append(f"the {name} can be {known} {unit}, got {value / scale:g}: take the nearest.")
    if chirp.complex_sampling != limits.complex_sampling:
        kind = "I and Q" if limits.complex_sampling else "real values"
        found.append(f"its ADC samples {kind}: set complex_sampling to {str(limits.complex_sampling).lower()}.")
    return found


def _frame_problems(chirp: ChirpSettings) -> list[str]:
    active_s = chirp.chirps_per_frame * chirp.chirp_period_s
    least_s, why = active_s, ""
    if chirp.device == "bgt60tr13c":
        with_wake_up_s = bgt60_ramp.shortest_frame_s(
            chirp.samples_per_chirp, chirp.sample_rate_hz, chirp.chirps_per_frame, chirp.chirp_period_s
        )
        least_s = max(active_s, with_wake_up_s)
        why = ", and the chip wakes up for 1.05 ms before them" if active_s <= chirp.frame_period_s else ""
    if least_s <= chirp.frame_period_s * (1 + ROUNDING):
        return []
    most = chirp.chirps_per_frame - math.ceil((least_s - chirp.frame_period_s) / chirp.chirp_period_s)
    remedy = f"take at most {most} chirps, or " if most > 0 else ""
    enough_s = math.ceil(least_s * 1e5) / 1e5
    return [
        f"{chirp.chirps_per_frame} chirps of {_us(chirp.chirp_period_s)} fill {_ms(active_s)} of a frame of "
        f"{_ms(chirp.frame_period_s)}{why}: {remedy}lengthen the frame to {_ms(enough_s)} or more."
    ]


def _bgt60_problems(chirp: ChirpSettings) -> list[str]:
    found = []
    divider = bgt60_ramp.adc_divider(chirp.sample_rate_hz)
    units = bgt60_ramp.ramp_units(chirp.samples_per_chirp, divider)
    ramp_s = units * bgt60_ramp.CYCLES_PER_RAMP_UNIT / bgt60_ramp.REFERENCE_CLOCK_HZ
    if units > bgt60_ramp.LARGEST_RAMP_UNITS:
        found.append(
            f"{chirp.samples_per_chirp} samples at {chirp.sample_rate_hz / 1e6:g} MHz need a ramp of {_us(ramp_s)} and "
            f"the chip makes at most {bgt60_ramp.LARGEST_RAMP_UNITS / 10:g} us: take fewer samples or a higher rate."
        )
    shortest_s = bgt60_ramp.shortest_chirp_s(chirp.samples_per_chirp, chirp.sample_rate_hz)
    if chirp.chirp_period_s < shortest_s * (1 - ROUNDING):
        found.append(
            f"{chirp.samples_per_chirp} samples at {chirp.sample_rate_hz / 1e6:g} MHz need a ramp of {_us(ramp_s)}, "
            f"and with the way back a chirp takes {_us(shortest_s)} at least, got {_us(chirp.chirp_period_s)}: take "
            "fewer samples, a higher sample rate, or a longer chirp period."
        )
    return found


def _iwr6843_problems(chirp: ChirpSettings) -> list[str]:
    found = []
    transmitters, receivers = len(chirp.tx_antennas), len(chirp.rx_antennas)
    idle_s = chirp.chirp_period_s / transmitters - chirp.ramp_s
    if idle_s < IWR_LEAST_IDLE_S * (1 - ROUNDING):
        found.append(
            f"{transmitters} transmitters in turn leave {_us(chirp.chirp_period_s / transmitters)} to each chirp, and "
            f"its ramp takes {_us(chirp.ramp_s)}: at least {_us(IWR_LEAST_IDLE_S)} must remain for the way back, "
            "so lengthen the idle time or take fewer transmitters."
        )
    sample_bytes = 4 * receivers * chirp.samples_per_chirp
    if sample_bytes > IWR_SAMPLE_MEMORY_BYTES:
        found.append(
            f"{chirp.samples_per_chirp} samples of {receivers} receivers are {sample_bytes:,} bytes a chirp and its "
            f"buffer holds {IWR_SAMPLE_MEMORY_BYTES:,}: take fewer samples or receivers."
        )
    cube_bytes = 4 * receivers * transmitters * chirp.chirps_per_frame * next_power_of_two(chirp.samples_per_chirp)
    if cube_bytes > IWR_CUBE_MEMORY_BYTES:
        found.append(
            f"the cube of {receivers} x {transmitters} antennas, {chirp.chirps_per_frame} chirps and "
            f"{next_power_of_two(chirp.samples_per_chirp)} ranges is {cube_bytes:,} bytes and its memory holds "
            f"{IWR_CUBE_MEMORY_BYTES:,}: take fewer chirps, samples or transmitters."
        )
    return found


def next_power_of_two(number: int) -> int:
    """The least power of two that is not below ``number`` (from 1): the length of the device's transforms."""
    return 1 << max(number - 1, 0).bit_length()


def advice(chirp: ChirpSettings) -> list[str]:
    """What is possible and yet worth knowing, one sentence each; empty: nothing."""
    found = []
    if chirp.on_air > MOST_ON_AIR:
        found.append(
            f"Ramps fill {chirp.on_air:.0%} of the time: the chip grows warm, and regulations may ask for less power; "
            "fewer or shorter chirps, or longer frames, help."
        )
    _, usual_m, farthest_m = FACE_RANGES_M
    if chirp.beat_frequency_hz(usual_m) < chirp.high_pass_hz:
        found.append(
            f"Echoes from nearer than {chirp.range_of_beat_m(chirp.high_pass_hz):.2f} m beat below the high-pass "
            f"corner of {_khz(chirp.high_pass_hz)} and are attenuated (from {usual_m:g} m: "
            f"{_khz(chirp.beat_frequency_hz(usual_m))}): for a face take a lower corner or a steeper ramp."
        )
    if chirp.beat_frequency_hz(farthest_m) > chirp.low_pass_hz:
        found.append(
            f"An echo from {farthest_m:g} m beats at {_khz(chirp.beat_frequency_hz(farthest_m))}, above the low-pass "
            f"corner of {_khz(chirp.low_pass_hz)}: take more samples or less bandwidth."
        )
    if chirp.device == "bgt60tr13c":
        receivers, chirps, samples = chirp.cube_shape
        words = -(-receivers * chirps * samples // 2)
        if words > BGT60_FIFO_WORDS:
            found.append(
                f"A frame is {words:,} words and the FIFO holds {BGT60_FIFO_WORDS:,}: it must be drained "
                "while it fills."
            )
    return found


def _ghz(value_hz: float) -> str:
    return f"{value_hz / 1e9:.5g} GHz"


def _khz(value_hz: float) -> str:
    return f"{value_hz / 1e3:.3g} kHz"


def _us(value_s: float) -> str:
    return f"{value_s * 1e6:.6g} us"


def _ms(value_s: float) -> str:
    return f"{value_s * 1e3:.4g} ms"
