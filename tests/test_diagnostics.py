"""Reports become diagnostics that `ros2 topic echo /diagnostics` and rqt show as they are meant."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed here")
pytest.importorskip("hri_msgs.msg", reason="the hri_msgs messages are not built here")

from diagnostic_msgs.msg import DiagnosticStatus

from faceedge.camera.frame import Frame
from faceedge.inference.registry import ModelCard
from faceedge.nodes import diagnostics, shared_frames
from faceedge.nodes.camera_node import PARAMETERS as CAMERA_PARAMETERS
from faceedge.nodes.diagnostics import Level, RateMeter, Report
from faceedge.nodes.face_node import PARAMETERS as FACE_PARAMETERS
from faceedge.nodes.parameters import Spec
from faceedge.nodes.shared_frames import LatestSlot, SharedFrame
from faceedge.nodes.worker import Worker
from faceedge.timing import StageTimer


@pytest.mark.parametrize(
    ("level", "constant"),
    [
        (Level.OK, DiagnosticStatus.OK),
        (Level.WARN, DiagnosticStatus.WARN),
        (Level.ERROR, DiagnosticStatus.ERROR),
        (Level.STALE, DiagnosticStatus.STALE),
    ],
)
def test_levels_are_those_of_the_message(level: Level, constant: bytes) -> None:
    assert diagnostics.to_status("camera: status", Report(level, "gone")).level == constant


def test_a_report_keeps_its_figures_in_order_as_text() -> None:
    status = diagnostics.to_status("camera: status", Report(Level.OK, "running", "video0", {"rate": 1.5, "dropped": 0}))
    assert (status.name, status.message, status.hardware_id) == ("camera: status", "running", "video0")
    assert [(value.key, value.value) for value in status.values] == [("rate", "1.5"), ("dropped", "0")]


def test_latency_is_given_for_every_stage_of_every_timer() -> None:
    detect, publish = StageTimer(), StageTimer()
    for milliseconds in (1, 2, 3):
        detect.add("detect", milliseconds * 1_000_000)
    publish.add("publish", 250_000)
    assert diagnostics.latency_values(detect, publish) == {
        "latency detect": "p50 2.00 ms, p99 2.98 ms",
        "latency publish": "p50 0.25 ms, p99 0.25 ms",
    }


def test_a_model_is_named_with_the_start_of_its_hash() -> None:
    card = ModelCard("face_landmarks", "face_landmarks.tflite", "0123456789abcdef" * 4, "landmarks")
    assert diagnostics.model_values({"landmarks": card}) == {"model landmarks": "face_landmarks sha256 0123456789ab"}


def test_a_rate_is_counted_between_two_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    meter = RateMeter()
    meter.tick()
    assert meter.rate_hz() == 0.0
    for _ in range(30):
        meter.tick()
    now[0] = 102.0
    assert meter.rate_hz() == 15.0
    assert meter.total == 31


def test_a_slow_consumer_gets_the_newest_frame_and_the_others_count_as_dropped() -> None:
    slot: LatestSlot[int] = LatestSlot()
    assert slot.take(0.0) is None
    for number in range(5):
        slot.put(number)
    assert slot.take(0.0) == 4
    assert slot.take(0.0) is None
    assert (slot.received, slot.dropped) == (5, 4)


def test_a_waiting_consumer_wakes_up_when_a_frame_comes() -> None:
    slot: LatestSlot[str] = LatestSlot()
    threading.Timer(0.05, slot.put, ["frame"]).start()
    assert slot.take(10.0) == "frame"


def test_frames_reach_every_slot_of_their_topic_and_no_other() -> None:
    item = SharedFrame(Frame(np.zeros((8, 8, 3), np.uint8), 1))
    first: LatestSlot[SharedFrame] = LatestSlot()
    second: LatestSlot[SharedFrame] = LatestSlot()
    other: LatestSlot[SharedFrame] = LatestSlot()
    shared_frames.attach("/t/one", first)
    shared_frames.attach("/t/one", second)
    shared_frames.attach("/t/two", other)
    shared_frames.share("/t/one", item)
    shared_frames.detach("/t/one", second)
    shared_frames.share("/t/one", item)
    assert (first.received, second.received, other.received) == (2, 1, 0)
    assert first.take(0.0) is item
    shared_frames.detach("/t/one", first)
    shared_frames.detach("/t/one", first)
    shared_frames.detach("/t/two", other)


def test_a_topic_is_offered_until_the_last_camera_withdraws_it() -> None:
    shared_frames.offer("/t/image")
    shared_frames.offer("/t/image")
    shared_frames.withdraw("/t/image")
    assert shared_frames.is_offered("/t/image")
    shared_frames.withdraw("/t/image")
    shared_frames.withdraw("/t/image")
    assert not shared_frames.is_offered("/t/image")


def test_a_worker_that_raises_hands_over_its_traceback() -> None:
    traces: list[str] = []

    def body(_stop: threading.Event) -> None:
        raise RuntimeError("the sky fell down")

    worker = Worker("test", body, traces.append)
    worker.start()
    assert worker.stop()
    assert traces == [] or "the sky fell down" in traces[0]
    worker = Worker("test", body, traces.append)
    worker._run()
    assert "RuntimeError: the sky fell down" in traces[-1]


@pytest.mark.parametrize("spec", [*CAMERA_PARAMETERS, *FACE_PARAMETERS], ids=lambda spec: spec.name)
def test_every_parameter_has_a_description_and_a_default_within_its_own_limits(spec: Spec) -> None:
    assert spec.description.endswith(".")
    assert spec.problem(spec.default) == ""
    assert (spec.low is None) == (spec.high is None)
    if isinstance(spec.default, (int, float)) and not isinstance(spec.default, bool):
        assert spec.low is not None, "a number needs limits"
        assert spec.problem(type(spec.default)(spec.high or 0) + 1) != ""


@pytest.mark.parametrize(
    ("spec", "value", "sentence"),
    [
        (Spec("a", 1.0, "", 0.0, 2.0), float("nan"), "parameter 'a' must be a number from 0 to 2, not nan"),
        (Spec("a", 1.0, ""), float("inf"), "parameter 'a' must be a number, not inf"),
        (Spec("a", 1, "", 0, 2), True, "parameter 'a' must be a whole number from 0 to 2, not True"),
        (Spec("a", True, ""), 1, "parameter 'a' must be true or false, not 1"),
        (Spec("a", "x", ""), None, "parameter 'a' must be a text, not None"),
        (Spec("a", "x", "", choices=("x", "y")), "z", "parameter 'a' must be one of x, y, not 'z'"),
        (Spec("a", 1.0, "", 0.0, 2.0), 2.0, ""),
    ],
)
def test_a_wrong_value_is_named_together_with_what_was_expected(spec: Spec, value: object, sentence: str) -> None:
    assert spec.problem(value) == sentence


def test_a_descriptor_shows_limits_and_choices_to_ros_tools() -> None:
    whole = Spec("n", 3, "How many.", 1, 9).descriptor()
    assert (whole.description, whole.integer_range[0].from_value, whole.integer_range[0].to_value) == (
        "How many.",
        1,
        9,
    )
    number = Spec("x", 0.5, "How much.", 0.0, 1.0).descriptor()
    assert (number.floating_point_range[0].from_value, number.floating_point_range[0].to_value) == (0.0, 1.0)
    assert Spec("c", "a", "Which.", choices=("a", "b")).descriptor().additional_constraints == "one of: a, b"
