"""What every sensor node does while it is active: read its source, and open it again when its device was lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from rclpy.impl.rcutils_logger import RcutilsLogger

from faceedge.errors import DeviceError, InputError
from faceedge.nodes.worker import Worker

READ_TIMEOUT_S = 0.2
THROTTLE_S = 5.0

F = TypeVar("F", covariant=True)
G = TypeVar("G")


class Readable(Protocol[F]):
    """A source of frames, such as `faceedge.camera.sources.Source` and `faceedge.radar.source_base.RadarSource`."""

    description: str
    finished: bool

    def open(self) -> None: ...

    def read(self, timeout_s: float = ...) -> F | None: ...

    def close(self) -> None: ...


class SourceReader(Generic[G]):
    """Reads ``source`` in a thread of its own.

    A damaged frame is a warning. A device that goes away is an error, and it is opened again and again.

    Args:
        name: of the sensor: of the thread, and in sentences.
        source: not opened yet.
        emit: gets every frame, on the reader's thread.
        logger: of the node. on_crash: of the node, see `Worker`.
        pauses_s: before the first attempt to open a lost device, and the longest; it doubles in between.
        opened: called each time when the source was opened, before its first frame.

    Attributes:
        trouble: why there are no frames, as a sentence, or an empty text.
        reconnects: times that a lost device was opened again.
        last_frame_at: of `time.monotonic`: the last frame, or the last time that the source was opened.
    """

    def __init__(
        self,
        name: str,
        source: Readable[G],
        emit: Callable[[G], None],
        logger: RcutilsLogger | Any,
        on_crash: Callable[[str], None],
        pauses_s: tuple[float, float],
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self.trouble, self.reconnects = "", 0
        self.last_frame_at = time.monotonic()
        self._name, self._source, self._emit, self._logger = name, source, emit, logger
        self._pauses_s, self._opened = pauses_s, opened
        self._worker = Worker(name, self._drive, on_crash)

    def start(self) -> None:
        """Open the source and start to read. A device that is absent may come later; InputError passes through."""
        try:
            self._source.open()
            self._opened()
        except DeviceError as error:
            self._lose(error)
        self.last_frame_at = time.monotonic()
        self._worker.start()

    def stop(self) -> None:
        """Stop to read; the source stays as it is. Only after ``start``."""
        if not self._worker.stop():
            self._logger.warning(f"the {self._name}'s driver does not return from a call; its thread is left behind")

    def _drive(self, stop: threading.Event) -> None:
        source = self._source
        while not stop.is_set() and not source.finished:
            if self.trouble and not self._reconnect(stop):
                return
            try:
                frame = source.read(READ_TIMEOUT_S)
            except InputError as error:
                self._logger.warning(str(error), throttle_duration_sec=THROTTLE_S)
                continue
            except DeviceError as error:
                self._lose(error)
                continue
            if frame is not None:
                self._emit(frame)
                self.last_frame_at = time.monotonic()

    def _lose(self, error: DeviceError) -> None:
        self.trouble = str(error)
        self._logger.error(f"{error} Trying again until it is back.", throttle_duration_sec=THROTTLE_S)

    def _reconnect(self, stop: threading.Event) -> bool:
        """Open the source again with growing pauses; False when ``stop`` came first."""
        pause_s, longest_s = self._pauses_s
        while not stop.wait(pause_s):
            pause_s = min(2 * pause_s, longest_s)
            try:
                self._source.close()
                self._source.open()
                self._opened()
            except (DeviceError, InputError) as error:
                self.trouble = str(error)
                continue
            if stop.is_set():  # it took so long that nobody waits for it any more
                self._source.close()
                return False
            self.trouble = ""
            self.reconnects += 1
            self.last_frame_at = time.monotonic()
            self._logger.info(f"{self._source.description} delivers again")
            return True
        return False
