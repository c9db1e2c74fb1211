"""`faceedge record`: topics into a bag, or the raw samples of a radar into the vendor's recording folder."""

from __future__ import annotations

import fnmatch
import math
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import rclpy.node
from rclpy.executors import SingleThreadedExecutor
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, Temperature
from std_msgs.msg import String

from faceedge.errors import ConfigurationError, InputError
from faceedge.nodes import radar_conversions
from faceedge.nodes.headers import stamp_to_ns
from faceedge.nodes.process import passing_node
from faceedge.nodes.radar_topic_source import ADC, TEMPERATURE, beside, chirp_topic_of
from faceedge.nodes.recorder import Recorder
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.recordings import VendorWriter

LOOK_PERIOD_S = 0.1
PLUMBING = ("/rosout", "/parameter_events")
"""Recorded only where a pattern is exactly this name."""
LONGEST_WAIT_FRAMES = 200
"""Frames that may come before the chirp settings do."""
Notice = Callable[[str], None]


@dataclass
class Recorded:
    """What was recorded.

    Attributes:
        messages: by topic.
        rejected: frames that were damaged, and are not in the vendor's folder.
        first_ns, last_ns: receipt of the first and of the last message; 0: there was none.
    """

    messages: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    first_ns: int = 0
    last_ns: int = 0

    @property
    def duration_s(self) -> float:
        """From the first message to the last one."""
        return (self.last_ns - self.first_ns) / 1e9


def is_wanted(topic: str, patterns: Sequence[str]) -> bool:
    """Whether ``topic`` matches one of ``patterns`` (shell wildcards; none: every topic but ROS's own plumbing)."""
    if topic in PLUMBING:
        return topic in patterns
    return not patterns or any(fnmatch.fnmatchcase(topic, pattern) for pattern in patterns)


def record_bag(
    folder: Path, patterns: Sequence[str] = (), seconds: float | None = None, stop: threading.Event | None = None
) -> Recorded:
    """Record topics into an MCAP bag until ``stop`` is set, or for ``seconds`` from the first message on.

    Args:
        folder: of the bag; must not exist.
        patterns: as for :func:`is_wanted`.
        seconds: None: without end.
        stop: ends it from another thread or a signal handler.

    Raises:
        ConfigurationError: the folder exists or cannot be made.
        DeviceError: the disk is full; what came before can be read.
    """
    if folder.exists():
        raise ConfigurationError(f"the bag {folder} exists already; give another name or remove it.")
    result = Recorded()
    with passing_node("faceedge_recorder") as (node, executor):
        recorder = Recorder(node, lambda topic, _: is_wanted(topic, patterns), folder, _counted(result))
        _spin(recorder, executor, result, seconds, stop or threading.Event())
    if not result.messages:
        shutil.rmtree(folder, ignore_errors=True)  # an empty bag would only be in the way of the next attempt
    return result


def record_vendor(
    folder: Path,
    patterns: Sequence[str] = (),
    seconds: float | None = None,
    stop: threading.Event | None = None,
    notice: Notice = print,
) -> Recorded:
    """Record the raw samples of the radar whose `adc` topic is seen first into the vendor's recording folder.

    Args:
        folder: of the recording; must not exist.
        patterns: of the `adc` topic, as for :func:`is_wanted`.
        seconds: from the first message on; None: without end.
        stop: ends it from another thread or a signal handler.
        notice: receives a sentence about each frame that is left out.

    Raises:
        ConfigurationError: the folder exists or cannot be made, or there are several radars.
        InputError: the chirp settings are missing or change; what came before is finished.
        DeviceError: the disk is full; what came before is finished.
    """
    if folder.exists():
        raise ConfigurationError(f"the recording {folder} exists already; give another name or remove it.")
    stop = stop or threading.Event()
    result = Recorded()
    with passing_node("faceedge_recorder") as (node, executor):
        topic = _wait_for_radar(node, executor, patterns, stop)
        sink = FrameSink(folder, topic, result, notice)
        recorder = Recorder(node, lambda name, _: name in sink.topics, None, _counted(result, sink.hear))
        try:
            _spin(recorder, executor, result, seconds, stop)
        finally:
            sink.close()
    return result


def _counted(
    result: Recorded, further: Callable[[str, bytes], None] = lambda topic, data: None
) -> Callable[[str, str, bytes, int], None]:
    def heard(topic: str, type_name: str, data: bytes, received_ns: int) -> None:
        result.messages[topic] += 1
        result.first_ns, result.last_ns = result.first_ns or received_ns, received_ns
        further(topic, data)

    return heard


def _spin(
    recorder: Recorder,
    executor: SingleThreadedExecutor,
    result: Recorded,
    seconds: float | None,
    stop: threading.Event,
) -> None:
    next_look = 0.0
    try:
        while not stop.is_set():
            if time.monotonic() >= next_look:
                recorder.look()
                next_look = time.monotonic() + LOOK_PERIOD_S
            executor.spin_once(timeout_sec=LOOK_PERIOD_S)
            if seconds is not None and result.first_ns and time.time_ns() - result.first_ns >= seconds * 1e9:
                return
    finally:
        recorder.close()


def _wait_for_radar(
    node: rclpy.node.Node, executor: SingleThreadedExecutor, patterns: Sequence[str], stop: threading.Event
) -> str:
    """Name of the only topic with raw samples that matches; an empty text when ``stop`` came first."""
    while not stop.is_set():
        executor.spin_once(timeout_sec=LOOK_PERIOD_S)
        found = [
            topic
            for topic, types in node.get_topic_names_and_types()
            if topic.endswith(f"/{ADC}") and types == ["sensor_msgs/msg/Image"] and is_wanted(topic, patterns)
        ]
        if len(found) > 1:
            raise ConfigurationError(
                f"there are {len(found)} radars ({', '.join(found)}), and a recording folder holds one; "
                "choose it with --topics."
            )
        if found:
            return found[0]
    return ""


class FrameSink:
    """Writes the messages of one radar into a recording folder.

    Args:
        folder: of the recording; made when the chirp settings are known.
        adc_topic: with the raw samples; settings and temperature lie beside it.
        result: where damaged frames are counted.
        notice: receives a sentence about each of them.
    """

    def __init__(self, folder: Path, adc_topic: str, result: Recorded, notice: Notice) -> None:
        self._folder, self._result, self._notice = folder, result, notice
        self._adc, self._chirp_topic = adc_topic, chirp_topic_of(adc_topic)
        self._temperature = beside(adc_topic, TEMPERATURE)
        self.topics = (self._adc, self._chirp_topic, self._temperature)
        self._chirp: ChirpSettings | None = None
        self._writer: VendorWriter | None = None
        self._waiting: list[Image] = []
        self._temperature_c = math.nan

    def hear(self, topic: str, data: bytes) -> None:
        """A message as it came over DDS."""
        if topic == self._adc:
            self._take(deserialize_message(data, Image))
        elif topic == self._chirp_topic:
            self._describe(radar_conversions.message_to_chirp(deserialize_message(data, String)))
        else:
            self._temperature_c = float(deserialize_message(data, Temperature).temperature)

    def _describe(self, chirp: ChirpSettings) -> None:
        if self._writer is None:
            self._writer, self._chirp = VendorWriter(self._folder, chirp), chirp
            waiting, self._waiting = self._waiting, []
            for message in waiting:
                self._take(message)
        elif chirp != self._chirp:
            raise InputError(
                f"the chirp settings changed after {self._writer.frames} frames, and a recording folder has one chirp; "
                f"{self._folder} ends there."
            )

    def _take(self, message: Image) -> None:
        if self._writer is None or self._chirp is None:
            self._waiting.append(message)
            if len(self._waiting) > LONGEST_WAIT_FRAMES:
                raise InputError(
                    f"{len(self._waiting)} frames came on {self._adc} and no chirp settings on {self._chirp_topic}; "
                    "without them the frames have no scale."
                )
            return
        try:
            cube = radar_conversions.image_to_cube(message, self._chirp)
            self._writer.append(cube, stamp_to_ns(message.header.stamp), self._temperature_c)
        except InputError as error:
            self._result.rejected += 1
            self._notice(str(error))

    def close(self) -> None:
        """Finish the folder; may be called twice."""
        if self._writer is not None:
            self._writer.close()
