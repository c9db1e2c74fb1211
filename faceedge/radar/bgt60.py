"""The driver of the BGT60TR13C: from chirp settings to cubes, over any transport."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time

import numpy as np

from faceedge.errors import ConfigurationError, DeviceError, InputError
from faceedge.radar import bgt60_registers as chip
from faceedge.radar.bgt60_ramp import REFERENCE_CLOCK_HZ
from faceedge.radar.bgt60_samples import SAMPLES_PER_WORD, WORD_BYTES, deinterleave, lfsr_words, unpack
from faceedge.radar.bgt60_transport import Block, Transport
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.frame import RadarFrame
from faceedge.radar.source_base import RadarSource
from faceedge.timing import to_system_ns

MAX_BLOCK_WORDS = chip.FIFO_WORDS // 4
"""The FIFO may fill three times as far again before a late reader loses samples."""
MIN_BLOCK_WORDS = 64
"""Smaller blocks cost more for their own interrupt than for their samples."""
RESET_TRIES, RESET_PAUSE_S = 10, 0.01
CHECK_TRIES = 3
CHECK_TIMEOUT_S = 1.0
STALLED_PERIODS, STALLED_S = 3.0, 0.5
"""No block for so many frame periods, and at least for so long, is a standstill."""
RESTARTS = 5
"""So many restarts without one frame in between, and the settings are too much for the way to the host."""
TEMPERATURE_PERIOD_S = 5.0

_READ_BACK = (chip.ADC0, chip.PLL1_0, chip.PLL1_1, chip.PLL1_2, chip.PLL1_3, chip.CCR2)
_ERRORS = {
    chip.GSR0_FIFO_ERROR: ("overflows", "its FIFO ran over because it was read too late"),
    chip.GSR0_BURST_ERROR: ("burst_errors", "it saw a burst of another length than announced"),
    chip.GSR0_CLOCK_ERROR: ("clock_errors", "it counted another number of SPI clocks than expected"),
}
_WIRING = "check power, the four SPI wires, the reset line, and a lower SPI speed"


def block_words(receivers: int, chirps: int, samples: int) -> int:
    """FIFO words after which the chip shall ask to be read: the same part of every frame, whole chirps if possible.

    Raises:
        ConfigurationError: a frame of these numbers has no such part.
    """
    frame_samples = receivers * chirps * samples
    words, odd = divmod(frame_samples, SAMPLES_PER_WORD)
    chirp_words = receivers * samples // SAMPLES_PER_WORD if receivers * samples % SAMPLES_PER_WORD == 0 else 0
    sizes = [size for size in range(min(words, MAX_BLOCK_WORDS), 0, -1) if words % size == 0]
    whole = [size for size in sizes if chirp_words and size % chirp_words == 0]
    best = next(iter(whole or sizes), 0)
    if odd or best < min(MIN_BLOCK_WORDS, words):
        raise ConfigurationError(
            f"a frame of {receivers} x {chirps} x {samples} samples cannot be read in equal blocks of "
            f"{MIN_BLOCK_WORDS} to {MAX_BLOCK_WORDS} words of {SAMPLES_PER_WORD}; take a number of samples or chirps "
            "with more divisors, best a power of two."
        )
    return best


class Bgt60(RadarSource):
    """A BGT60TR13C that streams frames. ``stamp_ns`` is the start of the first chirp's ramp.

    Frames are cut from the chip's FIFO in equal blocks, numbered by the transport. A frame that lacks a block is
    dropped as a whole, and the next one begins where the numbers say that it does. The stamp is the least of what each
    block's interrupt says: a late reader delays interrupts, and nothing makes one early.

    ``dropped`` counts the frames that never became complete, also those that passed while the device was away;
    ``rejected`` those during which the chip reported an error, which restarts it.

    Args:
        chirp: settings of this chip.
        transport: the way to it.

    Raises:
        ConfigurationError: the chip cannot do what ``chirp`` asks for.
    """

    def __init__(self, chirp: ChirpSettings, transport: Transport) -> None:
        super().__init__(chirp, f"BGT60TR13C at {transport.description}")
        self.transport = transport
        self._registers = dict(chip.registers_for(chirp))
        self._block_words = block_words(*chirp.cube_shape)
        self._registers[chip.SFCTL] = _with_threshold(self._registers[chip.SFCTL], self._block_words)
        self._timing = chip.timing_of(self._registers)
        samples = np.arange(1, self._blocks(chirp) + 1) * self._block_words * SAMPLES_PER_WORD - 1
        receivers, _, per_chirp = chirp.cube_shape
        self._offsets_ns = [
            round(1e9 * self._timing.sample_s(*divmod(int(sample) // receivers, per_chirp))) for sample in samples
        ]
        """From a frame's start to the interrupt of each of its blocks."""
        self._period_ns = round(1e9 * self._timing.frame_cycles / REFERENCE_CLOCK_HZ)
        self._samples = np.empty(math.prod(chirp.cube_shape), np.uint16)
        self.counters = dict.fromkeys(
            ("incomplete_frames", "overflows", "burst_errors", "clock_errors", "restarts", "temperature_failures"), 0
        )
        self._opened = self._lost = False
        self._last_sequence, self._last_start_ns = -1, 0
        self._rejected_since = 0
        self._begin_stream(resuming=False)

    def _blocks(self, chirp: ChirpSettings) -> int:
        return math.prod(chirp.cube_shape) // (self._block_words * SAMPLES_PER_WORD)

    # Opening

    def open(self) -> None:
        """See `RadarSource.open`."""
        self.close()
        try:
            self.transport.open()
            self._opened = True
            self.transport.reset()
            self._identify()
            for bit in (chip.SW_RESET, chip.FSM_RESET, chip.FIFO_RESET):
                self._reset(bit)
            self._check_path()
            self._write(self._registers)
            self._start(resuming=self._lost)
        except BaseException:
            self._opened = False
            self.transport.close()
            raise
        self._lost = False
        self._restarts = 0
        self._temperature_asked_s = -math.inf
        self._measuring = False
        self.description = f"BGT60TR13C at {self.transport.description}"

    def _identify(self) -> None:
        found = self._access(chip.CHIP_ID)
        if found == chip.CHIP_ID_VALUE:
            return
        if found in (0x000000, 0xFFFFFF):
            raise DeviceError(f"no BGT60TR13C answers at {self.transport.description} (id {found:06X}); {_WIRING}.")
        raise DeviceError(
            f"{self.transport.description}: expected chip id {chip.CHIP_ID_VALUE:06X} of a BGT60TR13C, got "
            f"{found:06X}; it is another part, or the SPI wires are bad."
        )

    def _access(self, address: int, value: int | None = None) -> int:
        """Write a register, or only read it; its content before."""
        word = 0 if value is None else value
        sent = bytes((address << 1 | (value is not None),)) + word.to_bytes(3, "big")
        answer = self.transport.transfer(sent)
        status = answer[0]
        if status & chip.GSR0_ONES != chip.GSR0_ONES and address != chip.CHIP_ID:
            raise DeviceError(f"{self.description} does not answer any more (status {status:02X}); {_WIRING}.")
        return int.from_bytes(answer[1:4], "big")

    def _reset(self, bit: int) -> None:
        main = self._access(chip.MAIN)
        self._access(chip.MAIN, main | bit)
        for attempt in range(RESET_TRIES):
            if not self._access(chip.MAIN) & bit:
                return
            if attempt:
                time.sleep(RESET_PAUSE_S)
        raise DeviceError(f"{self.description} does not come out of its reset (MAIN bit {bit:#x}); {_WIRING}.")

    def _write(self, words: dict[int, int]) -> None:
        for address, word in sorted(words.items()):
            self._access(address, word)
        for address in _READ_BACK:
            if (found := self._access(address)) != words[address]:
                raise DeviceError(
                    f"{self.description}: register {chip.NAMES[address]} reads {found:06X} after {words[address]:06X} "
                    f"was written; {_WIRING}."
                )

    def _check_path(self) -> None:
        """Let the chip send its test words through FIFO, transport and unpacking, and compare them.

        Only receiver 1 gives test words; in settings without it, it takes the place of another one for the check.
        """
        chirp = dataclasses.replace(self.chirp, rx_antennas=(1, *self.chirp.rx_antennas[1:]))
        words = dict(chip.registers_for(chirp))
        size, count = self._block_words, len(self._offsets_ns)
        words[chip.SFCTL] = chip.FIELDS["SFCTL.LFSR_EN"].put(self._registers[chip.SFCTL], 1)
        self._write(words)
        problem = ""
        for _ in range(CHECK_TRIES):
            blocks, problem = self._test_blocks(size, count, chirp)
            if problem:
                continue
            samples = unpack(b"".join(block.data for block in blocks))
            got = deinterleave(samples, *chirp.cube_shape)[0].ravel()
            expected = lfsr_words(len(got))
            wrong = np.flatnonzero(got != expected)
            if not len(wrong):
                return
            first = wrong[0]
            raise DeviceError(
                f"{self.description}: {len(wrong)} of {len(got)} test words arrived wrong (the first is number "
                f"{first}: expected {expected[first]:03X}, got {got[first]:03X}); shorten the SPI wires or lower the "
                "speed."
            )
        raise DeviceError(f"{self.description} fails its start-up check: {problem}.")

    def _test_blocks(self, words: int, count: int, chirp: ChirpSettings) -> tuple[list[Block], str]:
        """The blocks of the first frame, and what is wrong with them."""
        timeout_s = chirp.chirps_per_frame * chirp.chirp_period_s + CHECK_TIMEOUT_S
        deadline_s = time.monotonic() + timeout_s
        blocks: list[Block] = []
        problem = ""
        self._run(words)
        while len(blocks) < count and not problem:
            block = self.transport.read_block(deadline_s - time.monotonic())
            if block is None:
                problem = (
                    f"{len(blocks)} of {count} blocks came within {timeout_s:.1f} s; is the interrupt line connected"
                )
            elif block.sequence != len(blocks) or len(block.data) != words * WORD_BYTES:
                problem = f"block {len(blocks)} got lost on the way; is the cable good"
            elif block.status & chip.GSR0_ERRORS:
                problem = f"the chip reports status {block.status:02X}; is the transport fast enough"
            else:
                blocks.append(block)
        self._halt()
        return blocks, problem

    def _run(self, words: int) -> None:
        self._halt_chip()
        self.transport.start_stream(words)
        self._access(chip.MAIN, chip.CONSTANT_WORDS[chip.MAIN] | chip.FRAME_START)

    def _halt(self) -> None:
        self.transport.stop_stream()
        self._halt_chip()

    def _halt_chip(self) -> None:
        self._reset(chip.FSM_RESET)
        self._reset(chip.FIFO_RESET)

    def _start(self, *, resuming: bool) -> None:
        self._begin_stream(resuming=resuming)
        self._run(self._block_words)
        self._last_block_s = time.monotonic()

    def _begin_stream(self, *, resuming: bool) -> None:
        """Blocks are numbered from 0 again."""
        self._frame, self._place = -1, -1
        self._start_ns = 0
        self._base = self._last_sequence + 1
        self._resuming = resuming
        if not resuming:
            self._rejected_since = 0
        self._last_block_s = time.monotonic()

    # Reading

    def read(self, timeout_s: float = 1.0) -> RadarFrame | None:
        """See `RadarSource.read`."""
        if not self._opened:
            raise DeviceError(f"{self.description} was read before it was opened.")
        deadline_s = time.monotonic() + timeout_s
        try:
            while (block := self.transport.read_block(deadline_s - time.monotonic())) is not None:
                self._last_block_s = time.monotonic()
                if (frame := self._take(block)) is not None:
                    return frame
            self._check_stall()
        except DeviceError:
            self._lost = True
            raise
        finally:  # also where no frame gets through: then they tell why
            self.counters.update(self.transport.counters)
        return None

    def _check_stall(self) -> None:
        silent_s = time.monotonic() - self._last_block_s
        if silent_s > max(STALLED_S, STALLED_PERIODS * self._period_ns / 1e9):
            raise DeviceError(
                f"{self.description} stands still: no data for {silent_s:.1f} s, expected a frame every "
                f"{self._period_ns / 1e6:.1f} ms; it is started anew."
            )

    def _take(self, block: Block) -> RadarFrame | None:
        """Add a block to the frame that it belongs to; the frame if this completes it."""
        if block.status & chip.GSR0_ONES != chip.GSR0_ONES:
            raise DeviceError(f"{self.description} does not answer any more (status {block.status:02X}); {_WIRING}.")
        if block.status & chip.GSR0_ERRORS:
            self._restart(block.status)
        frame, place = divmod(block.sequence, len(self._offsets_ns))
        if frame != self._frame:
            self.counters["incomplete_frames"] += self._place > 0
            self._frame, self._place = frame, 0
        if place != self._place or len(block.data) != self._block_words * WORD_BYTES:
            self.counters["incomplete_frames"] += self._place >= 0
            self._place = -1  # nothing of this frame is wanted any more
            return None
        start_ns = block.time_ns - self._offsets_ns[place]
        self._start_ns = min(self._start_ns, start_ns) if place else start_ns
        count = self._block_words * SAMPLES_PER_WORD
        unpack(block.data, self._samples[place * count : (place + 1) * count])
        self._place += 1
        return self._complete(frame) if self._place == len(self._offsets_ns) else None

    def _complete(self, frame: int) -> RadarFrame:
        self._place = -1
        sequence = self._number(frame)
        behind_ns = time.monotonic_ns() - (self._start_ns + self._offsets_ns[-1])
        self.late += behind_ns > self._period_ns
        self._restarts = 0
        self._measure_temperature()
        cube = deinterleave(self._samples, *self.chirp.cube_shape)
        stamp_ns = to_system_ns(self._start_ns, time.CLOCK_MONOTONIC)
        return RadarFrame(stamp_ns, sequence, cube, temperature_c=self.temperature_c)

    def _number(self, frame: int) -> int:
        """The number of this frame among all that the sensor made; counts those that nobody got."""
        if self._resuming:
            elapsed_ns = self._start_ns - self._last_start_ns if self._last_sequence >= 0 else 0
            periods = round(elapsed_ns / self._period_ns)
            self._base = self._last_sequence + max(periods, frame + 1 + self._rejected_since) - frame
        self._resuming = False
        sequence = self._base + frame
        self.dropped += sequence - self._last_sequence - 1 - self._rejected_since
        self._rejected_since = 0
        self._last_sequence, self._last_start_ns = sequence, self._start_ns
        return sequence

    def _count_errors(self, status: int) -> list[str]:
        reasons = []
        for bit, (counter, reason) in _ERRORS.items():
            if status & bit:
                self.counters[counter] += 1
                reasons.append(reason)
        return reasons

    def _restart(self, status: int) -> None:
        """Start the chip anew after an error that it reported.

        Raises:
            InputError: always; the frame is lost.
            DeviceError: it does not help.
        """
        reasons = " and ".join(self._count_errors(status))
        self.counters["restarts"] += 1
        self._restarts += 1
        if self._restarts > RESTARTS:
            raise DeviceError(
                f"{self.description} was restarted {RESTARTS} times without one good frame: {reasons}; take fewer "
                "samples, chirps or receivers, or a longer frame period."
            )
        self.transport.stop_stream()
        if status & ~chip.GSR0_FIFO_ERROR & chip.GSR0_ERRORS:  # these stay until a software reset
            self._reset(chip.SW_RESET)
            self._write(self._registers)
        self._measuring = False  # a reset may have ended it, and its result would be that of no measurement
        self._rejected_since += 1
        self.rejected += 1
        self._start(resuming=True)
        raise InputError(
            f"{self.description}: {reasons} (status {status:02X}); the frame is dropped and the chip was restarted "
            f"({self.counters['restarts']} so far)."
        )

    def _measure_temperature(self) -> None:
        """Every few seconds, after a frame: start a measurement, and read its result after the next frame."""
        now_s = time.monotonic()
        if not self._measuring and now_s - self._temperature_asked_s < TEMPERATURE_PERIOD_S:
            return
        try:
            if not self._measuring:
                self._access(chip.SADC_CTRL, chip.SADC_TEMPERATURE)
                self._temperature_asked_s = now_s
                self._measuring = True
            elif (result := self._access(chip.SADC_RESULT)) <= chip.FIELDS["SADC_RESULT.VALUE"].mask:  # else busy
                self.temperature_c = chip.temperature_c(result)
                self._measuring = False
        except DeviceError:  # frames go on without it; if the device is gone, the next block says so
            self.counters["temperature_failures"] += 1
            self._measuring = False
            self._temperature_asked_s = now_s

    def close(self) -> None:
        """See `RadarSource.close`."""
        if not self._opened:
            return
        self._opened = False
        if not self._lost:
            with contextlib.suppress(DeviceError):
                self.transport.stop_stream()
                self._access(chip.MAIN, chip.CONSTANT_WORDS[chip.MAIN] | chip.FSM_RESET)
        self.transport.close()


def _with_threshold(word: int, words: int) -> int:
    """SFCTL so that the interrupt line rises when ``words`` are in the FIFO, whether at or above its threshold."""
    return chip.FIELDS["SFCTL.FIFO_CREF"].put(word, words - 1)
