"""The recorder and the observer on a real graph: bytes, schemas and hashes in the bag are those of the messages."""

from __future__ import annotations

import errno
import threading
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed here")
pytest.importorskip("hri_msgs.msg", reason="the hri_msgs messages are not built here")

from builtin_interfaces.msg import Time
from graph import Graph
from hri_msgs.msg import Expression, IdsList, NormalizedRegionOfInterest2D
from mcap.reader import make_reader
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import Writer
from std_msgs.msg import Header, String

from faceedge.errors import ConfigurationError, DeviceError, InputError
from faceedge.nodes.lifecycle_client import LifecycleClient
from faceedge.nodes.recorder import Recorder, message_class, message_definition, read_bag

pytestmark = pytest.mark.graph

PUBLISH = """
import rclpy, time, sys
from hri_msgs.msg import Expression, IdsList
from std_msgs.msg import Header, String
from builtin_interfaces.msg import Time
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
rclpy.init()
node = rclpy.create_node("publisher")
best_effort = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
tracked = node.create_publisher(IdsList, "/humans/faces/tracked", best_effort)
expression = node.create_publisher(Expression, "/humans/faces/fabc/expression", 10)
other = node.create_publisher(String, "/not/wanted", 10)
while not (tracked.get_subscription_count() and expression.get_subscription_count()):
    time.sleep(0.05)
time.sleep(0.5)
for k in range(5):
    header = Header(stamp=Time(sec=k), frame_id="camera")
    tracked.publish(IdsList(header=header, ids=["fabc"]))
    expression.publish(Expression(header=header, expression="happy", confidence=0.5 + k / 10))
    other.publish(String(data="secret"))
    time.sleep(0.02)
time.sleep(0.5)
"""


@pytest.fixture
def graph(tmp_path: Path) -> Any:
    with Graph(tmp_path) as result:
        yield result


def test_messages_of_wanted_topics_are_recorded_byte_by_byte(graph: Graph, tmp_path: Path) -> None:
    heard: list[tuple[str, bytes]] = []
    recorder = Recorder(
        graph.node,
        lambda topic, _: topic.startswith("/humans"),
        tmp_path / "bag",
        lambda topic, kind, data, received_ns: heard.append((topic, data)),
    )
    child = graph.start_python(PUBLISH, {})

    def all_heard() -> bool:
        recorder.look()
        return len(heard) == 10

    graph.wait_for(all_heard, "ten messages")
    child.wait(10)
    recorder.close()
    recorder.close()
    assert recorder.messages == 10
    messages = list(read_bag(tmp_path / "bag"))
    expressions = [message for topic, message, _ in messages if topic == "/humans/faces/fabc/expression"]
    assert [(m.header.stamp.sec, m.expression, round(m.confidence, 1)) for m in expressions] == [
        (k, "happy", round(0.5 + k / 10, 1)) for k in range(5)
    ]
    times = [received_ns for _, _, received_ns in messages]
    assert times == sorted(times)
    assert abs(time.time_ns() - times[-1]) < 120e9

    path = tmp_path / "bag" / "bag.mcap"
    with path.open("rb") as file:
        reader = make_reader(file)
        summary = reader.get_summary()
        assert summary is not None
        schemas = {schema.name: schema for schema in summary.schemas.values()}
        recorded = sorted((channel.topic, message.data) for _, channel, message in reader.iter_messages())
    assert {schema.encoding for schema in schemas.values()} == {"ros2msg"}
    assert schemas["hri_msgs/msg/Expression"].data.decode() == message_definition("hri_msgs/msg/Expression")
    assert recorded == sorted(heard)
    first = Expression(header=Header(stamp=Time(sec=0), frame_id="camera"), expression="happy", confidence=0.5)
    assert serialize_message(first) in [data for _, data in recorded]
    metadata = (tmp_path / "bag" / "metadata.yaml").read_text()
    assert "message_count: 10" in metadata
    assert "RIHS01_" in metadata
    assert "best_effort" in metadata


def test_a_topic_that_nobody_publishes_any_more_is_let_go_and_taken_up_again(graph: Graph) -> None:
    recorder = Recorder(graph.node, lambda topic, _: topic == "/humans/faces/fabc/roi")
    for _ in range(2):
        publisher = graph.node.create_publisher(NormalizedRegionOfInterest2D, "/humans/faces/fabc/roi", 10)

        def connected(publisher: Publisher = publisher) -> bool:
            recorder.look()
            return int(publisher.get_subscription_count()) == 1

        graph.wait_for(connected, "the recorder's subscription")
        graph.node.destroy_publisher(publisher)

        def released() -> bool:
            recorder.look()
            return int(graph.node.count_subscribers("/humans/faces/fabc/roi")) == 0

        graph.wait_for(released, "the end of the recorder's subscription")
    recorder.close()


def test_reliability_follows_the_publishers(graph: Graph) -> None:
    received: list[bytes] = []
    reliable = graph.node.create_publisher(String, "/mixed", 10)
    weak = graph.node.create_publisher(String, "/mixed", QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT))
    recorder = Recorder(
        graph.node, lambda topic, _: topic == "/mixed", None, lambda t, k, data, ns: received.append(data)
    )

    def both() -> bool:
        recorder.look()
        return bool(reliable.get_subscription_count() and weak.get_subscription_count())

    graph.wait_for(lambda: graph.node.count_publishers("/mixed") == 2, "both publishers")
    graph.wait_for(both, "a subscription that matches both publishers")
    recorder.close()


def test_a_bag_is_never_written_over_another(graph: Graph, tmp_path: Path) -> None:
    (tmp_path / "bag").mkdir()
    with pytest.raises(ConfigurationError, match="exists already"):
        Recorder(graph.node, lambda topic, _: True, tmp_path / "bag")


def test_a_full_disk_ends_a_bag_with_a_sentence(graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    sentence = r"bag cannot be continued after \d+ messages: no space left on device"
    recorder = Recorder(graph.node, lambda topic, _: topic == "/small", tmp_path / "bag")
    monkeypatch.setattr(Writer, "close", full)
    with pytest.raises(DeviceError, match=sentence):
        recorder.close()
    recorder = Recorder(graph.node, lambda topic, _: topic == "/small", tmp_path / "other_bag")
    monkeypatch.setattr(Writer, "write", full)
    publisher = graph.node.create_publisher(String, "/small", 10)

    def publish() -> bool:
        recorder.look()
        publisher.publish(String(data="x"))
        return False

    with pytest.raises(DeviceError, match=sentence):
        graph.wait_for(publish, "a message that cannot be written")
    recorder.close()  # and does not try to finish what cannot be finished


def test_a_node_that_is_not_there_is_a_sentence(graph: Graph) -> None:
    client = LifecycleClient(graph.node)
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            graph.spin(0.05)

    spinner = threading.Thread(target=spin)
    spinner.start()
    try:
        with pytest.raises(DeviceError, match=r"/nobody is not there after 0.2 s, expected active"):
            client.wait_for_state("/nobody", "active", 0.2)
        with pytest.raises(DeviceError, match=r"no answer from /nobody to configure within 0.2 s"):
            client.transition("/nobody", "configure", 0.2)
    finally:
        stop.set()
        spinner.join()


# --- without a graph --------------------------------------------------------------------------------------------------


def test_a_definition_holds_all_types_that_a_message_uses_once() -> None:
    text = message_definition("hri_msgs/msg/FacialLandmarks")
    heads = [line for line in text.splitlines() if line.startswith("MSG: ")]
    assert heads == [
        "MSG: std_msgs/Header",
        "MSG: hri_msgs/NormalizedPointOfInterest2D",
        "MSG: builtin_interfaces/Time",
    ]
    assert text.count("=" * 80) == 3


def test_an_unknown_type_is_a_sentence() -> None:
    with pytest.raises(ConfigurationError, match="install the package dream_msgs"):
        message_class("dream_msgs/msg/Dream")
    with pytest.raises(ConfigurationError, match=r"dream_msgs/msg/Dream\.msg is in none of the"):
        message_definition("dream_msgs/msg/Dream")
    assert message_class("hri_msgs/msg/IdsList") is IdsList


@pytest.mark.parametrize("content", [None, b"", b"no bag at all"])
def test_what_is_no_bag_is_a_sentence(tmp_path: Path, content: bytes | None) -> None:
    folder = tmp_path / "bag"
    if content is not None:
        folder.mkdir()
        (folder / "metadata.yaml").write_bytes(content)
    with pytest.raises(InputError, match="is no bag that can be read"):
        list(read_bag(folder))
