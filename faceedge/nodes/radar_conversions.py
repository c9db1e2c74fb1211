"""Every conversion between radar data and ROS messages.

As in :mod:`faceedge.nodes.conversions`: arrays go into messages through the buffer protocol and come out as views, and
what arrives from outside is checked with an :class:`~faceedge.errors.InputError` that says what was expected.

| Data | Message | Layout |
| --- | --- | --- |
| cube (rx, chirp, sample) uint16 | sensor_msgs/Image `mono16` | row = rx * chirps_per_frame + chirp, column = sample |
| image (range bin, Doppler bin) float32 | sensor_msgs/Image `32FC1` | zero Doppler in column width / 2 |
| points (n, 5) float32 | sensor_msgs/PointCloud2 | fields ``POINT_FIELDS``; z up, x forward (REP-103) |
| chirp settings | std_msgs/String | JSON with units |
"""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import Image, PointCloud2, PointField, Temperature
from std_msgs.msg import Header, String

from faceedge.errors import ConfigurationError, InputError
from faceedge.nodes.headers import bytes_of
from faceedge.radar.chirp import ChirpSettings, from_json, to_json

ADC_ENCODING, IMAGE_ENCODING = "mono16", "32FC1"
POINT_FIELDS = ("x", "y", "z", "velocity", "snr")
"""m, m, m, m/s (positive: receding), dB."""
POINT_BYTES = 4 * len(POINT_FIELDS)
_BYTES = {ADC_ENCODING: 2, IMAGE_ENCODING: 4}


def _to_image(pixels: np.ndarray, encoding: str, header: Header) -> Image:
    height, width = pixels.shape
    message = Image(header=header, height=height, width=width, encoding=encoding, is_bigendian=0)
    message.step = width * pixels.itemsize
    message.data = bytes_of(pixels)
    return message


def _pixels(message: Image, encoding: str, meaning: str) -> np.ndarray:
    """(height, width) view of an image's data, in the byte order of the message."""
    if message.encoding != encoding:
        raise InputError(
            f"expected {meaning} encoded as {encoding}, '{message.encoding}' came; check which topic it is."
        )
    height, width, step, size = message.height, message.width, message.step, len(message.data)
    item = _BYTES[encoding]
    if not height or not width or step < width * item or size != step * height:
        raise InputError(
            f"expected {meaning} of {height} rows with at least {width * item} bytes each, step says {step} and {size} "
            "bytes came; the message is cut or mislabelled."
        )
    order = ">" if message.is_bigendian else "<"
    kind = f"{order}u2" if encoding == ADC_ENCODING else f"{order}f4"
    view: np.ndarray = np.ndarray((height, width), kind, buffer=message.data, strides=(step, item))
    view.flags.writeable = False
    return view


def cube_to_image(cube: np.ndarray, header: Header) -> Image:
    """(rx, chirp, sample) uint16 -> sensor_msgs/Image `mono16`."""
    rows = np.ascontiguousarray(cube, "<u2").reshape(-1, cube.shape[-1])
    return _to_image(rows, ADC_ENCODING, header)


def image_to_cube(message: Image, chirp: ChirpSettings) -> np.ndarray:
    """sensor_msgs/Image `mono16` -> (rx, chirp, sample) uint16; a read-only view where the layout allows it.

    Raises:
        InputError: another encoding, sizes that contradict each other, or not the cube of ``chirp``.
    """
    view = _pixels(message, ADC_ENCODING, "raw radar samples")
    rx, chirps, samples = chirp.cube_shape
    if view.shape != (rx * chirps, samples):
        raise InputError(
            f"expected {rx} x {chirps} rows of {samples} samples as the chirp settings say, {view.shape[0]} rows of "
            f"{view.shape[1]} came; the samples belong to other settings."
        )
    return view.astype(np.uint16, copy=False).reshape(rx, chirps, samples)


def matrix_to_image(matrix: np.ndarray, header: Header) -> Image:
    """(range bin, Doppler bin) float32 -> sensor_msgs/Image `32FC1`."""
    return _to_image(np.ascontiguousarray(matrix, "<f4"), IMAGE_ENCODING, header)


def image_to_matrix(message: Image) -> np.ndarray:
    """sensor_msgs/Image `32FC1` -> (range bin, Doppler bin) float32; a read-only view where the layout allows it.

    Raises:
        InputError: another encoding, or sizes that contradict each other.
    """
    return _pixels(message, IMAGE_ENCODING, "a range-Doppler image").astype(np.float32, copy=False)


def points_to_cloud(points: np.ndarray, header: Header) -> PointCloud2:
    """(n, 5) float32 as in ``POINT_FIELDS`` -> sensor_msgs/PointCloud2; n may be 0."""
    points = np.ascontiguousarray(points, "<f4")
    message = PointCloud2(header=header, height=1, width=len(points), is_bigendian=False)
    message.fields = [
        PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
        for index, name in enumerate(POINT_FIELDS)
    ]
    message.point_step = POINT_BYTES
    message.row_step = POINT_BYTES * len(points)
    message.data = bytes_of(points)
    # A point whose signal-to-noise ratio is unknown has NaN there.
    message.is_dense = bool(np.isfinite(points).all())
    return message


def cloud_to_points(message: PointCloud2) -> np.ndarray:
    """sensor_msgs/PointCloud2 as :func:`points_to_cloud` makes it -> (n, 5) float32.

    Raises:
        InputError: other fields, or sizes that contradict each other.
    """
    fields = tuple(field.name for field in message.fields)
    if fields != POINT_FIELDS or message.point_step != POINT_BYTES or message.is_bigendian:
        raise InputError(f"expected points with the fields {', '.join(POINT_FIELDS)}, {', '.join(fields)} came.")
    count = message.width * message.height
    if len(message.data) != count * POINT_BYTES:
        raise InputError(f"expected {count * POINT_BYTES} bytes for {count} points, {len(message.data)} came.")
    return np.frombuffer(message.data, "<f4").reshape(count, len(POINT_FIELDS)).astype(np.float32, copy=False)


def chirp_to_message(chirp: ChirpSettings) -> String:
    """Chirp settings -> std_msgs/String."""
    return String(data=to_json(chirp))


def message_to_chirp(message: String) -> ChirpSettings:
    """std_msgs/String -> chirp settings; InputError when it is not such a text."""
    try:
        return from_json(message.data)
    except ConfigurationError as error:
        raise InputError(f"expected chirp settings as JSON: {error}") from error


def temperature_to_message(temperature_c: float, header: Header) -> Temperature:
    """Temperature of the chip -> sensor_msgs/Temperature; variance 0 says that it is unknown."""
    return Temperature(header=header, temperature=float(temperature_c), variance=0.0)
