"""Topics of cameras that are no devices: sources in this process, published as the sensors' own nodes would.

For commands that come and go. On a robot, the camera node and the event camera node publish.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

import rclpy.node
from event_camera_msgs.msg import EventPacket
from sensor_msgs.msg import CompressedImage, Image

from faceedge.camera.frame import Frame
from faceedge.errors import FaceedgeError
from faceedge.events.evt3 import EncoderState, encode
from faceedge.events.file_source import EventBatch
from faceedge.nodes import conversions
from faceedge.nodes.headers import bytes_of, make_header
from faceedge.nodes.process import passing_node
from faceedge.nodes.qos import EVENTS_OUT, IMAGE_OUT, copy_of
from faceedge.nodes.source_reader import Readable
from faceedge.nodes.worker import Worker

CAMERA, EVENT_CAMERA = "/camera", "/event_camera"
PICTURES, COMPRESSED, EVENTS = f"{CAMERA}/image_raw", f"{CAMERA}/image_raw/compressed", f"{EVENT_CAMERA}/events"
EVENT_FRAME_ID, ENCODING = "event_camera_optical_frame", "evt3"
JPEG_QUALITY = 90
_READ_S = 0.2


class EventSource(Readable[EventBatch], Protocol):
    """A source of events with the size of its sensor."""

    width: int
    height: int


def event_packet(batch: EventBatch, words: bytes, size: tuple[int, int], frame_id: str) -> EventPacket:
    """An EventPacket of EVT3 words, stamped with the first event; ``size``: width and height of the sensor."""
    return EventPacket(
        header=make_header(batch.stamp_ns, frame_id),
        width=size[0],
        height=size[1],
        seq=batch.sequence,
        encoding=ENCODING,
        is_bigendian=False,
        events=bytes_of(words),
    )


def publish_sensors(
    camera: Readable[Frame] | None,
    events: EventSource | None,
    stop: threading.Event,
    each_second: Callable[[], None] = lambda: None,
) -> None:
    """Publish what the sources deliver until ``stop`` is set.

    Args:
        camera, events: open already; None: there is none.
        stop: ends it.
        each_second: called about once a second.

    Raises:
        FaceedgeError: a thread has crashed.
    """
    crashes: list[str] = []
    with passing_node("faceedge_person") as (node, _):
        workers = []
        if camera is not None:
            workers.append(Worker("camera", _body(camera, _pictures(node)), crashes.append))
        if events is not None:
            workers.append(Worker("events", _body(events, _packets(node, events)), crashes.append))
        for worker in workers:
            worker.start()
        try:
            while not stop.wait(1.0) and not crashes:
                each_second()
        finally:
            for worker in workers:
                worker.stop()
    if crashes:
        raise FaceedgeError(f"a sensor stopped unexpectedly, please report it: {crashes[0].strip().splitlines()[-1]}")


def _body(source: Readable[Any], emit: Callable[[Any], None]) -> Callable[[threading.Event], None]:
    def body(stop: threading.Event) -> None:
        while not stop.is_set() and not source.finished:
            item = source.read(_READ_S)
            if item is not None:
                emit(item)

    return body


def _pictures(node: rclpy.node.Node) -> Callable[[Frame], None]:
    raw = node.create_publisher(Image, PICTURES, copy_of(IMAGE_OUT))
    compressed = node.create_publisher(CompressedImage, COMPRESSED, copy_of(IMAGE_OUT))

    def emit(frame: Frame) -> None:
        if raw.get_subscription_count():
            raw.publish(conversions.frame_to_image(frame))
        if compressed.get_subscription_count():
            compressed.publish(conversions.frame_to_compressed(frame, JPEG_QUALITY))

    return emit


def _packets(node: rclpy.node.Node, source: EventSource) -> Callable[[EventBatch], None]:
    publisher, state = node.create_publisher(EventPacket, EVENTS, copy_of(EVENTS_OUT)), EncoderState()

    def emit(batch: EventBatch) -> None:
        if publisher.get_subscription_count():
            words = encode(batch.events, state=state, width=source.width, height=source.height)
            publisher.publish(event_packet(batch, words, (source.width, source.height), EVENT_FRAME_ID))

    return emit
