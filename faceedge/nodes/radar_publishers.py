"""The topics of a radar: made from each frame for those who subscribe, and for nobody else.

`~/chirp` is the exception: it is latched and says what all other topics mean, so it is published at the first frame
and whenever the settings change, before the data that they describe.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.publisher import Publisher
from sensor_msgs.msg import Image, PointCloud2, Temperature
from std_msgs.msg import Header, String

from faceedge.nodes import radar_conversions
from faceedge.nodes.headers import make_header
from faceedge.nodes.lifecycle import ManagedNode
from faceedge.nodes.qos import LATCHED, RADAR_OUT
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.frame import RadarFrame
from faceedge.radar.imaging import Imager, Processing
from faceedge.timing import StageTimer

TEMPERATURE_PERIOD_S = 1.0


class RadarPublishers:
    """Publishers of ``node``, and the processing between a frame and its topics.

    Args:
        node: owner.
        processing: of the images.
        frame_id: TF frame of the radar.
        timer: receives the duration of each stage.
    """

    def __init__(self, node: ManagedNode, processing: Processing, frame_id: str, timer: StageTimer) -> None:
        self._node, self._processing, self._frame_id, self.timer = node, processing, frame_id, timer
        self._made: list[Publisher] = []
        self._imager: Imager | None = None
        self._temperature_at = -math.inf
        try:
            self._adc = self._make(Image, "~/adc")
            self._range_doppler = self._make(Image, "~/range_doppler")
            self._micro = self._make(Image, "~/micro_range_doppler")
            self._points = self._make(PointCloud2, "~/points")
            self._temperature = self._make(Temperature, "~/temperature")
            self._chirp = node.make_publisher(String, "~/chirp", LATCHED)
            self._made.append(self._chirp)
        except BaseException:
            self.destroy()
            raise

    def _make(self, kind: Any, topic: str) -> Publisher:
        publisher = self._node.make_publisher(kind, topic, RADAR_OUT)
        self._made.append(publisher)
        return publisher

    def destroy(self) -> None:
        """Take all topics back; may be called twice."""
        while self._made:
            self._node.destroy_publisher(self._made.pop())

    @property
    def chirp(self) -> ChirpSettings | None:
        """The settings that are in force; None before anything is known of them."""
        return None if self._imager is None else self._imager.chirp

    @property
    def problem(self) -> str:
        """Why images are missing, or an empty text."""
        return "" if self._imager is None else self._imager.problem

    def describe(self, chirp: ChirpSettings) -> None:
        """From now on frames come with these settings."""
        if self.chirp != chirp:
            self._imager = Imager(chirp, self._processing)
            self._chirp.publish(radar_conversions.chirp_to_message(chirp))

    def restart(self) -> None:
        """The next frame does not follow the last one."""
        if self._imager is not None:
            self._imager.restart()

    def publish(self, frame: RadarFrame, stamp_ns: int) -> None:
        """Publish what is wanted of ``frame``, stamped with ``stamp_ns``; `describe` comes first."""
        imager = self._imager
        assert imager is not None
        header = make_header(stamp_ns, self._frame_id)
        # Images first: they are small, and whoever acts on them is in more of a hurry than a recorder is.
        self._image("range-Doppler", self._range_doppler, imager.range_doppler, frame, header)
        self._image("micro range-Doppler", self._micro, imager.micro_range_doppler, frame, header)
        if frame.cube is not None and self._adc.get_subscription_count():
            with self.timer.stage("publish adc"):
                self._adc.publish(radar_conversions.cube_to_image(frame.cube, header))
        if frame.points is not None and self._points.get_subscription_count():
            with self.timer.stage("publish points"):
                self._points.publish(radar_conversions.points_to_cloud(frame.points, header))
        self._publish_temperature(frame.temperature_c, header)

    def _image(
        self,
        stage: str,
        publisher: Publisher,
        compute: Callable[[RadarFrame], np.ndarray | None],
        frame: RadarFrame,
        header: Header,
    ) -> None:
        if not publisher.get_subscription_count():
            return
        with self.timer.stage(stage):
            image = compute(frame)
        if image is not None:
            with self.timer.stage(f"publish {stage}"):
                publisher.publish(radar_conversions.matrix_to_image(image, header))

    def _publish_temperature(self, temperature_c: float, header: Header) -> None:
        now = time.monotonic()
        if math.isnan(temperature_c) or now < self._temperature_at + TEMPERATURE_PERIOD_S:
            return
        if self._temperature.get_subscription_count():
            self._temperature_at = now
            self._temperature.publish(radar_conversions.temperature_to_message(temperature_c, header))
