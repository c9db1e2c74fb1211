"""TI's ``.cfg`` files: command lines of the mmWave SDK's out-of-box demonstration, checked and understood.

A command that the demonstration does not have (labs add their own) is kept and reported in ``warnings``; a command that
it has is checked word by word against ``ti_commands``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from faceedge.errors import ConfigurationError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.ti_commands import COMMANDS, EVERY_FRAME_DIRECTIONS, HIGH_PASS_1_HZ, Command

DEVICE = "iwr6843"
COMMENT = "%"
LONGEST_LINE = 255
"""What the device's command line takes."""
MOST_LINES = 1000
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]{1,8}")

FRAME_MODE = 1
COMPLEX_1X, COMPLEX_2X = 1, 2
RX_GAIN_MASK_DB = 0x3F
"""The code's low bits are dB, the two above them choose the gain of the first stage."""
FILTER_PART = 0.9
"""The filter before the ADC passes about this part of the band of beat frequencies: the range limit of the SDK's
``mmwdemo_rfparser.c``. TI's visualiser shows 0.8."""
VARIATIONS = (
    "start_frequency_variation_hz",
    "slope_variation_khz_per_us",
    "idle_variation_us",
    "adc_start_variation_us",
)


@dataclass(frozen=True, slots=True)
class TiConfiguration:
    """The commands of one file, in order.

    Attributes:
        commands: each split into its words.
        lines: where each stood, from 1.
        warnings: one sentence for each thing that the out-of-box demonstration would not take or that is missing.
    """

    commands: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...] = field(default=(), compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)

    def text(self) -> str:
        """One command a line, as ``parse`` reads it back and the device takes it."""
        return "".join(" ".join(command) + "\n" for command in self.commands)

    def values(self, name: str) -> list[dict[str, float]]:
        """Arguments by name of each ``name`` command that is in force: after the last ``flushCfg``."""
        return [values for _, values in self._found(name)]

    def _found(self, name: str) -> list[tuple[int, dict[str, float]]]:
        flushes = [index for index, command in enumerate(self.commands) if command[0] == "flushCfg"]
        start = flushes[-1] if flushes else 0
        return [
            (self.lines[index] if self.lines else index + 1, _values(self.commands[index]))
            for index in range(start, len(self.commands))
            if self.commands[index][0] == name
        ]

    def _only(self, name: str) -> dict[str, float]:
        """Arguments of the last command of a name, which is the one that holds."""
        found = self.values(name)
        if not found:
            raise ConfigurationError(f"{name} is missing; without it there is no chirp.")
        return found[-1]

    @property
    def chirp(self) -> ChirpSettings:
        """What the device transmits.

        ``end_frequency_hz`` is where the ramp ends, ``high_pass_hz`` the first filter's corner.

        Raises:
            ConfigurationError: a command is missing, frames are not plain repetitions of one profile with one
                transmitter a chirp, or the samples do not fit into the ramp. The sentence names command and line.
        """
        mode = self._only("dfeDataOutputMode")["mode"]
        if mode != FRAME_MODE:
            kind = "advanced frames" if mode == 3 else "continuous transmission"
            raise ConfigurationError(
                f"dfeDataOutputMode {mode:g} asks for {kind}, and faceedge reads plain frames (mode 1): use one frame "
                "of one profile."
            )
        frame, transmitters = self._only("frameCfg"), self._transmitters()
        profile = self._profile()
        ramp_s, idle_s = profile["ramp_end_us"] * 1e-6, profile["idle_us"] * 1e-6
        slope = profile["slope_mhz_per_us"] * 1e12
        rate_hz, start_hz = profile["sample_rate_ksps"] * 1e3, profile["start_frequency_ghz"] * 1e9
        chirps = int(frame["end_index"] - frame["start_index"] + 1) * int(frame["loops"])
        adc_format = self._only("adcCfg")["format"]
        return ChirpSettings(
            device=DEVICE,
            start_frequency_hz=start_hz,
            end_frequency_hz=start_hz + slope * ramp_s,
            slope_hz_per_s=slope,
            samples_per_chirp=int(profile["samples"]),
            sample_rate_hz=rate_hz,
            chirps_per_frame=chirps // len(transmitters),
            chirp_period_s=(idle_s + ramp_s) * len(transmitters),
            frame_period_s=frame["period_ms"] * 1e-3,
            rx_antennas=_antennas(self._only("channelCfg")["rx_mask"]),
            tx_antennas=tuple(sorted(transmitters)),
            complex_sampling=adc_format in (COMPLEX_1X, COMPLEX_2X),
            if_gain_db=float(int(profile["rx_gain_code"]) & RX_GAIN_MASK_DB),
            high_pass_hz=HIGH_PASS_1_HZ[int(profile["high_pass_1_code"])],
            low_pass_hz=FILTER_PART * rate_hz / (1 if adc_format == COMPLEX_1X else 2),
        )

    def _profile(self) -> dict[str, float]:
        """The profile that the chirps use, with its ramp checked."""
        used = {int(chirp["profile_id"]) for _, chirp in self._chirps()}
        if len(used) != 1:
            raise ConfigurationError(
                f"the chirps of the frame use the profiles {sorted(used)}, and an image needs equal chirps: use one."
            )
        found = [each for each in self._found("profileCfg") if each[1]["id"] in used]
        if not found:
            raise ConfigurationError(f"profileCfg {used.pop()} is missing, which chirpCfg refers to.")
        line, profile = found[-1]
        if profile["slope_mhz_per_us"] <= 0 or profile["ramp_end_us"] <= 0:
            raise ConfigurationError(
                f"line {line}: profileCfg has a slope of {profile['slope_mhz_per_us']:g} MHz/us for "
                f"{profile['ramp_end_us']:g} us, and faceedge reads rising ramps: both must be above 0."
            )
        sampled_us = profile["samples"] / profile["sample_rate_ksps"] * 1e3
        if profile["adc_start_us"] + sampled_us > profile["ramp_end_us"] + 0.01:
            raise ConfigurationError(
                f"line {line}: {profile['samples']:g} samples at {profile['sample_rate_ksps']:g} ksps take "
                f"{sampled_us:.4g} us after a start at {profile['adc_start_us']:g} us, and the ramp ends at "
                f"{profile['ramp_end_us']:g} us: take fewer samples, a higher rate, or a longer ramp."
            )
        return profile

    def _chirps(self) -> list[tuple[int, dict[str, float]]]:
        """The chirps of one loop in the order of the frame, each with the line that defined it."""
        defined: dict[int, tuple[int, dict[str, float]]] = {}
        for line, chirp in self._found("chirpCfg"):
            for index in range(int(chirp["start_index"]), int(chirp["end_index"]) + 1):
                defined[index] = (line, chirp)
        frame = self._only("frameCfg")
        wanted = range(int(frame["start_index"]), int(frame["end_index"]) + 1)
        absent = [index for index in wanted if index not in defined]
        if absent or not wanted:
            raise ConfigurationError(
                f"frameCfg asks for the chirps {frame['start_index']:g} to {frame['end_index']:g}"
                + (f", and no chirpCfg defines {absent[0]}." if absent else ": the first must not be above the last.")
            )
        return [defined[index] for index in wanted]

    def _transmitters(self) -> list[int]:
        """Transmitters in the order of their turns, from 1."""
        turns = []
        for line, chirp in self._chirps():
            varied = [name for name in VARIATIONS if chirp[name] != 0]
            if varied:
                raise ConfigurationError(
                    f"line {line}: chirpCfg has {varied[0]} {chirp[varied[0]]:g}, and an image needs equal chirps: set "
                    "it to 0."
                )
            antennas = _antennas(chirp["tx_mask"])
            if len(antennas) != 1:
                raise ConfigurationError(
                    f"line {line}: chirpCfg has the transmitter mask {chirp['tx_mask']:g}, and faceedge reads one "
                    "transmitter a chirp (1, 2 or 4), taking turns."
                )
            turns.append(antennas[0])
        order = list(dict.fromkeys(turns))
        if turns != order * (len(turns) // len(order)):
            raise ConfigurationError(
                f"the transmitters take the turns {turns}, which are no repetition of {order}: chirps of one "
                "transmitter must come at equal distances."
            )
        enabled = _antennas(self._only("channelCfg")["tx_mask"])
        if not set(order) <= set(enabled):
            raise ConfigurationError(
                f"the chirps use the transmitters {sorted(order)}, and channelCfg enables {list(enabled)}."
            )
        return order


def _antennas(mask: float) -> tuple[int, ...]:
    return tuple(bit + 1 for bit in range(16) if int(mask) >> bit & 1)


def _value(word: str) -> float | None:
    if _HEXADECIMAL.fullmatch(word):
        return float(int(word, 16))
    return float(word) if _NUMBER.fullmatch(word) else None


def _values(command: tuple[str, ...]) -> dict[str, float]:
    arguments = COMMANDS[command[0]].arguments
    return {argument.name: _value(word) or 0.0 for argument, word in zip(arguments, command[1:], strict=False)}


def parse(text: str) -> TiConfiguration:
    """The commands of a file.

    Raises:
        ConfigurationError: a command of the demonstration has the wrong number of arguments, or one that is no number
            or outside its limits; or a line or the file is too long. The sentence has line, argument, and what came.
    """
    commands, lines = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if number > MOST_LINES:
            raise ConfigurationError(f"expected a few dozen command lines, got more than {MOST_LINES}.")
        words = tuple(line.split())
        if not words or words[0].startswith(COMMENT):
            continue
        _check_text(number, " ".join(words))
        if words[0] in COMMANDS:
            _check(number, words, COMMANDS[words[0]])
        commands.append(words)
        lines.append(number)
    if not commands:
        raise ConfigurationError("expected command lines such as `profileCfg 0 60 ...`, got none.")
    return TiConfiguration(tuple(commands), tuple(lines), tuple(_warnings(commands, lines)))


def _check_text(number: int, line: str) -> None:
    if len(line) > LONGEST_LINE:
        raise ConfigurationError(
            f"line {number}: the device takes {LONGEST_LINE} characters, got {len(line)}; is this a .cfg file?"
        )
    if not (line.isascii() and line.isprintable()):
        raise ConfigurationError(f"line {number}: expected plain ASCII text, got {line[:40]!r}.")


def _check(number: int, words: tuple[str, ...], command: Command) -> None:
    name, given = words[0], words[1:]
    most = len(command.arguments)
    if not most - command.optional <= len(given) <= most:
        names = " ".join(argument.name for argument in command.arguments) or "none"
        expected = f"{most - command.optional} to {most}" if command.optional else f"{most}"
        raise ConfigurationError(
            f"line {number}: {name} takes {expected} arguments ({_shortened(names)}), got {len(given)}; is the file "
            "for another firmware or SDK version?"
        )
    for argument, word in zip(command.arguments, given, strict=False):
        value = _value(word)
        if value is None or (argument.whole and math.isfinite(value) and value != int(value)):
            kind = "a whole number" if argument.whole else "a number"
            raise ConfigurationError(f"line {number}: {name} {argument.name} must be {kind}, got {word!r}.")
        if not argument.low <= value <= argument.high:
            raise ConfigurationError(
                f"line {number}: {name} {argument.name} must lie between {argument.low:.9g} and {argument.high:.9g}, "
                f"got {word}."
            )


def _shortened(names: str) -> str:
    return names if len(names) < 200 else names[:80] + " ..."


def _warnings(commands: list[tuple[str, ...]], lines: list[int]) -> list[str]:
    found = []
    foreign = {words[0]: line for words, line in zip(reversed(commands), reversed(lines), strict=True)}
    unknown = [f"{name} (line {line})" for name, line in reversed(foreign.items()) if name not in COMMANDS]
    if unknown:
        found.append(
            f"The out-of-box demonstration does not have {', '.join(unknown)}: the file is for a lab's firmware."
        )
    missing = [
        name
        for name, command in COMMANDS.items()
        if command.mandatory and sum(words[0] == name for words in commands) < EVERY_FRAME_DIRECTIONS.get(name, 1)
    ]
    if missing:
        found.append(f"The out-of-box demonstration of SDK 3.5 also wants {', '.join(missing)} before its first start.")
    frames = [words for words in commands if words[0] == "frameCfg"]
    if frames and (_value(frames[-1][4]) or 0) > 0:
        found.append(f"frameCfg stops the sensor after {frames[-1][4]} frames; 0 lets it run.")
    if frames and _value(frames[-1][6]) == 2:
        found.append("frameCfg waits for a hardware trigger (2); 1 starts by command.")
    return found


# What `from_chirp` fills in: an out-of-box configuration for a board with the antennas of the IWR6843ISK.
DEFAULT_ADC_START_US = 3.0
DEFAULT_TX_START_US = 0
TURNS_ISK = (1, 3, 2)
"""Transmitter 2 of this board stands above the others and comes last."""


def from_chirp(chirp: ChirpSettings) -> TiConfiguration:
    """A complete configuration of the out-of-box demonstration (points, range profile, statistics) for a chirp.

    Raises:
        ConfigurationError: the chirp is for another device, or has no whole loops or no room for the samples.
    """
    if chirp.device != DEVICE or not chirp.complex_sampling:
        raise ConfigurationError(f"a .cfg file needs complex sampling by an {DEVICE}, got {chirp.device!r}.")
    transmitters = len(chirp.tx_antennas)
    ramp_us = chirp.ramp_s * 1e6
    idle_us = chirp.chirp_period_s / transmitters * 1e6 - ramp_us
    room_us = ramp_us - chirp.samples_per_chirp / chirp.sample_rate_hz * 1e6
    adc_start_us = max(min(DEFAULT_ADC_START_US, room_us), 0.0)
    turns = [antenna for antenna in TURNS_ISK if antenna in chirp.tx_antennas]
    high_pass_code = min(range(4), key=lambda code: abs(HIGH_PASS_1_HZ[code] - chirp.high_pass_hz))
    lines = [
        "sensorStop",
        "flushCfg",
        "dfeDataOutputMode 1",
        f"channelCfg {_mask(chirp.rx_antennas)} {_mask(chirp.tx_antennas)} 0",
        "adcCfg 2 1",
        "adcbufCfg -1 0 1 1 1",
        f"profileCfg 0 {_decimal(chirp.start_frequency_hz / 1e9)} {_decimal(idle_us)} {_decimal(adc_start_us)} "
        f"{_decimal(ramp_us)} 0 0 {_decimal(chirp.slope_hz_per_s / 1e12)} {DEFAULT_TX_START_US} "
        f"{chirp.samples_per_chirp} {_decimal(chirp.sample_rate_hz / 1e3)} {high_pass_code} 0 {chirp.if_gain_db:.0f}",
        *(f"chirpCfg {turn} {turn} 0 0 0 0 0 {1 << antenna - 1}" for turn, antenna in enumerate(turns)),
        f"frameCfg 0 {transmitters - 1} {chirp.chirps_per_frame} 0 {_decimal(chirp.frame_period_s * 1e3)} 1 0",
        *_DETECTION,
        *_monitors(chirp),
        "analogMonitor 0 0",
        f"aoaFovCfg -1 -90 90 -90 90\ncfarFovCfg -1 0 0 {_decimal(chirp.max_range_m)}",
        f"cfarFovCfg -1 1 {_decimal(-chirp.max_velocity_m_s)} {_decimal(chirp.max_velocity_m_s)}",
        "calibData 0 0 0",
        "sensorStart",
    ]
    return parse("\n".join(lines))


_DETECTION = (
    "lowPower 0 0",
    "guiMonitor -1 1 1 0 0 0 1",
    "cfarCfg -1 0 2 8 4 3 0 15 1",
    "cfarCfg -1 1 0 4 2 3 1 15 1",
    "multiObjBeamForming -1 1 0.5",
    "clutterRemoval -1 0",
    "calibDcRangeSig -1 0 -5 8 256",
    "extendedMaxVelocity -1 0",
    "lvdsStreamCfg -1 0 0 0",
    "compRangeBiasAndRxChanPhase 0.0" + " 1 0" * 12,
    "measureRangeBiasAndRxChanPhase 0 1.5 0.2",
)
MOST_PRIMARY_SLICES = 64
SLICE_UNIT_US = 0.16
SHORTEST_SLICE = 4


def _monitors(chirp: ChirpSettings) -> tuple[str, str]:
    """The receivers' monitors: primary slices, with a secondary one between two, that fit into the sampling."""
    units = chirp.samples_per_chirp / chirp.sample_rate_hz * 1e6 / SLICE_UNIT_US
    duration = max(SHORTEST_SLICE, math.ceil(units / MOST_PRIMARY_SLICES))
    samples = max(SHORTEST_SLICE, 2 * math.ceil(chirp.samples_per_chirp / 2 / MOST_PRIMARY_SLICES))
    return (
        f"CQRxSatMonitor 0 3 {duration} {max(2 * int(units / duration) - 1, 1)} 0",
        f"CQSigImgMonitor 0 {max(2 * (chirp.samples_per_chirp // samples) - 1, 1)} {samples}",
    )


def _mask(antennas: tuple[int, ...]) -> int:
    return sum(1 << antenna - 1 for antenna in antennas)


def _decimal(value: float) -> str:
    """A number as the device reads it: no exponent, no more digits than it resolves."""
    text = f"{value:.9f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
