"""The radar's view of a synthetic person: frames a second, against plain NumPy, and how far it is from closed forms."""

from __future__ import annotations

import argparse
import itertools
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from radar_processing import allocated
from rows import Row, at_least, at_most, one_core, timed

from faceedge.radar.chirp import SPEED_OF_LIGHT_M_S
from faceedge.radar.chirp_files import load_chirp_file
from faceedge.simulation.performance.performance import perform
from faceedge.simulation.performance.placement import Placement
from faceedge.simulation.person.acting import Acting
from faceedge.simulation.person.body import Body
from faceedge.simulation.person.person import draw_person
from faceedge.simulation.radar.front_end import FrontEnd
from faceedge.simulation.radar.reflectors import corner, plate, sphere
from faceedge.simulation.radar.room import Room, draw_room
from faceedge.simulation.radar.view import RadarView
from faceedge.simulation.surface import Mesh

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from radar_surfaces import cross_section_db, wavelength_m

FULL_BAND = load_chirp_file("bgt60_face_full_band").chirp
FACETS = 5000
EDGE_M = 5e-3
PEOPLE, SESSIONS, SESSION_S = 30, 4, 30.0
PEOPLE_COMPARED, ROOMS_COMPARED = (1, 2, 3), (1, 2, 3, 4)
FAR_M = 20.0
LEAST_RATE, MOST_DB, MOST_BYTES = 20.0, 1.0, 0.5


class Part:
    """A surface with only some of another one's triangles, taken evenly."""

    def __init__(self, surface: Acting, facets: int) -> None:
        mesh = surface.mesh
        chosen = np.linspace(0, len(mesh.triangles) - 1, min(facets, len(mesh.triangles))).astype(int)
        self._surface = surface
        self.mesh = Mesh(
            mesh.triangles[chosen],
            mesh.corner_uv[chosen],
            mesh.part[chosen],
            mesh.reflection[chosen],
            mesh.opaque[chosen],
        )

    def vertices(self, time_s: np.ndarray) -> np.ndarray:
        """See `Surface.vertices`."""
        return self._surface.vertices(time_s)


def person(edge_m: float | None = EDGE_M, seed: int = 1) -> Acting:
    """Somebody who talks, 30 cm from the radar."""
    somebody = draw_person(seed)
    return Acting(Body(somebody, longest_edge_m=edge_m), perform(somebody, Placement(0.30), "talk", 10.0, 1))


class UsualNumpy:
    """The same sum as one writes it down with NumPy: all phases of every chirp, and a matrix product a receiver.

    Range bins are those of the middle of the frame. Amplitudes and what is seen are given to it: it does no depth test,
    and the phase within a facet is left out.
    """

    def __init__(self, view: RadarView, weights: np.ndarray) -> None:
        self._view, self._weights = view, weights
        self._triangles = view.surface.mesh.triangles

    def __call__(self, index: int) -> np.ndarray:
        """(rx, chirp, sample) float32."""
        chirp, receiver = self._view.chirp, self._view.receiver
        time_s = index * chirp.frame_period_s + np.arange(chirp.chirps_per_frame) * chirp.chirp_period_s
        centre = self._view.surface.vertices(time_s)[:, self._triangles].mean(axis=2)
        there_m = np.linalg.norm(centre - receiver.tx_m, axis=2)
        sampled_s = np.arange(chirp.samples_per_chirp) / chirp.sample_rate_hz
        out = np.empty(chirp.cube_shape, np.float32)
        for rx, place in enumerate(receiver.rx_m):
            delay_s = (there_m + np.linalg.norm(centre - place, axis=2)) / SPEED_OF_LIGHT_M_S
            turns = receiver.first_hz * delay_s - chirp.slope_hz_per_s * delay_s**2 / 2
            start = np.exp(2j * math.pi * (turns % 1)).astype(np.complex64) * self._weights[rx]
            beat_hz = chirp.slope_hz_per_s * delay_s[len(delay_s) // 2]
            tones = np.exp((2j * math.pi * np.outer(beat_hz, sampled_s)).astype(np.complex64))
            out[rx] = (start @ tones).real
        return out


def each(function: Callable[[int], object]) -> Callable[[], object]:
    """A call of the next frame each time."""
    index = iter(range(100_000))
    return lambda: function(next(index) % 150)


def speed(args: argparse.Namespace) -> list[Row]:
    """Frames a second on one core."""
    whole = person()
    part = Part(whole, FACETS)
    view, alone = RadarView(FULL_BAND, part, room=draw_room(1)), RadarView(FULL_BAND, part)
    everything = RadarView(FULL_BAND, whole, room=draw_room(1))
    usual = UsualNumpy(alone, np.ones((3, FACETS), np.complex64))
    instants_s = np.arange(5) * 16 * FULL_BAND.chirp_period_s
    runs = max(args.runs, 5)
    with one_core(args.core):
        with_room, _ = timed(each(view.cube), runs)
        without, _ = timed(each(alone.cube), runs)
        facets, _ = timed(each(everything.cube), runs)
        vertices, _ = timed(each(lambda index: part.vertices(index * 0.05 + instants_s)), runs)
        noise, _ = timed(each(view.receiver.noise), runs)
        usual_ms, _ = timed(each(usual), max(runs // 20, 2))
        exact = Room(view.room.clutter_m, view.room.rcs_m2, view.room.mirrors, 1)
        undecimated, _ = timed(each(RadarView(FULL_BAND, part, room=exact).cube), runs)
    peak, kept = allocated(each(view.cube), 20)
    count = len(whole.mesh.triangles)
    hours = PEOPLE * SESSIONS * SESSION_S * FULL_BAND.frame_rate_hz * facets / 3.6e6
    return [
        at_least(
            f"frames with {FACETS:,} facets, wall and desk", 1e3 / with_room, "frames/s", LEAST_RATE, "3 x 64 x 128"
        ),
        at_least("without wall and desk", 1e3 / without, "frames/s", LEAST_RATE),
        at_least(f"{count:,} facets: all of a person", 1e3 / facets, "frames/s", LEAST_RATE, "edges of 5 mm"),
        Row(
            "plain NumPy, a product a receiver",
            1e3 / usual_ms,
            "frames/s",
            note=f"{usual_ms / without:.0f} times slower",
        ),
        Row("of a frame: where the person is", vertices, "ms", note="5 instants"),
        Row("of a frame: noise", noise, "ms"),
        Row("all facets in wall and desk", 1e3 / undecimated, "frames/s", note="instead of one in eight"),
        Row("30 people x 4 sessions x 30 s", hours, "core hours", note="radar alone"),
        Row("allocated at once during a frame", peak, "bytes"),
        at_most("kept by a frame", kept, "bytes", 64),
    ]


def _decimation_db() -> tuple[float, float, float]:
    """Power that comes by wall and desk, one facet in eight against all: of all together, least and most of a pair."""
    quiet = FrontEnd(leakage_db=-300.0)
    sums, ratios = np.zeros(2), []
    for seed, room in itertools.product(PEOPLE_COMPARED, map(draw_room, ROOMS_COMPARED)):
        surface = person(seed=seed)
        free = RadarView(FULL_BAND, surface, front_end=quiet)
        power = []
        for decimation in (1, 8):
            view = RadarView(
                FULL_BAND, surface, room=Room(mirrors=room.mirrors, decimation=decimation), front_end=quiet
            )
            rest = [view.if_signal(index) - free.if_signal(index) for index in (0, 30, 60)]
            power.append(float(np.mean(np.square(rest))))
        sums += power
        ratios.append(power[1] / power[0])
    all_db, least_db, most_db = (10 * math.log10(ratio) for ratio in (sums[1] / sums[0], min(ratios), max(ratios)))
    return all_db, least_db, most_db


def _convergence_db() -> tuple[float, float]:
    """Facets of half the edge against those in use: power of the difference, and of the sum, against the signal's."""
    quiet = FrontEnd(leakage_db=-300.0)
    signal = difference = finer = 0.0
    for seed in PEOPLE_COMPARED:
        views = [RadarView(FULL_BAND, person(edge_m, seed), front_end=quiet) for edge_m in (EDGE_M, EDGE_M / 2)]
        for index in range(0, 100, 10):
            coarse, fine = (view.if_signal(index) for view in views)
            signal += float(np.square(coarse).sum())
            difference += float(np.square(coarse - fine).sum())
            finer += float(np.square(fine).sum())
    return 10 * math.log10(difference / signal), 10 * math.log10(finer / signal)


def _flat_plate_db(side_m: float, turn_deg: float) -> float:
    turn = math.radians(turn_deg)
    sinc = float(np.sinc(2 * side_m * math.sin(turn) / wavelength_m()))
    return 10 * math.log10(4 * math.pi * side_m**4 / wavelength_m() ** 2 * (math.cos(turn) * sinc) ** 2)


def physics() -> list[Row]:
    """Largest deviations from closed forms."""
    turns = (0.0, 0.7, 1.5, 4.0, 4.3, 7.1)
    plates = [cross_section_db(plate(FAR_M, 0.05, 0.05, 2.5e-3, t), FAR_M) - _flat_plate_db(0.05, t) for t in turns]
    spheres = [
        cross_section_db(sphere(FAR_M, radius, edge), FAR_M) - 10 * math.log10(math.pi * radius**2)
        for radius, edge in ((0.05, 2.5e-3), (0.05, 5e-3), (0.1, 5e-3))
    ]
    corners = []
    for edge in (0.05, 0.08):
        mesh, points, mirrors = corner(FAR_M, edge, 2.5e-3)
        expected = 10 * math.log10(12 * math.pi * edge**4 / wavelength_m() ** 2)
        corners.append(cross_section_db((mesh, points), FAR_M, mirrors) - expected)
    changed_db, power_db = _convergence_db()
    by_walls_db, least_db, most_db = _decimation_db()
    pairs = f"against all facets; single people and rooms {least_db:+.1f} to {most_db:+.1f} dB"
    compared = f"of the signal, {len(PEOPLE_COMPARED)} people who talk, no room, no noise"
    return [
        at_most(
            "plate, up to the second side lobe", max(map(abs, plates)), "dB", MOST_DB, "against 4 pi A^2 / l^2, sinc"
        ),
        at_most("sphere", max(map(abs, spheres)), "dB", MOST_DB, "against pi a^2; facets of half to one wavelength"),
        at_most("corner reflector", max(map(abs, corners)), "dB", MOST_DB, "against 12 pi L^4 / l^2; three bounces"),
        Row(
            f"edges of {EDGE_M / 2e-3:g} mm instead of {1e3 * EDGE_M:g} mm: difference", changed_db, "dB", note=compared
        ),
        Row("and power", power_db, "dB", note=compared),
        Row("power by wall and desk, 1 facet in 8", by_walls_db, "dB", note=pairs),
    ]


def section(args: argparse.Namespace) -> list[Row]:
    """Speed, then physics."""
    return [*speed(args), *physics()]
