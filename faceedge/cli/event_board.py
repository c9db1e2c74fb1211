"""What the demonstration has seen of an event camera, and a picture of its last events."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from faceedge.cli.palette import Colour
from faceedge.events.event import no_events
from faceedge.events.evt3 import Decoder

BRIGHTER: Colour = (245, 176, 30)
DARKER: Colour = (84, 133, 240)
"""Of events in the terminal and in pictures; told apart with the common colour-vision deficiencies."""
BACKGROUND: Colour = (18, 22, 24)
SHOWN_NS = 100_000_000
"""Of the live view's picture."""
RATE_WINDOW_NS = 1_000_000_000
_FULL_SHARE = 0.7
"""Of the pixels along a side of what a pixel of a picture covers: as many events show two thirds of their colour. An
edge that moves through makes more of them, noise fewer."""


def picture_of(events: np.ndarray, size: tuple[int, int], sensor: tuple[int, int]) -> np.ndarray:
    """(height, width, 3) uint8 BGR: what became brighter and what became darker.

    Args:
        events: (n,) of `EVENT_DTYPE`.
        size, sensor: width and height of the picture and of the sensor in pixels.
    """
    (width, height), (columns, rows) = size, sensor
    full = _FULL_SHARE * max(1.0, math.sqrt(columns * rows / (width * height)))
    place = events["y"].astype(np.int64) * height // rows * width + events["x"].astype(np.int64) * width // columns
    picture = np.empty((height * width, 3))
    picture[:] = BACKGROUND
    for polarity, colour in ((False, DARKER), (True, BRIGHTER)):
        counts = np.bincount(place[events["p"] == polarity], minlength=height * width)
        share = 1 - np.exp(-counts / full)
        picture += share[:, np.newaxis] * (np.array(colour) - picture)
    return picture.reshape(height, width, 3)[..., ::-1].astype(np.uint8)


@dataclass
class EventBoard:
    """Packets so far. The scoreboard's lock guards it.

    Attributes:
        width, height: of the sensor; 0 before the first packet.
        packets, events: how many came.
        latency_ms: from a packet's first event to this process.
    """

    width: int = 0
    height: int = 0
    packets: int = 0
    events: int = 0
    latency_ms: list[float] = field(default_factory=list)
    _decoder: Decoder | None = None
    _recent: deque[tuple[int, np.ndarray]] = field(default_factory=deque)

    def packet(self, stamp_ns: int, size: tuple[int, int], words: bytes, received_ns: int) -> None:
        """A packet of EVT3 words."""
        if self._decoder is None or size != (self.width, self.height):
            self._decoder = Decoder(*size)
            self.width, self.height = size
        events = self._decoder.feed(words)
        self.packets += 1
        self.events += len(events)
        self.latency_ms.append((received_ns - stamp_ns) / 1e6)
        self._recent.append((stamp_ns, events))
        while self._recent[0][0] < stamp_ns - RATE_WINDOW_NS:
            self._recent.popleft()

    def rate_hz(self) -> float:
        """Events a second over the last second."""
        if len(self._recent) < 2:
            return 0.0
        span_ns = self._recent[-1][0] - self._recent[0][0]
        return sum(len(events) for _, events in list(self._recent)[:-1]) * 1e9 / max(span_ns, 1)

    def picture(self, size: tuple[int, int]) -> np.ndarray | None:
        """(height, width, 3) uint8 BGR of the last events; None before the first."""
        if not self._recent:
            return None
        newest_ns = self._recent[-1][0]
        shown = [events for stamp_ns, events in self._recent if stamp_ns > newest_ns - SHOWN_NS]
        return picture_of(np.concatenate([no_events(), *shown]), size, (self.width, self.height))


def figures(board: EventBoard) -> str:
    """Rate in a few words."""
    rate = board.rate_hz()
    return f"{rate / 1e3:.1f} kev/s" if rate < 1e6 else f"{rate / 1e6:.2f} Mev/s"
