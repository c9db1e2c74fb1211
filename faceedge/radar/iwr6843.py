"""The IWR6843 with the out-of-box demo of mmWave SDK 3: configured over one serial port, read over another."""

from __future__ import annotations

import contextlib
import select
import time
from collections import deque
from typing import TYPE_CHECKING

from faceedge.errors import DeviceError, InputError
from faceedge.radar import iwr6843_decode as decode
from faceedge.radar.frame import RadarFrame
from faceedge.radar.iwr6843_cli import CommandLine
from faceedge.radar.iwr6843_clock import PacketClock
from faceedge.radar.iwr6843_packets import Packet, PacketStream
from faceedge.radar.iwr6843_ports import find_ports
from faceedge.radar.serial_port import lost, open_port
from faceedge.radar.source_base import RadarSource
from faceedge.timing import to_system_ns

if TYPE_CHECKING:
    import serial

    from faceedge.radar.chirp_files import ChirpFile

CONSOLE_BAUD = 115_200
DATA_BAUD = 921_600
BYTE_NS = 11_200
"""The device divides 200 MHz by 16 and 14: 892,857 baud, 3.1 % below the nominal rate."""

TYPICAL_PROCESSING_NS = 4_100_000
"""From the last chirp to the packet, where the device sends no statistics (from a capture with 256 range bins)."""

STALLED_S = 1.0
STALLED_PERIODS = 5
LONGEST_PROCESSING_US = 2_000_000
"""A larger number is damaged."""

_READ_S = 0.001  # while a packet arrives: how much of it to gather before looking again
_GARBAGE_BYTES = 64
_SETTLE_S = 0.05
_MOST_CHUNKS = 4096
_NUMBERS_AHEAD = 16  # frame numbers may run ahead of the time by so many before one is taken for damaged


class Iwr6843(RadarSource):
    """Frames of points, range profile and range-Doppler heat map, as far as the configuration asks for them.

    ``stamp_ns`` is the first chirp: the device's counter says when it built the packet, its statistics how long that
    took since the last chirp, and the chirps take a known time before. The counter is mapped to this host's clock by
    the lower envelope of the arrival times. Without statistics a typical processing time stands in, without a counter
    the arrival.

    ``dropped`` counts gaps in the frame numbers. After the device was away ``sequence`` goes on with a gap of as many
    frames as fit into the time, and ``dropped`` counts those as well. ``rejected`` counts packets whose parts do not
    agree with each other or with the configuration; ``dropped`` does not count them again.

    Args:
        chirp_file: a TI configuration.
        cli_port, data_port: paths; empty: the ports of the one board that is plugged in.
    """

    def __init__(self, chirp_file: ChirpFile, cli_port: str = "", data_port: str = "") -> None:
        super().__init__(chirp_file.chirp, "IWR6843")
        self.answers: list[str] = []
        """What the device said about the lines of the configuration besides ``Done``."""
        self._commands = chirp_file.commands
        self._given = (cli_port, data_port)
        self._shape = decode.Shape.of(self.chirp)
        self._active_ns = round(self.chirp.chirps_per_frame * self.chirp.chirp_period_s * 1e9)
        self._period_ns = round(self.chirp.frame_period_s * 1e9)
        self._stall_s = max(STALLED_S, STALLED_PERIODS * self.chirp.frame_period_s)
        self._paths = ("", "")
        self._console: serial.Serial | None = None
        self._data: serial.Serial | None = None
        self._awake = False  # the console has answered: there is a sensor to stop
        self._gone = False
        self._stream = PacketStream()
        self._ready: deque[Packet | InputError] = deque()
        self._chunks: deque[tuple[int, int]] = deque()
        self._clock = PacketClock()
        self._silent_s = 0.0
        self._received_before = 0
        self._refused = self._rejected_since = self._rejected_now = 0
        self._newest = (-1, 0, 0)
        self._last: tuple[int, int] | None = None  # sequence and start of the last frame, on CLOCK_MONOTONIC
        self._shift: int | None = None  # sequence less frame number; None: another count begins
        self._doubted: int | None = None  # the same by the last frame, whose number did not fit

    def open(self) -> None:
        """See `RadarSource.open`."""
        self.close()
        console_path, data_path = self._paths = find_ports(*self._given)
        self.description = f"IWR6843 ({console_path}, {data_path})"
        try:
            self._console = open_port(console_path, CONSOLE_BAUD, what="IWR6843 console")
            self._data = open_port(data_path, DATA_BAUD, what="IWR6843 data port")
            console = CommandLine(self._console, console_path)
            console.synchronise()
            self._awake = True
            console.stop()
            self._forget()
            self.answers = console.configure(self._commands)
        except BaseException:
            self.close()
            raise

    def _forget(self) -> None:
        """Begin a new stream: what a sensor that was still running sent is thrown away."""
        assert self._data is not None
        time.sleep(_SETTLE_S)
        try:
            self._data.reset_input_buffer()
        except OSError as error:
            raise lost("IWR6843 data port", self._paths[1], error) from error
        self._stream = PacketStream()
        self._ready.clear()
        self._chunks.clear()
        self._clock = PacketClock()
        self._silent_s, self._refused, self._received_before = 0.0, 0, 0
        self._newest = (-1, 0, 0)
        self._shift = self._doubted = None
        self._rejected_since = self._rejected_now = 0

    def read(self, timeout_s: float = 1.0) -> RadarFrame | None:
        """See `RadarSource.read`."""
        if self._data is None:
            raise DeviceError(f"{self.description} was read before it was opened.")
        started = time.monotonic()
        deadline = started + timeout_s
        while not self._ready:
            remaining_s = deadline - time.monotonic()
            self._receive(max(0.0, remaining_s))
            if remaining_s <= 0 and not self._ready:
                self._silent_s += time.monotonic() - started
                self._check_silence()
                return None
        self._silent_s, self._received_before = 0.0, self._stream.counters.bytes_received
        item = self._ready.popleft()
        if isinstance(item, InputError):
            raise item
        return self._frame(item)

    def _queue(self, packets: list[Packet]) -> None:
        """Packets that are ready, each once: a line that repeats itself tells nothing new."""
        for packet in packets:
            key = (packet.header.frame_number, packet.header.time_cpu_cycles, packet.header.subframe)
            if key == self._newest:
                self.counters["repeated"] = self.counters.get("repeated", 0) + 1
                continue
            self._newest = key
            self._ready.append(packet)

    def _receive(self, wait_s: float) -> None:
        """Read what has come, waiting for the first byte of it."""
        port = self._data
        assert port is not None
        try:
            if not select.select([port.fileno()], [], [], wait_s)[0]:
                return
            if self._stream.buffered:  # the first byte of a packet is stamped at once, the others can gather
                time.sleep(_READ_S)
            data = port.read(max(1, port.in_waiting))
            now_ns = time.monotonic_ns()
        except (OSError, TypeError, ValueError) as error:  # pyserial trips over a port that vanishes while it reads
            self._gone = True
            raise lost("IWR6843 data port", self._paths[1], error) from error
        packets = self._stream.feed(data)
        counters = self._stream.counters
        self._chunks.append((counters.bytes_received, now_ns))
        if len(self._chunks) > _MOST_CHUNKS:
            self._chunks.popleft()
        refused = counters.bad_lengths + counters.bad_counts + counters.cut_short
        self._rejected_now = refused - self._refused
        if self._rejected_now:
            self.rejected += self._rejected_now
            self._rejected_since += self._rejected_now
            self._refused = refused
            sentence = next(iter(self._stream.take_problems()), "a packet came damaged.")
            self._ready.append(InputError(f"{self.description}: {sentence}"))
        self._queue(packets)
        self.counters["bytes_skipped"] = counters.bytes_skipped
        self.counters["unknown_tlvs"] = counters.unknown_tlvs

    def _check_silence(self) -> None:
        if self._silent_s < self._stall_s:
            return
        came = self._stream.counters.bytes_received - self._received_before
        if came < _GARBAGE_BYTES:
            raise DeviceError(
                f"{self.description} was started but sent nothing for {self._silent_s:.1f} s (expected "
                f"{self.chirp.frame_rate_hz:g} frames a second); check the cable and the power supply, or press reset."
            )
        raise DeviceError(
            f"{self.description}: {came} bytes came in {self._silent_s:.1f} s and no packet among them; the data port "
            f"must run at {DATA_BAUD} baud and the board must run the mmWave demo of SDK 3; are console and data port "
            "swapped?"
        )

    def _frame(self, packet: Packet) -> RadarFrame:
        start_ns = self._start_ns(packet)
        stamp_ns = to_system_ns(start_ns, time.CLOCK_MONOTONIC)
        sequence = self._sequence(packet.header.frame_number, start_ns)
        try:
            if packet.problems:
                raise InputError(f"{self.description}: {packet.problems[0]}")
            frame = RadarFrame(
                stamp_ns,
                sequence,
                range_doppler=decode.range_doppler(packet, self._shape),
                range_profile=decode.range_profile_db(packet, self._shape),
                points=decode.points(packet),
                temperature_c=decode.temperature_c(packet),
            )
        except InputError:
            self.rejected += 1
            raise
        if frame.temperature_c == frame.temperature_c:  # not NaN
            self.temperature_c = frame.temperature_c
        return frame

    def _arrived_ns(self, offset: int) -> int:
        """When the byte at ``offset`` arrived: its chunk was read at a known time, and bytes take their time."""
        while len(self._chunks) > 1 and self._chunks[0][0] <= offset:
            self._chunks.popleft()
        stop, read_ns = self._chunks[0]
        return read_ns - max(0, stop - offset - 1) * BYTE_NS

    def _start_ns(self, packet: Packet) -> int:
        """First chirp of the packet's frame, on CLOCK_MONOTONIC."""
        arrived_ns = self._arrived_ns(packet.offset)
        cycles = packet.header.time_cpu_cycles
        built_ns = self._clock.built_ns(cycles, arrived_ns) if cycles else None
        if built_ns is None:
            built_ns = arrived_ns
        elif arrived_ns - built_ns > self._period_ns:
            self.late += 1
        statistics = decode.statistics(packet)
        processing_ns = TYPICAL_PROCESSING_NS
        if statistics is not None and statistics.processing_us < LONGEST_PROCESSING_US:
            processing_ns = statistics.processing_us * 1000
        return built_ns - processing_ns - self._active_ns

    def _sequence(self, number: int, start_ns: int) -> int:
        """Goes on by as many frames as the device made since the last one; counts those that nobody got.

        A number that does not fit the time is damaged, or the device began to count anew: the next one tells which.
        """
        if self._last is None:
            self._last, self._shift = (number, start_ns), 0
            return number
        sequence, last_ns = self._last
        by_time = max(1, round((start_ns - last_ns) * 1e-9 * self.chirp.frame_rate_hz))
        most = 2 * by_time + _NUMBERS_AHEAD
        for shift in (self._shift, self._doubted):
            if shift is not None and 0 < number + shift - sequence <= most:
                made, self._shift, self._doubted = number + shift - sequence, shift, None
                break
        else:
            made = by_time
            self._doubted = sequence + made - number
            if self._shift is None:  # the device was away and counts from 1 again
                self._shift = self._doubted
        explained = min(made - 1, self._rejected_since)
        self.dropped += made - 1 - explained
        # What came with this packet was looked at together with it, and may have stood behind it.
        self._rejected_since = min(self._rejected_since - explained, self._rejected_now)
        self._last = (sequence + made, start_ns)
        return sequence + made

    def close(self) -> None:
        """See `RadarSource.close`."""
        console, data = self._console, self._data
        self._console = self._data = None
        if console is not None and self._awake and not self._gone:
            with contextlib.suppress(DeviceError):  # it may be gone by now
                CommandLine(console, self._paths[0]).stop()
        self._awake = self._gone = False
        for port in (console, data):
            if port is not None:
                with contextlib.suppress(OSError):
                    port.close()
