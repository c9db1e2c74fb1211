"""The radar node as a process of its own, fed by emulated devices over real pseudo-terminals, seen over DDS."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from radar_echoes import ADC_CENTRE, echo

pytest.importorskip("rclpy", reason="ROS 2 is not installed here")
pytest.importorskip("serial", reason="pyserial is not installed here")

from diagnostic_msgs.msg import DiagnosticStatus
from graph import Graph, values_of
from rclpy.qos import qos_profile_sensor_data
from rosbags.rosbag2 import Reader
from sensor_msgs.msg import Image, PointCloud2, Temperature
from std_msgs.msg import String

from faceedge.nodes import radar_conversions
from faceedge.nodes.headers import stamp_to_ns
from faceedge.nodes.qos import LATCHED, RADAR_OUT
from faceedge.radar.chirp_files import load_chirp_file
from faceedge.radar.frame import RadarFrame
from faceedge.radar.imaging import Imager, Processing
from faceedge.radar.recordings import VendorWriter, open_recording
from faceedge.simulation.devices.bgt60 import Bgt60Chip
from faceedge.simulation.devices.bridge import BridgeEmulator
from faceedge.simulation.devices.feed import RecordingFeed
from faceedge.simulation.devices.iwr6843 import Iwr6843Emulator

pytestmark = pytest.mark.graph

CHIRP_FILE = load_chirp_file("bgt60_face_food.json")
CHIRP = CHIRP_FILE.chirp
FRAMES = 16
RANGE_M, VELOCITY_M_S = 0.9, 0.4


def cubes_of_a_target() -> np.ndarray:
    """(frame, rx, chirp, sample) uint16 of a target that recedes; no two frames are equal."""
    generator = np.random.default_rng(1)
    echoes = np.stack([echo(CHIRP, RANGE_M, VELOCITY_M_S, frame=number) for number in range(FRAMES)])
    return np.rint(echoes + ADC_CENTRE + generator.normal(0, 2, echoes.shape)).astype(np.uint16)


CUBES = cubes_of_a_target()


def number_of(cube: np.ndarray) -> int:
    """Which of ``CUBES`` this is, -1: none, so it is not what the sensor saw."""
    matches = np.flatnonzero((cube == CUBES).all(axis=(1, 2, 3)))
    return int(matches[0]) if len(matches) else -1


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    with Graph(tmp_path_factory.mktemp("graph")) as result:
        yield result


@pytest.fixture(scope="module")
def bridge() -> Iterator[BridgeEmulator]:
    with BridgeEmulator(Bgt60Chip(RecordingFeed(CUBES), temperature_c=41.0)) as result:
        yield result


@pytest.fixture(scope="module")
def radar(graph: Graph, bridge: BridgeEmulator) -> str:
    """A node in namespace /a with a BGT60TR13C behind the bridge."""
    values = {"autostart": True, "source": "bgt60_bridge", "path": bridge.port, "chirp": "bgt60_face_food.json"}
    graph.start("radar_node", {"/**/radar": values}, "-r", "__ns:=/a")
    graph.wait_for_report("a/radar", lambda s: s.message == "running" and frames(s) > 3, "running")
    return "a/radar"


def frames(status: DiagnosticStatus) -> int:
    return int(values_of(status).get("frames", 0))


def cubes(images: list[Any]) -> list[int]:
    return [number_of(radar_conversions.image_to_cube(image, CHIRP)) for image in images]


def test_nothing_is_computed_or_published_while_nobody_subscribes(graph: Graph, radar: str) -> None:
    status = graph.wait_for_report(radar, lambda s: frames(s) > 5, "frames")
    stages = [name for name in values_of(status) if name.startswith("latency")]
    assert stages == ["latency first chirp to node", "latency first chirp to topics"]


def test_cubes_arrive_bit_by_bit_in_order_stamped_with_their_first_chirp(graph: Graph, radar: str) -> None:
    images = graph.collect("/a/radar/adc", Image, qos=qos_profile_sensor_data)
    temperatures = graph.collect("/a/radar/temperature", Temperature)
    chirps = graph.collect("/a/radar/chirp", String, qos=LATCHED)
    graph.wait_for(lambda: len(images) > 10 and temperatures and chirps, "frames, settings and temperature")
    numbers = cubes(images)
    assert -1 not in numbers
    stamps = [stamp_to_ns(image.header.stamp) for image in images]
    steps = np.diff(stamps) / (CHIRP.frame_period_s * 1e9)
    assert (steps > 0.75).all()
    follows = [(number + 1) % FRAMES == after for number, after in itertools.pairwise(numbers)]
    # A busy machine may lose a frame, but what comes one period later is the next one.
    assert [follow for follow, step in zip(follows, steps, strict=True) if step < 1.25].count(False) == 0
    assert any(follows)
    assert 0 < time.time_ns() - stamps[-1] < 5_000_000_000
    assert images[0].header.frame_id == "radar"
    assert abs(temperatures[0].temperature - 41.0) < 1
    assert radar_conversions.message_to_chirp(chirps[0]) == CHIRP
    assert json.loads(chirps[0].data)["frame_period_s"] == 0.05


def test_images_are_those_of_the_cube_with_the_same_stamp(graph: Graph, radar: str) -> None:
    received = {
        topic: graph.collect(f"/a/radar/{topic}", Image) for topic in ("adc", "range_doppler", "micro_range_doppler")
    }
    graph.wait_for(lambda: len(received["micro_range_doppler"]) > 2, "micro range-Doppler images")
    by_stamp = {stamp_to_ns(image.header.stamp): image for image in received["adc"]}
    image = next(i for i in received["range_doppler"] if stamp_to_ns(i.header.stamp) in by_stamp)
    cube = radar_conversions.image_to_cube(by_stamp[stamp_to_ns(image.header.stamp)], CHIRP)
    expected = Imager(CHIRP, Processing()).range_doppler(RadarFrame(0, 0, cube))
    matrix = radar_conversions.image_to_matrix(image)
    # Not bit by bit: this process may compute with another number of threads.
    assert np.allclose(matrix, np.asarray(expected), rtol=1e-4, atol=1e-3)
    row, column = np.unravel_index(np.argmax(matrix), matrix.shape)
    expected_m = RANGE_M + number_of(cube) * CHIRP.frame_period_s * VELOCITY_M_S
    assert abs(row * CHIRP.range_resolution_m - expected_m) < CHIRP.range_resolution_m
    assert abs((column - 32) * CHIRP.velocity_resolution_m_s - VELOCITY_M_S) < CHIRP.velocity_resolution_m_s
    assert radar_conversions.image_to_matrix(received["micro_range_doppler"][0]).shape == (64, 64)


def test_a_second_node_computes_the_same_images_from_the_topics_of_the_first(graph: Graph, radar: str) -> None:
    values = {"autostart": True, "source": "topic", "path": "/a/radar/adc"}
    child = graph.start("radar_node", {"/**/radar": values}, "-r", "__ns:=/second")
    own = graph.collect("/a/radar/range_doppler", Image)
    again = graph.collect("/second/radar/range_doppler", Image)
    chirps = graph.collect("/second/radar/chirp", String, qos=LATCHED)
    pairs: list[tuple[Any, Any]] = []

    def seen_both() -> bool:
        by_stamp = {stamp_to_ns(image.header.stamp): image for image in own}
        pairs[:] = [(by_stamp[s], image) for image in again if (s := stamp_to_ns(image.header.stamp)) in by_stamp]
        return len(pairs) > 2

    graph.wait_for(seen_both, "images of both nodes")
    assert all(a.data == b.data for a, b in pairs)
    graph.wait_for(lambda: bool(chirps), "chirp settings of the second node")
    assert radar_conversions.message_to_chirp(chirps[0]) == CHIRP
    status = graph.wait_for_report("second/radar", lambda s: frames(s) > 2, "frames")
    assert status.hardware_id == "topic /a/radar/adc"
    assert graph.stop(child) == 0


def test_an_unplugged_radar_is_an_error_until_it_is_back_and_no_frame_is_half(
    graph: Graph, radar: str, bridge: BridgeEmulator
) -> None:
    images = graph.collect("/a/radar/adc", Image)
    graph.wait_for(lambda: images, "frames")
    bridge.unplug()
    status = graph.wait_for_report(radar, lambda s: s.level == DiagnosticStatus.ERROR, "the radar being gone")
    assert bridge.port in status.message
    away = len(images)
    bridge.replug()
    status = graph.wait_for_report(radar, lambda s: s.message == "running", "the radar being back")
    graph.wait_for(lambda: len(images) > away + 5, "frames after the replug")
    values = values_of(status)
    assert values["reconnects"] == "1"
    assert int(values["dropped"]) > 0
    assert -1 not in cubes(images)
    assert graph.state_of("/a/radar") == "active"


def test_diagnostics_tell_device_losses_latency_and_what_is_transmitted(graph: Graph, radar: str) -> None:
    status = graph.wait_for_report(radar, lambda s: "latency publish adc" in values_of(s), "figures")
    assert status.hardware_id.startswith("BGT60TR13C at emulated BGT60TR13C bridge")
    values = values_of(status)
    assert {"rate", "dropped", "late", "rejected", "crc_errors", "overflows", "temperature"} <= set(values)
    assert values["chirp"] == "bgt60_face_food.json"
    assert values["chirp range_bins"] == "64"
    assert float(values["chirp range_resolution_m"]) == pytest.approx(CHIRP.range_resolution_m, rel=1e-5)
    assert values["latency range-Doppler"].startswith("p50 ")


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def chirp_files(tmp_path: Path) -> Path:
    """A small chirp and an impossible one."""
    text = CHIRP_FILE.path.read_text()
    small = text.replace('"num_chirps_per_frame": 64', '"num_chirps_per_frame": 32')
    (tmp_path / "small.json").write_text(small.replace('"num_samples_per_chirp": 128', '"num_samples_per_chirp": 64'))
    (tmp_path / "impossible.json").write_text(text.replace("61100000000", "71100000000"))
    return tmp_path


def test_an_impossible_chirp_is_refused_and_another_one_set_through_the_lifecycle(
    graph: Graph, chirp_files: Path
) -> None:
    with BridgeEmulator(Bgt60Chip()) as bridge:
        values = {"source": "bgt60_bridge", "path": bridge.port, "chirp": str(chirp_files / "impossible.json")}
        child = graph.start("radar_node", {"/**": values}, "-r", "__ns:=/set")
        chirps = graph.collect("/set/radar/chirp", String, qos=LATCHED)
        images = graph.collect("/set/radar/adc", Image, qos=RADAR_OUT)
        assert not graph.change("/set/radar", "configure")
        status = graph.wait_for_report("set/radar", lambda s: s.level == DiagnosticStatus.ERROR, "an error")
        assert "impossible.json" in status.message
        assert "GHz" in status.message
        for name, sentence in (("iwr6843_face.cfg", "needs a .json file"), ("nowhere.json", "not found")):
            assert graph.set_parameter("/set/radar", "chirp", name).successful
            assert not graph.change("/set/radar", "configure")
            assert sentence in graph.output(child)
        seen = []
        for name in ("bgt60_face_food", str(chirp_files / "small.json")):
            assert graph.set_parameter("/set/radar", "chirp", name).successful
            assert graph.change("/set/radar", "configure")
            assert not graph.set_parameter("/set/radar", "chirp", "").successful
            assert graph.change("/set/radar", "activate")
            images.clear()
            graph.wait_for(lambda: images, "frames")
            seen.append((images[-1].height, images[-1].width))
            assert graph.change("/set/radar", "deactivate")
            assert graph.change("/set/radar", "cleanup")
        assert seen == [(192, 128), (96, 64)]
        settings = [radar_conversions.message_to_chirp(message).cube_shape for message in chirps]
        assert settings == [(3, 64, 128), (3, 32, 64)]
        assert graph.stop(child) == 0


def test_an_iwr6843_delivers_points_and_its_own_range_doppler(graph: Graph, tmp_path: Path) -> None:
    with Iwr6843Emulator() as emulator:
        values = {"autostart": True, "source": "iwr6843", "cli_port": emulator.cli_port}
        values |= {"data_port": emulator.data_port}
        child = graph.start("radar_node", {"/**": values}, "-r", "__ns:=/ti")
        clouds = graph.collect("/ti/radar/points", PointCloud2, qos=qos_profile_sensor_data)
        images = graph.collect("/ti/radar/range_doppler", Image, qos=qos_profile_sensor_data)
        chirps = graph.collect("/ti/radar/chirp", String, qos=LATCHED)
        graph.wait_for(lambda: len(clouds) > 3 and images and chirps, "points and images")
        points = radar_conversions.cloud_to_points(clouds[-1])
        assert len(points) > 0
        assert 0.15 < np.linalg.norm(points[0, :3]) < 0.5
        assert points[0, 0] > abs(points[0, 1])
        chirp = radar_conversions.message_to_chirp(chirps[0])
        assert chirp.device == "iwr6843"
        image = radar_conversions.image_to_matrix(images[0])
        assert image.shape == (chirp.range_bins, chirp.chirps_per_frame)
        assert np.isfinite(image).all()
        status = graph.wait_for_report("ti/radar", lambda s: frames(s) > 3, "frames")
        assert values_of(status)["chirp"] == "iwr6843_face.cfg"
        assert graph.stop(child) == 0


# --- record and replay ------------------------------------------------------------------------------------------------


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "faceedge.cli.main", *words]


def bag_content(folder: Path) -> dict[str, list[bytes]]:
    """CDR bytes by topic."""
    content: dict[str, list[bytes]] = {}
    with Reader(folder) as reader:
        for connection, _, data in reader.messages():
            content.setdefault(connection.topic, []).append(bytes(data))
    return content


def bag_qos(folder: Path) -> dict[str, Any]:
    """What the publishers of each topic offered."""
    with Reader(folder) as reader:
        return {connection.topic: connection.ext for connection in reader.connections}


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A vendor's folder of our own."""
    folder = tmp_path / "vendor"
    with VendorWriter(folder, CHIRP) as writer:
        for number, cube in enumerate(CUBES):
            writer.append(cube, 1_700_000_000_000_000_000 + number * 50_000_000, 40.5)
    return folder


def test_a_folder_a_bag_a_bag_and_a_folder_again_are_bit_by_bit_the_same(tmp_path: Path, recording: Path) -> None:
    first, second, vendor = tmp_path / "first", tmp_path / "second", tmp_path / "again"
    with Graph(tmp_path) as graph:
        played = {"/radar/adc": FRAMES, "/radar/chirp": 1, "/radar/temperature": 1}
        replay_and_record(graph, recording, first, "--topics", "/radar/*")
        bag = bag_content(first)
        assert {topic: len(messages) for topic, messages in bag.items()} == played

        replay_and_record(graph, first, second, clock=True)
        again = bag_content(second)
        assert again.pop("/clock")
        assert again == bag
        assert {topic: bag_qos(second)[topic] for topic in bag} == bag_qos(first)

        replay_and_record(graph, second, vendor, "--format", "vendor", "--topics", "*/adc")
    for name in ("radar.npy", "config.json", "radar_timestamp.csv", "temperature.npy"):
        assert (vendor / name).read_bytes() == (recording / name).read_bytes(), name
    assert np.array_equal(open_recording(vendor).cubes, CUBES)


def replay_and_record(graph: Graph, source: Path, target: Path, *options: str, clock: bool = False) -> None:
    """Play ``source`` while another process records ``target``, which is ended by Ctrl-C."""
    recorder = graph.start_process(command("record", str(target), *options))
    player = graph.start_process(
        command("replay", str(source), "--topics", "/radar/*", "--wait", "30", *["--clock"] * clock)
    )
    assert player.wait(60) == 0, graph.output(player)
    assert graph.stop(recorder) == 0, graph.output(recorder)
    assert "Traceback" not in graph.output(recorder) + graph.output(player)
