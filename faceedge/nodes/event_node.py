"""Event camera node: packets of contrast changes on `~/events`, encoded as EVT3.

It plays a RAW file as if a camera delivered it, from a moment that may be given, so that it runs in step with the
recordings of other sensors. Packets are stamped with their first event; each can be decoded without those before it.
They are encoded and published only while somebody subscribes.

Where a parameter allows it, it also says what the face in front of the camera shows. That is off by default: it is
personal data, and inferring emotions is regulated (in the EU forbidden at work and in schools).
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from event_camera_msgs.msg import EventPacket

from faceedge.errors import ConfigurationError
from faceedge.events.evt3 import Decoder, EncoderState, encode
from faceedge.events.file_source import EventBatch, EventFileSource
from faceedge.events.filters import EventFilter, FilterSettings
from faceedge.events.raw_file import read_header
from faceedge.nodes.diagnostics import RateMeter, Report, latency_values
from faceedge.nodes.lifecycle import ManagedNode
from faceedge.nodes.parameters import LATEST_NS, Spec
from faceedge.nodes.process import run_nodes
from faceedge.nodes.qos import EVENTS_OUT
from faceedge.nodes.sensor_topics import event_packet
from faceedge.nodes.source_reader import SourceReader
from faceedge.timing import StageTimer

if TYPE_CHECKING:
    from faceedge.nodes.event_expressions import EventExpressions

PAUSES_S = (0.25, 10.0)

PARAMETERS = (
    Spec("path", "", "RAW file (EVT3) to play."),
    Spec("packet_ms", 10.0, "How much time one packet covers.", 1.0, 1000.0),
    Spec("loop_s", 0.0, "Start the file again every so many seconds; 0: play it once.", 0.0, 86_400.0),
    Spec(
        "epoch_ns",
        0,
        "Moment of the file's time 0, ns of the system clock, to play in step with other sensors; 0: its first event "
        "is at activation.",
        0,
        LATEST_NS,
        at_activation=True,
    ),
    Spec("roi_x", 0, "First column of the region of interest.", 0, 2047),
    Spec("roi_y", 0, "First row of the region of interest.", 0, 2047),
    Spec("roi_width", 0, "Columns of the region of interest; 0: to the edge of the sensor.", 0, 2048),
    Spec("roi_height", 0, "Rows of the region of interest; 0: to the edge of the sensor.", 0, 2048),
    Spec(
        "hot_pixel_hz",
        0.0,
        "Leave out pixels with as many events a second, far above their neighbours; 0: none.",
        0,
        1e6,
    ),
    Spec("rate_limit", 0.0, "Events a second at most, the others are left out and counted; 0: no limit.", 0, 1e9),
    Spec("allow_expression", False, "Look at what the face in front of the camera shows (regulated; off by default)."),
    Spec("frame_id", "event_camera_optical_frame", "TF frame of the sensor (z forward, x right, y down)."),
)


class EventNode(ManagedNode):
    """Lifecycle node `event_camera`; parameters in ``PARAMETERS``."""

    def __init__(self, **options: Any) -> None:
        super().__init__("event_camera", PARAMETERS, **options)
        self._source: EventFileSource | None = None
        self._allowed = False
        self._reader: SourceReader[EventBatch] | None = None
        self._publisher: Any = None
        self._events = self._bytes = self._emptied = 0
        self._filter: EventFilter | None = None
        self._filtering = FilterSettings()
        self._expressions: EventExpressions | None = None
        self._encoder = EncoderState()
        self._seen = (0.0, 0, 0)
        self._rate, self._timer = RateMeter(), StageTimer()

    def configure(self, values: dict[str, Any]) -> None:
        """Check the settings, make the publisher."""
        if not values["path"]:
            raise ConfigurationError("the event camera node needs the path of a RAW file; it is empty.")
        batch_us = round(1000 * values["packet_ms"])
        path = Path(values["path"]).expanduser()
        self._frame_id, self._allowed = values["frame_id"], values["allow_expression"]
        region = {name: values[f"roi_{name}"] for name in ("x", "y", "width", "height")}
        self._filtering = FilterSettings(**region, hot_pixel_hz=values["hot_pixel_hz"], limit_hz=values["rate_limit"])
        self._make_filter(path)  # what does not fit is refused now, and not when events come
        if self._allowed:
            self._make_expressions(path).close()
        Decoder()  # loads or compiles the loop now, which takes seconds, and not when the moment to play has come
        self._source, self._emptied = EventFileSource(path, batch_us=batch_us, loop_s=values["loop_s"]), 0
        self._publisher = self.make_publisher(EventPacket, "~/events", EVENTS_OUT)

    def _make_filter(self, path: Path) -> EventFilter | None:
        if self._filtering.is_idle:
            return None
        header = read_header(path)
        return EventFilter(header.width, header.height, self._filtering)

    def _make_expressions(self, path: Path) -> EventExpressions:
        from faceedge.nodes.event_expressions import EventExpressions  # needs numba, which playing does not

        header = read_header(path)
        return EventExpressions(self, header.width, header.height, self._frame_id)

    def activate(self) -> None:
        """Open the file and start to play. A wrong file is refused."""
        assert self._source is not None
        self._source.epoch_ns = self.get_parameter("epoch_ns").value
        self._events = self._bytes = 0
        self._encoder = EncoderState()
        self._seen = (time.monotonic(), 0, 0)
        self._rate, self._timer = RateMeter(), StageTimer()
        self._filter = self._make_filter(self._source.path)
        self._expressions = self._make_expressions(self._source.path) if self._allowed else None
        reader = SourceReader("events", self._source, self._emit, self.get_logger(), self.crashed, PAUSES_S)
        reader.start()
        self._reader = reader

    def deactivate(self) -> None:
        """Stop to play and close the file."""
        if self._reader is not None:
            self._reader.stop()
            self._reader = None
        if self._source is not None:
            self._source.close()
        if self._expressions is not None:
            self._expressions.close()
            self._expressions = None

    def cleanup(self) -> None:
        """Take the publisher back."""
        if self._publisher is not None:
            self.destroy_publisher(self._publisher)
        self._publisher = self._source = None

    # Reader's thread.

    def _emit(self, batch: EventBatch) -> None:
        """Publish a batch where somebody subscribes."""
        source = self._source
        assert source is not None
        self._timer.add("first event to node", max(0, time.time_ns() - batch.stamp_ns))
        self._rate.tick()
        self._events += len(batch.events)
        if self._filter is not None:
            with self._timer.stage("filter"):
                kept = self._filter.keep(batch.events)
            if not len(kept):
                self._emptied += 1
                return
            later_us = int(kept["t"][0]) - int(batch.events["t"][0])
            stamp_ns, sequence = batch.stamp_ns + 1000 * later_us, batch.sequence - self._emptied
            batch = dataclasses.replace(batch, events=kept, stamp_ns=stamp_ns, sequence=sequence)
        if self._publisher.get_subscription_count():
            with self._timer.stage("publish"):
                words = encode(batch.events, state=self._encoder, width=source.width, height=source.height)
                self._publisher.publish(event_packet(batch, words, (source.width, source.height), self._frame_id))
            self._bytes += len(words)
        if self._expressions is not None:
            self._expressions.push(batch, self._timer)

    # Diagnostics.

    def report(self) -> Report:
        """Rate of packets and events, and latency."""
        source = self._source
        assert source is not None
        values: dict[str, object] = {
            "rate": f"{self._rate.rate_hz():.1f} Hz",
            "events": self._events,
            **self._traffic(),
            "size": f"{source.width}x{source.height}",
            "policy allow_expression": self._allowed,
            **(self._expressions.values() if self._expressions is not None else {}),
            **latency_values(self._timer),
        }
        return Report(
            message="end of file" if source.finished else "running", hardware_id=source.description, values=values
        )

    def _traffic(self) -> dict[str, object]:
        """What came and went since the last report, and what was left out since the start."""
        before, self._seen = self._seen, (time.monotonic(), self._events, self._bytes)
        passed_s = max(1e-3, self._seen[0] - before[0])
        values: dict[str, object] = {
            "event rate": f"{(self._seen[1] - before[1]) / passed_s / 1e6:.3f} Mev/s",
            "bandwidth": f"{(self._seen[2] - before[2]) / passed_s / 1e6:.3f} MB/s",
        }
        if self._filter is not None:
            counters = self._filter.counters
            values |= {
                "events outside the region": counters.outside,
                "events of hot pixels": counters.hot,
                "hot pixels": counters.hot_pixels,
                "events above the limit": counters.above_limit,
            }
        return values


def main(args: list[str] | None = None) -> int:
    """Entry point `event_node`."""
    return run_nodes([EventNode], args)
