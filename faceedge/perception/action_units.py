"""Facial action units from the geometry of one mesh: coarse, and honest about it.

A unit's intensity is how far a distance of the face has moved from its neutral value to its value at full strength,

    intensity = clip((distance - neutral) / (full - neutral), 0, 1),

where distances are measured on the mesh turned to face the camera and in units of the distance between the outer
corners of the eyes. The neutral values are medians of near-frontal portraits labelled neutral (Labeled Faces in the
Wild). The full values are choices: no data with marked units stands behind them.

People differ in their neutral faces. Of 636 such portraits, 5 % reach more than this intensity without doing anything:
0.60 for unit 1, 0.51 for 2, 0.57 for 4, 0.38 for 5, 0.30 for 12, 0.27 for 15, 0.77 for 25 (some are speaking), and less
than 0.01 for 26, 27 and 43. Intensities up to there say nothing about a person whose neutral face is not known. Unit 12
does tell portraits labelled happy from neutral ones (area under the ROC curve 0.95, on the portraits its constants come
from). Confidence is a judgement and no probability: it never exceeds 0.5, and falls to 0 where the face turns away.
Units that leave no trace in the mesh's outline (cheek raiser, nose wrinkler, lip presser, ...) have confidence 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from faceedge.camera.head_pose import AVERAGE_FACE_M, FACING_CAMERA, RIGID_POINTS
from faceedge.camera.mesh_tables import (
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    LOWER_LIP_INNER,
    MESH_POINTS,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
    UPPER_LIP_INNER,
)
from faceedge.errors import InputError

UNITS = 99
"""hri_msgs/FacialActionUnits: the index is the unit's code in the Facial Action Coding System."""

# Up to here the distances are trusted fully, from there on not at all: angle between the face's axis and the
# camera's.
_TRUSTED_ANGLE_DEG, _HOPELESS_ANGLE_DEG = 20.0, 40.0

_INNER_BROWS = ((107, 66), (336, 296))
_OUTER_BROWS = ((70, 63), (300, 293))
_UPPER_LIDS, _LOWER_LIDS = (160, 159, 158, 387, 386, 385), (144, 145, 153, 373, 374, 380)
_UPPER_LIP_TOP, _LOWER_LIP_BOTTOM = 0, 17

# Axes of the face's frame.
_UP = 2


def _inner_brow_height(face: np.ndarray) -> float:
    brows = face[np.array(_INNER_BROWS), _UP].mean()
    return float(brows - face[[RIGHT_EYE_INNER, LEFT_EYE_INNER], _UP].mean())


def _outer_brow_height(face: np.ndarray) -> float:
    brows = face[np.array(_OUTER_BROWS), _UP].mean()
    return float(brows - face[[RIGHT_EYE_OUTER, LEFT_EYE_OUTER], _UP].mean())


def _eye_opening(face: np.ndarray) -> float:
    """Relative to the width of the eye, mean of both."""
    openings = np.linalg.norm(face[list(_UPPER_LIDS)] - face[list(_LOWER_LIDS)], axis=1)
    widths = np.linalg.norm(
        face[[RIGHT_EYE_OUTER, LEFT_EYE_OUTER]] - face[[RIGHT_EYE_INNER, LEFT_EYE_INNER]], axis=1
    ).repeat(len(_UPPER_LIDS) // 2)
    return float(np.mean(openings / np.maximum(widths, 1e-6)))


def _mouth_width(face: np.ndarray) -> float:
    return float(np.linalg.norm(face[MOUTH_RIGHT] - face[MOUTH_LEFT]))


def _mouth_corner_height(face: np.ndarray) -> float:
    """Of the corners above the middle of the lips."""
    return float(face[[MOUTH_RIGHT, MOUTH_LEFT], _UP].mean() - face[[_UPPER_LIP_TOP, _LOWER_LIP_BOTTOM], _UP].mean())


def _lip_gap(face: np.ndarray) -> float:
    return float(np.linalg.norm(face[UPPER_LIP_INNER] - face[LOWER_LIP_INNER]))


@dataclass(frozen=True, slots=True)
class _Unit:
    """A unit whose intensity is the mean over (distance, neutral, full)."""

    code: int
    confidence: float
    distances: tuple[tuple[Callable[[np.ndarray], float], float, float], ...]

    def intensity(self, face: np.ndarray) -> float:
        parts = [(measure(face) - neutral) / (full - neutral) for measure, neutral, full in self.distances]
        return min(1.0, max(0.0, sum(parts) / len(parts)))


_TABLE = (
    _Unit(1, 0.3, ((_inner_brow_height, 0.25, 0.34),)),  # inner brow raiser
    _Unit(2, 0.3, ((_outer_brow_height, 0.19, 0.27),)),  # outer brow raiser
    _Unit(4, 0.3, ((_inner_brow_height, 0.25, 0.16),)),  # brow lowerer
    _Unit(5, 0.3, ((_eye_opening, 0.29, 0.40),)),  # upper lid raiser
    _Unit(12, 0.5, ((_mouth_width, 0.55, 0.72), (_mouth_corner_height, 0.035, 0.11))),  # lip corner puller
    _Unit(15, 0.3, ((_mouth_corner_height, 0.035, -0.02),)),  # lip corner depressor
    _Unit(25, 0.5, ((_lip_gap, 0.035, 0.12),)),  # lips part
    _Unit(26, 0.4, ((_lip_gap, 0.11, 0.30),)),  # jaw drop
    _Unit(27, 0.4, ((_lip_gap, 0.30, 0.55),)),  # mouth stretch
    _Unit(43, 0.4, ((_eye_opening, 0.23, 0.12),)),  # eyes closed
)


def estimate(mesh_points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the action units of one face.

    Args:
        mesh_points: (468, 3), x right, y down, z away from the camera, all in the same unit.

    Returns:
        Intensity (99,) and confidence (99,), float32, 0..1, index = code of the unit. All confidence is 0 where the
        face is turned by 40 degrees or more, or the points are not finite or all in one place.

    Raises:
        InputError: the mesh has another shape.
    """
    if mesh_points.shape != (MESH_POINTS, 3):
        raise InputError(f"A mesh has shape ({MESH_POINTS}, 3), got {mesh_points.shape}.")
    intensity, confidence = np.zeros(UNITS, np.float32), np.zeros(UNITS, np.float32)
    turned = _face_camera(np.asarray(mesh_points, np.float64))
    if turned is None:
        return intensity, confidence
    face, angle_deg = turned
    trust = (_HOPELESS_ANGLE_DEG - angle_deg) / (_HOPELESS_ANGLE_DEG - _TRUSTED_ANGLE_DEG)
    trust = min(1.0, max(0.0, trust))
    if trust > 0.0:
        for unit in _TABLE:
            intensity[unit.code] = unit.intensity(face)
            confidence[unit.code] = unit.confidence * trust
    return intensity, confidence


def _face_camera(points: np.ndarray) -> tuple[np.ndarray, float] | None:
    """The mesh in the face's frame with the eyes' outer corners 1 apart, and how far it was turned, in degrees.

    The rotation is the one that takes the average face nearest to the mesh (Kabsch's method).
    """
    if not np.isfinite(points).all():
        return None
    average = AVERAGE_FACE_M - AVERAGE_FACE_M.mean(axis=0)
    middle = points[RIGID_POINTS].mean(axis=0)
    left, _, right = np.linalg.svd(average.T @ (points[RIGID_POINTS] - middle))
    mirror = np.diag((1.0, 1.0, np.sign(np.linalg.det(left @ right))))
    rotation = left @ mirror @ right  # rows are the face's axes in the mesh's
    face = (points - middle) @ rotation.T
    width = float(np.linalg.norm(face[LEFT_EYE_OUTER] - face[RIGHT_EYE_OUTER]))
    if width < 1e-6:
        return None
    cosine = float(rotation[0] @ FACING_CAMERA[:, 0])
    return face / width, float(np.degrees(np.arccos(min(1.0, max(-1.0, cosine)))))
