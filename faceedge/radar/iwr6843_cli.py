"""The IWR6843's console: sends a configuration line by line and names the line that the device refuses.

The device echoes what it receives, answers in lines that end with LF CR, and prompts without a line end. An answer
belongs to a line only if there is a result in it (``Done``, an error, ...): a prompt alone may be left over from
before. The echo is what the device understood, so a line that comes back different is sent again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from faceedge.errors import ConfigurationError, DeviceError

PROMPT = b"mmwDemo:/>"
MAX_LINE_CHARACTERS = 255
ANSWER_S = 1.0
START_S = 5.0
"""The first ``sensorStart`` calibrates the radio, which takes about a second."""

SYNCHRONISE_TRIES = 5
SYNCHRONISE_S = 0.4
QUIET_S = 0.03
DRAIN_S = 1.0
SEND_TRIES = 3
MAX_ANSWER_BYTES = 1 << 16

STOP, FLUSH, START = "sensorStop", "flushCfg", "sensorStart"
FIXED_UNTIL_POWER_CYCLE = frozenset(("channelCfg", "adcCfg", "lowPower"))

_BANNER = re.compile(rb"WR\w* MMW Demo")
_RESULT = re.compile(rb"(?:^|[\r\n>])(?:Done|Error -?\d|Skipped|'[^'\r\n]*' is not recognized)|" + _BANNER.pattern)
_ANSWERS = re.compile(r"Done$|Error|Skipped$|Ignored|Debug|'.*' is not recognized")


class Port(Protocol):
    """What is needed of ``serial.Serial``; ``timeout`` is for the next reads, in s."""

    timeout: float | None

    @property
    def in_waiting(self) -> int: ...

    def read(self, size: int = 1, /) -> bytes: ...

    def write(self, data: bytes, /) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What the device said to one line.

    Attributes:
        text: its lines without echo and prompt, joined by `` / ``.
        done: it ended with ``Done`` or ``Skipped``, without an error.
        ignored: the line had no effect in the device's present state.
        heard: the line as the device echoed it.
        restarted: the device's banner was among it: it booted just now and knows nothing of the lines before.
    """

    text: str
    done: bool
    ignored: bool = False
    heard: str = ""
    restarted: bool = False


class _RestartedError(Exception):
    """The device booted while it was being configured."""


def complete(heard: bytes) -> bool:
    """There is a result and a prompt behind it."""
    result = _RESULT.search(heard)
    return result is not None and PROMPT in heard[result.start() :]


def read_answer(heard: bytes, line: str) -> Answer:
    """Take the bytes that came back for ``line`` apart. Line ends may be any mixture of CR and LF."""
    restarted = _BANNER.search(heard) is not None
    text = heard.replace(PROMPT, b"\n").decode("latin-1")
    lines = [part.strip() for part in re.split(r"[\r\n]+|\*{8,}", text)]
    lines = [part for part in lines if part and " MMW Demo " not in part]
    echo = ""
    if line.strip() in lines:
        echo = line.strip()
        lines.remove(echo)
    elif lines and not _ANSWERS.match(lines[0]):
        echo = lines.pop(0)
    failed = any(part.startswith("Error") or part.endswith("is not recognized as a CLI command") for part in lines)
    done = not failed and ("Done" in lines or "Skipped" in lines)
    ignored = any(part.startswith("Ignored") for part in lines)
    return Answer(" / ".join(lines), done, ignored, echo, restarted)


class CommandLine:
    """Conversation on an open console port.

    Args:
        port: at 115200 baud.
        name: of the port, for the sentences.
    """

    def __init__(self, port: Port, name: str) -> None:
        self._port = port
        self._name = name

    def synchronise(self) -> None:
        """Get to a prompt, whatever was going on.

        Raises:
            DeviceError: no prompt comes; the sentence says what does.
        """
        heard = b""
        for _ in range(SYNCHRONISE_TRIES):
            self._write(b"\n")
            heard += self._read_until(lambda text: PROMPT in text, SYNCHRONISE_S)
            if PROMPT in heard:
                self._drain()
                return
        if not heard:
            why = (
                "nothing comes back; is this the console port and not the data port, is the board in functional mode "
                "(SOP jumpers), and does it run the mmWave demo"
            )
        elif not heard.strip():
            why = "only the echo comes back; press the board's reset button"
        else:
            why = f"{len(heard)} other bytes came ({heard[:16].hex(' ')}); is this the console port, at 115200 baud"
        raise DeviceError(f"the console on {self._name} gives no prompt {PROMPT.decode()!r}: {why}?")

    def send(self, line: str, timeout_s: float = ANSWER_S) -> Answer:
        """Send one line and wait for its answer; a line whose echo differs is sent again.

        Raises:
            ConfigurationError: the line cannot be sent.
            DeviceError: no answer in time, the line never arrives undamaged, or the port is gone.
        """
        if len(line) > MAX_LINE_CHARACTERS or not line.isascii() or not line.isprintable():
            raise ConfigurationError(
                f"the console takes lines of up to {MAX_LINE_CHARACTERS} printable ASCII characters, got {line[:60]!r}."
            )
        for _ in range(SEND_TRIES):
            self._write(line.encode() + b"\n")
            heard = self._read_until(complete, timeout_s)
            answer = read_answer(heard, line)
            if answer.restarted or (complete(heard) and answer.heard in ("", line.strip())):
                return answer
            self._drain()
        if complete(heard):
            raise DeviceError(
                f"the console on {self._name} understood {answer.heard!r} instead of {line!r}, {SEND_TRIES} times; "
                "check the cable and that the port is at 115200 baud."
            )
        raise DeviceError(
            f"the console on {self._name} answered {heard[-60:]!r} to {line!r} within {timeout_s:g} s, expected "
            "'Done'; press the board's reset button."
        )

    def configure(self, commands: Sequence[str]) -> list[str]:
        """Stop the sensor, send the lines of a configuration, start it.

        A device that boots in the middle gets everything once more.

        Args:
            commands: lines of a cfg file without comments; sensorStop, flushCfg and sensorStart are added where they
                are missing.

        Returns:
            What the device said besides ``Done``, one sentence a line.

        Raises:
            ConfigurationError: a line that cannot be sent.
            DeviceError: the device refuses a line (the sentence has its number, the line and the answer), does not
                answer, or boots again and again.
        """
        for _ in range(2):
            try:
                return self._configure(commands)
            except _RestartedError:
                self._drain()
        raise DeviceError(
            f"the device on {self._name} booted twice while it was being configured; give the board a supply of 5 V "
            "and 2.5 A of its own."
        )

    def stop(self) -> None:
        """Stop the sensor; one that is stopped already stays so.

        Raises:
            DeviceError: it does not answer.
        """
        self.send(STOP)

    def _configure(self, commands: Sequence[str]) -> list[str]:
        said: list[str] = []
        for number, line in _with_frame(commands):
            command = line.split()[0]
            answer = self.send(line, START_S if command == START else ANSWER_S)
            if answer.restarted:
                raise _RestartedError
            where = f"line {number} of {len(commands)}, `{line}`" if number else f"`{line}`"
            if not answer.done or (answer.ignored and command not in (START, STOP)):
                raise DeviceError(_refusal(where, command, answer))
            if answer.text not in ("Done", "Skipped"):
                said.append(f"{where}: {answer.text}")
        return said

    def _write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except OSError as error:  # serial.SerialException is one
            raise DeviceError(f"the console on {self._name} went away ({error}); plug the board in again.") from error

    def _read(self, wait_s: float) -> bytes:
        try:
            self._port.timeout = wait_s
            return self._port.read(max(1, self._port.in_waiting))
        except OSError as error:
            raise DeviceError(f"the console on {self._name} went away ({error}); plug the board in again.") from error

    def _read_until(self, is_enough: Callable[[bytes], bool], timeout_s: float) -> bytes:
        heard, deadline = b"", time.monotonic() + timeout_s
        while not is_enough(heard) and len(heard) < MAX_ANSWER_BYTES:
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                break
            heard += self._read(remaining_s)
        return heard

    def _drain(self) -> None:
        """Read until nothing comes for a moment."""
        deadline = time.monotonic() + DRAIN_S
        while self._read(QUIET_S) and time.monotonic() < deadline:
            pass


def _with_frame(commands: Sequence[str]) -> list[tuple[int, str]]:
    """The lines with their numbers, and with what must come before and after them (number 0)."""
    lines = [(number, line.strip()) for number, line in enumerate(commands, 1) if line.strip()]
    own = [line.split()[0] for _, line in lines]
    before = [(0, STOP)] if own[:1] != [STOP] or FLUSH not in own else []
    if FLUSH not in own:
        before.append((0, FLUSH))
    return before + lines + ([] if START in own else [(0, START)])


def _refusal(where: str, command: str, answer: Answer) -> str:
    """A sentence about a line that the device did not take."""
    if answer.ignored:
        remedy = "the sensor was started while it was being configured; does another program use the board?"
    elif command in FIXED_UNTIL_POWER_CYCLE:
        remedy = (
            f"{command} keeps the values of the first sensorStart until the device loses its power: power-cycle the "
            "board (unplug it for a few seconds) to change them."
        )
    elif "not recognized" in answer.text:
        remedy = "this firmware has no such command; is it the mmWave demo of SDK 3?"
    elif "usage" in answer.text:
        remedy = "the firmware expects another number of arguments; is the file for this version of the SDK?"
    else:
        remedy = "correct the configuration file."
    return f"the device refused {where} of the configuration: {answer.text or 'no result'}; {remedy}"
