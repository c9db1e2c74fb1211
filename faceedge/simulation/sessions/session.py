"""One recording of one synthetic person: every parameter of it, drawn from the seed of the data set."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from faceedge.radar.chirp import ChirpSettings, from_json, to_json
from faceedge.simulation.sessions.options import MOST_PEOPLE, Options

EPOCH_NS = 1_704_067_200_000_000_000
"""2024-01-01 00:00 UTC: synthetic sessions are stamped from here on, so that equal seeds give equal bytes."""
_DAY_NS = 24 * 3_600_000_000_000  # each session on another one,
_HOURS = (8.0, 20.0)  # at any time between these, so that no stamp tells who it is

STREAMS = {"session": 0, "motion": 1, "radar": 2, "events": 3, "camera": 4, "room": 5, "clothing": 6}
"""What draws of its own are made for; each has a stream of its own of a session's random numbers."""

OFFSET_M = 0.02
"""Standard deviation of where a person sits to the left and right, and in height."""
TURN_DEG = (8.0, 6.0, 3.0)
"""Standard deviation of the mean yaw, pitch and roll of a session; nobody sits more than twice that away."""
TEMPERATURE_C = (26.0, 40.0)
"""Of the radar's chip when a session begins: some begin cold, some after an hour of use."""
WARMING_C = (0.0, 6.0)
WARMING_S = (60.0, 300.0)
"""How far the chip warms up in the end, and with which time constant."""
LIGHT = (0.4, 2.0)
"""Mean light of a session against that of the mode; equal steps of the logarithm are equally likely."""


@dataclass(frozen=True, slots=True)
class Session:
    """One recording.

    Attributes:
        person, index: number of the person in the data set, and of the session of that person, from 0.
        person_seed: of the face and everything else that stays with the person.
        seed: of everything that changes from session to session; `stream_seed` gives the parts.
        script: what the person does.
        duration_s: of the recording.
        start_ns: Unix time of its first sample.
        distance_m: from the radar to the tip of the nose in the mean pose.
        offset_m: how far left (y) and up (z) of the radar's axis the tip of the nose is in the mean pose.
        turn_deg: mean yaw, pitch, roll.
        mask: whether the person wears one.
        temperature_c, warming_c, warming_s: of the radar's chip: at the beginning, how far it rises, time constant.
        light: mean light against that of ``camera_mode``.
        sensors: which of them record.
        chirp: of the radar.
        event_geometry, event_rate_hz: of the event camera.
        camera_mode: light in the room, and what the camera sees of it.
        camera_size, camera_rate_hz: of the camera.
    """

    person: int
    index: int
    person_seed: int
    seed: int
    script: str
    duration_s: float
    start_ns: int
    distance_m: float
    offset_m: tuple[float, float]
    turn_deg: tuple[float, float, float]
    mask: bool
    temperature_c: float
    warming_c: float
    warming_s: float
    light: float
    sensors: tuple[str, ...]
    chirp: ChirpSettings
    event_geometry: str
    event_rate_hz: int
    camera_mode: str
    camera_size: tuple[int, int]
    camera_rate_hz: float

    @property
    def path(self) -> str:
        """Where the session lies in the data set."""
        return f"p{self.person:03d}/s{self.index}"

    def stream_seed(self, stream: str) -> int:
        """A seed of its own for each part of the simulation that draws random numbers."""
        return _mixed(self.seed, STREAMS[stream])

    def temperature_at(self, time_s: float) -> float:
        """Degrees Celsius of the radar's chip."""
        return self.temperature_c + self.warming_c * (1 - math.exp(-time_s / self.warming_s))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; ``from_dict`` reads them back."""
        return {**dataclasses.asdict(self), "chirp": json.loads(to_json(self.chirp))}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """A session from what ``to_dict`` gave, also when JSON made lists of tuples; ignores other keys."""
        own = {field.name: values[field.name] for field in dataclasses.fields(cls)}
        plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in own.items()}
        plain["chirp"] = from_json(json.dumps(values["chirp"]))
        return cls(**plain)


def person_seed(seed: int, person: int) -> int:
    """Seed of person number ``person`` in the data set with ``seed``; no two pairs give the same."""
    return seed * MOST_PEOPLE + person


def draw_session(person: int, index: int, options: Options, chirp: ChirpSettings) -> Session:
    """Session ``index`` of person number ``person``; it does not depend on how many others there are.

    Args:
        person, index: from 0.
        options: of the data set.
        chirp: the settings that ``options.chirp`` names.
    """
    own = person_seed(options.seed, person)
    seed = _mixed(own, index)
    rng = np.random.default_rng((seed, STREAMS["session"]))
    low_m, high_m = options.distance_m
    # Drawn in this order, also where a value is not used, so that an option changes nothing but what it names.
    distance_m = float(rng.uniform(low_m, high_m))
    offset_m = OFFSET_M * np.clip(rng.standard_normal(2), -2, 2)
    turn_deg = TURN_DEG * np.clip(rng.standard_normal(3), -2, 2)
    masked = bool(rng.random() < options.masks)
    temperature_c, warming_c, warming_s = (float(rng.uniform(*span)) for span in (TEMPERATURE_C, WARMING_C, WARMING_S))
    light = math.exp(rng.uniform(math.log(LIGHT[0]), math.log(LIGHT[1])))
    time_of_day_ns = 1000 * round(rng.uniform(*_HOURS) * 3.6e9)
    return Session(
        person=person,
        index=index,
        person_seed=own,
        seed=seed,
        script=options.script,
        duration_s=options.duration_s,
        start_ns=EPOCH_NS + index * _DAY_NS + time_of_day_ns,
        distance_m=round(distance_m, 4),
        offset_m=(round(float(offset_m[0]), 4), round(float(offset_m[1]), 4)),
        turn_deg=(round(float(turn_deg[0]), 2), round(float(turn_deg[1]), 2), round(float(turn_deg[2]), 2)),
        mask=masked,
        temperature_c=round(temperature_c, 2),
        warming_c=round(warming_c, 2),
        warming_s=round(warming_s, 1),
        light=round(light, 3),
        sensors=options.sensors,
        chirp=chirp,
        event_geometry=options.event_geometry,
        event_rate_hz=options.event_rate_hz,
        camera_mode=options.camera_mode,
        camera_size=options.camera_size,
        camera_rate_hz=options.camera_rate_hz,
    )


def _mixed(*numbers: int) -> int:
    """53 bits, which JSON carries everywhere, out of several numbers of at most 64 bits."""
    words = [word for number in numbers for word in (number & 0xFFFF_FFFF, number >> 32)]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(11))
