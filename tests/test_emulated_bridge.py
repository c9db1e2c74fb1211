"""The emulated bridge on its port, spoken to in bytes put together by hand, and the chip in the driver's transport."""

from __future__ import annotations

import os
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import serial
from bgt60_registers_by_hand import configure, recipe, start, write
from hypothesis import given, settings
from hypothesis import strategies as st

from faceedge.errors import DeviceError
from faceedge.radar.bgt60_transport import Transport
from faceedge.simulation.devices.bgt60 import Bgt60Chip
from faceedge.simulation.devices.bgt60_frames import pack
from faceedge.simulation.devices.bridge import BridgeEmulator
from faceedge.simulation.devices.clock import RealClock, SteppedClock
from faceedge.simulation.devices.faults import Faults
from faceedge.simulation.devices.feed import AheadFeed, CallableFeed, RecordingFeed
from faceedge.simulation.devices.local import LocalTransport

PATIENCE_S = 10.0
WORDS = 2048
FRAME_WORDS = 12_288
CUBES = np.random.default_rng(5).integers(0, 4096, (3, 3, 64, 128), np.uint16)
STREAM = b"".join(pack(np.ascontiguousarray(cube.transpose(1, 2, 0)).ravel()) for cube in CUBES)


class Host:
    """A host that knows nothing but the framing."""

    def __init__(self, path: str) -> None:
        self.port = serial.Serial(path, 1_000_000, timeout=0.05, exclusive=True)
        self.buffer = b""
        self.sequence = 100

    def send(self, kind: int, payload: bytes = b"") -> None:
        frame = b"\xfa\xce" + struct.pack("<BBHHQ", kind, 0, self.sequence, len(payload), 0) + payload
        self.port.write(frame + struct.pack("<I", zlib.crc32(frame)))

    def next(self) -> tuple[int, int, int, int, bytes]:
        """Type, status, sequence, device time in us, payload of the next frame with a right checksum."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if len(self.buffer) >= 20:
                assert self.buffer[:2] == b"\xfa\xce"
                kind, status, sequence, length, stamp = struct.unpack_from("<BBHHQ", self.buffer, 2)
                if len(self.buffer) >= 20 + length:
                    frame, self.buffer = self.buffer[: 20 + length], self.buffer[20 + length :]
                    if zlib.crc32(frame[:-4]) == int.from_bytes(frame[-4:], "little"):
                        return kind, status, sequence, stamp, frame[16:-4]
                    continue
            self.buffer += self.port.read(max(1, self.port.in_waiting))
        raise AssertionError("the bridge said nothing")

    def ask(self, kind: int, payload: bytes = b"") -> tuple[int, int, bytes]:
        """Type, status and payload of the reply; blocks before it are thrown away."""
        self.sequence += 1
        self.send(kind, payload)
        while (message := self.next())[0] in (0x90, 0x91):
            pass
        assert message[2] == self.sequence
        return message[0], message[1], message[4]

    def start(self, words: int = WORDS) -> None:
        assert self.ask(0x04, struct.pack("<H", words)) == (0x84, 0, b"")
        self.sequence += 1
        self.send(0x03, bytes.fromhex("011E8271"))  # FRAME_START


@contextmanager
def bridge_and_host(chip: Bgt60Chip, **options: Any) -> Iterator[tuple[BridgeEmulator, Host]]:
    with BridgeEmulator(chip, **options) as bridge:
        configure(chip, recipe("50 ms"), WORDS)
        host = Host(bridge.port)
        try:
            yield bridge, host
        finally:
            host.port.close()


def stepped_chip() -> Bgt60Chip:
    return Bgt60Chip(RecordingFeed(CUBES), SteppedClock())


def test_hello_is_answered_byte_for_byte() -> None:
    with bridge_and_host(stepped_chip()) as (_, host):
        request = bytes.fromhex("FACE 01 00 3412 0100 0000000000000000 01")
        host.port.write(request + struct.pack("<I", zlib.crc32(request)))
        kind, status, sequence, _, payload = host.next()
        assert (kind, status, sequence) == (0x81, 0, 0x1234)
        assert payload[:3] == bytes.fromhex("01 0060")
        assert "bridge" in payload[3:].decode()


def test_a_transfer_is_one_transaction_of_the_chip() -> None:
    with bridge_and_host(stepped_chip()) as (_, host):
        assert host.ask(0x02) == (0x82, 0, b"")
        assert host.ask(0x03, bytes.fromhex("04000000")) == (0x83, 0, bytes.fromhex("F4000303"))
        assert host.ask(0x03, bytes.fromhex("0D1027FF"))[0] == 0x83
        assert host.ask(0x03, bytes.fromhex("04000000")) == (0x83, 0, bytes.fromhex("F0000303"))
        assert len(host.ask(0x03, bytes.fromhex("FFC00000") + bytes(4092))[2]) == 4096


@pytest.mark.parametrize(
    ("kind", "payload", "code"),
    [
        (0x07, b"", 1),
        (0x83, b"", 1),
        (0x01, b"", 2),
        (0x03, b"\x04\0\0", 2),
        (0x03, bytes(4097), 2),
        (0x04, b"\0", 2),
        (0x04, b"\0\0", 2),
        (0x04, struct.pack("<H", 8193), 2),
        (0x05, b"\0", 2),
        (0x06, b"\0", 2),
    ],
)
def test_a_wrong_request_is_refused_with_its_code_and_a_sentence(kind: int, payload: bytes, code: int) -> None:
    with bridge_and_host(stepped_chip()) as (bridge, host):
        reply = host.ask(kind, payload)
        assert reply[:2] == (0x7F, code)
        assert f"{kind:02X}" in reply[2].decode() or "block" in reply[2].decode()
        assert bridge.counters["refused"] == 1
        assert host.ask(0x06) == (0x86, 0, b"")


def test_a_radar_that_does_not_answer_is_error_4() -> None:
    chip = stepped_chip()
    chip.answers = False
    with BridgeEmulator(chip) as bridge:
        assert Host(bridge.port).ask(0x02)[:2] == (0x7F, 4)


def test_blocks_carry_the_frames_bit_exact_with_their_times() -> None:
    chip = stepped_chip()
    with bridge_and_host(chip, patient=True) as (bridge, host):
        host.start()
        assert host.next()[0] == 0x83
        data, times = b"", []
        for number in range(3 * FRAME_WORDS // WORDS):
            kind, status, sequence, stamp, payload = host.next()
            assert (kind, status, sequence, len(payload)) == (0x90, 0xF0, number, 3 * WORDS)
            data += payload
            times.append(stamp)
        assert data == STREAM
        timing = chip.timing
        first = chip.ramp_start_ns(0)
        assert timing is not None
        assert first is not None
        for number, stamp in enumerate(times):
            frame, place = divmod(number, FRAME_WORDS // WORDS)
            cycle = timing.cycle_of(frame * 2 * FRAME_WORDS + (place + 1) * 2 * WORDS - 1)
            assert cycle is not None
            assert stamp == int((first + (cycle - timing.first_ramp) * 12.5) // 1000)
        assert host.ask(0x05) == (0x85, 0, b"")
        assert bridge.counters["dropped"] == 0


def test_while_streaming_only_reset_and_a_second_start_are_refused() -> None:
    with bridge_and_host(stepped_chip(), patient=True) as (_, host):
        host.start()
        host.next()
        assert host.ask(0x02)[:2] == (0x7F, 3)
        assert host.ask(0x04, b"\0\x08")[:2] == (0x7F, 3)
        assert host.ask(0x06)[0] == 0x86
        assert host.ask(0x03, bytes.fromhex("04000000")) == (0x83, 0, bytes.fromhex("F0000303"))
        assert host.ask(0x05)[0] == 0x85
        assert host.ask(0x02)[0] == 0x82


def test_paced_real_time_delivers_whole_frames() -> None:
    chip = Bgt60Chip(RecordingFeed(CUBES), RealClock(speed=2.0))
    with bridge_and_host(chip, patient=True) as (bridge, host):
        host.start()
        host.next()
        data = b"".join(host.next()[4] for _ in range(6 * FRAME_WORDS // WORDS))
        assert data == 2 * STREAM
        assert bridge.counters["dropped"] == 0
        assert chip.counters["overflows"] == 0


def test_a_feed_that_is_slow_makes_no_fifo_run_over() -> None:
    def slow(index: int) -> np.ndarray:
        time.sleep(0.06)  # the FIFO has room for 17 ms
        return CUBES[index % 3]

    chip = Bgt60Chip(CallableFeed(slow))
    with bridge_and_host(chip, patient=True) as (bridge, host):
        host.start()
        host.next()
        data = b"".join(host.next()[4] for _ in range(3 * FRAME_WORDS // WORDS))
        assert data == STREAM
        assert chip.counters["overflows"] == bridge.counters["dropped"] == 0


def test_a_feed_computed_ahead_gives_the_same_cubes() -> None:
    asked = []

    def cube(index: int) -> np.ndarray:
        asked.append(index)
        return CUBES[index % 3]

    feed = AheadFeed(CallableFeed(cube), depth=2)
    assert all(np.array_equal(feed.cube(index), CUBES[index % 3]) for index in (0, 1, 2, 2, 7))
    assert sorted(asked[:5]) == [0, 1, 2, 3, 4]
    asked.clear()
    feed = AheadFeed(CallableFeed(cube), period=3)
    assert all(np.array_equal(feed.cube(index), CUBES[index % 3]) for index in range(20))
    assert sorted(asked) == [0, 1, 2]


def test_a_host_that_does_not_read_is_told_how_much_it_lost() -> None:
    chip = Bgt60Chip(RecordingFeed(CUBES), RealClock())
    with bridge_and_host(chip) as (bridge, host):
        host.start()
        end = time.monotonic() + PATIENCE_S
        while bridge.counters["dropped"] < 10 and time.monotonic() < end:
            time.sleep(0.01)
        expected = lost = 0
        host.next()
        while not (lost and expected > 60):
            kind, _, sequence, _, payload = host.next()
            if kind == 0x91:
                lost += struct.unpack("<I", payload)[0]
                expected += struct.unpack("<I", payload)[0]
            else:
                assert sequence == expected
                expected += 1
        assert lost >= 10


def test_a_bridge_left_streaming_comes_back_with_stop_and_hello() -> None:
    with bridge_and_host(Bgt60Chip(clock=RealClock())) as (bridge, host):
        host.start()
        host.next()
        host.send(0x03, b"half a request that was cut off")
        host.port.write(b"\xfa\xce\x03\0\0\0\x10\x0e")
        host.port.close()
        host = Host(bridge.port)
        host.port.reset_input_buffer()
        host.send(0x05)
        quiet = time.monotonic() + 0.5
        while host.port.read(4096) or time.monotonic() < quiet:
            pass
        assert host.ask(0x01, b"\1")[0] == 0x81
        host.port.close()


def test_garbage_between_requests_is_skipped_and_counted() -> None:
    with bridge_and_host(stepped_chip()) as (bridge, host):
        bad = b"\xfa\xce\x06" + bytes(13) + b"\1\2\3\4"
        huge = b"\xfa\xce\x03\0\0\0\xff\xff" + bytes(8)
        host.port.write(b"\xfa\xfa\xce\xcegarbage" + bad + huge)
        assert host.ask(0x06)[0] == 0x86
        assert bridge.counters["bad_checksums"] == 1
        assert bridge.counters["skipped_bytes"] >= len(bad)


def test_unplugging_loses_the_power_and_replugging_starts_anew() -> None:
    chip = Bgt60Chip(RecordingFeed(CUBES), RealClock())
    with bridge_and_host(chip) as (bridge, host):
        host.start()
        host.next()
        bridge.unplug()
        host.port.close()
        bridge.replug()
        host = Host(bridge.port)
        assert host.ask(0x01, b"\1")[0] == 0x81
        assert host.ask(0x03, bytes.fromhex("04000000"))[2] == bytes.fromhex("F4000303")  # registers are reset
        assert bridge.counters["boots"] == 3  # construction, first plug, second plug
        host.port.close()


def test_a_late_microcontroller_lets_the_fifo_run_over_once() -> None:
    chip = stepped_chip()
    with bridge_and_host(chip, patient=True, faults=Faults(fifo_overflow_after_blocks=3)) as (_, host):
        host.start()
        host.next()
        statuses = [host.next()[1] for _ in range(4)]
        assert statuses == [0xF0, 0xF0, 0xF0, 0xF8]
        assert chip.counters["overflows"] == 1
        for command in ("011E8274", "011E8278", "011E8271"):
            assert host.ask(0x03, bytes.fromhex(command))[0] == 0x83
        assert host.next()[1] == 0xF0


def test_spoiled_checksums_are_as_many_as_counted() -> None:
    with bridge_and_host(stepped_chip(), faults=Faults(crc_error_rate=0.3)) as (bridge, host):
        for _ in range(100):
            host.send(0x06)
        end = time.monotonic() + PATIENCE_S
        while bridge.counters["requests"] < 100 and time.monotonic() < end:
            time.sleep(0.005)
        spoiled = bridge.counters["spoiled_checksums"]
        assert 10 < spoiled < 60
        for _ in range(100 - spoiled):
            assert host.next()[0] == 0x86


def test_the_device_time_drifts_as_asked() -> None:
    clock = SteppedClock()
    with BridgeEmulator(Bgt60Chip(clock=clock), faults=Faults(clock_drift_ppm=200.0)) as bridge:
        host = Host(bridge.port)
        times = []
        for _ in range(2):
            host.send(0x06)
            times.append(host.next()[3])
            clock.advance(1000.0)
        assert times[1] - times[0] == 1_000_200_000
        host.port.close()


def test_closing_leaves_no_thread_and_no_descriptor() -> None:
    before, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(10):
        with bridge_and_host(stepped_chip(), patient=True) as (_, host):
            host.start()
            host.next()
    assert len(os.listdir("/proc/self/fd")) == before
    assert threading.active_count() == threads


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=10))
def test_any_bytes_are_requests_or_skipped(chunks: list[bytes]) -> None:
    bridge = BridgeEmulator(Bgt60Chip(clock=SteppedClock()))
    for chunk in chunks:
        bridge._parse(chunk)
    assert bridge.counters["skipped_bytes"] + len(bridge._buffer) == sum(map(len, chunks))


def test_the_local_transport_is_the_drivers_transport() -> None:
    chip = stepped_chip()
    transport: Transport = LocalTransport(chip)
    with pytest.raises(DeviceError, match="not open"):
        transport.reset()
    transport.open()
    transport.reset()
    assert transport.transfer(bytes.fromhex("04000000")) == bytes.fromhex("F4000303")
    with pytest.raises(DeviceError, match="at most 4096"):
        transport.transfer(bytes(4097))
    configure(chip, recipe("50 ms"), WORDS)
    transport.start_stream(WORDS)
    assert transport.read_block(0.01) is None
    start(chip)
    data = b""
    for number in range(3 * FRAME_WORDS // WORDS):
        block = transport.read_block(1.0)
        assert block is not None
        assert (block.sequence, block.status, len(block.data)) == (number, 0xF0, 3 * WORDS)
        data += block.data
    assert data == STREAM
    transport.stop_stream()
    assert transport.read_block(0.01) is None
    write(chip, 0x00, 0x1E8274)
    transport.close()
    transport.close()
