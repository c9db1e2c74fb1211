"""What the commands given to an emulated IWR6843 mean: geometry, period, and what is sent in each frame.

Formulas as in the SDK's own configuration reader (``mmwdemo_rfparser``). The emulator has its own copy, so that a
mistake in the driver's reader does not cancel out.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_C_M_S = 299_792_458.0
_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
RF_LIMITS_HZ = (60e9, 64e9)
_RF_TOLERANCE_HZ = 1e6  # the visualiser's own files end at 64.00005 GHz

FRAME_MODE, CONTINUOUS_MODE, ADVANCED_FRAME_MODE = 1, 2, 3
ALL_SUBFRAMES = -1

Commands = dict[tuple[str, ...], tuple[str, ...]]
"""What was given last: arguments by command name and what tells several of the same command apart."""


def number(text: str) -> float:
    """As C's ``atof`` reads it: the part that is a number; 0 when there is none."""
    found = _NUMBER.match(text)
    return float(found.group()) if found else 0.0


def integer(text: str) -> int:
    """As C's ``atoi`` reads it."""
    return int(number(text))


def _next_power_of_two(count: int) -> int:
    return 1 << max(0, count - 1).bit_length()


@dataclass(frozen=True, slots=True)
class GuiMonitor:
    """Which TLVs are sent."""

    detected_objects: int = 0
    range_profile: bool = False
    noise_profile: bool = False
    azimuth_heat_map: bool = False
    range_doppler: bool = False
    statistics: bool = False


@dataclass(frozen=True, slots=True)
class Subframe:
    """One kind of frame: its geometry and what is sent of it."""

    index: int
    period_s: float
    active_s: float
    start_frequency_hz: float
    end_frequency_hz: float
    slope_hz_per_s: float
    sample_rate_hz: float
    samples: int
    chirp_s: float
    loops: int
    rx: int
    tx: int
    gui: GuiMonitor
    clutter_removal: bool = False
    azimuth_limits_deg: tuple[float, float] = (-90.0, 90.0)
    elevation_limits_deg: tuple[float, float] = (-90.0, 90.0)
    range_limits_m: tuple[float, float] = (0.0, math.inf)
    velocity_limits_m_s: tuple[float, float] = (-math.inf, math.inf)

    @property
    def range_bins(self) -> int:
        """Next power of two from the samples; 1024 of 12 antennas are cut to 1022, which fit into the memory."""
        bins = _next_power_of_two(self.samples)
        return 1022 if (bins, self.virtual_antennas) == (1024, 12) else bins

    @property
    def doppler_bins(self) -> int:
        """Next power of two from the chirps of one transmitter, at least 16, as the DSP's transform wants it."""
        return max(16, _next_power_of_two(self.loops))

    @property
    def range_step_m(self) -> float:
        """Range of one bin."""
        return _C_M_S * self.sample_rate_hz / (2 * self.slope_hz_per_s * self.range_bins)

    @property
    def max_range_m(self) -> float:
        """Nine tenths of what the ADC's rate allows: the filter takes the rest."""
        return 0.9 * self.sample_rate_hz * _C_M_S / (2 * self.slope_hz_per_s)

    @property
    def velocity_step_m_s(self) -> float:
        """Velocity of one bin."""
        return _C_M_S / (2 * self.start_frequency_hz * self.chirp_s * self.doppler_bins * self.tx)

    @property
    def virtual_antennas(self) -> int:
        """Receivers times transmitters."""
        return self.rx * self.tx


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that a started sensor does: its subframes in turn (one outside advanced frame mode)."""

    subframes: tuple[Subframe, ...]
    frames: int
    software_trigger: bool

    def problem(self) -> str:
        """Why the RF front end refuses this, or nothing."""
        for frame in self.subframes:
            if frame.slope_hz_per_s <= 0 or frame.samples < 1 or frame.sample_rate_hz <= 0 or frame.loops < 1:
                return "a profile without slope, samples, sample rate or loops"
            lowest, highest = RF_LIMITS_HZ
            if frame.start_frequency_hz < lowest or frame.end_frequency_hz > highest + _RF_TOLERANCE_HZ:
                return f"a sweep from {frame.start_frequency_hz / 1e9:.2f} to {frame.end_frequency_hz / 1e9:.2f} GHz"
            if frame.active_s >= frame.period_s:
                return f"{frame.active_s * 1e3:.1f} ms of chirps in a frame of {frame.period_s * 1e3:.1f} ms"
        return ""


def configuration_of(commands: Commands) -> Configuration:
    """What the commands mean together.

    Raises:
        LookupError: a command that a start needs was not given for one of the subframes.
    """
    advanced = integer(commands["dfeDataOutputMode",][0]) == ADVANCED_FRAME_MODE
    if not advanced:
        first, last, loops, frames, period_ms, trigger = (number(text) for text in commands["frameCfg",][:6])
        subframe = _subframe(commands, 0, int(first), int(last), int(loops), period_ms * 1e-3)
        return Configuration((subframe,), int(frames), int(trigger) != 2)
    count, _, frames, trigger = (integer(text) for text in commands["advFrameCfg",][:4])
    subframes = []
    for index in range(max(1, count)):
        values = [number(text) for text in commands["subFrameCfg", str(index)]]
        first, chirps, loops, period_ms = int(values[2]), int(values[3]), int(values[4]), values[9]
        subframes.append(_subframe(commands, index, first, first + chirps - 1, int(loops), period_ms * 1e-3))
    return Configuration(tuple(subframes), int(frames), int(trigger) != 2)


def _subframe(commands: Commands, index: int, first: int, last: int, loops: int, period_s: float) -> Subframe:
    chirps = [args for key, args in sorted(commands.items()) if key[0] == "chirpCfg" and _covers(args, first, last)]
    profile_id = str(integer(chirps[0][2])) if chirps else "0"
    found = commands.get(("profileCfg", profile_id)) or commands["profileCfg", "0"]
    profile = [number(text) for text in found]
    start_hz, idle_s, ramp_s, slope = profile[1] * 1e9, profile[2] * 1e-6, profile[4] * 1e-6, profile[7] * 1e12
    used = 0
    for args in chirps:
        used |= integer(args[7]) & integer(commands["channelCfg",][1])
    limits = _limits(commands, index)
    return Subframe(
        index=index,
        period_s=period_s,
        active_s=(last - first + 1) * loops * (idle_s + ramp_s),
        start_frequency_hz=start_hz,
        end_frequency_hz=start_hz + slope * ramp_s,
        slope_hz_per_s=slope,
        sample_rate_hz=profile[10] * 1e3,
        samples=int(profile[9]),
        chirp_s=idle_s + ramp_s,
        loops=max(1, loops),
        rx=max(1, integer(commands["channelCfg",][0]).bit_count()),
        tx=max(1, used.bit_count()),
        gui=_gui(_for_subframe(commands, "guiMonitor", index)),
        clutter_removal=bool(integer(_for_subframe(commands, "clutterRemoval", index)[1])),
        azimuth_limits_deg=limits[0],
        elevation_limits_deg=limits[1],
        range_limits_m=limits[2],
        velocity_limits_m_s=limits[3],
    )


def _covers(chirp: tuple[str, ...], first: int, last: int) -> bool:
    return integer(chirp[0]) <= last and integer(chirp[1]) >= first


def _for_subframe(commands: Commands, name: str, index: int, *key: str) -> tuple[str, ...]:
    """The arguments for this subframe, or those for all of them."""
    return commands.get((name, str(index), *key)) or commands[name, str(ALL_SUBFRAMES), *key]


def _gui(args: tuple[str, ...]) -> GuiMonitor:
    values = [integer(text) for text in args[1:]]
    return GuiMonitor(values[0], *(bool(value) for value in values[1:6]))


def _limits(commands: Commands, index: int) -> list[tuple[float, float]]:
    angles = [number(text) for text in _for_subframe(commands, "aoaFovCfg", index)]
    spans = [(angles[1], angles[2]), (angles[3], angles[4])]
    for direction in ("0", "1"):
        args = _for_subframe(commands, "cfarFovCfg", index, direction)
        spans.append((number(args[2]), number(args[3])))
    return spans
