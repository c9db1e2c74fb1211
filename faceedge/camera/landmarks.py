"""The 468-point mesh of one face, and the 70 points of REP-155 taken from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from faceedge.camera import mesh_tables
from faceedge.camera.detection import KEYPOINTS, check_image
from faceedge.errors import InputError, ModelError
from faceedge.inference.interpreter import Interpreter
from faceedge.inference.registry import Model

# The network was trained on squares 1.5 times as large as the face's box (MediaPipe's
# face_detection_front_detection_to_roi and face_landmark_landmarks_to_roi use the same factor).
_ROI_MARGIN = 1.5
# Below this the square covers less than a pixel of the picture and its landmarks mean nothing.
_MIN_ROI_SIZE_PX = 1.0
_REP155_INDEX = np.array(mesh_tables.REP155_FROM_MESH)
_RIGHT_EYE, _LEFT_EYE = np.array(mesh_tables.RIGHT_EYE_CONTOUR), np.array(mesh_tables.LEFT_EYE_CONTOUR)

# Confidence of each REP-155 point relative to the mesh's presence. The pupils are the middle of the lids' outline and
# not seen, wrong wherever the eyes look aside; how much less they deserve is a choice.
REP155_CONFIDENCE = np.ones(70, np.float32)
REP155_CONFIDENCE[68:] = 0.5
REP155_CONFIDENCE.setflags(write=False)


@dataclass(frozen=True, slots=True)
class FaceMesh:
    """Landmarks of one face.

    Attributes:
        points: (468, 3) float32; x, y in the picture's pixels; z in the same unit, smaller is nearer to the camera, 0
            about at the middle of the head.
        presence: probability, 0..1, that there is a face in the square that was looked at.
    """

    points: np.ndarray
    presence: float

    @property
    def box(self) -> np.ndarray:
        """(4,) float32, xmin ymin xmax ymax of the points."""
        return np.concatenate((self.points[:, :2].min(axis=0), self.points[:, :2].max(axis=0)))


@dataclass(frozen=True, slots=True)
class FaceSquare:
    """A turned square around a face, in the picture's pixels.

    Attributes:
        x, y: centre.
        size: side.
        angle_rad: roll of the face, clockwise in the picture is positive (the right eye higher than the left one).
    """

    x: float
    y: float
    size: float
    angle_rad: float = 0.0


def square_of_detection(box: np.ndarray, keypoints: np.ndarray | None = None) -> FaceSquare:
    """The square for a detected face.

    Args:
        box: (4,) xmin ymin xmax ymax in pixels.
        keypoints: (6, 2) as in ``Detections``; None if there are none, then the face is taken as upright.
    """
    xmin, ymin, xmax, ymax = (float(value) for value in box)
    angle = 0.0
    if keypoints is not None:
        across = keypoints[KEYPOINTS.index("left_eye")] - keypoints[KEYPOINTS.index("right_eye")]
        angle = math.atan2(float(across[1]), float(across[0]))
    return FaceSquare((xmin + xmax) / 2, (ymin + ymax) / 2, max(xmax - xmin, ymax - ymin) * _ROI_MARGIN, angle)


def square_of_mesh(points: np.ndarray) -> FaceSquare:
    """The square for a face whose mesh is known, from the last frame for example.

    The extent is measured along the face's own axes: that of the upright bounding box would grow by up to 41 % with
    roll.

    Args:
        points: (468, 2 or more), x y in pixels.
    """
    across = points[mesh_tables.LEFT_EYE_OUTER, :2] - points[mesh_tables.RIGHT_EYE_OUTER, :2]
    angle = math.atan2(float(across[1]), float(across[0]))
    axes = np.array(((math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle))))
    turned = points[:, :2] @ axes
    low, high = turned.min(axis=0), turned.max(axis=0)
    centre = axes @ ((low + high) / 2)
    return FaceSquare(float(centre[0]), float(centre[1]), float((high - low).max()) * _ROI_MARGIN, angle)


class LandmarkNetwork:
    """MediaPipe's face landmark network with its pre- and post-processing.

    Args:
        model: from ``find_model``.
        threads: threads of one inference.
        runtime: see ``Interpreter``.

    Raises:
        ModelError: the file is not a network of this kind.
    """

    def __init__(self, model: Model, *, threads: int = 1, runtime: str = "auto") -> None:
        self._interpreter = Interpreter(model.path, threads=threads, runtime=runtime)
        shape = self._interpreter.input_shapes[0]
        sizes = [math.prod(output) for output in self._interpreter.output_shapes]
        if len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3 or sizes != [mesh_tables.MESH_POINTS * 3, 1]:
            raise ModelError(
                f"{model.path}: a landmark network takes (1, size, size, 3) and gives {mesh_tables.MESH_POINTS * 3} "
                f"and 1 values, this file takes {shape} and gives {sizes}."
            )
        self.size = shape[1]
        self._crop = np.empty((self.size, self.size, 3), np.uint8)
        self._input = np.empty(shape, np.float32)

    def locate(self, image: np.ndarray, where: FaceSquare | np.ndarray) -> FaceMesh:
        """Locate the landmarks of one face.

        Args:
            image: (height, width, 3) uint8, BGR.
            where: the face's square, or its box (4,) xmin ymin xmax ymax in pixels if it is upright.

        Raises:
            InputError: the picture has another shape or type, or the square is empty, infinite or not a number.
        """
        check_image(image)
        square = where if isinstance(where, FaceSquare) else square_of_detection(where)
        if (
            not all(map(math.isfinite, (square.x, square.y, square.size, square.angle_rad)))
            or square.size < _MIN_ROI_SIZE_PX
        ):
            raise InputError(
                f"A face's square must be finite and at least {_MIN_ROI_SIZE_PX:g} px large, got {square}."
            )
        # One pixel of the crop is `step` pixels of the picture, turned by the angle. Pixel centres lie at integers,
        # so the middle of the crop is (size - 1) / 2.
        step = square.size / self.size
        middle = (self.size - 1) / 2
        cosine, sine = math.cos(square.angle_rad) * step, math.sin(square.angle_rad) * step
        to_picture = np.array(
            (
                (cosine, -sine, square.x - (cosine - sine) * middle),
                (sine, cosine, square.y - (sine + cosine) * middle),
            )
        )
        cv2.warpAffine(
            image,
            to_picture,
            (self.size, self.size),
            dst=self._crop,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        cv2.cvtColor(self._crop, cv2.COLOR_BGR2RGB, dst=self._crop)
        np.multiply(self._crop, np.float32(1 / 255), out=self._input[0])
        raw, logit = self._interpreter.run(self._input)
        crop_points = raw.reshape(mesh_tables.MESH_POINTS, 3)
        points = np.empty_like(crop_points)
        points[:, :2] = crop_points[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
        points[:, 2] = crop_points[:, 2] * step
        presence = 1.0 / (1.0 + math.exp(-min(max(float(logit.flat[0]), -50.0), 50.0)))
        return FaceMesh(points, presence)


def to_rep155(points: np.ndarray) -> np.ndarray:
    """The 70 points of hri_msgs/FacialLandmarks from a mesh.

    Args:
        points: (468, 2 or more), x y first.

    Returns:
        (70, 2) float32 in the unit of ``points``: 68 points of the mesh by ``mesh_tables.REP155_FROM_MESH``, then the
        right and the left pupil, each the middle of its eye's outline. Their relative confidence is
        ``REP155_CONFIDENCE``.
    """
    result = np.empty((70, 2), np.float32)
    result[:68] = points[_REP155_INDEX, :2]
    result[68] = points[_RIGHT_EYE, :2].mean(axis=0)
    result[69] = points[_LEFT_EYE, :2].mean(axis=0)
    return result
