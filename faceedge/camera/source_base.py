"""What every camera source has in common: its settings, its counters and the order of calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from faceedge.camera.frame import Frame
from faceedge.errors import ConfigurationError

KINDS = ("picamera2", "v4l2", "video", "images")
MAX_SIDE_PX = 16384
MAX_RATE_HZ = 1000.0


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Where pictures come from.

    Attributes:
        kind: one of ``KINDS``.
        path: v4l2: ``/dev/video2``, ``2``, ``/dev/v4l/by-id/...`` or the name of a link there; picamera2: the camera's
            number or a part of its id; video: a file; images: a folder or one picture. Empty: the first device.
        width, height: size of the delivered pictures in pixels. Both 0: the device's default (640x480) or the file's
            own size. Files of another shape are scaled and get black borders, so that nothing is distorted.
        rate_hz: frames a second. 0: 30 for a device, the file's own rate for a video, 10 for pictures.
        loop: files only: start again at the end.
        frame_id: the optical frame that goes into every ``Frame``.
        pixel_format: v4l2 only: a FourCC such as ``MJPG`` or ``YUYV``. Empty: what suits size and rate.
        epoch_ns: video only: the moment of the file's first picture, ns of the system clock, so that several recordings
            play in step. A moment in the past begins further on in the file. 0: when the file is opened.
    """

    kind: str = "v4l2"
    path: str = ""
    width: int = 0
    height: int = 0
    rate_hz: float = 0.0
    loop: bool = False
    frame_id: str = "camera_optical_frame"
    pixel_format: str = ""
    epoch_ns: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigurationError(f"source kind must be one of {', '.join(KINDS)}, not {self.kind!r}.")
        if (self.width == 0) != (self.height == 0):
            raise ConfigurationError(
                f"width and height belong together: got {self.width}x{self.height}; set both, or both to 0 for the "
                "source's own size."
            )
        if not (0 <= self.width <= MAX_SIDE_PX and 0 <= self.height <= MAX_SIDE_PX):
            raise ConfigurationError(
                f"width and height must lie within 0..{MAX_SIDE_PX} pixels, got {self.width}x{self.height}."
            )
        if not 0.0 <= self.rate_hz <= MAX_RATE_HZ:  # also refuses NaN
            raise ConfigurationError(f"rate_hz must lie within 0..{MAX_RATE_HZ:g} frames a second, got {self.rate_hz}.")
        if self.kind in ("video", "images") and not self.path:
            raise ConfigurationError(f"a source of kind {self.kind!r} needs the path of a file or folder; it is empty.")


class Source(ABC):
    """A stream of pictures: ``open()``, then ``read()`` again and again, ``close()``, and perhaps ``open()`` anew.

    One thread reads. ``close()`` may be called twice. Usable as a context manager.

    Attributes, valid from ``open()`` on:
        width, height: size of the pictures that come, in pixels.
        rate_hz: nominal rate.
        description: the device in a few words, for diagnostics (hardware_id).
        dropped: pictures that the sensor took and nobody got, counted from the sensor's own numbers.
        rejected: pictures that came damaged.
        finished: a file is at its end; ``read()`` only returns None from here on.
    """

    def __init__(self, settings: SourceSettings) -> None:
        self.settings = settings
        self.width = settings.width
        self.height = settings.height
        self.rate_hz = settings.rate_hz
        self.description = f"{settings.kind} {settings.path}".strip()
        self.dropped = 0
        self.rejected = 0
        self.finished = False

    @abstractmethod
    def open(self) -> None:
        """Open the device or file.

        Raises:
            DeviceError: it is absent, busy, forbidden, or cannot deliver pictures of this kind.
            InputError: the file or folder is missing, empty or not what it should be.
        """

    @abstractmethod
    def read(self, timeout_s: float = 1.0) -> Frame | None:
        """The next picture, or None when none came within ``timeout_s`` (or the file is ``finished``).

        Raises:
            DeviceError: the device went away or stands still. Call ``close()``, wait, and ``open()`` again; how often
                and for how long is the caller's choice.
            InputError: one picture is damaged. It is counted in ``rejected`` and the next ``read()`` goes on.
        """

    @abstractmethod
    def close(self) -> None:
        """Give the device or file back."""

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
