"""`faceedge view session`: what camera, event camera and radar of a synthetic session saw, on one time axis."""

from __future__ import annotations

import argparse
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from faceedge.cli.view import check_picture
from faceedge.errors import ConfigurationError, InputError
from faceedge.events.event import no_events
from faceedge.simulation.live.session_folder import SessionFolder, open_session

if TYPE_CHECKING:
    from faceedge.cli.sensor_pictures import Seen

LONGEST_S = 120.0
"""Of a picture: more would not be seen, and its events are held in memory."""
SHORTEST_S = 0.5
BAG = "session.mcap"
EPILOG = """\
Without --png it prints what is in the session, and when which expression was performed.

  faceedge view session faces/p000/s0
  faceedge view session faces/p000/s0 --png smile.png --from 1 --to 5
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `faceedge view session`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="of one session of `faceedge simulate`, such as OUT/p000/s0")
    add("--png", type=Path, metavar="FILE", help="draw the sensors and the truth on one time axis")
    add("--from", dest="start", type=float, default=0.0, metavar="S", help="of the picture, in s (default: 0)")
    add("--to", dest="stop", type=float, metavar="S", help="of the picture, in s (default: the session's end)")


def main(args: argparse.Namespace) -> int:
    """Describe or draw; 0.

    Raises:
        ConfigurationError: a time that is not in the session, or a picture that cannot be written.
        InputError: no session, a damaged one, one that is not whole, or one without files of its sensors.
    """
    session = open_session(args.folder.expanduser(), needs_radar=False)
    session.check_whole()
    if args.png is None:
        print("\n".join(described(session)))
        return 0
    check_picture(args.png)
    stop_s = session.duration_s if args.stop is None else args.stop
    check_span(args.start, stop_s, session.duration_s)
    from faceedge.cli.sensor_pictures import write_sensor_strip

    seen = read_seen(session, args.start, stop_s)
    write_sensor_strip(args.png, seen, ", ".join(headline(session)))
    shown = [name for name, there in _sensors(session).items() if there]
    print(f"{args.png}: {', '.join(shown)} from {args.start:g} to {stop_s:g} s of {session.folder}")
    return 0


def check_span(start_s: float, stop_s: float, duration_s: float) -> None:
    """Nothing where the span can be drawn; raises ConfigurationError otherwise."""
    if not (math.isfinite(start_s) and math.isfinite(stop_s) and start_s >= 0 and stop_s <= duration_s):
        raise ConfigurationError(f"--from and --to lie within the session, 0 to {duration_s:g} s.")
    if stop_s - start_s < SHORTEST_S:
        raise ConfigurationError(f"--to must be at least {SHORTEST_S:g} s after --from, {start_s:g} s.")
    if stop_s - start_s > LONGEST_S:
        raise ConfigurationError(
            f"a picture shows at most {LONGEST_S:g} s, and {stop_s - start_s:g} s are asked for; give --from and --to."
        )


def headline(session: SessionFolder) -> list[str]:
    """What the session is, in a few words."""
    facts = session.facts
    words = [str(facts.get("path") or session.folder.name)]
    if facts.get("synthetic"):
        words.append("synthetic")
    if facts.get("script"):
        words.append(f"script {facts['script']}")
    distance_m = facts.get("distance_m")
    if isinstance(distance_m, (int, float)):
        words.append(f"{100 * distance_m:.1f} cm")
    return words


def described(session: SessionFolder) -> list[str]:
    """The session in a few lines."""
    sensors = ", ".join(name for name, there in _sensors(session).items() if there)
    lines = [
        f"{', '.join(headline(session))}, {session.duration_s:g} s",
        f"recorded: {sensors or 'nothing that can be drawn'}",
    ]
    counts = session.facts.get("counts")
    if isinstance(counts, dict):
        lines.append("counts: " + ", ".join(f"{counts[name]:,} {name}" for name in counts if counts[name]))
    acts = session.facts.get("acts")
    return lines + [_act(act) for act in (acts if isinstance(acts, list) else [])]


def _act(act: dict[str, Any]) -> str:
    try:
        strength = f", intensity {act['intensity']:.2f}" if "intensity" in act else ""
        return f"{act['start_s']:6.2f} to {act['stop_s']:6.2f} s  {act['expression']}{strength}"
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"session.json lists an act without a name or a time: {error!r}.") from error


def _sensors(session: SessionFolder) -> dict[str, bool]:
    return {"camera": session.camera is not None, "events": session.has_events, "radar": session.has_radar}


def read_seen(session: SessionFolder, start_s: float, stop_s: float) -> Seen:
    """What each sensor saw within a span of the session.

    Raises:
        InputError: a file is damaged, or no sensor has one.
    """
    from faceedge.cli.sensor_pictures import Seen, moments

    if not any(_sensors(session).values()):
        only = f", only {BAG}; simulate it with the format arrays" if (session.folder / BAG).is_file() else ""
        raise InputError(f"the session {session.folder} has no files of a sensor{only}.")
    seen = Seen(stop_s - start_s, start_s=start_s, truth=_within(session.truth(), start_s, stop_s))
    with tempfile.TemporaryDirectory(prefix="faceedge-") as scratch:
        path = session.events_file(Path(scratch))
        if path is not None:
            _read_events(path, seen)
    if session.has_radar:
        _read_radar(session, seen)
    if session.camera is not None:
        _read_pictures(session.camera, seen, moments(seen))
    return seen


def _within(truth: dict[str, np.ndarray], start_s: float, stop_s: float) -> dict[str, np.ndarray]:
    """The rows of the truth within a span."""
    if "time_s" not in truth:
        return {}
    rows = len(truth["time_s"])
    first, last = np.searchsorted(truth["time_s"], (start_s, stop_s))
    return {name: values[first:last] if len(values) == rows else values for name, values in truth.items()}


def _read_events(path: Path, seen: Seen) -> None:
    """Events of the span, and as much of the sensor as was read out: the columns and rows in which there are any."""
    from faceedge.events.raw_file import RawReader

    first_us, last_us = round(1e6 * seen.start_s), round(1e6 * (seen.start_s + seen.duration_s))
    parts = [no_events()]
    with RawReader(path) as reader:
        for events in reader:
            parts.append(events[(events["t"] >= first_us) & (events["t"] < last_us)])
            if len(events) and events["t"][0] >= last_us:
                break
    seen.events = np.concatenate(parts)
    if len(seen.events):
        left, top = (int(seen.events[axis].min()) for axis in "xy")
        seen.events["x"] -= left
        seen.events["y"] -= top
        seen.sensor = (int(seen.events["x"].max()) + 1, int(seen.events["y"].max()) + 1)


def _read_radar(session: SessionFolder, seen: Seen) -> None:
    """The mean chirp of each frame, and micro range-Doppler images, of which each needs the frames before it."""
    from faceedge.radar.range_doppler import MICRO_FRAMES, MicroRangeDoppler, RangeDoppler

    chirp, cubes = session.chirp, session.cubes()
    period_s = chirp.frame_period_s
    first = max(0, math.ceil(seen.start_s / period_s - 1e-9))
    last = min(len(cubes), math.ceil((seen.start_s + seen.duration_s) / period_s - 1e-9))
    doppler, micro = RangeDoppler(chirp), MicroRangeDoppler(chirp)
    back_s = MICRO_FRAMES / 2 * period_s
    for index in range(max(0, first - MICRO_FRAMES), last):
        doppler(cubes[index])
        image = micro.push(doppler.range_spectrum, index)
        if image is not None:
            seen.micro.append(((index + 1) * period_s - back_s, image.copy()))
        if index >= first:
            seen.profiles.append((index * period_s, np.asarray(cubes[index].mean(axis=1))))
    seen.chirp = chirp


def _read_pictures(path: Path, seen: Seen, chosen: list[float]) -> None:
    """The pictures nearest to the chosen moments, as they lie in the file."""
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
    try:
        rate_hz, count = video.get(cv2.CAP_PROP_FPS), int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        if not video.isOpened() or not rate_hz > 0 or count < 1:
            raise InputError(f"the pictures {path} cannot be read; the file is damaged.")
        for moment in chosen:
            index = min(round(moment * rate_hz), count - 1)
            video.set(cv2.CAP_PROP_POS_FRAMES, index)
            good, data = video.read()
            if not good:
                raise InputError(f"picture {index} of {path} cannot be read; the file is damaged.")
            seen.pictures.append((index / rate_hz, data.tobytes()))
    finally:
        video.release()
