"""The driver behind the serial bridge, over a real pseudo-terminal, with everything that can go wrong on a cable."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
import threading
import time
import tty
from collections.abc import Iterator

import numpy as np
import pytest
from radar_frames import FEED, SMALL, index_of, read_frames
from shared_data import BGT60

from faceedge.errors import DeviceError, InputError
from faceedge.radar import bgt60, bridge, infineon_json
from faceedge.radar.bgt60 import Bgt60
from faceedge.radar.bgt60_registers import CHIP_ID_VALUE
from faceedge.radar.bgt60_transport import Block
from faceedge.radar.block_queue import BlockQueue
from faceedge.radar.bridge import BridgeTransport
from faceedge.radar.bridge_protocol import HELLO, LOST, Decoder, Kind, encode
from faceedge.radar.frame import RadarFrame
from faceedge.simulation.devices.bgt60 import Bgt60Chip
from faceedge.simulation.devices.bridge import BridgeEmulator
from faceedge.simulation.devices.clock import RealClock, SteppedClock
from faceedge.simulation.devices.faults import Faults
from faceedge.simulation.devices.feed import RecordingFeed

PATIENCE_S = 10.0
REFLECTORS = BGT60 / "two_reflectors/RadarIfxAvian_00"


@pytest.fixture(autouse=True)
def _as_fast_as_the_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply that takes long was lost; and on a stepped clock blocks come faster than any reader takes them."""
    monkeypatch.setattr(bridge, "REPLY_TIMEOUT_S", 0.1)
    monkeypatch.setattr(bridge, "TRIES", 8)
    monkeypatch.setattr(bridge, "BlockQueue", functools.partial(BlockQueue, capacity=1_000_000))


def emulator(faults: Faults | None = None, *, real_time: bool = False) -> BridgeEmulator:
    if real_time:
        return BridgeEmulator(Bgt60Chip(FEED, RealClock()), faults=faults)
    return BridgeEmulator(Bgt60Chip(FEED, SteppedClock()), faults=faults, patient=True, pace_bytes_per_s=None)


def reopened(source: Bgt60) -> None:
    """What a node does with a device that went away: close, wait, open, until it is back."""
    end = time.monotonic() + PATIENCE_S
    while True:
        source.close()
        try:
            source.open()
        except DeviceError:
            assert time.monotonic() < end, "it did not come back"
            time.sleep(0.02)
        else:
            return


def read_on(source: Bgt60, frames: list[RadarFrame]) -> None:
    """Append what comes to ``frames`` until an error ends it."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        frame = source.read(0.05)
        frames += [frame] if frame else []


# --- without faults ---------------------------------------------------------------------------------------------------


def test_frames_come_whole_and_in_order_through_a_real_port() -> None:
    with emulator() as device, Bgt60(SMALL, BridgeTransport(device.port)) as source:
        frames = read_frames(source, 40)
        assert [index_of(frame) for frame in frames] == list(range(40))
        assert [frame.sequence for frame in frames] == list(range(40))
        assert source.description.startswith("BGT60TR13C at emulated BGT60TR13C bridge (/")
        # On a busy computer a reply may come late, and is asked for again.
        assert {name for name, count in source.counters.items() if count} <= {"replies_lost"}
    assert device.chip.timing is None


@pytest.mark.skipif(not REFLECTORS.is_dir(), reason="the recordings of real radars are not on this machine")
def test_a_real_recording_passes_through_chip_bridge_and_driver_bit_exact() -> None:
    chirp = infineon_json.read((REFLECTORS / "config.json").read_text(encoding="utf-8"))
    cubes = np.load(REFLECTORS / "radar.npy", mmap_mode="r")
    chip = Bgt60Chip(RecordingFeed(cubes), SteppedClock())
    with (
        BridgeEmulator(chip, patient=True, pace_bytes_per_s=None) as device,
        Bgt60(chirp, BridgeTransport(device.port)) as source,
    ):
        for frame in read_frames(source, 60):
            np.testing.assert_array_equal(frame.cube, cubes[frame.sequence % len(cubes)])
        assert source.dropped == 0


def test_registers_are_reached_while_blocks_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bgt60, "TEMPERATURE_PERIOD_S", 0.0)
    device = emulator(real_time=True)
    device.chip.temperature_c = 44.0
    with device, Bgt60(SMALL, BridgeTransport(device.port)) as source:
        read_frames(source, 12)
        assert source.temperature_c == pytest.approx(44.0, abs=0.25)
        assert source.counters["temperature_failures"] == 0


def test_a_stamp_is_near_the_first_ramp_whatever_the_device_calls_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bgt60, "to_system_ns", lambda moment_ns, clock: moment_ns)
    device = emulator(Faults(clock_drift_ppm=80.0), real_time=True)
    with device, Bgt60(SMALL, BridgeTransport(device.port)) as source:
        errors_ns = []
        for frame in read_frames(source, 25):
            start_ns = device.chip.ramp_start_ns(index_of(frame))
            assert start_ns is not None
            errors_ns.append(frame.stamp_ns - start_ns)
    # The fastest reply of all sets the error; a busy machine only delays some.
    assert -100_000 < min(errors_ns) < 20_000_000


def test_a_device_that_a_crashed_host_left_streaming_is_taken_over() -> None:
    device = emulator(real_time=True)
    with device:
        crashed = Bgt60(SMALL, BridgeTransport(device.port))
        crashed.open()
        read_frames(crashed, 2)
        transport = crashed.transport
        assert isinstance(transport, BridgeTransport)
        transport._streaming = False  # so that closing only closes the port, as the kernel does for a dead process
        transport.close()
        with Bgt60(SMALL, BridgeTransport(device.port)) as source:
            for frame in read_frames(source, 3):
                index_of(frame)
            assert source.dropped == 0


def test_blocks_that_nobody_takes_give_way_to_newer_ones_and_are_counted() -> None:
    queue = BlockQueue(capacity=3)
    with queue.changed:
        for sequence in range(5):
            queue.put(Block(b"", 0, sequence, 0))
    assert queue.dropped == 2
    assert [block.sequence for block in iter(lambda: queue.get(0.0), None)] == [2, 3, 4]


# --- damage on the line -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "faults",
    [
        Faults(seed=1, lose_rate=2e-6),
        Faults(seed=2, flip_rate=2e-6),
        Faults(seed=3, garbage_rate=2e-6),
        Faults(seed=4, crc_error_rate=0.02),
        Faults(seed=5, lose_rate=5e-7, flip_rate=5e-7, garbage_rate=5e-7, crc_error_rate=0.005),
    ],
    ids=["lost bytes", "changed bytes", "garbage", "checksums", "all of it"],
)
def test_damage_costs_the_frames_that_it_hits_and_no_other(faults: Faults) -> None:
    with emulator(faults) as device, Bgt60(SMALL, BridgeTransport(device.port)) as source:
        frames = read_frames(source, 60)
        shown = [index_of(frame) for frame in frames]
        sequences = [frame.sequence for frame in frames]
        counters = dict(source.counters)
    # Each frame is whole (index_of compares every sample), and the numbers tell exactly which ones are missing.
    assert [b - a for a, b in itertools.pairwise(shown)] == [b - a for a, b in itertools.pairwise(sequences)]
    assert source.dropped == sequences[-1] + 1 - len(frames)
    assert source.dropped <= counters["blocks_lost"]


def test_a_checksum_error_is_counted_and_its_frame_reported_as_dropped() -> None:
    with emulator(Faults(seed=4, crc_error_rate=0.03)) as device, Bgt60(SMALL, BridgeTransport(device.port)) as source:
        read_frames(source, 60)
        assert device.counters["spoiled_checksums"] > 0
        assert source.counters["crc_errors"] > 0
        assert source.dropped > 0
        assert source.counters["bytes_skipped"] > 0


# --- the device goes away ---------------------------------------------------------------------------------------------


def test_unplugged_in_the_middle_of_a_frame_it_comes_back_with_a_gap_and_no_half_frame() -> None:
    frame_bytes = 3072 * 3
    faults = Faults(unplug_after_bytes=8 * frame_bytes + frame_bytes // 3, replug_after_s=0.2)
    with emulator(faults, real_time=True) as device:
        source = Bgt60(SMALL, BridgeTransport(device.port))
        source.open()
        frames: list[RadarFrame] = []
        with pytest.raises(DeviceError, match=r"radar bridge /.* went away .*; plug it in again"):
            read_on(source, frames)
        assert len(frames) >= 1
        reopened(source)
        after = read_frames(source, 5)
        source.close()
    assert device.counters["boots"] >= 2
    for frame in (*frames, *after):
        index_of(frame)
    gap = after[0].sequence - frames[-1].sequence - 1
    assert gap >= 5  # 0.2 s of 20 ms
    assert source.dropped == gap
    assert [frame.sequence - after[0].sequence for frame in after] == list(range(5))


def test_all_calls_say_that_the_device_is_gone() -> None:
    with emulator(real_time=True) as device:
        transport = BridgeTransport(device.port)
        transport.open()
        device.unplug()
        for call in (
            transport.reset,
            transport.stop_stream,
            lambda: transport.transfer(bytes(4)),
            lambda: transport.read_block(1.0),
        ):
            with pytest.raises(DeviceError, match=r"went away|is not open"):
                call()
        transport.close()
        transport.close()
        with pytest.raises(DeviceError, match=r"is not there; is the cable plugged in\?"):
            transport.open()


def test_a_stall_is_noticed_and_the_device_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bgt60, "STALLED_S", 0.1)
    faults = Faults(stall_after_bytes=60_000, stall_s=60.0)
    with emulator(faults, real_time=True) as device:
        source = Bgt60(SMALL, BridgeTransport(device.port))
        source.open()
        with pytest.raises(DeviceError, match="stands still"):
            read_on(source, [])
        device.serial.stall(0.0)  # it is over
        reopened(source)
        for frame in read_frames(source, 3):
            index_of(frame)
        source.close()


def test_a_fifo_that_ran_over_behind_the_bridge_is_restarted() -> None:
    device = emulator(Faults(fifo_overflow_after_blocks=9), real_time=True)
    with device, Bgt60(SMALL, BridgeTransport(device.port)) as source:
        frames: list[RadarFrame] = []
        with pytest.raises(InputError, match="FIFO ran over because it was read too late"):
            read_on(source, frames)
        after = read_frames(source, 5)
        for frame in (*frames, *after):
            index_of(frame)
        assert after[0].sequence > frames[-1].sequence + 1
        assert source.counters["overflows"] == 1


# --- who is at the other end ------------------------------------------------------------------------------------------


class Impostor:
    """A serial port with something else behind it.

    Args:
        answer: bytes that come back for each request that arrives, by its kind and sequence.
    """

    def __init__(self, answer: object = None, text: bytes = b"") -> None:
        self.answer, self.text = answer, text

    def __enter__(self) -> str:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return os.ttyname(self.slave)

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        os.write(self.slave, b"\0")
        self.thread.join()
        os.close(self.slave)
        os.close(self.master)

    def _serve(self) -> None:
        decoder = Decoder()
        while not self.stop.is_set():
            data = os.read(self.master, 4096)
            if self.text:
                os.write(self.master, self.text)
            for message in decoder.feed(data):
                if callable(self.answer) and (reply := self.answer(message.kind, message.sequence)):
                    os.write(self.master, reply)


def hello(payload: bytes) -> object:
    return lambda kind, sequence: encode(kind | Kind.REPLY, payload if kind == Kind.HELLO else b"", sequence=sequence)


@pytest.mark.parametrize(
    ("impostor", "words"),
    [
        (Impostor(), r"gives no answer; is firmware_configs/bridge/main.py on it"),
        (Impostor(text=b">>> \r\n"), r"answers with '>>> \\r\\n.*' and no message of a bridge"),
        (Impostor(hello(HELLO.pack(2, 24576))), "speaks version 2 .* expected 1; copy firmware_configs/bridge/main.py"),
        (Impostor(hello(b"")), "greets with 0 bytes"),
    ],
    ids=["silent", "a prompt", "newer", "short"],
)
def test_another_device_is_told_by_its_answer(impostor: Impostor, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "REPLY_TIMEOUT_S", 0.05)
    monkeypatch.setattr(bridge, "TRIES", 2)
    with impostor as path, pytest.raises(DeviceError, match=words):
        BridgeTransport(path).open()


def test_a_bridge_without_a_radar_says_so() -> None:
    device = emulator(real_time=True)
    with device:
        device.chip.answers = False
        with pytest.raises(DeviceError, match=r"refuses RESET: the radar does not answer"):
            Bgt60(SMALL, BridgeTransport(device.port)).open()


def test_two_hosts_cannot_share_a_bridge() -> None:
    with emulator() as device:
        transport = BridgeTransport(device.port)
        transport.open()
        with pytest.raises(DeviceError, match="in use by another program"):
            BridgeTransport(device.port).open()
        transport.close()


@pytest.fixture
def opened() -> Iterator[BridgeTransport]:
    with emulator(real_time=True) as device:
        transport = BridgeTransport(device.port)
        transport.open()
        yield transport
        transport.close()


def test_refusals_of_the_bridge_are_passed_on(opened: BridgeTransport) -> None:
    assert int.from_bytes(opened.transfer(b"\x04\x00\x00\x00")[1:], "big") == CHIP_ID_VALUE
    with pytest.raises(DeviceError, match="refuses TRANSFER"):
        opened.transfer(b"\x04")
    with pytest.raises(DeviceError, match="refuses START"):
        opened.start_stream(0)
    opened.start_stream(1000)
    with pytest.raises(DeviceError, match="refuses RESET"):
        opened.reset()
    opened.stop_stream()
    opened.reset()


def test_blocks_lost_in_the_bridge_are_counted(opened: BridgeTransport) -> None:
    for data in (encode(Kind.LOST, LOST.pack(3)), encode(Kind.BLOCK, bytes(6), status=0xF0, sequence=3, time_us=9)):
        for message in Decoder().feed(data):
            with opened._queue.changed:
                opened._take(message, time.monotonic_ns())
    block = opened.read_block(1.0)
    assert block is not None
    assert dataclasses.astuple(block)[:3] == (bytes(6), 0xF0, 3)
    assert opened.counters["blocks_lost_by_bridge"] == opened.counters["blocks_lost"] == 3


def test_block_numbers_go_on_where_sixteen_bits_end(opened: BridgeTransport) -> None:
    numbers = []
    with opened._queue.changed:
        opened._block_sequence = 65_533
        for sequence in (65_534, 65_535, 0, 2, 1, 65_000, 3):  # 1 and 65000 are old
            message = Decoder().feed(encode(Kind.BLOCK, bytes(3), sequence=sequence, time_us=1))[0]
            opened._take(message, time.monotonic_ns())
    while (block := opened.read_block(0.0)) is not None:
        numbers.append(block.sequence)
    assert numbers == [65_534, 65_535, 65_536, 65_538, 65_539]
    assert opened.counters["blocks_lost"] == 1
