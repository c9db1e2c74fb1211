"""Infineon's configuration files of the BGT60TR13C: JSON with one ``fmcw_single_shape``.

A file states the wanted ramp. The chip makes one from whole clock cycles and whole frequency steps, so slope and sample
rate follow from it as in ``bgt60_ramp``; the sampled bandwidth is smaller than end minus start.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from faceedge.errors import ConfigurationError
from faceedge.radar import bgt60_ramp
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.json_fields import Fields, parse_object

DEVICE = "bgt60tr13c"
SHAPE = "fmcw_single_shape"
WHERE = "Infineon configuration"
# The SDK's own defaults, for files from before it wrote these keys.
DEFAULT_HIGH_PASS_HZ = 80_000
DEFAULT_LOW_PASS_HZ = 500_000
SLOPE_TOLERANCE = 0.005
"""The format has no slope: a chirp whose slope differs by more than this part from the SDK's is not representable."""


def read(text: str) -> ChirpSettings:
    """Chirp settings from a configuration file's text.

    ``hp_cutoff_Hz``, ``aaf_cutoff_Hz``, ``tx_antennas``, ``mimo_mode`` and the outer ``device_config`` may be absent.

    Raises:
        ConfigurationError: no JSON, a key that is missing or wrong (named, with what was expected), or settings that
            are no ramp. Device limits are checked by ``chirp_limits.check_limits``.
    """
    fields = Fields(f"{WHERE}, {SHAPE}", _shape(parse_object(WHERE, text)))
    if fields.text("mimo_mode", "off") != "off":
        raise ConfigurationError(
            f"{WHERE}: mimo_mode must be 'off', got {fields.text('mimo_mode')!r}: the BGT60TR13C has one transmitter."
        )
    start_hz, end_hz = fields.number("start_frequency_Hz"), fields.number("end_frequency_Hz")
    samples, wanted_rate_hz = fields.integer("num_samples_per_chirp"), fields.number("sample_rate_Hz")
    if not (0 < samples <= 65536 and wanted_rate_hz > 0 and 0 < start_hz < end_hz < 1e12):
        raise ConfigurationError(
            f"{WHERE}: expected a rising ramp with samples, got {samples} samples at {wanted_rate_hz:g} Hz from "
            f"{start_hz / 1e9:g} to {end_hz / 1e9:g} GHz."
        )
    rate_hz = bgt60_ramp.REFERENCE_CLOCK_HZ / bgt60_ramp.adc_divider(wanted_rate_hz)
    return ChirpSettings(
        device=DEVICE,
        start_frequency_hz=start_hz,
        end_frequency_hz=end_hz,
        slope_hz_per_s=bgt60_ramp.slope_hz_per_s(start_hz, end_hz, samples, rate_hz),
        samples_per_chirp=samples,
        sample_rate_hz=rate_hz,
        chirps_per_frame=fields.integer("num_chirps_per_frame"),
        chirp_period_s=fields.number("chirp_repetition_time_s"),
        frame_period_s=fields.number("frame_repetition_time_s"),
        rx_antennas=fields.integers("rx_antennas"),
        tx_antennas=fields.integers("tx_antennas", (1,)),
        tx_power_level=fields.integer("tx_power_level"),
        if_gain_db=fields.number("if_gain_dB"),
        high_pass_hz=fields.number("hp_cutoff_Hz", DEFAULT_HIGH_PASS_HZ),
        low_pass_hz=fields.number("aaf_cutoff_Hz", DEFAULT_LOW_PASS_HZ),
    )


def _shape(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object that holds the settings; also found without the outer ``device_config``."""
    inside = data.get("device_config", data)
    if not isinstance(inside, dict) or SHAPE not in inside:
        keys = ", ".join(sorted(map(repr, inside))[:5]) if isinstance(inside, dict) else "no object"
        raise ConfigurationError(
            f"{WHERE}: expected device_config.{SHAPE}, got {keys or 'no key'}; save the configuration as one "
            "FMCW shape."
        )
    return Fields(WHERE, inside).object(SHAPE)


def write(chirp: ChirpSettings) -> str:
    """The text of a configuration file, as the vendor's tools read it. ``read`` gives the same chirp back.

    Raises:
        ConfigurationError: the chirp is for another device, or has a slope that the format cannot express.
    """
    if chirp.device != DEVICE:
        raise ConfigurationError(f"{WHERE}: expected settings of a {DEVICE}, got {chirp.device!r}.")
    slope = bgt60_ramp.slope_hz_per_s(
        chirp.start_frequency_hz, chirp.end_frequency_hz, chirp.samples_per_chirp, chirp.sample_rate_hz
    )
    if abs(slope / chirp.slope_hz_per_s - 1) > SLOPE_TOLERANCE:
        raise ConfigurationError(
            f"{WHERE}: the format has no slope and the SDK would make {slope / 1e12:.3f} MHz/us of these settings, not "
            f"{chirp.slope_hz_per_s / 1e12:.3f}; change the ramp's start or end."
        )
    shape = {
        "aaf_cutoff_Hz": _plain(chirp.low_pass_hz),
        "chirp_repetition_time_s": chirp.chirp_period_s,
        "end_frequency_Hz": _plain(chirp.end_frequency_hz),
        "frame_repetition_time_s": chirp.frame_period_s,
        "hp_cutoff_Hz": _plain(chirp.high_pass_hz),
        "if_gain_dB": _plain(chirp.if_gain_db),
        "mimo_mode": "off",
        "num_chirps_per_frame": chirp.chirps_per_frame,
        "num_samples_per_chirp": chirp.samples_per_chirp,
        "rx_antennas": list(chirp.rx_antennas),
        "sample_rate_Hz": round(chirp.sample_rate_hz),  # the SDK wants a whole number; its divider gives the rest back
        "start_frequency_Hz": _plain(chirp.start_frequency_hz),
        "tx_antennas": list(chirp.tx_antennas),
        "tx_power_level": chirp.tx_power_level,
    }
    return json.dumps({"device_config": {SHAPE: shape}}, indent=4) + "\n"


def _plain(value: float) -> float | int:
    """Whole numbers as the vendor writes them, without a decimal point."""
    return int(value) if value == int(value) else value
