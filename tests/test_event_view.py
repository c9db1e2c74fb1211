"""The synthetic event camera: steps, regions of a sensor, light, and what is refused. Scenes are analytic."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from faceedge.errors import ConfigurationError, InputError
from faceedge.events.files import read_events
from faceedge.events.raw_file import RawWriter
from faceedge.simulation.events.settings import QUIET, PixelSettings
from faceedge.simulation.events.view import GEOMETRIES, EventView, Geometry


class Bar:
    """A bright bar of 8 px with soft edges that moves to the right."""

    def __init__(self, speed_px_s: float = 100.0, height: int = 40, width: int = 60, contrast: float = 1.5) -> None:
        self.speed_px_s, self.shape, self.contrast = speed_px_s, (height, width), contrast
        self.times_s: list[float] = []

    def place_px(self, time_s: float) -> float:
        return 10.0 + self.speed_px_s * time_s

    def radiance(self, time_s: float) -> np.ndarray:
        self.times_s.append(time_s)
        x = np.arange(self.shape[1]) - self.place_px(time_s)
        rise = 1 / (1 + np.exp(-3 * (x + 4))) - 1 / (1 + np.exp(-3 * (x - 4)))
        return np.broadcast_to(0.2 * np.exp(self.contrast * rise), self.shape).astype(np.float32)


class Tracked(Bar):
    """The same bar, which says where it is."""

    def radiance(self, time_s: float) -> np.ndarray:
        self.screen_px = np.array([[self.place_px(time_s), 5.0]])
        return super().radiance(time_s)


def test_the_front_of_a_bright_bar_gives_on_and_its_back_off_events_along_its_way() -> None:
    settings = replace(QUIET, on_threshold=0.25, off_threshold=0.26)
    events = EventView(Bar(contrast=1.52), pixels=settings).advance(0.3)
    assert np.count_nonzero(events["p"]) == pytest.approx(30 * 40 * 6, rel=0.05)  # 1.52 / 0.25
    assert np.count_nonzero(~events["p"]) == pytest.approx(30 * 40 * 5, rel=0.05)  # 1.52 / 0.26
    events = events[events["x"] > 16]  # the bar was not on these when the camera was switched on
    place = 10.0 + 100.0 * events["t"] * 1e-6
    assert np.abs(events["x"][events["p"]] - place[events["p"]] - 4).max() < 2
    assert np.abs(events["x"][~events["p"]] - place[~events["p"]] + 4).max() < 2


def test_how_the_stream_is_cut_makes_no_difference() -> None:
    whole = EventView(Bar(), seed=3).advance(0.1)
    view = EventView(Bar(), seed=3)
    parts = [view.advance(until_s) for until_s in (0.0, 0.0005, 0.02, 0.0207, 0.0999, 0.1)]
    assert view.time_us == 100_000
    assert np.array_equal(np.concatenate(parts), whole)
    assert len(view.advance(0.05)) == 0


def test_pictures_are_taken_at_the_rate() -> None:
    bar = Bar()
    view = EventView(bar, rate_hz=3000.0)
    view.advance(0.002)
    assert bar.times_s == pytest.approx([0, 0.000333, 0.000667, 0.001, 0.001333, 0.001667, 0.002])
    assert view.rendered == 7


def test_a_fast_edge_is_rendered_in_parts_as_if_the_rate_were_higher() -> None:
    view = EventView(Tracked(1900.0, width=260), pixels=QUIET)
    events = view.advance(0.1)
    assert view.rendered == 1 + 4 * 100  # 1.9 px a step
    reference = EventView(Bar(1900.0, width=260), pixels=QUIET, rate_hz=4000.0).advance(0.1)
    assert np.array_equal(events, reference)


def test_a_region_has_the_coordinates_of_the_whole_sensor() -> None:
    view = EventView(Bar(), geometry="evk4", region_px=(480, 200), pixels=QUIET)
    events = view.advance(0.2)
    assert (view.geometry.width, view.geometry.height) == (1280, 720)
    assert 480 <= events["x"].min() < events["x"].max() < 540
    assert (events["y"].min(), events["y"].max()) == (200, 239)


def test_less_light_makes_the_camera_slower_and_noisier() -> None:
    def seen(lux: float) -> np.ndarray:
        scene = Bar()
        scene.light = SimpleNamespace(illuminance_lux=lux)  # type: ignore[attr-defined]
        return EventView(scene, pixels=PixelSettings(noise_hz=5.0), seed=1).advance(0.3)

    day, night = seen(500.0), seen(5.0)
    behind_day, behind_night = (
        np.median((10 + 100 * e["t"] * 1e-6 + 4 - e["x"])[e["p"] & (abs(10 + 100 * e["t"] * 1e-6 - e["x"]) < 12)])
        for e in (day, night)
    )
    assert behind_night - behind_day > 0.2
    far_day, far_night = (np.count_nonzero(abs(10 + 100 * e["t"] * 1e-6 - e["x"]) > 15) for e in (day, night))
    assert far_night > 2 * far_day


def test_a_still_scene_gives_leak_and_noise_only() -> None:
    settings = PixelSettings()
    events = EventView(Bar(0.0), pixels=settings, seed=2).advance(1.0)
    rate_hz = len(events) / (40 * 60)
    noise_hz = settings.noise_hz / (1 + 0.2 / settings.noise_half_light)
    hot_hz = settings.hot_share * settings.hot_hz
    assert rate_hz == pytest.approx(settings.leak_hz + noise_hz + hot_hz, rel=0.6)
    assert np.count_nonzero(events["p"]) > np.count_nonzero(~events["p"])


def test_light_slightly_below_zero_is_darkness_and_what_is_no_number_is_refused() -> None:
    bar = Bar()
    view = EventView(bar)
    bar.radiance = lambda time_s: np.full((40, 60), -0.001, np.float32)  # type: ignore[method-assign]
    assert not view.advance(0.004)["p"].all()
    bar.radiance = lambda time_s: np.full((40, 60), np.nan, np.float32)  # type: ignore[method-assign]
    with pytest.raises(InputError, match="where 1 is white"):
        view.advance(0.006)


def test_memory_does_not_grow_with_the_stream() -> None:
    view = EventView(Bar(0.0), pixels=replace(PixelSettings(), noise_hz=0.0, leak_hz=0.0))
    sizes = [sum(array.nbytes for array in vars(view.pixels).values() if isinstance(array, np.ndarray))]
    view.advance(0.5)
    sizes.append(sum(array.nbytes for array in vars(view.pixels).values() if isinstance(array, np.ndarray)))
    assert sizes[0] == sizes[1]
    assert all(len(batch) == 0 for batch in view.steps(0.6))


def test_what_is_seen_goes_through_a_raw_file_unchanged(tmp_path: Path) -> None:
    view = EventView(Bar(), seed=4)
    batches = []
    with RawWriter(tmp_path / "a.raw", 320, 320, facts=view.geometry.facts) as writer:
        for until_s in (0.05, 0.1, 0.15):
            batches.append(view.advance(until_s))
            writer.append(batches[-1])
    file = read_events(tmp_path / "a.raw")
    assert np.array_equal(file.events, np.concatenate(batches))
    assert b"% camera_integrator_name faceedge (synthetic)\n" in (tmp_path / "a.raw").read_bytes()


def test_the_sensors_have_their_published_sizes() -> None:
    assert {name: (g.name, g.width, g.height) for name, g in GEOMETRIES.items()} == {
        "genx320": ("GenX320", 320, 320),
        "evk4": ("IMX636", 1280, 720),
    }


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"geometry": "dvs128"}, "unknown event camera 'dvs128'; known are genx320, evk4"),
        ({"region_px": (300, 0)}, "60x40 at column 300, row 0 does not lie on a GenX320"),
        ({"region_px": (-1, 0)}, "column -1"),
        ({"geometry": Geometry("tiny", 32, 32, 1e-5)}, "does not lie on a tiny"),
        ({"rate_hz": 0.0}, "100 to 100000 pictures/s, not 0.0"),
        ({"rate_hz": math.nan}, "not nan"),
        ({"start_s": -1.0}, "not -1.0"),
        ({"illuminance_lux": 0.0}, "not 0.0"),
    ],
)
def test_what_no_event_camera_can_do_is_refused(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        EventView(Bar(), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("until_s", [-0.1, math.nan, math.inf])
def test_a_time_that_is_none_is_refused(until_s: float) -> None:
    with pytest.raises(ConfigurationError, match="number of s from 0 on"):
        EventView(Bar()).advance(until_s)
