"""What `faceedge replay` can play: a bag, or a radar's recording folder."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import Connection, ConnectionExtRosbag2, Qos, QosDurability, QosHistory, QosReliability
from sensor_msgs.msg import Image, Temperature
from std_msgs.msg import String

from faceedge.bags import is_bag, open_bag, reason
from faceedge.errors import ConfigurationError, InputError
from faceedge.nodes import radar_conversions
from faceedge.nodes.headers import make_header
from faceedge.nodes.qos import LATCHED, RADAR_OUT
from faceedge.nodes.recorder import message_class
from faceedge.nodes.recording import is_wanted
from faceedge.radar.inspection import is_ti_stream
from faceedge.radar.recordings import Recording, open_recording

RADAR = "/radar"
FRAME_ID = "radar"
TEMPERATURE_PERIOD_NS = 1_000_000_000
Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Track:
    """One topic of a recording."""

    topic: str
    message_type: Any
    qos: QoSProfile


class BagTape:
    """A bag: folder of rosbag2 (MCAP or sqlite3), or one file of it.

    Args:
        path: of the bag.
        patterns: which topics.
        notice: receives a sentence about each topic that is left out.

    Attributes:
        tracks: topics, in the bag's order.

    Raises:
        InputError: not a bag that can be read, or nothing in it can be played.
    """

    def __init__(self, path: Path, patterns: Sequence[str], notice: Notice) -> None:
        self._path = path
        self._reader = open_bag(path)
        self._connections: list[Connection] = []
        self.tracks: list[Track] = []
        offers: dict[str, list[Qos]] = {}
        for connection in self._reader.connections:
            if not connection.msgcount or not is_wanted(connection.topic, patterns):
                continue
            try:
                kind = message_class(connection.msgtype)
            except ConfigurationError as error:
                notice(f"{connection.topic} is not played: {error}")
                continue
            assert isinstance(connection.ext, ConnectionExtRosbag2)
            self._connections.append(connection)
            if connection.topic not in offers:
                self.tracks.append(Track(connection.topic, kind, QoSProfile(depth=1)))
            offers.setdefault(connection.topic, []).extend(connection.ext.offered_qos_profiles)
        self.tracks = [Track(track.topic, track.message_type, profile_of(offers[track.topic])) for track in self.tracks]
        if not self.tracks:
            self._reader.close()
            raise InputError(f"{path} has no messages that can be played here; `faceedge inspect` shows what is in it.")

    def messages(self) -> Iterator[tuple[int, str, Any]]:
        """Time in ns, topic and CDR bytes of every message, in order."""
        try:
            for connection, time_ns, data in self._reader.messages(connections=self._connections):
                yield time_ns, connection.topic, bytes(data)
        except Exception as error:  # of any type, as at opening
            raise InputError(f"{self._path} is damaged from here on: {reason(error)}.") from error

    def close(self) -> None:
        """Give the files back."""
        self._reader.close()


def profile_of(offers: Sequence[Qos]) -> QoSProfile:
    """The profile of a publisher that offers what all publishers of a recorded topic offered."""
    reliable = all(offer.reliability != QosReliability.BEST_EFFORT for offer in offers)
    latched = bool(offers) and all(offer.durability == QosDurability.TRANSIENT_LOCAL for offer in offers)
    everything = any(offer.history == QosHistory.KEEP_ALL for offer in offers)
    return QoSProfile(
        history=HistoryPolicy.KEEP_ALL if everything else HistoryPolicy.KEEP_LAST,
        depth=max([1, *(offer.depth for offer in offers)]) if offers else 10,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


class FolderTape:
    """A radar's recording folder, as the radar node would publish it under `/radar`.

    Args:
        path: of the folder.
        patterns, notice: as for `BagTape`.

    Raises:
        InputError: not a recording folder.
    """

    def __init__(self, path: Path, patterns: Sequence[str], notice: Notice) -> None:
        self._recording: Recording = open_recording(path)
        self._notice = notice
        all_tracks = [Track(f"{RADAR}/chirp", String, LATCHED), Track(f"{RADAR}/adc", Image, RADAR_OUT)]
        if len(self._recording.temperature_c):
            all_tracks.append(Track(f"{RADAR}/temperature", Temperature, RADAR_OUT))
        self.tracks = [track for track in all_tracks if is_wanted(track.topic, patterns)]

    def messages(self) -> Iterator[tuple[int, str, Any]]:
        """Stamp in ns, topic and message of the settings, of every frame, and of the temperature once a second."""
        recording = self._recording
        stamps = recording.stamps_ns.tolist()
        if stamps:
            yield stamps[0], f"{RADAR}/chirp", radar_conversions.chirp_to_message(recording.chirp)
        next_temperature_ns = 0
        for index, stamp_ns in enumerate(stamps):
            header = make_header(stamp_ns, FRAME_ID)
            temperature_c = recording.temperature_of(index)
            if not math.isnan(temperature_c) and stamp_ns >= next_temperature_ns:
                next_temperature_ns = stamp_ns + TEMPERATURE_PERIOD_NS
                message = radar_conversions.temperature_to_message(temperature_c, header)
                yield stamp_ns, f"{RADAR}/temperature", message
            try:
                cube = recording.cube(index)
            except InputError as error:
                self._notice(str(error))
                continue
            yield stamp_ns, f"{RADAR}/adc", radar_conversions.cube_to_image(cube, header)

    def close(self) -> None:
        """Nothing is held."""


def open_tape(path: Path, patterns: Sequence[str], notice: Notice) -> BagTape | FolderTape:
    """What lies at ``path``.

    Raises:
        InputError: nothing, or nothing that can be played.
    """
    if not path.exists():
        raise InputError(f"nothing is at {path}; give a bag's folder or file, or a radar's recording folder.")
    if path.is_file() and not is_bag(path) and is_ti_stream(path):
        raise InputError(
            f"{path} is the stream of an IWR6843, not topics; `faceedge emulate iwr6843 --recording` sends it to a "
            "radar node, which publishes it."
        )
    return BagTape(path, patterns, notice) if is_bag(path) else FolderTape(path, patterns, notice)
