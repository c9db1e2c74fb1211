"""Messages to arrays and back: what is right survives, what is wrong is refused with a sentence."""

from __future__ import annotations

import array
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

pytest.importorskip("rclpy", reason="ROS 2 is not installed here")
pytest.importorskip("hri_msgs.msg", reason="the hri_msgs messages are not built here")

from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from faceedge.camera.calibration import default_calibration
from faceedge.camera.frame import Frame
from faceedge.errors import InputError
from faceedge.nodes import conversions
from faceedge.perception.expression import ExpressionEstimate

SIZES = st.integers(8, 40)
PICTURES = st.tuples(SIZES, SIZES, st.just(3)).flatmap(lambda shape: hnp.arrays(np.uint8, shape))
HEADER = conversions.make_header(1_500_000_001, "camera_optical_frame")


def image_message(pixels: np.ndarray, encoding: str, padding: int = 0) -> Image:
    """An image whose rows end in ``padding`` bytes that are no pixels."""
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    padded = np.hstack([rows, np.full((height, padding), 77, np.uint8)])
    message = Image(header=HEADER, height=height, width=width, step=padded.shape[1], encoding=encoding)
    message.data = array.array("B", padded.tobytes())
    return message


@given(PICTURES, st.integers(0, 2**31 * 10**9 - 1))
def test_a_frame_survives_the_way_through_an_image_message(pixels: np.ndarray, stamp_ns: int) -> None:
    back = conversions.image_to_frame(conversions.frame_to_image(Frame(pixels, stamp_ns, 3, "eye")), 3)
    assert np.array_equal(back.image, pixels)
    assert (back.stamp_ns, back.sequence, back.frame_id) == (stamp_ns, 3, "eye")


def test_an_image_takes_the_array_type_that_rosidl_does_not_check_element_by_element() -> None:
    message = conversions.frame_to_image(Frame(np.zeros((48, 64, 3), np.uint8), 0))
    assert isinstance(message.data, array.array)
    assert (message.encoding, message.step, len(message.data)) == ("bgr8", 192, 9216)


def test_a_picture_that_is_a_view_into_a_larger_one_is_sent_as_it_looks() -> None:
    large = np.arange(40 * 40 * 3, dtype=np.uint32).astype(np.uint8).reshape(40, 40, 3)
    view = large[5:25, 7:31]
    assert np.array_equal(conversions.image_to_frame(conversions.pixels_to_image(view, HEADER)).image, view)


@given(PICTURES, st.integers(0, 9))
def test_padding_behind_the_rows_is_left_out(pixels: np.ndarray, padding: int) -> None:
    assert np.array_equal(conversions.image_to_frame(image_message(pixels, "bgr8", padding)).image, pixels)


def test_a_received_bgr_image_is_a_read_only_view() -> None:
    message = image_message(np.zeros((16, 16, 3), np.uint8), "bgr8")
    frame = conversions.image_to_frame(message)
    assert not frame.image.flags.writeable
    assert np.shares_memory(frame.image, np.frombuffer(message.data, np.uint8))


@pytest.mark.parametrize(
    ("encoding", "pixel"),
    [
        ("bgr8", (10, 20, 30)),
        ("rgb8", (30, 20, 10)),
        ("bgra8", (10, 20, 30, 255)),
        ("rgba8", (30, 20, 10, 255)),
    ],
)
def test_colours_arrive_in_bgr_whatever_their_order_was(encoding: str, pixel: tuple[int, ...]) -> None:
    pixels = np.tile(np.array(pixel, np.uint8), (16, 16, 1))
    assert conversions.image_to_frame(image_message(pixels, encoding)).image[3, 5].tolist() == [10, 20, 30]


def test_a_grey_image_becomes_three_equal_channels() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = conversions.image_to_frame(image_message(grey, "mono8")).image
    assert image.shape == (16, 16, 3)
    assert all(np.array_equal(image[..., channel], grey) for channel in range(3))


@pytest.mark.parametrize(("encoding", "pair"), [("yuv422", (128, 81, 128, 145)), ("yuv422_yuy2", (81, 128, 145, 128))])
def test_yuv_without_chroma_is_grey_of_its_luma(encoding: str, pair: tuple[int, ...]) -> None:
    row = np.tile(np.array(pair, np.uint8), 8)
    image = conversions.image_to_frame(image_message(np.tile(row, (16, 1)).reshape(16, 16, 2), encoding)).image
    # BT.601: (luma - 16) * 255 / 219
    assert image[0, 0].tolist() == [76] * 3
    assert image[0, 1].tolist() == [150] * 3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"height": 0}, "0"),
        ({"width": 0, "height": 0}, "0x0"),
        ({"encoding": "bayer_rggb8"}, "'bayer_rggb8' came"),
        ({"encoding": ""}, "'' came"),
        ({"step": 40}, "at least 48 bytes"),
        ({"height": 17}, "expected 816 bytes for 17 rows of 48, 768 came"),
        ({"step": 96}, "expected 1536 bytes"),
        ({"width": 5, "step": 48}, "expected at least 8x8 pixels, got 5x16"),
    ],
)
def test_an_image_that_contradicts_itself_is_refused_with_a_sentence(change: dict[str, Any], sentence: str) -> None:
    message = image_message(np.zeros((16, 16, 3), np.uint8), "bgr8")
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(InputError, match="expected") as caught:
        conversions.image_to_frame(message)
    assert sentence in str(caught.value)


def test_yuv_with_an_odd_width_is_refused() -> None:
    with pytest.raises(InputError, match="even width"):
        conversions.image_to_frame(image_message(np.zeros((16, 15, 2), np.uint8), "yuv422"))


@given(
    st.integers(0, 64),
    st.integers(0, 64),
    st.integers(0, 400),
    st.sampled_from([*conversions.ENCODINGS, "x"]),
    st.integers(0, 5000),
)
@settings(max_examples=300)
def test_any_image_message_gives_a_picture_or_a_sentence(
    width: int, height: int, step: int, encoding: str, size: int
) -> None:
    message = Image(width=width, height=height, step=step, encoding=encoding, data=array.array("B", bytes(size)))
    try:
        shape = conversions.image_to_frame(message).image.shape
    except InputError as error:
        shape = (height, width, 3) if "expected" in str(error) else ()
    assert shape == (height, width, 3)


def smooth(height: int = 48, width: int = 64) -> np.ndarray:
    """A picture that JPEG keeps nearly as it is."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 3, y * 4, x + y], axis=-1).astype(np.uint8)


def test_a_frame_survives_jpeg_nearly_unchanged() -> None:
    message = conversions.frame_to_compressed(Frame(smooth(), 42, frame_id="eye"), 95)
    back = conversions.compressed_to_frame(message)
    assert "jpeg" in message.format
    assert np.abs(back.image.astype(int) - smooth()).mean() < 2
    assert (back.stamp_ns, back.frame_id) == (42, "eye")


@given(st.floats(0.02, 0.999))
def test_a_truncated_jpeg_is_refused_and_not_shown_half_grey(part: float) -> None:
    message = conversions.frame_to_compressed(Frame(smooth(), 0))
    message.data = message.data[: int(len(message.data) * part)]
    with pytest.raises(InputError, match=r"truncated JPEG|expected"):
        conversions.compressed_to_frame(message)


def test_a_jpeg_padded_with_zeros_as_usb_cameras_do_is_accepted() -> None:
    message = conversions.frame_to_compressed(Frame(smooth(), 0))
    message.data = message.data + array.array("B", bytes(100))
    assert conversions.compressed_to_frame(message).image.shape == (48, 64, 3)


def test_a_png_in_a_compressed_image_is_accepted_without_loss() -> None:
    message = CompressedImage(
        format="bgr8; png compressed", data=array.array("B", cv2.imencode(".png", smooth())[1].tobytes())
    )
    assert np.array_equal(conversions.compressed_to_frame(message).image, smooth())


@given(st.binary(max_size=200))
def test_bytes_that_are_no_picture_are_refused(content: bytes) -> None:
    with pytest.raises(InputError):
        conversions.compressed_to_frame(CompressedImage(format="jpeg", data=array.array("B", content)))


@given(st.integers(-(2**31) * 10**9, 2**31 * 10**9 - 1))
def test_stamps_survive_to_the_nanosecond(stamp_ns: int) -> None:
    stamp = conversions.ns_to_stamp(stamp_ns)
    assert 0 <= stamp.nanosec < 10**9
    assert conversions.stamp_to_ns(stamp) == stamp_ns


def test_a_calibration_survives_the_way_through_camera_info() -> None:
    calibration = default_calibration(640, 480, 1.0)
    message = conversions.calibration_to_camera_info(calibration, 5, "eye")
    read = conversions.camera_info_to_intrinsics(message)
    assert read is not None
    assert np.array_equal(read[0], calibration.k)
    assert read[1:] == (640, 480)
    assert (message.header.frame_id, message.distortion_model, len(message.d)) == ("eye", "plumb_bob", 5)


def test_a_camera_that_is_not_calibrated_has_no_matrix() -> None:
    assert conversions.camera_info_to_intrinsics(CameraInfo(width=640, height=480)) is None


@pytest.mark.parametrize("focal", [float("nan"), -500.0, float("inf")])
def test_a_camera_matrix_that_no_camera_has_is_refused(focal: float) -> None:
    message = CameraInfo(width=640, height=480, k=np.diag([focal, 500.0, 1.0]).ravel())
    with pytest.raises(InputError, match="positive focal lengths"):
        conversions.camera_info_to_intrinsics(message)


def test_the_hri_messages_carry_their_values_and_the_stamp_of_the_picture() -> None:
    roi = conversions.region_of_interest(np.array([0.25, 0.5, 0.75, 1.0], np.float32), 1.25, HEADER)
    assert (roi.xmin, roi.ymin, roi.xmax, roi.ymax, roi.c) == (0.25, 0.5, 0.75, 1.0, 1.0)
    landmarks = conversions.facial_landmarks(np.full((70, 2), (320.0, 120.0)), np.full(70, 0.5), (640, 480), HEADER)
    assert (landmarks.width, landmarks.height, len(landmarks.landmarks)) == (640, 480, 70)
    assert (landmarks.landmarks[69].x, landmarks.landmarks[69].y, landmarks.landmarks[69].c) == (0.5, 0.25, 0.5)
    estimate = ExpressionEstimate("happy", 0.75, np.zeros(7, np.float32), 0.5, -0.25)
    message = conversions.expression(estimate, HEADER)
    assert (message.expression, message.confidence, message.valence, message.arousal) == ("happy", 0.75, 0.5, -0.25)
    assert message.header.stamp.sec == 1
    assert message.header.stamp.nanosec == 500_000_001
    units = conversions.action_units(np.linspace(0, 1, 99), np.ones(99), HEADER)
    assert (units.intensity[98], units.confidence[0]) == (1.0, 1.0)
    assert list(conversions.tracked_ids(iter(["fabcde"]), HEADER).ids) == ["fabcde"]


def matrix_of(x: float, y: float, z: float, w: float) -> np.ndarray:
    """Rotation matrix (3, 3) of a unit quaternion, by the textbook."""
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


@given(st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: sum(v * v for v in q) > 0.01))
def test_a_rotation_becomes_the_quaternion_that_gives_it_back(q: tuple[float, float, float, float]) -> None:
    unit = np.array(q) / np.linalg.norm(q)
    rotation = matrix_of(*unit)
    x, y, z, w = conversions.quaternion(rotation)
    assert w >= 0
    assert np.allclose(matrix_of(x, y, z, w), rotation, atol=1e-9)


def test_a_face_that_looks_into_the_camera_has_its_frames_as_rep_155_wants_them() -> None:
    # Face axes in the optical frame: x (out of the face) = -z of the camera, z (up) = -y of the camera.
    rotation = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [-1.0, 0.0, 0.0]])
    face, gaze = conversions.face_transforms("fabcde", rotation, np.array([0.1, 0.2, 0.9]), HEADER)
    assert (face.header.frame_id, face.child_frame_id) == ("camera_optical_frame", "face_fabcde")
    assert (gaze.header.frame_id, gaze.child_frame_id) == ("face_fabcde", "gaze_fabcde")
    assert (face.transform.translation.x, face.transform.translation.z) == (0.1, 0.9)
    turn = gaze.transform.rotation
    in_camera = rotation @ matrix_of(turn.x, turn.y, turn.z, turn.w)
    assert np.allclose(in_camera[:, 2], (0, 0, -1), atol=1e-9)  # gaze goes towards the camera
    assert np.allclose(in_camera[:, 1], (0, 1, 0), atol=1e-9)  # y points down, as the camera's does
