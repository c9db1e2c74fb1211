"""What a synthetic data set is asked to be; everything is checked before anything is written."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from faceedge.errors import ConfigurationError
from faceedge.simulation.performance.placement import FARTHEST_M, NEAREST_M

SENSORS = ("radar", "events", "camera")
FORMATS = ("arrays", "mcap", "aedat4")
"""Arrays and raw files by sensor; one MCAP file with ROS topics; the events as AEDAT4 besides."""

MOST_PEOPLE = 10_000
MOST_SESSIONS = 100
MOST_SEED = 2**31 - 1
"""With these every person of every data set has a seed of their own, and it is a whole number in JSON everywhere."""

DURATION_S = (1.0, 24 * 3600.0)
EVENT_RATE_HZ = (200, 10_000)
CAMERA_RATE_HZ = (1.0, 240.0)
CAMERA_PIXELS = (64, 1920)
_TOO_NEAR = "nearer the radar would be inside the head once the person moves"


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that a data set follows from. Equal options give equal bytes.

    Attributes:
        people: how many, each with a face of their own.
        sessions: recordings of each.
        duration_s: of each recording.
        sensors: of `SENSORS`.
        formats: of `FORMATS`.
        script: what the people do, a name of ``performance.scripts.SCRIPTS``.
        chirp: of the radar: the name of a chirp file that ships, or a path.
        distance_m: least and largest distance from the radar to the tip of the nose; each session has its own.
        masks: share of sessions in which the person wears a mask, 0 to 1. Glasses and beards are the person's own.
        event_geometry: a name of ``events.view.GEOMETRIES``.
        event_rate_hz: pictures a second that the event camera's pixels see, at least.
        camera_mode: light in the room and band of the camera, a name of ``camera.view.MODES``.
        camera_size: width and height in pixels.
        camera_rate_hz: frames a second.
        seed: of the whole data set.
    """

    people: int = 2
    sessions: int = 2
    duration_s: float = 10.0
    sensors: tuple[str, ...] = ("radar", "events")
    formats: tuple[str, ...] = ("arrays",)
    script: str = "fooder"
    chirp: str = "bgt60_face_food"
    distance_m: tuple[float, float] = (0.18, 0.45)
    masks: float = 0.0
    event_geometry: str = "genx320"
    event_rate_hz: int = 1000
    camera_mode: str = "day"
    camera_size: tuple[int, int] = (640, 480)
    camera_rate_hz: float = 30.0
    seed: int = 0

    def __post_init__(self) -> None:
        _check_whole("people", self.people, 1, MOST_PEOPLE)
        _check_whole("sessions", self.sessions, 1, MOST_SESSIONS)
        _check_whole("seed", self.seed, 0, MOST_SEED)
        _check_number("a session", self.duration_s, DURATION_S, "seconds")
        _check_names("sensor", self.sensors, SENSORS)
        _check_names("format", self.formats, FORMATS)
        low_m, high_m = self.distance_m
        for distance_m in self.distance_m:
            if not NEAREST_M <= distance_m <= FARTHEST_M:
                raise ConfigurationError(
                    f"the tip of the nose can be {100 * NEAREST_M:g} to {100 * FARTHEST_M:g} cm from the radar, got "
                    f"{100 * distance_m:g} cm{'; ' + _TOO_NEAR if distance_m < NEAREST_M else ''}."
                )
        if low_m > high_m:
            raise ConfigurationError(
                f"the least distance, {100 * low_m:g} cm, is more than the largest, {100 * high_m:g} cm; swap them."
            )
        _check_number("the share of sessions with a mask", self.masks, (0.0, 1.0))
        _check_number("the event camera's rate", self.event_rate_hz, EVENT_RATE_HZ, "Hz")
        _check_number("the camera's rate", self.camera_rate_hz, CAMERA_RATE_HZ, "Hz")
        for pixels in self.camera_size:
            _check_whole("the camera's width and height in pixels", pixels, *CAMERA_PIXELS)
        if "aedat4" in self.formats and "events" not in self.sensors:
            raise ConfigurationError("the format aedat4 holds events; add events to the sensors or leave it out.")


def check_name(what: str, name: str, known: Collection[str]) -> None:
    """Nothing for a known name; raises ConfigurationError with all of them for another."""
    if name not in known:
        raise ConfigurationError(f"there is no {what} {name!r}; choose one of {', '.join(known)}.")


def _check_names(what: str, names: tuple[str, ...], known: tuple[str, ...]) -> None:
    if not names:
        raise ConfigurationError(f"at least one {what} is needed; choose of {', '.join(known)}.")
    for name in names:
        check_name(what, name, known)
    if len(set(names)) != len(names):
        raise ConfigurationError(f"each {what} can be named once, got {', '.join(names)}.")


def _check_whole(what: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigurationError(f"{what} must be a whole number from {low} to {high}, got {value!r}.")


def _check_number(what: str, value: float, limits: tuple[float, float], unit: str = "") -> None:
    low, high = limits
    if not (math.isfinite(value) and low <= value <= high):
        unit = f" {unit}" if unit else ""
        raise ConfigurationError(f"{what} must be {low:g} to {high:g}{unit}, got {value:g}.")
