"""What every radar source has in common: its counters and the order of calls."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.frame import RadarFrame


class RadarSource(ABC):
    """A stream of frames: ``open()``, then ``read()`` again and again, ``close()``, and perhaps ``open()`` anew.

    One thread reads. ``close()`` may be called twice. Usable as a context manager.

    Attributes, valid from ``open()`` on:
        chirp: what the device transmits.
        description: the device in a few words, for diagnostics (hardware_id).
        dropped: frames that the sensor made and nobody got, counted from the sensor's own numbers.
        late: frames that came more than one frame period after they were due.
        rejected: frames or packets that came damaged.
        counters: further counts by name, for diagnostics: resets, overflows, bytes skipped, CRC errors, ...
        temperature_c: of the chip; NaN: unknown.
        finished: a recording is at its end; ``read()`` only returns None from here on.
    """

    def __init__(self, chirp: ChirpSettings, description: str) -> None:
        self.chirp = chirp
        self.description = description
        self.dropped = 0
        self.late = 0
        self.rejected = 0
        self.counters: dict[str, int] = {}
        self.temperature_c = math.nan
        self.finished = False

    @abstractmethod
    def open(self) -> None:
        """Open the device or recording, configure it and start it.

        Raises:
            DeviceError: absent, busy, forbidden, not the expected device, or it refuses the settings; with a remedy.
            InputError: the recording is missing or not what it should be.
        """

    @abstractmethod
    def read(self, timeout_s: float = 1.0) -> RadarFrame | None:
        """The next frame, or None when none came within ``timeout_s`` (or the recording is ``finished``).

        Raises:
            DeviceError: the device went away or stands still. Call ``close()``, wait, and ``open()`` again.
            InputError: one frame is damaged. It is counted in ``rejected`` and the next ``read()`` goes on.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop the device and give it back."""

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
