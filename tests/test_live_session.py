"""Sessions on the disk, small enough to ship, and played by the time."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import numpy as np
import pytest
import sessions
from hypothesis import given, settings
from hypothesis import strategies as st

from faceedge.errors import ConfigurationError, InputError
from faceedge.events.raw_file import RawReader
from faceedge.radar.bgt60 import Bgt60
from faceedge.radar.bridge import BridgeTransport
from faceedge.simulation.devices.bgt60 import Bgt60Chip
from faceedge.simulation.devices.clock import SteppedClock
from faceedge.simulation.devices.feed import CallableFeed
from faceedge.simulation.devices.local import LocalTransport
from faceedge.simulation.live.packing import MAGIC, pack, unpack
from faceedge.simulation.live.radar_port import radar_port, session_radar, to_monotonic_ns
from faceedge.simulation.live.session_feed import SessionFeed
from faceedge.simulation.live.session_folder import open_session
from faceedge.simulation.live.shrink import shrink

PERIOD_NS = 50_029_812.5
"""Of the frames that a BGT60TR13C makes when it is asked for 50 ms: 4,002,385 cycles of 80 MHz."""


def test_a_file_of_another_length_is_named(tmp_path: Path) -> None:
    folder = sessions.write_session(tmp_path / "s0")
    facts = json.loads((folder / "session.json").read_text())
    size = (folder / "events.raw").stat().st_size
    facts["files"] = {"events.raw": size, "camera.avi": (folder / "camera.avi").stat().st_size}
    (folder / "session.json").write_text(json.dumps(facts))
    (folder / "camera.avi").unlink()  # left out is not damaged
    open_session(folder).check_whole()
    with (folder / "events.raw").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(InputError, match=rf"is not whole: events.raw has 1000 bytes, expected {size}; copy it again"):
        open_session(folder).check_whole()


# --- packing ----------------------------------------------------------------------------------------------------------


@given(st.tuples(*(st.integers(1, 5) for _ in range(4))), st.integers(0, 2**32 - 1), st.sampled_from((16, 4096, 65536)))
@settings(max_examples=40, deadline=None)
def test_packed_frames_come_back_exactly(shape: tuple[int, ...], seed: int, limit: int) -> None:
    cubes = np.random.default_rng(seed).integers(0, limit, shape, np.uint16)
    result = unpack(pack(cubes), "frames.xz")
    assert result.dtype == np.uint16
    assert np.array_equal(result, cubes)


def test_frames_with_little_noise_become_small() -> None:
    noise = np.random.default_rng(0).normal(0, 1.2, (10, 3, 64, 128))
    carrier = 1800 + 300 * np.sin(np.arange(128) / 5)
    cubes = np.rint(carrier + noise).astype(np.uint16)
    assert len(pack(cubes)) < 0.25 * cubes.nbytes


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda data: b"", "holds no packed radar frames"),
        (lambda data: b"\x93NUMPY" + data, "holds no packed radar frames"),
        (lambda data: data[:-30], "the file is cut off"),
        (lambda data: data[: len(MAGIC) + 20] + b"\0\0" + data[len(MAGIC) + 22 :], "are damaged"),
        (lambda data: MAGIC + b"[1, 2]\n" + data, "not enough values"),
        (lambda data: MAGIC + b"[9, 9, 9, 99999999999]\n", "a shape of 9 x 9 x 9 x 99999999999"),
        (lambda data: MAGIC + b"[9, 9, -9, 9]\n", "a shape of 9 x 9 x -9 x 9"),
    ],
)
def test_damaged_frames_are_a_sentence(damage: object, sentence: str) -> None:
    data = pack(np.random.default_rng(1).integers(0, 4096, (2, 1, 8, 16), np.uint16))
    with pytest.raises(InputError, match=sentence):
        unpack(damage(data), "frames.xz")  # type: ignore[operator]


# --- folders ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sessions.write_session(tmp_path_factory.mktemp("session") / "s0")


def test_what_ships_is_smaller_and_plays_the_same(folder: Path, tmp_path: Path) -> None:
    shrink(folder, tmp_path / "small", 85)
    whole, small = open_session(folder), open_session(tmp_path / "small")
    assert np.array_equal(small.cubes(), whole.cubes())
    assert small.chirp == whole.chirp == sessions.chirp()
    unpacked = small.events_file(tmp_path)
    assert unpacked is not None
    assert np.array_equal(np.concatenate(list(RawReader(unpacked))), sessions.events())
    assert small.truth()["units"].shape == (200, 2)
    assert small.truth()["unit_names"].tolist() == ["jawOpen", "browInnerUp"]
    sizes = [sum(path.stat().st_size for path in place.rglob("*")) for place in (folder, tmp_path / "small")]
    assert sizes[1] < 0.7 * sizes[0]
    with pytest.raises(ConfigurationError, match="exists already"):
        shrink(folder, tmp_path / "small", 85)


def test_sensors_that_did_not_record_are_none(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "session.json").write_text('{"duration_s": 2}')
    (tmp_path / "radar").symlink_to(folder / "radar")
    session = open_session(tmp_path)
    assert (session.camera, session.events_file(tmp_path), session.truth()) == (None, None, {})


def test_what_is_no_session_is_a_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`faceedge simulate` makes sessions"):
        open_session(tmp_path)
    with pytest.raises(InputError, match=r"give one of the 1 below it, such as .*s0"):
        open_session(folder.parent)
    for text in ("", "[]", "{}", '{"duration_s": 0}', '{"duration_s": "long"}', '{"duration_s": Infinity}', "[" * 9999):
        (tmp_path / "session.json").write_text(text)
        with pytest.raises(InputError, match="does not describe a session"):
            open_session(tmp_path)
    (tmp_path / "session.json").write_text('{"duration_s": 2}')
    with pytest.raises(InputError, match=r"holds no radar\.npy and no frames\.xz"):
        open_session(tmp_path)


def test_damaged_files_of_a_session_are_sentences(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "small"
    shrink(folder, target, 85)
    session = open_session(target)
    (target / "events.raw.xz").write_bytes((target / "events.raw.xz").read_bytes()[:-9])
    with pytest.raises(InputError, match=r"the packed events .* are damaged"):
        session.events_file(tmp_path)
    (target / "truth.npz").write_bytes(b"PK no archive")
    with pytest.raises(InputError, match=r"the truth .* is damaged"):
        session.truth()
    (target / "radar" / "frames.xz").write_bytes(pack(np.zeros((2, 3, 4, 5), np.uint16)))
    with pytest.raises(InputError, match="the files belong to two sessions"):
        session.cubes()


# --- by the time ------------------------------------------------------------------------------------------------------


def test_the_frame_nearest_in_time_is_shown_whatever_the_device_s_period_is() -> None:
    recorded = sessions.chirp()
    device = dataclasses.replace(recorded, frame_period_s=0.0501)
    cubes = np.zeros((40, *recorded.cube_shape), np.uint16)
    feed = SessionFeed(cubes, recorded, device, duration_s=2.0)
    assert [feed.place(index) for index in (0, 1, 10, 39, 40, 41)] == [0, 1, 10, 39, 0, 1]
    assert feed.place(-1) == 39
    assert feed.place(39 + 400) == 0, "at 1.994 s of a round the next one's first frame is nearer"
    assert feed.place(400) == round(0.04 / 0.05), "400 periods are 20.04 s: ten rounds, and most of a frame"
    once = SessionFeed(cubes, recorded, device)
    assert [once.place(index) for index in (-5, 39, 40, 9999)] == [0, 39, 39, 39]


def test_a_device_with_another_chirp_is_told_what_differs() -> None:
    recorded = sessions.chirp()
    device = dataclasses.replace(recorded, chirps_per_frame=32, rx_antennas=(1,))
    with pytest.raises(ConfigurationError, match=r"chirps 32 instead of 64, receivers 1 instead of 3; give the radar"):
        SessionFeed(np.zeros((1, *recorded.cube_shape), np.uint16), recorded, device)


def test_frames_of_an_emulated_radar_follow_the_time_and_not_when_somebody_began_to_look() -> None:
    clock, epoch_ns = SteppedClock(10**9), 3 * 10**9
    chip = Bgt60Chip(CallableFeed(lambda index: sessions.cube(index + 99)), clock, epoch=lambda: epoch_ns)
    transport = LocalTransport(chip)
    places = []
    for wait_s in (0.0, 0.5, 3.0):
        clock.advance(wait_s)
        with Bgt60(sessions.chirp(), transport) as radar:
            frame = radar.read(1.0)
            assert frame is not None
            assert frame.cube is not None
            place = next(k for k in range(-99, 99) if frame.cube.tobytes() == sessions.cube(k + 99).tobytes())
            start_ns = chip.ramp_start_ns(place)
            assert start_ns is not None
            assert start_ns == pytest.approx(epoch_ns + place * PERIOD_NS, abs=20)
            assert 0 < clock.now_ns() - start_ns < 60_000_000
            places.append(place)
    assert places[0] < places[1] < 0 < places[2]


def test_without_an_epoch_frames_start_at_once_and_go_on_where_they_were() -> None:
    chip = Bgt60Chip(CallableFeed(sessions.cube), SteppedClock(), epoch=lambda: None)
    transport = LocalTransport(chip)
    for expected in (0, 1):
        with Bgt60(sessions.chirp(), transport) as radar:
            frame = radar.read(1.0)
            assert frame is not None
            assert frame.cube is not None
            assert frame.cube.tobytes() == sessions.cube(expected).tobytes()


def test_a_refused_chirp_leaves_the_emulated_radar_alive(folder: Path) -> None:
    other = dataclasses.replace(sessions.chirp(), chirps_per_frame=32)
    chip = Bgt60Chip(session_radar(open_session(folder)), SteppedClock())
    with Bgt60(other, LocalTransport(chip)) as radar:
        assert radar.read(0.3) is None
    assert "the session was recorded with another chirp: chirps 32 instead of 64" in chip.complaint


def test_stamps_of_the_port_s_frames_lie_where_the_session_has_them(folder: Path) -> None:
    session = open_session(folder)
    epoch_ns = time.time_ns() + 200_000_000
    found: list[tuple[int, int]] = []
    with (
        radar_port(session_radar(session), lambda: epoch_ns) as port,
        Bgt60(session.chirp, BridgeTransport(port.port)) as radar,
    ):
        while len(found) < 10:
            frame = radar.read(2.0)
            assert frame is not None
            assert frame.cube is not None
            place = next(k for k in range(sessions.FRAMES) if frame.cube.tobytes() == sessions.cube(k).tobytes())
            found.append((frame.stamp_ns - epoch_ns, place))
    skews_ms = [(stamp_ns % 2_000_000_000 - place * 50_000_000) / 1e6 for stamp_ns, place in found if place]
    assert max(abs(skew) for skew in skews_ms) < 25
    assert to_monotonic_ns(time.time_ns()) == pytest.approx(time.monotonic_ns(), abs=10_000_000)


def test_session_json_is_kept_but_for_the_list_of_files(folder: Path, tmp_path: Path) -> None:
    facts = shrink(folder, tmp_path / "small", 85)
    assert facts == json.loads((tmp_path / "small" / "session.json").read_text())
    assert facts["script"] == "test"
    assert "files" not in facts
