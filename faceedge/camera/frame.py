"""One picture and the moment at which it was taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Frame:
    """A camera frame that stages hand to each other in memory, without a copy.

    Attributes:
        image: (height, width, 3) uint8, BGR as OpenCV has it. Whoever receives a frame must not write into it.
        stamp_ns: start of the exposure, ns on the ROS system clock (converted once, in the source).
        sequence: counts the frames that the sensor delivered, so that a gap is a drop.
        frame_id: the camera's optical frame (REP-103: x right, y down, z forward).
    """

    image: np.ndarray
    stamp_ns: int
    sequence: int = 0
    frame_id: str = "camera_optical_frame"
