"""Representations of events: against their definitions, and streams against all at once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceedge.errors import ConfigurationError, InputError
from faceedge.events.event import EVENT_DTYPE, no_events

pytest.importorskip("numba", reason="representations need numba (extra: events)")

from faceedge.events import representation as rep

SENSOR = rep.Geometry(30, 20, 6, 5)
STEP_US = 1000


def made(seed: int, count: int = 300, longest_us: int = 6000) -> np.ndarray:
    random = np.random.default_rng(seed)
    events = np.empty(count, EVENT_DTYPE)
    events["t"] = np.sort(random.integers(0, longest_us, count))
    events["x"], events["y"] = random.integers(0, 33, count), random.integers(0, 22, count)  # some outside
    events["p"] = random.random(count) < 0.5
    return events


def cell(event: np.void) -> tuple[int, int, int]:
    return int(event["p"]), int(event["y"]) * 5 // 20, int(event["x"]) * 6 // 30


def inside(events: np.ndarray) -> np.ndarray:
    return events[(events["x"] < 30) & (events["y"] < 20)]


def pieces(events: np.ndarray, cuts: list[int]) -> list[np.ndarray]:
    return np.split(events, sorted(min(cut, len(events)) for cut in cuts))


def test_a_voxel_grid_is_what_its_definition_says() -> None:
    events, expected = made(1), np.zeros((5, *SENSOR.shape))
    for event in inside(events):
        place = max(event["t"] / STEP_US - 0.5, 0.0)
        before = math.floor(place)
        for grid, weight in ((before, 1 - (place - before)), (before + 1, place - before)):
            if grid < 5:
                expected[(grid, *cell(event))] += weight
    found = rep.voxel_grid(events, SENSOR, STEP_US, 5)
    assert np.allclose(found, expected, atol=1e-4)
    assert found.dtype == np.float32


@given(st.integers(0, 999), st.lists(st.integers(0, 300), max_size=6))
@settings(max_examples=40, deadline=None)
def test_a_stream_of_grids_is_the_same_however_it_is_cut(seed: int, cuts: list[int]) -> None:
    events = made(seed)
    stream = rep.VoxelStream(SENSOR, STEP_US, 0)
    grids = [grid.copy() for piece in pieces(events, cuts) for grid in stream.push(piece)]
    grids += [grid.copy() for grid in stream.advance(9 * STEP_US)]
    assert np.array_equal(np.stack(grids[:6]), rep.voxel_grid(events, SENSOR, STEP_US, 6))
    assert stream.outside == len(events) - len(inside(events))


@given(st.integers(0, 999), st.lists(st.integers(0, 300), max_size=6))
@settings(max_examples=30, deadline=None)
def test_all_other_streams_are_the_same_however_they_are_cut(seed: int, cuts: list[int]) -> None:
    events = made(seed)
    counts, surface, fading = rep.CountFrames(SENSOR, 70), rep.TimeSurface(SENSOR, 900), rep.DecayingCounts(SENSOR, 900)
    frames = []
    for piece in pieces(events, cuts):
        frames += [frame.copy() for frame in counts.push(piece)]
        surface.push(piece)
        fading.push(piece)
    assert np.array_equal(np.stack(frames), rep.count_frames(events, SENSOR, 70))
    assert np.array_equal(surface.at(7000), rep.time_surface(events, SENSOR, 900, 7000))
    assert np.array_equal(fading.at(7000), rep.decaying_counts(events, SENSOR, 900, 7000))


def test_last_times_and_fading_counts_are_what_their_definitions_say() -> None:
    events = made(2)
    surface, fading = np.zeros(SENSOR.shape), np.zeros(SENSOR.shape)
    for event in inside(events):
        age = math.exp(-(7000 - event["t"]) / 900)
        surface[cell(event)] = max(surface[cell(event)], age)
        fading[cell(event)] += age
    assert np.allclose(rep.time_surface(events, SENSOR, 900, 7000), surface, atol=1e-6)
    assert np.allclose(rep.decaying_counts(events, SENSOR, 900, 7000), fading, rtol=1e-5, atol=1e-6)


def test_frames_by_time_and_by_count_hold_every_event_once() -> None:
    events = made(3)
    by_time = rep.time_frames(events, SENSOR, STEP_US, 6)
    assert by_time.sum() == len(inside(events))
    for step in range(6):
        expected = np.zeros(SENSOR.shape, int)
        for event in inside(events[events["t"] // STEP_US == step]):
            expected[cell(event)] += 1
        assert np.array_equal(by_time[step], expected)
    good = inside(events)
    assert rep.count_frames(good, SENSOR, 50).sum(axis=(1, 2, 3)).tolist() == [50] * (len(good) // 50)


def test_a_time_that_goes_back_counts_as_now() -> None:
    events = made(4)
    events["t"][100] = 0
    forward = events.copy()
    forward["t"][100] = forward["t"][99]
    stream = rep.VoxelStream(SENSOR, STEP_US, 0)
    found = [grid.copy() for grid in stream.push(events)]
    assert stream.late == 1
    expected = [grid.copy() for grid in rep.VoxelStream(SENSOR, STEP_US, 0).push(forward)]
    assert np.array_equal(np.stack(found), np.stack(expected))


def test_a_stream_begins_at_its_first_event_and_bounds_a_pause() -> None:
    events = made(5, 2)
    events["t"] = (5_000_000, 10**12)
    events["x"] = events["y"] = 0
    stream = rep.VoxelStream(SENSOR, STEP_US)
    assert sum(1 for _ in stream.push(events)) == rep.LONGEST_SILENCE
    assert sum(grid.sum() for grid in stream.advance(10**12 + 2 * STEP_US)) == pytest.approx(1)
    assert list(stream.push(no_events())) == []


def test_what_cannot_be_is_refused_with_a_sentence() -> None:
    with pytest.raises(ConfigurationError, match="cannot have 40x5 cells"):
        rep.Geometry(30, 20, 40, 5)
    with pytest.raises(ConfigurationError, match="every 1 us"):
        rep.VoxelStream(SENSOR, 1)
    with pytest.raises(ConfigurationError, match="0 events"):
        rep.CountFrames(SENSOR, 0)
    for kind in (rep.TimeSurface, rep.DecayingCounts):
        with pytest.raises(ConfigurationError, match="time constant"):
            kind(SENSOR, 0)
        one = kind(SENSOR, 10)
        one.push(made(6))
        with pytest.raises(InputError, match="asked for after an event"):
            one.at(0)
