"""An IWR6843 on two pseudo-terminals: the SDK 3 demo's console and its data port, at the data port's real byte rate."""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from faceedge.errors import ConfigurationError
from faceedge.simulation.devices.clock import NS_PER_S, RealClock
from faceedge.simulation.devices.faults import Faults
from faceedge.simulation.devices.iwr6843_cli import CALIBRATION_S, CommandLine
from faceedge.simulation.devices.iwr6843_configuration import Configuration, Subframe
from faceedge.simulation.devices.iwr6843_faults import DAMAGE, DISTRACTIONS, FRAME_FAULTS
from faceedge.simulation.devices.iwr6843_feeds import Chunk, TargetFeed, read_stream, standing_face
from faceedge.simulation.devices.iwr6843_packets import (
    CYCLES_PER_S,
    HEADER,
    MAGIC,
    MAX_STALE_BYTES,
    SECONDS_PER_BYTE,
    PacketContent,
    Statistics,
    Temperatures,
    build_packet,
    transmit_output_us,
    with_frame,
)
from faceedge.simulation.devices.pty import PtyPort

CLI_BYTES_PER_S = 11_520
USB_FRAME_S = 1e-3
"""The boards' adapters pass on once a millisecond what came over the line."""
TEMPERATURE_SINCE = (3, 5)
"""SDK from which on TLV 9 goes with TLV 6."""

PROCESSING_US = 3_950
"""Of a frame without points, as a capture shows, and so much more for each point."""
PROCESSING_US_PER_POINT = 16
_PROCESSING_JITTER_US = 6.0

_POLL_S = 0.05
_STALL_S = 0.5
_SKIPPED_FRAMES = 7
_CYCLES_BEFORE_WRAP = CYCLES_PER_S // 2
_KEPT_FRAMES = 2000


class FrameTimer:
    """When frames begin and packets are built, in device seconds, and the statistics that tell of it.

    The firmware does not queue: while a packet is being sent no new frame is processed, so a frame that takes longer to
    send than its period allows delays the next one, and the margin that is reported becomes 0.

    Attributes:
        due_s: when the next frame begins.
        sent_s: when the last packet is over the line.
    """

    def __init__(self, start_s: float) -> None:
        self.due_s = self.sent_s = start_s
        self._period_s = 0.0
        self._built_s = start_s
        self._transmit_us = 0
        self._margin_us = 0
        self._next_margin_us = 0

    def begin(self, frame: Subframe, processing_us: int) -> tuple[float, float, Statistics]:
        """First chirp and moment when the packet is built, device s, and what the packet reports."""
        start_s = self.due_s
        self._period_s = frame.period_s
        self._built_s = start_s + frame.active_s + processing_us * 1e-6
        idle_us = (frame.period_s - frame.active_s) * 1e6
        self._next_margin_us = max(0, int(idle_us - processing_us))
        load = min(100, int(100 * processing_us / max(1.0, idle_us)))
        return start_s, self._built_s, Statistics(processing_us, self._transmit_us, self._margin_us, 0, 0, load)

    def end(self, packet_bytes: int) -> float:
        """The packet was given to the port; returns how late the next frame begins, s."""
        self.sent_s = self._built_s + packet_bytes * SECONDS_PER_BYTE
        late_s = max(0.0, self.sent_s - (self.due_s + self._period_s))
        self._transmit_us = transmit_output_us(packet_bytes)
        self._margin_us = 0 if late_s > 0 else self._next_margin_us
        self.due_s += self._period_s + late_s
        return late_s


@dataclass(frozen=True, slots=True)
class SentFrame:
    """What the emulator really did, for tests to compare with what a driver says.

    Attributes:
        frame_number: in the packet; 0 in a recording's chunk that is no packet.
        start_ns: first chirp, by the emulator's clock (CLOCK_MONOTONIC at speed 1); of a recording: begin of sending.
        data: as given to the port.
        intact: a good packet is among the bytes.
    """

    frame_number: int
    start_ns: int
    data: bytes
    intact: bool


class Iwr6843Emulator:
    """The device. Order of calls: ``open``, then whatever a host does to the ports, ``close``; or a context manager.

    Args:
        feed: what the device sees; a breathing face when neither this nor a recording is given.
        recording: a recorded data port, or its chunks: sent byte for byte, with its timing, after ``sensorStart``.
        loop: begin the recording anew at its end, with frame numbers and cycles that go on.
        version: of the SDK.
        empty_points_tlv: see ``iwr6843_packets.tlvs_of``.
        faults: of the line from the data port to the host, of the cable and of the clock.
        frame_faults: names from ``FRAME_FAULTS`` by frame number.
        refuse: commands that the device refuses.
        calibration_s: how long the first ``sensorStart`` takes.
        speed: device seconds in a second.
        lossy: a host that does not read in time loses bytes, as with a UART; otherwise the line waits for it.
        first_cycles: of the cycle counter at power-up.
        stale: what lies in the memory behind a packet.
        cli_link, data_link: where the ports appear; None: in temporary folders.
        seed: of processing times and damage.

    Attributes:
        sent: the last frames.
        counters: frames sent, frames that began late because the line was busy, power-ups.
    """

    def __init__(
        self,
        feed: TargetFeed | None = None,
        *,
        recording: Path | Sequence[Chunk] | None = None,
        loop: bool = False,
        version: tuple[int, int, int, int] = (3, 5, 0, 4),
        empty_points_tlv: bool = True,
        faults: Faults | None = None,
        frame_faults: Mapping[int, str] | None = None,
        refuse: Collection[str] = (),
        calibration_s: float = CALIBRATION_S,
        speed: float = 1.0,
        lossy: bool = True,
        first_cycles: int = 0,
        stale: bytes | None = None,
        cli_link: Path | None = None,
        data_link: Path | None = None,
        seed: int = 0,
    ) -> None:
        self.feed = feed or TargetFeed(standing_face())
        self.chunks = list(read_stream(recording) if isinstance(recording, Path) else recording or ())
        self.loop = loop
        self.version = version
        self.empty_points_tlv = empty_points_tlv
        self.faults = faults or Faults()
        self.clock = RealClock(speed)
        self.sent: deque[SentFrame] = deque(maxlen=_KEPT_FRAMES)
        self.counters = {"frames": 0, "late": 0, "powered": 0}
        self._console = CommandLine(
            self._start, self._stop, version=version, calibration_s=calibration_s, refuse=refuse
        )
        self._frame_faults = dict(frame_faults or {})
        self._injected: deque[str] = deque()
        for name in self._frame_faults.values():
            _check_fault(name)
        self._generator = np.random.default_rng((seed, 6843))
        self._stale = stale or self._generator.bytes(MAX_STALE_BYTES)
        self._cycles = first_cycles
        self._boot_ns = self.clock.now_ns()
        self._cli = PtyPort(bytes_per_s=CLI_BYTES_PER_S * speed, link=cli_link)
        self._data = PtyPort(
            bytes_per_s=speed / SECONDS_PER_BYTE,
            step_s=USB_FRAME_S,
            lossy=lossy,
            link=data_link,
            faults=self.faults,
            stream=1,
        )
        self._state = threading.RLock()  # console and cable
        self._changed = threading.Condition()  # what the frame thread waits for
        self._job: tuple[Configuration, float] | None = None
        self._run = 0  # counts starts and stops, so that the frame thread sees both
        self._closing = False
        self._plugs = 1
        self._threads: list[threading.Thread] = []

    @property
    def cli_port(self) -> str:
        """Path of the console's port."""
        return self._cli.path

    @property
    def data_port(self) -> str:
        """Path of the data port."""
        return self._data.path

    @property
    def started(self) -> bool:
        """The sensor makes frames."""
        return self._console.started

    @property
    def commands(self) -> list[str]:
        """What is configured, as lines; in the order of their first arrival."""
        return [" ".join((key[0], *args)) for key, args in self._console.commands.items()]

    def open(self) -> None:
        """Create the ports and boot."""
        if self._threads:
            return
        self._closing = False
        self._cli.open()
        try:
            self._data.open()
        except BaseException:
            self._cli.close()
            raise
        self._plugs = self._data.plugs
        self._power_on()
        for work, name in ((self._serve_console, "console"), (self._make_frames, "frames")):
            thread = threading.Thread(target=work, name=f"iwr6843 {name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Take the ports away; may be called twice."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._cli.wake()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._cli.close()
        self._data.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # Faults on demand

    def inject(self, name: str) -> None:
        """Let one of ``FRAME_FAULTS`` happen to the next frame."""
        _check_fault(name)
        self._injected.append(name)

    def reboot(self) -> None:
        """As after a brown-out: what was configured is gone, the banner comes, the ports stay."""
        with self._state:
            self._data.discard()
            self._power_on()

    def unplug(self) -> None:
        """Pull the cable. The board takes its power from it."""
        with self._state:
            self._data.unplug()
            self._cli.unplug()
            self._console.power_on()
            self._plugs = 0

    def replug(self) -> None:
        """Plug it in again; the device boots."""
        with self._state:
            self._cli.replug()
            self._data.replug()
            self._plugs = self._data.plugs
            self._power_on()

    def _power_on(self) -> None:
        text = self._console.power_on()
        self._cli.discard()
        self._cli.write(text)
        self._boot_ns = self.clock.now_ns()
        self.counters["powered"] += 1

    def _follow_cable(self) -> None:
        """What the data port's own faults do to the cable happens to the whole board."""
        with self._state:
            if self._plugs == 0:
                return
            if not self._data.plugged and self._cli.plugged:
                self._cli.unplug()
                self._console.power_on()
            elif self._data.plugged and self._data.plugs != self._plugs:
                self._plugs = self._data.plugs
                self._cli.unplug()
                self._cli.replug()
                self._power_on()

    # The console

    def _serve_console(self) -> None:
        while not self._closing:
            data = self._cli.read(_POLL_S)
            self._follow_cable()
            if not data:
                continue
            with self._state:
                answers = self._console.feed(data)
            for pause_s, text in answers:
                if pause_s:
                    self._pause(pause_s / self.clock.speed)
                self._cli.write(text)

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing, seconds)

    def _start(self, configuration: Configuration, after_s: float) -> None:
        with self._changed:
            self._job = (configuration, self._device_s() + after_s)
            self._run += 1
            self._changed.notify_all()

    def _stop(self) -> None:
        with self._changed:
            self._job = None
            self._run += 1
            self._changed.notify_all()

    # Frames

    def _device_s(self) -> float:
        """Since power-up, by the device's own clock."""
        return (self.clock.now_ns() - self._boot_ns) / NS_PER_S * (1 + self.faults.clock_drift_ppm * 1e-6)

    def _moment_ns(self, device_s: float) -> int:
        return self._boot_ns + round(device_s / (1 + self.faults.clock_drift_ppm * 1e-6) * NS_PER_S)

    def _cycles_at(self, device_s: float) -> int:
        return (self._cycles + round(device_s * CYCLES_PER_S)) & 0xFFFF_FFFF

    def _wait_until(self, device_s: float, run: int) -> bool:
        """False when the sensor was stopped meanwhile."""
        with self._changed:
            while not self._closing and self._run == run:
                remaining_s = self.clock.host_seconds_until(self._moment_ns(device_s))
                if remaining_s <= 0:
                    return True
                self._changed.wait(remaining_s)
        return False

    def _make_frames(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._job is not None)
                if self._closing or self._job is None:
                    return
                (configuration, start_s), run = self._job, self._run
                self._job = None
            if self.chunks:
                self._replay(start_s, run)
            elif configuration.software_trigger:
                self._synthesise(configuration, start_s, run)

    def _synthesise(self, configuration: Configuration, start_s: float, run: int) -> None:
        timer = FrameTimer(start_s)
        subframes = configuration.subframes
        made, skipped = 0, 0
        while not configuration.frames or made < configuration.frames * len(subframes):
            frame = subframes[made % len(subframes)]
            number = made // len(subframes) + 1 + skipped
            fault = self._fault_of(number)
            if fault == "frames_skipped":
                skipped += _SKIPPED_FRAMES
                number += _SKIPPED_FRAMES
            content = self.feed.content(frame, number, timer.due_s)
            if fault == "no_points" and content.points is not None:
                content = dataclasses.replace(content, points=content.points[:0])
            count = 0 if content.points is None else len(content.points)
            jitter_us = self._generator.normal(0, _PROCESSING_JITTER_US)
            begin_s, built_s, statistics = timer.begin(
                frame, max(1, round(PROCESSING_US + PROCESSING_US_PER_POINT * count + jitter_us))
            )
            if fault == "cycles_wrap":
                self._cycles = -_CYCLES_BEFORE_WRAP - round(built_s * CYCLES_PER_S)
            if frame.gui.statistics:
                content = self._with_statistics(content, statistics, built_s)
            packet = build_packet(
                content,
                frame_number=number,
                cycles=self._cycles_at(built_s),
                version=self.version,
                subframe=frame.index,
                empty_points_tlv=self.empty_points_tlv,
                stale=self._stale,
            )
            if not self._wait_until(built_s, run):
                return
            self._send(packet, number, begin_s, fault)
            self.counters["late"] += timer.end(len(packet)) > 0
            made += 1
            if not self._wait_until(timer.sent_s, run):  # leave the interpreter to the thread that feeds the line
                return

    def _with_statistics(self, content: PacketContent, statistics: Statistics, built_s: float) -> PacketContent:
        warm = Temperatures(round(built_s * 1e3)) if self.version[:2] >= TEMPERATURE_SINCE else None
        return dataclasses.replace(content, statistics=statistics, temperatures=warm)

    def _replay(self, start_s: float, run: int) -> None:
        numbers = [HEADER.unpack_from(chunk.data)[4] for chunk in self.chunks if _is_packet(chunk.data)]
        frames = numbers[-1] - numbers[0] + 1 if numbers else 0
        cycles = round(sum(chunk.gap_s for chunk in self.chunks) * CYCLES_PER_S)
        moment_s, turn = start_s - self.chunks[0].gap_s, 0
        while turn == 0 or self.loop:
            for chunk in self.chunks:
                moment_s += chunk.gap_s
                data, number = chunk.data, 0
                if _is_packet(data):
                    number = HEADER.unpack_from(data)[4] + turn * frames
                    if turn:
                        data = with_frame(data, number, HEADER.unpack_from(data)[5] + turn * cycles)
                if not self._wait_until(moment_s, run):
                    return
                self._send(data, number, moment_s, self._fault_of(number))
            turn += 1

    def _fault_of(self, number: int) -> str:
        if self._injected:
            return self._injected.popleft()
        return self._frame_faults.get(number, "")

    def _send(self, packet: bytes, number: int, begin_s: float, fault: str) -> None:
        data = packet
        if fault in DAMAGE:
            data = DAMAGE[fault](packet, self._generator)
        elif fault in DISTRACTIONS:
            data = DISTRACTIONS[fault](packet, self._generator)
        elif fault in ("reboot", "unplug"):
            data = packet[: len(packet) // 2]
        whole = fault not in DAMAGE and fault not in ("reboot", "unplug")
        self.sent.append(SentFrame(number, self._moment_ns(begin_s), data, whole))
        self._data.write(data)
        self.counters["frames"] += 1
        if fault == "stall":
            self._data.stall(_STALL_S)
        elif fault == "unplug":
            self._data.flush(1.0)
            self.unplug()
        elif fault == "reboot":
            self._data.flush(1.0)
            self.reboot()


def _is_packet(data: bytes) -> bool:
    return len(data) >= HEADER.size and data.startswith(MAGIC)


def _check_fault(name: str) -> None:
    if name not in FRAME_FAULTS:
        raise ConfigurationError(f"the emulated IWR6843 has no fault {name!r}; it has {', '.join(FRAME_FAULTS)}.")
