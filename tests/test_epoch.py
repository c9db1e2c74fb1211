"""Recordings that begin at a moment that is given: pictures and events, with clocks that tests move."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import sessions

from faceedge.camera.source_base import SourceSettings
from faceedge.camera.source_timing import Pacer
from faceedge.camera.source_video import VideoSource
from faceedge.errors import InputError
from faceedge.events.file_source import EventFileSource
from faceedge.events.raw_file import RawWriter

EPOCH_NS = 1_700_000_000_000_000_000
MS = 1_000_000


class Clock:
    """System time and a monotonic one that differ by a constant; sleeping moves both."""

    def __init__(self, system_ns: int) -> None:
        self.ns = system_ns

    def system_ns(self) -> int:
        return self.ns

    def monotonic_ns(self) -> int:
        return self.ns - EPOCH_NS + 5_000_000_000

    def sleep(self, seconds: float) -> None:
        self.ns += round(seconds * 1e9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sessions.write_session(tmp_path_factory.mktemp("session") / "s0")


def index_of(image: np.ndarray) -> int:
    """Which picture of the session it is: the height of its bar."""
    return int(np.count_nonzero(image[:, 0, 0] > 120))


def pictures(folder: Path, late_ms: float, count: int, *, loop: bool = False) -> list[tuple[float, int]]:
    """Stamps in ms since the epoch and numbers of the pictures that come to a reader who opens so late."""
    clock = Clock(EPOCH_NS + round(late_ms * MS))
    pacer = Pacer(sessions.CAMERA_HZ, clock.monotonic_ns, clock.sleep, clock.system_ns, epoch_ns=EPOCH_NS)
    source = VideoSource(SourceSettings("video", str(folder / "camera.avi"), loop=loop), pacer)
    found: list[Any] = []
    with source:
        while len(found) < count and not source.finished:
            frame = source.read(10.0)
            if frame is not None:
                found.append(((frame.stamp_ns - EPOCH_NS) / MS, index_of(frame.image)))
        assert source.dropped == 0
    return found


def test_the_first_picture_waits_for_its_moment(folder: Path) -> None:
    assert pictures(folder, -700.0, 3) == [(0.0, 0), (40.0, 1), (80.0, 2)]


def test_a_moment_in_the_past_begins_further_on_and_nothing_counts_as_lost(folder: Path) -> None:
    assert pictures(folder, 410.0, 3) == [(400.0, 10), (440.0, 11), (480.0, 12)]


def test_a_video_that_is_over_gives_nothing(folder: Path) -> None:
    source = VideoSource(SourceSettings("video", str(folder / "camera.avi"), epoch_ns=EPOCH_NS))
    with source:
        assert source.read(0.1) is None
        assert source.finished


def test_in_rounds_the_picture_follows_the_time(folder: Path) -> None:
    assert pictures(folder, 6_050.0, 2, loop=True) == [(6040.0, 1), (6080.0, 2)]
    assert [index for _, index in pictures(folder, 5_900.0, 5, loop=True)] == [47, 48, 49, 0, 1]


def test_a_late_reader_gets_the_picture_of_its_stamp(folder: Path) -> None:
    clock = Clock(EPOCH_NS)
    pacer = Pacer(sessions.CAMERA_HZ, clock.monotonic_ns, clock.sleep, clock.system_ns, epoch_ns=EPOCH_NS)
    with VideoSource(SourceSettings("video", str(folder / "camera.avi")), pacer) as source:
        assert source.read(0.0) is not None
        assert source.read(0.01) is None, "too early, and the next picture is decoded already"
        clock.sleep(0.2)
        frame = source.read(0.0)
        assert frame is not None
        assert ((frame.stamp_ns - EPOCH_NS) / MS, index_of(frame.image), source.dropped) == (200.0, 5, 4)


def batches(folder: Path, late_ms: float, count: int, **options: float) -> list[tuple[float, int, int]]:
    """Moment of delivery in ms since the epoch, first event's time in us, and number of events of each batch."""
    clock = Clock(EPOCH_NS + round(late_ms * MS))
    found: list[Any] = []
    source = EventFileSource(
        folder / "events.raw",
        epoch_ns=EPOCH_NS,
        system_ns=clock.system_ns,
        sleep=clock.sleep,
        **options,  # type: ignore[arg-type]
    )
    source.open()
    assert (source.width, source.height) == (64, 64)
    while len(found) < count and not source.finished:
        batch = source.read(10.0)
        if batch is not None:
            first_us = int(batch.events["t"][0])
            assert batch.stamp_ns == EPOCH_NS + first_us * 1000
            assert int(batch.events["y"][0]) == first_us % 2_000_000 // 10_000 % 64
            found.append(((clock.ns - EPOCH_NS) / MS, first_us, len(batch.events)))
    source.close()
    return found


def test_a_batch_of_events_is_there_when_its_time_is_over(folder: Path) -> None:
    assert batches(folder, -300.0, 3) == [(10.0, 0, 100), (20.0, 10_000, 100), (30.0, 20_000, 100)]


def test_all_events_come_once_and_then_the_file_is_over(folder: Path) -> None:
    found = batches(folder, 0.0, 10**6, batch_us=33_000)
    assert sum(count for _, _, count in found) == len(sessions.events())
    assert found[-1][1] == 1_980_000


def test_events_begin_further_on_where_their_moment_is_in_the_past(folder: Path) -> None:
    assert batches(folder, 415.0, 2) == [(420.0, 410_000, 100), (430.0, 420_000, 100)]


def test_events_in_rounds_follow_the_time_and_a_round_may_be_cut_short(folder: Path) -> None:
    assert batches(folder, 6_015.0, 1, loop_s=2.0) == [(6020.0, 6_010_000, 100)]
    assert [first for _, first, _ in batches(folder, 1_980.0, 4, loop_s=2.0)] == [
        1_980_000,
        1_990_000,
        2_000_000,
        2_010_000,
    ]
    clock = [first // 1000 for _, first, _ in batches_of_a_short_round(folder)]
    assert clock == [0, 10, 20, 25, 35, 45, 50]


def batches_of_a_short_round(folder: Path) -> list[tuple[float, int, int]]:
    """Rounds of 25 ms, which is no whole number of batches."""
    clock = Clock(EPOCH_NS)
    source = EventFileSource(
        folder / "events.raw", epoch_ns=EPOCH_NS, loop_s=0.025, system_ns=clock.system_ns, sleep=clock.sleep
    )
    source.open()
    found: list[Any] = []
    while len(found) < 7:
        batch = source.read(1.0)
        assert batch is not None
        found.append((0.0, int(batch.events["t"][0]), len(batch.events)))
    assert [count for *_, count in found] == [100, 100, 50, 100, 100, 50, 100]
    return found


def test_without_an_epoch_the_first_event_is_now_whatever_its_time(tmp_path: Path) -> None:
    events = sessions.events()[:300]
    events["t"] += 9_000_000
    with RawWriter(tmp_path / "late.raw", 64, 64) as raw:
        raw.append(events)
    clock = Clock(EPOCH_NS)
    source = EventFileSource(tmp_path / "late.raw", system_ns=clock.system_ns, sleep=clock.sleep)
    source.open()
    batch = source.read(1.0)
    assert batch is not None
    assert (batch.stamp_ns, len(batch.events), batch.sequence) == (EPOCH_NS, 100, 0)


def test_an_event_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        EventFileSource(tmp_path / "nothing.raw").open()
    (tmp_path / "x.raw").write_bytes(b"no header")
    with pytest.raises(InputError, match="is no RAW file"):
        EventFileSource(tmp_path / "x.raw").open()
    with pytest.raises(InputError, match="read before it was opened"):
        EventFileSource(tmp_path / "x.raw").read()


def test_the_pictures_of_the_test_s_video_can_be_told_apart(folder: Path) -> None:
    video = cv2.VideoCapture(str(folder / "camera.avi"))
    assert [index_of(np.asarray(video.read()[1])) for _ in range(sessions.PICTURES)] == list(range(sessions.PICTURES))
