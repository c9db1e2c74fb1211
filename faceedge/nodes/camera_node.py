"""Camera node: pictures of any source on `~/image_raw`, `~/image_raw/compressed` and `~/camera_info`.

Pictures are stamped with the start of their exposure. They are published only while somebody subscribes, because an
image costs more than a face detection; nodes in the same process receive them in memory
(:mod:`faceedge.nodes.shared_frames`). A device that goes away is an ERROR on /diagnostics and is opened again and again
with growing pauses.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from rclpy.publisher import Publisher
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from faceedge.camera.calibration import load_calibration
from faceedge.camera.frame import Frame
from faceedge.camera.source_base import MAX_RATE_HZ, MAX_SIDE_PX
from faceedge.camera.sources import KINDS, Source, SourceSettings, make_source
from faceedge.nodes import conversions, shared_frames
from faceedge.nodes.camera_info import CalibrationAtSize
from faceedge.nodes.diagnostics import Level, RateMeter, Report, latency_values
from faceedge.nodes.lifecycle import ManagedNode
from faceedge.nodes.parameters import LATEST_NS, Spec
from faceedge.nodes.process import run_nodes
from faceedge.nodes.qos import IMAGE_OUT
from faceedge.nodes.shared_frames import SharedFrame
from faceedge.nodes.source_reader import THROTTLE_S, SourceReader
from faceedge.nodes.topic_source import TopicSource
from faceedge.timing import StageTimer

PAUSES_S = (0.25, 10.0)
SILENCE_S = 2.0
"""Without a frame for this long a running source is worth a warning."""
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
    Spec(
        "epoch_ns",
        0,
        "video: moment of the file's first picture, ns of the system clock, to play in step with other sensors; 0: at "
        "activation.",
        0,
        LATEST_NS,
        at_activation=True,
    ),
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
        self._reader: SourceReader[Frame] | None = None
        self._publishers_made: list[Publisher] = []
        self._topic = ""
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
        epoch_ns = self.get_parameter("epoch_ns").value
        self._source.settings = replace(self._source.settings, epoch_ns=epoch_ns)
        self._rate, self._timer = RateMeter(), StageTimer()
        reader = SourceReader("camera", self._source, self._emit, self.get_logger(), self.crashed, PAUSES_S)
        reader.start()
        self._reader = reader

    def deactivate(self) -> None:
        """Stop to read and close the source."""
        if self._reader is not None:
            self._reader.stop()
            self._reader = None
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
        reader = self._reader
        silence_s = time.monotonic() - reader.last_frame_at if reader else 0.0
        level, message = Level.OK, "running"
        if reader and reader.trouble:
            level, message = Level.ERROR, reader.trouble
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
            "reconnects": reader.reconnects if reader else 0,
            "calibrated": self._calibrated,
            **latency_values(self._timer),
        }
        return Report(level, message, source.description, values)


def main(args: list[str] | None = None) -> int:
    """Entry point `camera_node`."""
    return run_nodes([CameraNode], args)
