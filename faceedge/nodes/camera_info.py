"""What a camera node says about its calibration, at the size of its pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sensor_msgs.msg import CameraInfo

from faceedge.camera.calibration import CameraInfo as Calibration
from faceedge.camera.frame import Frame
from faceedge.errors import ConfigurationError
from faceedge.nodes import conversions


class CalibrationAtSize:
    """A calibration scaled to whatever size the pictures have.

    Args:
        calibration: as read from a file; None for a camera that is not calibrated.
        warn: receives a sentence when the calibration cannot be scaled to a picture.
    """

    def __init__(self, calibration: Calibration | None, warn: Callable[[str], None]) -> None:
        self._calibration = calibration
        self._warn = warn
        self._size = (0, 0)
        self._scaled: Calibration | None = None

    def at(self, frame: Frame) -> Calibration | None:
        """The calibration for ``frame``; None where there is none that fits."""
        height, width = frame.image.shape[:2]
        if self._calibration is not None and self._size != (width, height):
            self._size, self._scaled = (width, height), None
            try:
                self._scaled = self._calibration.scaled(width, height)
            except ConfigurationError as error:
                self._warn(str(error))
        return self._scaled

    def intrinsics(self, frame: Frame) -> np.ndarray | None:
        """K (3, 3) in pixels of ``frame``, or None."""
        calibration = self.at(frame)
        return None if calibration is None else calibration.k

    def message(self, frame: Frame) -> CameraInfo:
        """sensor_msgs/CameraInfo for ``frame``; K is 0 where the camera is not calibrated, as ROS has it."""
        calibration = self.at(frame)
        if calibration is not None:
            return conversions.calibration_to_camera_info(calibration, frame.stamp_ns, frame.frame_id)
        height, width = frame.image.shape[:2]
        return CameraInfo(header=conversions.make_header(frame.stamp_ns, frame.frame_id), width=width, height=height)
