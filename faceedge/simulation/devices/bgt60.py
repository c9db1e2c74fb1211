"""A BGT60TR13C as its SPI pins show it: registers, FIFO, interrupt line and errors, in the chip's own time.

Written from the datasheet's description of the interface, independently of the driver. Nothing runs in the background:
each access first works out from the clock what the chip has done since the last one.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from fractions import Fraction

from faceedge.errors import ConfigurationError
from faceedge.radar.chirp import ChirpSettings
from faceedge.simulation.devices.bgt60_frames import WORD_BYTES, Run
from faceedge.simulation.devices.bgt60_timing import OSCILLATOR_HZ, FrameTiming, chirp_settings, decode
from faceedge.simulation.devices.clock import NS_PER_S, Clock, RealClock
from faceedge.simulation.devices.feed import Feed, MovingPointFeed

FIFO_WORDS = 8192
ADDRESSES = 128

MAIN, ADC0, CHIP_ID, STAT1, PACR1, SFCTL, SADC_CTRL = 0x00, 0x01, 0x02, 0x03, 0x04, 0x06, 0x07
STAT0, SADC_RESULT, FSTAT, FIFO = 0x5D, 0x5E, 0x5F, 0x60
RESET_VALUES = {
    0x00: 0x1E0000,
    0x01: 0x0A0240,
    0x02: 0x000303,
    0x04: 0x196524,
    0x05: 0x040014,
    0x06: 0x110000,  # MISO_HS_RD is set; the reserved bits above it are a guess, and every driver overwrites them
    0x16: 0x000B60,
    0x1D: 0x000B60,
    0x24: 0x000B60,
    0x2B: 0x000B60,
    0x55: 0x001F40,
    0x57: 0x000200,
    0x5D: 0x0000AF,  # the LDOs are ready
    0x5F: 0x100000,
}
READ_ONLY = frozenset((CHIP_ID, STAT1, STAT0, SADC_RESULT, FSTAT))

FRAME_START, SW_RESET, FSM_RESET, FIFO_RESET = 0x1, 0x2, 0x4, 0x8  # MAIN, all self-clearing
CREF_MASK, MISO_HS_RD, LFSR_EN = 0x1FFF, 1 << 16, 1 << 17  # SFCTL
SADC_START, SADC_ENABLE, SADC_BUSY = 1 << 4, 1 << 8, 1 << 10
SADC_SCALE = (1, 2, 4, 4)
"""What a step of the 8-bit converter counts in the 10-bit result, by oversampling (none, 2, 4, 32 times)."""

GSR0_BASE, GSR0_FOU, GSR0_HS, GSR0_BURST, GSR0_CLOCK = 0xF0, 0x08, 0x04, 0x02, 0x01
FSTAT_CLOCK, FSTAT_BURST, FSTAT_UNDERFLOW, FSTAT_EMPTY = 1 << 17, 1 << 18, 1 << 19, 1 << 20
FSTAT_CREF, FSTAT_FULL, FSTAT_OVERFLOW = 1 << 21, 1 << 22, 1 << 23

_SADC_VOLT_PER_STEP, _VOLT_AT_0_C, _VOLT_PER_C = 1.21 / 256, 0.78984, 0.00286


class Bgt60Chip:
    """One chip with an antenna that sees a ``Feed``. Any thread may call it.

    Args:
        feed: what it sees, or what makes that from the chirp settings that its registers hold when frames start;
            None: a point that moves.
        clock: its time.
        drift_ppm: its oscillator is faster than 80 MHz by so much.
        temperature_c: of the chip; may be set at any time.
        epoch: is asked for a moment on ``clock`` in ns whenever frames start. They then wait for the next whole number
            of frame periods since that moment, which is also the number of the feed's first frame: what is seen follows
            the time, not when somebody began to look. None, or a function that returns None: frames start at once, and
            the feed goes on where it was.

    Attributes:
        answers: False: nobody drives MISO, all bytes read 0.
        complaint: why the last FRAME_START did nothing, or empty.
        counters: transactions, words read, overflows and underflows, starts and starts refused, cubes of a wrong shape.
    """

    def __init__(
        self,
        feed: Feed | Callable[[ChirpSettings], Feed] | None = None,
        clock: Clock | None = None,
        *,
        drift_ppm: float = 0.0,
        temperature_c: float = 40.0,
        epoch: Callable[[], int | None] | None = None,
    ) -> None:
        self.feed = feed
        self._epoch = epoch
        self.clock = clock or RealClock()
        self.temperature_c = temperature_c
        self.answers = True
        self.complaint = ""
        self.counters = dict.fromkeys(
            ("transactions", "words", "overflows", "underflows", "starts", "refused_starts", "misfit_cubes"), 0
        )
        self._ns_per_cycle = Fraction(NS_PER_S, OSCILLATOR_HZ) / (1 + Fraction(round(drift_ppm * 1000), 10**9))
        self._changed = threading.Condition(threading.RLock())
        self._runs: deque[Run] = deque(maxlen=16)
        self._next_index = 0
        self._made: tuple[ChirpSettings, Feed] | None = None
        self.reset()

    # Pins

    def reset(self) -> None:
        """Pulse the reset pin: everything is as after power-on, apart from the count of frames seen."""
        with self._changed:
            self._registers = [RESET_VALUES.get(address, 0) for address in range(ADDRESSES)]
            self._errors = 0
            self._sadc_result = self._sadc_wait = 0
            self._run: Run | None = None
            self._reset_fifo()
            self._changed.notify_all()

    @property
    def irq(self) -> bool:
        """Level of the interrupt line."""
        with self._changed:
            rise = self.irq_rise_ns()
            return rise is not None and rise <= self.clock.now_ns()

    def irq_rise_ns(self) -> int | None:
        """When the interrupt line rose, or will rise if nobody touches the chip, on its clock; None: never."""
        with self._changed:
            self._settle()
            missing = (self._registers[SFCTL] & CREF_MASK) + 1 - len(self._held) // WORD_BYTES
            if missing <= 0:
                return self._select_ended_ns
            if self._run is None:
                return None
            time_ns = self._run.time_of_word(self._run.taken + missing - 1)
            return None if time_ns is None else max(time_ns, self._select_ended_ns)

    def overflow_ns(self) -> int | None:
        """When the FIFO runs over if nobody reads it, on the chip's clock; None: never."""
        with self._changed:
            self._settle()
            return None if self._run is None else self._run.time_of_word(self._room())

    def wait_irq(self, timeout_s: float) -> int | None:
        """Wait until the interrupt line is high; when it rose, on the chip's clock, or None: not in time."""
        with self._changed:
            deadline = self.clock.now_ns() + round(timeout_s * NS_PER_S)
            while True:
                rise, now = self.irq_rise_ns(), self.clock.now_ns()
                if rise is not None and rise <= now:
                    return rise
                if now >= deadline:
                    return None
                until = deadline if rise is None else min(rise, deadline)
                if not self._changed.wait(self.clock.host_seconds_until(until)):
                    self.clock.reach(until)

    def transfer(self, data: bytes) -> bytes:
        """One transaction: what MISO shows while MOSI shows ``data`` under one low level of the select line."""
        with self._changed:
            self.counters["transactions"] += 1
            if not self.answers:
                return bytes(len(data))
            self._settle()
            status = self._status()
            if len(data) < 4:
                self._errors |= FSTAT_CLOCK if data else 0
                answer = bytes((status, 0, 0, 0))
            elif data[0] == 0xFF:
                answer = bytes((status, 0xFF, 0xFF, 0xFF)) + self._burst(data)
            else:
                answer = bytes((status,)) + self._single(data)
            self._select_ended_ns = self.clock.now_ns()
            self._changed.notify_all()
            return answer[: len(data)].ljust(len(data), b"\0")

    # What tests and tools may see beside the pins

    @property
    def timing(self) -> FrameTiming | None:
        """Of the frames that run, or None."""
        with self._changed:
            self._settle()
            return self._run.timing if self._run else None

    @property
    def fill_words(self) -> int:
        """Words in the FIFO."""
        with self._changed:
            self._settle()
            return self._fill()

    @property
    def overflowed(self) -> bool:
        """The FIFO ran over, and the chip sleeps until it is reset."""
        with self._changed:
            self._settle()
            return self._overflowed

    def ramp_start_ns(self, index: int) -> int | None:
        """When the first ramp of frame ``index`` of the feed began, on the chip's clock; None: long ago, or never."""
        with self._changed:
            for run in reversed(self._runs):
                if index >= run.first_index:
                    return run.time_of_cycle((index - run.first_index) * run.timing.frame + run.timing.first_ramp)
        return None

    def register(self, address: int) -> int:
        """Content of a register, as a debugger would see it."""
        with self._changed:
            self._settle()
            return self._read(address)

    # Transactions

    def _status(self) -> int:
        status = GSR0_BASE
        status |= GSR0_FOU if self._overflowed or self._underflowed else 0
        status |= GSR0_HS if self._registers[SFCTL] & MISO_HS_RD else 0
        status |= GSR0_BURST if self._errors & FSTAT_BURST else 0
        return status | (GSR0_CLOCK if self._errors & FSTAT_CLOCK else 0)

    def _single(self, data: bytes) -> bytes:
        address, write = data[0] >> 1, data[0] & 1
        previous = self._read(address)
        if write:
            self._write(address, int.from_bytes(data[1:4], "big"))
        if len(data) > 4:
            self._errors |= FSTAT_CLOCK
        return previous.to_bytes(3, "big")

    def _burst(self, data: bytes) -> bytes:
        command = int.from_bytes(data[:4], "big")
        address, write, bound = command >> 17 & 0x7F, command >> 16 & 1, command >> 9 & 0x7F
        words, rest = divmod(len(data) - 4, WORD_BYTES)
        if bound:
            if words != bound or rest:
                self._errors |= FSTAT_BURST
            words = min(words, bound)
        elif rest:
            self._errors |= FSTAT_CLOCK
        if address == FIFO:
            return b"" if write else self._read_fifo(words)
        answer = bytearray()
        for word in range(words):
            place = (address + word) % ADDRESSES
            answer += self._read(place).to_bytes(3, "big")
            if write:
                self._write(place, int.from_bytes(data[4 + 3 * word : 7 + 3 * word], "big"))
        return bytes(answer)

    def _read(self, address: int) -> int:
        if address == FSTAT:
            return self._fifo_status()
        if address == STAT1:
            return self._frame_counters()
        if address == SADC_RESULT:
            return self._converter()
        return self._registers[address]

    def _write(self, address: int, value: int) -> None:
        if address in READ_ONLY or address >= FIFO:
            return
        if address == MAIN:
            self._registers[MAIN] = value & ~(FRAME_START | SW_RESET | FSM_RESET | FIFO_RESET)
            self._command(value)
        elif address == SADC_CTRL:
            self._registers[SADC_CTRL] = value & ~SADC_START
            if value & SADC_START and value & SADC_ENABLE:
                self._convert(value)
        else:
            self._registers[address] = value

    def _command(self, value: int) -> None:
        if value & SW_RESET:
            self.reset()
            return
        if value & (FSM_RESET | FIFO_RESET):
            self._end_run()
        if value & FIFO_RESET:
            self._reset_fifo()
        if value & FRAME_START:
            self._start()

    # Converter of the temperature

    def _convert(self, control: int) -> None:
        volt = _VOLT_AT_0_C + _VOLT_PER_C * self.temperature_c
        steps = volt / _SADC_VOLT_PER_STEP * SADC_SCALE[control >> 9 & 3]
        self._sadc_result = min(0x3FF, max(0, round(steps))) if control & 0xF == 0 else 0
        self._sadc_wait = 1

    def _converter(self) -> int:
        """Busy for the first look after a start: a conversion takes about as long as a transaction."""
        busy, self._sadc_wait = self._sadc_wait, 0
        return SADC_BUSY if busy else self._sadc_result

    # Frames and FIFO

    def _start(self) -> None:
        self.complaint = ""
        if self._run is not None:
            return
        test = bool(self._registers[SFCTL] & LFSR_EN)
        if self._overflowed:
            self.complaint = "the FIFO ran over and was not reset"
        else:
            try:
                timing = decode(self._registers)
                feed = None if test else self._feed_for(chirp_settings(self._registers))
            except ConfigurationError as error:
                self.complaint = str(error)
        if self.complaint:
            self.counters["refused_starts"] += 1
            return
        self.counters["starts"] += 1
        run = Run(timing, self._ns_per_cycle, feed, self._next_index, test)
        epoch_ns = self._epoch() if self._epoch and not test else None
        if epoch_ns is not None:
            run.align(epoch_ns, self.clock.now_ns())
        run.prepare()
        run.start_ns = self.clock.now_ns()
        if epoch_ns is not None:
            run.align(epoch_ns, run.start_ns)
        self._run = run
        if not test:
            self._runs.append(self._run)

    def _feed_for(self, chirp: ChirpSettings) -> Feed:
        """The feed; one that is made from the settings is kept as long as they stay, for it may be costly."""
        if self.feed is not None and not callable(self.feed):
            return self.feed
        if self._made is None or self._made[0] != chirp:
            self._made = (chirp, (self.feed or MovingPointFeed)(chirp))
        return self._made[1]

    def _settle(self) -> None:
        """Work out what happened until now: has the FIFO run over?"""
        if self._run is None:
            return
        room = self._room()
        if self._run.words_at(self.clock.now_ns()) > room:
            end_ns = self._run.time_of_word(room)
            self._end_run(end_ns, room)
            self._overflowed = True
            self.counters["overflows"] += 1

    def _room(self) -> int:
        """Words of the run that runs which fit into the FIFO as long as nobody reads."""
        taken = self._run.taken if self._run else 0
        return FIFO_WORDS - len(self._held) // WORD_BYTES + taken

    def _end_run(self, end_ns: int | None = None, words: int | None = None) -> None:
        """Stop the frames; the FIFO keeps what it has."""
        run, self._run = self._run, None
        if run is None:
            return
        end_ns = self.clock.now_ns() if end_ns is None else end_ns
        words = run.words_at(end_ns) if words is None else words
        if not run.test_words:
            self._next_index = run.first_index + run.frames_at(end_ns)
        self._held += run.take(words - run.taken)
        self.counters["misfit_cubes"] += run.misfits

    def _reset_fifo(self) -> None:
        self._held = bytearray()
        self._overflowed = self._underflowed = False
        self._select_ended_ns = self.clock.now_ns()

    def _fill(self) -> int:
        running = self._run.words_at(self.clock.now_ns()) - self._run.taken if self._run else 0
        return len(self._held) // WORD_BYTES + running

    def _read_fifo(self, words: int) -> bytes:
        self.counters["words"] += words
        present = min(words, self._fill())
        data = bytes(self._held[: present * WORD_BYTES])
        del self._held[: present * WORD_BYTES]
        if self._run and present * WORD_BYTES > len(data):
            data += self._run.take(present - len(data) // WORD_BYTES)
        if present < words:
            self._underflowed = True
            self.counters["underflows"] += 1
            data += b"\xff" * ((words - present) * WORD_BYTES)
        return data

    def _fifo_status(self) -> int:
        fill = self._fill()
        status = fill | self._errors
        status |= FSTAT_UNDERFLOW if self._underflowed else 0
        status |= FSTAT_EMPTY if fill == 0 else 0
        status |= FSTAT_CREF if fill > self._registers[SFCTL] & CREF_MASK else 0
        status |= FSTAT_FULL if fill == FIFO_WORDS else 0
        return status | (FSTAT_OVERFLOW if self._overflowed else 0)

    def _frame_counters(self) -> int:
        if self._run is None:
            return 0
        timing = self._run.timing
        samples = 2 * self._run.words_at(self.clock.now_ns())
        frames, samples = divmod(samples, timing.fifo_samples_per_frame)
        return (frames & 0xFFF) << 12 | samples // timing.fifo_samples_per_chirp & 0xFFF
