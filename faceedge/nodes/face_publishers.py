"""The topics of REP-155 that the face node publishes: some for all faces, some that live as long as one face."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import rclpy.node
from hri_msgs.msg import Expression, FacialActionUnits, FacialLandmarks, IdsList, NormalizedRegionOfInterest2D
from rclpy.duration import Duration
from rclpy.publisher import Publisher
from rclpy.type_support import check_is_valid_msg_type
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from faceedge.camera.frame import Frame
from faceedge.camera.landmarks import REP155_CONFIDENCE, to_rep155
from faceedge.nodes import conversions
from faceedge.nodes.qos import HUMANS, TRANSFORMS, make_publisher, make_short_lived_publisher, overridden_profile
from faceedge.perception.faces import Face

FACES = "/humans/faces"
CROP_PX = 128
"""REP-155: /humans/faces/width and height."""
CROP_MARGIN = 1.3
LINGER_S = 1.0
"""How long the topics of a face outlive it, so that its last messages arrive."""

FAREWELL = Duration(seconds=0.5)
"""How long the end of a process waits for listeners to acknowledge that no face is tracked any more."""


@dataclass(frozen=True, slots=True)
class FaceTopics:
    """Which topics a face gets beside `roi`."""

    landmarks: bool = True
    pose: bool = True
    expression: bool = False
    action_units: bool = False
    cropped: bool = False


def crop(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The square around ``box`` (xmin, ymin, xmax, ymax in pixels), (128, 128, 3) uint8; black outside the picture."""
    xmin, ymin, xmax, ymax = (float(value) for value in box)
    side = max(xmax - xmin, ymax - ymin, 1.0) * CROP_MARGIN
    scale = CROP_PX / side
    left, top = (xmin + xmax - side) / 2, (ymin + ymax - side) / 2
    # Pixel centres lie at whole numbers plus a half.
    shift = 0.5 * scale - 0.5
    matrix = np.array([[scale, 0, shift - left * scale], [0, scale, shift - top * scale]])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.warpAffine(image, matrix, (CROP_PX, CROP_PX), flags=method), np.uint8)


class FacePublishers:
    """Publishes faces; made when the node is configured, emptied when it is deactivated.

    Raises:
        ConfigurationError: QoS overrides that cannot be used.
    """

    def __init__(self, node: rclpy.node.Node, topics: FaceTopics) -> None:
        self._node = node
        self._topics = topics
        self._kinds: dict[str, Any] = {"roi": NormalizedRegionOfInterest2D}
        for name, kind, wanted in (
            ("landmarks", FacialLandmarks, topics.landmarks),
            ("expression", Expression, topics.expression),
            ("facs", FacialActionUnits, topics.action_units),
            ("cropped", Image, topics.cropped),
        ):
            if wanted:
                self._kinds[name] = kind
        self._tracked = make_publisher(node, IdsList, f"{FACES}/tracked", HUMANS)
        self._transforms = make_publisher(node, TFMessage, "/tf", TRANSFORMS) if topics.pose else None
        self._profile = overridden_profile(node, FACES, HUMANS)
        self._faces: dict[str, dict[str, Publisher]] = {}
        self._left: dict[str, float] = {}
        # The first use of a type loads a library (20 ms); do that now and not when the first face appears.
        for kind in self._kinds.values():
            check_is_valid_msg_type(kind)

    def publish(self, faces: Sequence[Face], frame: Frame) -> None:
        """Publish what is known of ``faces``, all stamped like ``frame``; faces that are missing have left."""
        header = conversions.make_header(frame.stamp_ns, frame.frame_id)
        self._tracked.publish(conversions.tracked_ids((face.id for face in faces), header))
        if self._transforms is not None:
            transforms = [
                transform
                for face in faces
                if face.pose is not None and face.updated
                for transform in conversions.face_transforms(
                    face.id, face.pose.rotation, face.pose.translation_m, header
                )
            ]
            if transforms:
                self._transforms.publish(TFMessage(transforms=transforms))
        # New faces last: their publishers take a millisecond, which faces that were here before need not wait for.
        for face in sorted(faces, key=lambda face: face.id not in self._faces):
            self._publish_face(face, frame, header)
        self._forget({face.id for face in faces})

    def nobody(self, stamp_ns: int, frame_id: str) -> None:
        """Say that no face is tracked any more and take all their topics back."""
        self._tracked.publish(conversions.tracked_ids((), conversions.make_header(stamp_ns, frame_id)))
        self._forget(set(), linger_s=0.0)

    def close(self) -> None:
        """Destroy all publishers, when what they said last has arrived."""
        self._tracked.wait_for_all_acked(FAREWELL)
        self._forget(set(), linger_s=0.0)
        self._node.destroy_publisher(self._tracked)
        if self._transforms is not None:
            self._node.destroy_publisher(self._transforms)

    def _publish_face(self, face: Face, frame: Frame, header: Header) -> None:
        publishers = self._faces.get(face.id)
        if publishers is None:
            publishers = self._faces[face.id] = {
                name: make_short_lived_publisher(self._node, kind, f"{FACES}/{face.id}/{name}", self._profile)
                for name, kind in self._kinds.items()
            }
        for name, make in self._messages(face, frame, header).items():
            publisher = publishers[name]
            # Making 70 points costs more than everything else here, and most robots listen to one or two topics.
            if publisher.get_subscription_count():
                publisher.publish(make())

    def _messages(self, face: Face, frame: Frame, header: Header) -> dict[str, Callable[[], Any]]:
        """A maker for each message that this face has in this frame, by the last part of its topic."""
        height, width = frame.image.shape[:2]
        result: dict[str, Callable[[], Any]] = {
            "roi": lambda: conversions.region_of_interest(face.roi, face.confidence, header)
        }
        if self._topics.cropped:
            result["cropped"] = lambda: conversions.pixels_to_image(crop(frame.image, face.box), header)
        if not face.updated:
            return result
        mesh, estimate, units = face.mesh, face.expression, face.action_units
        if self._topics.landmarks and mesh is not None:
            result["landmarks"] = lambda: conversions.facial_landmarks(
                to_rep155(mesh.points), mesh.presence * REP155_CONFIDENCE, (width, height), header
            )
        if self._topics.expression and estimate is not None:
            result["expression"] = lambda: conversions.expression(estimate, header)
        if self._topics.action_units and units is not None:
            intensity, confidence = units
            result["facs"] = lambda: conversions.action_units(intensity, confidence, header)
        return result

    def _forget(self, present: set[str], linger_s: float = LINGER_S) -> None:
        """Destroy the publishers of faces that left more than ``linger_s`` ago."""
        now = time.monotonic()
        for face_id in list(self._faces):
            if face_id in present:
                self._left.pop(face_id, None)
            elif now - self._left.setdefault(face_id, now) >= linger_s:
                for publisher in self._faces.pop(face_id).values():
                    self._node.destroy_publisher(publisher)
                del self._left[face_id]
