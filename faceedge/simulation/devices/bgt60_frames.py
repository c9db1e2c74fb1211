"""The samples of an emulated BGT60TR13C's frames, in the order and packing in which its FIFO holds them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from faceedge.simulation.devices.bgt60_timing import FrameTiming
from faceedge.simulation.devices.feed import MID_SCALE, Feed

WORD_BYTES = 3

_LFSR_PERIOD = 4095
_HEADER_SYNC, _HEADER_SET = 0x000000, 1


def _lfsr_words() -> np.ndarray:
    words = np.empty(_LFSR_PERIOD, np.uint16)
    word = 0x001
    for index in range(_LFSR_PERIOD):
        words[index] = word
        feedback = (word << 11) ^ (word << 10) ^ (word << 9) ^ (word << 3)
        word = (word >> 1) | (feedback & 0x800)
    return words


LFSR_WORDS = _lfsr_words()
"""(4095,) uint16: what receiver 1 delivers in test mode, from the start of the frames on, again and again."""


def pack(samples: np.ndarray) -> bytes:
    """FIFO words of 3 bytes from an even number of 12-bit samples, (n,) uint16."""
    first, second = samples[0::2], samples[1::2]
    words = np.empty((first.size, WORD_BYTES), np.uint8)
    words[:, 0] = first >> 4
    words[:, 1] = (first & 0xF) << 4 | second >> 8
    words[:, 2] = second & 0xFF
    return words.tobytes()


@dataclass(slots=True)
class Run:
    """Frames from one FRAME_START on; positions in words since then. Test words need no feed."""

    timing: FrameTiming
    ns_per_cycle: Fraction
    feed: Feed | None
    first_index: int
    test_words: bool
    start_ns: int = 0
    taken: int = 0
    misfits: int = 0
    cache: dict[int, np.ndarray] = field(default_factory=dict)

    def prepare(self) -> None:
        """Have the first frame ready, so that a feed may take its time before the frames start."""
        self._frame(0)

    def align(self, epoch_ns: int, now_ns: int) -> None:
        """Begin at the next frame; the first ramp of frame n lies n frame periods after ``epoch_ns``."""
        frame, before = self.timing.frame, self.timing.first_ramp
        index = math.ceil(((now_ns - epoch_ns) / self.ns_per_cycle + before) / frame)
        if index != self.first_index:
            self.cache.clear()
        self.first_index = index
        self.start_ns = epoch_ns + math.floor((index * frame - before) * self.ns_per_cycle)

    def words_at(self, now_ns: int) -> int:
        """Words written into the FIFO until ``now_ns``."""
        cycles = (now_ns - self.start_ns) * self.ns_per_cycle.denominator // self.ns_per_cycle.numerator
        return self.timing.samples_at(cycles) // 2

    def time_of_word(self, word: int) -> int | None:
        """When ``word`` (from 0) is in the FIFO, or None: never."""
        cycle = self.timing.cycle_of(2 * word + 1)
        return None if cycle is None else self.time_of_cycle(cycle)

    def time_of_cycle(self, cycle: int) -> int:
        return self.start_ns - (-cycle * self.ns_per_cycle.numerator // self.ns_per_cycle.denominator)

    def frames_at(self, now_ns: int) -> int:
        """Frames of which there is at least one word."""
        return -(-2 * self.words_at(now_ns) // self.timing.fifo_samples_per_frame)

    def take(self, count: int) -> bytes:
        """The next ``count`` words."""
        per_frame = self.timing.fifo_samples_per_frame
        start, stop = 2 * self.taken, 2 * (self.taken + count)
        pieces = []
        while start < stop:
            frame, offset = divmod(start, per_frame)
            end = min(stop, (frame + 1) * per_frame)
            pieces.append(self._frame(frame)[offset : offset + end - start])
            start = end
        self.taken += count
        for old in [frame for frame in self.cache if (frame + 1) * per_frame <= stop]:
            del self.cache[old]
        return pack(np.concatenate(pieces)) if pieces else b""

    def _frame(self, frame: int) -> np.ndarray:
        """All samples of ``frame`` in FIFO order, (n,) uint16."""
        if frame not in self.cache:
            timing = self.timing
            if self.feed is None:
                cube = np.full((len(timing.rx), timing.chirps, timing.samples), MID_SCALE, np.uint16)
            else:
                cube = self._fitted(self.feed.cube(self.first_index + frame))
            order = cube.transpose(1, 2, 0).reshape(timing.chirps, -1)
            if self.test_words and timing.rx[0] == 1:
                count = timing.chirps * timing.samples
                words = LFSR_WORDS[(np.arange(count) + frame * count) % _LFSR_PERIOD]
                order[:, 0 :: len(timing.rx)] = words.reshape(timing.chirps, -1)
            if timing.header_samples:
                order = np.concatenate((self._headers(frame), order), axis=1)
            self.cache[frame] = order.reshape(-1)
        return self.cache[frame]

    def _fitted(self, cube: np.ndarray) -> np.ndarray:
        """``cube`` as these settings sample it: receivers chosen by number, cut or filled up where it differs."""
        timing = self.timing
        if len(cube) == 3 and len(timing.rx) < 3:
            cube = cube[[number - 1 for number in timing.rx]]
        shape = (len(timing.rx), timing.chirps, timing.samples)
        silent = [place for place, number in enumerate(timing.rx) if number not in timing.mixing]
        if cube.shape == shape and not silent:
            return cube & 0xFFF
        fitted = np.full(shape, MID_SCALE, np.uint16)
        common = tuple(slice(0, min(have, want)) for have, want in zip(cube.shape, shape, strict=True))
        fitted[common] = cube[common] & 0xFFF
        fitted[silent] = MID_SCALE
        self.misfits += cube.shape != shape
        return fitted

    def _headers(self, frame: int) -> np.ndarray:
        """(chirp, 6): sync word, frame and chirp counter, chirp length and channel set, as places of 12 bit."""
        headers = np.zeros((self.timing.chirps, self.timing.header_samples), np.uint16)
        headers[:, 0:2] = _HEADER_SYNC
        headers[:, 2] = frame & 0xFFF
        headers[:, 3] = np.arange(self.timing.chirps) & 0xFFF
        headers[:, 4] = self.timing.samples & 0xFFF
        headers[:, 5] = _HEADER_SET
        return headers
