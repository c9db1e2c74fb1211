"""A radar on the pins of a Raspberry Pi: the real transport over fake spidev and gpiod modules that hold a chip."""

from __future__ import annotations

import enum
import errno
import os
import sys
import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from radar_frames import FEED, SMALL, index_of, read_frames

from faceedge.errors import ConfigurationError, DeviceError
from faceedge.radar import bgt60
from faceedge.radar.bgt60 import Bgt60
from faceedge.radar.bgt60_registers import CHIP_ID_VALUE
from faceedge.radar.bgt60_spidev import SpidevTransport
from faceedge.simulation.devices.bgt60 import Bgt60Chip

RESET, IRQ = 12, 25
Value = enum.Enum("Value", "INACTIVE ACTIVE")
Direction = enum.Enum("Direction", "INPUT OUTPUT")
Edge = enum.Enum("Edge", "NONE RISING")
Clock = enum.Enum("Clock", "MONOTONIC REALTIME")


def refusal(number: int) -> OSError:
    return OSError(number, os.strerror(number))


class FakePi:
    """The two modules with one chip behind them; ``errors`` are raised by the call of that name."""

    def __init__(self) -> None:
        self.chip = Bgt60Chip(FEED)
        self.errors: dict[str, OSError] = {}
        self.transactions: list[int] = []
        self.settings: dict[str, Any] = {}
        self.levels: list[Any] = []
        self.closed: list[str] = []
        self.seen_ns = 0
        self.spidev = SimpleNamespace(SpiDev=lambda: FakeSpi(self))
        self.gpiod = SimpleNamespace(
            request_lines=self.request_lines,
            LineSettings=lambda **settings: SimpleNamespace(**settings),
            line=SimpleNamespace(Value=Value, Direction=Direction, Edge=Edge, Clock=Clock),
        )

    def fail(self, name: str) -> None:
        if name in self.errors:
            raise self.errors[name]

    def request_lines(self, path: str, consumer: str, config: dict[int, Any]) -> FakeLines:
        self.fail("request_lines")
        assert config[RESET].direction == Direction.OUTPUT
        assert config[RESET].output_value == Value.ACTIVE
        assert (config[IRQ].edge_detection, config[IRQ].event_clock) == (Edge.RISING, Clock.MONOTONIC)
        self.settings |= {"gpio": path, "consumer": consumer}
        return FakeLines(self)


class FakeSpi:
    mode = max_speed_hz = -1

    def __init__(self, pi: FakePi) -> None:
        self.pi = pi

    def open(self, bus: int, select: int) -> None:
        self.pi.fail("open")
        self.pi.settings["bus"] = (bus, select)

    def xfer2(self, data: list[int]) -> list[int]:
        self.pi.fail("xfer2")
        assert len(data) <= 4096
        self.pi.transactions.append(len(data))
        return list(self.pi.chip.transfer(bytes(data)))

    def close(self) -> None:
        self.pi.settings |= {"mode": self.mode, "speed": self.max_speed_hz}
        self.pi.closed.append("spi")


class FakeLines:
    """Edges as the kernel reports them: each rise once, with the time at which it happened."""

    def __init__(self, pi: FakePi) -> None:
        self.pi = pi

    def set_value(self, line: int, value: Any) -> None:
        assert line == RESET
        self.pi.levels.append(value)
        if value == Value.INACTIVE:
            self.pi.chip.reset()

    def get_value(self, line: int) -> Any:
        assert line == IRQ
        return Value.ACTIVE if self.pi.chip.irq else Value.INACTIVE

    def wait_edge_events(self, timeout: timedelta) -> bool:
        self.pi.fail("wait_edge_events")
        rise_ns = self.pi.chip.wait_irq(timeout.total_seconds())
        return rise_ns is not None and rise_ns != self.pi.seen_ns

    def read_edge_events(self) -> list[Any]:
        self.pi.seen_ns = self.pi.chip.wait_irq(0.0) or self.pi.seen_ns
        return [SimpleNamespace(timestamp_ns=self.pi.seen_ns)]

    def release(self) -> None:
        self.pi.closed.append("lines")


@pytest.fixture
def pi(monkeypatch: pytest.MonkeyPatch) -> FakePi:
    fake = FakePi()
    monkeypatch.setitem(sys.modules, "spidev", fake.spidev)
    monkeypatch.setitem(sys.modules, "gpiod", fake.gpiod)
    return fake


def transport(**settings: Any) -> SpidevTransport:
    return SpidevTransport("/dev/spidev0.1", 10_000_000, RESET, IRQ, gpio_chip="/dev/gpiochip4", **settings)


def test_frames_come_over_the_pins(pi: FakePi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bgt60, "to_system_ns", lambda moment_ns, clock: moment_ns)
    with Bgt60(SMALL, transport()) as source:
        frames = read_frames(source, 8)
        for frame in frames:
            index_of(frame)
        starts_ns = [pi.chip.ramp_start_ns(index_of(frame)) for frame in frames]
    # Edges carry the time at which the line rose, so the first ramp is known to the cycle unless a read was late.
    assert min(abs(f.stamp_ns - s) for f, s in zip(frames, starts_ns, strict=True) if s is not None) < 1000
    assert pi.settings == {
        "bus": (0, 1), "mode": 0, "speed": 10_000_000, "gpio": "/dev/gpiochip4", "consumer": "faceedge",
    }  # fmt: skip
    assert pi.closed == ["lines", "spi"]
    assert pi.chip.timing is None


def test_an_edge_that_the_kernel_reports_late_is_not_taken_for_the_next_block(
    pi: FakePi, monkeypatch: pytest.MonkeyPatch
) -> None:
    rises: list[int] = []

    def wait(self: FakeLines, timeout: timedelta) -> bool:
        rise_ns = self.pi.chip.wait_irq(timeout.total_seconds())
        if rise_ns is not None and rise_ns not in rises[-1:]:
            rises.append(rise_ns)
        return len(rises) > 1  # each edge comes with the next one

    monkeypatch.setattr(bgt60, "to_system_ns", lambda moment_ns, clock: moment_ns)
    monkeypatch.setattr(FakeLines, "wait_edge_events", wait)
    monkeypatch.setattr(FakeLines, "read_edge_events", lambda self: [SimpleNamespace(timestamp_ns=rises.pop(0))])
    with Bgt60(SMALL, transport()) as source:
        for frame in read_frames(source, 4):
            start_ns = pi.chip.ramp_start_ns(index_of(frame))
            assert start_ns is not None
            assert frame.stamp_ns >= start_ns - 1000


def test_a_block_is_read_in_bursts_that_fit_the_kernels_buffer(pi: FakePi) -> None:
    with Bgt60(SMALL, transport()) as source:
        read_frames(source, 3)
    bursts = [size for size in pi.transactions if size != 4]
    assert set(bursts) == {4 + 1364 * 3, 4 + 172 * 3}  # 1536 words a block
    assert bursts[0::2] == [4096] * len(bursts[0::2])


def test_the_reset_line_is_pulsed_low_and_released(pi: FakePi) -> None:
    device = transport()
    device.open()
    device.reset()
    assert pi.levels == [Value.ACTIVE, Value.INACTIVE, Value.ACTIVE]
    assert int.from_bytes(device.transfer(b"\x04\x00\x00\x00")[1:], "big") == CHIP_ID_VALUE
    with pytest.raises(DeviceError, match="at most 4096 bytes, got 4097"):
        device.transfer(bytes(4097))
    pi.chip.answers = False
    with pytest.raises(DeviceError, match=r"no BGT60TR13C answers at .*status 00"):
        device.reset()
    device.close()
    for call in (device.reset, lambda: device.transfer(bytes(4)), lambda: device.start_stream(10)):
        with pytest.raises(DeviceError, match="is not open"):
            call()


@pytest.mark.parametrize(
    ("call", "number", "words"),
    [
        ("open", errno.ENOENT, r"/dev/spidev0.1 is not there; enable SPI \(`sudo raspi-config"),
        ("open", errno.EACCES, "usermod -aG spi,gpio"),
        ("open", errno.EIO, "failed: Input/output error"),
        ("request_lines", errno.EBUSY, "GPIO 12 or 25 is in use; `gpioinfo`"),
        ("request_lines", errno.EACCES, "usermod -aG gpio"),
        ("request_lines", errno.ENOENT, "/dev/gpiochip4: is not there"),
        ("request_lines", errno.EINVAL, "has no line 12 or 25"),
    ],
)
def test_what_cannot_be_opened_is_named_with_its_remedy(pi: FakePi, call: str, number: int, words: str) -> None:
    pi.errors[call] = refusal(number)
    with pytest.raises(DeviceError, match=words):
        transport().open()


@pytest.mark.parametrize("package", ["spidev", "gpiod"])
def test_an_absent_library_is_named(pi: FakePi, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DeviceError, match=rf"needs {package}, which is not installed; `pip install faceedge\[spi\]`"):
        transport().open()


def test_an_old_gpiod_is_told_from_a_new_one(pi: FakePi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", SimpleNamespace())
    with pytest.raises(DeviceError, match=r"version 1, expected 2.1"):
        transport().open()


def test_settings_that_cannot_work_are_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="up to 25 MHz"):
        SpidevTransport(speed_hz=40_000_000)
    with pytest.raises(ConfigurationError, match="two GPIO lines"):
        SpidevTransport(reset_line=25)
    for path in ("/dev/ttyACM0", "/dev/spidev", "/dev/spidev0"):
        with pytest.raises(DeviceError, match=f"/dev/spidev0.0, got '{path}'"):
            SpidevTransport(path)._open_spi(SimpleNamespace(SpiDev=object))  # type: ignore[arg-type]


@pytest.mark.parametrize("call", ["xfer2", "wait_edge_events"])
def test_a_bus_that_fails_while_streaming_ends_it(pi: FakePi, call: str) -> None:
    source = Bgt60(SMALL, transport())
    source.open()
    read_frames(source, 1)
    pi.errors[call] = refusal(errno.EIO)
    with pytest.raises(DeviceError, match="failed: Input/output error"):
        read_frames(source, 100)
    source.close()
    pi.errors.clear()
    with source:
        read_frames(source, 2)
    assert [thread.name for thread in threading.enumerate() if "spidev" in thread.name] == []


def test_the_chip_with_the_headers_pins_is_found_by_its_label(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = {"/dev/gpiochip0": "brcmvirt-gpio", "/dev/gpiochip1": "pinctrl-rp1"}

    class Chip:
        def __init__(self, path: str) -> None:
            self.path = path

        def __enter__(self) -> Chip:
            return self

        def __exit__(self, *_: object) -> None: ...

        def get_info(self) -> SimpleNamespace:
            return SimpleNamespace(label=labels[self.path])

    gpiod = SimpleNamespace(Chip=Chip)
    find = SpidevTransport._find_chip
    monkeypatch.setattr("faceedge.radar.bgt60_spidev.Path.glob", lambda *_: iter(labels))
    assert find(gpiod) == "/dev/gpiochip1"
    labels["/dev/gpiochip1"] = "another"
    assert find(gpiod) == "/dev/gpiochip0"
    labels.clear()
    with pytest.raises(DeviceError, match="no GPIO chip"):
        find(gpiod)
