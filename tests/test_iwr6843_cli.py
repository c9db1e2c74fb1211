"""The IWR6843's console: answers in every mixture of line ends, refusals by line, and a whole emulated device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from iwr6843_configs import lines

from faceedge.errors import ConfigurationError, DeviceError
from faceedge.radar import iwr6843_cli
from faceedge.radar.iwr6843_cli import Answer, CommandLine, complete, read_answer
from faceedge.radar.serial_port import open_port
from faceedge.simulation.devices.iwr6843 import Iwr6843Emulator

PROMPT = b"mmwDemo:/>"
BANNER = b"*" * 42 + b"\n\rxWR68xx MMW Demo 03.05.00.04\n\r" + b"*" * 42 + b"\n\r" + PROMPT
DONE = b"Done\n\r" + PROMPT


class ScriptedPort:
    """A port whose device answers each line as a function says, ``chunk`` bytes at a time; its clock is its own."""

    def __init__(self, answer: Callable[[bytes], bytes], chunk: int = 7) -> None:
        self.timeout: float | None = None
        self.written: list[bytes] = []
        self.now_s = 0.0
        self._answer, self._chunk, self._line, self._out = answer, chunk, b"", b""

    @property
    def in_waiting(self) -> int:
        return min(len(self._out), self._chunk)

    def write(self, data: bytes, /) -> int:
        self._line += data
        while b"\n" in self._line:
            line, self._line = self._line.split(b"\n", 1)
            self.written.append(line)
            self._out += self._answer(line)
        return len(data)

    def read(self, size: int = 1, /) -> bytes:
        if not self._out:
            self.now_s += self.timeout or 0.0
        data, self._out = self._out[:size], self._out[size:]
        return data

    def monotonic(self) -> float:
        return self.now_s


def echoing(line: bytes) -> bytes:
    return line + b"\n" + (DONE if line else PROMPT)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[CommandLine, ScriptedPort]]:
    def make(
        answer: Callable[[bytes], bytes], chunk: int = 7, kind: type[ScriptedPort] = ScriptedPort
    ) -> tuple[CommandLine, ScriptedPort]:
        port = kind(answer, chunk)
        monkeypatch.setattr(iwr6843_cli, "time", SimpleNamespace(monotonic=port.monotonic))
        return CommandLine(port, "/dev/ttyTEST"), port

    return make


Scripted = Callable[..., tuple[CommandLine, ScriptedPort]]


# Answers


@pytest.mark.parametrize("end", [b"\n\r", b"\r\n", b"\n", b"\r", b"\r\n\n", b"\n\r\n\r"])
def test_an_answer_is_read_whatever_its_line_ends_are(end: bytes) -> None:
    heard = b"frameCfg 0 2" + end + b"Ignored: Sensor is already stopped" + end + b"Done" + end + PROMPT
    expected = Answer("Ignored: Sensor is already stopped / Done", done=True, ignored=True, heard="frameCfg 0 2")
    assert read_answer(heard, "frameCfg 0 2") == expected
    assert complete(heard)
    assert not complete(heard[:-1])


@pytest.mark.parametrize(
    ("heard", "answer"),
    [
        (b"a 1\nDone\n\r" + PROMPT, Answer("Done", True, heard="a 1")),
        (b"Done\n\r" + PROMPT, Answer("Done", True)),
        (PROMPT + b"a 1\nDone\n\r" + PROMPT, Answer("Done", True, heard="a 1")),
        (b"a 1\nSkipped\n\r" + PROMPT, Answer("Skipped", True, heard="a 1")),
        (
            b"a 1\nError: Invalid usage of the CLI command\n\rError -1\n\r" + PROMPT,
            Answer("Error: Invalid usage of the CLI command / Error -1", False, heard="a 1"),
        ),
        (
            b"a 1\n'a' is not recognized as a CLI command\n\r" + PROMPT,
            Answer("'a' is not recognized as a CLI command", False, heard="a 1"),
        ),
        (b"q 1\nDone\n\r" + PROMPT, Answer("Done", True, heard="q 1")),
        (b"a 1\nDebug: x\n\rDone\n\r" + PROMPT, Answer("Debug: x / Done", True, heard="a 1")),
        (b"a" + BANNER, Answer("", False, heard="a", restarted=True)),
        (b"", Answer("", False)),
    ],
)
def test_answers_are_told_apart(heard: bytes, answer: Answer) -> None:
    assert read_answer(heard, "a 1") == answer


def test_a_prompt_left_over_from_before_is_no_answer() -> None:
    assert not complete(PROMPT + PROMPT)
    assert not complete(PROMPT + b"sensorStop\nDone\n\r")
    assert complete(PROMPT + b"sensorStop\nDone\n\r" + PROMPT)


# Conversation


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_lines_are_sent_one_after_the_other_and_answers_may_come_in_pieces(scripted: Scripted, chunk: int) -> None:
    console, port = scripted(echoing, chunk)
    console.synchronise()
    assert console.configure(["sensorStop", "flushCfg", "adcCfg 2 1", "sensorStart"]) == []
    assert port.written == [b"", b"sensorStop", b"flushCfg", b"adcCfg 2 1", b"sensorStart"]


def test_stop_flush_and_start_are_added_where_they_are_missing(scripted: Scripted) -> None:
    console, port = scripted(echoing)
    console.configure(["adcCfg 2 1"])
    assert port.written == [b"sensorStop", b"flushCfg", b"adcCfg 2 1", b"sensorStart"]
    port.written.clear()
    console.configure(["sensorStop", "adcCfg 2 1", "sensorStart 0"])
    assert port.written == [b"sensorStop", b"flushCfg", b"sensorStop", b"adcCfg 2 1", b"sensorStart 0"]


def test_what_the_device_says_besides_done_is_handed_on(scripted: Scripted) -> None:
    def answer(line: bytes) -> bytes:
        debug = b"Debug: Init Calibration Status = 0x1ffe\n\r" if line == b"sensorStart" else b""
        return line + b"\n" + debug + DONE

    console, _ = scripted(answer)
    assert console.configure(["adcCfg 2 1"]) == ["`sensorStart`: Debug: Init Calibration Status = 0x1ffe / Done"]


@pytest.mark.parametrize(
    ("refused", "said", "sentence"),
    [
        (b"adcCfg 2 1", b"Error -1", r"refused line 2 of 3, `adcCfg 2 1` .*: Error -1; adcCfg keeps .* power-cycle"),
        (
            b"frameCfg 0",
            b"Error: Invalid usage of the CLI command\n\rError -1",
            r"line 3 of 3, `frameCfg 0` .*arguments",
        ),
        (b"frameCfg 0", b"'frameCfg' is not recognized as a CLI command", r"line 3 of 3, .*no such command"),
        (b"frameCfg 0", b"Ignored: This command is not allowed after sensor has started\n\rDone", r"another program"),
        (
            b"sensorStart",
            b"Error: Full configuration must be provided\n\rError -1",
            r"refused `sensorStart` .*Full conf",
        ),
    ],
)
def test_the_line_that_was_refused_is_named_with_answer_and_remedy(
    scripted: Scripted, refused: bytes, said: bytes, sentence: str
) -> None:
    def answer(line: bytes) -> bytes:
        return line + b"\n" + said + b"\n\r" + PROMPT if line == refused else echoing(line)

    console, port = scripted(answer)
    with pytest.raises(DeviceError, match=sentence):
        console.configure(["flushCfg", "adcCfg 2 1", "frameCfg 0"])
    assert port.written[-1] == refused


def test_a_sensor_that_is_stopped_or_started_already_is_no_error(scripted: Scripted) -> None:
    def answer(line: bytes) -> bytes:
        ignored = {b"sensorStop": b"Ignored: Sensor is already stopped\n\r"}.get(line, b"")
        return line + b"\n" + ignored + DONE

    console, _ = scripted(answer)
    assert console.configure(["adcCfg 2 1"]) == ["`sensorStop`: Ignored: Sensor is already stopped / Done"]


def test_a_line_that_arrives_damaged_is_sent_again(scripted: Scripted) -> None:
    turns = iter([b"adcCfg 2 1", b"adcCfg 2 1"])

    def answer(line: bytes) -> bytes:
        return echoing(b"adcCg 2 1" if line == next(turns, b"") else line)

    console, port = scripted(answer)
    assert console.send("adcCfg 2 1").done
    assert port.written == [b"adcCfg 2 1"] * 3


def test_a_line_that_never_arrives_whole_is_an_error(scripted: Scripted) -> None:
    console, _ = scripted(lambda line: echoing(line[1:]))
    with pytest.raises(DeviceError, match=r"understood 'dcCfg 2 1' instead of 'adcCfg 2 1', 3 times; check the cable"):
        console.send("adcCfg 2 1")


def test_a_device_that_boots_in_the_middle_gets_everything_once_more(scripted: Scripted) -> None:
    boots = [b"adcCfg 2 1"]

    def answer(line: bytes) -> bytes:
        if line in boots:
            boots.clear()
            return line[:4] + BANNER
        return echoing(line)

    console, port = scripted(answer)
    console.configure(["flushCfg", "adcCfg 2 1"])
    assert port.written == [
        *(b"sensorStop", b"flushCfg", b"adcCfg 2 1"),
        *(b"sensorStop", b"flushCfg", b"adcCfg 2 1", b"sensorStart"),
    ]


def test_a_device_that_boots_again_and_again_is_said_to_lack_power(scripted: Scripted) -> None:
    console, _ = scripted(lambda line: BANNER if line == b"sensorStart" else echoing(line))
    with pytest.raises(DeviceError, match=r"booted twice .* supply of 5 V and 2\.5 A"):
        console.configure(["flushCfg"])


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda _: b"", "nothing comes back; is this the console port and not the data port"),
        (lambda line: line + b"\n", "only the echo comes back; press the board's reset"),
        (lambda _: b"\x80\xfe\x00", r"15 other bytes came \(80 fe 00 .*\); is this the console port, at 115200 baud"),
    ],
)
def test_a_port_without_a_console_is_said_to_be_one(
    scripted: Scripted, answer: Callable[[bytes], bytes], sentence: str
) -> None:
    console, _ = scripted(answer)
    with pytest.raises(DeviceError, match=sentence):
        console.synchronise()


def test_a_console_that_falls_silent_is_an_error_with_what_it_said_last(scripted: Scripted) -> None:
    console, _ = scripted(lambda line: line + b"\nDon")
    with pytest.raises(DeviceError, match=r"answered b'adcCfg 2 1\\nDon' to 'adcCfg 2 1' within 1 s, expected 'Done'"):
        console.send("adcCfg 2 1")


def test_a_console_that_babbles_does_not_hold_anyone_for_ever(scripted: Scripted) -> None:
    class Babbler(ScriptedPort):
        def read(self, size: int = 1, /) -> bytes:
            self.now_s += 1e-3
            return b"x" * size

    console, port = scripted(echoing, kind=Babbler)
    with pytest.raises(DeviceError, match="other bytes came"):
        console.synchronise()
    assert port.now_s < 3


@pytest.mark.parametrize("line", ["x" * 256, "adcCfg 2 1\nsensorStart", "größe", "adcCfg\x00"])
def test_a_line_that_the_console_cannot_take_is_not_sent(scripted: Scripted, line: str) -> None:
    console, port = scripted(echoing)
    with pytest.raises(ConfigurationError, match="up to 255 printable ASCII characters"):
        console.send(line)
    assert port.written == []


def test_a_port_that_vanishes_is_an_error_of_the_device() -> None:
    class Gone(ScriptedPort):
        def write(self, data: bytes, /) -> int:
            raise OSError(5, "Input/output error")

    with pytest.raises(DeviceError, match=r"the console on x went away .*; plug the board in again"):
        CommandLine(Gone(echoing), "x").send("sensorStop")


# A whole emulated device


@pytest.fixture
def device() -> Iterator[Iwr6843Emulator]:
    with Iwr6843Emulator(calibration_s=0.02, refuse=("cfarFovCfg",), speed=10) as emulator:
        yield emulator


def test_an_emulated_device_names_the_line_that_it_refuses(device: Iwr6843Emulator) -> None:
    commands = lines()
    with open_port(device.cli_port, 115_200) as port:
        console = CommandLine(port, device.cli_port)
        console.synchronise()
        with pytest.raises(DeviceError, match=r"line 26 of 28, `cfarFovCfg -1 0 0\.0 3\.0` .* / Error -1; correct the"):
            console.configure(commands)
        device._console.refuse = ()
        said = console.configure(commands)
        assert said[-1] == "`sensorStart`: Debug: Init Calibration Status = 0x1ffe / Done"
        assert device.started
        with pytest.raises(DeviceError, match=r"`channelCfg 15 1 0` .*power-cycle the board"):
            console.configure(lines(channelCfg="15 1 0"))
        console.stop()
        assert not device.started
