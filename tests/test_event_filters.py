"""Filters of events: what passes, what is counted, and that cuts of a stream do not matter."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceedge.errors import ConfigurationError
from faceedge.events.event import EVENT_DTYPE, no_events
from faceedge.events.filters import EventFilter, FilterSettings

WIDTH, HEIGHT = 40, 30
ALL = FilterSettings(x=5, y=3, width=30, height=20, hot_pixel_hz=50.0, limit_hz=20_000.0)


def drawn(count: int, seed: int, seconds: float = 3.0, hot: int = 400) -> np.ndarray:
    """Uniform noise, and one pixel that fires all the time."""
    random = np.random.default_rng(seed)
    events = np.zeros(count + hot, EVENT_DTYPE)
    events["t"] = random.integers(0, int(seconds * 1e6), len(events))
    events["x"], events["y"] = random.integers(0, WIDTH, len(events)), random.integers(0, HEIGHT, len(events))
    events["x"][:hot], events["y"][:hot] = 20, 10
    return np.sort(events, order="t")


def test_a_filter_without_settings_passes_everything() -> None:
    events = drawn(1000, 0)
    assert FilterSettings().is_idle
    assert not ALL.is_idle
    assert np.array_equal(EventFilter(WIDTH, HEIGHT, FilterSettings()).keep(events), events)


def test_a_region_is_cut_out_and_the_rest_counted() -> None:
    events = drawn(5000, 1)
    keep = EventFilter(WIDTH, HEIGHT, FilterSettings(x=5, y=3, width=10, height=4))
    found = keep.keep(events)
    expected = [event for event in events if 5 <= event["x"] < 15 and 3 <= event["y"] < 7]
    assert np.array_equal(found, np.array(expected, EVENT_DTYPE))
    assert keep.counters.outside == len(events) - len(found) > 0


def test_a_region_that_names_a_corner_reaches_to_the_edges() -> None:
    found = EventFilter(WIDTH, HEIGHT, FilterSettings(x=30, y=20)).keep(drawn(5000, 2))
    assert (found["x"].min(), found["x"].max()) == (30, WIDTH - 1)
    assert (found["y"].min(), found["y"].max()) == (20, HEIGHT - 1)


@pytest.mark.parametrize("region", [(40, 0, 0, 0), (0, 30, 0, 0), (20, 0, 21, 0), (0, 20, 0, 11), (-1, 0, 5, 5)])
def test_a_region_that_is_not_on_the_sensor_is_refused(region: tuple[int, int, int, int]) -> None:
    with pytest.raises(ConfigurationError, match="does not lie on the sensor of 40x30 pixels"):
        EventFilter(WIDTH, HEIGHT, FilterSettings(*region))


def test_a_hot_pixel_is_left_out_from_the_second_window_on_until_it_rests() -> None:
    events = drawn(3000, 3)
    events = events[(events["t"] < 2_000_000) | (events["x"] != 20)]
    keep = EventFilter(WIDTH, HEIGHT, FilterSettings(hot_pixel_hz=50.0))
    is_hot = (events["x"] == 20) & (events["y"] == 10)
    second = (events["t"] >= 1_000_000) & (events["t"] < 2_000_000)
    assert np.array_equal(keep.keep(events), events[~(is_hot & second)])
    assert keep.counters.hot == np.count_nonzero(is_hot & second) > 50
    assert keep.counters.hot_pixels == 1
    later = np.zeros(1, EVENT_DTYPE)
    later["t"], later["x"], later["y"] = 3_500_000, 20, 10
    assert len(keep.keep(later)) == 1
    assert keep.counters.hot_pixels == 0


def test_an_edge_and_a_flicker_are_no_hot_pixels() -> None:
    rows, times = np.meshgrid(np.arange(HEIGHT), np.arange(0, 2_000_000, 5000))
    events = np.zeros(rows.size, EVENT_DTYPE)
    events["t"], events["x"], events["y"] = times.ravel(), 12, rows.ravel()
    keep = EventFilter(WIDTH, HEIGHT, FilterSettings(hot_pixel_hz=50.0))
    assert len(keep.keep(events)) == len(events)


def test_no_slot_has_more_than_the_limit_and_what_is_left_is_spread() -> None:
    random = np.random.default_rng(4)
    events = np.zeros(200_000, EVENT_DTYPE)
    events["t"] = np.sort(random.integers(0, 100_000, len(events)))
    keep = EventFilter(WIDTH, HEIGHT, FilterSettings(limit_hz=100_000.0))
    found = keep.keep(events)
    slots = np.bincount(found["t"] // 1000, minlength=100)
    assert slots.max() <= 100
    assert slots[1:].min() > 85
    assert keep.counters.above_limit == len(events) - len(found)
    within = found["t"][found["t"] >= 1000] % 1000
    assert np.histogram(within, 4, (0, 1000))[0].min() > 0.2 * len(within)


def test_below_the_limit_everything_passes() -> None:
    events = np.zeros(90, EVENT_DTYPE)
    events["t"] = np.arange(90) * 1000
    keep = EventFilter(WIDTH, HEIGHT, FilterSettings(limit_hz=1000.0))
    assert len(keep.keep(events)) == 90
    assert keep.counters.above_limit == 0


def test_a_stream_that_starts_anew_goes_on() -> None:
    keep = EventFilter(WIDTH, HEIGHT, FilterSettings(limit_hz=20_000.0, hot_pixel_hz=50.0))
    first = drawn(2000, 5)
    first["t"] += 60_000_000
    keep.keep(first)
    again = drawn(500, 6, hot=0)
    assert len(keep.keep(again)) > 450


@given(st.integers(0, 2000), st.integers(0, 50), st.lists(st.integers(0, 2400), max_size=8), st.booleans())
def test_cuts_do_not_matter(count: int, seed: int, cuts: list[int], shuffled: bool) -> None:
    events = drawn(count, seed)
    if shuffled:  # neighbours change places, as with times that go back a little
        events["t"][1::2], events["t"][:-1:2] = events["t"][:-1:2][: len(events[1::2])], events["t"][1::2].copy()
    whole, pieces = EventFilter(WIDTH, HEIGHT, ALL), EventFilter(WIDTH, HEIGHT, ALL)
    edges = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    found = [pieces.keep(events[start:stop]) for start, stop in itertools.pairwise(edges)]
    assert np.array_equal(np.concatenate([no_events(), *found]), whole.keep(events))
    assert pieces.counters == whole.counters
    taken = dataclasses.astuple(whole.counters)[:3]
    assert sum(taken) + sum(map(len, found)) == len(events)
