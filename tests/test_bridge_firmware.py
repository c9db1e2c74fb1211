"""The microcontroller's program itself, run here: its real loop, a chip behind a fake SPI bus, the real host driver."""

from __future__ import annotations

import importlib.util
import os
import select
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from radar_frames import FEED, SMALL, index_of, read_frames

from faceedge.errors import DeviceError
from faceedge.radar import bgt60
from faceedge.radar import bridge_protocol as protocol
from faceedge.radar.bgt60 import Bgt60
from faceedge.radar.bridge import BridgeTransport
from faceedge.radar.bridge_protocol import Decoder, Kind, Message, encode
from faceedge.simulation.devices.bgt60 import Bgt60Chip

MAIN = Path(__file__).resolve().parents[1] / "firmware_configs/bridge/main.py"
TICKS = 1 << 30


def ticks_diff(end: int, start: int) -> int:
    return (end - start + TICKS // 2) % TICKS - TICKS // 2


class FakeBoard:
    """The module ``machine`` of a board with a chip on its pins, and MicroPython's clock."""

    OUT, IN, IRQ_RISING, MSB = "out", "in", "rising", "msb"

    def __init__(self, chip: Bgt60Chip, pins: dict[int, str]) -> None:
        self.chip, self.pins = chip, pins
        self.levels = {"cs": 1, "reset": 1}
        self.handler: Callable[[Any], None] | None = None
        self.speed = 0
        self.late_ticks = 0

    def pin(self, number: int, mode: str = "", value: int = 1) -> FakePin:
        return FakePin(self, self.pins[number])

    def spi(self, number: int, baudrate: int, polarity: int, phase: int, **pins: Any) -> FakeBoard:
        assert (polarity, phase) == (0, 0)
        assert pins["firstbit"] == self.MSB
        self.speed = baudrate
        return self

    def write_readinto(self, mosi: bytes, miso: memoryview) -> None:
        assert self.levels["cs"] == 0
        assert len(mosi) == len(miso)
        miso[:] = self.chip.transfer(bytes(mosi))

    def watch(self, stop: threading.Event) -> None:
        """The interrupt line: calls the handler at each rise."""
        seen = -1
        while not stop.is_set():
            rise = self.chip.wait_irq(0.02)
            if rise is not None and rise != seen and self.handler is not None:
                seen = rise
                self.handler(None)
            time.sleep(0.0005)

    def ticks_us(self) -> int:
        return (time.monotonic_ns() // 1000 + self.late_ticks) % TICKS

    def ticks_ms(self) -> int:
        return self.ticks_us() // 1000 % TICKS


class FakePin:
    def __init__(self, board: FakeBoard, name: str) -> None:
        self.board, self.name = board, name

    def value(self, level: int | None = None) -> int:
        if level is None:
            return int(self.board.chip.irq)
        self.board.levels[self.name] = level
        if self.name == "reset" and level == 0:
            self.board.chip.reset()
        return level

    def irq(self, handler: Callable[[Any], None], trigger: str, hard: bool) -> None:
        assert (self.name, trigger, hard) == ("irq", FakeBoard.IRQ_RISING, True)
        self.board.handler = handler


def load(board: FakeBoard, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """main.py as a module, with this board under it."""
    pin = SimpleNamespace(OUT="out", IN="in", IRQ_RISING="rising")
    fake_pin: Any = type("Pin", (), {"__new__": lambda _, *args, **named: board.pin(*args, **named), **vars(pin)})
    spi: Any = type("SPI", (), {"__new__": lambda _, *args, **named: board.spi(*args, **named), "MSB": "msb"})
    monkeypatch.setitem(sys.modules, "machine", SimpleNamespace(Pin=fake_pin, SPI=spi))
    monkeypatch.setitem(sys.modules, "micropython", SimpleNamespace())
    spec = importlib.util.spec_from_file_location("bridge_main", MAIN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.time = SimpleNamespace(  # type: ignore[attr-defined]
        ticks_us=board.ticks_us,
        ticks_ms=board.ticks_ms,
        ticks_diff=ticks_diff,
        sleep_ms=lambda ms: time.sleep(ms / 1000),
    )
    board.pins = {
        module.PIN_CS: "cs", module.PIN_RESET: "reset", module.PIN_IRQ: "irq", module.PIN_SCK: "sck",
        module.PIN_MOSI: "mosi", module.PIN_MISO: "miso",
    }  # fmt: skip
    return module


class Usb:
    """stdin, stdout and poll of the board, on the master's side of a pseudo-terminal."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self.short_writes = 0

    def poll(self, timeout_ms: int) -> list[tuple[int, int]]:
        return [event for event in self._poll.poll(timeout_ms) if event[1] & select.POLLIN]

    def readinto(self, target: memoryview) -> int:
        return os.readv(self.descriptor, [target])

    def write(self, data: memoryview) -> int:
        if self.short_writes:
            self.short_writes -= 1
            return os.write(self.descriptor, data[: len(data) // 2])
        written = 0
        while written < len(data):
            written += os.write(self.descriptor, data[written:])
        return written


class Running:
    """main.py's loop in a thread."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.chip = Bgt60Chip(FEED)
        self.board = FakeBoard(self.chip, {})
        self.module = load(self.board, monkeypatch)
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.port = os.ttyname(self.slave)
        self.usb = Usb(self.master)
        self.bridge = self.module.Bridge(self.usb, self.usb, self.usb)
        self.stop = threading.Event()
        self.threads = [
            threading.Thread(target=self._loop, daemon=True),
            threading.Thread(target=self.board.watch, args=(self.stop,), daemon=True),
        ]
        for thread in self.threads:
            thread.start()

    def _loop(self) -> None:
        while not self.stop.is_set():
            self.bridge.step()

    def close(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()
        os.close(self.slave)
        os.close(self.master)

    def ask(self, data: bytes, count: int = 1) -> list[Message]:
        """What comes back for bytes that a test made itself."""
        decoder = Decoder()
        got: list[Message] = []
        os.write(self.slave, data)
        end = time.monotonic() + 10
        while len(got) < count and time.monotonic() < end:
            if select.select([self.slave], [], [], 0.5)[0]:
                got += decoder.feed(os.read(self.slave, 65536))
        return got


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(bgt60, "STALLED_S", 10.0)  # a program in a thread of a busy computer may be slow
    running = Running(monkeypatch)
    yield running
    running.close()


def test_the_real_driver_gets_whole_frames_from_the_real_program(board: Running) -> None:
    with Bgt60(SMALL, BridgeTransport(board.port)) as source:
        assert source.description == f"BGT60TR13C at BGT60TR13C bridge on RP2040 ({board.port})"
        frames = read_frames(source, 15)
        shown = [index_of(frame) for frame in frames]
        assert [b - shown[0] for b in shown] == [frame.sequence - frames[0].sequence for frame in frames]
        assert source.counters["crc_errors"] == source.counters["bytes_skipped"] == 0
        start_ns = board.chip.ramp_start_ns(shown[-1])
    assert start_ns is not None
    assert board.board.speed == 20_000_000
    assert board.chip.timing is None


def test_requests_are_answered_byte_for_byte_as_documented(board: Running) -> None:
    reply = board.ask(bytes.fromhex("fa ce 03 00 07 00 04 00 00 00 00 00 00 00 00 00 04 00 00 00 12 3f 26 3e"))[0]
    assert (reply.kind, reply.sequence, reply.payload.hex()) == (0x83, 7, "f4000303")
    (hello,) = board.ask(encode(Kind.HELLO, b"\x01", sequence=1))
    assert hello.payload == b"\x01\x00\x60BGT60TR13C bridge on RP2040"
    first, second = board.ask(encode(Kind.TIME) + encode(Kind.TIME), 2)
    assert 0 < first.time_us <= second.time_us
    long = bytes.fromhex("ffc00000") + bytes(4092)
    assert len(board.ask(encode(Kind.TRANSFER, long))[0].payload) == 4096


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        (encode(0x33), 1),
        (encode(Kind.TRANSFER, b"\x04"), 2),
        (encode(Kind.TRANSFER, bytes(4097)), 2),
        (encode(Kind.START, b"\x00\x00"), 2),
        (encode(Kind.START, b"\x01\x20"), 2),
        (encode(Kind.HELLO), 2),
    ],
)
def test_wrong_requests_get_an_error_with_a_sentence(board: Running, request_bytes: bytes, code: int) -> None:
    (reply,) = board.ask(request_bytes)
    assert (reply.kind, reply.status) == (Kind.ERROR, code)
    assert len(reply.payload) > 10


def test_while_streaming_only_reset_and_a_second_start_are_refused(board: Running) -> None:
    start = encode(Kind.START, protocol.START.pack(100), sequence=1)
    replies = board.ask(start + encode(Kind.RESET) + start + encode(Kind.TIME) + encode(Kind.STOP), 5)
    assert [(reply.kind, reply.status) for reply in replies] == [(0x84, 0), (0x7F, 3), (0x7F, 3), (0x86, 0), (0x85, 0)]
    assert board.ask(encode(Kind.RESET))[0].kind == 0x82


def test_garbage_before_and_inside_requests_is_skipped(board: Running) -> None:
    broken = bytearray(encode(Kind.TIME, sequence=1))
    broken[-1] ^= 1
    too_long = protocol.HEADER.pack(protocol.MAGIC, Kind.TIME, 0, 0, 0xFFFF, 0)
    data = b"\xfa\xfa\xce\x00abc\xfa" + bytes(broken) + too_long + encode(Kind.TIME, sequence=2)
    # The first false magic announces 25185 bytes or is refused at once; either way the good request is found.
    assert board.ask(data)[0].sequence == 2


def test_a_request_that_is_cut_off_does_not_block_the_next_one(board: Running) -> None:
    assert board.ask(encode(Kind.TRANSFER, bytes(4))[:20], 0) == []
    wait_until(lambda: board.bridge.have == 20)
    board.board.late_ticks += 101_000  # longer than the time for which the rest is waited for
    wait_until(lambda: board.bridge.have == 0)
    assert board.ask(encode(Kind.TIME, sequence=9))[0].sequence == 9


def test_a_radar_without_power_is_an_error_of_its_own(board: Running) -> None:
    board.chip.answers = False
    with pytest.raises(DeviceError, match="refuses RESET: the radar does not answer after its reset"):
        Bgt60(SMALL, BridgeTransport(board.port)).open()


def test_a_host_that_does_not_take_a_block_is_told_how_many_it_lost(board: Running) -> None:
    with Bgt60(SMALL, BridgeTransport(board.port)) as source:
        read_frames(source, 2)
        board.usb.short_writes = 1
        frames = read_frames(source, 6)
        for frame in frames:
            index_of(frame)
        assert source.counters["blocks_lost_by_bridge"] == 1
        assert source.counters["blocks_lost"] == 1
        assert source.dropped >= 1


def test_the_clock_goes_on_where_the_ticks_wrap(board: Running) -> None:
    before = board.ask(encode(Kind.TIME))[0].time_us
    to_wrap = (TICKS - board.board.ticks_us()) % TICKS
    for _ in range(5):  # in steps smaller than half of the range, as time itself does
        board.board.late_ticks += to_wrap // 5
        board.ask(encode(Kind.TIME))
    board.board.late_ticks += 1_000_000
    after = board.ask(encode(Kind.TIME))[0].time_us
    assert after - before == pytest.approx(to_wrap + 1_000_000, abs=30_000_000)
    assert after > before + to_wrap
