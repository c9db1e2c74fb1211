"""Records topics into an MCAP bag without decoding them: the bytes that came over DDS are the bytes in the file.

The bag is a rosbag2 folder (`ros2 bag info`, `ros2 bag play`), and the `.mcap` file in it opens in Foxglove by itself:
message definitions and type hashes are inside.
"""

from __future__ import annotations

import importlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import rclpy.node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo
from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer

from faceedge.bags import open_bag
from faceedge.errors import ConfigurationError, DeviceError

DEPTH = 200
BAG_VERSION: Literal[9] = 9  # rosbag2 of Jazzy
MessageHook = Callable[[str, str, bytes, int], None]
"""Called with topic, type name, CDR bytes and time of receipt in ns for every message that is recorded."""

_NUMBERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)} | {"float32", "float64"}
_PRIMITIVES = _NUMBERS | {"bool", "byte", "char", "string", "wstring"}
_SEPARATOR = "=" * 80
_FOREVER = QosTime(9223372036, 854775807)  # RMW_DURATION_INFINITE


def message_class(type_name: str) -> Any:
    """The Python class of ``package/msg/Name``; raises ConfigurationError where its package is not installed."""
    package, _, name = type_name.partition("/msg/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"the message type {type_name} is not installed; install the package {package}."
        ) from error


def message_definition(type_name: str) -> str:
    """Text of a message type with all types that it uses, as the `ros2msg` schema of MCAP wants it.

    Args:
        type_name: such as ``hri_msgs/msg/Expression``; its `.msg` file is looked up on AMENT_PREFIX_PATH.

    Raises:
        ConfigurationError: a `.msg` file is nowhere.
    """
    parts: list[str] = []
    waiting, seen = [type_name], {type_name}
    while waiting:
        name = waiting.pop(0)
        package, _, message = name.split("/")
        text = _message_file(package, message)
        parts.append(f"{_SEPARATOR}\nMSG: {package}/{message}\n{text}" if parts else text)
        for used in _used_types(text, package):
            if used not in seen:
                seen.add(used)
                waiting.append(used)
    return "\n".join(parts)


def _used_types(text: str, package: str) -> Iterator[str]:
    for line in text.splitlines():
        field = re.match(r"\s*([A-Za-z]\w*(?:/\w+)?)(?:<=\d+)?(?:\[[^\]]*\])?\s+\w+", line)
        if field is None or field[1] in _PRIMITIVES:
            continue
        head, _, tail = field[1].rpartition("/")
        yield f"{head or ('std_msgs' if tail == 'Header' else package)}/msg/{tail}"


def _message_file(package: str, message: str) -> str:
    prefixes = [text for text in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if text]
    for prefix in prefixes:
        path = Path(prefix, "share", package, "msg", f"{message}.msg")
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise ConfigurationError(
        f"the definition {package}/msg/{message}.msg is in none of the {len(prefixes)} folders of AMENT_PREFIX_PATH; "
        "source the ROS setup file."
    )


class Recorder:
    """Subscribes to every topic that ``wanted`` accepts, also to those that appear later, and writes what comes.

    Call ``look()`` a few times a second from the thread that spins the node, and ``close()`` after the last message.

    Args:
        node: whose subscriptions these become.
        wanted: decides by topic name and type name.
        folder: of the bag; must not exist. None: only the hook gets the messages.
        hook: gets every message, too.

    Raises:
        ConfigurationError: the folder exists or cannot be made.
    """

    def __init__(
        self,
        node: rclpy.node.Node,
        wanted: Callable[[str, str], bool],
        folder: Path | None = None,
        hook: MessageHook | None = None,
    ) -> None:
        self._node, self._wanted, self._hook, self._folder = node, wanted, hook, folder
        self._writer: Writer | None = None
        if folder is not None:
            if folder.exists():
                raise ConfigurationError(f"the bag {folder} exists already; give another folder or remove it.")
            self._writer = Writer(folder, version=BAG_VERSION, storage_plugin=StoragePlugin.MCAP)
            try:
                self._writer.open()
            except OSError as error:
                raise ConfigurationError(f"the bag {folder} cannot be made: {error.strerror}.") from error
        self._subscriptions: dict[str, Subscription] = {}
        self._connections: dict[str, Connection] = {}
        self._skipped: set[str] = set()
        self.messages = 0

    def look(self) -> None:
        """Subscribe to topics that are new on the graph, and let go of those that nobody publishes any more."""
        for topic, types in self._node.get_topic_names_and_types():
            if topic in self._subscriptions or topic in self._skipped or len(types) != 1:
                continue
            if not self._wanted(topic, types[0]):
                self._skipped.add(topic)
                continue
            publishers = self._node.get_publishers_info_by_topic(topic)
            if publishers:
                self._subscribe(topic, types[0], publishers)
        for topic in list(self._subscriptions):
            if self._node.count_publishers(topic) == 0:
                self._node.destroy_subscription(self._subscriptions.pop(topic))

    def _subscribe(self, topic: str, type_name: str, publishers: list[TopicEndpointInfo]) -> None:
        try:
            message_type = message_class(type_name)
        except ConfigurationError as error:
            self._node.get_logger().warning(f"{topic} is not recorded: {error}")
            self._skipped.add(topic)
            return
        if self._writer is not None and topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(
                topic,
                type_name,
                msgdef=message_definition(type_name),
                rihs01=_type_hash(publishers[0]),
                offered_qos_profiles=[_offered(publisher.qos_profile) for publisher in publishers],
            )

        def received(data: bytes) -> None:
            now_ns = time.time_ns()
            if self._writer is not None:
                with self._disk():
                    self._writer.write(self._connections[topic], now_ns, data)
            self.messages += 1
            if self._hook is not None:
                self._hook(topic, type_name, data, now_ns)

        self._subscriptions[topic] = self._node.create_subscription(
            message_type, topic, received, _matching(publishers), raw=True
        )

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._writer = None  # which cannot be finished either
            raise DeviceError(
                f"the bag {self._folder} cannot be continued after {self.messages} messages: "
                f"{(error.strerror or str(error)).lower()}; `faceedge inspect` reads it as far as it goes."
            ) from error

    def close(self) -> None:
        """End the subscriptions and finish the bag; may be called twice. Raises DeviceError where the disk is full."""
        while self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.popitem()[1])
        writer, self._writer = self._writer, None
        if writer is not None:
            with self._disk():
                writer.close()


def _matching(publishers: list[TopicEndpointInfo]) -> QoSProfile:
    """A profile that matches all ``publishers``: as much as each of them offers."""
    reliable = all(p.qos_profile.reliability == ReliabilityPolicy.RELIABLE for p in publishers)
    latched = all(p.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in publishers)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def _offered(qos: QoSProfile) -> Qos:
    return Qos(
        QosHistory.KEEP_LAST,
        qos.depth,
        QosReliability[qos.reliability.name],
        QosDurability[qos.durability.name],
        _FOREVER,
        _FOREVER,
        QosLiveliness.AUTOMATIC,
        _FOREVER,
        False,
    )


def _type_hash(publisher: TopicEndpointInfo) -> str:
    known = publisher.topic_type_hash
    return f"RIHS{known.version:02d}_{bytes(known.value).hex()}"


def read_bag(folder: Path, topics: Callable[[str], bool] = lambda topic: True) -> Iterator[tuple[str, Any, int]]:
    """Messages of a bag in order of receipt: topic, decoded message, time of receipt in ns.

    Raises:
        InputError: not a bag, or one that was not closed.
    """
    reader = open_bag(folder)
    try:
        connections = [connection for connection in reader.connections if topics(connection.topic)]
        classes = {connection.msgtype: message_class(connection.msgtype) for connection in connections}
        if connections:
            for connection, received_ns, data in reader.messages(connections=connections):
                yield connection.topic, deserialize_message(bytes(data), classes[connection.msgtype]), received_ns
    finally:
        reader.close()
