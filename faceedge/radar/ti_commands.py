"""Commands of TI's mmWave out-of-box demonstration on an xWR6843 (mmWave SDK 3.x), as data.

Source: mmWave SDK 3 user's guide, "Configuration (.cfg) file format"; mmWaveLink, rl_sensor.h for the limits of the
profile, the chirps and the frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MOST_VIRTUAL_ANTENNAS = 12
MASK_4 = (0, 15)
MASK_3 = (0, 7)
SUBFRAME = (-1, 3)
SWITCH = (0, 1)
ANY = (-1e12, 1e12)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: its name with unit, its least and greatest value, and whether it is a whole number."""

    name: str
    low: float
    high: float
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        arguments: in order.
        optional: how many of the last arguments may be left out.
        mandatory: the demonstration does not start before it was given once.
        several: it is given once for each profile, chirp or direction.
    """

    arguments: tuple[Argument, ...] = ()
    optional: int = 0
    mandatory: bool = False
    several: bool = False

    @property
    def argc(self) -> int:
        """Words of the command line, with the command itself and all optional ones."""
        return 1 + len(self.arguments)


def _whole(name: str, limits: tuple[float, float]) -> Argument:
    return Argument(name, *limits)


def _real(name: str, limits: tuple[float, float] = ANY) -> Argument:
    return Argument(name, *limits, whole=False)


_SUBFRAME = _whole("subframe", SUBFRAME)
_ANTENNA_PAIRS = tuple(
    _real(f"{part}_{antenna}") for antenna in range(MOST_VIRTUAL_ANTENNAS) for part in ("real", "imaginary")
)

COMMANDS: Mapping[str, Command] = {
    "sensorStop": Command(),
    "flushCfg": Command(),
    "dfeDataOutputMode": Command((_whole("mode", (1, 3)),), mandatory=True),
    "channelCfg": Command(
        (_whole("rx_mask", MASK_4), _whole("tx_mask", MASK_3), _whole("cascading", SWITCH)), mandatory=True
    ),
    "adcCfg": Command((_whole("bits_code", (0, 2)), _whole("format", (0, 2))), mandatory=True),
    "adcbufCfg": Command(
        (
            _SUBFRAME,
            _whole("format", SWITCH),
            _whole("sample_swap", SWITCH),
            _whole("channel_interleave", SWITCH),
            _whole("chirp_threshold", (0, 8)),
        ),
        mandatory=True,
        several=True,
    ),
    "profileCfg": Command(
        (
            _whole("id", (0, 3)),
            _real("start_frequency_ghz", (1, 1000)),
            _real("idle_us", (0, 5242.87)),
            _real("adc_start_us", (0, 40.95)),
            _real("ramp_end_us", (0, 5000)),
            _whole("tx_backoff_code", (0, 0xFFFFFF)),
            _whole("tx_phase_code", (0, 0xFFFFFF)),
            _real("slope_mhz_per_us", (-250, 250)),
            _real("tx_start_us", (-40.96, 40.95)),
            _whole("samples", (2, 8192)),
            _real("sample_rate_ksps", (1, 37500)),
            _whole("high_pass_1_code", (0, 3)),
            _whole("high_pass_2_code", (0, 3)),
            _whole("rx_gain_code", (0, 255)),
        ),
        mandatory=True,
        several=True,
    ),
    "chirpCfg": Command(
        (
            _whole("start_index", (0, 511)),
            _whole("end_index", (0, 511)),
            _whole("profile_id", (0, 3)),
            _real("start_frequency_variation_hz"),
            _real("slope_variation_khz_per_us"),
            _real("idle_variation_us"),
            _real("adc_start_variation_us"),
            _whole("tx_mask", MASK_3),
        ),
        mandatory=True,
        several=True,
    ),
    "frameCfg": Command(
        (
            _whole("start_index", (0, 511)),
            _whole("end_index", (0, 511)),
            _whole("loops", (1, 255)),
            _whole("frames", (0, 65535)),
            _real("period_ms", (0.1, 1342)),
            _whole("trigger", (1, 2)),
            _real("trigger_delay_ms", (0, 100)),
        ),
        mandatory=True,
    ),
    "advFrameCfg": Command(
        (
            _whole("subframes", (1, 4)),
            _whole("forced_profile", (0, 255)),
            _whole("frames", (0, 65535)),
            _whole("trigger", (1, 2)),
            _real("trigger_delay_ms", (0, 100)),
        )
    ),
    "subFrameCfg": Command(
        (
            _whole("subframe", (0, 3)),
            _whole("forced_profile", (0, 3)),
            _whole("start_index", (0, 511)),
            _whole("chirps", (1, 512)),
            _whole("loops", (1, 255)),
            _real("burst_period_ms", (0.1, 1342)),
            _whole("chirp_offset", (0, 511)),
            _whole("bursts", (1, 512)),
            _whole("burst_loops", (1, 64)),
            _real("period_ms", (0.1, 1342)),
        ),
        several=True,
    ),
    "lowPower": Command((_whole("reserved", ANY), _whole("adc_mode", SWITCH)), mandatory=True),
    "guiMonitor": Command(
        (
            _SUBFRAME,
            _whole("points", (0, 2)),
            _whole("range_profile", SWITCH),
            _whole("noise_profile", SWITCH),
            _whole("azimuth_heat_map", SWITCH),
            _whole("range_doppler_heat_map", SWITCH),
            _whole("statistics", SWITCH),
        ),
        mandatory=True,
        several=True,
    ),
    "cfarCfg": Command(
        (
            _SUBFRAME,
            _whole("direction", SWITCH),
            _whole("averaging", (0, 2)),
            _whole("window", (0, 255)),
            _whole("guard", (0, 255)),
            _whole("noise_shift", (0, 255)),
            _whole("cyclic", SWITCH),
            _real("threshold_db", (0, 100)),
            _whole("peak_grouping", SWITCH),
        ),
        mandatory=True,
        several=True,
    ),
    "multiObjBeamForming": Command(
        (_SUBFRAME, _whole("enable", SWITCH), _real("threshold", (0, 1))), mandatory=True, several=True
    ),
    "clutterRemoval": Command((_SUBFRAME, _whole("enable", SWITCH)), mandatory=True, several=True),
    "calibDcRangeSig": Command(
        (
            _SUBFRAME,
            _whole("enable", SWITCH),
            _whole("negative_bin", (-16, 0)),
            _whole("positive_bin", (0, 16)),
            _whole("chirps", (1, 65536)),
        ),
        mandatory=True,
        several=True,
    ),
    "extendedMaxVelocity": Command((_SUBFRAME, _whole("enable", SWITCH)), mandatory=True, several=True),
    "bpmCfg": Command(
        (_SUBFRAME, _whole("enable", SWITCH), _whole("chirp_0", (0, 511)), _whole("chirp_1", (0, 511))), several=True
    ),
    "lvdsStreamCfg": Command(
        (_SUBFRAME, _whole("header", SWITCH), _whole("data_format", (0, 4)), _whole("software", SWITCH)),
        mandatory=True,
        several=True,
    ),
    "compRangeBiasAndRxChanPhase": Command((_real("range_bias_m"), *_ANTENNA_PAIRS), mandatory=True),
    "measureRangeBiasAndRxChanPhase": Command(
        (_whole("enable", SWITCH), _real("target_m", (0, 100)), _real("search_window_m", (0, 100))), mandatory=True
    ),
    "CQRxSatMonitor": Command(
        (
            _whole("profile", (0, 3)),
            _whole("selection", (0, 255)),
            _whole("slice_duration", (0, 255)),
            _whole("slices", (0, 127)),
            _whole("rx_mask", (0, 255)),
        ),
        mandatory=True,
        several=True,
    ),
    "CQSigImgMonitor": Command(
        (_whole("profile", (0, 3)), _whole("slices", (0, 127)), _whole("samples_per_slice", (0, 255))),
        mandatory=True,
        several=True,
    ),
    "analogMonitor": Command((_whole("rx_saturation", SWITCH), _whole("image_band", SWITCH)), mandatory=True),
    "aoaFovCfg": Command(
        (
            _SUBFRAME,
            _real("min_azimuth_deg", (-90, 90)),
            _real("max_azimuth_deg", (-90, 90)),
            _real("min_elevation_deg", (-90, 90)),
            _real("max_elevation_deg", (-90, 90)),
        ),
        mandatory=True,
        several=True,
    ),
    "cfarFovCfg": Command(
        (_SUBFRAME, _whole("direction", SWITCH), _real("min"), _real("max")), mandatory=True, several=True
    ),
    "calibData": Command(
        (_whole("save", SWITCH), _whole("restore", SWITCH), _whole("flash_offset", (0, 0xFFFFFFFF))), mandatory=True
    ),
    "sensorStart": Command((_whole("full_configuration", SWITCH),), optional=1),
}
"""In the order in which the demonstration wants them."""

EVERY_FRAME_DIRECTIONS = {"cfarCfg": 2, "cfarFovCfg": 2}
"""Commands that must be given for range (0) and for Doppler (1)."""
HIGH_PASS_1_HZ = (175e3, 235e3, 350e3, 700e3)
"""By code; the second filter's corners are twice to four times as high."""
