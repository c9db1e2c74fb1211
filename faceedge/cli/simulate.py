"""`faceedge simulate`: data sets of synthetic people in front of a radar, an event camera and a camera."""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from faceedge.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.progress import Progress, TaskID

    from faceedge.simulation.sessions.dataset import DataSet, Totals
    from faceedge.simulation.sessions.options import Options

NEEDED = ("numba", "joblib")
"""Packages of the extra ``sim`` without which nothing can be simulated."""
EPILOG = """\
A data set has this form; every session is one recording of one person:

  OUT/manifest.json               seed, versions, every parameter, what was made
  OUT/splits/*.csv                same_recording, session_disjoint, person_disjoint
  OUT/p000/s0/session.json        everything about the session
  OUT/p000/s0/truth.npz           what was really so, at 1 kHz
  OUT/p000/s0/radar/              a recording folder as the vendor's tool writes it
  OUT/p000/s0/events.raw          EVT3, as an event camera's own recorder writes it
  OUT/p000/s0/camera.avi          with --sensors camera
  OUT/p000/s0/session.mcap        with --formats mcap: the ROS topics, truth among them

A run that was stopped or killed goes on when the same command is given again. All of it
is synthetic: good for developing and for training what is then tested on real people.

  faceedge simulate small --people 2 --sessions 2 --seconds 20
  faceedge simulate faces --people 30 --sessions 4 --minutes 2 --formats arrays,mcap
  faceedge simulate talk --script talk --sensors radar,events,camera --dry-run
  faceedge simulate faces --people 300 --backend dask --address tcp://192.0.2.1:8786
"""
_LOOK_PERIOD_S = 0.5
_LINE_PERIOD_S = 10.0
"""Without a terminal, a line is printed this often."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `faceedge simulate`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("folder", type=Path, metavar="OUT", help="folder of the data set; made, or gone on with")
    _add_size(parser.add_argument_group("how much"))
    _add_content(parser.add_argument_group("what"))
    _add_running(parser.add_argument_group("how"))


def _add_size(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--people", type=int, default=2, metavar="N", help="each with a face of their own (default: 2)")
    add("--sessions", type=int, default=2, metavar="N", help="recordings of each person: another day (default: 2)")
    lengths = group.add_mutually_exclusive_group()
    lengths.add_argument("--seconds", type=float, metavar="S", help="length of each recording (default: 10)")
    lengths.add_argument("--minutes", type=float, metavar="M", help="the same in minutes")


def _add_content(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--sensors", default="radar,events", metavar="LIST", help="of radar,events,camera (default: radar,events)")
    add("--formats", default="arrays", metavar="LIST", help="of arrays,mcap,aedat4 (default: arrays)")
    add(
        "--script",
        default="fooder",
        metavar="NAME",
        help="what the people do: fooder (neutral, smile, shock, anger), basic (seven expressions), learning (four "
        "states of a learner), micro, name_call, talk, mixed, still, sweep (of the head, slowly; default: fooder)",
    )
    add(
        "--chirp",
        default="bgt60_face_food",
        metavar="FILE",
        help="chirp file of the radar, or the name of one that ships (default: bgt60_face_food)",
    )
    add(
        "--distance-cm",
        type=float,
        nargs=2,
        default=(18.0, 45.0),
        metavar=("NEAR", "FAR"),
        help="from the radar to the tip of the nose; each session draws its own (default: 18 45)",
    )
    add("--masks", type=float, default=0.0, metavar="SHARE", help="of sessions with a mask, 0 to 1 (default: 0)")
    add("--events", default="genx320", metavar="NAME", help="event camera: genx320 or evk4 (default: genx320)")
    add("--events-rate", type=int, default=1000, metavar="HZ", help="pictures that its pixels see (default: 1000)")
    add("--light", default="day", metavar="MODE", help="in the room: day, dim, dark, nir (near infrared; default: day)")
    add("--camera-size", default="640x480", metavar="WxH", help="of its pictures (default: 640x480)")
    add("--camera-rate", type=float, default=30.0, metavar="HZ", help="pictures a second (default: 30)")
    add("--seed", type=int, default=0, metavar="N", help="everything follows from it; other seeds, other people")


def _add_running(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--jobs", type=int, metavar="N", help="sessions at the same time (default: one for each core)")
    add(
        "--backend",
        default="loky",
        metavar="NAME",
        help="loky: processes on this machine; dask or ray: a cluster, whose machines all see OUT (default: loky)",
    )
    add("--address", default="", metavar="URL", help="of the cluster's scheduler; without it one is started here")
    add("--dry-run", action="store_true", help="print what would be made and how large it would be, and stop")


def main(args: argparse.Namespace, out: TextIO | None = None) -> int:
    """Make the data set, or what is missing of it; 0.

    Raises:
        ConfigurationError: the extra ``sim`` is not installed, an option is impossible, or OUT holds something else.
        DeviceError: the disk is full, or a worker was killed.
    """
    out = out or sys.stdout
    check_installed()
    options = parse_options(args)
    if "aedat4" in options.formats:
        check_installed(("faery",))
    jobs = cores() if args.jobs is None else args.jobs
    from faceedge.simulation.sessions.backends import check_backend
    from faceedge.simulation.sessions.dataset import DataSet, plan

    check_backend(jobs, args.backend, args.address)
    folder = args.folder.expanduser()
    data = DataSet(folder, options, plan(options))
    if args.dry_run:
        print("\n".join(described(data)), file=out)
        return 0
    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            stack.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, signal.default_int_handler))
        stack.enter_context(data.prepare(lambda text: print(text, file=sys.stderr)))
        begun = time.monotonic()
        missing = len(data.missing)
        if 0 < missing < len(data.sessions):
            print(f"{len(data.sessions) - missing} of {len(data.sessions)} sessions are there already.", file=out)
        with _watched(data, out):
            for _ in data.run(jobs, args.backend, args.address):
                pass
        taken_s = time.monotonic() - begun
        made_s = missing * options.duration_s
        print("\n".join(summary(folder, data.finish(), made_s, taken_s)), file=out)
    return 0


def check_installed(names: Sequence[str] = NEEDED) -> None:
    """Raises ConfigurationError where a package of the extra ``sim`` is missing."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise ConfigurationError(
                f"`faceedge simulate` needs the Python package {name!r}, which is not installed; `pip install "
                "'faceedge[sim]'` brings it."
            )


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def parse_options(args: argparse.Namespace) -> Options:
    """What the data set is asked to be; raises ConfigurationError."""
    from faceedge.simulation.sessions.options import Options

    seconds = 60 * args.minutes if args.minutes is not None else 10.0 if args.seconds is None else args.seconds
    near_cm, far_cm = args.distance_cm
    return Options(
        people=args.people,
        sessions=args.sessions,
        duration_s=float(seconds),
        sensors=_listed(args.sensors),
        formats=_listed(args.formats),
        script=args.script,
        chirp=args.chirp,
        distance_m=(near_cm / 100, far_cm / 100),
        masks=args.masks,
        event_geometry=args.events,
        event_rate_hz=args.events_rate,
        camera_mode=args.light,
        camera_size=_size(args.camera_size),
        camera_rate_hz=args.camera_rate,
        seed=args.seed,
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ConfigurationError(f"--camera-size is WIDTHxHEIGHT such as 640x480, got {text!r}.")
    return int(width), int(height)


# --- what it says -----------------------------------------------------------------------------------------------------


def described(data: DataSet) -> list[str]:
    """The plan, for people."""
    from faceedge.simulation.sessions.dataset import estimated_bytes, gigabytes

    options, sessions = data.options, data.sessions
    hours = len(sessions) * options.duration_s / 3600
    lines = [
        f"{data.folder}: {options.people} people x {options.sessions} sessions x {options.duration_s:g} s = "
        f"{duration(3600 * hours)} of {', '.join(options.sensors)}, as {', '.join(options.formats)}",
        f"script {options.script}, chirp {options.chirp}, seed {options.seed}",
        f"about {gigabytes(estimated_bytes(sessions, options.formats))}",
        "",
        "session   distance   left, up        yaw, pitch, roll      chip             light",
    ]
    shown = sessions if len(sessions) <= _MOST_SHOWN else (*sessions[: _MOST_SHOWN - 1], sessions[-1])
    for number, session in enumerate(shown):
        if len(shown) < len(sessions) and number == len(shown) - 1:
            lines.append(f"... {len(sessions) - len(shown)} more")
        left, up = (100 * metres for metres in session.offset_m)
        yaw, pitch, roll = session.turn_deg
        lines.append(
            f"{session.path:9} {100 * session.distance_m:5.1f} cm   {left:+5.1f} {up:+5.1f} cm   "
            f"{yaw:+6.1f} {pitch:+6.1f} {roll:+6.1f} deg  {session.temperature_c:4.1f} +{session.warming_c:.1f} C   "
            f"x {session.light:.2f}{'   mask' if session.mask else ''}"
        )
    return lines


_MOST_SHOWN = 20


def summary(folder: Path, totals: Totals, made_s: float, taken_s: float) -> list[str]:
    """What was made, for people."""
    from faceedge.simulation.sessions.dataset import gigabytes

    counts = [
        f"{count} {name}"
        for name, count in (
            ("radar frames", f"{totals.frames:,}" if totals.frames else ""),
            ("events", f"{totals.events:,}" if totals.events else ""),
            ("pictures", f"{totals.pictures:,}" if totals.pictures else ""),
        )
        if count
    ]
    lines = [
        f"{folder}: {totals.sessions} synthetic sessions, {duration(totals.seconds)}, {', '.join(counts)}, "
        f"{gigabytes(totals.size)}",
    ]
    if made_s:
        lines.append(f"{duration(made_s)} made in {duration(taken_s)}: {made_s / max(taken_s, 1e-3):.2f} x real time")
    else:
        lines.append("All of it was there already.")
    lines.append(_performed(totals.expressions))
    lines.append(f"splits: {', '.join(totals.splits) or 'none'}")
    if len(totals.splits) < _SPLITS:
        lines.append("The others need at least two sessions of each person, and two people.")
    return lines


_SPLITS = 3


def _performed(expressions: Mapping[str, int]) -> str:
    """Which expressions there are; the recordings may be too short for any."""
    if not set(expressions) - {"neutral"}:
        return "expressions: none but neutral, because nothing else was asked for or fits into so few --seconds"
    ranked = sorted(expressions.items(), key=lambda item: (-item[1], item[0]))
    return f"expressions: {', '.join(f'{count} {name}' for name, count in ranked)}"


def duration(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def paced(recorded_s: float, total_s: float, taken_s: float) -> str:
    """How fast it goes, and how long it still takes."""
    if recorded_s <= 0:
        return "building people and compiling"
    rate = recorded_s / max(taken_s, 1e-3)
    left_s = (total_s - recorded_s) / rate
    left = duration(max(1.0, round(left_s) if left_s < 120 else left_s))
    return f"{rate:.2f} x real time" + (f", {left} left" if recorded_s < total_s else "")


# --- while it works ---------------------------------------------------------------------------------------------------


@contextmanager
def _watched(data: DataSet, out: TextIO) -> Iterator[None]:
    """Shows how far it is, from a thread, because one job works in this one."""
    total_s = sum(session.duration_s for session in data.missing)
    if not total_s:
        yield
        return
    view = _Bar(len(data.missing), total_s) if out.isatty() else _Lines(len(data.missing), total_s, out)
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(_LOOK_PERIOD_S):
            view.show(*data.progress())

    watcher = threading.Thread(target=look, name="progress", daemon=True)
    with view:
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            watcher.join()
            view.show(*data.progress())


class _Lines:
    """Progress where nobody looks: a line now and then."""

    def __init__(self, sessions: int, total_s: float, out: TextIO) -> None:
        self._sessions, self._total_s, self._out = sessions, total_s, out
        self._begun = self._printed = time.monotonic()
        self._shown = 0

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""

    def show(self, done: int, recorded_s: float) -> None:
        """A line, if one is due."""
        now = time.monotonic()
        if done == self._shown and now - self._printed < _LINE_PERIOD_S:
            return
        self._printed, self._shown = now, done
        pace = paced(recorded_s, self._total_s, now - self._begun)
        print(
            f"{done} of {self._sessions} sessions, {recorded_s:.0f} of {self._total_s:.0f} s, {pace}",
            file=self._out,
            flush=True,
        )


class _Bar:
    """Progress in a terminal."""

    def __init__(self, sessions: int, total_s: float) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._sessions, self._total_s = sessions, total_s
        self._begun = time.monotonic()
        self._progress: Progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rate]}"), TimeElapsedColumn()
        )
        self._task: TaskID = self._progress.add_task(self._words(0, 0.0), total=total_s, rate="")

    def _words(self, done: int, recorded_s: float) -> str:
        return f"{done} of {self._sessions} sessions, {recorded_s:.0f} of {self._total_s:.0f} s"

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, done: int, recorded_s: float) -> None:
        """Where it is now."""
        pace = paced(recorded_s, self._total_s, time.monotonic() - self._begun)
        self._progress.update(self._task, completed=recorded_s, description=self._words(done, recorded_s), rate=pace)
