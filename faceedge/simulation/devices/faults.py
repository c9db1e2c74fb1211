"""What can go wrong between a sensor and its host, on demand and repeatable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from faceedge.errors import ConfigurationError

GARBAGE_BYTES = (1, 64)
"""Length of one insertion of garbage, smallest and largest."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults of an emulated device; by default none.

    Rates are probabilities from 0 to 1. The same seed and the same bytes give the same faults, however the bytes are
    cut into chunks.

    Attributes:
        seed: of everything random.
        lose_rate: each byte on the line vanishes with this probability.
        flip_rate: each byte on the line changes into another one with this probability.
        garbage_rate: before each byte 1 to 64 random bytes are inserted with this probability.
        stall_after_bytes, stall_s: once, after so many bytes, the line is silent for so long. 0 bytes: never.
        unplug_after_bytes, replug_after_s: once, after so many bytes, the device vanishes, and comes back after so
            long. 0 bytes: never; 0 s: it stays away.
        baud: rate at which the device sends; a host that set its port to another one gets nonsense. 0: any will do.
        crc_error_rate: each frame with a checksum gets a wrong one with this probability.
        fifo_overflow_after_blocks: once, after so many blocks, the microcontroller reads the chip's FIFO too late.
            0: never.
        clock_drift_ppm: the device's clock is faster than the host's by so much.
    """

    seed: int = 0
    lose_rate: float = 0.0
    flip_rate: float = 0.0
    garbage_rate: float = 0.0
    stall_after_bytes: int = 0
    stall_s: float = 1.0
    unplug_after_bytes: int = 0
    replug_after_s: float = 0.5
    baud: int = 0
    crc_error_rate: float = 0.0
    fifo_overflow_after_blocks: int = 0
    clock_drift_ppm: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_rate") and not 0.0 <= value <= 1.0:
                raise ConfigurationError(f"fault {field.name} is a probability from 0 to 1, got {value!r}.")
            if field.name != "clock_drift_ppm" and value < 0:
                raise ConfigurationError(f"fault {field.name} must not be negative, got {value!r}.")
        if abs(self.clock_drift_ppm) >= 1e5:
            raise ConfigurationError(f"a clock drifts by less than 100000 ppm, got {self.clock_drift_ppm!r}.")

    @classmethod
    def parse(cls, options: Iterable[str]) -> Self:
        """Faults from ``NAME=VALUE`` texts, as on the command line.

        Raises:
            ConfigurationError: not of that form, no such fault, or no such value.
        """
        kinds = {field.name: (float if "." in repr(field.default) else int) for field in fields(cls)}
        values: dict[str, float] = {}
        for option in options:
            name, equals, text = option.partition("=")
            if not equals or name not in kinds:
                raise ConfigurationError(
                    f"expected a fault as NAME=VALUE with NAME in {', '.join(kinds)}, got {option!r}."
                )
            try:
                values[name] = kinds[name](text)
            except ValueError as error:
                kind = "whole number" if kinds[name] is int else "number"
                raise ConfigurationError(f"fault {name} is a {kind}, got {text!r}.") from error
        return cls(**values)  # type: ignore[arg-type]

    @property
    def on_the_line(self) -> bool:
        """Some bytes do not arrive as they were sent."""
        return self.lose_rate > 0 or self.flip_rate > 0 or self.garbage_rate > 0


class LineFaults:
    """Loses, changes and inserts bytes of one stream as its ``Faults`` say.

    ``apply`` is called with the stream chunk by chunk. Each kind of fault draws from a generator of its own, one number
    a byte, so that the outcome does not depend on the cuts.
    """

    def __init__(self, faults: Faults, stream: int = 0) -> None:
        self.faults = faults
        seeds = np.random.SeedSequence((faults.seed, stream)).spawn(5)
        self._lose, self._flip, self._flips, self._insert, self._garbage = (np.random.default_rng(s) for s in seeds)
        self.lost = 0
        self.flipped = 0
        self.inserted = 0

    def apply(self, chunk: bytes) -> bytes:
        """What arrives of ``chunk``."""
        if not self.faults.on_the_line or not chunk:
            return chunk
        data = np.frombuffer(chunk, np.uint8).copy()
        flip = self._flip.random(data.size) < self.faults.flip_rate
        data[flip] ^= self._flips.integers(1, 256, int(flip.sum()), np.uint8)
        keep = self._lose.random(data.size) >= self.faults.lose_rate
        insert = np.flatnonzero(self._insert.random(data.size) < self.faults.garbage_rate)
        self.flipped += int(flip.sum())
        self.lost += int(data.size - keep.sum())
        pieces: list[bytes] = []
        start = 0
        for place in insert:
            pieces.append(data[start:place][keep[start:place]].tobytes())
            pieces.append(self._garbage.bytes(int(self._garbage.integers(GARBAGE_BYTES[0], GARBAGE_BYTES[1] + 1))))
            self.inserted += len(pieces[-1])
            start = int(place)
        pieces.append(data[start:][keep[start:]].tobytes())
        return b"".join(pieces)


class WrongBaud:
    """What a host receives that reads at another rate than the device sends: bytes, but not these."""

    def __init__(self, seed: int = 0) -> None:
        self._generator = np.random.default_rng((seed, 0xBA0D))

    def apply(self, chunk: bytes) -> bytes:
        """As many random bytes."""
        return self._generator.bytes(len(chunk))
