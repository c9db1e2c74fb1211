"""What the demonstration counts, from messages in any order."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceedge.cli.scoreboard import Scoreboard, head_angles_deg

MS = 1_000_000
BOX = (0.1, 0.2, 0.3, 0.5)


def test_messages_of_single_faces_are_counted_together_and_tracked_apart() -> None:
    board = Scoreboard()
    for k, topic in enumerate(["/humans/faces/fa1/roi", "/humans/faces/fb2/roi", "/humans/faces/tracked"]):
        board.message(topic, "hri_msgs/msg/X", 100, 1000 + k)
    counts = {name: (topic.messages, topic.bytes) for name, topic in board.topics.items()}
    assert counts == {"/humans/faces/<id>/roi": (2, 200), "/humans/faces/tracked": (1, 100)}


def test_rates_are_messages_a_second() -> None:
    board = Scoreboard()
    for k in range(101):
        board.message("/t", "x", 1, 10_000 * MS + k * 40 * MS)
    topic = board.topics["/t"]
    assert topic.mean_rate_hz() == pytest.approx(25.0)
    assert topic.rate_hz(14_000 * MS) == pytest.approx(25.0)
    assert topic.rate_hz(60_000 * MS) == 0.0


def test_what_belongs_to_one_face_in_one_picture_becomes_one_sight_in_any_order() -> None:
    board = Scoreboard()
    board.expression(5 * MS, "fa1", "happy", 0.8, (0.6, 0.4), 25 * MS)
    board.pose(5 * MS, "fa1", (0.0, 0.0, 0.0, 1.0), (0.0, 0.3, 0.4))
    board.roi(5 * MS, "fa1", BOX, 0.9)
    sight = board.history[5 * MS]["fa1"]
    assert (sight.box, sight.confidence, sight.word, sight.expression_confidence) == (BOX, 0.9, "happy", 0.8)
    assert sight.distance_m == pytest.approx(0.5)
    assert board.end_to_end_ms()["expression"] == (20.0, 20.0, 1)


def test_an_expression_holds_for_a_moment_when_the_next_picture_brings_none() -> None:
    board = Scoreboard()
    board.expression(0, "fa1", "sad", 0.7, (0.0, 0.0), 1)
    board.roi(40 * MS, "fa1", BOX, 0.9)
    board.roi(900 * MS, "fa1", BOX, 0.9)
    assert board.history[40 * MS]["fa1"].word == "sad"
    assert board.history[900 * MS]["fa1"].word is None


def test_a_face_that_left_is_not_in_view_but_stays_in_the_history() -> None:
    board = Scoreboard()
    board.picture(0, b"")
    board.roi(0, "fa1", BOX, 0.9)
    board.roi(0, "fb2", (0.0, 0.2, 0.05, 0.5), 0.9)
    assert [sight.face for sight in board.in_view()] == ["fb2", "fa1"]
    board.tracked(40 * MS, ["fb2"], 50 * MS)
    assert [sight.face for sight in board.in_view()] == ["fb2"]
    assert set(board.tracks()) == {"fa1", "fb2"}


def test_a_face_whose_position_is_still_under_way_stays_in_view_where_it_was() -> None:
    board = Scoreboard()
    board.roi(0, "fa1", BOX, 0.9)
    board.expression(40 * MS, "fa1", "happy", 0.8, (0.0, 0.0), 50 * MS)
    assert [(sight.box, sight.word) for sight in board.in_view()] == [(BOX, "happy")]
    assert board.tracks()["fa1"][-1].stamp_ns == 0


def test_the_trail_of_a_face_ends_at_the_newest_picture() -> None:
    board = Scoreboard()
    for k in range(10):
        board.picture(k * 100 * MS, b"")
        if k >= 6:
            board.roi(k * 100 * MS, "fa1", BOX, k / 10)
    trail = board.recent("fa1", 1000 * MS, 5)
    assert [sight.confidence if sight else None for sight in trail] == [None, None, None, 0.7, 0.9]


def test_latencies_are_read_from_diagnostics_and_other_values_left_alone() -> None:
    board = Scoreboard()
    values = {"latency detect": "p50 1.10 ms, p99 2.00 ms", "rate": "25.0 Hz", "latency odd": "unknown"}
    board.status("faces: status", "OK", "running", values)
    assert board.stages_ms() == [("faces", "detect", 1.1, 2.0)]


@given(st.floats(-80, 80), st.floats(-60, 60))
def test_yaw_and_pitch_come_back_from_the_rotation_that_they_make(yaw: float, pitch: float) -> None:
    a, b = math.radians(yaw), math.radians(pitch)
    # Columns: the face's x (out), y (its left) and z (up) in the camera's optical frame (x right, y down, z forward).
    x = (math.sin(a) * math.cos(b), -math.sin(b), -math.cos(a) * math.cos(b))
    z = (-math.sin(a) * math.sin(b), -math.cos(b), math.cos(a) * math.sin(b))
    y = (z[1] * x[2] - z[2] * x[1], z[2] * x[0] - z[0] * x[2], z[0] * x[1] - z[1] * x[0])
    assert head_angles_deg(quaternion((x, y, z))) == pytest.approx((yaw, pitch), abs=1e-6)


def quaternion(columns: tuple[tuple[float, float, float], ...]) -> tuple[float, float, float, float]:
    """Rotation matrix by columns -> (x, y, z, w), by Shepperd's method."""
    (r00, r10, r20), (r01, r11, r21), (r02, r12, r22) = columns
    squares = (1 + r00 - r11 - r22, 1 - r00 + r11 - r22, 1 - r00 - r11 + r22, 1 + r00 + r11 + r22)
    k = squares.index(max(squares))
    s = 2 * math.sqrt(squares[k])
    return (
        (s / 4, (r01 + r10) / s, (r02 + r20) / s, (r21 - r12) / s),
        ((r01 + r10) / s, s / 4, (r12 + r21) / s, (r02 - r20) / s),
        ((r02 + r20) / s, (r12 + r21) / s, s / 4, (r10 - r01) / s),
        ((r21 - r12) / s, (r02 - r20) / s, (r10 - r01) / s, s / 4),
    )[k]
