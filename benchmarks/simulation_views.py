"""Both cameras of a synthetic person: rendered frames a second on one core, and what takes the time."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import count

import numpy as np
from rows import Row, at_least, one_core, timed

from faceedge.events.evt3 import EncoderState, encode
from faceedge.simulation.events.pixels import Pixels
from faceedge.simulation.events.settings import REFERENCE_LUX
from faceedge.simulation.sessions.dataset import plan
from faceedge.simulation.sessions.options import Options
from faceedge.simulation.sessions.stage import RealStage

LEAST_RATE = 30.0
SIDE_PX = 320
STEP_HZ = 1000
DURATION_S = 20.0
SCRIPT = "talk"
"""Lips that never rest: nearly as many events as there can be."""


def stage(size: tuple[int, int], light: str = "day") -> RealStage:
    """Somebody who talks, 30 cm from the sensors."""
    options = Options(
        people=1,
        sessions=1,
        duration_s=DURATION_S,
        sensors=("events", "camera"),
        script=SCRIPT,
        distance_m=(0.30, 0.30),
        event_rate_hz=STEP_HZ,
        camera_size=size,
        camera_mode=light,
        seed=1,
    )
    return RealStage(plan(options)[0])


def each(function: Callable[[float], object], step_s: float) -> Callable[[], object]:
    """A call with the next moment each time."""
    steps = count(1)
    return lambda: function(next(steps) * step_s % DURATION_S)


def event_rows(runs: int) -> list[Row]:
    """The event camera: its steps, and the parts of a step."""
    seen = stage((SIDE_PX, SIDE_PX))
    view, state, amounts = seen.event_view, EncoderState(), [0, 0]
    renderer = view._renderer

    def step(time_s: float) -> None:
        events = view.advance(time_s)
        amounts[0] += len(events)
        amounts[1] += len(encode(events, state=state, width=SIDE_PX, height=SIDE_PX))

    before = view.rendered
    step_ms, _ = timed(each(step, 1 / STEP_HZ), runs)
    spent_s = view.time_us * 1e-6
    pictures, rate_hz = (view.rendered - before) / (spent_s * STEP_HZ), amounts[0] / spent_s
    render_ms, _ = timed(each(renderer.radiance, 1 / STEP_HZ), runs)
    points_ms, _ = timed(each(lambda time_s: seen.surface.vertices(np.array([time_s])), 1 / STEP_HZ), runs)

    pixels = Pixels(SIDE_PX, SIDE_PX, gain=seen.light().illuminance_lux / REFERENCE_LUX)
    light = [renderer.radiance(index / STEP_HZ).copy() for index in range(50)]
    pixels.start(light[0], 0)
    steps = count(1)

    def pixel_step() -> None:
        index = next(steps)
        pixels.step(light[49 - abs(49 - index % 98)], 1000 * index)  # forth and back: no jump

    pixels_ms, _ = timed(pixel_step, runs)
    events = view.advance(spent_s + 2.0)
    encode_ms, _ = timed(lambda: encode(events, state=EncoderState(), width=SIDE_PX, height=SIDE_PX), max(runs // 5, 5))
    size = f"{SIDE_PX} x {SIDE_PX}"
    return [
        at_least(
            f"event camera, {size}, rendered, seen and encoded",
            1e3 / step_ms * pictures,
            "frames/s",
            LEAST_RATE,
            f"at {STEP_HZ} steps/s and {rate_hz / 1e3:.0f} kev/s: {1 / step_ms:.2f} x real time",
        ),
        Row("of a frame: where the person is", points_ms, "ms", note=f"{seen.body.mesh.triangles.max() + 1:,} points"),
        Row("of a frame: rendering, points included", render_ms, "ms"),
        Row("of a frame: pixels", pixels_ms, "ms"),
        Row("EVT3 encoding", len(events) / encode_ms / 1e3, "Mev/s", note=f"{len(events):,} events at once"),
    ]


def camera_row(size: tuple[int, int], light: str, least: float | None, runs: int) -> Row:
    """Pictures of the camera: motion blur, photons, noise, gain and curve included."""
    seen = stage(size, light)
    frame_ms, _ = timed(each(seen.picture, 1 / 30), runs)
    rate = 1e3 / frame_ms
    name = f"camera, {size[0]} x {size[1]}, {light}, exposure and noise included"
    return Row(name, rate, "frames/s") if least is None else at_least(name, rate, "frames/s", least)


def section(args: argparse.Namespace) -> list[Row]:
    """Measure on one core."""
    runs = max(args.runs, 10)
    with one_core(args.core):
        return [
            *event_rows(5 * runs),
            camera_row((SIDE_PX, SIDE_PX), "day", LEAST_RATE, runs),
            camera_row((SIDE_PX, SIDE_PX), "nir", None, runs),
            camera_row((640, 480), "day", None, runs),
            camera_row((640, 480), "dark", None, runs),
        ]
