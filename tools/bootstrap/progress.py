"""Shows what the preparation is doing: one live line a task on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TextIO

SPINNER = "|/-\\"
REFRESH_S = 0.12
#: Without a terminal, a task that still runs says so this often, so that a log shows life.
HEARTBEAT_S = 30.0


class Progress:
    """Lines of running tasks. Use as a context manager; tasks may run in several threads.

    `stream` receives everything; it is standard error by default, so that standard output stays free for results.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._lock = threading.Lock()
        self._running: dict[str, tuple[str, float]] = {}
        self._drawn = 0
        self._stop = threading.Event()
        self._painter = threading.Thread(target=self._paint, name="progress", daemon=True)

    def __enter__(self) -> Progress:
        self._painter.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._painter.join()
        with self._lock:
            self._erase()

    @contextmanager
    def stage(self, task: str, label: str) -> Iterator[None]:
        """Show `label` for `task` while the block runs, and a line with its duration once it is done."""
        start = time.monotonic()
        with self._lock:
            self._running[task] = (label, start)
            if not self._live:
                self._write(f"[{task}] {label} ...\n")
        try:
            yield
        except BaseException:
            self._finish(task, label, start, "failed after")
            raise
        self._finish(task, label, start, "done in")

    def say(self, line: str) -> None:
        """Print one line above the live ones."""
        with self._lock:
            self._erase()
            self._write(line + "\n")
            self._draw()

    def _finish(self, task: str, label: str, start: float, how: str) -> None:
        with self._lock:
            self._running.pop(task, None)
            self._erase()
            self._write(f"[{task}] {label}: {how} {time.monotonic() - start:.0f} s\n")
            self._draw()

    def _paint(self) -> None:
        beat = time.monotonic()
        while not self._stop.wait(REFRESH_S):
            with self._lock:
                if self._live:
                    self._erase()
                    self._draw()
                elif time.monotonic() - beat > HEARTBEAT_S:
                    beat = time.monotonic()
                    for task, (label, start) in self._running.items():
                        self._write(f"[{task}] {label}: {beat - start:.0f} s so far\n")

    def _erase(self) -> None:
        """Remove the live lines from the terminal. The lock is held."""
        if self._live and self._drawn:
            self._write(f"\x1b[{self._drawn}F\x1b[0J")
            self._drawn = 0

    def _draw(self) -> None:
        """Draw the live lines. The lock is held."""
        if not self._live:
            return
        width = shutil.get_terminal_size().columns - 1
        now = time.monotonic()
        mark = SPINNER[int(now / REFRESH_S) % len(SPINNER)]
        for task, (label, start) in self._running.items():
            self._write(f"{mark} [{task}] {label} {now - start:5.0f} s"[:width] + "\n")
        self._drawn = len(self._running)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
