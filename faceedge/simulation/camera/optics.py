"""Where a camera is and how it projects: a pinhole with optional lens distortion, as sensor_msgs/CameraInfo has it.

A camera looks along the world's x axis. Columns grow to the right (world -y), rows down (world -z), and pixel centres
lie at whole numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from faceedge.camera.calibration import CameraInfo
from faceedge.compiled import compiled
from faceedge.errors import ConfigurationError

NEAREST_M = 0.01
"""What is nearer to the lens than this is not drawn."""


@dataclass(frozen=True, slots=True)
class Optics:
    """A camera's geometry and lens.

    Attributes:
        width, height: of the picture, px.
        focal_px: focal length; pixels are square.
        position_m: of the pinhole in the world.
        centre_px: principal point, column and row; None: the picture's middle.
        distortion: (k1, k2, p1, p2, k3) of Brown's model, as OpenCV and ``plumb_bob`` have them.
        blur_px: standard deviation of the lens's point spread (diffraction, aberrations, a little defocus).

    Raises:
        ConfigurationError: a size, focal length or blur that no camera has, or a value that is not finite.
    """

    width: int = 320
    height: int = 320
    focal_px: float = 420.0
    position_m: tuple[float, float, float] = (0.0, 0.0, 0.03)
    centre_px: tuple[float, float] | None = None
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    blur_px: float = 0.6

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ConfigurationError(f"a picture needs at least 1x1 pixels, got {self.width}x{self.height}.")
        values = (self.focal_px, self.blur_px, *self.position_m, *self.centre, *self.distortion)
        if not all(map(math.isfinite, values)):
            raise ConfigurationError(f"a camera's optics must be finite numbers, got {self}.")
        if self.focal_px <= 0:
            raise ConfigurationError(f"a focal length must be above 0 px, got {self.focal_px:g}.")
        if not 0.0 <= self.blur_px <= 10.0:
            raise ConfigurationError(f"a lens's blur must be 0 to 10 px, got {self.blur_px:g}.")

    @property
    def centre(self) -> tuple[float, float]:
        """Principal point, column and row, px."""
        return self.centre_px or ((self.width - 1) / 2, (self.height - 1) / 2)

    def camera_info(self) -> CameraInfo:
        """The calibration that an exact calibration would find."""
        column, row = self.centre
        k = np.array([[self.focal_px, 0, column], [0, self.focal_px, row], [0, 0, 1]], np.float64)
        p = np.hstack([k, np.zeros((3, 1))])
        return CameraInfo(self.width, self.height, "plumb_bob", self.distortion, k, np.eye(3), p, "synthetic")

    def project(self, points_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where points appear.

        Args:
            points_m: (n, 3) in the world.

        Returns:
            (n, 2) float64 columns and rows in px, and (n,) float64 1 / depth in 1/m: 0 for points whose place means
            nothing, behind the lens or so far outside that the distortion's polynomial holds no more.
        """
        points = np.array(points_m, np.float64, order="C")
        screen, nearness = np.zeros((len(points), 2)), np.zeros(len(points))
        self.project_into(points, screen, nearness)
        return screen, nearness

    def project_into(self, points_m: np.ndarray, screen: np.ndarray, nearness: np.ndarray) -> None:
        """`project` of contiguous float64 points into arrays that are there already."""
        _project(points_m, self.position_m, self.focal_px, self.centre, self.distortion, screen, nearness)


@compiled
def _project(
    points: np.ndarray,
    position: tuple[float, float, float],
    focal: float,
    centre: tuple[float, float],
    distortion: tuple[float, float, float, float, float],
    screen: np.ndarray,
    nearness: np.ndarray,
) -> None:
    k1, k2, p1, p2, k3 = distortion
    straight = k1 == 0.0 and k2 == 0.0 and k3 == 0.0 and p1 == 0.0 and p2 == 0.0
    for n in range(len(points)):
        depth = points[n, 0] - position[0]
        if depth < NEAREST_M:
            nearness[n] = 0.0
            screen[n, 0] = 0.0
            screen[n, 1] = 0.0
            continue
        inverse = 1.0 / depth
        x, y = (position[1] - points[n, 1]) * inverse, (position[2] - points[n, 2]) * inverse
        if not straight:
            r2 = x * x + y * y
            if 1.0 + r2 * (3.0 * k1 + r2 * (5.0 * k2 + r2 * 7.0 * k3)) <= 0.0:
                inverse = 0.0  # so far outside, the model folds the world back into the picture
            radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
            x, y = (
                x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x),
                y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y,
            )
        nearness[n] = inverse
        screen[n, 0] = centre[0] + focal * x
        screen[n, 1] = centre[1] + focal * y
