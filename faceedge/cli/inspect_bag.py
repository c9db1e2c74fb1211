"""What is in a ROS 2 bag, read without ROS: topics with counts and rates, and of a radar gaps and the chirp, too."""

from __future__ import annotations

import struct
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore

from faceedge.bags import METADATA, STORAGE_SUFFIXES, open_bag, reason, storage_files
from faceedge.errors import FaceedgeError, InputError
from faceedge.radar.chirp import ChirpSettings, from_json
from faceedge.radar.inspection import Frames, Problem, Report, describe_chirp, intervals_ms, lost_between, size_of

CHIRP = "/chirp"
_RADAR_TOPICS = ("adc", "range_doppler", "micro_range_doppler", "points")
_STRING, _IMAGE, _POINTS = "std_msgs/msg/String", "sensor_msgs/msg/Image", "sensor_msgs/msg/PointCloud2"
_STAMPED = frozenset(
    {_IMAGE, _POINTS, "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo"}
    | {"event_camera_msgs/msg/EventPacket", "event_array_msgs/msg/EventArray"}
)
"""Types that begin with a std_msgs/Header."""

_STAMP = {0: struct.Struct(">iI"), 1: struct.Struct("<iI")}
_CDR_HEADER_BYTES = 4
_LARGEST_RECORD_BYTES = 1 << 28


@dataclass(slots=True)
class _Topic:
    """What was read of one topic."""

    type_name: str
    received_ns: list[int] = field(default_factory=list)
    stamps_ns: list[int] = field(default_factory=list)
    size: int = 0
    broken: int = 0
    first: bytes | None = None


def inspect_bag(path: Path) -> Report:
    """A bag folder or a bare storage file; every message is read, none is decoded but the first of each radar topic.

    Raises:
        InputError: neither the folder nor a storage file in it can be read.
    """
    notes: list[str] = []
    topics: dict[str, _Topic] = {}
    announced = _announced(path / METADATA, notes) if path.is_dir() else {}
    files = _readable(path, notes)
    if not files and not announced:
        raise InputError(f"{path} has a {METADATA} that cannot be read and no file of a bag.")
    for file in files:
        try:
            with closing(open_bag(file)) as reader:
                _read_messages(reader, topics, notes)
        except InputError:
            if file.suffix != ".mcap":
                raise
            _read_unfinished(file, topics, notes)
    for name, (type_name, count) in announced.items():
        found = len(topics.setdefault(name, _Topic(type_name)).received_ns)
        if found != count:
            notes.append(f"{METADATA} announces {count} messages on {name}, {found} are there.")
    report = Report("bag", _format(path, files), str(path), size_of(path), notes=notes)
    received = [moment for topic in topics.values() for moment in topic.received_ns]
    if received:
        report.duration_s = (max(received) - min(received)) / 1e9
        report.details["start_ns"] = min(received)
    report.details["messages"] = len(received)
    chirps = {name.removesuffix(CHIRP): topic for name, topic in topics.items() if _is_chirp(name, topic)}
    periods = _chirps(chirps, report)
    for name, topic in sorted(topics.items()):
        report.topics.append(_summarise(name, topic, periods.get(name.rpartition("/")[0]), report))
    return report


def _format(path: Path, files: list[Path]) -> str:
    stored = storage_files(path) if path.is_dir() else files
    kinds = sorted({STORAGE_SUFFIXES[file.suffix] for file in stored}) or ["compressed" if files else "without a file"]
    return f"ROS 2 bag ({', '.join(kinds)})"


def _announced(path: Path, notes: list[str]) -> dict[str, tuple[str, int]]:
    """Type and number of messages of each topic as ``metadata.yaml`` has it."""
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["rosbag2_bagfile_information"]
        return {
            str(entry["topic_metadata"]["name"]): (str(entry["topic_metadata"]["type"]), int(entry["message_count"]))
            for entry in entries["topics_with_message_count"]
        }
    except FileNotFoundError:
        notes.append(f"{METADATA} is missing: the recording was not closed.")
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        notes.append(f"{METADATA} cannot be read ({reason(error)}).")
    return {}


def _readable(path: Path, notes: list[str]) -> list[Path]:
    """The folder where its metadata fit, or else the storage files in it; an empty list where there is none."""
    if path.is_file():
        return [path]
    if (path / METADATA).is_file():
        try:
            open_bag(path).close()
            return [path]
        except InputError as error:
            notes.append(f"the bag as a whole cannot be opened: {error}")
    return storage_files(path)


def _read_messages(reader: Reader, topics: dict[str, _Topic], notes: list[str]) -> None:
    for connection in reader.connections:
        topics.setdefault(connection.topic, _Topic(connection.msgtype))
    try:
        for connection, received_ns, data in reader.messages():
            _note_message(topics[connection.topic], received_ns, bytes(data))
    except Exception as error:  # of any type, as at opening; what came before stays
        notes.append(f"after {sum(len(t.received_ns) for t in topics.values())} messages: {reason(error)}.")


def _read_unfinished(path: Path, topics: dict[str, _Topic], notes: list[str]) -> None:
    """Messages of an MCAP file without its end, as a recorder leaves it that was killed."""
    from mcap.records import Channel, Message, Schema
    from mcap.stream_reader import StreamReader

    types: dict[int, str] = {}
    channels: dict[int, _Topic] = {}
    count = 0
    with path.open("rb") as file:
        try:
            for record in StreamReader(file, record_size_limit=_LARGEST_RECORD_BYTES).records:
                if isinstance(record, Schema):
                    types[record.id] = record.name
                elif isinstance(record, Channel):
                    type_name = types.get(record.schema_id, "unknown")
                    channels[record.id] = topics.setdefault(record.topic, _Topic(type_name))
                elif isinstance(record, Message):
                    _note_message(channels[record.channel_id], record.log_time, record.data)
                    count += 1
            why = "it has no index"
        except Exception as error:  # whatever a cut or damaged file causes
            why = reason(error)
    if not channels:
        raise InputError(f"{path} is no MCAP file that can be read: {why}.")
    notes.append(f"{path.name} was not finished or is damaged ({why}); {count} messages before that were read.")


def _note_message(topic: _Topic, received_ns: int, data: bytes) -> None:
    topic.received_ns.append(received_ns)
    topic.size += len(data)
    if topic.first is None:
        topic.first = data
    if topic.type_name in _STAMPED:
        try:
            seconds, nanoseconds = _STAMP[data[1] & 1].unpack_from(data, _CDR_HEADER_BYTES)
        except (struct.error, IndexError):
            topic.broken += 1
        else:
            topic.stamps_ns.append(seconds * 1_000_000_000 + nanoseconds)


def _is_chirp(name: str, topic: _Topic) -> bool:
    return name.endswith(CHIRP) and topic.type_name == _STRING and topic.first is not None


def _decode(topic: _Topic) -> Any:
    return get_typestore(Stores.ROS2_JAZZY).deserialize_cdr(topic.first or b"", topic.type_name)


def _chirps(topics: dict[str, _Topic], report: Report) -> dict[str, ChirpSettings]:
    """Chirp settings by namespace; the first goes into the report."""
    result: dict[str, ChirpSettings] = {}
    for name, topic in sorted(topics.items()):
        try:
            result[name] = from_json(_decode(topic).data)
        except FaceedgeError as error:
            report.notes.append(f"{name}{CHIRP} has no chirp settings: {error}")
        except Exception as error:  # the bytes are from outside
            report.notes.append(f"{name}{CHIRP} cannot be decoded: {reason(error)}.")
    if result:
        report.chirp = describe_chirp(next(iter(result.values())))
    return result


def _summarise(name: str, topic: _Topic, chirp: ChirpSettings | None, report: Report) -> dict[str, Any]:
    """One topic's line; frames of a radar are counted in the report as well."""
    count = len(topic.received_ns)
    stamps_ns = np.array(topic.stamps_ns, np.int64)
    times = stamps_ns if len(stamps_ns) == count else np.array(topic.received_ns, np.int64)
    span_s = float(times.max() - times.min()) / 1e9 if count > 1 else 0.0
    entry: dict[str, Any] = {
        "name": name,
        "type": topic.type_name,
        "messages": count,
        "bytes": topic.size,
        "rate_hz": round((count - 1) / span_s, 3) if span_s > 0 else None,
        "rate_by": "stamps" if times is stamps_ns else "receipt",
        "interval_ms": intervals_ms(times),
    }
    if topic.broken:
        entry["broken"] = topic.broken
        report.notes.append(f"{topic.broken} messages on {name} are too short for their header.")
    if topic.type_name == _IMAGE and topic.first is not None:
        entry["shape"] = _shape(topic)
    if chirp is not None and name.rpartition("/")[2] in _RADAR_TOPICS and len(stamps_ns) > 1:
        lost, problems = lost_between(stamps_ns, chirp.frame_period_s)
        entry["lost"] = lost
        report.problems += [Problem(f"{name} {problem.what}", problem.count) for problem in problems]
        if report.frames is None:  # the first in the order of names is adc, where it was recorded
            report.frames = Frames(count, lost, topic.broken)
            report.rate_hz = entry["rate_hz"]
    return entry


def _shape(topic: _Topic) -> str | None:
    try:
        message = _decode(topic)
    except Exception:  # the bytes are from outside; the shape is a help, no more
        return None
    return f"{message.height} x {message.width} {message.encoding}"
