"""The event camera node's expressions over DDS: off until allowed, refused for another sensor, on time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from graph import Graph, values_of
from shared_data import SHARED_DATA

pytest.importorskip("rclpy", reason="ROS 2 is not installed here")
pytest.importorskip("event_camera_msgs.msg", reason="the event_camera_msgs messages are not built here")
pytest.importorskip("numba", reason="representations need numba (extra: events)")

from event_camera_msgs.msg import EventPacket
from hri_msgs.msg import Expression

from faceedge.events.event import EVENT_DTYPE
from faceedge.events.evt3 import Decoder, encode
from faceedge.events.files import read_events
from faceedge.nodes.qos import EVENTS_OUT, HUMANS

pytestmark = pytest.mark.graph
SECONDS, SIDE = 6, 320
REAL = SHARED_DATA / "events" / "evt3_sample.raw"


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    with Graph(tmp_path_factory.mktemp("graph")) as result:
        yield result


def flicker(path: Path, side: int = SIDE) -> Path:
    random = np.random.default_rng(0)
    events = np.empty(60_000, EVENT_DTYPE)
    events["t"] = np.sort(random.integers(0, SECONDS * 1_000_000, len(events)))
    events["x"], events["y"] = random.integers(0, side, (2, len(events)))
    events["p"] = random.random(len(events)) < 0.5
    path.write_bytes(f"% evt 3.0\n% format EVT3;height={side};width={side}\n% end\n".encode() + encode(events))
    return path


def test_expressions_are_published_where_they_are_allowed(graph: Graph, tmp_path: Path) -> None:
    path = flicker(tmp_path / "face.raw")
    node = graph.start("event_node", {"/**": {"path": str(path), "allow_expression": True, "loop_s": float(SECONDS)}})
    assert graph.change("/event_camera", "configure")
    assert graph.change("/event_camera", "activate")
    status = graph.wait_for_report(
        "event_camera", lambda found: int(values_of(found).get("estimates", 0)) > 0, "an estimate"
    )
    face = values_of(status)["face"]
    heard = graph.collect(f"/humans/faces/{face}/expression", Expression, qos=HUMANS)
    graph.wait_for(lambda: len(heard) > 20, "expressions of the face")
    stamps = np.array([message.header.stamp.sec + message.header.stamp.nanosec / 1e9 for message in heard])
    assert np.allclose(np.diff(stamps), 0.05, atol=1e-3)
    assert all(0 <= message.confidence <= 1 for message in heard)
    assert graph.stop(node) == 0


def test_expressions_are_off_until_allowed_and_refused_for_another_sensor(graph: Graph, tmp_path: Path) -> None:
    path = flicker(tmp_path / "small.raw", 64)
    node = graph.start("event_node", {"/**": {"path": str(path)}})
    assert graph.change("/event_camera", "configure")
    assert graph.change("/event_camera", "activate")
    status = graph.wait_for_report("event_camera", lambda found: found.message == "end of file", "the end of the file")
    assert values_of(status)["policy allow_expression"] == "False"
    assert "face" not in values_of(status)
    assert graph.change("/event_camera", "deactivate")
    assert graph.change("/event_camera", "cleanup")
    graph.set_parameter("/event_camera", "allow_expression", True)
    assert not graph.change("/event_camera", "configure")
    graph.wait_for_report("event_camera", lambda found: "made for a sensor of 320x320" in found.message, "a sentence")
    assert graph.stop(node) == 0


def test_a_region_and_a_limit_hold_and_say_what_they_left_out(graph: Graph, tmp_path: Path) -> None:
    path = flicker(tmp_path / "face.raw")
    expected = read_events(path).events
    settings = {"roi_x": 100, "roi_width": 120, "roi_height": 200, "rate_limit": 2000.0, "hot_pixel_hz": 1000.0}
    node = graph.start("event_node", {"/**": {"path": str(path), **settings}})
    packets = graph.collect("/event_camera/events", EventPacket, qos=EVENTS_OUT)
    assert graph.change("/event_camera", "configure")
    assert graph.change("/event_camera", "activate")
    status = graph.wait_for_report("event_camera", lambda found: found.message == "end of file", "the end of the file")
    values = values_of(status)
    inside = (expected["x"] >= 100) & (expected["x"] < 220) & (expected["y"] < 200)
    assert values["events"] == str(len(expected))
    assert values["events outside the region"] == str(len(expected) - np.count_nonzero(inside))
    assert (values["hot pixels"], values["events of hot pixels"]) == ("0", "0")
    graph.wait_for(lambda: bool(packets), "packets")
    found = [Decoder(packet.width, packet.height).feed(bytes(packet.events)) for packet in packets]
    assert sum(map(len, found)) == np.count_nonzero(inside) - int(values["events above the limit"])
    assert int(values["events above the limit"]) > 0
    assert [packet.seq for packet in packets] == list(range(len(packets)))
    assert all(events["x"].min() >= 100 and events["x"].max() < 220 and events["y"].max() < 200 for events in found)
    assert graph.change("/event_camera", "deactivate")
    assert graph.change("/event_camera", "cleanup")
    graph.set_parameter("/event_camera", "roi_width", 300)
    assert not graph.change("/event_camera", "configure")
    graph.wait_for_report(
        "event_camera", lambda found: "does not lie on the sensor of 320x320" in found.message, "a sentence"
    )
    assert graph.stop(node) == 0


def test_a_real_recording_arrives_event_by_event(graph: Graph) -> None:
    if not REAL.is_file():
        pytest.skip("the recordings of real event cameras are not here")
    expected = read_events(REAL)
    node = graph.start("event_node", {"/**": {"path": str(REAL)}})
    packets = graph.collect("/event_camera/events", EventPacket, qos=EVENTS_OUT)
    assert graph.change("/event_camera", "configure")
    assert graph.change("/event_camera", "activate")
    status = graph.wait_for_report("event_camera", lambda found: found.message == "end of file", "the end of the file")
    assert values_of(status)["events"] == str(len(expected.events))
    decoders = [Decoder(packet.width, packet.height) for packet in packets]
    found = [decoder.feed(bytes(packet.events)) for decoder, packet in zip(decoders, packets, strict=True)]
    assert [packet.seq for packet in packets] == list(range(len(packets)))
    assert sum(len(events) for events in found) == len(expected.events)
    events = np.concatenate(found)
    assert np.array_equal(events["x"], expected.events["x"])
    assert np.array_equal(events["y"], expected.events["y"])
    assert graph.stop(node) == 0
