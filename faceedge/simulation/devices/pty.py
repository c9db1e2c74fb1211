"""A serial port that a device emulator holds the other end of: a pseudo-terminal in raw mode behind a stable path."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import tempfile
import termios
import threading
import time
import tty
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

from faceedge.errors import DeviceError
from faceedge.simulation.devices.faults import Faults, LineFaults, WrongBaud

PACE_STEP_S = 0.002
"""Coarse enough to cost little, fine enough for a host's buffers."""

_LARGEST_WRITE = 4096
_LATE_S = 0.05  # a writer that is later than this does not catch up: a line has no memory
_RETRY_S = 0.02  # how often a full port is tried again
_BAUDS = {
    getattr(termios, name): int(name[1:])
    for name in dir(termios)
    if name[0] == "B" and name[1:].isdigit() and name != "B0"
}


class PtyPort:
    """The device's end of a serial port.

    Order of calls: ``open``, then ``write`` and ``read`` as often as needed, from one thread each, ``close``; or as a
    context manager. A thread of its own writes what ``write`` queued, at the line's pace.

    Args:
        bytes_per_s: of the line towards the host; None: as fast as the host takes them.
        step_s: a paced port writes what became due every so often.
        capacity: bytes that can be queued.
        lossy: a UART: bytes for which the host's buffer has no room are lost. Otherwise the port waits until there is
            room, like USB.
        link: where the port appears; None: in a temporary folder.
        faults: of the line towards the host.
        stream: makes the faults of two ports of one device differ.

    Attributes:
        counters: bytes written and received, bytes lost because a lossy port had no room, times it was unplugged.
    """

    def __init__(
        self,
        *,
        bytes_per_s: float | None = None,
        step_s: float = PACE_STEP_S,
        capacity: int = 1 << 17,
        lossy: bool = False,
        link: Path | None = None,
        faults: Faults | None = None,
        stream: int = 0,
    ) -> None:
        self.bytes_per_s = bytes_per_s
        self.step_s = step_s
        self.capacity = capacity
        self.lossy = lossy
        self.faults = faults or Faults()
        self.counters = {"written": 0, "received": 0, "lost": 0, "unplugged": 0}
        self._asked_link = link
        self._link: Path | None = None
        self._folder: Path | None = None
        self._line = LineFaults(self.faults, stream)
        self._wrong_baud = WrongBaud(self.faults.seed)
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._in_flight = 0
        self._changed = threading.Condition()
        self._io = threading.RLock()  # held by whoever uses the descriptors, so that unplugging cannot pull them away
        self._reading = threading.Lock()
        self._master = -1
        self._slave = -1
        self._wake = (-1, -1)
        self._writer: threading.Thread | None = None
        self._stop = False
        self._stall_until = 0.0
        self._stalled = self._unplugged_once = False

    # The port as a thing on the computer

    @property
    def path(self) -> str:
        """Where a host opens the port; the same after ``replug``."""
        if self._link is None:
            raise DeviceError("the emulated port is not open; enter its `with` block first.")
        return str(self._link)

    @property
    def plugged(self) -> bool:
        """The host can see the port."""
        return self._master >= 0

    @property
    def plugs(self) -> int:
        """How often the port was plugged in: changes when the device lost its power in between."""
        return self.counters["unplugged"] + 1

    @property
    def host_baud(self) -> int:
        """Rate to which the host set its end, 0: unknown. A pseudo-terminal starts at 38400 and does not obey it."""
        with self._io:
            if self._slave < 0:
                return 0
            speed = termios.tcgetattr(self._slave)[5]
        return _BAUDS.get(speed, 0)

    def open(self) -> None:
        """Create the port and start to write.

        Raises:
            DeviceError: no pseudo-terminal to be had, or something else is at ``link``.
        """
        if self._writer is not None:
            return
        if self._asked_link is None:
            self._folder = Path(tempfile.mkdtemp(prefix="faceedge-port-"))
            self._link = self._folder / "tty"
        else:
            self._link = self._asked_link
            if self._link.exists() and not self._link.is_symlink():
                raise DeviceError(f"{self._link} exists and is no link; name a path for the port that is free.")
            if self._link.exists():
                raise DeviceError(
                    f"{self._link} is the port of a running device; end it, remove the link, or name another path."
                )
        self._wake = os.pipe()
        os.set_blocking(self._wake[1], False)
        self._stop = False
        try:
            self.replug()
        except BaseException:
            self._remove()
            raise
        self._writer = threading.Thread(target=self._write_on, name=f"writer of {self._link.name}", daemon=True)
        self._writer.start()

    def close(self) -> None:
        """Take the port away; may be called twice."""
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        if self._writer is not None:
            self._writer.join()
            self._writer = None
        self._unplug()
        self._remove()

    def unplug(self) -> None:
        """Pull the cable: the host's reads and writes fail, the path is gone, and what was queued is lost."""
        if self.plugged:
            self.counters["unplugged"] += 1
            self._unplug()

    def replug(self) -> None:
        """Plug the cable in again: a new terminal at the same path."""
        if self.plugged or self._link is None:
            return
        try:
            master, slave = os.openpty()
        except OSError as error:
            raise DeviceError(f"no pseudo-terminal to be had ({error}); are too many in use?") from error
        tty.setraw(slave)  # a terminal would echo and translate line ends
        os.set_blocking(master, False)
        fresh = self._link.with_name(f".{self._link.name}.{os.getpid()}")
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        try:
            fresh.symlink_to(os.ttyname(slave))
        except OSError as error:
            os.close(slave)
            os.close(master)
            raise DeviceError(f"the port {self._link} cannot be made: {error.strerror}.") from error
        with self._io:
            self._master, self._slave = master, slave
            fresh.replace(self._link)
        self._wake_reader()
        with self._changed:
            self._changed.notify_all()

    def _unplug(self) -> None:
        with self._changed:
            master, self._master = self._master, -1
        if master < 0:
            return
        if self._link is not None:
            with contextlib.suppress(FileNotFoundError):
                self._link.unlink()
        self._wake_reader()
        with self._reading, self._io:
            slave, self._slave = self._slave, -1
            os.close(slave)
            os.close(master)
        with self._changed:
            self._queue.clear()
            self._queued = 0
            self._changed.notify_all()

    def _remove(self) -> None:
        for descriptor in self._wake:
            if descriptor >= 0:
                os.close(descriptor)
        self._wake = (-1, -1)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        self._link = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # From the host

    def read(self, timeout_s: float) -> bytes:
        """What the host sent; empty when nothing came in time, when ``wake`` was called, or while unplugged."""
        if not self.plugged:  # without the lock, which `unplug` waits for in another thread
            with self._changed:
                self._changed.wait_for(lambda: self._stop or self.plugged, max(0.0, timeout_s))
            return b""
        with self._reading:
            master, wake = self._master, self._wake[0]
            if wake < 0:
                return b""
            watched = [wake] if master < 0 else [wake, master]
            ready, _, _ = select.select(watched, [], [], max(0.0, timeout_s))
            if wake in ready:
                os.read(wake, 4096)
            if master < 0 or master not in ready:
                return b""
            try:
                data = os.read(master, 1 << 16)
            except OSError:  # EAGAIN, or the terminal was hung up
                return b""
        self.counters["received"] += len(data)
        return data

    def wake(self) -> None:
        """Let a ``read`` that waits in another thread return."""
        self._wake_reader()

    def _wake_reader(self) -> None:
        if self._wake[1] >= 0:
            with contextlib.suppress(BlockingIOError):  # full of wake-ups already
                os.write(self._wake[1], b"\0")

    # To the host

    @property
    def queued(self) -> int:
        """Bytes that wait to be written."""
        return self._queued + self._in_flight

    def write(self, data: bytes, *, force: bool = False) -> bool:
        """Queue ``data``, or nothing and False: no room for all of it (``force``: no matter), or unplugged."""
        with self._changed:
            if self._stop or not self.plugged or (not force and self.queued + len(data) > self.capacity):
                return False
            self._queue.append(data)
            self._queued += len(data)
            self._changed.notify_all()
        return True

    def wait_for_room(self, size: int, timeout_s: float) -> bool:
        """Wait until ``size`` bytes can be queued."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._stop or not self.plugged or self.queued + size <= self.capacity, timeout_s
            )

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything queued is on the line, or lost."""
        with self._changed:
            return self._changed.wait_for(lambda: self._stop or self.queued == 0, timeout_s)

    def discard(self) -> None:
        """Forget what is queued and not yet written."""
        with self._changed:
            self._queue.clear()
            self._queued = 0
            self._changed.notify_all()

    def stall(self, seconds: float) -> None:
        """Be silent for so long."""
        with self._changed:
            self._stall_until = time.monotonic() + seconds
            self._changed.notify_all()

    def _write_on(self) -> None:
        due = time.monotonic()  # when the line is free again
        while True:
            with self._changed:
                if self._wait_for_bytes():
                    due = max(due, time.monotonic())
                if self._stop:
                    return
                chunk = self._take()
            due = max(due, time.monotonic() - _LATE_S)
            if self.bytes_per_s:
                due += len(chunk) / self.bytes_per_s
            time.sleep(max(0.0, due - time.monotonic()))  # a host has bytes when the last of them is over the line
            self._send(self._distort(chunk))
            with self._changed:
                self._in_flight = 0
                self._changed.notify_all()
            self._faults_by_count()

    def _wait_for_bytes(self) -> bool:
        """Until there is something to write and no stall; whether that took time."""
        waited = False
        while not self._stop:
            stalled = self._stall_until - time.monotonic()
            if self._queue and stalled <= 0:
                break
            waited = True
            self._changed.wait(stalled if self._queue else None)
        return waited

    def _take(self) -> bytes:
        """Up to a step's bytes from the queue."""
        limit = _LARGEST_WRITE
        if self.bytes_per_s:
            limit = max(16, min(limit, round(self.bytes_per_s * self.step_s)))
        if self.faults.unplug_after_bytes and not self._unplugged_once:
            limit = max(1, min(limit, self.faults.unplug_after_bytes - self.counters["written"]))
        pieces, size = [], 0
        while self._queue and size < limit:
            piece = self._queue.popleft()
            if size + len(piece) > limit:
                self._queue.appendleft(piece[limit - size :])
                piece = piece[: limit - size]
            pieces.append(piece)
            size += len(piece)
        self._queued -= size
        self._in_flight = size
        return b"".join(pieces)

    def _distort(self, chunk: bytes) -> bytes:
        if self.faults.baud and self.host_baud != self.faults.baud:
            return self._wrong_baud.apply(chunk)
        return self._line.apply(chunk)

    def _send(self, chunk: bytes) -> None:
        view = memoryview(chunk)
        while view and not self._stop:
            with self._io:
                master = self._master
                if master < 0:
                    return
                try:
                    count = os.write(master, view)
                except BlockingIOError:
                    count = 0
                except OSError:  # hung up
                    return
                self.counters["written"] += count
                view = view[count:]
                if view and self.lossy:
                    self.counters["lost"] += len(view)
                    return
                if view:
                    select.select([], [master], [], _RETRY_S)

    def _faults_by_count(self) -> None:
        faults, written = self.faults, self.counters["written"]
        if faults.stall_after_bytes and not self._stalled and written >= faults.stall_after_bytes:
            self._stalled = True
            self.stall(faults.stall_s)
        if faults.unplug_after_bytes and not self._unplugged_once and written >= faults.unplug_after_bytes:
            self._unplugged_once = True
            self.unplug()
            if faults.replug_after_s:
                with self._changed:
                    self._changed.wait_for(lambda: self._stop, faults.replug_after_s)
                if not self._stop:
                    self.replug()
