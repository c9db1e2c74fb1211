"""A thread that a node owns from activation to deactivation."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable

STOP_TIMEOUT_S = 5.0


class Worker:
    """Runs ``body(stop)`` in a thread until it returns or ``stop`` is set.

    Args:
        name: of the thread, seen in `top -H` and debuggers.
        body: must look at ``stop`` at least every few hundred milliseconds.
        on_crash: receives the traceback when ``body`` raises; the process lives on.
    """

    def __init__(self, name: str, body: Callable[[threading.Event], None], on_crash: Callable[[str], None]) -> None:
        self._body = body
        self._on_crash = on_crash
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def _run(self) -> None:
        try:
            self._body(self._stop)
        except Exception:
            if not self._stop.is_set():
                self._on_crash(traceback.format_exc())

    def stop(self) -> bool:
        """Ask the thread to end and wait for it; False when it hangs in a driver call."""
        self._stop.set()
        self._thread.join(STOP_TIMEOUT_S)
        return not self._thread.is_alive()
