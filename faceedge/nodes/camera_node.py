"""Camera node: pictures of any source on `~/image_raw`, `~/image_raw/compressed` and `~/camera_info`.

Pictures are stamped with the start of their exposure. They are published only while somebody subscribes, because an
image costs more than a face detection; nodes in the same process receive them in memory
(:mod:`faceedge.nodes.shared_frames`). A device that goes away is an ERROR on /diagnostics and is opened again and again
with growing pauses.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from rclpy.publisher import Publisher
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from faceedge.camera.calibration import load_calibration
from faceedge.camera.frame import Frame
from faceedge.camera.source_base import MAX_RATE_HZ, MAX_SIDE_PX
from faceedge.camera.sources import KINDS, Source, SourceSettings, make_source
from faceedge.errors import DeviceError, InputError
from faceedge.nodes import conversions, shared_frames
from faceedge.nodes.camera_info import CalibrationAtSize
from faceedge.nodes.diagnostics import Level, RateMeter, Report, latency_values
from faceedge.nodes.lifecycle import ManagedNode
from faceedge.nodes.parameters import Spec
from faceedge.nodes.process import run_nodes
from faceedge.nodes.qos import IMAGE_OUT
from faceedge.nodes.shared_frames import SharedFrame
from faceedge.nodes.topic_source import TopicSource
from faceedge.nodes.worker import Worker
from faceedge.timing import StageTimer

READ_TIMEOUT_S = 0.2
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 10.0
SILENCE_S = 2.0
"""Without a frame for this long a running source is worth a warning."""
THROTTLE_S = 5.0
TOPIC = "topic"

PARAMETERS = (
    Spec("source", "v4l2", "Where pictures come from.", choices=(*KINDS, TOPIC)),
    Spec(
        "path",
        "",
        "v4l2: /dev/video2, 2, or a name in /dev/v4l/by-id; picamera2: number or part of the camera's id; "
        "video: a file; images: a folder or a picture; topic: the image topic. Empty: the first device.",
    ),
    Spec("width", 0, "Width of the pictures in pixels; 0 with height 0: the source's own.", 0, MAX_SIDE_PX),
    Spec("height", 0, "Height of the pictures in pixels.", 0, MAX_SIDE_PX),
    Spec("rate_hz", 0.0, "Pictures a second; 0: the source's own rate.", 0.0, MAX_RATE_HZ),
    Spec("loop", False, "Start files again at their end."),
    Spec("pixel_format", "", "v4l2: FourCC such as MJPG or YUYV; empty: what suits size and rate."),
    Spec("frame_id", "camera_optical_frame", "TF frame of the pictures (z forward, x right, y down)."),
    Spec("camera_info_url", "", "Calibration YAML: a path, file:// or package://; empty: published as not calibrated."),
    Spec("jpeg_quality", 90, "Quality of ~/image_raw/compressed.", 1, 100),
)


class CameraNode(ManagedNode):
    """Lifecycle node `camera`; parameters in ``PARAMETERS``."""

    def __init__(self, **options: Any) -> None:
        super().__init__("camera", PARAMETERS, **options)
        self._source: Source | None = None
        self._calibration = CalibrationAtSize(None, self._warn)
        self._calibrated = False
        self._worker: Worker | None = None
        self._publishers_made: list[Publisher] = []
        self._topic = ""
        self._trouble = ""
        self._reconnects = 0
        self._last_frame_at = 0.0
        self._rate = RateMeter()
        self._timer = StageTimer()

    # Lifecycle.

    def configure(self, values: dict[str, Any]) -> None:
        """Check the settings, read the calibration, make the publishers."""
        kind, path = values["source"], values["path"]
        settings = SourceSettings(
            "video" if kind == TOPIC else kind,  # what a topic delivers is taken as it is
            path or ("image" if kind == TOPIC else ""),
            values["width"],
            values["height"],
            values["rate_hz"],
            values["loop"],
            values["frame_id"],
            values["pixel_format"],
        )
        self._source = TopicSource(settings, self, settings.path) if kind == TOPIC else make_source(settings)
        self._quality = values["jpeg_quality"]
        url = values["camera_info_url"]
        self._calibration = CalibrationAtSize(load_calibration(url) if url else None, self._warn)
        self._calibrated = bool(url)
        self._raw = self.make_publisher(Image, "~/image_raw", IMAGE_OUT)
        self._publishers_made.append(self._raw)
        self._compressed = self.make_publisher(CompressedImage, "~/image_raw/compressed", IMAGE_OUT)
        self._publishers_made.append(self._compressed)
        self._info = self.make_publisher(CameraInfo, "~/camera_info", IMAGE_OUT)
        self._publishers_made.append(self._info)
        self._topic = self.resolve_topic_name("~/image_raw")
        shared_frames.offer(self._topic)

    def activate(self) -> None:
        """Open the source and start to read. A device that is absent may come later; a wrong file may not."""
        assert self._source is not None
        self._trouble, self._reconnects = "", 0
        self._rate, self._timer = RateMeter(), StageTimer()
        try:
            self._source.open()
        except DeviceError as error:
            self._lose(error)
        self._last_frame_at = time.monotonic()
        self._worker = Worker("camera", self._drive, self.crashed)
        self._worker.start()

    def deactivate(self) -> None:
        """Stop to read and close the source."""
        if self._worker is not None:
            if not self._worker.stop():
                self.get_logger().warning("the camera's driver does not return from a call; its thread is left behind")
            self._worker = None
        if self._source is not None:
            self._source.close()

    def cleanup(self) -> None:
        """Take the publishers back."""
        if self._topic:
            shared_frames.withdraw(self._topic)
            self._topic = ""
        while self._publishers_made:
            self.destroy_publisher(self._publishers_made.pop())
        self._source = None

    # Driver thread.

    def _drive(self, stop: threading.Event) -> None:
        source = self._source
        assert source is not None
        while not stop.is_set() and not source.finished:
            if self._trouble and not self._reconnect(source, stop):
                return
            try:
                frame = source.read(READ_TIMEOUT_S)
            except InputError as error:
                self._warn(str(error))
                continue
            except DeviceError as error:
                self._lose(error)
                continue
            if frame is not None:
                self._emit(frame)

    def _lose(self, error: DeviceError) -> None:
        self._trouble = str(error)
        self.get_logger().error(f"{error} Trying again until it is back.", throttle_duration_sec=THROTTLE_S)

    def _reconnect(self, source: Source, stop: threading.Event) -> bool:
        """Open ``source`` again with growing pauses; False when ``stop`` came first."""
        pause = FIRST_PAUSE_S
        while not stop.wait(pause):
            pause = min(2 * pause, LONGEST_PAUSE_S)
            try:
                source.close()
                source.open()
            except (DeviceError, InputError) as error:
                self._trouble = str(error)
                continue
            self._trouble = ""
            self._reconnects += 1
            self._last_frame_at = time.monotonic()
            self.get_logger().info(f"{source.description} delivers again")
            return True
        return False

    def _emit(self, frame: Frame) -> None:
        """Hand ``frame`` to this process and, where somebody subscribes, to others."""
        stamp_ns = self._on_ros_clock(frame.stamp_ns)
        if stamp_ns != frame.stamp_ns:
            frame = Frame(frame.image, stamp_ns, frame.sequence, frame.frame_id)
        self._timer.add("exposure to node", max(0, self._now_ns() - stamp_ns))
        shared_frames.share(self._topic, SharedFrame(frame, self._calibration.intrinsics(frame)))
        if self._info.get_subscription_count():
            self._info.publish(self._calibration.message(frame))
        if self._raw.get_subscription_count():
            with self._timer.stage("publish raw"):
                self._raw.publish(conversions.frame_to_image(frame))
        if self._compressed.get_subscription_count():
            with self._timer.stage("publish compressed"):
                self._compressed.publish(conversions.frame_to_compressed(frame, self._quality))
        self._last_frame_at = time.monotonic()
        self._rate.tick()

    def _warn(self, sentence: str) -> None:
        self.get_logger().warning(sentence, throttle_duration_sec=THROTTLE_S)

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _on_ros_clock(self, stamp_ns: int) -> int:
        """The moment ``stamp_ns`` of the system clock on the ROS clock, which differs with `use_sim_time`."""
        if not self.get_clock().ros_time_is_active or isinstance(self._source, TopicSource):
            return stamp_ns
        return max(0, self._now_ns() - (time.time_ns() - stamp_ns))

    # Diagnostics.

    def report(self) -> Report:
        """Device state, rate, drops and latency."""
        source = self._source
        assert source is not None
        silence_s = time.monotonic() - self._last_frame_at
        level, message = Level.OK, "running"
        if self._trouble:
            level, message = Level.ERROR, self._trouble
        elif source.finished:
            message = "end of file"
        elif silence_s > SILENCE_S:
            level, message = Level.WARN, f"no picture for {silence_s:.0f} s from {source.description}"
        values: dict[str, object] = {
            "rate": f"{self._rate.rate_hz():.1f} Hz",
            "nominal rate": f"{source.rate_hz:g} Hz",
            "size": f"{source.width}x{source.height}",
            "frames": self._rate.total,
            "dropped": source.dropped,
            "rejected": source.rejected,
            "reconnects": self._reconnects,
            "calibrated": self._calibrated,
            **latency_values(self._timer),
        }
        return Report(level, message, source.description, values)


def main(args: list[str] | None = None) -> int:
    """Entry point `camera_node`."""
    return run_nodes([CameraNode], args)
