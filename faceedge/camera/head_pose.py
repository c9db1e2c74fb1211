"""Where a head is and where it faces, from the landmarks of one calibrated picture.

Frames. The camera's optical frame has x right, y down, z forward (REP-103). The face's frame (REP-155) has its origin
at the sellion, x out of the face, y to the person's left, z up.

Distance comes from size: the face is taken as one of average size. The interpupillary distances of the vast majority of
adults are 50 to 75 mm (Dodgson, below) against the 63 mm assumed, so that a distance can be off by a quarter;
a child seems further away than it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from faceedge.camera.landmarks import FaceMesh
from faceedge.camera.mesh_tables import MESH_POINTS, SELLION
from faceedge.errors import InputError

# An average face: points of the mesh that hardly move with the expression, (x, y, z) in mm in the face's frame.
# Shape: the median, made symmetric, of the landmark network's own meshes of 1,581 portraits (Labeled Faces in the
# Wild, 320 people) after Procrustes alignment; refitting those portraits with the depths scaled by 0.6 to 1.5 is best
# at 1.0. Size: the middles of the eyes are 63 mm apart, about the mean interpupillary distance of adults (N. A.
# Dodgson, "Variation and extrema of human interpupillary distance", Proc. SPIE 5291, 2004).
_MIDDLE_MM = {
    SELLION: (0.0, 0.0, 0.0),
    6: (3.5, 0.0, -8.5),
    197: (7.8, 0.0, -16.1),
    195: (12.5, 0.0, -23.1),
    5: (17.4, 0.0, -30.5),
    4: (19.0, 0.0, -39.2),
    1: (16.3, 0.0, -45.3),
    2: (0.2, 0.0, -50.0),
    8: (1.0, 0.0, 7.4),
    9: (3.1, 0.0, 15.8),
    151: (2.2, 0.0, 31.1),
}
# (right, left): the left one's coordinates; the right one's y has the other sign.
_PAIRS_MM = {
    (33, 263): (-22.3, 45.5, -2.2),
    (133, 362): (-17.1, 17.5, -4.2),
    (193, 417): (-4.3, 7.8, -0.6),
    (245, 465): (-8.5, 10.3, -8.1),
    (188, 412): (-3.2, 9.8, -13.1),
    (122, 351): (1.0, 5.8, -9.8),
    (116, 345): (-36.3, 63.1, -17.1),
    (54, 284): (-32.8, 59.5, 32.1),
    (21, 251): (-45.9, 65.4, 22.5),
    (127, 356): (-71.5, 69.1, -1.3),
}

RIGID_POINTS = np.array([*_MIDDLE_MM, *(index for pair in _PAIRS_MM for index in pair)])
RIGID_POINTS.setflags(write=False)
"""Mesh indices of the average face's points."""

AVERAGE_FACE_M = (
    np.array(
        [*_MIDDLE_MM.values(), *(point for x, y, z in _PAIRS_MM.values() for point in ((x, -y, z), (x, y, z)))]
    ).astype(np.float64)
    * 1e-3
)
AVERAGE_FACE_M.setflags(write=False)
"""(points, 3) float64, m, in the face's frame, in the order of RIGID_POINTS."""

# Columns are the face's axes in the optical frame when the face looks straight into the camera.
FACING_CAMERA = np.array(((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (-1.0, 0.0, 0.0)))
FACING_CAMERA.setflags(write=False)

# A face whose rigid points spread over less is noise; the smallest that the detectors find is about 8 px wide.
_MIN_SPREAD_PX = 2.0
_REFINEMENT = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 10, 1e-6)


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Pose of a face in the camera's optical frame.

    Attributes:
        rotation: (3, 3) float64, takes coordinates in the face's frame to the optical frame; its first column is the
            direction in which the head faces.
        translation_m: (3,) float64, the sellion in the optical frame.
    """

    rotation: np.ndarray
    translation_m: np.ndarray

    @property
    def _from_facing_camera(self) -> np.ndarray:
        return np.asarray(FACING_CAMERA.T @ self.rotation)

    @property
    def yaw_rad(self) -> float:
        """Turn about the face's z axis from facing along the optical axis; positive to the person's left."""
        turn = self._from_facing_camera
        return math.atan2(turn[1, 0], turn[0, 0])

    @property
    def pitch_rad(self) -> float:
        """Turn about the face's y axis; positive looks down."""
        return math.asin(-min(1.0, max(-1.0, float(self._from_facing_camera[2, 0]))))

    @property
    def roll_rad(self) -> float:
        """Turn about the face's x axis; positive leans the head to the person's right shoulder."""
        turn = self._from_facing_camera
        return math.atan2(turn[2, 1], turn[2, 2])

    @property
    def gaze(self) -> np.ndarray:
        """(3,) unit vector of the direction in which the head faces; the eyes may look elsewhere."""
        return np.asarray(self.rotation[:, 0])


def check_intrinsics(intrinsics: np.ndarray) -> None:
    """Raise InputError unless ``intrinsics`` is a camera matrix: (3, 3), finite, with positive focal lengths."""
    if (
        np.shape(intrinsics) != (3, 3)
        or not np.isfinite(intrinsics).all()
        or min(intrinsics[0, 0], intrinsics[1, 1]) <= 0
    ):
        raise InputError(
            "Intrinsics must be a finite (3, 3) matrix with positive focal lengths, got "
            f"{np.asarray(intrinsics).tolist()}."
        )


def estimate(mesh: FaceMesh, intrinsics: np.ndarray) -> HeadPose | None:
    """Fit the average face to a mesh.

    Args:
        mesh: of this picture; only x and y of the rigid points are used.
        intrinsics: K, (3, 3), of the picture that the mesh's pixels belong to; lens distortion is neglected, rectify
            the picture first if it is strong.

    Returns:
        The pose, or None where the points have none: not finite, all in one place, or no solution before the camera.

    Raises:
        InputError: the mesh or the matrix has another shape, or the matrix has no positive focal lengths.
    """
    if mesh.points.shape != (MESH_POINTS, 3):
        raise InputError(f"A mesh has shape ({MESH_POINTS}, 3), got {mesh.points.shape}.")
    intrinsics = np.asarray(intrinsics, np.float64)
    check_intrinsics(intrinsics)
    pixels = np.ascontiguousarray(mesh.points[RIGID_POINTS, :2], np.float64)
    if not np.isfinite(pixels).all() or pixels.std(axis=0).max() < _MIN_SPREAD_PX:
        return None
    try:
        found, turn, shift = cv2.solvePnP(AVERAGE_FACE_M, pixels, intrinsics, None, flags=cv2.SOLVEPNP_SQPNP)
        if not found:
            return None
        turn, shift = cv2.solvePnPRefineLM(AVERAGE_FACE_M, pixels, intrinsics, None, turn, shift, _REFINEMENT)
    except cv2.error:
        return None
    rotation, translation = cv2.Rodrigues(turn)[0], shift[:, 0]
    if not (np.isfinite(rotation).all() and np.isfinite(translation).all()) or translation[2] <= 0:
        return None
    return HeadPose(rotation, translation)
