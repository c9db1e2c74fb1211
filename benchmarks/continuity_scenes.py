"""Synthetic scenes for continuity: people who stay, people who leave, and people whose seat another one takes.

    python benchmarks/continuity_scenes.py stay FOLDER --people 8 --seconds 150
    python benchmarks/continuity_scenes.py change FOLDER --people 20
    python benchmarks/continuity_scenes.py walk FOLDER --people 20
    python benchmarks/continuity_scenes.py push FOLDER --people 20

Only looks are kept: the mean of 8 chirps of each frame, at 20 Hz, with the chirp of bgt60_face_full_band cut to its
first 8 chirps. Those looks are what `FaceFrames` makes of a whole frame, but for the noise of phase and samples.

In a scene with a change everything but the person stays: room, clutter, chip, its temperature and its leakage. So
nothing but the person tells the two apart, which is harder than to splice two recordings of different rooms.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from faceedge.radar.chirp_files import find_chirp_file, load_chirp_file
from faceedge.radar.face_frames import LOOK_CHIRPS
from faceedge.simulation.person.acting import Acting
from faceedge.simulation.person.body import Body
from faceedge.simulation.radar.front_end import TemperatureDrift
from faceedge.simulation.radar.room import Room, draw_room
from faceedge.simulation.radar.view import RadarView
from faceedge.simulation.sessions.options import Options
from faceedge.simulation.sessions.session import Session, draw_session
from faceedge.simulation.sessions.stage import LONGEST_EDGE_M, RealStage
from faceedge.simulation.surface import Mesh, Surface

FULL_BAND = load_chirp_file(find_chirp_file("bgt60_face_full_band")).chirp
CHIRP = dataclasses.replace(FULL_BAND, chirps_per_frame=LOOK_CHIRPS)
SCRIPTS = ("mixed", "talk", "name_call", "fooder", "still", "learning")
STAY_SEED, CHANGE_SEED = 41, 42
"""Of different people each."""
BEFORE_S, AFTER_S = 20.0, 8.0
SLIDE_M, SLIDE_S = 0.45, 0.8
"""Shoulder to shoulder on a bench, one pushes the other off the seat: the breadth of shoulders, in a time in which
nobody can do it. The peak of a minimum-jerk movement of that size is 1.05 m/s."""
WALK_M, WALK_START_S, WALK_S = 1.35, 0.6, 1.2
"""The usual way: one goes, the next one comes a little later, from that far aside."""
PUSH_S = 10.0
"""For so long before the push both are shown."""
KINDS = ("splice", "splice_apart", "slide", "leave")


class Slid:
    """A surface that is moved sideways."""

    def __init__(self, surface: Acting, aside_m: Callable[[np.ndarray], np.ndarray]) -> None:
        self._surface, self._aside_m = surface, aside_m

    @property
    def mesh(self) -> Mesh:
        """See `Surface.mesh`."""
        return self._surface.mesh

    def vertices(self, time_s: np.ndarray) -> np.ndarray:
        """See `Surface.vertices`."""
        points = self._surface.vertices(time_s).copy()
        points[..., 1] += self._aside_m(time_s)[:, np.newaxis]
        return points


def minimum_jerk(share: np.ndarray) -> np.ndarray:
    """0 to 1 (Flash and Hogan 1985)."""
    x = np.clip(share, 0.0, 1.0)
    return x**3 * (10 - 15 * x + 6 * x**2)


def session_of(person: int, seed: int, script: str, seconds: float) -> Session:
    """As `faceedge simulate` draws it."""
    options = Options(people=1000, sessions=1, duration_s=seconds, sensors=("radar",), script=script, seed=seed)
    return draw_session(person, 0, options, CHIRP)


def surface_of(session: Session) -> Acting:
    """With the facets that the radar sees."""
    stage = RealStage(session)
    return Acting(
        Body(stage.person, longest_edge_m=LONGEST_EDGE_M, clothing_seed=stage.clothing_seed), stage.performance
    )


def view_of(session: Session, surface: Surface, room: Room | None = None) -> RadarView:
    """In the session's own room unless another one is given."""
    drift = TemperatureDrift(session.temperature_c, session.temperature_c + session.warming_c, session.warming_s)
    room = draw_room(session.stream_seed("room")) if room is None else room
    return RadarView(session.chirp, surface, room=room, drift=drift, seed=session.stream_seed("radar"))


def looks_of(view: RadarView, first: int, last: int) -> np.ndarray:
    """(look, rx, sample) float32."""
    return np.stack([view.cube(index).mean(axis=1, dtype=np.float32) for index in range(first, last)])


def together(views: tuple[RadarView, ...], empty: RadarView, first: int, last: int) -> np.ndarray:
    """Looks of several surfaces in one room; none hides another one."""
    found = []
    for index in range(first, last):
        nothing = empty.if_signal(index)
        counts = sum((view.if_signal(index) - nothing for view in views), nothing)
        found.append(empty.receiver.cube(counts, index).mean(axis=1, dtype=np.float32))
    return np.stack(found)


def stay(folder: Path, person: int, seconds: float) -> None:
    """One person who stays."""
    script = SCRIPTS[person % len(SCRIPTS)]
    path = folder / f"stay_{person:03d}_{script}.npz"
    if path.exists():
        return
    session = session_of(person, STAY_SEED, script, seconds)
    view = view_of(session, surface_of(session))
    looks = looks_of(view, 0, int(seconds * CHIRP.frame_rate_hz))
    np.savez(path, looks=looks, script=script, distance_m=session.distance_m)


def change(folder: Path, person: int) -> None:
    """One who sits 20 s, and what may happen then."""
    path = folder / f"change_{person:03d}.npz"
    if path.exists():
        return
    script = SCRIPTS[person % len(SCRIPTS)]
    seconds = BEFORE_S + AFTER_S + 2
    first = session_of(2 * person, CHANGE_SEED, script, seconds)
    second = session_of(2 * person + 1, CHANGE_SEED, script, seconds)
    there = dataclasses.replace(second, distance_m=first.distance_m, offset_m=first.offset_m, turn_deg=first.turn_deg)
    start = int(BEFORE_S * CHIRP.frame_rate_hz)
    stop = start + int(AFTER_S * CHIRP.frame_rate_hz)
    room = draw_room(first.stream_seed("room"))

    def seen(surface: Surface) -> RadarView:
        return view_of(first, surface, room)

    before, same, apart = surface_of(first), surface_of(there), surface_of(second)
    empty = seen(Nothing())
    side = 1.0 if person % 2 else -1.0

    leaving, coming = seen(Slid(before, leaving_m(side))), seen(Slid(same, pushing_m(side)))
    slid = start + int(2.0 * CHIRP.frame_rate_hz)
    np.savez(
        path,
        script=script,
        distance_m=first.distance_m,
        apart_m=second.distance_m,
        before=looks_of(seen(before), 0, start),
        splice=looks_of(seen(same), start, stop),
        splice_apart=looks_of(seen(apart), start, stop),
        slide=np.concatenate([together((leaving, coming), empty, start, slid), looks_of(coming, slid, stop)]),
        leave=np.concatenate([looks_of(leaving, start, slid), looks_of(empty, slid, stop)]),
    )


def leaving_m(side: float) -> Callable[[np.ndarray], np.ndarray]:
    """How far aside one is who leaves: off the seat first, then away."""

    def aside(time_s: np.ndarray) -> np.ndarray:
        first = minimum_jerk((time_s - BEFORE_S) / SLIDE_S)
        return side * SLIDE_M * (first + 3 * minimum_jerk((time_s - BEFORE_S - SLIDE_S / 2) / 1.5))

    return aside


def pushing_m(side: float) -> Callable[[np.ndarray], np.ndarray]:
    """How far aside one is who pushes the other off the seat."""
    return lambda time_s: side * SLIDE_M * (minimum_jerk((time_s - BEFORE_S) / SLIDE_S) - 1)


def walking_m(side: float) -> Callable[[np.ndarray], np.ndarray]:
    """How far aside one is who comes when the seat is being left."""
    return lambda time_s: side * WALK_M * (minimum_jerk((time_s - BEFORE_S - WALK_START_S) / WALK_S) - 1)


def walk(folder: Path, person: int) -> None:
    """The people of `change`, one after the other."""
    path = folder / f"walk_{person:03d}.npz"
    if path.exists():
        return
    seconds = BEFORE_S + AFTER_S + 2
    script = SCRIPTS[person % len(SCRIPTS)]
    first = session_of(2 * person, CHANGE_SEED, script, seconds)
    second = session_of(2 * person + 1, CHANGE_SEED, script, seconds)
    there = dataclasses.replace(second, distance_m=first.distance_m, offset_m=first.offset_m, turn_deg=first.turn_deg)
    room, side = draw_room(first.stream_seed("room")), 1.0 if person % 2 else -1.0
    leaving = view_of(first, Slid(surface_of(first), leaving_m(side)), room)
    coming = view_of(first, Slid(surface_of(there), walking_m(side)), room)
    start, both, stop = (round((BEFORE_S + after) * CHIRP.frame_rate_hz) for after in (0.0, 2.0, 4.0))
    empty = view_of(first, Nothing(), room)
    np.savez(path, walk=np.concatenate([together((leaving, coming), empty, start, both), looks_of(coming, both, stop)]))


def push(folder: Path, person: int) -> None:
    """As ``slide`` of `change`, but the second person has been sitting beside the first one all the time."""
    path = folder / f"push_{person:03d}.npz"
    if path.exists():
        return
    script = SCRIPTS[person % len(SCRIPTS)]
    seconds = BEFORE_S + AFTER_S + 2
    first = session_of(2 * person, CHANGE_SEED, script, seconds)
    second = session_of(2 * person + 1, CHANGE_SEED, script, seconds)
    there = dataclasses.replace(second, distance_m=first.distance_m, offset_m=first.offset_m, turn_deg=first.turn_deg)
    room, side = draw_room(first.stream_seed("room")), 1.0 if person % 2 else -1.0
    leaving = view_of(first, Slid(surface_of(first), leaving_m(side)), room)
    coming = view_of(first, Slid(surface_of(there), pushing_m(side)), room)
    start, both, stop = (round((BEFORE_S + after) * CHIRP.frame_rate_hz) for after in (-PUSH_S, 2.0, 4.0))
    empty = view_of(first, Nothing(), room)
    np.savez(path, push=np.concatenate([together((leaving, coming), empty, start, both), looks_of(coming, both, stop)]))


class Nothing:
    """A surface that the radar does not see: one facet far behind the radar's reach that reflects nothing."""

    mesh = Mesh(
        np.array([[0, 1, 2]], np.int32),
        np.zeros((1, 3, 2), np.float32),
        np.zeros(1, np.uint8),
        np.zeros(1, np.float32),
        np.zeros(1, bool),
    )

    def vertices(self, time_s: np.ndarray) -> np.ndarray:
        """See `Surface.vertices`."""
        points = np.array([[5.0, 0.0, 0.0], [5.0, 0.01, 0.0], [5.0, 0.0, 0.01]])
        return np.repeat(points[np.newaxis], len(time_s), axis=0)


def main() -> None:
    """Make what is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kind", choices=("stay", "change", "walk", "push"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--first", type=int, default=0, help="person or pair to begin with")
    parser.add_argument("--people", type=int, default=12, help="people or pairs up to which one goes on")
    parser.add_argument("--seconds", type=float, default=150.0, help="of each recording of one who stays")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for person in range(args.first, args.people):
        if args.kind == "change":
            change(args.folder, person)
        elif args.kind == "walk":
            walk(args.folder, person)
        elif args.kind == "push":
            push(args.folder, person)
        else:
            stay(args.folder, person, args.seconds)


if __name__ == "__main__":
    main()
