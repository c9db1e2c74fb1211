from __future__ import annotations

import dataclasses

import pytest
from radar_sitters import CHIRP, frame

from faceedge.errors import ConfigurationError
from faceedge.perception.authentication.freshness import Freshness, FreshnessSettings

SECOND = 1_000_000_000


def test_frames_in_time_are_fresh() -> None:
    freshness = Freshness(CHIRP)
    assert [freshness.push(frame(n)) for n in range(5)] == [""] * 5
    assert freshness.silent(5 * 50_000_000) == ""


def test_one_missing_frame_is_no_gap_and_seven_are() -> None:
    freshness = Freshness(CHIRP)
    assert [freshness.push(frame(n)) for n in (0, 2, 3)] == ["", "", ""]
    assert freshness.push(frame(10)) == (
        "0.35 s without a frame before frame 10, at most 0.3 s may pass: nobody watched the seat meanwhile."
    )
    assert freshness.push(frame(11)) == ""


def test_a_repeated_frame_is_frozen() -> None:
    assert "frame 4 equals the one before sample by sample" in Freshness(CHIRP).push(frame(4, repeated=True))


@pytest.mark.parametrize(("share", "fresh"), [(0.0, True), (0.01, True), (0.011, False), (1.0, False)])
def test_more_than_one_sample_in_a_hundred_at_the_ends_is_saturated(share: float, fresh: bool) -> None:
    reason = Freshness(CHIRP).push(frame(0, saturated=share))
    assert (reason == "") is fresh
    assert fresh or "lies at the converter's ends" in reason


@pytest.mark.parametrize(("sequence", "stamp_ns"), [(6, 4 * SECOND), (6, 5 * SECOND), (5, 6 * SECOND), (1, 6 * SECOND)])
def test_a_clock_or_a_count_that_does_not_go_on_is_noticed(sequence: int, stamp_ns: int) -> None:
    freshness = Freshness(CHIRP)
    freshness.push(frame(5, stamp_ns=5 * SECOND))
    assert "the source has started over or its clock has stepped back" in freshness.push(
        frame(sequence, stamp_ns=stamp_ns)
    )


def test_silence_is_said_with_its_length() -> None:
    freshness = Freshness(CHIRP)
    assert freshness.silent(0) == "the radar has sent no frame yet."
    freshness.push(frame(0))
    assert freshness.silent(SECOND // 2) == ""
    assert freshness.silent(2 * SECOND) == "the radar has been silent for 2.0 s; check its cable and its driver."


def test_another_chirp_is_named_by_what_differs() -> None:
    freshness = Freshness(CHIRP)
    assert freshness.changed(dataclasses.replace(CHIRP)) == ""
    assert "(if_gain_db)" in freshness.changed(dataclasses.replace(CHIRP, if_gain_db=33.0))


@pytest.mark.parametrize("settings", [{"silent_s": 0.0}, {"gap_s": 5.0}, {"saturated": float("nan")}])
def test_impossible_limits_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="expected"):
        Freshness(CHIRP, FreshnessSettings(**settings))


def test_a_chirp_slower_than_the_gap_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="every frame would follow a gap"):
        Freshness(dataclasses.replace(CHIRP, frame_period_s=0.5))
