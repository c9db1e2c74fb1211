"""A camera behind Video4Linux 2: USB webcams, capture cards, v4l2loopback."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import time
from pathlib import Path

import cv2
import numpy as np

from faceedge.camera import source_v4l2_abi as abi
from faceedge.camera.frame import Frame
from faceedge.camera.pictures import decode_picture
from faceedge.camera.source_base import Source, SourceSettings
from faceedge.errors import DeviceError, InputError
from faceedge.timing import to_system_ns

DEFAULT_SIZE = (640, 480)
DEFAULT_RATE_HZ = 30.0
BUFFERS = 4
STALLED_S = 3.0
"""A streaming device that gives no picture for so long is taken for gone."""

# A USB 2 camera sends uncompressed 640x480 at 30 Hz (18 MB/s) and little more; beyond that JPEG comes at a higher rate.
_UNCOMPRESSED_PIXELS_PER_S = 640 * 480 * 30
_LARGE_ORDER = ("MJPG", "YUYV", "JPEG", "BGR3", "UYVY", "NV12", "GREY")
_SMALL_ORDER = ("YUYV", "MJPG", "BGR3", "UYVY", "JPEG", "NV12", "GREY")

# fourcc -> (rows of the buffer per row of the picture, bytes a pixel in a row, OpenCV's conversion)
_UNCOMPRESSED: dict[str, tuple[float, int, int | None]] = {
    "YUYV": (1, 2, cv2.COLOR_YUV2BGR_YUYV),
    "UYVY": (1, 2, cv2.COLOR_YUV2BGR_UYVY),
    "NV12": (1.5, 1, cv2.COLOR_YUV2BGR_NV12),
    "BGR3": (1, 3, None),
    "GREY": (1, 1, cv2.COLOR_GRAY2BGR),
}
_COMPRESSED = ("MJPG", "JPEG")
STABLE_FOLDERS = ("/dev/v4l/by-id", "/dev/v4l/by-path")


def resolve_device(path: str, stable_folders: tuple[str, ...] = STABLE_FOLDERS) -> str:
    """The device file that a setting means: empty, ``2``, ``/dev/video2``, or (the name of) a link by id or by path.

    Looked up anew at every ``open()``: after unplugging, the number may be another while the stable id is the same.

    Raises:
        DeviceError: a name that is no path, no number and no stable id; the message lists those that are there.
    """
    if not path:
        return "/dev/video0"
    if path.isdecimal():
        return f"/dev/video{path}"
    if "/" in path:
        return os.path.realpath(path)
    present = []
    for folder in stable_folders:
        if os.path.isdir(folder):
            names = sorted(os.listdir(folder))
            present += names
            if path in names:
                return os.path.realpath(os.path.join(folder, path))
    raise DeviceError(
        f"no camera with the stable id {path!r}; "
        + (f"present: {', '.join(present)}." if present else "none is listed in /dev/v4l; is the camera plugged in?")
    )


def to_bgr(data: bytes | memoryview, pixel_format: str, width: int, height: int, stride: int) -> np.ndarray:
    """One buffer as a picture of its own.

    Args:
        data: the bytes in use of the buffer.
        pixel_format: FourCC, one of those in ``_UNCOMPRESSED`` or ``_COMPRESSED``.
        width, height: of the picture; stride: bytes a row in the buffer.

    Returns:
        (height, width, 3) uint8, BGR.

    Raises:
        InputError: too few bytes, or a damaged JPEG.
    """
    if pixel_format in _COMPRESSED:
        return decode_picture(bytes(data), f"{pixel_format} picture from the camera")
    rows_factor, pixel_bytes, conversion = _UNCOMPRESSED[pixel_format]
    rows, row_bytes = int(height * rows_factor), width * pixel_bytes
    stride = max(stride, row_bytes)
    if len(data) < stride * (rows - 1) + row_bytes:
        raise InputError(
            f"{pixel_format} picture of {width}x{height}: expected {stride * rows} bytes, {len(data)} came; dropped."
        )
    flat = np.frombuffer(data, np.uint8)
    rows_view = np.lib.stride_tricks.as_strided(flat, (rows, row_bytes), (stride, 1), writeable=False)
    if conversion is None:
        return rows_view.reshape(height, width, 3).copy()
    packed = np.ascontiguousarray(rows_view.reshape(rows, width, pixel_bytes) if pixel_bytes > 1 else rows_view)
    return np.asarray(cv2.cvtColor(packed, conversion), np.uint8)


class V4l2Source(Source):
    """Streams with memory-mapped buffers; ``stamp_ns`` is the buffer's own time stamp.

    uvcvideo stamps the start of the exposure (computed from the camera's clock) and other drivers the moment at which
    the first bytes arrived; both are on CLOCK_MONOTONIC. When the reader is late, it gets the newest picture and
    ``dropped`` counts the ones before it, together with those that the sensor's sequence numbers leave out.
    """

    def __init__(self, settings: SourceSettings, kernel: abi.Kernel | None = None) -> None:
        super().__init__(settings)
        self._kernel = kernel or abi.LinuxKernel()
        self._fd: int | None = None
        self._maps: list[mmap.mmap | bytearray] = []
        self._streaming = False
        self._pixel_format = ""
        self._stride = 0
        self._sequence: int | None = None
        self._last_picture_s = 0.0

    def open(self) -> None:
        """See `Source.open`."""
        self.close()
        path = resolve_device(self.settings.path)
        try:
            self._fd = self._kernel.open(path)
            self._describe(path)
            self._set_format()
            self._set_rate()
            self._start()
        except OSError as error:
            self.close()
            raise DeviceError(_sentence(path, error)) from error
        except DeviceError:
            self.close()
            raise
        self._sequence = None
        self._last_picture_s = time.monotonic()

    def _ioctl(self, request: int, argument: ctypes.Structure | ctypes.c_int) -> None:
        assert self._fd is not None
        self._kernel.ioctl(self._fd, request, argument)

    def _describe(self, path: str) -> None:
        about = abi.Capability()
        self._ioctl(abi.QUERYCAP, about)
        caps = about.device_caps if about.capabilities & abi.CAP_DEVICE_CAPS else about.capabilities
        card = about.card.decode("utf-8", "replace")
        self.description = f"{card} ({path})"
        if not caps & abi.CAP_VIDEO_CAPTURE or not caps & abi.CAP_STREAMING:
            raise DeviceError(
                f"{path} ({card}) is no camera that streams pictures (a metadata node, a codec or a radio is not); "
                "choose another /dev/video number, `faceedge doctor` lists them."
            )

    def _set_format(self) -> None:
        width, height = (self.settings.width, self.settings.height) if self.settings.width else DEFAULT_SIZE
        rate = self.settings.rate_hz or DEFAULT_RATE_HZ
        order = _SMALL_ORDER if width * height * rate <= _UNCOMPRESSED_PIXELS_PER_S else _LARGE_ORDER
        wanted = (self.settings.pixel_format,) if self.settings.pixel_format else order
        got = ""
        for code in wanted:
            form = abi.Format(type=abi.BUF_TYPE_VIDEO_CAPTURE)
            form.fmt.pix = abi.PixFormat(width=width, height=height, pixelformat=abi.fourcc(code), field=abi.FIELD_ANY)
            self._ioctl(abi.S_FMT, form)  # the driver writes back what it gives instead
            got = abi.fourcc_text(form.fmt.pix.pixelformat)
            if got == code and (code in _UNCOMPRESSED or code in _COMPRESSED):
                self._pixel_format = code
                self.width, self.height = form.fmt.pix.width, form.fmt.pix.height
                self._stride = form.fmt.pix.bytesperline
                return
        raise DeviceError(
            f"{self.description} gives {got!r}; expected one of {', '.join(wanted)}. A camera that gives raw sensor "
            "data (Raspberry Pi camera) needs the source picamera2."
        )

    def _set_rate(self) -> None:
        rate = self.settings.rate_hz or DEFAULT_RATE_HZ
        parm = abi.StreamParm(type=abi.BUF_TYPE_VIDEO_CAPTURE)
        parm.parm.capture.timeperframe = abi.Fract(1000, round(rate * 1000))
        self.rate_hz = rate
        try:
            self._ioctl(abi.S_PARM, parm)
        except OSError as error:
            if error.errno not in (errno.ENOTTY, errno.EINVAL):  # some devices have no rate to set
                raise
            return
        actual = parm.parm.capture.timeperframe
        if parm.parm.capture.capability & abi.CAP_TIMEPERFRAME and actual.numerator:
            self.rate_hz = actual.denominator / actual.numerator

    def _start(self) -> None:
        request = abi.RequestBuffers(count=BUFFERS, type=abi.BUF_TYPE_VIDEO_CAPTURE, memory=abi.MEMORY_MMAP)
        self._ioctl(abi.REQBUFS, request)
        if request.count < 2:
            raise DeviceError(
                f"{self.description} gave {request.count} of {BUFFERS} buffers; is another program using it?"
            )
        assert self._fd is not None
        for index in range(request.count):
            buffer = self._buffer(index)
            self._ioctl(abi.QUERYBUF, buffer)
            self._maps.append(self._kernel.map(self._fd, buffer.length, buffer.m.offset))
            self._ioctl(abi.QBUF, buffer)
        self._ioctl(abi.STREAMON, ctypes.c_int(abi.BUF_TYPE_VIDEO_CAPTURE))
        self._streaming = True

    @staticmethod
    def _buffer(index: int = 0) -> abi.Buffer:
        return abi.Buffer(index=index, type=abi.BUF_TYPE_VIDEO_CAPTURE, memory=abi.MEMORY_MMAP)

    def read(self, timeout_s: float = 1.0) -> Frame | None:
        """See `Source.read`."""
        if self._fd is None:
            raise DeviceError(f"{self.description} was read before it was opened.")
        try:
            buffer = self._newest(timeout_s)
        except OSError as error:
            raise DeviceError(_sentence(self.description, error)) from error
        if buffer is None:
            silent_s = time.monotonic() - self._last_picture_s
            if silent_s > STALLED_S:
                raise DeviceError(
                    f"{self.description} streams but gave no picture for {silent_s:.1f} s (expected {self.rate_hz:g} a "
                    "second); check the cable and whether another camera shares its USB controller."
                )
            return None
        self._last_picture_s = time.monotonic()
        sequence = self._count(buffer.sequence)
        try:
            if buffer.flags & abi.BUF_FLAG_ERROR or buffer.bytesused == 0:
                raise InputError(
                    f"{self.description}: picture {sequence} arrived damaged ({buffer.bytesused} bytes); dropped."
                )
            data = memoryview(self._maps[buffer.index])[: buffer.bytesused]
            image = to_bgr(data, self._pixel_format, self.width, self.height, self._stride)
            del data
            if image.shape[:2] != (self.height, self.width):
                raise InputError(
                    f"{self.description}: picture {sequence} is {image.shape[1]}x{image.shape[0]}, expected "
                    f"{self.width}x{self.height}; it was dropped."
                )
        except InputError:
            self.rejected += 1
            raise
        finally:
            self._requeue(buffer)
        return Frame(image, self._stamp_ns(buffer), sequence, self.settings.frame_id)

    def _newest(self, timeout_s: float) -> abi.Buffer | None:
        """The newest filled buffer; older ones go back to the driver unseen. None after ``timeout_s``."""
        assert self._fd is not None
        newest: abi.Buffer | None = None
        while self._kernel.wait(self._fd, timeout_s if newest is None else 0.0):
            buffer = self._buffer()
            try:
                self._ioctl(abi.DQBUF, buffer)
            except BlockingIOError:
                break
            if newest is not None:
                self._ioctl(abi.QBUF, newest)
            newest = buffer
        return newest

    def _requeue(self, buffer: abi.Buffer) -> None:
        try:
            self._ioctl(abi.QBUF, buffer)
        except OSError as error:
            raise DeviceError(_sentence(self.description, error)) from error

    def _count(self, sequence: int) -> int:
        """Count the gap before ``sequence``; drivers that do not count (always 0) get our own number."""
        if self._sequence is None:
            self._sequence = sequence
        elif sequence > self._sequence:
            self.dropped += sequence - self._sequence - 1
            self._sequence = sequence
        else:
            self._sequence += 1
        return self._sequence

    @staticmethod
    def _stamp_ns(buffer: abi.Buffer) -> int:
        if buffer.flags & abi.BUF_FLAG_TIMESTAMP_MASK != abi.BUF_FLAG_TIMESTAMP_MONOTONIC:
            return time.time_ns()
        sensor_ns = buffer.timestamp.tv_sec * 1_000_000_000 + buffer.timestamp.tv_usec * 1000
        return to_system_ns(sensor_ns, time.CLOCK_MONOTONIC)

    def close(self) -> None:
        """See `Source.close`."""
        if self._fd is None:
            return
        if self._streaming:
            with contextlib.suppress(OSError):  # the device may be gone already
                self._ioctl(abi.STREAMOFF, ctypes.c_int(abi.BUF_TYPE_VIDEO_CAPTURE))
            self._streaming = False
        for mapped in self._maps:
            if isinstance(mapped, mmap.mmap):
                with contextlib.suppress(BufferError):  # a traceback may still show it; then it goes with that
                    mapped.close()
        self._maps = []
        self._kernel.close(self._fd)
        self._fd = None


def _sentence(what: str, error: OSError) -> str:
    """What an error number of the kernel means for the owner of a camera."""
    reasons = {
        errno.ENOENT: "is not there; is the camera plugged in? `faceedge doctor` lists what is",
        errno.ENODEV: "went away; plug it in again",
        errno.EIO: "does not answer; unplug it and plug it in again",
        errno.EACCES: "may not be opened by this user; `sudo usermod -aG video $USER` and log in again",
        errno.EPERM: "may not be opened here; in a container, pass the device with --device",
        errno.EBUSY: "is in use by another program; `fuser -v /dev/video*` names it",
        errno.ENOTTY: "is no Video4Linux device; expected a /dev/video file",
        errno.ENOSPC: "finds no room on its USB bus; use a lower size or rate, or another port",
    }
    folder_note = ""
    if error.errno == errno.ENOENT and what.startswith("/") and not Path("/dev/v4l").exists():
        folder_note = " (no camera at all is listed in /dev/v4l)"
    reason = reasons.get(error.errno or 0, f"failed: {error.strerror or error}")
    return f"camera {what} {reason}{folder_note}."
