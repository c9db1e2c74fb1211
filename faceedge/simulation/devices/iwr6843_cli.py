"""The text console of an emulated IWR6843 (mmWave SDK 3 demo): bytes in, bytes out.

The device echoes every character, ends a line at CR or LF, answers with LF CR as its newline, and prompts without one.
What it refuses and ignores, and in which words, follows the SDK's command line code; the sentences that no source at
hand confirms are marked in ``_UNCONFIRMED``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from faceedge.simulation.devices.iwr6843_configuration import (
    ADVANCED_FRAME_MODE,
    ALL_SUBFRAMES,
    Commands,
    Configuration,
    configuration_of,
    integer,
)

PROMPT = b"mmwDemo:/>"
MAX_LINE = 255
CALIBRATION_S = 1.0
"""RF calibration at the first start after power-up."""
CALIBRATION_STATUS = 0x1FFE
"""Bits 1 to 12: every calibration passed."""

ARGUMENTS: dict[str, range] = {
    name: range(least, most + 1)
    for name, least, most in (
        ("help", 1, 1),
        ("version", 1, 1),
        ("sensorStart", 1, 2),
        ("sensorStop", 1, 1),
        ("flushCfg", 1, 1),
        ("dfeDataOutputMode", 2, 2),
        ("channelCfg", 4, 4),
        ("adcCfg", 3, 3),
        ("adcbufCfg", 6, 6),
        ("profileCfg", 15, 15),
        ("chirpCfg", 9, 9),
        ("frameCfg", 8, 8),
        ("advFrameCfg", 6, 6),
        ("subFrameCfg", 11, 11),
        ("lowPower", 3, 3),
        ("guiMonitor", 8, 8),
        ("cfarCfg", 10, 10),
        ("multiObjBeamForming", 4, 4),
        ("clutterRemoval", 3, 3),
        ("calibDcRangeSig", 6, 6),
        ("extendedMaxVelocity", 3, 3),
        ("bpmCfg", 5, 5),
        ("lvdsStreamCfg", 5, 5),
        ("compRangeBiasAndRxChanPhase", 26, 26),
        ("measureRangeBiasAndRxChanPhase", 4, 4),
        ("CQRxSatMonitor", 6, 6),
        ("CQSigImgMonitor", 4, 4),
        ("analogMonitor", 3, 3),
        ("aoaFovCfg", 6, 6),
        ("cfarFovCfg", 5, 5),
        ("calibData", 4, 4),
    )
}
"""Words of each command, its own name among them."""

SUBFRAME_FIRST = frozenset(
    "adcbufCfg guiMonitor cfarCfg multiObjBeamForming clutterRemoval calibDcRangeSig extendedMaxVelocity bpmCfg "
    "lvdsStreamCfg aoaFovCfg cfarFovCfg".split()
)
"""Commands whose first argument is a subframe, or -1 for all."""
_KEYED_BY = {"profileCfg": (0,), "chirpCfg": (0,), "subFrameCfg": (0,), "cfarCfg": (0, 1), "cfarFovCfg": (0, 1)}
_FLUSHED = frozenset(("profileCfg", "chirpCfg", "frameCfg", "advFrameCfg", "subFrameCfg"))
_UNTIL_POWER_CYCLE = frozenset(("channelCfg", "adcCfg", "lowPower"))
_NOT_CONFIGURATION = frozenset(("help", "version", "sensorStart", "sensorStop"))
_OPTIONAL = frozenset(("bpmCfg", "flushCfg"))
CALIB_DATA_SINCE = (3, 5)

_INCOMPLETE = "Error: Full configuration must be provided before sensor can be started the first time"
_UNCONFIRMED = {
    "partial": "Error: Either complete configuration or no reconfiguration is accepted when the sensor is restarted",
    "fixed": "Error: {} cannot be changed after the first sensorStart until power cycle",
    "told": "Error: {} failed",
    "refused": "Error: MMWave configuration failed: {}",
}
_VERSION_LINES = (
    "Platform                : xWR68xx",
    "mmWave SDK Version      : {}",
    "Device Info             : IWR68XX ES 02.00",
    "RF F/W Version          : 06.03.02.06.20.08.11.00",
)


class CommandLine:
    """The console's state machine. Not thread safe.

    Args:
        on_start: called when the sensor starts, with the configuration and the seconds until the first frame begins.
        on_stop: called when it stops.
        version: of the SDK; from 3.5 on ``calibData`` belongs to a full configuration.
        calibration_s: how long the first ``sensorStart`` takes.
        refuse: commands whose handler fails, whatever their arguments.
    """

    def __init__(
        self,
        on_start: Callable[[Configuration, float], None],
        on_stop: Callable[[], None],
        *,
        version: tuple[int, int, int, int] = (3, 5, 0, 4),
        calibration_s: float = CALIBRATION_S,
        refuse: Collection[str] = (),
    ) -> None:
        self.version = version
        self.calibration_s = calibration_s
        self.refuse = refuse
        self.started = False
        self.commands: Commands = {}
        self._on_start, self._on_stop = on_start, on_stop
        self._line = bytearray()
        self._new: set[tuple[str, ...]] = set()
        self._fixed: Commands = {}

    def power_on(self) -> bytes:
        """Forget everything, as after a power cycle; returns banner and prompt."""
        if self.started:
            self._on_stop()
        self.started = False
        self.commands, self._new, self._fixed = {}, set(), {}
        self._line.clear()
        return self.banner() + PROMPT

    def banner(self) -> bytes:
        """What the device says when it boots."""
        return _text("*" * 42, f"xWR68xx MMW Demo {_dotted(self.version)}", "*" * 42)

    def feed(self, data: bytes) -> list[tuple[float, bytes]]:
        """What comes back for these bytes: pairs of a pause in seconds and the bytes that follow it."""
        out: list[tuple[float, bytes]] = []
        echo = bytearray()
        for byte in data:
            ended = byte in b"\r\n"
            echo += b"\r\n" if byte == 0x0D else bytes((byte,))
            if not ended:
                self._line.append(byte)
                ended = len(self._line) == MAX_LINE
            if ended:
                line = self._line.decode("latin-1")
                self._line.clear()
                out.append((0.0, bytes(echo)))
                echo.clear()
                out.append(self._answer(line))
        if echo:
            out.append((0.0, bytes(echo)))
        return out

    def _answer(self, line: str) -> tuple[float, bytes]:
        if line.startswith("%"):
            return 0.0, _text("Skipped") + PROMPT
        words = tuple(line.replace("\r", " ").split(" "))
        words = tuple(word for word in words if word)
        if not words:
            return 0.0, PROMPT
        if words[0] not in ARGUMENTS:
            return 0.0, _text(f"'{words[0]}' is not recognized as a CLI command") + PROMPT
        pause_s, failed, lines = self._execute(words)
        return pause_s, _text(*lines, "Error -1" if failed else "Done") + PROMPT

    def _execute(self, words: tuple[str, ...]) -> tuple[float, bool, tuple[str, ...]]:
        """Pause, whether the handler failed, and its own lines."""
        name, args = words[0], words[1:]
        if len(words) not in ARGUMENTS[name]:
            return 0.0, True, ("Error: Invalid usage of the CLI command",)
        if name in self.refuse:
            return 0.0, True, (_UNCONFIRMED["told"].format(name),)
        if name == "sensorStart":
            return self._start(args)
        if name == "sensorStop":
            return self._stop()
        if name in _NOT_CONFIGURATION:
            return 0.0, False, self._information(name)
        if self.started:
            return 0.0, False, ("Ignored: This command is not allowed after sensor has started",)
        return self._configure(name, args)

    def _configure(self, name: str, args: tuple[str, ...]) -> tuple[float, bool, tuple[str, ...]]:
        if name in SUBFRAME_FIRST and integer(args[0]) not in self._subframes():
            return 0.0, True, ("Error: Subframe number is invalid",)
        if self._fixed.get((name,), args) != args:
            return 0.0, True, (_UNCONFIRMED["fixed"].format(name),)
        if name == "flushCfg":
            self.commands = {key: value for key, value in self.commands.items() if key[0] not in _FLUSHED}
            self._new.add((name,))
            return 0.0, False, ()
        if name in SUBFRAME_FIRST:
            key: tuple[str, ...] = (name, *(str(integer(args[at])) for at in _KEYED_BY.get(name, (0,))))
        else:
            key = (name, *(str(integer(args[at])) for at in _KEYED_BY.get(name, ())))
        self.commands[key] = args
        self._new.add(key)
        return 0.0, False, ()

    def _subframes(self) -> range:
        if not self._advanced():
            return range(ALL_SUBFRAMES, ALL_SUBFRAMES + 1)
        count = self.commands.get(("advFrameCfg",), ("1",))[0]
        return range(ALL_SUBFRAMES, max(1, integer(count)))

    def _advanced(self) -> bool:
        return integer(self.commands.get(("dfeDataOutputMode",), ("1",))[0]) == ADVANCED_FRAME_MODE

    def missing(self, given: set[tuple[str, ...]] | None = None) -> list[str]:
        """Names of the commands that a full configuration still lacks."""
        have = {(key[0], key[2]) if key[0] in ("cfarCfg", "cfarFovCfg") else (key[0],) for key in given or ()}
        needed: list[tuple[str, ...]] = []
        for name in ARGUMENTS:
            if name in _NOT_CONFIGURATION or name in _OPTIONAL:
                continue
            if name in ("advFrameCfg", "subFrameCfg") and not self._advanced():
                continue
            if name == "frameCfg" and self._advanced():
                continue
            if name == "calibData" and self.version[:2] < CALIB_DATA_SINCE:
                continue
            needed += [(name, "0"), (name, "1")] if name in ("cfarCfg", "cfarFovCfg") else [(name,)]
        return [" ".join(key) for key in needed if key not in have]

    def _start(self, args: tuple[str, ...]) -> tuple[float, bool, tuple[str, ...]]:
        if self.started:
            return 0.0, False, ("Ignored: Sensor is already started",)
        first = not self._fixed
        if first and self.missing(set(self.commands)):
            return 0.0, True, (_INCOMPLETE,)
        reconfigure = not args or integer(args[0]) != 0
        partial = self._new and (not reconfigure or self.missing(self._new))
        if not first and partial:
            return 0.0, True, (_UNCONFIRMED["partial"],)
        try:
            configuration = configuration_of(self.commands)
        except LookupError:
            return 0.0, True, (_INCOMPLETE,)
        problem = configuration.problem()
        if problem:
            return 0.0, True, (_UNCONFIRMED["refused"].format(problem),)
        self.started = True
        self._new.clear()
        self._fixed = {(name,): self.commands[name,] for name in _UNTIL_POWER_CYCLE}
        self._on_start(configuration, self.calibration_s if first else 0.0)
        if first:
            return self.calibration_s, False, (f"Debug: Init Calibration Status = {CALIBRATION_STATUS:#x}",)
        return 0.0, False, ()

    def _stop(self) -> tuple[float, bool, tuple[str, ...]]:
        if not self.started:
            return 0.0, False, ("Ignored: Sensor is already stopped",)
        self.started = False
        self._on_stop()
        return 0.0, False, ()

    def _information(self, name: str) -> tuple[str, ...]:
        if name == "version":
            return tuple(line.format(_dotted(self.version)) for line in _VERSION_LINES)
        return ("Help: This will display the usage of the CLI commands", "Command: Help Description", *ARGUMENTS)


def _dotted(version: tuple[int, int, int, int]) -> str:
    return ".".join(f"{part:02d}" for part in version)


def _text(*lines: str) -> bytes:
    """Lines as the firmware writes them: its newline goes out as LF CR."""
    return b"".join(line.encode("latin-1", "replace") + b"\n\r" for line in lines)
