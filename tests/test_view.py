"""`faceedge view radar`: what is shown of a radar, in the terminal and as a picture, wherever it comes from."""

from __future__ import annotations

import argparse
import dataclasses
import io
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from faceedge.cli import half_blocks, view
from faceedge.cli.main import main
from faceedge.cli.radar_bag import BagFeed
from faceedge.cli.radar_pictures import choose, write_strip
from faceedge.cli.radar_scale import SMALLEST_SPAN_DB, Crop, Levels, common_limits_db, ticks, title
from faceedge.cli.radar_view import SMALLEST, HeatMap, RadarView, Status, colours, figures
from faceedge.errors import ConfigurationError, DeviceError, FaceedgeError, InputError
from faceedge.radar.chirp import ChirpSettings, to_json
from faceedge.radar.chirp_files import load_chirp_file
from faceedge.radar.frame import RadarFrame
from faceedge.radar.moments import Feed, Moment, Pairing, SourceFeed, decibels
from faceedge.radar.recording_folder import open_recording
from faceedge.radar.recordings import RecordingSource

FACE = Path(__file__).parent / "data" / "bgt60_synthetic_face"
STREAM = Path(__file__).parent / "data" / "iwr6843_synthetic_face.dat"
MS = 1_000_000


@pytest.fixture(scope="module")
def chirp() -> ChirpSettings:
    return open_recording(FACE).chirp


@pytest.fixture(scope="module")
def moments() -> list[Moment]:
    with SourceFeed(RecordingSource(FACE, paced=False)) as feed:
        return list(all_of(feed))


def all_of(feed: Feed) -> Iterator[Moment]:
    while not feed.finished:
        moment = feed.next(1.0)
        if moment is not None:
            yield moment


def printed(renderable: object, size: tuple[int, int] = (100, 30), colour: str | None = None) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=size[0], height=size[1], force_terminal=True, color_system=colour).print(renderable)  # type: ignore[arg-type]
    return out.getvalue().splitlines()


# --- moments ----------------------------------------------------------------------------------------------------------


def test_a_recording_becomes_moments_with_micro_images_after_eight_frames(moments: list[Moment]) -> None:
    assert [moment.micro is not None for moment in moments] == [False] * 7 + [True] * 9
    assert {moment.range_doppler.shape for moment in moments} == {(32, 32)}
    assert np.diff([moment.stamp_ns for moment in moments]).tolist() == [50 * MS] * 15


class Unplugged(RecordingSource):
    """A source whose cable is pulled before the third frame."""

    reads = 0

    def read(self, timeout_s: float = 1.0) -> RadarFrame | None:
        self.reads += 1
        if self.reads == 3:
            raise DeviceError("the port went away; plug it in again.")
        return super().read(timeout_s)


def test_a_device_that_comes_back_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceedge.radar.moments.RETRY_S", 0.0)
    with SourceFeed(Unplugged(FACE, paced=False)) as feed:
        assert [feed.next(0.0) is not None for _ in range(2)] == [True, True]
        with pytest.raises(InputError, match="went away; plug it in again"):
            feed.next(0.0)
        assert not feed.finished
        assert feed.next(0.0) is not None


def test_the_synthetic_face_is_where_it_was_put(moments: list[Moment], chirp: ChirpSettings) -> None:
    radar = RadarView()
    radar.add(moments[-1], chirp)
    peak = radar.peak()
    assert peak is not None
    range_m, velocity_m_s, _ = peak
    assert 0.28 < range_m < 0.42
    assert abs(velocity_m_s) < 0.25


def test_images_of_a_frame_find_each_other_in_any_order() -> None:
    pairing = Pairing()
    image = np.zeros((2, 2), np.float32)
    assert pairing.add(1, image, micro=False) == []
    assert [moment.stamp_ns for moment in pairing.add(1, image + 1, micro=True)] == [1]
    assert pairing.add(2, image + 1, micro=True) == []
    (moment,) = pairing.add(2, image, micro=False)
    assert moment.micro is not None
    assert moment.micro[0, 0] == 1
    assert pairing.add(3, image, micro=False) == []
    assert pairing.add(4, image, micro=False) == []
    assert [(m.stamp_ns, m.micro) for m in pairing.add(5, image, micro=False)] == [(3, None)]
    assert [m.stamp_ns for m in pairing.finish()] == [4, 5]
    assert pairing.add(6, image, micro=True) == pairing.finish() == []


def test_levels_are_in_decibels_over_one_count_and_finite() -> None:
    assert decibels(np.array([1.0, 10.0, 0.0], np.float32)).tolist() == pytest.approx([0.0, 20.0, -60.0])


# --- scale ------------------------------------------------------------------------------------------------------------


def test_the_crop_ends_at_the_range_asked_for_or_at_the_usable_one(chirp: ChirpSettings) -> None:
    crop = Crop(chirp, 0.3)
    step = chirp.range_resolution_m
    assert crop.bins == 11
    assert crop.range_edges_m == pytest.approx((-step / 2, 10.5 * step))
    assert crop.velocity_edges_m_s[0] == pytest.approx(-chirp.max_velocity_m_s * (1 + 1 / 32))
    assert Crop(chirp).bins == 17
    assert Crop(chirp, 99.0).bins == 32
    other = Crop(load_chirp_file("iwr6843_face.cfg").chirp, 0.0, (64, 16))
    assert other.levels(np.ones((64, 16), np.float32)).shape == (other.bins, 16)


def test_the_scale_of_a_device_that_pads_its_transform_ends_at_the_same_range() -> None:
    padded = dataclasses.replace(load_chirp_file("iwr6843_face.cfg").chirp, samples_per_chirp=44)
    crop = Crop(padded, 99.0, (64, 16))
    assert crop.range_edges_m[1] == pytest.approx(padded.max_range_m * 63.5 / 64)


def test_the_colour_scale_spans_enough_and_follows_slowly() -> None:
    levels = Levels()
    assert levels.limits_db == (0.0, SMALLEST_SPAN_DB)
    levels.add(np.full((4, 4), -20.0))
    assert levels.limits_db == (-20.0, -20.0 + SMALLEST_SPAN_DB)
    bright = np.full((4, 4), -20.0)
    bright[0, 0] = 80.0
    levels.add(bright)
    assert levels.limits_db == (-20.0, 5.0)
    for _ in range(60):
        levels.add(bright)
    assert levels.limits_db == (-20.0, 80.0)
    assert common_limits_db([np.full((4, 4), -20.0), bright]) == (-20.0, 80.0)


@pytest.mark.parametrize(
    ("low", "high", "most", "values"),
    [
        (0.0, 0.65, 4, [0.0, 0.2, 0.4, 0.6]),
        (-3.15, 3.15, 5, [-2.0, 0.0, 2.0]),
        (-0.39, 0.39, 9, [-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3]),
        (1.0, 1.0, 5, []),
        (0.0, 1.0, 1, []),
    ],
)
def test_ticks_are_round_and_few(low: float, high: float, most: int, values: list[float]) -> None:
    assert ticks(low, high, most) == pytest.approx(values)


def test_the_title_tells_the_chirp_and_the_rate(chirp: ChirpSettings) -> None:
    assert title(chirp, 19.98) == "BGT60TR13C  58 to 63.5 GHz  ·  3 RX × 32 chirps × 64 samples  ·  20.0 frames/s"
    assert title(chirp, 0.0).endswith("64 samples")
    assert "4 RX × 3 TX × 16 chirps × 64 samples" in title(load_chirp_file("iwr6843_face.cfg").chirp, 20.0)


# --- terminal ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALLEST, (80, 24), (120, 34), (200, 60)])
def test_the_view_fits_the_terminal(moments: list[Moment], chirp: ChirpSettings, size: tuple[int, int]) -> None:
    radar = RadarView()
    for moment in moments:
        radar.add(moment, chirp)
    lines = printed(radar.render(Status("recording", 20.0, 3, 41.5), *size), size)
    assert len(lines) <= size[1]
    assert max(len(line) for line in lines) <= size[0]
    text = "\n".join(lines)
    for words in ("BGT60TR13C", "range-Doppler", "micro range-Doppler", "m/s", "dB", "3 dropped", "41.5 °C", "▀"):
        assert words in text


def test_before_the_first_frame_the_view_says_that_it_waits() -> None:
    text = "\n".join(printed(RadarView().render(Status("topic /radar/range_doppler", note="no chirp yet"), 100, 30)))
    assert "waiting for the first frame" in text
    assert "no chirp yet" in text


def test_a_device_without_raw_samples_gets_no_empty_micro_image(moments: list[Moment]) -> None:
    view = RadarView()
    view.add(Moment(0, moments[0].range_doppler, None), load_chirp_file("iwr6843_face.cfg").chirp)
    text = "\n".join(printed(view.render(Status(), 100, 30)))
    assert "range-Doppler" in text
    assert "micro" not in text


def test_words_of_the_velocity_axis_do_not_touch() -> None:
    image = np.zeros((8, 8), np.float32)
    words = printed(HeatMap(image, (0.0, 1.0), (0.0, 1.0), (-0.168, 0.168), "", 12), (32, 12))[-1].split()
    assert {"0", "m/s"} <= set(words)
    assert all(word in ("0", "m/s") or float(word) for word in words)


def test_near_ranges_are_at_the_bottom_and_receding_targets_at_the_right() -> None:
    levels = np.full((16, 16), -20.0, np.float32)
    levels[1, 14] = 20.0
    lines = printed(HeatMap(levels, (-20.0, 20.0), (0.0, 1.6), (-1.0, 1.0), "", 11), (22, 11), "truecolor")
    bright = [k for k, line in enumerate(lines) if "38;2;255;255;" in line or "48;2;255;255;" in line]
    assert bright == [8]
    assert colours(np.array([[-20.0, 20.0]]), (-20.0, 20.0))[0].sum(axis=1).argmax() == 1


def test_a_terminal_of_256_colours_gets_no_24_bit_colour(moments: list[Moment], chirp: ChirpSettings) -> None:
    radar = RadarView()
    radar.add(moments[-1], chirp)
    half_blocks.style.cache_clear()  # a style of rich remembers how it looked on the first terminal
    text = "\n".join(printed(radar.maps(80, 20), (80, 20), "256"))
    half_blocks.style.cache_clear()
    assert "38;5;" in text
    assert "38;2;" not in text


def test_the_figures_leave_out_what_is_unknown() -> None:
    assert figures(Status("", 19.96, 2, math.nan)) == "20.0 frames/s · 2 dropped"


# --- command ----------------------------------------------------------------------------------------------------------


def test_a_recording_is_saved_as_a_strip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    png = tmp_path / "strip.png"
    assert main(["view", "radar", str(FACE), "--png", str(png), "--frames", "3", "--max-range", "0.5"]) == 0
    assert "3 of 16 frames from recording bgt60_synthetic_face, 0 dropped" in capsys.readouterr().out
    image = cv2.imread(str(png))
    assert image is not None
    assert image.shape[0] > 600
    assert image.std() > 20
    wider = tmp_path / "wider.png"
    assert main(["view", "radar", str(FACE), "--png", str(wider), "--frames", "5"]) == 0
    other = cv2.imread(str(wider))
    assert other is not None
    assert other.shape[1] > image.shape[1]
    assert other.shape[0] == image.shape[0]


def test_a_picture_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, moments: list[Moment], chirp: ChirpSettings
) -> None:
    folder = tmp_path / "strip.png"
    folder.mkdir()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_strip(folder, moments[-1:], Crop(chirp, 0.0, moments[-1].range_doppler.shape), "")
    assert list(tmp_path.iterdir()) == [folder]


def test_without_a_terminal_the_view_prints_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", "radar", str(FACE), "--seconds", "0.3"]) == 0
    assert "recording bgt60_synthetic_face: 20.0 frames/s · 0 dropped" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        (["/nowhere"], InputError, "there is nothing at /nowhere"),
        ([__file__], InputError, "neither a recording folder of a BGT60TR13C nor a bag"),
        ([str(FACE), "--frames", "0"], ConfigurationError, "--frames must be 1 or more"),
        ([str(FACE), "--source", "bgt60_spi"], ConfigurationError, "either PATH or --source"),
        (["--source", "lidar"], ConfigurationError, "unknown kind of radar 'lidar'"),
        (["--source", "bgt60_bridge", "--path", "/dev/nowhere"], DeviceError, "/dev/nowhere"),
        ([str(FACE), "--png", "/nowhere/x.png"], ConfigurationError, "cannot be written: /nowhere is no folder"),
        ([str(FACE), "--png", "/"], ConfigurationError, "cannot be written: it is a folder"),
        ([str(FACE), "--seconds", "nan"], ConfigurationError, "--seconds and --max-range 0 or more"),
        ([str(FACE), "--max-range", "inf"], ConfigurationError, "--seconds and --max-range 0 or more"),
        (["--path", "/dev/ttyACM0"], ConfigurationError, "say with --source"),
        (["--source", "iwr6843", "--path", "/dev/ttyACM0"], ConfigurationError, "set cli_port and data_port"),
        ([str(STREAM)], InputError, "is the stream of an IWR6843"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_sentence(
    arguments: list[str], error: type[FaceedgeError], sentence: str
) -> None:
    parser = argparse.ArgumentParser()
    view.add_arguments(parser)
    with pytest.raises(error, match=sentence):
        view.main(parser.parse_args(arguments))


class Silent(Feed):
    """A topic that nobody publishes."""

    def open(self) -> None: ...

    def next(self, timeout_s: float) -> None:
        return None

    def close(self) -> None: ...


def test_a_feed_that_stays_silent_ends_with_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(view, "PATIENCE_S", 0.05)
    parser = argparse.ArgumentParser()
    view.add_arguments(parser)
    with pytest.raises(InputError, match=r"no radar image came from topic /left; is a radar node active"):
        view.save_strip(Silent("topic /left"), parser.parse_args(["--png", str(tmp_path / "x.png")]))
    with pytest.raises(InputError, match="no radar image came from topic /left"):
        view.watch(Silent("topic /left"), parser.parse_args(["--seconds", "0.01"]), Console(file=io.StringIO()))


def test_a_recording_without_a_frame_that_can_be_used_is_no_success(tmp_path: Path) -> None:
    folder = tmp_path / "noise"
    shutil.copytree(FACE, folder)
    np.save(folder / "radar.npy", np.full((2, 3, 32, 64), 60_000, np.uint16))
    parser = argparse.ArgumentParser()
    view.add_arguments(parser)
    with pytest.raises(InputError, match="4095"):
        view.main(parser.parse_args([str(folder)]))


def test_moments_of_the_strip_are_spread_over_what_there_is() -> None:
    image = np.zeros((2, 2), np.float32)
    moments = [Moment(stamp, image) for stamp in range(100)]
    assert [moment.stamp_ns for moment in choose(moments, 4)] == [12, 37, 62, 87]
    assert len(choose(moments[:3], 6)) == 3


def test_moments_of_the_strip_have_both_images_where_any_has_them() -> None:
    image = np.zeros((2, 2), np.float32)
    # A recording of ten frames in a loop, of which each round begins without micro images.
    moments = [Moment(stamp, image, image if stamp % 10 >= 8 else None) for stamp in range(40)]
    assert [moment.stamp_ns for moment in choose(moments, 2)] == [18, 38]


# --- bags -------------------------------------------------------------------------------------------------------------


def write_bag(path: Path, moments: list[Moment], chirp: ChirpSettings, raw: np.ndarray | None = None) -> Path:
    """A bag with the images of ``moments``, micro before the other one in every second frame; or with ``raw``."""
    store = get_typestore(Stores.ROS2_JAZZY)
    image_type, header, time = (
        store.types[name] for name in ("sensor_msgs/msg/Image", "std_msgs/msg/Header", "builtin_interfaces/msg/Time")
    )

    def image(stamp_ns: int, pixels: np.ndarray, encoding: str) -> bytes:
        stamp = header(time(stamp_ns // 10**9, stamp_ns % 10**9), "radar")
        data = np.ascontiguousarray(pixels).view(np.uint8).reshape(-1)
        message = image_type(stamp, *pixels.shape, encoding, 0, pixels.shape[1] * pixels.itemsize, data)
        return bytes(store.serialize_cdr(message, "sensor_msgs/msg/Image"))

    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as bag:
        text = bag.add_connection("/radar/chirp", "std_msgs/msg/String", typestore=store)
        names = ["/radar/range_doppler", "/radar/micro_range_doppler"] if raw is None else ["/radar/adc"]
        topics = {name: bag.add_connection(name, "sensor_msgs/msg/Image", typestore=store) for name in names}
        message = store.types["std_msgs/msg/String"](to_json(chirp))
        bag.write(text, 1, store.serialize_cdr(message, "std_msgs/msg/String"))
        for k, moment in enumerate(moments):
            if raw is not None:
                rows = raw[k].reshape(-1, raw.shape[-1])
                bag.write(topics["/radar/adc"], 2 + k, image(moment.stamp_ns, rows, "mono16"))
                continue
            both = [(names[0], moment.range_doppler), (names[1], moment.micro)]
            for name, pixels in reversed(both) if k % 2 else both:
                if pixels is not None:
                    bag.write(topics[name], 2 + k, image(moment.stamp_ns, pixels, "32FC1"))
    return path


def test_a_bag_gives_the_moments_that_were_recorded(
    tmp_path: Path, moments: list[Moment], chirp: ChirpSettings
) -> None:
    with BagFeed(write_bag(tmp_path / "bag", moments, chirp)) as feed:
        found = list(all_of(feed))
        assert feed.chirp == chirp
        assert feed.dropped == 0
    assert len(found) == len(moments)
    for moment, expected in zip(found, moments, strict=True):
        assert moment.stamp_ns == expected.stamp_ns
        assert np.array_equal(moment.range_doppler, expected.range_doppler)
        assert (moment.micro is None) == (expected.micro is None)
        if moment.micro is not None and expected.micro is not None:
            assert np.array_equal(moment.micro, expected.micro)


def test_a_bag_with_raw_samples_alone_gives_the_same_moments(
    tmp_path: Path, moments: list[Moment], chirp: ChirpSettings
) -> None:
    raw = np.asarray(open_recording(FACE).cubes)
    with BagFeed(write_bag(tmp_path / "bag", moments, chirp, raw)) as feed:
        found = list(all_of(feed))
    assert len(found) == 16
    assert np.allclose(found[-1].range_doppler, moments[-1].range_doppler, rtol=1e-5)
    assert found[-1].micro is not None


def test_frames_that_a_bag_lacks_are_counted(tmp_path: Path, moments: list[Moment], chirp: ChirpSettings) -> None:
    with BagFeed(write_bag(tmp_path / "bag", [*moments[:4], *moments[6:]], chirp)) as feed:
        assert len(list(all_of(feed))) == 14
        assert feed.dropped == 2


def test_a_bag_plays_at_its_own_pace_and_begins_again_where_asked(
    tmp_path: Path, moments: list[Moment], chirp: ChirpSettings
) -> None:
    bag = write_bag(tmp_path / "bag", moments[:2], chirp)
    with BagFeed(bag, paced=True) as feed:
        assert feed.next(0.0) is not None
        assert feed.next(0.0) is None, "the second frame is due 50 ms later"
        assert feed.next(1.0) is not None
    with BagFeed(bag, loop=True) as feed:
        stamps = [moment.stamp_ns for _ in range(5) if (moment := feed.next(0.0)) is not None]
    assert stamps == [moments[k % 2].stamp_ns for k in range(5)]


def test_a_bag_without_the_topic_asked_for_is_refused(
    tmp_path: Path, moments: list[Moment], chirp: ChirpSettings
) -> None:
    with pytest.raises(InputError, match=r"has no topic /radar/image; its topics are /radar/chirp, "):
        BagFeed(write_bag(tmp_path / "bag", moments[:1], chirp), "/radar/image").open()


def test_a_bag_without_a_radar_names_its_topics(tmp_path: Path, moments: list[Moment], chirp: ChirpSettings) -> None:
    bag = write_bag(tmp_path / "bag", moments[:1], chirp)
    with pytest.raises(InputError, match=r"expected /left/chirp .* its topics are /radar/chirp, .* --topic names"):
        BagFeed(bag, "/left/range_doppler").open()
    with pytest.raises(InputError, match="is no bag that can be read"):
        BagFeed(tmp_path, "/radar/range_doppler").open()
