"""A node that only looks at the topics of a radar node, for views of it."""

from __future__ import annotations

import queue
import threading
from typing import Any

import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image, Temperature
from std_msgs.msg import String

from faceedge.errors import ConfigurationError, InputError
from faceedge.nodes.headers import stamp_to_ns
from faceedge.nodes.process import use_shipped_dds_profile
from faceedge.nodes.qos import LATCHED, RADAR_IN, copy_of
from faceedge.nodes.radar_conversions import image_to_matrix, message_to_chirp
from faceedge.nodes.radar_topic_source import CHIRP, TEMPERATURE, beside
from faceedge.nodes.topic_names import check_topic
from faceedge.radar.gaps import missing_frames
from faceedge.radar.moments import Feed, Moment, Pairing

SPIN_S = 0.1
MICRO = "micro_range_doppler"
_BESIDE = (CHIRP, TEMPERATURE, MICRO)
_WAITING = 32
"""Moments that may wait for a reader; further ones are left out, because a view is only interested in the newest."""


class TopicFeed(Feed):
    """Moments from the topics of one radar node: range-Doppler with micro range-Doppler, chirp and temperature.

    Args:
        topic: with range-Doppler images; the others are taken from beside it.
    """

    def __init__(self, topic: str) -> None:
        super().__init__(f"topic {topic}")
        self._topic = topic
        self._moments: queue.SimpleQueue[Moment] = queue.SimpleQueue()
        self._pairing = Pairing()
        self._last_stamp_ns = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._problem: BaseException | None = None

    def open(self) -> None:
        """Join the graph; a topic without a publisher is no error, it may come later.

        Raises:
            ConfigurationError: no name of a topic with images.
        """
        self._check_name()
        use_shipped_dds_profile()
        self._context = Context()
        rclpy.init(args=[], context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node("faceedge_view", context=self._context, enable_rosout=False, start_parameter_services=False)
        topics: tuple[tuple[type, str, Any, Any], ...] = (
            (String, beside(self._topic, CHIRP), self._hear_chirp, copy_of(LATCHED)),
            (Temperature, beside(self._topic, TEMPERATURE), self._hear_temperature, RADAR_IN),
            (Image, self._topic, self._hear_image, RADAR_IN),
            (Image, beside(self._topic, MICRO), self._hear_micro, RADAR_IN),
        )
        for kind, name, callback, qos in topics:
            self._node.create_subscription(kind, name, callback, qos)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._stop.clear()
        self._thread = threading.Thread(target=self._spin, name="radar topics", daemon=True)
        self._thread.start()

    def _check_name(self) -> None:
        check_topic(self._topic, "/radar/range_doppler")
        if self._topic.rpartition("/")[2] in _BESIDE:
            raise ConfigurationError(
                f"{self._topic} is looked for beside the range-Doppler images; give their topic, such as "
                "/radar/range_doppler."
            )

    def next(self, timeout_s: float) -> Moment | None:
        """See `Feed.next`; raises InputError for a message that is no image of a radar."""
        problem, self._problem = self._problem, None
        if problem is not None:
            raise problem
        try:
            return self._moments.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def close(self) -> None:
        """See `Feed.close`."""
        if self._thread is None:
            return
        self._stop.set()
        self._thread.join()
        self._thread = None
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.try_shutdown()

    # The listening thread.

    def _spin(self) -> None:
        while not self._stop.is_set():
            try:
                self._executor.spin_once(timeout_sec=SPIN_S)
            except InputError as error:
                self._problem = error
            except ExternalShutdownException:
                return

    def _hear_chirp(self, message: String) -> None:
        self.chirp = message_to_chirp(message)

    def _hear_temperature(self, message: Temperature) -> None:
        self.temperature_c = message.temperature

    def _hear_image(self, message: Image) -> None:
        self._deliver(message, micro=False)
        self._note_gap(stamp_to_ns(message.header.stamp))

    def _hear_micro(self, message: Image) -> None:
        self._deliver(message, micro=True)

    def _deliver(self, message: Image, *, micro: bool) -> None:
        image = image_to_matrix(message).copy()
        for moment in self._pairing.add(stamp_to_ns(message.header.stamp), image, micro=micro):
            if self._moments.qsize() < _WAITING:
                self._moments.put(moment)

    def _note_gap(self, stamp_ns: int) -> None:
        self.note(stamp_ns)
        if self.chirp is not None and self._last_stamp_ns:
            self.dropped += missing_frames(self._last_stamp_ns, stamp_ns, self.chirp.frame_period_s)
        self._last_stamp_ns = stamp_ns
