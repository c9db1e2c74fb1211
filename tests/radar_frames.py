"""What tests of BGT60TR13C drivers share: a chirp of two blocks a frame, cubes to recognise, a transport to spoil."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from chirps import bgt60_chirp

from faceedge.errors import InputError
from faceedge.radar.bgt60_transport import Block, Transport
from faceedge.radar.frame import RadarFrame
from faceedge.radar.source_base import RadarSource
from faceedge.simulation.devices.feed import CallableFeed

SMALL = bgt60_chirp(58e9, 63e9, 64, 32, chirp_period_s=200e-6, frame_period_s=20e-3, high_pass_hz=80e3)
"""3 x 32 x 64: 3,072 FIFO words a frame, read in two blocks; the FIFO holds 53 ms of it."""


def cube(index: int, shape: tuple[int, int, int] = SMALL.cube_shape) -> np.ndarray:
    """Noise that starts with its number."""
    noise = np.random.default_rng(index).integers(0, 4096, shape, np.uint16)
    noise[0, 0, :2] = divmod(index, 4096)
    return noise


FEED = CallableFeed(cube)


def index_of(frame: RadarFrame) -> int:
    """The number of the cube that a frame shows; fails unless every sample of it is right."""
    assert frame.cube is not None
    high, low = map(int, frame.cube[0, 0, :2])
    np.testing.assert_array_equal(frame.cube, cube(high * 4096 + low, frame.cube.shape))
    return high * 4096 + low


def read_frames(source: RadarSource, count: int) -> list[RadarFrame]:
    """So many whole frames; damaged ones in between are reported by InputError and passed over."""
    frames: list[RadarFrame] = []
    silence = 0
    while len(frames) < count:
        try:
            frame = source.read(1.0)
        except InputError:
            continue
        silence = 0 if frame else silence + 1
        assert silence < 20, "nothing comes"
        if frame is not None:
            frames.append(frame)
    return frames


class Between:
    """A transport in which a test changes what comes back.

    Args:
        on_block: gets each block, gives what becomes of it; None: it is lost.
        on_transfer: gets what was sent and what came back, gives what the driver sees.
    """

    def __init__(
        self,
        inner: Transport,
        on_block: Callable[[Block], Block | None] = lambda block: block,
        on_transfer: Callable[[bytes, bytes], bytes] = lambda sent, got: got,
    ) -> None:
        self.inner, self.on_block, self.on_transfer = inner, on_block, on_transfer
        self.description, self.counters = inner.description, inner.counters
        self.sent: list[bytes] = []

    def open(self) -> None:
        self.inner.open()

    def close(self) -> None:
        self.inner.close()

    def reset(self) -> None:
        self.inner.reset()

    def transfer(self, data: bytes) -> bytes:
        self.sent.append(data)
        return self.on_transfer(data, self.inner.transfer(data))

    def start_stream(self, words: int) -> None:
        self.inner.start_stream(words)

    def read_block(self, timeout_s: float) -> Block | None:
        while (block := self.inner.read_block(timeout_s)) is not None:
            if (changed := self.on_block(block)) is not None:
                return changed
        return None

    def stop_stream(self) -> None:
        self.inner.stop_stream()
