"""The Raspberry Pi camera, through picamera2 and libcamera."""

from __future__ import annotations

import concurrent.futures
import contextlib
import importlib
import time
from typing import Any

import numpy as np

from faceedge.camera.frame import Frame
from faceedge.camera.source_base import Source, SourceSettings
from faceedge.errors import DeviceError
from faceedge.timing import to_system_ns

DEFAULT_SIZE = (640, 480)
DEFAULT_RATE_HZ = 30.0
BUFFERS = 6
"""Pictures that wait with us and with the consumers are buffers that the camera lacks."""
STALLED_S = 3.0
_FORMAT = "RGB888"  # libcamera names the little-endian word: in memory it is B, G, R


class _Held:
    """Memory of one completed request, given back to the camera when the last array that shows it is gone.

    NumPy keeps the object behind ``__array_interface__`` alive for the picture and for every slice of it, so consumers
    may keep a frame as long as they like without copying it, and need not know who owns it. Each kept frame costs one
    of the camera's ``BUFFERS``.
    """

    def __init__(self, module: Any, request: Any) -> None:
        self._request = request
        self._mapped: Any = None
        mapped = module.MappedArray(request, "main", write=False)
        mapped.__enter__()
        self._mapped = mapped
        self.__array_interface__ = mapped.array.__array_interface__

    def __del__(self) -> None:
        try:
            if self._mapped is not None:
                self._mapped.__exit__(None, None, None)
        finally:
            self._request.release()


class Picamera2Source(Source):
    """Pictures in the camera's own memory, without a copy; ``stamp_ns`` is libcamera's SensorTimestamp.

    SensorTimestamp is the moment at which the first row was exposed, on CLOCK_BOOTTIME. Drops are counted from the gap
    between two stamps, because libcamera's sequence numbers count requests and not exposures.
    """

    def __init__(self, settings: SourceSettings, module: Any = None) -> None:
        super().__init__(settings)
        self._module = module
        self._camera: Any = None
        self._job: Any = None
        self._sequence = -1
        self._last_sensor_ns: int | None = None
        self._last_picture_s = 0.0

    def open(self) -> None:
        """See `Source.open`."""
        self.close()
        if self._module is None:
            try:
                self._module = importlib.import_module("picamera2")
            except ImportError as error:
                raise DeviceError(
                    f"the source picamera2 needs the Python package picamera2 ({error}); on Raspberry Pi OS: `sudo apt "
                    "install python3-picamera2`, and a virtual environment made with --system-site-packages. For a USB "
                    "camera choose the source v4l2."
                ) from error
        number = self._choose()
        width, height = (self.settings.width, self.settings.height) if self.settings.width else DEFAULT_SIZE
        self.rate_hz = self.settings.rate_hz or DEFAULT_RATE_HZ
        duration_us = round(1e6 / self.rate_hz)
        try:
            self._camera = self._module.Picamera2(number)
            configuration = self._camera.create_video_configuration(
                main={"size": (width, height), "format": _FORMAT},
                controls={"FrameDurationLimits": (duration_us, duration_us)},
                buffer_count=BUFFERS,
            )
            self._camera.configure(configuration)
            self.width, self.height = self._camera.camera_configuration()["main"]["size"]
            self._camera.start()
        except (RuntimeError, OSError, ValueError, IndexError) as error:
            self.close()
            raise DeviceError(
                f"Raspberry Pi camera {self.settings.path or number} cannot start: {error}. Is another program using "
                "it (`rpicam-hello --list-cameras` shows whether the system sees it)?"
            ) from error
        self._last_sensor_ns = None
        self._last_picture_s = time.monotonic()

    def _choose(self) -> int:
        """Number of the camera that ``path`` means: empty, a number, or a part of its model or id."""
        cameras = self._module.Picamera2.global_camera_info()
        if not cameras:
            raise DeviceError(
                "libcamera sees no camera; check the ribbon cable and which way round it is, then "
                "`rpicam-hello --list-cameras`."
            )
        wanted = self.settings.path
        for number, camera in enumerate(cameras):
            named = f"{camera.get('Model', '')} {camera.get('Id', '')}"
            if wanted in ("", str(number)) or (not wanted.isdecimal() and wanted.lower() in named.lower()):
                self.description = named.strip() or f"camera {number}"
                return int(camera.get("Num", number))
        names = ", ".join(f"{n}: {c.get('Model', '?')} ({c.get('Id', '?')})" for n, c in enumerate(cameras))
        raise DeviceError(f"no Raspberry Pi camera matches {wanted!r}; present: {names}.")

    def read(self, timeout_s: float = 1.0) -> Frame | None:
        """See `Source.read`."""
        if self._camera is None:
            raise DeviceError("the Raspberry Pi camera was read before it was opened.")
        try:
            # A job that timed out still waits for its picture: asking again would queue a second one behind it.
            self._job = self._job or self._camera.capture_request(wait=False)
            request = self._job.get_result(timeout=timeout_s)
        except (TimeoutError, concurrent.futures.TimeoutError):  # two classes on CPython 3.10
            self._check_alive()
            return None
        except (RuntimeError, OSError) as error:
            raise DeviceError(f"Raspberry Pi camera {self.description} went away: {error}.") from error
        self._job = None
        self._last_picture_s = time.monotonic()
        metadata = request.get_metadata()
        image = np.asarray(_Held(self._module, request))
        sensor_ns = int(metadata.get("SensorTimestamp", 0))
        self._count(sensor_ns, float(metadata.get("FrameDuration", 1e6 / self.rate_hz)) * 1e3)
        stamp_ns = to_system_ns(sensor_ns, time.CLOCK_BOOTTIME) if sensor_ns else time.time_ns()
        return Frame(image, stamp_ns, self._sequence, self.settings.frame_id)

    def _check_alive(self) -> None:
        silent_s = time.monotonic() - self._last_picture_s
        if silent_s > STALLED_S:
            raise DeviceError(
                f"Raspberry Pi camera {self.description} gave no picture for {silent_s:.1f} s (expected "
                f"{self.rate_hz:g} a second); check the ribbon cable, or whether over {BUFFERS - 1} frames are kept."
            )

    def _count(self, sensor_ns: int, duration_ns: float) -> None:
        missed = 0
        if self._last_sensor_ns is not None and sensor_ns and duration_ns > 0:
            missed = max(0, round((sensor_ns - self._last_sensor_ns) / duration_ns) - 1)
        self.dropped += missed
        self._sequence += 1 + missed
        self._last_sensor_ns = sensor_ns or None

    def close(self) -> None:
        """See `Source.close`."""
        camera, self._camera, self._job = self._camera, None, None
        if camera is None:
            return
        with contextlib.suppress(RuntimeError, OSError):  # gone already is what was asked for
            camera.stop()
            camera.close()
