"""The emulated serial port: pace, loss, unplugging, faults of the line."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import serial
from hypothesis import given, settings
from hypothesis import strategies as st

from faceedge.errors import ConfigurationError, DeviceError
from faceedge.simulation.devices.clock import RealClock, SteppedClock
from faceedge.simulation.devices.faults import Faults, LineFaults
from faceedge.simulation.devices.pty import PtyPort

PATIENCE_S = 10.0


def receive(host: serial.Serial, size: int) -> bytes:
    """As many bytes, or what came within patience."""
    data, end = b"", time.monotonic() + PATIENCE_S
    while len(data) < size and time.monotonic() < end:
        data += host.read(max(1, min(host.in_waiting, size - len(data))))
    return data


def open_host(port: PtyPort, baud: int = 921_600) -> serial.Serial:
    return serial.Serial(port.path, baud, timeout=0.2)


def wait_until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
    end = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def test_every_byte_passes_unchanged_both_ways() -> None:
    everything = bytes(range(256)) * 4
    with PtyPort() as port, open_host(port) as host:
        host.write(everything)
        got = b""
        while len(got) < len(everything):
            got += port.read(PATIENCE_S)
        assert got == everything
        assert port.write(everything)
        assert receive(host, len(everything)) == everything
        assert port.flush(PATIENCE_S)
        assert port.counters["written"] == port.counters["received"] == 1024


def test_a_paced_port_takes_its_time() -> None:
    with PtyPort(bytes_per_s=100_000) as port, open_host(port) as host:
        begin = time.monotonic()
        port.write(bytes(20_000))
        assert len(receive(host, 20_000)) == 20_000
        assert time.monotonic() - begin > 0.1  # never faster than the line, however late this computer is


def test_a_port_that_was_silent_does_not_catch_up() -> None:
    with PtyPort(bytes_per_s=100_000) as port, open_host(port) as host:
        time.sleep(0.3)
        begin = time.monotonic()
        port.write(bytes(20_000))
        assert len(receive(host, 20_000)) == 20_000
        assert time.monotonic() - begin > 0.1


def test_a_full_port_refuses_what_does_not_fit_and_takes_it_when_there_is_room() -> None:
    with PtyPort(capacity=100_000) as port, open_host(port) as host:
        while port.write(bytes(10_000)):
            pass
        assert port.queued > 90_000
        assert not port.write(bytes(10_000))
        assert port.write(b"news", force=True)
        assert not port.wait_for_room(50_000, 0.01)
        while port.queued:
            host.read(4096)
        assert port.wait_for_room(50_000, PATIENCE_S)


def test_a_uart_loses_what_nobody_reads() -> None:
    with PtyPort(lossy=True, capacity=1 << 20) as port:
        port.write(bytes(500_000))
        assert port.flush(PATIENCE_S)
        assert port.counters["lost"] > 300_000
        assert port.counters["lost"] + port.counters["written"] == 500_000


def test_unplugging_is_an_error_at_the_host_and_replugging_brings_the_same_path_back() -> None:
    with PtyPort() as port:
        path = port.path
        with open_host(port) as host:
            port.write(b"before")
            assert receive(host, 6) == b"before"
            port.unplug()
            assert not os.path.lexists(path)
            with pytest.raises(OSError):
                receive(host, 1)
        assert not port.write(b"lost")
        assert port.read(0.0) == b""
        port.replug()
        assert port.path == path
        with open_host(port) as host:
            port.write(b"after")
            assert receive(host, 5) == b"after"
        assert port.plugs == 2


def test_unplugging_while_the_host_does_not_read_ends_at_once() -> None:
    with PtyPort(capacity=1 << 20) as port, open_host(port):
        port.write(bytes(500_000))
        reader = threading.Thread(target=port.read, args=(PATIENCE_S,))
        reader.start()
        port.unplug()
        reader.join(PATIENCE_S)
        assert not reader.is_alive()
        assert port.flush(PATIENCE_S)


def test_closing_leaves_no_thread_no_descriptor_and_no_folder() -> None:
    before, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(20):
        port = PtyPort()
        port.open()
        folder = Path(port.path).parent
        with open_host(port) as host:
            host.write(b"x")
            port.write(b"y")
            port.unplug()
            port.replug()
        port.close()
        port.close()
        assert not folder.exists()
    assert len(os.listdir("/proc/self/fd")) == before
    assert threading.active_count() == threads


def test_the_port_appears_where_it_was_asked_for(tmp_path: Path) -> None:
    link = tmp_path / "ttyRADAR"
    with PtyPort(link=link) as port:
        assert port.path == str(link)
        assert link.resolve().is_char_device()
    assert not os.path.lexists(link)
    with PtyPort(link=link), pytest.raises(DeviceError, match="is the port of a running device"):
        PtyPort(link=link).open()
    link.write_text("something else")
    with pytest.raises(DeviceError, match="exists and is no link"):
        PtyPort(link=link).open()
    with pytest.raises(DeviceError, match="not open"):
        _ = PtyPort().path


def test_the_port_knows_the_rate_that_the_host_set() -> None:
    with PtyPort() as port:
        for baud in (115_200, 921_600, 1_000_000):
            with open_host(port, baud):
                assert port.host_baud == baud


def test_a_host_at_the_wrong_rate_receives_nonsense_of_the_same_length() -> None:
    sent = bytes(range(256))
    with PtyPort(faults=Faults(baud=921_600)) as port:
        with open_host(port, 115_200) as host:
            port.write(sent)
            got = receive(host, 256)
            assert len(got) == 256
            assert got != sent
        with open_host(port, 921_600) as host:
            port.write(sent)
            assert receive(host, 256) == sent


def test_a_port_unplugs_itself_after_so_many_bytes_and_comes_back() -> None:
    with PtyPort(faults=Faults(unplug_after_bytes=1000, replug_after_s=0.05)) as port:
        with open_host(port) as host:
            port.write(bytes(3000))
            assert wait_until(lambda: port.plugs == 2)
            assert port.counters["written"] == 1000
            with pytest.raises(OSError):
                receive(host, 3000)
        assert wait_until(lambda: port.plugged)
        with open_host(port) as host:
            assert port.write(b"again")
            assert receive(host, 5) == b"again"


def test_a_stalled_port_is_silent_and_then_goes_on() -> None:
    with PtyPort(faults=Faults(stall_after_bytes=4096, stall_s=0.3)) as port, open_host(port) as host:
        begin = time.monotonic()
        port.write(bytes(8192))
        assert len(receive(host, 8192)) == 8192
        assert time.monotonic() - begin >= 0.29


@settings(deadline=None)
@given(st.binary(max_size=3000), st.lists(st.integers(1, 500), min_size=1), st.integers(0, 3))
def test_faults_of_the_line_do_not_depend_on_how_the_bytes_are_cut(data: bytes, cuts: list[int], seed: int) -> None:
    faults = Faults(seed=seed, lose_rate=0.02, flip_rate=0.02, garbage_rate=0.01)
    whole = LineFaults(faults).apply(data)
    line, pieces, start = LineFaults(faults), [], 0
    while start < len(data):
        for cut in cuts:
            pieces.append(line.apply(data[start : start + cut]))
            start += cut
    assert b"".join(pieces) == whole
    assert len(whole) == len(data) - line.lost + line.inserted


def test_faults_happen_as_often_as_asked() -> None:
    line = LineFaults(Faults(lose_rate=0.01, flip_rate=0.01, garbage_rate=0.001))
    for _ in range(100):
        line.apply(bytes(10_000))
    assert 9_500 < line.lost < 10_500
    assert 9_500 < line.flipped < 10_500
    assert 900 * 32 < line.inserted < 1100 * 33


def test_two_streams_of_one_device_have_different_faults() -> None:
    faults = Faults(flip_rate=0.5)
    assert LineFaults(faults, 0).apply(bytes(100)) != LineFaults(faults, 1).apply(bytes(100))
    assert LineFaults(faults, 0).apply(bytes(100)) == LineFaults(faults, 0).apply(bytes(100))


def test_faults_are_read_from_texts() -> None:
    assert Faults.parse(["lose_rate=1e-4", "baud=115200", "clock_drift_ppm=-30"]) == Faults(
        lose_rate=1e-4, baud=115_200, clock_drift_ppm=-30.0
    )
    for option, words in {
        "lose_rate": "NAME=VALUE",
        "bend_rate=1": "lose_rate, flip_rate",
        "baud=fast": "a whole number, got 'fast'",
        "lose_rate=2": "from 0 to 1",
        "stall_s=-1": "negative",
        "clock_drift_ppm=1e6": "100000 ppm",
    }.items():
        with pytest.raises(ConfigurationError, match=words):
            Faults.parse([option])


def test_a_fast_clock_runs_ahead_and_a_stepped_one_only_when_told() -> None:
    fast = RealClock(speed=100.0)
    begin = fast.now_ns()
    assert 0.0 < fast.host_seconds_until(begin + 100_000_000_000) <= 1.0
    assert RealClock().now_ns() <= time.monotonic_ns()
    stepped = SteppedClock(5)
    stepped.advance(1.0)
    stepped.reach(7)
    assert stepped.now_ns() == 1_000_000_005
    assert stepped.host_seconds_until(10**12) == 0.0
    stepped.reach(10**12)
    assert stepped.now_ns() == 10**12
    with pytest.raises(ConfigurationError, match="device seconds in a second"):
        RealClock(0.0)
