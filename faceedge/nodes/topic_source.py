"""A camera source that passes the images of another driver on, so that whatever publishes images can be the camera."""

from __future__ import annotations

import rclpy.node
from sensor_msgs.msg import CompressedImage, Image

from faceedge.camera.frame import Frame
from faceedge.camera.sources import Source, SourceSettings
from faceedge.errors import ConfigurationError, InputError
from faceedge.nodes import conversions
from faceedge.nodes.qos import IMAGE_IN
from faceedge.nodes.shared_frames import LatestSlot
from faceedge.nodes.topic_names import resolve_topic

COMPRESSED = "/compressed"


class TopicSource(Source):
    """Frames from ``topic``: sensor_msgs/Image, or CompressedImage where the name ends in `/compressed`.

    Stamps and frames of reference are the sender's. Best effort, newest picture only; overwritten ones are counted.

    Raises:
        ConfigurationError: the topic is the one that ``node`` itself publishes.
    """

    def __init__(self, settings: SourceSettings, node: rclpy.node.Node, topic: str) -> None:
        super().__init__(settings)
        self._node = node
        self._topic = resolve_topic(node, topic, "/camera/image_raw")
        if self._topic.removesuffix(COMPRESSED) == node.resolve_topic_name("~/image_raw"):
            raise ConfigurationError(
                f"source: topic needs the path of another node's image topic; {self._topic} is this node's own."
            )
        self._compressed = self._topic.endswith(COMPRESSED)
        self._slot: LatestSlot[Image | CompressedImage] = LatestSlot()
        self._subscription: rclpy.node.Subscription | None = None
        self.description = f"topic {self._topic}"

    def open(self) -> None:
        """Subscribe; a topic without a publisher is no error, the publisher may come later."""
        self.close()
        kind = CompressedImage if self._compressed else Image
        self._subscription = self._node.create_subscription(kind, self._topic, self._slot.put, IMAGE_IN)

    def read(self, timeout_s: float = 1.0) -> Frame | None:
        """The newest picture or None; InputError for a picture that cannot be read."""
        message = self._slot.take(timeout_s)
        self.dropped = self._slot.dropped
        if message is None:
            return None
        try:
            sequence = self._slot.received - 1
            if self._compressed:
                frame = conversions.compressed_to_frame(message, sequence)
            else:
                frame = conversions.image_to_frame(message, sequence)
        except InputError:
            self.rejected += 1
            raise
        self.height, self.width = frame.image.shape[:2]
        return frame

    def close(self) -> None:
        """Unsubscribe."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None
