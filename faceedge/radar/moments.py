"""Images of a radar with everything that a view of them needs, wherever they come from."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from faceedge.errors import ConfigurationError, DeviceError, InputError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.frame import RadarFrame
from faceedge.radar.imaging import Imager, Processing
from faceedge.radar.source_base import RadarSource

RATE_WINDOW_NS = 2_000_000_000
RETRY_S = 0.8
"""Between two attempts to open a device that went away."""
_NEWER_FRAMES = 2
"""So many later frames make it unlikely that a frame's missing image will come."""
SMALLEST_MAGNITUDE = 1e-3
"""In ADC counts; a bin below it (an exact zero) has no finite level."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Images of one frame.

    Attributes:
        stamp_ns: of its first chirp.
        range_doppler, micro: (range bin, Doppler bin) float32, magnitude in ADC counts; micro is None until enough
            frames came, and where a device does not give it.
    """

    stamp_ns: int
    range_doppler: np.ndarray
    micro: np.ndarray | None = None


def decibels(image: np.ndarray) -> np.ndarray:
    """Level of a magnitude image in dB over 1 ADC count, float32 of the same shape."""
    levels: np.ndarray = 20 * np.log10(np.maximum(image, SMALLEST_MAGNITUDE))
    return levels.astype(np.float32, copy=False)


class Pairing:
    """Puts the two images of a frame together, which come as messages of their own in any order."""

    def __init__(self) -> None:
        self._waiting: dict[int, dict[bool, np.ndarray]] = {}

    def add(self, stamp_ns: int, image: np.ndarray, *, micro: bool) -> list[Moment]:
        """Take an image; the moments that are complete now, or whose other image is not to be expected any more."""
        self._waiting.setdefault(stamp_ns, {})[micro] = image
        ready = []
        for stamp in sorted(self._waiting):
            newer = sum(other > stamp for other in self._waiting)
            if len(self._waiting[stamp]) < 2 and newer < _NEWER_FRAMES:
                break
            ready += self._take(stamp)
        return ready

    def finish(self) -> list[Moment]:
        """No more images will come: what is left."""
        return [moment for stamp in sorted(self._waiting) for moment in self._take(stamp)]

    def _take(self, stamp_ns: int) -> list[Moment]:
        images = self._waiting.pop(stamp_ns)
        return [Moment(stamp_ns, images[False], images.get(True))] if False in images else []


class Feed(ABC):
    """A stream of moments; a context manager.

    Attributes:
        description: where they come from, in a few words.
        chirp: of the radar; None before it is known.
        dropped: frames that did not arrive.
        temperature_c: of the radar; NaN: unknown.
        finished: nothing will come any more.
    """

    def __init__(self, description: str) -> None:
        self.description = description
        self.chirp: ChirpSettings | None = None
        self.dropped = 0
        self.temperature_c = math.nan
        self.finished = False
        self._stamps: deque[int] = deque(maxlen=1000)

    @abstractmethod
    def open(self) -> None:
        """Begin; raises FaceedgeError with a remedy."""

    @abstractmethod
    def next(self, timeout_s: float) -> Moment | None:
        """The next moment, or None when none came in time or the feed is ``finished``."""

    @abstractmethod
    def close(self) -> None:
        """Give everything back; may be called twice."""

    def rate_hz(self) -> float:
        """Frames a second by their stamps, over the last two seconds; 0 before the second frame."""
        while len(self._stamps) > 2 and self._stamps[-1] - self._stamps[0] > RATE_WINDOW_NS:
            self._stamps.popleft()
        span_ns = self._stamps[-1] - self._stamps[0] if len(self._stamps) > 1 else 0
        return (len(self._stamps) - 1) * 1e9 / span_ns if span_ns > 0 else 0.0

    def note(self, stamp_ns: int) -> None:
        """Count a frame for the rate."""
        self._stamps.append(stamp_ns)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class SourceFeed(Feed):
    """Moments of a radar or recording, computed here.

    Args:
        source: not opened yet.
        processing: of the images.
    """

    def __init__(self, source: RadarSource, processing: Processing | None = None) -> None:
        super().__init__(source.description)
        self._source, self._processing = source, processing or Processing()
        self._gone = False
        self._next_try = 0.0

    def open(self) -> None:
        """See `Feed.open`."""
        self._source.open()
        self._gone = False
        self.chirp = self._source.chirp
        self.description = self._source.description
        self._imager = Imager(self.chirp, self._processing)

    def next(self, timeout_s: float) -> Moment | None:
        """See `Feed.next`; raises InputError for a damaged frame, or a device that went away, and goes on after it."""
        frame = self._read(timeout_s)
        self.dropped = self._source.dropped
        self.finished = self._source.finished and frame is None
        if frame is None:
            return None
        self.temperature_c = self._source.temperature_c
        image = self._imager.range_doppler(frame)
        if image is None:
            raise ConfigurationError(
                self._imager.problem
                or f"{self.description} sends neither raw samples nor range-Doppler images, so there is nothing to "
                "draw; an IWR6843 sends them where the fifth number of guiMonitor in its .cfg is 1."
            )
        micro = self._imager.micro_range_doppler(frame)
        self.note(frame.stamp_ns)
        return Moment(frame.stamp_ns, image.copy(), None if micro is None else micro.copy())

    def _read(self, timeout_s: float) -> RadarFrame | None:
        """A frame of the device, which is opened again after it was gone."""
        try:
            if self._gone:
                if time.monotonic() < self._next_try:
                    time.sleep(timeout_s)
                    return None
                self.open()
            return self._source.read(timeout_s)
        except DeviceError as error:
            self._source.close()
            self._gone, self._next_try = True, time.monotonic() + RETRY_S
            raise InputError(str(error)) from error

    def close(self) -> None:
        """See `Feed.close`."""
        self._source.close()
