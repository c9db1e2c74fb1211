"""File sources, picture decoding, clocks and the Raspberry Pi source (with a stand-in for picamera2)."""

from __future__ import annotations

import contextlib
import gc
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceedge.camera.pictures import check_jpeg, decode_picture, fit
from faceedge.camera.source_images import ImagesSource, natural_key
from faceedge.camera.source_picamera2 import Picamera2Source
from faceedge.camera.source_timing import Pacer
from faceedge.camera.source_video import VideoSource
from faceedge.camera.sources import SourceSettings, make_source, open_source
from faceedge.errors import ConfigurationError, DeviceError, InputError
from faceedge.timing import to_system_ns


class FakeClock:
    """A clock that only moves when somebody sleeps on it, or when a test moves it."""

    def __init__(self) -> None:
        self.ns = 1_000

    def now(self) -> int:
        return self.ns

    def sleep(self, seconds: float) -> None:
        self.ns += round(seconds * 1e9)

    def pacer(self, rate_hz: float) -> Pacer:
        return Pacer(rate_hz, self.now, self.sleep, lambda: self.ns + 7_000_000_000)


def gradient(width: int = 64, height: int = 48, blue: int = 0) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = blue
    image[..., 1] = np.linspace(0, 255, width, dtype=np.uint8)
    return image


def jpeg(image: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".jpg", image)[1])


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Ten frames at 20 Hz; frame k has blue 20 k."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (64, 48))
    for k in range(10):
        writer.write(gradient(blue=20 * k))
    writer.release()
    return path


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": "webcam"}, "one of picamera2, v4l2, video, images"),
        ({"width": 640}, "belong together"),
        ({"width": -1, "height": -1}, "within 0..16384"),
        ({"rate_hz": float("nan")}, "rate_hz must lie within"),
        ({"rate_hz": 2000.0}, "rate_hz must lie within"),
        ({"kind": "video", "path": ""}, "needs the path"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_a_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        SourceSettings(**change)


def test_each_kind_makes_its_source_without_opening_a_device() -> None:
    kinds = {kind: type(make_source(SourceSettings(kind=kind, path="x"))).__name__ for kind in ("v4l2", "picamera2")}
    assert kinds == {"v4l2": "V4l2Source", "picamera2": "Picamera2Source"}


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_a_whole_jpeg_is_decoded_to_bgr() -> None:
    image = decode_picture(jpeg(gradient(blue=200)))
    assert image.shape == (48, 64, 3)
    assert abs(int(image[24, 5, 0]) - 200) < 12


@given(st.integers(min_value=0, max_value=10_000))
def test_a_jpeg_cut_anywhere_is_refused_with_a_sentence(cut: int) -> None:
    data = jpeg(gradient())
    with pytest.raises(InputError, match="dropped"):
        decode_picture(data[: cut % len(data)], "frame 3")


@given(st.binary(max_size=200))
def test_any_bytes_give_a_picture_or_a_sentence(data: bytes) -> None:
    with contextlib.suppress(InputError):
        assert decode_picture(data).shape[2] == 3


@given(st.binary(max_size=100))
def test_checking_a_jpeg_ends_for_any_bytes(data: bytes) -> None:
    with pytest.raises(InputError):
        check_jpeg(b"\xff\xd8" + data.replace(b"\xda", b"\xd9"))


def test_bytes_after_the_end_marker_are_allowed() -> None:
    assert decode_picture(jpeg(gradient()) + b"\0" * 500).shape == (48, 64, 3)


def test_an_end_marker_of_an_embedded_thumbnail_does_not_make_a_truncated_jpeg_whole() -> None:
    data = jpeg(gradient())
    thumbnail = b"\xff\xe1" + (2 + len(data)).to_bytes(2, "big") + data
    with_thumbnail = data[:2] + thumbnail + data[2:]
    check_jpeg(with_thumbnail)
    with pytest.raises(InputError, match="truncated"):
        check_jpeg(with_thumbnail[:-40])


def test_a_picture_of_one_pixel_is_refused() -> None:
    with pytest.raises(InputError, match="at least 8x8 pixels, got 1x1"):
        decode_picture(bytes(cv2.imencode(".png", np.zeros((1, 1, 3), np.uint8))[1]))


def test_grey_pictures_come_with_three_channels() -> None:
    grey = bytes(cv2.imencode(".png", np.full((20, 30), 77, np.uint8))[1])
    assert (decode_picture(grey) == 77).all()
    assert decode_picture(grey).shape == (20, 30, 3)


def test_fitting_keeps_the_shape_of_things_and_adds_black_borders() -> None:
    fitted = fit(np.full((100, 100, 3), 9, np.uint8), 200, 100)
    assert fitted.shape == (100, 200, 3)
    assert (fitted[:, 50:150] == 9).all()
    assert (fitted[:, :50] == 0).all()
    assert (fitted[:, 150:] == 0).all()


# --- clocks -----------------------------------------------------------------------------------------------------------


def test_a_sensor_stamp_keeps_its_age_on_the_system_clock() -> None:
    for clock in (time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME):
        before = time.time_ns()
        stamp = to_system_ns(time.clock_gettime_ns(clock) - 5_000_000_000, clock)
        assert before - 5_000_000_000 - 1_000_000 <= stamp <= time.time_ns() - 5_000_000_000 + 1_000_000


def test_a_stamp_from_the_future_or_of_another_clock_becomes_now() -> None:
    for wrong in (0, time.clock_gettime_ns(time.CLOCK_MONOTONIC) + 60_000_000_000):
        before = time.time_ns()
        assert before <= to_system_ns(wrong - 20_000_000_000 if wrong == 0 else wrong, time.CLOCK_MONOTONIC)


def test_the_pacer_spaces_stamps_evenly_and_gives_up_after_the_timeout() -> None:
    clock = FakeClock()
    pacer = clock.pacer(10.0)
    stamps = [pacer.wait(1.0) for _ in range(3)]
    assert stamps == [7_000_001_000, 7_100_001_000, 7_200_001_000]
    assert pacer.wait(0.02) is None
    assert pacer.index == 3
    clock.sleep(0.3)
    assert pacer.behind() == 2


# --- video ------------------------------------------------------------------------------------------------------------


def test_a_video_is_played_at_its_own_rate_with_evenly_spaced_stamps(video: Path) -> None:
    clock = FakeClock()
    with VideoSource(SourceSettings(kind="video", path=str(video)), clock.pacer(20.0)) as source:
        assert (source.width, source.height, source.rate_hz) == (64, 48, 20.0)
        frames = []
        while (frame := source.read()) is not None:
            frames.append(frame)
        assert source.finished
        assert source.read() is None
    assert [frame.sequence for frame in frames] == list(range(10))
    assert np.diff([frame.stamp_ns for frame in frames]).tolist() == [50_000_000] * 9
    assert [round(float(frame.image[..., 0].mean()) / 20) for frame in frames] == list(range(10))


def test_a_late_reader_of_a_video_misses_frames_and_they_are_counted(video: Path) -> None:
    clock = FakeClock()
    with VideoSource(SourceSettings(kind="video", path=str(video)), clock.pacer(20.0)) as source:
        first = source.read()
        clock.sleep(0.2)  # frames 1, 2 and 3 pass
        second = source.read()
        assert first is not None
        assert second is not None
        assert second.sequence == 4
        assert source.dropped == 3
        assert second.stamp_ns - first.stamp_ns == 200_000_000
        assert round(float(second.image[..., 0].mean()) / 20) == 4


def test_a_looping_video_starts_again_and_its_stamps_go_on(video: Path) -> None:
    clock = FakeClock()
    settings = SourceSettings(kind="video", path=str(video), loop=True, rate_hz=5.0)
    with VideoSource(settings, clock.pacer(5.0)) as source:
        frames = [source.read() for _ in range(25)]
    assert [frame.sequence for frame in frames if frame] == list(range(25))
    assert frames[24] is not None
    assert round(float(frames[24].image[..., 0].mean()) / 20) == 4


def test_a_video_source_times_out_between_frames_and_loses_nothing(video: Path) -> None:
    clock = FakeClock()
    with VideoSource(SourceSettings(kind="video", path=str(video)), clock.pacer(20.0)) as source:
        assert source.read() is not None
        assert source.read(timeout_s=0.01) is None
        assert not source.finished
        frame = source.read(timeout_s=1.0)
        assert frame is not None
        assert frame.sequence == 1
        assert source.dropped == 0


def test_a_video_is_scaled_without_distortion(video: Path) -> None:
    with VideoSource(SourceSettings(kind="video", path=str(video), width=128, height=128)) as source:
        frame = source.read()
    assert frame is not None
    assert frame.image.shape == (128, 128, 3)
    assert (frame.image[:10] == 0).all()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "no video file"), (b"", "empty"), (b"this is a shopping list\n" * 40, "not a video file")],
)
def test_what_is_no_video_is_refused_with_a_sentence(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "x.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        open_source(SourceSettings(kind="video", path=str(path)))


# --- pictures in a folder ---------------------------------------------------------------------------------------------


def test_natural_order_puts_frame_2_before_frame_10() -> None:
    names = ["frame10.png", "frame2.png", "Frame1.png", "3.png", "about.png"]
    assert sorted(names, key=natural_key) == ["3.png", "about.png", "Frame1.png", "frame2.png", "frame10.png"]


@given(st.lists(st.text(max_size=12), max_size=6))
def test_natural_order_is_defined_for_any_names(names: list[str]) -> None:
    in_order = sorted(names, key=natural_key)
    assert all(natural_key(a) <= natural_key(b) for a, b in pairwise(in_order))


def test_a_folder_is_played_in_natural_order_in_one_size(tmp_path: Path) -> None:
    for k in (1, 2, 10):
        cv2.imwrite(str(tmp_path / f"frame{k}.png"), gradient(64 * (1 + (k == 2)), 48, blue=k))
    clock = FakeClock()
    with ImagesSource(SourceSettings(kind="images", path=str(tmp_path)), clock.pacer(10.0)) as source:
        frames = [source.read() for _ in range(4)]
        assert source.finished
    assert frames[3] is None
    assert [int(frame.image[24, 32, 0]) for frame in frames if frame] == [1, 2, 10]
    assert {frame.image.shape for frame in frames if frame} == {(48, 64, 3)}


def test_a_truncated_jpeg_in_a_folder_is_named_counted_and_left_behind(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(jpeg(gradient()))
    (tmp_path / "2.jpg").write_bytes(jpeg(gradient())[:-30])
    (tmp_path / "3.jpg").write_bytes(jpeg(gradient()))
    with ImagesSource(SourceSettings(kind="images", path=str(tmp_path)), FakeClock().pacer(10.0)) as source:
        assert source.read() is not None
        with pytest.raises(InputError, match=r"2\.jpg: truncated JPEG"):
            source.read()
        assert source.rejected == 1
        assert source.read() is not None
        assert source.read() is None
        assert source.finished


def test_a_late_reader_of_a_folder_misses_pictures_and_they_are_counted(tmp_path: Path) -> None:
    for k in range(6):
        cv2.imwrite(str(tmp_path / f"{k}.png"), gradient(blue=k))
    clock = FakeClock()
    with ImagesSource(SourceSettings(kind="images", path=str(tmp_path)), clock.pacer(10.0)) as source:
        assert source.read() is not None
        clock.sleep(0.3)
        frame = source.read()
    assert frame is not None
    assert (frame.sequence, int(frame.image[0, 0, 0]), source.dropped) == (3, 3, 2)


def test_one_picture_can_be_looped(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "still.png"), gradient(blue=5))
    settings = SourceSettings(kind="images", path=str(tmp_path / "still.png"), loop=True)
    with ImagesSource(settings, FakeClock().pacer(10.0)) as source:
        frames = [source.read() for _ in range(5)]
    assert [frame.sequence for frame in frames if frame] == [0, 1, 2, 3, 4]


def test_looping_over_pictures_that_all_went_bad_ends(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "still.png"), gradient())
    with ImagesSource(SourceSettings(kind="images", path=str(tmp_path), loop=True), FakeClock().pacer(10.0)) as source:
        (tmp_path / "still.png").write_bytes(b"")
        with pytest.raises(InputError, match="0 bytes"):
            source.read()
        assert source.read() is None
        assert source.finished


@pytest.mark.parametrize(
    ("files", "sentence"), [({}, "holds no picture"), ({"a.jpg": b"no"}, "none of the 1 pictures")]
)
def test_a_folder_without_a_usable_picture_is_refused(tmp_path: Path, files: dict[str, bytes], sentence: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        open_source(SourceSettings(kind="images", path=str(tmp_path)))


def test_a_folder_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="no folder or picture at /nowhere"):
        open_source(SourceSettings(kind="images", path="/nowhere"))


# --- Raspberry Pi camera ----------------------------------------------------------------------------------------------


class FakePicamera:
    """As much of picamera2 as the source uses; frames come at once, 1/30 s apart, ``missed`` frames in between."""

    def __init__(self, cameras: list[dict[str, Any]] | None = None) -> None:
        self.cameras = (
            [{"Model": "imx708", "Id": "/base/soc/i2c0mux/imx708@1a", "Num": 0}] if cameras is None else cameras
        )
        self.calls: list[str] = []
        self.released = 0
        self.mapped = 0
        self.missed = 0
        self.fail_with: Exception | None = None
        self.sensor_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 1_000_000_000
        self.buffer = np.arange(48 * 64 * 3, dtype=np.uint64).astype(np.uint8).reshape(48, 64, 3)

    def module(self) -> Any:
        fake = self

        class Picamera2:
            def __init__(self, number: int) -> None:
                fake.calls.append(f"open {number}")

            @staticmethod
            def global_camera_info() -> list[dict[str, Any]]:
                return fake.cameras

            def create_video_configuration(self, **configuration: Any) -> dict[str, Any]:
                return configuration

            def configure(self, configuration: dict[str, Any]) -> None:
                fake.calls.append("configure {format} {size}".format(**configuration["main"]))

            def camera_configuration(self) -> dict[str, Any]:
                return {"main": {"size": (64, 48)}}

            def start(self) -> None:
                if fake.fail_with:
                    raise fake.fail_with

            def capture_request(self, wait: bool) -> Any:
                assert wait is False
                fake.calls.append("job")
                return SimpleNamespace(get_result=fake.get_result)

            def stop(self) -> None:
                fake.calls.append("stop")

            def close(self) -> None:
                fake.calls.append("close")

        class MappedArray:
            def __init__(self, request: Any, stream: str, write: bool) -> None:
                assert (stream, write) == ("main", False)

            def __enter__(self) -> MappedArray:
                fake.mapped += 1
                self.array = fake.buffer
                return self

            def __exit__(self, *_: object) -> None:
                fake.mapped -= 1

        return SimpleNamespace(Picamera2=Picamera2, MappedArray=MappedArray)

    def get_result(self, timeout: float) -> Any:
        if self.fail_with:
            raise self.fail_with
        self.sensor_ns += 33_333_000 * (1 + self.missed)
        metadata = {"SensorTimestamp": self.sensor_ns, "FrameDuration": 33_333}

        def release() -> None:
            self.released += 1

        return SimpleNamespace(get_metadata=lambda: metadata, release=release)


def test_a_picture_of_the_pi_camera_is_not_copied_and_goes_back_when_its_last_slice_is_gone() -> None:
    fake = FakePicamera()
    source = Picamera2Source(SourceSettings(kind="picamera2"), fake.module())
    source.open()
    frame = source.read()
    assert frame is not None
    assert np.shares_memory(frame.image, fake.buffer)
    crop = frame.image[10:20, 10:20]
    del frame
    gc.collect()
    assert (fake.released, fake.mapped) == (0, 1)
    del crop
    gc.collect()
    assert (fake.released, fake.mapped) == (1, 0)
    source.close()
    assert fake.calls == ["open 0", "configure RGB888 (640, 480)", "job", "stop", "close"]


def test_the_stamp_of_the_pi_camera_is_the_exposure_on_the_system_clock() -> None:
    fake = FakePicamera()
    source = Picamera2Source(SourceSettings(kind="picamera2"), fake.module())
    source.open()
    frame = source.read()
    assert frame is not None
    offset = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert abs(frame.stamp_ns - (fake.sensor_ns + offset)) < 5_000_000


def test_gaps_between_exposures_of_the_pi_camera_are_counted_as_drops() -> None:
    fake = FakePicamera()
    source = Picamera2Source(SourceSettings(kind="picamera2"), fake.module())
    source.open()
    source.read()
    fake.missed = 2
    frame = source.read()
    assert frame is not None
    assert (frame.sequence, source.dropped) == (3, 2)


def test_a_pi_camera_that_is_slow_is_asked_once_and_one_that_stands_still_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakePicamera()
    source = Picamera2Source(SourceSettings(kind="picamera2"), fake.module())
    source.open()
    fake.fail_with = TimeoutError()
    assert source.read(0.01) is None
    assert source.read(0.01) is None
    assert fake.calls.count("job") == 1
    monkeypatch.setattr("faceedge.camera.source_picamera2.STALLED_S", -1.0)
    with pytest.raises(DeviceError, match="gave no picture"):
        source.read(0.01)


def test_without_a_pi_camera_the_sentence_says_where_to_look() -> None:
    with pytest.raises(DeviceError, match="ribbon cable"):
        Picamera2Source(SourceSettings(kind="picamera2"), FakePicamera(cameras=[]).module()).open()


def test_a_pi_camera_is_chosen_by_number_or_by_part_of_its_name() -> None:
    cameras = [{"Model": "ov5647", "Id": "a", "Num": 0}, {"Model": "imx708", "Id": "b", "Num": 1}]
    for wanted in ("1", "IMX708"):
        fake = FakePicamera(cameras)
        Picamera2Source(SourceSettings(kind="picamera2", path=wanted), fake.module()).open()
        assert fake.calls[0] == "open 1"
    with pytest.raises(DeviceError, match=r"no Raspberry Pi camera matches 'hq'; present: 0: ov5647"):
        Picamera2Source(SourceSettings(kind="picamera2", path="hq"), FakePicamera(cameras).module()).open()


def test_a_pi_camera_in_use_is_a_sentence_and_is_closed_again() -> None:
    fake = FakePicamera()
    fake.fail_with = RuntimeError("Failed to acquire camera: Device or resource busy")
    with pytest.raises(DeviceError, match="cannot start"):
        Picamera2Source(SourceSettings(kind="picamera2"), fake.module()).open()
    assert fake.calls[-1] == "close"


def test_without_picamera2_the_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr("faceedge.camera.source_picamera2.importlib.import_module", missing)
    with pytest.raises(DeviceError, match="sudo apt install python3-picamera2"):
        Picamera2Source(SourceSettings(kind="picamera2")).open()
