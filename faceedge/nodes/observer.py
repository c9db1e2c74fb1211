"""A node that only looks: it records what the other nodes publish and tells a listener what it means.

Its ``lifecycle`` moves other nodes through their states, so that a demonstration can start a camera at the moment
at which everybody is ready to see its first picture.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rclpy.signals import SignalHandlerOptions

from faceedge.nodes.conversions import stamp_to_ns
from faceedge.nodes.lifecycle_client import LifecycleClient
from faceedge.nodes.process import use_shipped_dds_profile
from faceedge.nodes.radar_conversions import image_to_matrix, message_to_chirp
from faceedge.nodes.recorder import Recorder, message_class
from faceedge.radar.chirp import ChirpSettings

LOOK_PERIOD_S = 0.1
_FACE_TOPIC = re.compile(r"/humans/faces/(\w+)/(roi|expression)")
_RADAR_IMAGES, _RADAR_CHIRP = ("/range_doppler", "/micro_range_doppler"), "/radar/chirp"
_EVENT_PACKET = "event_camera_msgs/msg/EventPacket"
_STATUS_LEVELS = ("OK", "WARN", "ERROR", "STALE")


class Listener(Protocol):
    """What the observer saw, in plain values; called on the observer's thread. Times are ns of the system clock."""

    def message(self, topic: str, type_name: str, size: int, received_ns: int) -> None:
        """Any message: its topic, type and bytes."""

    def picture(self, stamp_ns: int, data: bytes) -> None:
        """A compressed picture."""

    def tracked(self, stamp_ns: int, ids: list[str], received_ns: int) -> None:
        """The ids of the faces in a picture."""

    def roi(self, stamp_ns: int, face: str, box: tuple[float, float, float, float], confidence: float) -> None:
        """Where a face is: xmin, ymin, xmax, ymax in 0..1 of the picture."""

    def expression(
        self, stamp_ns: int, face: str, word: str, confidence: float, affect: tuple[float, float], received_ns: int
    ) -> None:
        """What a face shows (an empty word: undecided), with valence and arousal."""

    def pose(
        self,
        stamp_ns: int,
        face: str,
        xyzw: tuple[float, float, float, float],
        position_m: tuple[float, float, float],
    ) -> None:
        """The frame face_<id> in the camera's optical frame."""

    def status(self, name: str, level: str, message: str, values: dict[str, str]) -> None:
        """A node's line on /diagnostics."""

    def radar_chirp(self, chirp: ChirpSettings) -> None:
        """The settings of a radar."""

    def event_packet(self, stamp_ns: int, size: tuple[int, int], words: bytes, received_ns: int) -> None:
        """EVT3 words of an event camera, and its width and height."""

    def radar_image(self, topic: str, stamp_ns: int, image: np.ndarray, received_ns: int) -> None:
        """A range-Doppler or micro range-Doppler image, (range bin, Doppler bin) float32."""


class Observer:
    """Spins a node of its own in a thread between ``start()`` and ``stop()``.

    Args:
        listener: is told what happens.
        bag: folder of the bag to record; None records nothing.
        wanted: which topics, by name and type name.
    """

    def __init__(self, listener: Listener, bag: Path | None, wanted: Callable[[str, str], bool]) -> None:
        self._listener, self._bag, self._wanted = listener, bag, wanted
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def start(self) -> None:
        """Join the graph.

        Raises:
            ConfigurationError: the bag cannot be made.
        """
        use_shipped_dds_profile()
        self._context = Context()
        rclpy.init(args=[], context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node(
            "faceedge_observer", context=self._context, enable_rosout=False, start_parameter_services=False
        )
        try:
            self._recorder = Recorder(self._node, self._wanted, self._bag, self._hear)
        except BaseException:
            self._leave()
            raise
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self.lifecycle = LifecycleClient(self._node, lambda: self.failed)
        self._thread = threading.Thread(target=self._spin, name="observer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Leave the graph and finish the bag; may be called twice.

        Raises:
            Exception: what ended the thread before, if something did.
        """
        if self._thread is None:
            return
        self._stop.set()
        self._thread.join()
        self._thread = None
        self._recorder.close()
        self._executor.shutdown()
        self._leave()
        if self._error is not None:
            raise self._error

    def _leave(self) -> None:
        self._node.destroy_node()
        self._context.try_shutdown()

    @property
    def failed(self) -> bool:
        """Whether the observer's thread ended by itself; ``stop()`` raises the reason."""
        return self._error is not None

    def subscribers(self, topic: str) -> int:
        """How many subscriptions of other nodes and of this one ``topic`` has."""
        return int(self._node.count_subscribers(topic))

    # The observer's thread.

    def _spin(self) -> None:
        next_look = 0.0
        try:
            while not self._stop.is_set():
                if time.monotonic() >= next_look:
                    self._recorder.look()
                    next_look = time.monotonic() + LOOK_PERIOD_S
                self._executor.spin_once(timeout_sec=LOOK_PERIOD_S)
        except ExternalShutdownException:
            pass
        except BaseException as error:  # raised again in stop(), where somebody can show it
            self._error = error

    def _hear(self, topic: str, type_name: str, data: bytes, received_ns: int) -> None:
        listener = self._listener
        listener.message(topic, type_name, len(data), received_ns)
        face = _FACE_TOPIC.fullmatch(topic)
        if face is not None:
            message = deserialize_message(data, message_class(type_name))
            stamp_ns = stamp_to_ns(message.header.stamp)
            if face[2] == "roi":
                box = (message.xmin, message.ymin, message.xmax, message.ymax)
                listener.roi(stamp_ns, face[1], box, message.c)
            else:
                affect = (message.valence, message.arousal)
                listener.expression(stamp_ns, face[1], message.expression, message.confidence, affect, received_ns)
        elif type_name == "sensor_msgs/msg/CompressedImage":
            message = deserialize_message(data, message_class(type_name))
            listener.picture(stamp_to_ns(message.header.stamp), bytes(message.data))
        elif topic == "/humans/faces/tracked":
            message = deserialize_message(data, message_class(type_name))
            listener.tracked(stamp_to_ns(message.header.stamp), list(message.ids), received_ns)
        elif topic == "/tf":
            for transform in deserialize_message(data, message_class(type_name)).transforms:
                self._hear_transform(transform)
        elif topic.endswith(_RADAR_IMAGES):
            message = deserialize_message(data, message_class(type_name))
            listener.radar_image(topic, stamp_to_ns(message.header.stamp), image_to_matrix(message), received_ns)
        elif type_name == _EVENT_PACKET:
            message = deserialize_message(data, message_class(type_name))
            size = (message.width, message.height)
            listener.event_packet(stamp_to_ns(message.header.stamp), size, bytes(message.events), received_ns)
        elif topic.endswith(_RADAR_CHIRP):
            listener.radar_chirp(message_to_chirp(deserialize_message(data, message_class(type_name))))
        elif topic == "/diagnostics":
            for status in deserialize_message(data, message_class(type_name)).status:
                values = {entry.key: entry.value for entry in status.values}
                listener.status(status.name, _STATUS_LEVELS[status.level[0]], status.message, values)

    def _hear_transform(self, transform: Any) -> None:
        kind, _, face = transform.child_frame_id.partition("_")
        if kind != "face":
            return
        position, turn = transform.transform.translation, transform.transform.rotation
        self._listener.pose(
            stamp_to_ns(transform.header.stamp),
            face,
            (turn.x, turn.y, turn.z, turn.w),
            (position.x, position.y, position.z),
        )
