"""The whole way from a frame to faces: detect, track, locate landmarks, estimate pose and, where asked for,
expression.

One thread, one frame at a time. Detection runs in every frame, so that a new face shows at once; the stages after it
run for all faces or, in a crowd, for some of them in turn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from faceedge.camera import head_pose
from faceedge.camera.detection import Detections, FaceDetector, check_image
from faceedge.camera.frame import Frame
from faceedge.camera.head_pose import HeadPose
from faceedge.camera.landmarks import FaceMesh, FaceSquare, LandmarkNetwork, square_of_detection, square_of_mesh
from faceedge.camera.tracking import FaceTracker, Track
from faceedge.errors import ConfigurationError
from faceedge.inference.registry import Model, ModelCard, find_model
from faceedge.perception import action_units
from faceedge.timing import StageTimer

if TYPE_CHECKING:
    from faceedge.perception.expression import ExpressionClassifier, ExpressionEstimate

DETECTORS = ("near", "far")

# Below this the landmark network sees no face where the detector did, and its points mean nothing.
_MIN_PRESENCE = 0.5
# The detector also gives what is half as likely as the threshold: the tracker's second round lives on it.
_WEAK_SHARE = 0.5
_MIN_DETECTION_THRESHOLD = 0.02
# A mesh older than this has moved too far to say where to look.
_MAX_MESH_AGE_S = 0.25
# The last mesh says where to look only while the detector agrees: its box's centre within this part of the square's
# side.
_MAX_SQUARE_OFFSET = 0.15
# An uncalibrated camera: focal length in picture widths (53 degrees across, a usual webcam).
_NOMINAL_FOCAL_LENGTH = 1.0


@dataclass(frozen=True, slots=True)
class FaceSettings:
    """What to do with each frame.

    Attributes:
        detector: ``near`` for faces within about 2 m, ``far`` for a whole class.
        detection_threshold: score, 0..1, from which on a detection can start a track.
        max_faces: tracks at once.
        faces_per_frame: faces whose landmarks and all that follows are refreshed in one frame, in turn; 0 means all.
        landmarks: locate the mesh; pose, expression and action units need it.
        pose: estimate the head's pose.
        expression: estimate the expression. Off by default: inferring emotions is regulated.
        action_units: estimate action units. Off by default for the same reason.
        expression_threshold: confidence below which the expression abstains; NaN takes the model card's.
        smoothing_s: time constant over which a face's expression probabilities are averaged; 0 means not at all.
        threads: of each network.
        runtime: see ``Interpreter``.
    """

    detector: str = "near"
    detection_threshold: float = 0.5
    max_faces: int = 40
    faces_per_frame: int = 0
    landmarks: bool = True
    pose: bool = True
    expression: bool = False
    action_units: bool = False
    expression_threshold: float = math.nan
    smoothing_s: float = 0.3
    threads: int = 1
    runtime: str = "auto"

    def check(self) -> None:
        """Raise ConfigurationError for a value that is out of its range."""
        if self.detector not in DETECTORS:
            raise ConfigurationError(f"detector is {self.detector!r}, expected one of: {', '.join(DETECTORS)}.")
        for name, value, low, high in (
            ("detection_threshold", self.detection_threshold, _MIN_DETECTION_THRESHOLD, 0.99),
            ("max_faces", self.max_faces, 1, math.inf),
            ("faces_per_frame", self.faces_per_frame, 0, math.inf),
            ("smoothing_s", self.smoothing_s, 0.0, math.inf),
            ("threads", self.threads, 1, math.inf),
        ):
            if not low <= value <= high:
                raise ConfigurationError(f"{name} is {value}, expected {low:g} to {high:g}.")
        if not math.isnan(self.expression_threshold) and not 0.0 <= self.expression_threshold <= 1.0:
            raise ConfigurationError(
                f"expression_threshold is {self.expression_threshold}, expected 0 to 1, or NaN for the model card's."
            )


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one frame.

    Attributes:
        id: of its track.
        box: (4,) float32, xmin ymin xmax ymax in pixels: of the mesh, moved along with the tracker's box since it was
            refreshed; the tracker's where there is no mesh.
        roi: (4,) float32, the box divided by the picture's size and clipped to 0..1.
        confidence: score of its last detection, 0..1.
        mesh, pose, expression, action_units: None where not asked for or not known; from an earlier frame unless
            ``updated``. Action units are intensity (99,) and confidence (99,).
        updated: mesh and what follows from it were refreshed in this frame.
    """

    id: str
    box: np.ndarray
    roi: np.ndarray
    confidence: float
    mesh: FaceMesh | None = None
    pose: HeadPose | None = None
    expression: ExpressionEstimate | None = None
    action_units: tuple[np.ndarray, np.ndarray] | None = None
    updated: bool = False


@dataclass(slots=True)
class _Memory:
    """What is remembered of one track between frames."""

    refreshed_ns: int | None = None
    mesh: FaceMesh | None = None
    mesh_ns: int = 0
    # Where the mesh's box lies in the tracker's: its edges from that box's centre, in units of that box's size.
    mesh_in_track: np.ndarray | None = None
    pose: HeadPose | None = None
    expression: ExpressionEstimate | None = None
    probabilities: np.ndarray | None = None
    probabilities_ns: int = 0
    action_units: tuple[np.ndarray, np.ndarray] | None = None
    # A track is only reported once the landmark network has confirmed that there is a face.
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class _Networks:
    detector: FaceDetector
    landmarks: LandmarkNetwork | None
    expression: ExpressionClassifier | None
    cards: dict[str, ModelCard] = field(default_factory=dict)


class FacePerception:
    """Detection, tracking, landmarks, pose and expression of one camera's frames.

    Args:
        settings: what to do.
        models_folder: where the models are; None searches the usual places.

    Raises:
        ConfigurationError: a setting is out of its range.
        ModelError: a model is missing, corrupt, or does not fit its task; or no runtime is installed.
    """

    def __init__(self, settings: FaceSettings, models_folder: Path | None = None) -> None:
        settings.check()
        self.settings = settings
        self.timer = StageTimer()
        self._networks = _load(settings, models_folder)
        self._tracker = FaceTracker(
            start_score=settings.detection_threshold,
            # The landmark network is the better judge of what a detection is; without it, a second detection has to
            # do.
            min_hits=1 if settings.landmarks else 2,
            max_tracks=settings.max_faces,
        )
        self._memories: dict[str, _Memory] = {}

    @property
    def cards(self) -> dict[str, ModelCard]:
        """Cards of the models in use, by what they are used for."""
        return dict(self._networks.cards)

    def reset(self) -> None:
        """Forget all faces; those in view get new ids."""
        self._tracker.reset()
        self._memories.clear()

    def process(self, frame: Frame, intrinsics: np.ndarray | None = None) -> list[Face]:
        """Find the faces of one frame.

        Args:
            frame: frames of one camera in the order of their stamps; a step back in time starts over.
            intrinsics: K, (3, 3), of the frame; None takes a nominal camera, which is good for angles but not for
            distances.

        Returns:
            The faces in view and those lost for less than the tracker's patience, oldest first.

        Raises:
            InputError: the frame has another shape or type, or the matrix is none of a camera. Faces are unchanged.
        """
        image = frame.image
        check_image(image)
        if intrinsics is not None:
            head_pose.check_intrinsics(intrinsics)
        with self.timer.stage("detect"):
            detections = self._networks.detector.detect(image)
        with self.timer.stage("track"):
            tracks = self._tracker.update(detections.boxes, detections.scores, frame.stamp_ns)
            alive = {track.id for track in tracks}
            self._memories = {key: memory for key, memory in self._memories.items() if key in alive}
            for track in tracks:
                self._memories.setdefault(track.id, _Memory())
        updated = self._refresh(frame, intrinsics, tracks, detections)
        return [
            self._face(track, image.shape, updated=track.id in updated)
            for track in tracks
            if self._networks.landmarks is None or self._memories[track.id].confirmed
        ]

    def _refresh(
        self, frame: Frame, intrinsics: np.ndarray | None, tracks: Sequence[Track], detections: Detections
    ) -> set[str]:
        """Bring the faces whose turn it is up to date; their ids."""
        network = self._networks.landmarks
        updated: set[str] = set()
        if network is None:
            return updated
        for track in self._whose_turn(tracks):
            memory = self._memories[track.id]
            memory.refreshed_ns = frame.stamp_ns
            with self.timer.stage("landmarks"):
                mesh = network.locate(frame.image, self._square(track, memory, detections, frame.stamp_ns))
            if mesh.presence < _MIN_PRESENCE or not np.isfinite(mesh.points).all():
                memory.mesh = memory.pose = memory.expression = memory.action_units = memory.mesh_in_track = None
                continue
            memory.mesh, memory.mesh_ns, memory.confirmed = mesh, frame.stamp_ns, True
            memory.mesh_in_track = _relative(mesh.box, track.box)
            updated.add(track.id)
            self._interpret(frame, intrinsics, mesh, memory)
        return updated

    def _whose_turn(self, tracks: Sequence[Track]) -> list[Track]:
        """Tracks seen in this frame, those that have waited longest first, as many as the settings allow."""
        seen = [track for track in tracks if track.detection_index is not None]
        limit = self.settings.faces_per_frame
        if not limit or len(seen) <= limit:
            return seen
        return sorted(seen, key=lambda track: self._memories[track.id].refreshed_ns or 0)[:limit]

    def _square(self, track: Track, memory: _Memory, detections: Detections, stamp_ns: int) -> FaceSquare:
        """Where to look for the landmarks: the last mesh is steadier, the detection is right after a jump."""
        index = track.detection_index
        assert index is not None
        detected = square_of_detection(detections.boxes[index], detections.keypoints[index])
        if memory.mesh is None or stamp_ns - memory.mesh_ns > _MAX_MESH_AGE_S * 1e9:
            return detected
        last = square_of_mesh(memory.mesh.points)
        offset = math.hypot(last.x - detected.x, last.y - detected.y)
        return last if offset < _MAX_SQUARE_OFFSET * last.size else detected

    def _interpret(self, frame: Frame, intrinsics: np.ndarray | None, mesh: FaceMesh, memory: _Memory) -> None:
        """What follows from a mesh."""
        settings = self.settings
        if settings.pose:
            with self.timer.stage("pose"):
                camera = _nominal_intrinsics(frame.image) if intrinsics is None else intrinsics
                memory.pose = head_pose.estimate(mesh, camera)
        if self._networks.expression is not None:
            with self.timer.stage("expression"):
                memory.expression = self._express(frame, mesh, memory, self._networks.expression)
        if settings.action_units:
            with self.timer.stage("action_units"):
                memory.action_units = action_units.estimate(mesh.points)

    def _express(
        self, frame: Frame, mesh: FaceMesh, memory: _Memory, classifier: ExpressionClassifier
    ) -> ExpressionEstimate:
        """The expression, smoothed exponentially over time."""
        estimate = classifier.classify(frame.image, mesh.points)
        smoothing_s = self.settings.smoothing_s
        if smoothing_s <= 0.0:
            return estimate
        before, memory.probabilities = memory.probabilities, estimate.probabilities
        step_s = (frame.stamp_ns - memory.probabilities_ns) / 1e9
        memory.probabilities_ns = frame.stamp_ns
        if before is None:
            return estimate
        keep = math.exp(-max(step_s, 0.0) / smoothing_s)
        memory.probabilities = np.asarray(keep * before + (1.0 - keep) * estimate.probabilities, np.float32)
        return classifier.decide(memory.probabilities)

    def _face(self, track: Track, shape: tuple[int, ...], *, updated: bool) -> Face:
        memory = self._memories[track.id]
        height, width = shape[:2]
        box = track.box if memory.mesh_in_track is None else _absolute(memory.mesh_in_track, track.box)
        roi = np.clip(box / np.array((width, height, width, height), np.float32), 0.0, 1.0).astype(np.float32)
        return Face(
            id=track.id,
            box=box,
            roi=roi,
            confidence=min(1.0, track.score),
            mesh=memory.mesh,
            pose=memory.pose,
            expression=memory.expression,
            action_units=memory.action_units,
            updated=updated,
        )


def _load(settings: FaceSettings, folder: Path | None) -> _Networks:
    """Open the models that the settings need; the expression's code is imported only for one who asked for it."""
    cards: dict[str, ModelCard] = {}

    def find(use: str, name: str) -> Model:
        model = find_model(name, folder)
        cards[use] = model.card
        return model

    detector = FaceDetector(
        find("detection", f"face_detection_{settings.detector}"),
        threads=settings.threads,
        score_threshold=max(settings.detection_threshold * _WEAK_SHARE, _MIN_DETECTION_THRESHOLD),
        runtime=settings.runtime,
    )
    landmarks = None
    if settings.landmarks:
        landmarks = LandmarkNetwork(
            find("landmarks", "face_landmarks"), threads=settings.threads, runtime=settings.runtime
        )
    expression = None
    if settings.landmarks and settings.expression:
        from faceedge.perception.expression import ExpressionClassifier

        threshold = None if math.isnan(settings.expression_threshold) else settings.expression_threshold
        expression = ExpressionClassifier(
            find("expression", "expression"), threads=settings.threads, threshold=threshold, runtime=settings.runtime
        )
    return _Networks(detector, landmarks, expression, cards)


def _relative(box: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """``box`` in units of the box ``frame``, from its centre."""
    return np.asarray((box - _centre(frame)) / _size(frame), np.float32)


def _absolute(relative: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Inverse of ``_relative``."""
    return np.asarray(relative * _size(frame) + _centre(frame), np.float32)


def _centre(box: np.ndarray) -> np.ndarray:
    return np.tile((box[:2] + box[2:]) / 2, 2)


def _size(box: np.ndarray) -> np.ndarray:
    return np.tile(box[2:] - box[:2], 2)


def _nominal_intrinsics(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    focal_length = _NOMINAL_FOCAL_LENGTH * width
    return np.array(((focal_length, 0.0, width / 2), (0.0, focal_length, height / 2), (0.0, 0.0, 1.0)))
