"""The V4L2 source against a camera behind faked system calls, and its structures against the kernel's numbers."""

from __future__ import annotations

import ctypes
import errno
import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceedge.camera import source_v4l2_abi as abi
from faceedge.camera.source_v4l2 import V4l2Source, resolve_device, to_bgr
from faceedge.camera.sources import SourceSettings
from faceedge.errors import DeviceError, InputError


class FakeCamera:
    """A camera driver: four mapped buffers, formats it knows, and pictures that a test hands to ``shoot``."""

    def __init__(self, formats: tuple[str, ...] = ("YUYV", "MJPG"), caps: int | None = None) -> None:
        self.formats = formats
        self.caps = abi.CAP_VIDEO_CAPTURE | abi.CAP_STREAMING if caps is None else caps
        self.calls: list[str] = []
        self.memory = [bytearray(640 * 480 * 2) for _ in range(4)]
        self.free: deque[int] = deque()
        self.ready: deque[abi.Buffer] = deque()
        self.error: dict[str, int] = {}
        self.sequence = 0
        self.pixel_format = ""
        self._handlers: dict[int, tuple[str, Callable[..., None]]] = {
            abi.QUERYCAP: ("QUERYCAP", self._querycap),
            abi.S_FMT: ("S_FMT", self._set_format),
            abi.S_PARM: ("S_PARM", self._set_parm),
            abi.REQBUFS: ("REQBUFS", lambda _: None),
            abi.QUERYBUF: ("QUERYBUF", self._query_buffer),
            abi.QBUF: ("QBUF", lambda buffer: self.free.append(buffer.index)),
            abi.DQBUF: ("DQBUF", self._dequeue),
            abi.STREAMON: ("STREAMON", lambda _: None),
            abi.STREAMOFF: ("STREAMOFF", lambda _: None),
        }

    def open(self, path: str) -> int:
        self.calls.append(f"open {path}")
        self._fail("open")
        return 42

    def ioctl(self, fd: int, request: int, argument: ctypes.Structure | ctypes.c_int) -> None:
        assert fd == 42
        name, handler = self._handlers[request]
        self.calls.append(name)
        self._fail(name)
        handler(argument)

    def map(self, fd: int, length: int, offset: int) -> bytearray:
        assert length == len(self.memory[offset])
        return self.memory[offset]

    def wait(self, fd: int, timeout_s: float) -> bool:
        return bool(self.ready) or "DQBUF" in self.error

    def close(self, fd: int) -> None:
        self.calls.append("close")

    def _fail(self, name: str) -> None:
        if name in self.error:
            raise OSError(self.error[name], os.strerror(self.error[name]))

    def _querycap(self, about: abi.Capability) -> None:
        about.card = b"Webcam C920"
        about.capabilities = abi.CAP_DEVICE_CAPS
        about.device_caps = self.caps

    def _set_format(self, form: abi.Format) -> None:
        wanted = abi.fourcc_text(form.fmt.pix.pixelformat)
        self.pixel_format = wanted if wanted in self.formats else self.formats[0]
        form.fmt.pix.pixelformat = abi.fourcc(self.pixel_format)
        form.fmt.pix.bytesperline = form.fmt.pix.width * 2 if self.pixel_format == "YUYV" else 0

    def _set_parm(self, parm: abi.StreamParm) -> None:
        parm.parm.capture.capability = abi.CAP_TIMEPERFRAME
        parm.parm.capture.timeperframe = abi.Fract(1, 25)

    def _query_buffer(self, buffer: abi.Buffer) -> None:
        buffer.length = len(self.memory[buffer.index])
        buffer.m.offset = buffer.index

    def _dequeue(self, buffer: abi.Buffer) -> None:
        ctypes.pointer(buffer)[0] = self.ready.popleft()

    def shoot(self, data: bytes, age_s: float = 0.0, flags: int = abi.BUF_FLAG_TIMESTAMP_MONOTONIC) -> None:
        """The sensor takes a picture; without a free buffer it is lost, as in a real driver."""
        number, self.sequence = self.sequence, self.sequence + 1
        if not self.free:
            return
        index = self.free.popleft()
        self.memory[index][: len(data)] = data
        buffer = abi.Buffer(index=index, bytesused=len(data), flags=flags, sequence=number)
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000 - round(age_s * 1e6)
        buffer.timestamp.tv_sec, buffer.timestamp.tv_usec = divmod(now_us, 1_000_000)
        self.ready.append(buffer)


def yuyv(luma: int, width: int = 640, height: int = 480) -> bytes:
    return bytes([luma, 128]) * (width * height)


def jpeg(width: int = 640, height: int = 480) -> bytes:
    return bytes(cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))[1])


def opened(camera: FakeCamera, **settings: object) -> V4l2Source:
    source = V4l2Source(SourceSettings(kind="v4l2", path="/dev/video0", **settings), camera)  # type: ignore[arg-type]
    source.open()
    return source


# --- the kernel's interface -------------------------------------------------------------------------------------------


@pytest.mark.skipif(ctypes.sizeof(ctypes.c_void_p) != 8, reason="the expected numbers are those of 64-bit Linux")
def test_structures_and_request_numbers_equal_those_of_the_kernel_header() -> None:
    sizes = {s.__name__: ctypes.sizeof(s) for s in (abi.Capability, abi.Format, abi.StreamParm, abi.Buffer)}
    assert sizes == {"Capability": 104, "Format": 208, "StreamParm": 204, "Buffer": 88}
    numbers = {name: f"{getattr(abi, name):#010x}" for name in ("QUERYCAP", "S_FMT", "S_PARM", "REQBUFS", "QUERYBUF")}
    assert numbers == {
        "QUERYCAP": "0x80685600",
        "S_FMT": "0xc0d05605",
        "S_PARM": "0xc0cc5616",
        "REQBUFS": "0xc0145608",
        "QUERYBUF": "0xc0585609",
    }
    assert (abi.QBUF, abi.DQBUF, abi.STREAMON, abi.STREAMOFF) == (0xC058560F, 0xC0585611, 0x40045612, 0x40045613)
    assert abi.Buffer.timestamp.offset == 24
    assert abi.Buffer.sequence.offset == 56
    assert abi.Buffer.m.offset == 64


def test_four_character_codes_go_both_ways() -> None:
    assert abi.fourcc("MJPG") == 0x47504A4D
    assert abi.fourcc_text(0x56595559) == "YUYV"
    assert abi.fourcc_text(0x00000001) == "????"


# --- streaming --------------------------------------------------------------------------------------------------------


def test_a_picture_comes_as_bgr_with_the_time_stamp_of_its_buffer() -> None:
    camera = FakeCamera()
    source = opened(camera)
    assert (source.width, source.height, source.rate_hz) == (640, 480, 25.0)
    assert source.description == "Webcam C920 (/dev/video0)"
    camera.shoot(yuyv(126), age_s=0.25)
    frame = source.read()
    assert frame is not None
    assert frame.image.shape == (480, 640, 3)
    assert (frame.image == 128).all()  # ITU-R BT.601: (126 - 16) * 1.164 = 128
    assert abs(time.time_ns() - frame.stamp_ns - 250_000_000) < 100_000_000
    source.close()
    assert camera.calls[-2:] == ["STREAMOFF", "close"]


def test_small_pictures_are_asked_for_uncompressed_and_large_ones_as_jpeg() -> None:
    small, large = FakeCamera(), FakeCamera()
    opened(small)
    opened(large, width=1920, height=1080)
    assert (small.pixel_format, large.pixel_format) == ("YUYV", "MJPG")


def test_a_format_that_the_user_names_is_taken_or_refused() -> None:
    camera = FakeCamera()
    opened(camera, pixel_format="MJPG")
    assert camera.pixel_format == "MJPG"
    with pytest.raises(DeviceError, match="gives 'YUYV'; expected one of BGR3"):
        opened(FakeCamera(), pixel_format="BGR3")


def test_gaps_in_the_sequence_numbers_are_drops() -> None:
    camera = FakeCamera()
    source = opened(camera)
    camera.shoot(yuyv(50))
    assert source.read() is not None
    camera.sequence += 3
    camera.shoot(yuyv(60))
    frame = source.read()
    assert frame is not None
    assert (frame.sequence, source.dropped) == (4, 3)


def test_a_late_reader_gets_the_newest_picture_and_the_older_ones_count_as_drops() -> None:
    camera = FakeCamera()
    source = opened(camera)
    camera.shoot(yuyv(16))
    source.read()
    for luma in (50, 60, 126):
        camera.shoot(yuyv(luma))
    frame = source.read()
    assert frame is not None
    assert frame.image[0, 0, 0] == 128
    assert (frame.sequence, source.dropped) == (3, 2)
    assert sorted(camera.free) == [0, 1, 2, 3]


def test_a_driver_that_does_not_count_causes_no_drops() -> None:
    camera = FakeCamera()
    source = opened(camera)
    sequences = []
    for _ in range(3):
        camera.sequence = 0
        camera.shoot(yuyv(50))
        frame = source.read()
        assert frame is not None
        sequences.append(frame.sequence)
    assert (sequences, source.dropped) == ([0, 1, 2], 0)


def test_a_buffer_without_a_monotonic_stamp_is_stamped_on_arrival() -> None:
    camera = FakeCamera()
    source = opened(camera)
    camera.shoot(yuyv(50), age_s=3.0, flags=0)
    before = time.time_ns()
    frame = source.read()
    assert frame is not None
    assert frame.stamp_ns >= before


@pytest.mark.parametrize(
    ("data", "flags", "sentence"),
    [
        (jpeg()[:-50], 0, "truncated JPEG"),
        (jpeg(320, 240), 0, "is 320x240, expected 640x480"),
        (jpeg(), abi.BUF_FLAG_ERROR, "arrived damaged"),
        (b"", 0, "arrived damaged"),
    ],
)
def test_a_damaged_picture_is_a_sentence_and_the_next_one_comes(data: bytes, flags: int, sentence: str) -> None:
    camera = FakeCamera(("MJPG",))
    source = opened(camera)
    camera.shoot(data, flags=flags)
    with pytest.raises(InputError, match=sentence):
        source.read()
    assert source.rejected == 1
    camera.shoot(jpeg())
    assert source.read() is not None
    assert sorted(camera.free) == [0, 1, 2, 3]


def test_a_short_uncompressed_buffer_is_refused_and_padding_at_row_ends_is_left_out() -> None:
    with pytest.raises(InputError, match="expected 614400 bytes, 1000 came"):
        to_bgr(yuyv(50)[:1000], "YUYV", 640, 480, 1280)
    row = np.zeros((8, 48), np.uint8)
    row[:, :30] = np.arange(30)
    assert (to_bgr(row.tobytes(), "BGR3", 10, 8, 48)[3].ravel() == np.arange(30)).all()
    assert (to_bgr(np.full((8, 10), 7, np.uint8).tobytes(), "GREY", 10, 8, 10) == 7).all()
    assert to_bgr(bytes(10 * 8 * 3 // 2), "NV12", 10, 8, 10).shape == (8, 10, 3)


# --- trouble ----------------------------------------------------------------------------------------------------------


def test_unplugging_raises_and_the_source_can_be_opened_again() -> None:
    camera = FakeCamera()
    source = opened(camera)
    camera.error = {"DQBUF": errno.ENODEV, "STREAMOFF": errno.ENODEV}
    with pytest.raises(DeviceError, match="went away; plug it in again"):
        source.read()
    source.close()
    camera.error = {}
    camera.free.clear()
    source.open()
    camera.shoot(yuyv(50))
    assert source.read() is not None


def test_a_camera_that_streams_nothing_times_out_and_then_counts_as_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    source = opened(FakeCamera())
    assert source.read(0.0) is None
    monkeypatch.setattr("faceedge.camera.source_v4l2.STALLED_S", -1.0)
    with pytest.raises(DeviceError, match="streams but gave no picture"):
        source.read(0.0)


@pytest.mark.parametrize(
    ("call", "number", "sentence"),
    [
        ("open", errno.EACCES, "usermod -aG video"),
        ("open", errno.ENOENT, "is the camera plugged in"),
        ("S_FMT", errno.EBUSY, "in use by another program"),
        ("QUERYCAP", errno.ENOTTY, "no Video4Linux device"),
        ("STREAMON", errno.ENOSPC, "no room on its USB bus"),
        ("REQBUFS", errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_what_the_kernel_refuses_is_a_sentence_with_a_remedy(call: str, number: int, sentence: str) -> None:
    camera = FakeCamera()
    camera.error = {call: number}
    with pytest.raises(DeviceError, match=sentence):
        opened(camera)
    assert camera.calls[-1] in ("close", "open /dev/video0")


def test_a_device_without_a_rate_to_set_is_used_all_the_same() -> None:
    camera = FakeCamera()
    camera.error = {"S_PARM": errno.ENOTTY}
    assert opened(camera, rate_hz=15.0).rate_hz == 15.0


def test_a_metadata_node_is_not_taken_for_a_camera() -> None:
    with pytest.raises(DeviceError, match="no camera that streams pictures"):
        opened(FakeCamera(caps=0x00800000))


def test_reading_before_opening_is_a_sentence() -> None:
    with pytest.raises(DeviceError, match="before it was opened"):
        V4l2Source(SourceSettings(), FakeCamera()).read()


def test_a_real_missing_device_is_a_sentence() -> None:
    with pytest.raises(DeviceError, match="is not there"):
        V4l2Source(SourceSettings(path="/dev/video999")).open()


def test_a_real_file_that_is_no_device_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(DeviceError, match="expected a /dev/video file"):
        V4l2Source(SourceSettings(path=str(tmp_path / "file"))).open()


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_device_is_found_by_number_path_or_stable_id(tmp_path: Path) -> None:
    (tmp_path / "video3").touch()
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    (by_id / "usb-Logi-index0").symlink_to("../video3")
    folders = (str(by_id),)
    assert resolve_device("", folders) == "/dev/video0"
    assert resolve_device("2", folders) == "/dev/video2"
    assert resolve_device(str(by_id / "usb-Logi-index0"), folders) == str(tmp_path / "video3")
    assert resolve_device("usb-Logi-index0", folders) == str(tmp_path / "video3")
    with pytest.raises(DeviceError, match="present: usb-Logi-index0"):
        resolve_device("usb-other", folders)
