"""Calibration files: what ROS's camera_calibration writes, and what goes wrong with them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceedge.camera.calibration import default_calibration, load_calibration
from faceedge.errors import ConfigurationError

GOOD = """\
image_width: 640
image_height: 480
camera_name: narrow_stereo
camera_matrix:
  rows: 3
  cols: 3
  data: [430.1, 0.0, 306.6, 0.0, 430.5, 227.2, 0.0, 0.0, 1.0]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.337, 0.111, -0.0004, 0.0005, 0.0]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1, 0, 0, 0, 1, 0, 0, 0, 1]
projection_matrix:
  rows: 3
  cols: 4
  data: [345.1, 0.0, 303.3, 0.0, 0.0, 372.6, 223.7, 0.0, 0.0, 0.0, 1.0, 0.0]
"""


def write(folder: Path, text: str) -> str:
    (folder / "camera.yaml").write_text(text)
    return str(folder / "camera.yaml")


def test_a_file_of_camera_calibration_is_read(tmp_path: Path) -> None:
    info = load_calibration(write(tmp_path, GOOD))
    assert (info.width, info.height, info.distortion_model, info.name) == (640, 480, "plumb_bob", "narrow_stereo")
    assert info.d == (-0.337, 0.111, -0.0004, 0.0005, 0.0)
    assert info.k[0].tolist() == [430.1, 0.0, 306.6]
    assert info.p[1].tolist() == [0.0, 372.6, 223.7, 0.0]


def test_file_and_package_urls_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "share" / "my_robot" / "my config"
    folder.mkdir(parents=True)
    path = write(folder, GOOD)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{tmp_path}")
    assert load_calibration("file://" + path.replace(" ", "%20")).width == 640
    assert load_calibration("package://my_robot/my%20config/camera.yaml").width == 640
    with pytest.raises(ConfigurationError, match=r"no share/other/camera\.yaml in any of the 2 folders"):
        load_calibration("package://other/camera.yaml")
    with pytest.raises(ConfigurationError, match="scheme 'https'"):
        load_calibration("https://example.org/camera.yaml")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("image_width: 640", "image_width: 0", "image_width must be a whole number above 0, got 0"),
        ("image_width: 640", "image_width: wide", "got 'wide'"),
        ("image_height: 480\n", "", "image_height must be a whole number above 0, got None"),
        ("plumb_bob", "fisheye", "one of plumb_bob, rational_polynomial, equidistant, got 'fisheye'"),
        ("430.1, ", "", "camera_matrix must have 9 numbers, got 8"),
        ("430.1", "-430.1", "focal lengths must be above 0"),
        ("430.1", ".nan", "NaN or infinity"),
        ("430.1", "big", "holds what is no number"),
        ("-0.337, 0.111, ", "", "distortion_coefficients must have 4 or 5 numbers, got 3"),
        ("image_width: 640", "image_width: [640", "is not YAML"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_expected(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigurationError, match=sentence):
        load_calibration(write(tmp_path, GOOD.replace(old, new)))


@pytest.mark.parametrize("text", ["", "42", "- a\n- b", "just a sentence"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="expected keys such as image_width"):
        load_calibration(write(tmp_path, text))


def test_a_missing_and_a_binary_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        load_calibration(str(tmp_path / "nothing.yaml"))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ConfigurationError, match="no text file"):
        load_calibration(str(tmp_path / "binary.yaml"))


@given(st.recursive(st.none() | st.floats() | st.text(max_size=5), lambda x: st.dictionaries(st.text(max_size=5), x)))
def test_any_value_in_place_of_the_matrix_is_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, value: object
) -> None:
    import yaml

    data = yaml.safe_load(GOOD)
    data["camera_matrix"] = value
    with pytest.raises(ConfigurationError, match="camera_matrix"):
        load_calibration(write(tmp_path_factory.mktemp("calibration"), yaml.safe_dump(data)))


def test_half_the_resolution_halves_the_focal_length_and_keeps_the_direction_of_a_pixel(tmp_path: Path) -> None:
    full = load_calibration(write(tmp_path, GOOD))
    half = full.scaled(320, 240)
    assert half.k[0, 0] == pytest.approx(430.1 / 2)
    assert half.p[1, 1] == pytest.approx(372.6 / 2)
    corner_full = np.linalg.solve(full.k, [-0.5, -0.5, 1.0])  # the outer corner of the first pixel is one place in both
    corner_half = np.linalg.solve(half.k, [-0.5, -0.5, 1.0])
    assert corner_half == pytest.approx(corner_full)
    assert full.scaled(640, 480) is full


def test_another_shape_cannot_be_scaled(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is for 640x480 and the camera gives 1280x720"):
        load_calibration(write(tmp_path, GOOD)).scaled(1280, 720)


def test_the_default_is_a_pinhole_with_the_given_field_of_view() -> None:
    info = default_calibration(640, 480, math.pi / 2)
    assert info.k[0, 0] == pytest.approx(320.0)
    assert info.k[:2, 2].tolist() == [319.5, 239.5]
    assert info.d == (0.0,) * 5
    for bad in ((0, 480, 1.0), (640, 480, 0.0), (640, 480, 4.0), (640, 480, math.nan)):
        with pytest.raises(ConfigurationError):
            default_calibration(*bad)
