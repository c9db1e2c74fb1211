"""What an event camera sees of a rendered scene: synthetic events, step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from faceedge.errors import ConfigurationError
from faceedge.events.event import no_events
from faceedge.simulation.events.pixels import Pixels
from faceedge.simulation.events.settings import REFERENCE_LUX, PixelSettings

LEAST_RATE_HZ, HIGHEST_RATE_HZ = 100.0, 100_000.0
LARGEST_MOVE_PX = 0.5
"""A step in which a point of the scene moves further than this is rendered in parts: light is followed in straight
lines between pictures, which holds only while an edge stays within a pixel or so (ESIM's reason to adapt its steps)."""
MOST_PARTS = 8


@dataclass(frozen=True, slots=True)
class Geometry:
    """A sensor.

    Attributes:
        name: as in a file's header.
        width, height: px.
        pixel_m: side of a pixel (published).
    """

    name: str
    width: int
    height: int
    pixel_m: float

    @property
    def facts(self) -> dict[str, str]:
        """Lines for the header of a RAW file with events of this synthetic sensor."""
        return {"camera_integrator_name": "faceedge (synthetic)", "sensor_name": self.name}


GEOMETRIES = {
    "genx320": Geometry("GenX320", 320, 320, 6.3e-6),
    "evk4": Geometry("IMX636", 1280, 720, 4.86e-6),
}
"""Sensors by the name of what they are sold as; the EVK4 is read out in a region."""


class Radiance(Protocol):
    """Renders a scene: see `faceedge.simulation.camera.renderer.Renderer`.

    Where it also has ``screen_px``, (v, 2) places of the scene's points in the last picture, steps adapt to how far
    they move; where it has ``light``, the scene is as bright as that says.
    """

    def radiance(self, time_s: float) -> np.ndarray:
        """(h, w) float32 linear light at an instant, relative to white; the next call may overwrite it."""


class EventView:
    """An event camera in front of a scene. A stream: it goes forward only, and holds nothing of what it gave.

    The same scene, settings and seed give the same events, however ``advance`` cuts them.

    Args:
        renderer: of the scene, for the region of the sensor that is read out.
        rate_hz: pictures a second, at least 1000 for natural edges.
        pixels: settings of the pixels.
        seed: of mismatch and noise.
        geometry: of the sensor, a key of `GEOMETRIES` or one of your own.
        region_px: column and row of the region's first pixel on the sensor.
        illuminance_lux: of the scene: in the dark, pixels are slow and noisy. None: of the renderer's ``light``, and
            without that `REFERENCE_LUX`.
        start_s: when the camera is switched on.

    Attributes:
        geometry: of the sensor; coordinates of events are those of the whole sensor.
        time_us: until when events were given.
        rendered: pictures so far.
        pixels: of the region.

    Raises:
        ConfigurationError: an unknown sensor, a region that does not lie on it, or a rate, light or time that
            cannot be.
    """

    def __init__(
        self,
        renderer: Radiance,
        *,
        rate_hz: float = 1000.0,
        pixels: PixelSettings | None = None,
        seed: int = 0,
        geometry: str | Geometry = "genx320",
        region_px: tuple[int, int] = (0, 0),
        illuminance_lux: float | None = None,
        start_s: float = 0.0,
    ) -> None:
        if not (math.isfinite(rate_hz) and LEAST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ):
            raise ConfigurationError(
                f"an event camera is simulated at {LEAST_RATE_HZ:g} to {HIGHEST_RATE_HZ:g} pictures/s, not {rate_hz}."
            )
        self.geometry = _geometry(geometry)
        self._renderer, self._rate_hz, self._left, self._top = renderer, rate_hz, *region_px
        self._start_us = _microseconds(start_s)
        self._steps = 0
        self.rendered = 0
        first = self._render(self._start_us)
        height, width = first.shape[:2]
        if min(region_px) < 0 or self._left + width > self.geometry.width or self._top + height > self.geometry.height:
            raise ConfigurationError(
                f"a picture of {width}x{height} at column {self._left}, row {self._top} does not lie on a "
                f"{self.geometry.name} of {self.geometry.width}x{self.geometry.height} pixels."
            )
        if illuminance_lux is None:
            illuminance_lux = getattr(getattr(renderer, "light", None), "illuminance_lux", REFERENCE_LUX)
        self.pixels = Pixels(height, width, pixels, seed, illuminance_lux / REFERENCE_LUX)
        self.pixels.start(first, self._start_us)
        self._places = self._screen()

    @property
    def time_us(self) -> int:
        """See the class."""
        return self.pixels.time_us

    def advance(self, until_s: float) -> np.ndarray:
        """Events up to a time, as far as whole steps go: (n,) of `EVENT_DTYPE`, in order of time, in us.

        Raises:
            ConfigurationError: the time is negative or not finite.
        """
        batches = list(self.steps(until_s))
        return batches[0] if len(batches) == 1 else np.concatenate([no_events(), *batches])

    def steps(self, until_s: float) -> Iterator[np.ndarray]:
        """The same, one step after the other."""
        until_us = _microseconds(until_s)
        while (end_us := self._start_us + round((self._steps + 1) * 1e6 / self._rate_hz)) <= until_us:
            self._steps += 1
            events = self._step(end_us)
            events["x"] += self._left
            events["y"] += self._top
            yield events

    def _step(self, end_us: int) -> np.ndarray:
        begin_us = self.time_us
        light = self._render(end_us)
        parts = self._parts()
        if parts == 1 or end_us - begin_us < parts:
            return self.pixels.step(light, end_us)
        batches = []
        for number in range(1, parts):
            at_us = begin_us + (end_us - begin_us) * number // parts
            batches.append(self.pixels.step(self._render(at_us), at_us))
        return np.concatenate([*batches, self.pixels.step(light, end_us)])

    def _render(self, time_us: int) -> np.ndarray:
        self.rendered += 1
        # A renderer that smooths outlines may overshoot a little; what is not a number goes on, and is refused.
        return np.asarray(np.maximum(self._renderer.radiance(time_us * 1e-6), np.float32(0.0)))

    def _screen(self) -> np.ndarray | None:
        places = getattr(self._renderer, "screen_px", None)
        return None if places is None else np.array(places, np.float32)

    def _parts(self) -> int:
        """How many parts this step needs."""
        now, before = self._screen(), self._places
        if now is None or before is None:
            return 1
        self._places = now
        moved_px = float(np.abs(now - before).max(initial=0.0))
        return max(1, min(MOST_PARTS, math.ceil(moved_px / LARGEST_MOVE_PX)))


def _geometry(geometry: str | Geometry) -> Geometry:
    if isinstance(geometry, Geometry):
        return geometry
    if geometry not in GEOMETRIES:
        raise ConfigurationError(f"unknown event camera {geometry!r}; known are {', '.join(GEOMETRIES)}.")
    return GEOMETRIES[geometry]


def _microseconds(time_s: float) -> int:
    if not (math.isfinite(time_s) and 0 <= time_s < 1e9):
        raise ConfigurationError(f"a time of an event camera is a number of s from 0 on, not {time_s}.")
    return round(time_s * 1e6)
