"""The intrinsic calibration of a camera, read from the YAML file that ROS's ``camera_calibration`` writes."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import yaml

from faceedge.errors import ConfigurationError, one_line

# sensor_msgs/CameraInfo, sensor_msgs/distortion_models: model -> numbers of coefficients that make sense
DISTORTION_COEFFICIENTS: dict[str, tuple[int, ...]] = {
    "plumb_bob": (4, 5),
    "rational_polynomial": (8, 12, 14),
    "equidistant": (4,),
}
DEFAULT_HORIZONTAL_FOV_RAD = math.radians(62.2)
"""Raspberry Pi camera module 2; webcams lie around it (55 to 78 degrees)."""


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """What sensor_msgs/CameraInfo holds beside header and binning.

    Attributes:
        width, height: size in pixels that the calibration is for.
        distortion_model: a key of ``DISTORTION_COEFFICIENTS``.
        d: distortion coefficients.
        k: (3, 3) float64 intrinsic matrix in pixels.
        r: (3, 3) float64 rectification rotation.
        p: (3, 4) float64 projection matrix in pixels.
        name: the camera's name in the file.
    """

    width: int
    height: int
    distortion_model: str
    d: tuple[float, ...]
    k: np.ndarray
    r: np.ndarray
    p: np.ndarray
    name: str = "camera"

    def scaled(self, width: int, height: int) -> CameraInfo:
        """The same camera at another resolution of the same shape.

        Pixel centres lie at whole numbers, so the principal point moves as ``(c + 0.5) * scale - 0.5``.

        Raises:
            ConfigurationError: the shapes differ by more than 2 % (a cropped sensor mode: another calibration).
        """
        if (width, height) == (self.width, self.height):
            return self
        sx, sy = width / self.width, height / self.height
        if abs(sx / sy - 1.0) > 0.02:
            raise ConfigurationError(
                f"the calibration is for {self.width}x{self.height} and the camera gives {width}x{height}: another "
                "shape, so it cannot be scaled; calibrate at the size that you use."
            )
        k, p = self.k.copy(), self.p.copy()
        for matrix in (k, p):
            matrix[0, :2] *= sx
            matrix[1, :2] *= sy
            matrix[0, 2] = (matrix[0, 2] + 0.5) * sx - 0.5
            matrix[1, 2] = (matrix[1, 2] + 0.5) * sy - 0.5
        p[0, 3] *= sx
        p[1, 3] *= sy
        return CameraInfo(width, height, self.distortion_model, self.d, k, self.r, p, self.name)


def default_calibration(width: int, height: int, horizontal_fov_rad: float = DEFAULT_HORIZONTAL_FOV_RAD) -> CameraInfo:
    """A pinhole without distortion: square pixels, the principal point in the middle.

    Good enough for the direction of a head; distances are off by as much as the field of view is.

    Raises:
        ConfigurationError: an empty size, or a field of view outside (0, pi).
    """
    if width <= 0 or height <= 0:
        raise ConfigurationError(f"a calibration needs a size above 0x0, got {width}x{height}.")
    if not 0.0 < horizontal_fov_rad < math.pi:
        raise ConfigurationError(
            f"the horizontal field of view must lie between 0 and pi rad, got {horizontal_fov_rad}."
        )
    focal = width / 2 / math.tan(horizontal_fov_rad / 2)
    k = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]], np.float64)
    p = np.hstack([k, np.zeros((3, 1))])
    return CameraInfo(width, height, "plumb_bob", (0.0,) * 5, k, np.eye(3), p)


def load_calibration(url_or_path: str) -> CameraInfo:
    """Read a calibration.

    Args:
        url_or_path: a path, ``~/...``, or a URL as camera_info_manager has it: ``file:///...`` or
            ``package://<package>/<path>`` (looked up on AMENT_PREFIX_PATH).

    Raises:
        ConfigurationError: missing file, no YAML, or a field that is missing, of the wrong size or not finite.
    """
    path = _resolve(url_or_path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "is no text file" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise ConfigurationError(f"calibration file {path} cannot be read: {reason}.") from error
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"calibration file {path} is not YAML: {one_line(error)}.") from error
    if not isinstance(data, dict):
        raise ConfigurationError(
            f"calibration file {path}: expected keys such as image_width and camera_matrix, got {_kind(data)}."
        )
    return _check(path, data)


def _resolve(url_or_path: str) -> Path:
    parts = urlsplit(url_or_path)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if parts.scheme == "package":
        inside = unquote(parts.path).lstrip("/")
        prefixes = [prefix for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
        for prefix in prefixes:
            candidate = Path(prefix) / "share" / parts.netloc / inside
            if candidate.exists():
                return candidate
        raise ConfigurationError(
            f"calibration {url_or_path}: no share/{parts.netloc}/{inside} in any of the {len(prefixes)} folders of "
            "AMENT_PREFIX_PATH; is the package installed and its setup file sourced?"
        )
    if "://" in url_or_path:
        raise ConfigurationError(
            f"calibration {url_or_path}: expected a path, file:// or package://, got the scheme {parts.scheme!r}."
        )
    return Path(url_or_path).expanduser()


def _kind(value: object) -> str:
    return "nothing" if value is None else type(value).__name__


def _integer(path: Path, data: dict[Any, Any], key: str) -> int:
    value = data.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ConfigurationError(f"calibration file {path}: {key} must be a whole number above 0, got {value!r}.")
    return value


def _numbers(path: Path, data: dict[Any, Any], key: str, sizes: tuple[int, ...]) -> np.ndarray:
    """The ``data`` list of one matrix entry, checked for its length and for finite numbers."""
    entry = data.get(key)
    values = entry.get("data") if isinstance(entry, dict) else None
    expected = " or ".join(str(size) for size in sizes)
    if not isinstance(values, list):
        raise ConfigurationError(
            f"calibration file {path}: {key} must have a list `data` of {expected} numbers, got {_kind(entry)}."
        )
    if len(values) not in sizes:
        raise ConfigurationError(f"calibration file {path}: {key} must have {expected} numbers, got {len(values)}.")
    try:
        array = np.array([float(value) for value in values], np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"calibration file {path}: {key} holds what is no number ({error}).") from error
    if not np.isfinite(array).all():
        raise ConfigurationError(f"calibration file {path}: {key} holds NaN or infinity; calibrate again.")
    return array


def _check(path: Path, data: dict[Any, Any]) -> CameraInfo:
    width, height = _integer(path, data, "image_width"), _integer(path, data, "image_height")
    model = data.get("distortion_model", data.get("camera_model", "plumb_bob"))
    if model not in DISTORTION_COEFFICIENTS:
        raise ConfigurationError(
            f"calibration file {path}: distortion_model must be one of {', '.join(DISTORTION_COEFFICIENTS)}, got "
            f"{model!r}."
        )
    k = _numbers(path, data, "camera_matrix", (9,)).reshape(3, 3)
    d = _numbers(path, data, "distortion_coefficients", DISTORTION_COEFFICIENTS[model])
    r = np.eye(3)
    if "rectification_matrix" in data:
        r = _numbers(path, data, "rectification_matrix", (9,)).reshape(3, 3)
    p = np.hstack([k, np.zeros((3, 1))])
    if "projection_matrix" in data:
        p = _numbers(path, data, "projection_matrix", (12,)).reshape(3, 4)
    if not (k[0, 0] > 0 and k[1, 1] > 0):
        raise ConfigurationError(
            f"calibration file {path}: the focal lengths must be above 0 pixels, got {k[0, 0]:g} and {k[1, 1]:g}."
        )
    return CameraInfo(width, height, str(model), tuple(d.tolist()), k, r, p, str(data.get("camera_name", "camera")))
