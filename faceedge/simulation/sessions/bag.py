"""A session as one MCAP file of ROS 2 topics, written without ROS.

It is what the nodes would have published while the sensors saw the person: `ros2 bag play`, `faceedge inspect`,
`faceedge replay` and Foxglove read it. Definitions and type hashes are inside, so they need nothing else.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rosbags.interfaces import Connection, Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from faceedge.camera.calibration import CameraInfo
from faceedge.radar.chirp import ChirpSettings, to_json
from faceedge.simulation.sessions.closing import Unfinished

EVENT_PACKET = """std_msgs/Header header
uint32 height
uint32 width
uint64 seq
uint64 time_base
string encoding
bool is_bigendian
uint8[] events
"""
"""The fields of event_camera_msgs/EventPacket, for machines without that package."""

ADC, CHIRP, TEMPERATURE = "/radar/adc", "/radar/chirp", "/radar/temperature"
EVENTS = "/event_camera/events"
PICTURE, CAMERA_INFO = "/camera/image_raw/compressed", "/camera/camera_info"
TRUTH = "/truth"

RADAR_FRAME, EVENT_FRAME, CAMERA_FRAME = "radar", "event_camera_optical_frame", "camera_optical_frame"


@dataclass(frozen=True, slots=True)
class Topic:
    """Type of a topic, and how a node offers it."""

    type_name: str
    depth: int
    latched: bool = False


TOPICS = {
    CHIRP: Topic("std_msgs/msg/String", 1, latched=True),
    ADC: Topic("sensor_msgs/msg/Image", 8),
    TEMPERATURE: Topic("sensor_msgs/msg/Temperature", 8),
    EVENTS: Topic("event_camera_msgs/msg/EventPacket", 1000),
    PICTURE: Topic("sensor_msgs/msg/CompressedImage", 2),
    CAMERA_INFO: Topic("sensor_msgs/msg/CameraInfo", 2),
    TRUTH: Topic("std_msgs/msg/String", 100),
}
"""The nodes' topics under their usual names, and the truth as JSON."""

_VERSION: Literal[9] = 9  # rosbag2 of Jazzy
_FOREVER = QosTime(9223372036, 854775807)


class Messages:
    """Makes ROS messages out of arrays; no ROS is needed for it."""

    def __init__(self) -> None:
        self.store = get_typestore(Stores.ROS2_JAZZY)
        if "event_camera_msgs/msg/EventPacket" not in self.store.types:
            self.store.register(get_types_from_msg(EVENT_PACKET, "event_camera_msgs/msg/EventPacket"))
        self._types = self.store.types

    def _make(self, name: str, **fields: Any) -> Any:
        return self._types[name](**fields)

    def _header(self, stamp_ns: int, frame_id: str) -> Any:
        seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
        stamp = self._make("builtin_interfaces/msg/Time", sec=seconds, nanosec=nanoseconds)
        return self._make("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id)

    def text(self, text: str) -> Any:
        """std_msgs/String."""
        return self._make("std_msgs/msg/String", data=text)

    def chirp(self, chirp: ChirpSettings) -> Any:
        """std_msgs/String with the settings as JSON."""
        return self.text(to_json(chirp))

    def cube(self, cube: np.ndarray, stamp_ns: int) -> Any:
        """(rx, chirp, sample) uint16 -> sensor_msgs/Image `mono16`, row = rx * chirps_per_frame + chirp."""
        rx, chirps, samples = cube.shape
        return self._make(
            "sensor_msgs/msg/Image",
            header=self._header(stamp_ns, RADAR_FRAME),
            height=rx * chirps,
            width=samples,
            encoding="mono16",
            is_bigendian=0,
            step=2 * samples,
            data=np.ascontiguousarray(cube, "<u2").reshape(-1).view(np.uint8),
        )

    def temperature(self, temperature_c: float, stamp_ns: int) -> Any:
        """sensor_msgs/Temperature."""
        header = self._header(stamp_ns, RADAR_FRAME)
        return self._make("sensor_msgs/msg/Temperature", header=header, temperature=temperature_c, variance=0.0)

    def events(self, evt3: bytes, stamp_ns: int, size: tuple[int, int], sequence: int) -> Any:
        """event_camera_msgs/EventPacket of EVT3 words; ``size``: width and height of the sensor."""
        return self._make(
            "event_camera_msgs/msg/EventPacket",
            header=self._header(stamp_ns, EVENT_FRAME),
            height=size[1],
            width=size[0],
            seq=sequence,
            time_base=0,
            encoding="evt3",
            is_bigendian=False,
            events=np.frombuffer(evt3, np.uint8),
        )

    def picture(self, jpeg: bytes, stamp_ns: int) -> Any:
        """sensor_msgs/CompressedImage."""
        return self._make(
            "sensor_msgs/msg/CompressedImage",
            header=self._header(stamp_ns, CAMERA_FRAME),
            format="bgr8; jpeg compressed bgr8",
            data=np.frombuffer(jpeg, np.uint8),
        )

    def camera_info(self, camera: CameraInfo, stamp_ns: int) -> Any:
        """sensor_msgs/CameraInfo."""
        whole = self._make("sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0,
                           do_rectify=False)  # fmt: skip
        return self._make(
            "sensor_msgs/msg/CameraInfo",
            header=self._header(stamp_ns, CAMERA_FRAME),
            height=camera.height,
            width=camera.width,
            distortion_model=camera.distortion_model,
            d=np.array(camera.d, np.float64),
            k=np.asarray(camera.k, np.float64).reshape(-1),
            r=np.asarray(camera.r, np.float64).reshape(-1),
            p=np.asarray(camera.p, np.float64).reshape(-1),
            binning_x=0,
            binning_y=0,
            roi=whole,
        )


class BagWriter(Unfinished):
    """Writes the file; a context manager. Messages come in order of time.

    Args:
        path: of the file, which appears when it is closed. Until then it grows in a folder beside it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = path.with_name(path.stem)
        self.messages = Messages()
        self._writer = Writer(self._folder, version=_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._writer.open()
        self._connections: dict[str, Connection] = {}
        self._open = True

    def write(self, topic: str, message: Any, time_ns: int) -> None:
        """Add one message; a topic appears with its first."""
        kind = TOPICS[topic]
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(
                topic, kind.type_name, typestore=self.messages.store, offered_qos_profiles=[_offered(kind)]
            )
        data = self.messages.store.serialize_cdr(message, kind.type_name)
        self._writer.write(self._connections[topic], time_ns, data)

    def close(self) -> None:
        """Finish the file and give it its name; may be called twice."""
        if not self._open:
            return
        self._writer.close()
        (self._folder / f"{self._folder.name}.mcap").rename(self._path)
        self.abandon()

    def abandon(self) -> None:
        """Close and remove what is unfinished, after an error."""
        self._open = False
        self._writer.abort()
        shutil.rmtree(self._folder, ignore_errors=True)


def _offered(topic: Topic) -> Qos:
    return Qos(
        QosHistory.KEEP_LAST,
        topic.depth,
        QosReliability.RELIABLE,
        QosDurability.TRANSIENT_LOCAL if topic.latched else QosDurability.VOLATILE,
        _FOREVER,
        _FOREVER,
        QosLiveliness.AUTOMATIC,
        _FOREVER,
        False,
    )
