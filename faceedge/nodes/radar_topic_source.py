"""A radar source that takes raw samples from a topic: another driver's, or those of a bag that is played."""

from __future__ import annotations

import queue
import time
from typing import cast

import rclpy.node
from sensor_msgs.msg import Image
from std_msgs.msg import String

from faceedge.errors import ConfigurationError, InputError
from faceedge.nodes import radar_conversions
from faceedge.nodes.headers import stamp_to_ns
from faceedge.nodes.qos import LATCHED, RADAR_IN, copy_of
from faceedge.nodes.topic_names import resolve_topic
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.frame import RadarFrame
from faceedge.radar.gaps import missing_frames
from faceedge.radar.source_base import RadarSource

ADC, CHIRP, TEMPERATURE = "adc", "chirp", "temperature"


def beside(topic: str, name: str) -> str:
    """The topic ``name`` of the node that publishes ``topic``."""
    return f"{topic.rsplit('/', 1)[0]}/{name}"


def chirp_topic_of(adc_topic: str) -> str:
    """The topic with the chirp settings beside a topic with raw samples."""
    return beside(adc_topic, CHIRP)


class RadarTopicSource(RadarSource):
    """Frames from sensor_msgs/Image on ``topic``, with the settings on the topic `chirp` beside it.

    ``chirp`` is None until the settings have come; ``read()`` returns no frame before. Stamps are the sender's, and
    the gaps between them tell how many frames are missing, because images carry no number.

    Args:
        node: that somebody spins in another thread.
        topic: of the raw samples.

    Raises:
        ConfigurationError: no name of a topic, or that of the one that ``node`` itself publishes.
    """

    def __init__(self, node: rclpy.node.Node, topic: str) -> None:
        self._node = node
        self._topic = resolve_topic(node, topic, f"/radar/{ADC}")
        if self._topic == node.resolve_topic_name(f"~/{ADC}"):
            raise ConfigurationError(
                f"source: topic needs the path of another node's raw samples; {self._topic} is this node's own."
            )
        # The base class has no settings yet either; nobody reads them before the first frame.
        super().__init__(cast(ChirpSettings, None), f"topic {self._topic}")
        self._images: queue.SimpleQueue[Image] = queue.SimpleQueue()
        self._newest_chirp: String | None = None
        self._settings: ChirpSettings | None = None
        self._subscriptions: list[rclpy.node.Subscription] = []
        self._last_stamp_ns = -1
        self._sequence = -1
        self.counters = {"without chirp settings": 0}

    @property
    def topic(self) -> str:
        """The full name of the topic with the raw samples."""
        return self._topic

    def open(self) -> None:
        """Subscribe; a topic without a publisher is no error, the publisher may come later."""
        self.close()
        chirp_topic = chirp_topic_of(self._topic)
        self._subscriptions = [
            self._node.create_subscription(String, chirp_topic, self._heard_chirp, copy_of(LATCHED)),
            self._node.create_subscription(Image, self._topic, self._heard_image, RADAR_IN),
        ]

    def _heard_chirp(self, message: String) -> None:
        self._newest_chirp = message

    def _heard_image(self, message: Image) -> None:
        if self._images.qsize() < RADAR_IN.depth:  # what is left out here is counted by the gap in the stamps
            self._images.put(message)

    def read(self, timeout_s: float = 1.0) -> RadarFrame | None:
        """The next frame or None; InputError for a message that cannot be read."""
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            try:
                message = self._images.get(timeout=left_s)
            except queue.Empty:
                return None
            try:
                settings = self._take_chirp()
                if settings is None:
                    self.counters["without chirp settings"] += 1
                    continue
                cube = radar_conversions.image_to_cube(message, settings)
            except InputError:
                self.rejected += 1
                raise
            return RadarFrame(*self._number(stamp_to_ns(message.header.stamp)), cube=cube)
        return None

    def _take_chirp(self) -> ChirpSettings | None:
        message, self._newest_chirp = self._newest_chirp, None
        if message is not None:
            self.chirp = self._settings = radar_conversions.message_to_chirp(message)
        return self._settings

    def _number(self, stamp_ns: int) -> tuple[int, int]:
        """Stamp and number of a frame; numbers are left out where stamps are too far apart or go back."""
        step = 1
        if self._last_stamp_ns >= 0:
            missing = missing_frames(self._last_stamp_ns, stamp_ns, self.chirp.frame_period_s)
            self.dropped += missing
            # A bag that starts again goes back in time: nothing was dropped, yet no frame follows another.
            step = missing + 1 if stamp_ns > self._last_stamp_ns else 2
        self._last_stamp_ns = stamp_ns
        self._sequence += step
        return stamp_ns, self._sequence

    def close(self) -> None:
        """Unsubscribe."""
        while self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop())
