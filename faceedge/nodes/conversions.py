"""Every conversion between NumPy data and ROS messages, in one place.

Large arrays go into messages through the buffer protocol (`array.array`), which rosidl takes without touching each
element, and come out as views (`np.frombuffer`). Whatever arrives from outside is checked here; an
:class:`~faceedge.errors.InputError` says what was expected and what came.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from geometry_msgs.msg import TransformStamped
from hri_msgs.msg import (
    Expression,
    FacialActionUnits,
    FacialLandmarks,
    IdsList,
    NormalizedPointOfInterest2D,
    NormalizedRegionOfInterest2D,
)
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from faceedge.camera.calibration import CameraInfo as Calibration
from faceedge.camera.frame import Frame
from faceedge.camera.pictures import check_size, decode_picture
from faceedge.errors import InputError
from faceedge.nodes.headers import bytes_of
from faceedge.nodes.headers import make_header as make_header
from faceedge.nodes.headers import ns_to_stamp as ns_to_stamp
from faceedge.nodes.headers import stamp_to_ns as stamp_to_ns
from faceedge.perception.expression import ExpressionEstimate

# sensor_msgs/image_encodings.hpp -> (bytes a pixel, conversion to BGR or None where the pixels are BGR already)
ENCODINGS: dict[str, tuple[int, int | None]] = {
    "bgr8": (3, None),
    "8UC3": (3, None),
    "rgb8": (3, cv2.COLOR_RGB2BGR),
    "mono8": (1, cv2.COLOR_GRAY2BGR),
    "8UC1": (1, cv2.COLOR_GRAY2BGR),
    "bgra8": (4, cv2.COLOR_BGRA2BGR),
    "rgba8": (4, cv2.COLOR_RGBA2BGR),
    "yuv422": (2, cv2.COLOR_YUV2BGR_UYVY),
    "uyvy": (2, cv2.COLOR_YUV2BGR_UYVY),
    "yuv422_yuy2": (2, cv2.COLOR_YUV2BGR_YUY2),
    "yuyv": (2, cv2.COLOR_YUV2BGR_YUY2),
}

# Quaternion (x, y, z, w) that turns a frame "x forward, z up" (REP-103 body) into "z forward, y down" (optical).
BODY_TO_OPTICAL = (-0.5, 0.5, -0.5, 0.5)


def pixels_to_image(pixels: np.ndarray, header: Header) -> Image:
    """(height, width, 3) uint8 BGR or (height, width) uint8 grey -> sensor_msgs/Image `bgr8` or `mono8`."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    message = Image(header=header, height=height, width=width, step=width * channels, is_bigendian=0)
    message.encoding = "mono8" if channels == 1 else "bgr8"
    message.data = bytes_of(pixels)
    return message


def frame_to_image(frame: Frame) -> Image:
    """Frame -> sensor_msgs/Image, `bgr8`, stamped with the start of its exposure."""
    return pixels_to_image(frame.image, make_header(frame.stamp_ns, frame.frame_id))


def frame_to_compressed(frame: Frame, quality: int = 90) -> CompressedImage:
    """Frame -> sensor_msgs/CompressedImage, JPEG of ``quality`` 1..100."""
    done, data = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise InputError(f"a frame of shape {frame.image.shape} could not be encoded as JPEG; expected (h, w, 3) uint8")
    message = CompressedImage(header=make_header(frame.stamp_ns, frame.frame_id), format="bgr8; jpeg compressed bgr8")
    message.data = bytes_of(data)
    return message


def image_to_frame(message: Image, sequence: int = 0) -> Frame:
    """sensor_msgs/Image -> Frame; a read-only view of the message's data where it is BGR already.

    Raises:
        InputError: an empty picture, an encoding that is not in ENCODINGS, or sizes that contradict each other.
    """
    height, width, step, size = message.height, message.width, message.step, len(message.data)
    if height == 0 or width == 0:
        raise InputError(f"expected a picture with pixels, an image of {width}x{height} came; check the camera driver")
    if message.encoding not in ENCODINGS:
        raise InputError(
            f"expected an image encoded as one of {', '.join(ENCODINGS)}, '{message.encoding}' came; "
            "set the camera's pixel format or put an image_proc node in between"
        )
    pixel_bytes, conversion = ENCODINGS[message.encoding]
    if step < width * pixel_bytes:
        raise InputError(
            f"expected rows of at least {width * pixel_bytes} bytes for {width} pixels of {message.encoding}, "
            f"step says {step}; check the camera driver"
        )
    if size != step * height:
        raise InputError(
            f"expected {step * height} bytes for {height} rows of {step}, {size} came; the image is cut or mislabelled"
        )
    if pixel_bytes == 2 and width % 2:
        raise InputError(f"expected an even width for {message.encoding}, {width} came; check the camera driver")
    view: np.ndarray = np.ndarray(
        (height, width, pixel_bytes), np.uint8, buffer=message.data, strides=(step, pixel_bytes, 1)
    )
    view.flags.writeable = False
    image = view if conversion is None else cv2.cvtColor(np.ascontiguousarray(view), conversion)
    check_size(image, "image")
    return Frame(image, stamp_to_ns(message.header.stamp), sequence, message.header.frame_id)


def compressed_to_frame(message: CompressedImage, sequence: int = 0) -> Frame:
    """sensor_msgs/CompressedImage (JPEG, PNG, ...) -> Frame.

    Raises:
        InputError: empty, truncated (OpenCV alone would fill the rest with grey), or not a picture.
    """
    image = decode_picture(bytes(message.data), f"compressed image '{message.format}'")
    return Frame(image, stamp_to_ns(message.header.stamp), sequence, message.header.frame_id)


def calibration_to_camera_info(calibration: Calibration, stamp_ns: int, frame_id: str) -> CameraInfo:
    """Calibration -> sensor_msgs/CameraInfo."""
    message = CameraInfo(header=make_header(stamp_ns, frame_id))
    message.width, message.height = calibration.width, calibration.height
    message.distortion_model = calibration.distortion_model
    message.d = [float(value) for value in np.ravel(calibration.d)]
    message.k = np.ravel(calibration.k).astype(np.float64)
    message.r = np.ravel(calibration.r).astype(np.float64)
    message.p = np.ravel(calibration.p).astype(np.float64)
    return message


def camera_info_to_intrinsics(message: CameraInfo) -> tuple[np.ndarray, int, int] | None:
    """sensor_msgs/CameraInfo -> (K (3, 3), width, height), or None where the camera says it is not calibrated.

    Raises:
        InputError: K is not finite or has no positive focal length.
    """
    k = np.array(message.k, np.float64).reshape(3, 3)
    if not k.any():
        return None
    if not np.isfinite(k).all() or k[0, 0] <= 0 or k[1, 1] <= 0:
        raise InputError(
            f"expected a camera matrix with positive focal lengths, {k.ravel().tolist()} came; recalibrate"
        )
    return k, int(message.width), int(message.height)


def tracked_ids(ids: Iterable[str], header: Header) -> IdsList:
    """Ids of the faces in view -> hri_msgs/IdsList."""
    return IdsList(header=header, ids=list(ids))


def region_of_interest(roi: np.ndarray, confidence: float, header: Header) -> NormalizedRegionOfInterest2D:
    """(xmin, ymin, xmax, ymax) in 0..1 of width and height -> hri_msgs/NormalizedRegionOfInterest2D."""
    xmin, ymin, xmax, ymax = (float(value) for value in roi)
    return NormalizedRegionOfInterest2D(
        header=header, xmin=xmin, ymin=ymin, xmax=xmax, ymax=ymax, c=min(max(float(confidence), 0.0), 1.0)
    )


def facial_landmarks(
    points: np.ndarray, confidence: np.ndarray, size: tuple[int, int], header: Header
) -> FacialLandmarks:
    """Points (70, 2) in pixels of a picture of ``size`` (width, height), confidence (70,) -> FacialLandmarks."""
    width, height = size
    scaled = np.column_stack((points / (width, height), confidence)).tolist()
    message = FacialLandmarks(header=header, height=height, width=width)
    message.landmarks = [NormalizedPointOfInterest2D(x=x, y=y, c=c) for x, y, c in scaled]
    return message


def expression(estimate: ExpressionEstimate, header: Header) -> Expression:
    """ExpressionEstimate -> hri_msgs/Expression; the word is empty where the classifier abstained."""
    return Expression(
        header=header,
        expression=estimate.word,
        valence=float(estimate.valence),
        arousal=float(estimate.arousal),
        confidence=float(estimate.confidence),
    )


def action_units(intensity: np.ndarray, confidence: np.ndarray, header: Header) -> FacialActionUnits:
    """Intensity and confidence (99,) by AU code -> hri_msgs/FacialActionUnits."""
    message = FacialActionUnits(header=header)
    message.intensity = np.asarray(intensity, np.float32)
    message.confidence = np.asarray(confidence, np.float32)
    return message


def quaternion(rotation: np.ndarray) -> tuple[float, float, float, float]:
    """Rotation matrix (3, 3) -> unit quaternion (x, y, z, w), w >= 0.

    Bar-Itzhack's method (2000): the eigenvector of the largest eigenvalue, which has no singular cases.
    """
    r = np.asarray(rotation, np.float64)
    k = np.array(
        [
            [r[0, 0] - r[1, 1] - r[2, 2], 0, 0, 0],
            [r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], 0, 0],
            [r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1], 0],
            [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], r[0, 0] + r[1, 1] + r[2, 2]],
        ]
    )
    x, y, z, w = np.linalg.eigh(k)[1][:, -1].tolist()
    return (-x, -y, -z, -w) if w < 0 else (x, y, z, w)


def transform(
    header: Header,
    child: str,
    translation_m: Iterable[float] = (0.0, 0.0, 0.0),
    xyzw: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0),
) -> TransformStamped:
    """A geometry_msgs/TransformStamped from the header's frame to ``child``."""
    message = TransformStamped(header=header, child_frame_id=child)
    position, turn = message.transform.translation, message.transform.rotation
    position.x, position.y, position.z = (float(value) for value in translation_m)
    turn.x, turn.y, turn.z, turn.w = xyzw
    return message


def face_transforms(face_id: str, rotation: np.ndarray, translation_m: np.ndarray, header: Header) -> list[Any]:
    """Head pose in the camera's optical frame -> the frames of REP-155: `face_<id>` and, there too, `gaze_<id>`.

    `face_<id>` lies at the sellion with x out of the face and z up; `gaze_<id>` follows the optical convention. The
    gaze is the direction of the head; eyes are not measured.
    """
    face = f"face_{face_id}"
    gaze_header = Header(stamp=header.stamp, frame_id=face)
    return [
        transform(header, face, translation_m, quaternion(rotation)),
        transform(gaze_header, f"gaze_{face_id}", xyzw=BODY_TO_OPTICAL),
    ]
