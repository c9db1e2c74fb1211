"""The emulated IWR6843 on its two ports: frames, recordings, cables and faults."""

from __future__ import annotations

import itertools
import os
import select
import struct
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from iwr6843_configs import configured, lines
from ti_packets import fields

from faceedge.errors import ConfigurationError
from faceedge.simulation.devices.faults import Faults
from faceedge.simulation.devices.iwr6843 import Iwr6843Emulator
from faceedge.simulation.devices.iwr6843_cli import PROMPT
from faceedge.simulation.devices.iwr6843_faults import DAMAGE, DISTRACTIONS, FRAME_FAULTS
from faceedge.simulation.devices.iwr6843_feeds import (
    TargetFeed,
    split_stream,
    standing_face,
)
from faceedge.simulation.devices.iwr6843_packets import (
    build_packet,
    transmit_output_us,
)

MAGIC = bytes.fromhex("0201040306050807")
PATIENCE_S = 20.0


class Host:
    """Both ports of an emulator, opened as files."""

    def __init__(self, device: Iwr6843Emulator) -> None:
        self.cli = os.open(device.cli_port, os.O_RDWR | os.O_NOCTTY)
        self.data = os.open(device.data_port, os.O_RDWR | os.O_NOCTTY)
        self._stream = b""

    def close(self) -> None:
        os.close(self.cli)
        os.close(self.data)

    def until(self, text: bytes) -> bytes:
        """What the console says up to ``text``."""
        said = b""
        deadline = time.monotonic() + PATIENCE_S
        while not said.endswith(text):
            assert time.monotonic() < deadline, f"{text!r} did not come after {said!r}"
            if select.select([self.cli], [], [], 0.1)[0]:
                said += os.read(self.cli, 1)
        return said

    def command(self, line: str) -> str:
        os.write(self.cli, line.encode() + b"\n")
        return self.until(PROMPT).decode("latin-1")

    def configure(self, **changes: str) -> None:
        self.until(PROMPT)
        for line in lines(**changes):
            assert "Done" in self.command(line)

    def start(self, **changes: str) -> None:
        self.configure(**changes)
        assert "Init Calibration Status" in self.command("sensorStart")

    def stream(self, size: int) -> bytes:
        """The next bytes of the data port."""
        deadline = time.monotonic() + PATIENCE_S
        while len(self._stream) < size:
            assert time.monotonic() < deadline, f"{size} bytes did not come, only {len(self._stream)}"
            if select.select([self.data], [], [], 0.1)[0]:
                self._stream += os.read(self.data, 1 << 16)
        out, self._stream = self._stream[:size], self._stream[size:]
        return out

    def packet(self) -> bytes:
        start = self.stream(40)
        return start + self.stream(struct.unpack_from("<I", start, 12)[0] - 40)


def device(**options: object) -> Iwr6843Emulator:
    """In a hurry: calibrated at once, ten times as fast, and patient with a test that is slow to read."""
    return Iwr6843Emulator(calibration_s=0.01, speed=10.0, lossy=False, **options)  # type: ignore[arg-type]


@pytest.fixture
def no_leaks() -> Iterator[None]:
    before = set(os.listdir("/proc/self/fd")), threading.active_count()
    yield
    assert (set(os.listdir("/proc/self/fd")), threading.active_count()) == before


def test_frames_come_over_the_data_port_as_configured(no_leaks: None) -> None:
    with device() as radar:
        host = Host(radar)
        host.start(guiMonitor="-1 1 1 1 1 1 1")
        packets = [host.packet() for _ in range(12)]
        assert host.command("sensorStop").startswith("sensorStop\nDone")
        host.close()
        sent = [frame.data for frame in radar.sent]
    assert packets == sent[:12]
    for index, packet in enumerate(packets):
        header, tlvs, _ = fields(packet)
        assert header[0] == 0x03050004
        assert header[2] == 0x000A6843
        assert (header[3], header[5], header[6], header[7]) == (index + 1, 5, 8, 0)
        assert [(kind, len(data)) for kind, data in tlvs] == [
            (1, 80), (7, 20), (2, 128), (3, 128), (4, 2048), (5, 2048), (6, 24), (9, 28)
        ]  # fmt: skip


def test_cycles_less_processing_lie_on_a_straight_line() -> None:
    with device() as radar:
        host = Host(radar)
        host.start()
        packets = [host.packet() for _ in range(20)]
        host.close()
    ends = []
    for packet, before in zip(packets, [b"", *packets], strict=False):
        header, tlvs, _ = fields(packet)
        statistics = struct.unpack("<6I", dict(tlvs)[6])
        ends.append(header[4] - 200 * statistics[0])
        if before:
            assert statistics[1] == transmit_output_us(len(before))
            assert statistics[2] > 90_000
    assert set(np.diff(ends)) <= {19_999_999, 20_000_000, 20_000_001}


def test_a_clock_that_drifts_counts_more_cycles_a_second() -> None:
    with device(faults=Faults(clock_drift_ppm=5e4)) as radar:
        host = Host(radar)
        host.start(frameCfg="0 1 16 5 100 1 0")
        numbers = [fields(host.packet())[0][3:5] for _ in range(5)]
        host.close()
        starts = [frame.start_ns for frame in radar.sent]
    assert [number for number, _ in numbers] == [1, 2, 3, 4, 5]
    assert np.diff(starts) / 1e9 == pytest.approx([0.1 / 1.05] * 4, rel=1e-6)


def test_a_recording_is_sent_byte_for_byte_and_goes_on_in_a_loop() -> None:
    frame = configured()
    packets = [
        build_packet(
            TargetFeed(standing_face()).content(frame, number, 0.0),
            frame_number=number,
            cycles=(1 << 32) - 30_000_000 + 20_000_000 * index,
            version=(3, 3, 0, 2),
        )
        for index, number in enumerate((11, 12, 14))
    ]
    stream = b"half a packet" + packets[0] + b"noise" + packets[1][:100] + packets[2]
    with device(recording=split_stream(stream), loop=True) as radar:
        host = Host(radar)
        host.start()
        assert host.stream(len(stream)) == stream
        assert host.stream(13) == b"half a packet"
        assert fields(host.packet())[0][3] == 11
        host.close()
    with device(recording=split_stream(packets[0] + packets[1]), loop=True) as radar:
        host = Host(radar)
        host.start()
        headers = [fields(host.packet())[0] for _ in range(6)]
        host.close()
    assert [header[3] for header in headers] == [11, 12, 13, 14, 15, 16]
    assert [(b[4] - a[4]) % (1 << 32) for a, b in itertools.pairwise(headers)] == [20_000_000] * 5


@pytest.mark.parametrize("name", [*DAMAGE, *DISTRACTIONS])
def test_a_fault_happens_to_the_frame_it_was_ordered_for(name: str) -> None:
    with device(frame_faults={3: name}) as radar:
        host = Host(radar)
        host.start(frameCfg="0 1 16 5 100 1 0")
        deadline = time.monotonic() + PATIENCE_S
        while len(radar.sent) < 5 and time.monotonic() < deadline:
            host.stream(32)
        frames = list(radar.sent)
        host.close()
    assert [frame.frame_number for frame in frames] == [1, 2, 3, 4, 5]
    assert [frame.intact for frame in frames] == [True, True, name in DISTRACTIONS, True, True]
    assert fields(frames[1].data)[0][3] == 2


def test_the_device_s_own_faults_show_in_its_frames() -> None:
    faults = {2: "no_points", 4: "frames_skipped", 13: "cycles_wrap"}
    with device(frame_faults=faults) as radar:
        host = Host(radar)
        host.start(frameCfg="0 1 16 12 100 1 0")
        headers = [fields(host.packet())[0] for _ in range(12)]
        host.close()
    assert [header[3] for header in headers] == [1, 2, 3, 11, 12, 13, 14, 15, 16, 17, 18, 19]
    assert [header[5] for header in headers[:3]] == [5, 0, 5]
    cycles = [header[4] for header in headers]
    assert cycles[5] == pytest.approx(2**32 - 1e8, abs=1)
    assert cycles[-1] < cycles[5]


def test_a_reboot_in_the_middle_of_a_packet_forgets_the_configuration() -> None:
    with device() as radar:
        host = Host(radar)
        host.start()
        host.packet()
        radar.inject("reboot")
        assert b"xWR68xx MMW Demo" in host.until(PROMPT)
        assert "Full configuration" in host.command("sensorStart")
        assert not radar.started
        last = radar.sent[-1]
        assert not last.intact
        assert len(last.data) < struct.unpack_from("<I", last.data, 12)[0]
        host.close()


def test_an_unplugged_board_is_gone_and_boots_when_it_comes_back(no_leaks: None) -> None:
    with device() as radar:
        host = Host(radar)
        host.start()
        host.packet()
        paths = radar.cli_port, radar.data_port
        radar.unplug()
        assert not any(os.path.exists(path) for path in paths)
        assert os.read(host.cli, 10) == b""
        host.close()
        radar.replug()
        host = Host(radar)
        assert (radar.cli_port, radar.data_port) == paths
        host.start()
        assert fields(host.packet())[0][3] == 1
        host.close()


def test_a_cable_fault_of_the_line_takes_both_ports_away_and_brings_them_back() -> None:
    with device(faults=Faults(unplug_after_bytes=1000, replug_after_s=0.3)) as radar:
        host = Host(radar)
        host.configure()
        os.write(host.cli, b"sensorStart\n")
        deadline = time.monotonic() + PATIENCE_S
        while radar.counters["powered"] < 2:
            assert time.monotonic() < deadline
            select.select([], [], [], 0.01)
        host.close()
        host = Host(radar)
        host.start()
        assert fields(host.packet())[0][3] == 1
        host.close()


def test_lost_bytes_and_garbage_come_from_the_line() -> None:
    with device(faults=Faults(seed=3, garbage_rate=0.002)) as radar:
        host = Host(radar)
        host.start(frameCfg="0 1 16 8 100 1 0")
        received = host.stream(3000)
        sent = b"".join(frame.data for frame in radar.sent)
        host.close()
    assert received[: len(sent)] != sent[: len(received)]
    assert received.count(MAGIC) >= 2


def test_an_unknown_fault_is_named_with_those_that_exist() -> None:
    with pytest.raises(ConfigurationError, match=r"no fault 'fire'; it has half_packet, .*unplug"):
        Iwr6843Emulator(frame_faults={1: "fire"})
    radar = Iwr6843Emulator()
    for name in FRAME_FAULTS:
        radar.inject(name)
    with pytest.raises(ConfigurationError, match="no fault"):
        radar.inject("")


def test_it_can_be_closed_twice_and_opened_anew(no_leaks: None) -> None:
    radar = device()
    for _ in range(2):
        with radar:
            host = Host(radar)
            host.start()
            host.packet()
            host.close()
        radar.close()
