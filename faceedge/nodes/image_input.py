"""Where a node gets its pictures from: the camera in this process, or a topic, raw or compressed."""

from __future__ import annotations

import time

import numpy as np
import rclpy.node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from faceedge.camera.calibration import default_calibration
from faceedge.camera.frame import Frame
from faceedge.errors import InputError
from faceedge.nodes import conversions, shared_frames
from faceedge.nodes.qos import IMAGE_IN
from faceedge.nodes.shared_frames import LatestSlot, SharedFrame
from faceedge.nodes.topic_names import resolve_topic

TRANSPORTS = ("auto", "shared", "raw", "compressed")
THROTTLE_S = 5.0


class ImageInput:
    """The newest picture of ``topic``, and the camera matrix that belongs to it.

    Args:
        node: subscribes, and logs a sentence for every kind of picture that cannot be used (at most one in 5 s).
        topic: of the raw image; `<topic>/compressed` is the compressed one (image_transport's convention).
        info_topic: of the camera_info; empty: beside the image (`camera_info` in the same namespace).
        transport: one of TRANSPORTS; `auto` is `shared` where a camera of this process offers the topic, else `raw`.
        fallback_fov_rad: horizontal field of view that is assumed for a camera that is not calibrated.
    """

    def __init__(
        self, node: rclpy.node.Node, topic: str, info_topic: str, transport: str, fallback_fov_rad: float
    ) -> None:
        self._node = node
        self.topic = resolve_topic(node, topic, "camera/image_raw")
        if transport == "auto":
            transport = "shared" if shared_frames.is_offered(self.topic) else "raw"
        self.transport = transport
        self.calibrated = False
        self.rejected = 0
        self._fallback_fov_rad = fallback_fov_rad
        self._fallback: tuple[np.ndarray, int, int] | None = None
        self._intrinsics: tuple[np.ndarray, int, int] | None = None
        self._slot: LatestSlot[SharedFrame | Image | CompressedImage] = LatestSlot()
        self._subscriptions: list[rclpy.node.Subscription] = []
        self.opened_at = time.monotonic()
        self.last_at = self.opened_at
        if transport == "shared":
            shared_frames.attach(self.topic, self._slot)
            return
        kind = CompressedImage if transport == "compressed" else Image
        if transport == "compressed":
            self.topic = node.resolve_topic_name(f"{topic}/compressed")
        info_topic = info_topic or f"{self.topic.removesuffix('/compressed').rsplit('/', 1)[0]}/camera_info"
        self._subscriptions = [
            node.create_subscription(kind, self.topic, self._slot.put, IMAGE_IN),
            node.create_subscription(CameraInfo, info_topic, self._on_info, IMAGE_IN),
        ]

    @property
    def received(self) -> int:
        """Pictures that came."""
        return self._slot.received

    @property
    def dropped(self) -> int:
        """Pictures that were replaced by a newer one before they were taken."""
        return self._slot.dropped

    def take(self, timeout_s: float) -> tuple[Frame, np.ndarray] | None:
        """The newest picture and its camera matrix K (3, 3); None when no usable one came within ``timeout_s``."""
        item = self._slot.take(timeout_s)
        if item is None:
            return None
        self.last_at = time.monotonic()
        sequence = self._slot.received - 1
        try:
            if isinstance(item, SharedFrame):
                self.calibrated = item.intrinsics is not None
                return item.frame, item.intrinsics if item.intrinsics is not None else self._assumed(item.frame)
            if isinstance(item, CompressedImage):
                frame = conversions.compressed_to_frame(item, sequence)
            else:
                frame = conversions.image_to_frame(item, sequence)
        except InputError as error:
            self.reject(error)
            return None
        return frame, self._matrix_for(frame)

    def reject(self, error: InputError) -> None:
        """Count a picture that cannot be used and say why."""
        self.rejected += 1
        sentence = f"{error} ({self.rejected} rejected so far on {self.topic})"
        self._node.get_logger().warning(sentence, throttle_duration_sec=THROTTLE_S)

    def close(self) -> None:
        """Unsubscribe."""
        shared_frames.detach(self.topic, self._slot)
        while self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop())

    def _on_info(self, message: CameraInfo) -> None:
        try:
            self._intrinsics = conversions.camera_info_to_intrinsics(message)
        except InputError as error:
            self._intrinsics = None
            self._node.get_logger().warning(str(error), throttle_duration_sec=THROTTLE_S)

    def _matrix_for(self, frame: Frame) -> np.ndarray:
        height, width = frame.image.shape[:2]
        known = self._intrinsics
        self.calibrated = known is not None and known[1:] == (width, height)
        if known is not None and self.calibrated:
            return known[0]
        if known is not None:
            self._node.get_logger().warning(
                f"camera_info is for {known[1]}x{known[2]} and the image has {width}x{height}; an assumed camera "
                "matrix is used, so distances are rough; calibrate at the size in use",
                throttle_duration_sec=THROTTLE_S,
            )
        return self._assumed(frame)

    def _assumed(self, frame: Frame) -> np.ndarray:
        height, width = frame.image.shape[:2]
        if self._fallback is None or self._fallback[1:] != (width, height):
            self._fallback = (default_calibration(width, height, self._fallback_fov_rad).k, width, height)
        return self._fallback[0]
