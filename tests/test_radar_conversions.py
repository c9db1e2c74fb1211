"""Radar data on their way into ROS messages and out of them, and what comes that is none."""

from __future__ import annotations

import array
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from radar_echoes import chirp_settings

pytest.importorskip("rclpy", reason="ROS 2 is not installed here")

from sensor_msgs.msg import Image
from std_msgs.msg import String

from faceedge.errors import InputError
from faceedge.nodes import radar_conversions
from faceedge.nodes.headers import make_header, stamp_to_ns

HEADER = make_header(1_500_000_001, "radar")
CHIRP = chirp_settings(chirps=4, samples=8, rx_antennas=(1, 3))


def cube_of_row_numbers() -> np.ndarray:
    """Every sample of row (rx, chirp) says 100 * rx + chirp."""
    rows = 100 * np.arange(2)[:, None, None] + np.arange(4)[None, :, None]
    return np.broadcast_to(rows, (2, 4, 8)).astype(np.uint16)


def test_row_of_the_image_is_receiver_times_chirps_plus_chirp() -> None:
    message = radar_conversions.cube_to_image(cube_of_row_numbers(), HEADER)
    assert (message.encoding, message.height, message.width, message.step) == ("mono16", 8, 8, 16)
    assert message.is_bigendian == 0
    first_column = np.frombuffer(message.data, "<u2").reshape(8, 8)[:, 0]
    assert first_column.tolist() == [0, 1, 2, 3, 100, 101, 102, 103]
    assert (stamp_to_ns(message.header.stamp), message.header.frame_id) == (1_500_000_001, "radar")


@given(st.integers(0, 2**32 - 1))
def test_a_cube_survives_the_way_through_a_message(seed: int) -> None:
    cube = np.random.default_rng(seed).integers(0, 4096, CHIRP.cube_shape).astype(np.uint16)
    read = radar_conversions.image_to_cube(radar_conversions.cube_to_image(cube, HEADER), CHIRP)
    assert read.dtype == np.uint16
    assert np.array_equal(read, cube)
    assert not read.flags.writeable


def test_padded_rows_and_the_other_byte_order_are_understood() -> None:
    cube = cube_of_row_numbers()
    padded = np.zeros((8, 10), ">u2")
    padded[:, :8] = cube.reshape(8, 8)
    message = Image(height=8, width=8, step=20, encoding="mono16", is_bigendian=1)
    message.data = array.array("B", padded.tobytes())
    assert np.array_equal(radar_conversions.image_to_cube(message, CHIRP), cube)


def wrong_images() -> list[tuple[Image, str]]:
    good = radar_conversions.cube_to_image(cube_of_row_numbers(), HEADER)
    return [
        (Image(), "encoded as mono16, '' came"),
        (Image(encoding="bgr8", height=8, width=8, step=24, data=bytes(192)), "'bgr8' came"),
        (Image(encoding="mono16", height=8, width=8, step=16, data=good.data[:-1]), "127 bytes came"),
        (Image(encoding="mono16", height=8, width=8, step=8, data=good.data[:64]), "step says 8"),
        (Image(encoding="mono16", height=0, width=8, step=16), "0 rows"),
        (Image(encoding="mono16", height=7, width=8, step=16, data=good.data[:112]), "belong to other settings"),
    ]


@pytest.mark.parametrize("number", range(6))
def test_an_image_that_is_no_cube_of_these_settings_is_refused(number: int) -> None:
    message, sentence = wrong_images()[number]
    with pytest.raises(InputError, match=sentence):
        radar_conversions.image_to_cube(message, CHIRP)


def test_an_image_of_magnitudes_survives_and_is_refused_under_another_encoding() -> None:
    matrix = np.arange(12, dtype=np.float32).reshape(3, 4) / 7
    message = radar_conversions.matrix_to_image(matrix, HEADER)
    assert (message.encoding, message.height, message.width, message.step) == ("32FC1", 3, 4, 16)
    assert np.array_equal(radar_conversions.image_to_matrix(message), matrix)
    message.encoding = "mono16"
    with pytest.raises(InputError, match="range-Doppler image encoded as 32FC1"):
        radar_conversions.image_to_matrix(message)


def test_points_have_named_fields_of_20_bytes() -> None:
    points = np.array([[1.0, -0.5, 0.25, -0.1, 12.5], [2.0, 0.0, 0.0, 0.0, math.nan]], np.float32)
    message = radar_conversions.points_to_cloud(points, HEADER)
    assert [(field.name, field.offset, field.datatype, field.count) for field in message.fields] == [
        ("x", 0, 7, 1),
        ("y", 4, 7, 1),
        ("z", 8, 7, 1),
        ("velocity", 12, 7, 1),
        ("snr", 16, 7, 1),
    ]
    assert (message.height, message.width, message.point_step, message.row_step) == (1, 2, 20, 40)
    assert not message.is_dense
    assert np.array_equal(radar_conversions.cloud_to_points(message), points, equal_nan=True)


def test_a_frame_without_points_is_an_empty_cloud() -> None:
    message = radar_conversions.points_to_cloud(np.zeros((0, 5), np.float32), HEADER)
    assert (message.width, len(message.data), message.is_dense) == (0, 0, True)
    assert radar_conversions.cloud_to_points(message).shape == (0, 5)
    message.fields = message.fields[:3]
    with pytest.raises(InputError, match="fields x, y, z, velocity, snr"):
        radar_conversions.cloud_to_points(message)
    message = radar_conversions.points_to_cloud(np.zeros((2, 5), np.float32), HEADER)
    message.width = 3
    with pytest.raises(InputError, match="60 bytes for 3 points, 40 came"):
        radar_conversions.cloud_to_points(message)


def test_chirp_settings_survive_and_other_texts_are_refused() -> None:
    assert radar_conversions.message_to_chirp(radar_conversions.chirp_to_message(CHIRP)) == CHIRP
    with pytest.raises(InputError, match="expected chirp settings as JSON"):
        radar_conversions.message_to_chirp(String(data="60 GHz"))


def test_a_temperature_is_in_degrees_with_unknown_variance() -> None:
    message = radar_conversions.temperature_to_message(41.5, HEADER)
    assert (message.temperature, message.variance) == (41.5, 0.0)
