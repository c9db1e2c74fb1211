from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceedge.camera.tracking import FaceTracker, IdSource, Track
from faceedge.errors import ConfigurationError, InputError

FRAME_NS = 33_333_333
START_NS = 10**18


def tracker(**changes: float) -> FaceTracker:
    return FaceTracker(**({"min_hits": 1, "ids": IdSource(random.Random(1))} | changes))  # type: ignore[arg-type]


def square(x: float, y: float, size: float = 50.0) -> list[float]:
    return [x - size / 2, y - size / 2, x + size / 2, y + size / 2]


def step(tracks: FaceTracker, frame: int, *boxes: list[float], scores: list[float] | None = None) -> list[Track]:
    return tracks.update(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([0.9] * len(boxes) if scores is None else scores, np.float32),
        START_NS + frame * FRAME_NS,
    )


def test_a_face_that_stays_keeps_its_id() -> None:
    tracks = tracker()
    ids = {track.id for frame in range(30) for track in step(tracks, frame, square(100, 100))}
    assert len(ids) == 1


@given(
    vx=st.floats(-400, 400),
    vy=st.floats(-400, 400),
    growth=st.floats(-0.3, 0.5),
    jitter=st.floats(0, 2),
    seed=st.integers(0, 99),
)
def test_a_face_that_moves_smoothly_keeps_its_id(vx: float, vy: float, growth: float, jitter: float, seed: int) -> None:
    """Up to 400 px/s is 8 face widths a second."""
    tracks, generator, ids = tracker(), np.random.default_rng(seed), set()
    for frame in range(30):
        t = frame / 30
        noise = generator.normal(0, jitter, 2)
        found = step(tracks, frame, square(300 + vx * t + noise[0], 300 + vy * t + noise[1], 50 * (1 + growth * t)))
        ids |= {track.id for track in found}
    assert len(ids) == 1


def test_two_faces_that_pass_each_other_keep_their_ids() -> None:
    tracks = tracker()
    first = step(tracks, 0, square(100, 100), square(400, 160))
    left_to_right, right_to_left = (track.id for track in sorted(first, key=lambda track: track.box[0]))
    for frame in range(1, 61):
        last = step(tracks, frame, square(100 + 5 * frame, 100), square(400 - 5 * frame, 160))
    assert [track.id for track in sorted(last, key=lambda track: track.box[0])] == [right_to_left, left_to_right]


@given(
    places=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12, unique=True),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_order_of_detections_does_not_matter(places: list[tuple[int, int]], seed: int) -> None:
    plain, shuffled = tracker(), tracker()
    generator = np.random.default_rng(seed)
    boxes = np.array([square(80 * x, 80 * y) for x, y in places], np.float32)
    scores = generator.uniform(0.5, 1.0, len(boxes)).astype(np.float32)
    for frame in range(4):
        moved = boxes + generator.normal(0, 2, boxes.shape).astype(np.float32)
        order = generator.permutation(len(boxes))
        stamp = START_NS + frame * FRAME_NS
        a = plain.update(moved, scores, stamp)
        b = shuffled.update(moved[order], scores[order], stamp)
        assert [track.id for track in a] == [track.id for track in b]
        assert [track.detection_index for track in a] == [int(order[track.detection_index or 0]) for track in b]


@given(
    frames=st.lists(
        st.lists(st.tuples(st.floats(0, 300), st.floats(0, 300), st.floats(5, 90), st.floats(0.1, 1.0)), max_size=8),
        max_size=12,
    ),
    steps=st.lists(st.integers(-10 * 10**9, 10 * 10**9), max_size=12),
)
def test_whatever_comes_ids_are_unique_and_detections_are_used_once(
    frames: list[list[tuple[float, float, float, float]]], steps: list[int]
) -> None:
    tracks, stamp = tracker(), START_NS
    last: dict[str, int] = {}
    for index, detections in enumerate(frames):
        stamp += steps[index] if index < len(steps) else FRAME_NS
        boxes = np.array([square(x, y, size) for x, y, size, _ in detections], np.float64).reshape(-1, 4)
        found = tracks.update(boxes, np.array([score for *_, score in detections]), stamp)
        ids = [track.id for track in found]
        used = [track.detection_index for track in found if track.detection_index is not None]
        assert len(set(ids)) == len(ids)
        assert len(set(used)) == len(used)
        assert all(np.isfinite(track.box).all() and (track.box[2:] > track.box[:2]).all() for track in found)
        assert all(0.0 <= track.missed_s <= 0.5 for track in found)
        last |= dict.fromkeys(ids, index)
    assert all(face_id.isidentifier() and face_id[0].isalpha() for face_id in last)


def test_a_face_that_returns_within_the_patience_keeps_its_id() -> None:
    tracks = tracker(max_age_s=0.5)
    before = step(tracks, 0, square(100, 100))[0]
    coasting = [step(tracks, frame)[0] for frame in range(1, 15)]
    after = step(tracks, 15, square(103, 100))[0]
    assert {track.id for track in coasting} == {before.id} == {after.id}
    assert all(track.detection_index is None for track in coasting)
    assert coasting[-1].missed_s == pytest.approx(14 / 30, abs=1e-3)
    assert after.missed_s == 0.0


def test_patience_is_measured_in_time_and_not_in_frames() -> None:
    tracks = tracker(max_age_s=0.5)
    first = step(tracks, 0, square(100, 100))[0]
    assert [track.id for track in step(tracks, 14)] == [first.id]
    assert step(tracks, 16) == []


def test_an_id_that_was_lost_never_comes_back() -> None:
    tracks, seen = tracker(max_age_s=0.1), []
    for visit in range(50):
        seen += [track.id for track in step(tracks, 20 * visit, square(100, 100))]
        step(tracks, 20 * visit + 1)
    assert len(set(seen)) == 50


def test_a_slow_camera_does_not_change_ids() -> None:
    tracks = tracker(max_age_s=0.5)
    assert len({track.id for frame in range(0, 600, 60) for track in step(tracks, frame, square(100, 100))}) == 1


def test_a_weak_detection_continues_a_track_but_starts_none() -> None:
    tracks = tracker(start_score=0.5)
    assert step(tracks, 0, square(100, 100), scores=[0.3]) == []
    face = step(tracks, 1, square(100, 100), scores=[0.9])[0]
    found = step(tracks, 2, square(101, 100), square(300, 300), scores=[0.3, 0.3])
    assert [(track.id, track.detection_index) for track in found] == [(face.id, 0)]
    assert found[0].score == pytest.approx(0.3)


def test_a_strong_detection_is_preferred_to_a_weak_one_that_overlaps_more() -> None:
    tracks = tracker()
    step(tracks, 0, square(100, 100))
    found = step(tracks, 1, square(100, 100), square(110, 100), scores=[0.3, 0.9])
    assert found[0].detection_index == 1


def test_a_track_is_reported_after_as_many_detections_as_asked_for() -> None:
    tracks = tracker(min_hits=3)
    assert [len(step(tracks, frame, square(100, 100))) for frame in range(4)] == [0, 0, 1, 1]


def test_an_unconfirmed_track_that_misses_a_frame_starts_anew() -> None:
    tracks = tracker(min_hits=2)
    step(tracks, 0, square(100, 100))
    step(tracks, 1)
    assert step(tracks, 2, square(100, 100)) == []
    assert len(step(tracks, 3, square(100, 100))) == 1


@pytest.mark.parametrize("frame", [-1, -1000, 1000])
def test_a_clock_that_jumps_starts_over(frame: int) -> None:
    tracks = tracker()
    before = step(tracks, 0, square(100, 100))[0]
    after = step(tracks, frame, square(100, 100))
    assert [track.age_s for track in after] == [0.0]
    assert after[0].id != before.id


def test_two_frames_of_the_same_time_do_no_harm() -> None:
    tracks = tracker()
    assert step(tracks, 0, square(100, 100))[0].id == step(tracks, 0, square(102, 100))[0].id


def test_no_more_tracks_start_than_allowed_and_the_best_come_first() -> None:
    tracks = tracker(max_tracks=2)
    found = step(tracks, 0, *(square(100 * i, 100) for i in range(4)), scores=[0.6, 0.9, 0.7, 0.8])
    assert sorted(track.detection_index or 0 for track in found) == [1, 3]


def test_boxes_without_area_or_sense_are_ignored() -> None:
    found = step(tracker(), 0, [5, 5, 5, 9], [9, 9, 1, 1], [np.nan, 0, 1, 1], [0, 0, np.inf, 1], square(50, 50))
    assert [track.detection_index for track in found] == [4]


@pytest.mark.parametrize(("boxes", "scores"), [((3,), (3,)), ((2, 5), (2,)), ((2, 4), (3,))])
def test_detections_of_another_shape_are_refused(boxes: tuple[int, ...], scores: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"boxes \(n, 4\) and scores \(n,\)"):
        tracker().update(np.ones(boxes), np.ones(scores), START_NS)


@pytest.mark.parametrize("name", ["start_score", "min_iou", "max_age_s", "max_tracks", "min_hits", "max_gap_s"])
def test_a_setting_out_of_range_is_refused_by_name(name: str) -> None:
    for value in (-1.0, float("nan")):
        with pytest.raises(ConfigurationError, match=name):
            tracker(**{name: value})


def test_two_trackers_of_a_process_never_give_the_same_id() -> None:
    ids = [FaceTracker(min_hits=1).update(np.array([square(9, 9)]), np.ones(1), 0)[0].id for _ in range(200)]
    assert len(set(ids)) == 200
    assert all(len(face_id) == 5 for face_id in ids)
