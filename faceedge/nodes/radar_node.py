"""Radar node: frames of any radar on `~/adc`, `~/range_doppler`, `~/micro_range_doppler`, `~/points` and `~/chirp`.

Everything is stamped with the first chirp of its frame. What nobody subscribes to is neither computed nor published. A
device that goes away is an ERROR on /diagnostics and is opened again and again with short pauses; frames are published
whole or not at all.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from faceedge.errors import ConfigurationError
from faceedge.nodes.diagnostics import Level, RateMeter, Report, latency_values
from faceedge.nodes.lifecycle import ManagedNode
from faceedge.nodes.process import run_nodes
from faceedge.nodes.radar_parameters import PARAMETERS, TOPIC, source_settings
from faceedge.nodes.radar_publishers import RadarPublishers
from faceedge.nodes.radar_topic_source import RadarTopicSource
from faceedge.nodes.source_reader import THROTTLE_S, SourceReader
from faceedge.radar.chirp import ChirpSettings, summary
from faceedge.radar.frame import RadarFrame
from faceedge.radar.imaging import Processing
from faceedge.radar.sources import RadarSource, chirp_file_of, make_source
from faceedge.timing import StageTimer

PAUSES_S = (0.1, 0.8)
"""A radar that was plugged in again delivers within 2 s: the longest pause and the time to open and configure it."""
SILENCE_S = 2.0
"""Without a frame for this long (and ten frame periods) a running radar is worth a warning."""
SILENT_PERIODS = 10


class RadarNode(ManagedNode):
    """Lifecycle node `radar`; parameters in :mod:`faceedge.nodes.radar_parameters`."""

    def __init__(self, **options: Any) -> None:
        super().__init__("radar", PARAMETERS, **options)
        self._source: RadarSource | None = None
        self._topics: RadarPublishers | None = None
        self._chirp_name = ""
        self._reader: SourceReader[RadarFrame] | None = None
        self._forget()

    def _forget(self) -> None:
        """Figures of the last activation."""
        self._dropped_seen = self._source.dropped if self._source else 0
        self._rate, self._timer = RateMeter(), StageTimer()

    # Lifecycle.

    def configure(self, values: dict[str, Any]) -> None:
        """Check the settings and the chirp file, make the publishers."""
        self._source = self._make_source(values)
        processing = Processing(values["window"], values["mti"])
        self._topics = RadarPublishers(self, processing, values["frame_id"], self._timer)

    def _make_source(self, values: Mapping[str, Any]) -> RadarSource:
        if values["source"] == TOPIC:
            self._chirp_name = ""
            if values["chirp"]:
                raise ConfigurationError("source: topic takes the chirp settings from a topic; leave the chirp empty.")
            return RadarTopicSource(self, values["path"] or "adc")
        settings = source_settings(values)
        file = chirp_file_of(settings)
        self._chirp_name = file.path.name if file else ""
        for sentence in file.warnings if file else ():
            self.get_logger().info(f"{self._chirp_name}: {sentence}")
        return make_source(settings)

    def activate(self) -> None:
        """Open the source and start to read. A device that is absent may come later; a wrong recording may not."""
        assert self._source is not None
        assert self._topics is not None
        self._forget()
        self._topics.timer = self._timer
        reader = SourceReader(
            "radar", self._source, self._emit, self.get_logger(), self.crashed, PAUSES_S, self._opened
        )
        reader.start()
        self._reader = reader

    def _opened(self) -> None:
        assert self._topics is not None
        self._topics.restart()
        if self._source is not None and not isinstance(self._source, RadarTopicSource):
            self._describe(self._source.chirp)

    def _describe(self, chirp: ChirpSettings) -> None:
        assert self._topics is not None
        self._topics.describe(chirp)

    def deactivate(self) -> None:
        """Stop to read and close the source."""
        if self._reader is not None:
            self._reader.stop()
            self._reader = None
        if self._source is not None:
            self._source.close()

    def cleanup(self) -> None:
        """Take the publishers back."""
        if self._topics is not None:
            self._topics.destroy()
        self._topics = self._source = None

    # Driver thread.

    def _emit(self, frame: RadarFrame) -> None:
        """Publish ``frame`` and keep the figures."""
        source, topics = self._source, self._topics
        assert source is not None
        assert topics is not None
        self._describe(source.chirp)
        self._note_gap(frame, source)
        stamp_ns = self._on_ros_clock(frame.stamp_ns)
        self._timer.add("first chirp to node", max(0, self._now_ns() - stamp_ns))
        topics.publish(frame, stamp_ns)
        self._timer.add("first chirp to topics", max(0, self._now_ns() - stamp_ns))
        self._rate.tick()

    def _note_gap(self, frame: RadarFrame, source: RadarSource) -> None:
        """Say how many frames are missing before ``frame``, be it for a lost device or for lost bytes."""
        lost, self._dropped_seen = source.dropped - self._dropped_seen, source.dropped
        if lost > 0:
            frames = "1 frame" if lost == 1 else f"{lost} frames"
            self._warn(f"{frames} before number {frame.sequence} did not arrive ({source.dropped} so far).")

    def _warn(self, sentence: str) -> None:
        self.get_logger().warning(sentence, throttle_duration_sec=THROTTLE_S)

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _on_ros_clock(self, stamp_ns: int) -> int:
        """The moment ``stamp_ns`` of the system clock on the ROS clock, which differs with `use_sim_time`."""
        if not self.get_clock().ros_time_is_active or isinstance(self._source, RadarTopicSource):
            return stamp_ns
        return max(0, self._now_ns() - (time.time_ns() - stamp_ns))

    # Diagnostics.

    def report(self) -> Report:
        """Device state, rate, losses, latency, and what the radar transmits."""
        source, topics = self._source, self._topics
        assert source is not None
        assert topics is not None
        chirp = topics.chirp
        reader = self._reader
        silence_s = time.monotonic() - reader.last_frame_at if reader else 0.0
        patience_s = max(SILENCE_S, SILENT_PERIODS * chirp.frame_period_s if chirp else 0.0)
        level, message = Level.OK, "running"
        if reader and reader.trouble:
            level, message = Level.ERROR, reader.trouble
        elif source.finished:
            message = "end of file"
        elif silence_s > patience_s:
            level, message = Level.WARN, f"no frame for {silence_s:.0f} s from {source.description}"
        elif topics.problem:
            level, message = Level.WARN, topics.problem
        values: dict[str, object] = {
            "rate": f"{self._rate.rate_hz():.1f} Hz",
            "frames": self._rate.total,
            "dropped": source.dropped,
            "late": source.late,
            "rejected": source.rejected,
            "reconnects": reader.reconnects if reader else 0,
            **source.counters,
            "temperature": "unknown" if math.isnan(source.temperature_c) else f"{source.temperature_c:.1f} °C",
            **latency_values(self._timer),
            "chirp": self._chirp_name or "of the source",
            **({f"chirp {name}": _short(value) for name, value in summary(chirp).items()} if chirp else {}),
        }
        return Report(level, message, source.description, values)


def _short(value: float | int | str) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def main(args: list[str] | None = None) -> int:
    """Entry point `radar_node`."""
    return run_nodes([RadarNode], args)
