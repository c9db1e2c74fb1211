"""A BGT60TR13C on a Raspberry Pi's own SPI bus, with its reset and interrupt on two GPIO lines."""

from __future__ import annotations

import contextlib
import errno
import importlib
import threading
import time
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from faceedge.errors import ConfigurationError, DeviceError
from faceedge.radar.bgt60_registers import FIFO_BURST, GSR0_ONES
from faceedge.radar.bgt60_samples import WORD_BYTES
from faceedge.radar.bgt60_transport import MAX_TRANSACTION_BYTES, Block
from faceedge.radar.block_queue import BlockQueue

SPEED_HZ = 20_000_000
MAX_SPEED_HZ = 25_000_000
"""Above it the chip must be told to shift out earlier (SFCTL.MISO_HS_RD), and wires of any length fail anyway."""
WORDS_PER_BURST = (MAX_TRANSACTION_BYTES - len(FIFO_BURST)) // WORD_BYTES
RESET_LOW_S, RESET_SETTLE_S = 0.002, 0.010
"""Datasheet: at least 100 ns low, 1 ms high before and after."""
CHIP_LABELS = ("pinctrl-bcm", "pinctrl-rp1")
"""Labels of the GPIO chips that carry the pins of a Raspberry Pi's header."""
_CONSUMER = "faceedge"
_POLL_S = 0.1
_LONGEST_BURST = list(FIFO_BURST + bytes(WORDS_PER_BURST * WORD_BYTES))
_READ_CHIP_ID = b"\x04\x00\x00\x00"

_SPI_REASONS = {
    errno.ENOENT: "is not there; enable SPI (`sudo raspi-config nonint do_spi 0`) and restart",
    errno.EACCES: "may not be opened by this user; `sudo usermod -aG spi,gpio $USER` and log in again",
    errno.EPERM: "may not be opened here; in a container, pass it with --device",
    errno.ENOTTY: "is no SPI device; expected a path like /dev/spidev0.0",
    errno.ENODEV: "went away",
}


class SpidevTransport:
    """See `Transport`. A thread waits for the interrupt line and reads the FIFO at each rise.

    A FIFO read is cut into bursts of at most 4096 bytes, spidev's default buffer, each with a command of its own.

    Args:
        path: ``/dev/spidev<bus>.<chip select>``.
        speed_hz: of the SPI clock.
        reset_line, irq_line: GPIO numbers (BCM numbering on a Raspberry Pi).
        gpio_chip: ``/dev/gpiochip...``; empty: the one that carries the header's pins.
    """

    def __init__(
        self,
        path: str = "/dev/spidev0.0",
        speed_hz: int = SPEED_HZ,
        reset_line: int = 12,
        irq_line: int = 25,
        gpio_chip: str = "",
    ) -> None:
        if not 0 < speed_hz <= MAX_SPEED_HZ:
            raise ConfigurationError(
                f"SPI speed: expected up to {MAX_SPEED_HZ / 1e6:g} MHz, beyond which MISO comes too late, got "
                f"{speed_hz / 1e6:g} MHz."
            )
        if reset_line == irq_line:
            raise ConfigurationError(f"reset and interrupt need two GPIO lines, both are {irq_line}.")
        self.path, self.speed_hz = path, speed_hz
        self.reset_line, self.irq_line, self.gpio_chip = reset_line, irq_line, gpio_chip
        self.description = f"{path}, reset on GPIO {reset_line}, interrupt on GPIO {irq_line}"
        self.counters = {"blocks_not_taken": 0}
        self._spi: Any = None
        self._lines: Any = None
        self._gpiod: Any = None
        self._bus = threading.Lock()
        self._queue = BlockQueue()
        self._words = self._read_ns = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    # Opening

    def open(self) -> None:
        """See `Transport.open`."""
        self.close()
        self._queue.clear(forget_error=True)
        spidev, self._gpiod = _load("spidev", "spidev"), _load("gpiod", "gpiod")
        if not hasattr(self._gpiod, "request_lines"):
            raise DeviceError("gpiod is version 1, expected 2.1 or later; `pip install --upgrade gpiod`.")
        try:
            self._open_spi(spidev)
            self._open_lines(self._gpiod)
        except BaseException:
            self.close()
            raise

    def _open_spi(self, spidev: ModuleType) -> None:
        bus, _, select = self.path.rpartition("spidev")[2].partition(".")
        if not (bus.isdecimal() and select.isdecimal()):
            raise DeviceError(f"SPI: expected a path like /dev/spidev0.0, got {self.path!r}.")
        self._spi = spidev.SpiDev()
        try:
            self._spi.open(int(bus), int(select))
            self._spi.mode = 0
            self._spi.bits_per_word = 8
            self._spi.max_speed_hz = self.speed_hz
        except OSError as error:
            reason = _SPI_REASONS.get(error.errno or 0, f"failed: {error.strerror or error}")
            raise DeviceError(f"SPI device {self.path} {reason}.") from error

    def _open_lines(self, gpiod: Any) -> None:
        path = self.gpio_chip or self._find_chip(gpiod)
        line = gpiod.line
        config = {
            self.reset_line: gpiod.LineSettings(direction=line.Direction.OUTPUT, output_value=line.Value.ACTIVE),
            self.irq_line: gpiod.LineSettings(
                direction=line.Direction.INPUT, edge_detection=line.Edge.RISING, event_clock=line.Clock.MONOTONIC
            ),
        }
        try:
            self._lines = gpiod.request_lines(path, consumer=_CONSUMER, config=config)
        except OSError as error:
            reasons = {
                errno.EBUSY: f"GPIO {self.reset_line} or {self.irq_line} is in use; `gpioinfo` names by whom",
                errno.EACCES: "may not be opened by this user; `sudo usermod -aG gpio $USER` and log in again",
                errno.ENOENT: "is not there; `gpiodetect` lists the chips",
                errno.EINVAL: f"has no line {self.reset_line} or {self.irq_line}; `gpioinfo` lists them",
            }
            reason = reasons.get(error.errno or 0, f"failed: {error.strerror or error}")
            raise DeviceError(f"GPIO chip {path}: {reason}.") from error

    @staticmethod
    def _find_chip(gpiod: Any) -> str:
        paths = sorted(str(path) for path in Path("/dev").glob("gpiochip*"))
        for path in paths:
            with contextlib.suppress(OSError), gpiod.Chip(path) as chip:
                if chip.get_info().label.startswith(CHIP_LABELS):
                    return path
        if paths:
            return paths[0]
        raise DeviceError("no GPIO chip is there (/dev/gpiochip0); this transport needs the pins of a Raspberry Pi.")

    def close(self) -> None:
        """See `Transport.close`."""
        self.stop_stream()
        if self._lines is not None:
            with contextlib.suppress(OSError):
                self._lines.release()
            self._lines = None
        if self._spi is not None:
            with contextlib.suppress(OSError):
                self._spi.close()
            self._spi = None

    # Transactions

    def reset(self) -> None:
        """See `Transport.reset`."""
        if self._lines is None:
            raise DeviceError(f"{self.description} is not open.")
        value = self._gpiod.line.Value
        for level, pause_s in (
            (value.ACTIVE, RESET_LOW_S),
            (value.INACTIVE, RESET_LOW_S),
            (value.ACTIVE, RESET_SETTLE_S),
        ):
            self._lines.set_value(self.reset_line, level)
            time.sleep(pause_s)
        status = self.transfer(_READ_CHIP_ID)[0]
        if status & GSR0_ONES != GSR0_ONES:
            raise DeviceError(
                f"no BGT60TR13C answers at {self.description} (status {status:02X}, expected F0 or more); check power, "
                "the four SPI wires and the chip select."
            )

    def transfer(self, data: bytes) -> bytes:
        """See `Transport.transfer`."""
        if len(data) > MAX_TRANSACTION_BYTES:
            raise DeviceError(f"one SPI transaction takes at most {MAX_TRANSACTION_BYTES} bytes, got {len(data)}.")
        return self._exchange(list(data))

    def _exchange(self, data: list[int]) -> bytes:
        """``data`` is spidev's afterwards: some of its versions write the answer into it."""
        if self._spi is None:
            raise DeviceError(f"{self.description} is not open.")
        try:
            with self._bus:
                return bytes(self._spi.xfer2(data))
        except OSError as error:
            raise DeviceError(f"SPI device {self.path} failed: {error.strerror or error}.") from error

    # Streaming

    def start_stream(self, words: int) -> None:
        """See `Transport.start_stream`."""
        self.stop_stream()
        if self._lines is None:
            raise DeviceError(f"{self.description} is not open.")
        while self._lines.wait_edge_events(timedelta(0)):  # of what was before
            self._lines.read_edge_events()
        self._words = words
        self._stop.clear()
        self._thread = threading.Thread(target=self._read_on, name=f"reader of {self.path}", daemon=True)
        self._thread.start()

    def stop_stream(self) -> None:
        """See `Transport.stop_stream`."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None
        self._queue.clear()

    def read_block(self, timeout_s: float) -> Block | None:
        """See `Transport.read_block`."""
        return self._queue.get(timeout_s)

    def _read_on(self) -> None:
        sequence = 0
        try:
            while not self._stop.is_set():
                time_ns = self._wait_for_interrupt()
                if time_ns is None:
                    continue
                data, status = self._read_fifo(self._words)
                self._read_ns = time.monotonic_ns()
                with self._queue.changed:
                    self._queue.put(Block(data, status, sequence, time_ns))
                self.counters["blocks_not_taken"] = self._queue.dropped
                sequence += 1
        except DeviceError as error:
            self._queue.fail(error)
        except OSError as error:
            self._queue.fail(DeviceError(f"GPIO of {self.description} failed: {error.strerror or error}."))

    def _wait_for_interrupt(self) -> int | None:
        """When the line rose, ns on CLOCK_MONOTONIC; None: it is low.

        A FIFO read in several bursts makes the line fall and rise again, so that an edge alone means nothing: what
        counts is the level, and the last edge before it says since when. An edge from before the last read was reported
        late and is of the block before: a stamp that is too late does less harm than one that is too early.
        """
        lines = self._lines
        time_ns = None
        if not self._is_high():
            lines.wait_edge_events(timedelta(seconds=_POLL_S))
        while lines.wait_edge_events(timedelta(0)):
            time_ns = lines.read_edge_events()[-1].timestamp_ns
        if not self._is_high():
            return None
        return time.monotonic_ns() if time_ns is None or time_ns < self._read_ns else int(time_ns)

    def _is_high(self) -> bool:
        return bool(self._lines.get_value(self.irq_line) == self._gpiod.line.Value.ACTIVE)

    def _read_fifo(self, words: int) -> tuple[bytes, int]:
        """(3 * words bytes, status bytes of all bursts or-ed)."""
        status, pieces = 0, []
        while words:
            count = min(words, WORDS_PER_BURST)
            answer = self._exchange(_LONGEST_BURST[: len(FIFO_BURST) + count * WORD_BYTES])
            status |= answer[0]
            pieces.append(answer[len(FIFO_BURST) :])
            words -= count
        return b"".join(pieces), status


def _load(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DeviceError(
            f"a radar on the SPI pins needs {package}, which is not installed; `pip install faceedge[spi]` or "
            f"`sudo apt install python3-{package if package != 'gpiod' else 'libgpiod'}`."
        ) from error
