"""The IWR6843's driver against an emulated device on real pseudo-terminals, and its clock and ports by themselves."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import ti_packets as ti
from hypothesis import given
from hypothesis import strategies as st
from shared_data import IWR6843

from faceedge.errors import DeviceError, InputError
from faceedge.radar import iwr6843
from faceedge.radar.chirp_files import ChirpFile, load_chirp_file
from faceedge.radar.frame import RadarFrame
from faceedge.radar.iwr6843 import BYTE_NS, TYPICAL_PROCESSING_NS, Iwr6843
from faceedge.radar.iwr6843_clock import CycleCounter, PacketClock
from faceedge.radar.iwr6843_ports import find_ports
from faceedge.simulation.devices.faults import Faults
from faceedge.simulation.devices.iwr6843 import Iwr6843Emulator
from faceedge.simulation.devices.iwr6843_faults import DAMAGE, DISTRACTIONS
from faceedge.simulation.devices.iwr6843_feeds import TargetFeed, fixed_targets

CAPTURE = IWR6843 / "xwr68xx_processed_stream_2019_12_04T21_44_51_663.dat"
PATIENCE_S = 20.0
MS = 1_000_000


@pytest.fixture(scope="module")
def face() -> ChirpFile:
    return load_chirp_file("iwr6843_face.cfg")


def without(file: ChirpFile, **changes: str) -> ChirpFile:
    """The file with other arguments of some commands."""
    commands = tuple(
        f"{line.split()[0]} {changes[line.split()[0]]}" if line.split()[0] in changes else line
        for line in file.commands
    )
    return dataclasses.replace(file, commands=commands)


@contextmanager
def driven(device: Iwr6843Emulator, file: ChirpFile) -> Iterator[Iwr6843]:
    with device, Iwr6843(file, device.cli_port, device.data_port) as source:
        yield source


def emulator(**options: object) -> Iwr6843Emulator:
    """A device whose line waits for a busy computer, so that no byte is lost but those that a test wants to lose."""
    return Iwr6843Emulator(calibration_s=0.02, lossy=False, **options)  # type: ignore[arg-type]


def collect(source: Iwr6843, count: int) -> tuple[list[RadarFrame], list[str]]:
    """The next frames, and the sentences about packets that were none."""
    frames: list[RadarFrame] = []
    sentences: list[str] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(frames) < count:
        assert time.monotonic() < deadline, f"only {len(frames)} of {count} frames came"
        try:
            frame = source.read(1.0)
        except InputError as error:
            sentences.append(str(error))
            continue
        if frame is not None:
            frames.append(frame)
    return frames, sentences


def read_on(source: Iwr6843, frames: list[RadarFrame]) -> None:
    """Read until the device is gone."""
    while True:
        frames += collect(source, 1)[0]


# Frames


def test_frames_carry_what_the_device_saw(face: ChirpFile) -> None:
    target = (0.1, 0.4, 0.0, 0.0, 25.0)  # 0.1 m to the right, 0.4 m ahead
    feed = TargetFeed(fixed_targets([target]))
    with driven(emulator(feed=feed, speed=4.0), face) as source:
        frames, sentences = collect(source, 4)
        assert sentences == []
        assert source.description.startswith("IWR6843 (/")
        assert source.answers[-1].endswith("`sensorStart`: Debug: Init Calibration Status = 0x1ffe / Done")
    assert [frame.sequence for frame in frames] == [1, 2, 3, 4]
    for frame in frames:
        assert frame.points is not None
        np.testing.assert_allclose(frame.points, [[0.4, -0.1, 0.0, 0.0, 25.0]], atol=0.03)
        assert frame.range_doppler is not None
        assert frame.range_doppler.shape == (64, 16)
        assert frame.range_doppler.dtype == np.float32
        row, column = np.unravel_index(int(frame.range_doppler.argmax()), (64, 16))
        step_m = face.chirp.max_range_m / 64
        assert row == round(math.hypot(0.1, 0.4) / step_m)
        assert column == 8
        assert frame.cube is None
        assert frame.range_profile is None
        assert frame.temperature_c == 42.0
    assert source.temperature_c == 42.0
    assert (source.dropped, source.late, source.rejected) == (0, 0, 0)


def test_stamps_are_the_first_chirp_and_keep_the_device_s_pace(face: ChirpFile) -> None:
    device = emulator()
    with driven(device, face) as source:
        frames, _ = collect(source, 12)
        offset_ns = time.time_ns() - time.monotonic_ns()
        started = {frame.frame_number: frame.start_ns + offset_ns for frame in device.sent}
    errors_ms = [(frame.stamp_ns - started[frame.sequence]) / MS for frame in frames]
    assert abs(statistics.median(errors_ms)) < 20


def test_a_device_without_statistics_and_heat_map_still_gives_stamped_frames(face: ChirpFile) -> None:
    device = emulator()
    with driven(device, without(face, guiMonitor="-1 1 1 0 0 0 0")) as source:
        frames, _ = collect(source, 5)
        offset_ns = time.time_ns() - time.monotonic_ns()
        started = {frame.frame_number: frame.start_ns + offset_ns for frame in device.sent}
    assert frames[0].range_doppler is None
    assert frames[0].range_profile is not None
    assert frames[0].range_profile.shape == (64,)
    assert math.isnan(frames[0].temperature_c)
    assert abs(statistics.median((frame.stamp_ns - started[frame.sequence]) / MS for frame in frames)) < 20


@pytest.mark.skipif(not CAPTURE.exists(), reason="needs the captures of real devices (shared/data)")
def test_a_real_capture_arrives_whole_through_two_ports(face: ChirpFile) -> None:
    file = dataclasses.replace(face, chirp=dataclasses.replace(face.chirp, samples_per_chirp=256))
    with driven(emulator(recording=CAPTURE, speed=20.0), file) as source:
        frames, sentences = collect(source, 101)
    assert sentences == []
    assert [frame.sequence for frame in frames] == list(range(209, 310))
    assert [frame.sequence for frame in frames if not len(frame.points)] == [265, 266, 287, 293]  # type: ignore[arg-type]
    assert all(frame.range_profile is not None and frame.range_profile.shape == (256,) for frame in frames)


def test_opening_twice_and_closing_twice_do_no_harm(face: ChirpFile) -> None:
    with emulator(speed=4.0) as device:
        source = Iwr6843(face, device.cli_port, device.data_port)
        source.close()
        source.open()
        first, _ = collect(source, 2)
        source.open()
        second, _ = collect(source, 2)
        source.close()
        source.close()
        assert not device.started
        with pytest.raises(DeviceError, match="read before it was opened"):
            source.read()
    assert [frame.sequence for frame in first] == [1, 2]
    assert second[0].sequence > 2
    assert second[0].stamp_ns > first[-1].stamp_ns


# Faults


@pytest.mark.parametrize("faults", [tuple(DAMAGE), tuple(DISTRACTIONS)], ids=["damage", "distractions"])
def test_every_intact_frame_arrives_beside_damaged_ones(face: ChirpFile, faults: tuple[str, ...]) -> None:
    places = {2 + 2 * index: fault for index, fault in enumerate(faults)}
    last = max(places) + 2
    device = emulator(frame_faults=places, speed=4.0)
    # The driver also asks the time how many frames passed, which at this speed tells nothing: to it they are rare.
    slow = dataclasses.replace(face, chirp=dataclasses.replace(face.chirp, frame_period_s=100.0))
    received: list[int] = []
    with driven(device, slow) as source:
        while not received or received[-1] < last:
            frames, sentences = collect(source, 1)
            received += [frame.sequence for frame in frames]
            assert all(sentence.endswith(".") for sentence in sentences)
        intact = {frame.frame_number for frame in device.sent if frame.intact}
    assert received == sorted(set(received))
    assert {number for number in intact if number <= last} <= set(received)
    counted = {place for place, fault in places.items() if fault in ("half_packet", "wrong_length", "wrong_tlv_length")}
    assert source.rejected >= last - len(received) >= len(counted)
    assert source.dropped == 0
    assert not counted & set(received)
    assert source.counters.get("repeated", 0) == ("sent_twice" in faults)


@pytest.mark.parametrize("cuts", [(), (40,), (100,), (150, 220), range(0, 700, 7), range(0, 700, 90)])
def test_damaged_packets_are_not_counted_as_dropped_as_well_however_the_line_is_cut(
    face: ChirpFile, cuts: Sequence[int]
) -> None:
    wrong_length = bytes.fromhex("ffffffff")
    packets = [ti.packet(number, ti.statistics(), cycles=number * 10_000_000) for number in range(1, 9)]
    packets[1] = packets[1][:70]
    packets[3] = packets[3][:12] + wrong_length + packets[3][16:]
    stream = b"".join(packet for number, packet in enumerate(packets, 1) if number != 7)
    pieces = [stream[start:stop] for start, stop in itertools.pairwise((0, *cuts, len(stream))) if stop > start]
    source = Iwr6843(face, "/dev/null", "/dev/null")
    with open("/dev/zero", "rb") as always_ready:
        source._data = SimpleNamespace(  # type: ignore[assignment]
            fileno=always_ready.fileno, in_waiting=1, read=lambda _: pieces.pop(0)
        )
        frames, _ = collect(source, 5)
    assert [frame.sequence for frame in frames] == [1, 3, 5, 6, 8]
    assert (source.rejected, source.dropped) == (2, 1)


def test_frames_that_the_device_skips_are_counted(face: ChirpFile) -> None:
    with driven(emulator(frame_faults={3: "frames_skipped"}, speed=4.0), face) as source:
        frames, _ = collect(source, 5)
    assert [frame.sequence for frame in frames][:2] == [1, 2]
    assert source.dropped == frames[-1].sequence - 5 >= 1


def test_bytes_lost_and_changed_on_the_line_cost_single_frames_only(face: ChirpFile) -> None:
    device = emulator(faults=Faults(seed=5, lose_rate=1e-4, flip_rate=1e-4, garbage_rate=1e-4), speed=4.0)
    with driven(device, face) as source:
        frames, sentences = collect(source, 12)
    numbers = [frame.sequence for frame in frames]
    assert numbers == sorted(set(numbers))
    missing = numbers[-1] - numbers[0] + 1 - len(numbers)
    assert source.dropped <= missing <= source.dropped + source.rejected
    assert 0 < source.rejected < len(numbers)
    assert all(sentence.endswith(".") for sentence in sentences)


def test_a_cable_pulled_in_the_middle_of_a_frame_and_plugged_in_again(face: ChirpFile) -> None:
    with emulator() as device:
        source = Iwr6843(face, device.cli_port, device.data_port)
        source.open()
        before, _ = collect(source, 3)
        device.inject("unplug")
        with pytest.raises(DeviceError, match=r"data port .* went away .*plug it in again"):
            read_on(source, before)
        source.close()
        with pytest.raises(DeviceError, match="is not there"):
            source.open()
        device.replug()
        source.open()
        after, _ = collect(source, 3)
        source.close()
    assert all(frame.range_doppler is not None for frame in before + after)
    steps = [later.sequence - earlier.sequence for earlier, later in itertools.pairwise(before + after)]
    gap = steps.pop(len(before) - 1)
    assert set(steps) == {1}
    assert gap == round((after[0].stamp_ns - before[-1].stamp_ns) / 50e6) > 1
    assert source.dropped == gap - 1


def test_a_device_that_falls_silent_is_an_error_and_comes_back(
    face: ChirpFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(iwr6843, "STALLED_S", 0.3)
    monkeypatch.setattr(iwr6843, "STALLED_PERIODS", 3)
    with emulator(speed=4.0) as device:
        source = Iwr6843(without(face, frameCfg="0 2 16 3 50 1 0"), device.cli_port, device.data_port)  # three frames
        source.open()
        with pytest.raises(DeviceError, match=r"was started but sent nothing for .* s \(expected 20 frames a second\)"):
            collect(source, 4)
        device.reboot()
        source.open()
        frames, _ = collect(source, 2)
        source.close()
    assert frames[0].sequence > 3


def test_a_port_at_another_rate_is_recognised(face: ChirpFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iwr6843, "STALLED_S", 0.3)
    monkeypatch.setattr(iwr6843, "STALLED_PERIODS", 3)
    with (
        driven(emulator(faults=Faults(baud=1_250_000), speed=4.0), face) as source,
        pytest.raises(DeviceError, match=r"bytes came in .* s and no packet among them; .*must run at 921600 baud"),
    ):
        collect(source, 1)


def test_swapped_ports_are_recognised(face: ChirpFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceedge.radar.iwr6843_cli.SYNCHRONISE_S", 0.05)
    with emulator(speed=4.0) as device:
        source = Iwr6843(face, device.data_port, device.cli_port)
        with pytest.raises(DeviceError, match=r"gives no prompt .* is this the console port and not the data port"):
            source.open()
        with pytest.raises(DeviceError, match="read before it was opened"):
            source.read()


def test_a_port_in_use_is_an_error_that_says_so(face: ChirpFile) -> None:
    device = emulator(speed=4.0)
    with driven(device, face), pytest.raises(DeviceError, match="is in use by another program"):
        Iwr6843(face, device.cli_port, device.data_port).open()


def test_antennas_that_changed_since_the_first_start_need_a_power_cycle(face: ChirpFile) -> None:
    with emulator(speed=4.0) as device:
        Iwr6843(face, device.cli_port, device.data_port).open()
        other = Iwr6843(without(face, channelCfg="3 7 0"), device.cli_port, device.data_port)
        with pytest.raises(DeviceError, match=r"`channelCfg 3 7 0` .*power-cycle the board"):
            other.open()
        device.unplug()
        device.replug()
        with other:
            collect(other, 1)


# Clock


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 100), min_size=1, max_size=30), st.integers(-50, 50))
def test_the_counter_goes_on_through_wraps_and_silence(first: int, gaps_s: list[int], drift_ppm: int) -> None:
    counter, host_ns, cycles = CycleCounter(), 10**12, first
    start = counter.unwrap(first, host_ns)
    for gap_s in gaps_s:
        host_ns += gap_s * 10**9
        cycles += round(gap_s * 200_000_000 * (1 + drift_ppm * 1e-6))
        assert counter.unwrap(cycles % 2**32, host_ns) - start == cycles - first


def test_a_damaged_count_does_not_disturb_the_ones_after_it() -> None:
    counter = CycleCounter()
    for at in range(10):
        cycles = at * 20_000_000
        assert counter.unwrap(cycles, at * 100 * MS) == cycles
        counter.unwrap((cycles + 2_000_000_000) % 2**32, at * 100 * MS)


def test_packets_are_mapped_by_the_fastest_of_them_whatever_the_others_took() -> None:
    rng = np.random.default_rng(1)
    clock, worst = PacketClock(), 0.0
    for frame in range(400):
        built_ns = frame * 50 * MS
        cycles = round(built_ns / 5 * (1 + 60e-6)) % 2**32
        delay_ns = int(rng.exponential(2 * MS)) if frame % 7 else 50_000
        mapped = clock.built_ns(cycles, built_ns + delay_ns)
        assert mapped is not None
        if frame > 10:
            worst = max(worst, abs(mapped - built_ns) / MS)
    assert worst < 0.6


def test_a_damaged_time_is_refused_and_a_new_origin_is_found() -> None:
    clock = PacketClock()
    for frame in range(20):
        assert clock.built_ns(frame * 10_000_000, frame * 50 * MS) == pytest.approx(frame * 50 * MS, abs=100)
    assert clock.built_ns(3_000_000_000, 20 * 50 * MS) is None
    assert clock.built_ns(21 * 10_000_000, 21 * 50 * MS) == pytest.approx(21 * 50 * MS, abs=100)
    fresh = [clock.built_ns((frame * 10_000_000 + 10**9) % 2**32, (22 + frame) * 50 * MS) for frame in range(6)]
    assert fresh[:2] == [None, None]
    assert fresh[2:] == [pytest.approx((24 + frame) * 50 * MS, abs=100) for frame in range(4)]


def test_the_stamp_is_arrival_less_the_time_of_bytes_processing_and_chirps(face: ChirpFile) -> None:
    source = Iwr6843(face, "/dev/null", "/dev/null")
    data = ti.packet(1, ti.statistics(4000), cycles=123)
    source._chunks.append((len(data), 10**9))  # all of it was read at 1 s
    (packet,) = source._stream.feed(data)
    active_ns = round(16 * 900e-6 * 1e9)
    arrived_ns = 10**9 - (len(data) - 1) * BYTE_NS
    assert source._start_ns(packet) == pytest.approx(arrived_ns - 4 * MS - active_ns, abs=10)
    for bare in (ti.packet(2, cycles=0), ti.packet(2, ti.statistics(2**31), cycles=0)):
        source = Iwr6843(face, "/dev/null", "/dev/null")
        source._chunks.append((1, 10**9))
        (packet,) = source._stream.feed(bare)
        assert source._start_ns(packet) == 10**9 - TYPICAL_PROCESSING_NS - active_ns


def test_a_packet_that_comes_more_than_a_period_late_is_counted(face: ChirpFile) -> None:
    source = Iwr6843(face, "/dev/null", "/dev/null")
    stamps = []
    for frame in range(1, 31):
        data = ti.packet(frame, ti.statistics(), cycles=frame * 10_000_000)
        late_ns = 80 * MS if frame in (10, 20) else 0
        (packet,) = source._stream.feed(data)
        source._chunks.append((packet.offset + 1, 10**12 + frame * 50 * MS + late_ns))
        stamps.append(source._start_ns(packet))
    assert source.late == 2
    np.testing.assert_allclose(np.diff(stamps), 50 * MS, atol=1000)


# Ports


@dataclass
class Info:
    device: str
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None
    location: str | None = None
    interface: str | None = None


def xds110(number: int, usb: str, *, named: bool = True) -> list[Info]:
    return [
        Info(f"/dev/ttyACM{number + at}", 0x0451, 0xBEF3, "R0081038", f"{usb}:1.{at * 3}", name if named else None)
        for at, name in enumerate(("XDS110 Class Application/User UART", "XDS110 Class Auxiliary Data Port"))
    ]


def cp2105(number: int, usb: str) -> list[Info]:
    names = ("Enhanced Com Port", "Standard Com Port")
    return [
        Info(f"/dev/ttyUSB{number + at}", 0x10C4, 0xEA70, None, f"{usb}:1.{at}", name) for at, name in enumerate(names)
    ]


@pytest.mark.parametrize("named", [True, False])
def test_the_ports_of_an_evaluation_board_are_known_by_interface_not_by_number(named: bool) -> None:
    console, data = xds110(4, "1-1.2", named=named)
    console.device, data.device = "/dev/ttyACM9", "/dev/ttyACM2"
    others = [Info("/dev/ttyS0"), Info("/dev/ttyACM0", 0x2E8A, 0x0005, "pico", "1-1.1:1.0", None)]
    assert find_ports(present=[data, *others, console]) == ("/dev/ttyACM9", "/dev/ttyACM2")


def test_the_ports_of_an_antenna_on_package_board_are_known() -> None:
    assert find_ports(present=reversed(cp2105(0, "3-2"))) == ("/dev/ttyUSB0", "/dev/ttyUSB1")


def test_given_ports_are_taken_as_they_are_and_the_other_one_is_found_on_the_same_board() -> None:
    present = [*xds110(0, "1-1"), *xds110(2, "1-2")]
    assert find_ports("/a", "/b", []) == ("/a", "/b")
    assert find_ports("/dev/ttyACM2", "", present) == ("/dev/ttyACM2", "/dev/ttyACM3")
    assert find_ports("", "/dev/ttyACM1", present) == ("/dev/ttyACM0", "/dev/ttyACM1")


def test_no_board_half_a_board_and_two_boards_are_errors_with_a_remedy() -> None:
    with pytest.raises(DeviceError, match=r"no IWR6843 board .* serial ports present: /dev/ttyS0\); plug it in"):
        find_ports(present=[Info("/dev/ttyS0")])
    with pytest.raises(DeviceError, match=r"no IWR6843 board with both of its ports .* present: /dev/ttyUSB0"):
        find_ports(present=cp2105(0, "1-1")[:1])
    with pytest.raises(DeviceError, match=r"2 IWR6843 boards .*ttyACM0 and /dev/ttyACM1; .*cli_port and data_port"):
        find_ports(present=[*xds110(0, "1-1"), *cp2105(0, "1-2")])
    with pytest.raises(DeviceError, match=r"only /dev/ttyS0 is given"):
        find_ports("/dev/ttyS0", "", [*xds110(0, "1-1")])
