"""`faceedge demo`: the real nodes over the real DDS on a real face, without any hardware.

A clip goes into the camera node, faces come out of the face node, and an emulated radar talks to the radar node over a
serial port, each in a process of its own; this process records every message, shows what comes while it comes, and
leaves a bag, a video, picture strips and a page behind. Then the radar alone tells a person from strangers, see
:mod:`faceedge.cli.demo_faces`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from faceedge.cli import demo_faces, demo_person, demo_radar
from faceedge.errors import ConfigurationError, FaceedgeError, ModelError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress

    from faceedge.cli.demo_person import Person
    from faceedge.cli.report import Outcome
    from faceedge.cli.scoreboard import Scoreboard
    from faceedge.cli.terminal_view import Progress
    from faceedge.nodes.observer import Observer

OUTPUTS = (
    "index.html",
    "summary.json",
    "strip.png",
    "radar.png",
    "sensors.png",
    "faces.webm",
    "faces.mp4",
    "bag",
    demo_faces.RESULT_FILE,
)
"""What an earlier run may have left in the output folder, and what this one removes before it starts."""
READY_TIMEOUT_S = 60.0
VIEW_PERIOD_S = 0.2
PLAIN_PERIOD_S = 2.0
LAST_FRAMES = 1.5
"""The clip is over at its last frame, whose stamp is one period before the clip's end; half a period for rounding."""
QUIET_END_S = 1.5
"""It is over as well when no picture came for so long, because the last one was lost."""
CAMERA, FACES = "/camera", "/faces"
PICTURES = f"{CAMERA}/image_raw/compressed"
_OTHERS = (f"{CAMERA}/camera_info", "/tf", "/diagnostics", "/humans/")
RECORDED = (PICTURES, *_OTHERS, *demo_radar.RECORDED, *demo_person.RECORDED)
SMALLEST_VIEW = (78, 24)
PARTS = ("all", "sensors", "authentication")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `faceedge demo`."""
    add = parser.add_argument
    add("--output", type=Path, default=Path("demo_output"), metavar="FOLDER", help="default: %(default)s")
    add("--clip", type=Path, action="append", default=[], metavar="FILE", help="show this video instead")
    add("--seconds", type=float, default=0.0, help="show only so much (default: all)")
    add(
        "--part",
        choices=PARTS,
        default=PARTS[0],
        help="all; sensors: camera, events and radar; authentication: by radar alone (default: all; --clip and "
        "--seconds leave authentication out)",
    )
    add("--plain", action="store_true", help="lines instead of the live view, as without a terminal")


def main(args: argparse.Namespace) -> int:
    """Run the demonstration; 0, or a FaceedgeError whose sentence includes the end of the failed node's log."""
    from rich.console import Console

    if args.seconds < 0:
        raise ConfigurationError(f"--seconds must be 0 or more, got {args.seconds:g}.")
    console = Console(highlight=False)
    output = prepare_output(args.output)
    with _terminate_as_interrupt(), tempfile.TemporaryDirectory(prefix="faceedge-") as work:
        if args.part == PARTS[2]:
            shown = demo_faces.run(console, output, Path(work))
            print(f"Outputs: authentication {_short(output / demo_faces.RESULT_FILE)}" if shown else "Outputs: none")
            return 0
        board, outcome = _run(args, console, output, Path(work))
        if args.part == PARTS[0] and not args.clip and not args.seconds:
            outcome.authentication = _authentication(console, output, Path(work), outcome.notes)
        _finish(console, board, outcome)
    return 0


def _authentication(console: Console, output: Path, work: Path, notes: list[str]) -> dict[str, Any] | None:
    """The second part; a note where it does not work, because the first one has its results already."""
    try:
        return demo_faces.run(console, output, work)
    except FaceedgeError as error:
        notes.append(f"Radar authentication: {error}")
        return None


def prepare_output(folder: Path) -> Path:
    """Make the output folder and remove what an earlier run left there, and nothing else."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in OUTPUTS:
            path = folder / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"the output folder {folder} cannot be used: {error.strerror}.") from error
    return folder.resolve()


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """SIGTERM and SIGHUP end the demonstration as Ctrl-C does: with its processes."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _run(args: argparse.Namespace, console: Console, output: Path, work: Path) -> tuple[Scoreboard, Outcome]:
    from faceedge.cli import demo_scenes
    from faceedge.cli.children import Children, isolated_environment
    from faceedge.cli.report import Outcome
    from faceedge.cli.scoreboard import Scoreboard

    try:
        from faceedge.nodes.observer import Observer
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"ROS 2 is not available in this Python ({error.name} is missing); start ./demo, which prepares it, or "
            "source a ROS distribution. `faceedge doctor` says more."
        ) from error

    notes: list[str] = []
    expression = _has_expression(notes)
    person = demo_person.find_person(work, notes)
    scenes = demo_scenes.find_scenes(demo_scenes.data_folder(), args.clip)
    first = None if person is None or args.clip else demo_person.scene(person)
    scenes = demo_scenes.shorten([first, *scenes] if first else scenes, args.seconds)
    clip = work / "clip.avi"
    board = Scoreboard()
    os.environ.update(isolated_environment())
    os.environ.setdefault("ROS_LOG_DIR", str(work))
    with Children(work) as children:
        radar = None if person is None else demo_radar.start_emulator(children, work, person, notes)
        with _progress(console) as progress:
            task = progress.add_task("making the clip", total=sum(scene.frames for scene in scenes))
            chapters = demo_scenes.write_clip(scenes, clip, lambda frames: progress.advance(task, frames))
        outcome = Outcome(output, chapters, demo_scenes.RATE_HZ, bag=output / "bag", expression=expression, notes=notes)
        played = person if first else None
        if played is not None:
            outcome.session = played.session
        children.start("camera", "faceedge.nodes.camera_node", {"source": "video", "path": str(clip)})
        children.start("face", "faceedge.nodes.face_node", face_parameters(expression))
        if radar is not None:
            children.start("radar", "faceedge.nodes.radar_node", demo_radar.node_parameters(radar))
        if played is not None:
            demo_person.start_event_node(children, played)
        observer = Observer(board, outcome.bag, lambda topic, _: topic.startswith(RECORDED))
        observer.start()

        def check() -> None:
            children.check()
            _raise_troubles(board, observer)

        try:
            with console.status("starting the nodes ..."):
                _make_ready(observer, radar, played, check)
                files = (CAMERA, demo_person.EVENT_CAMERA) if played is not None and played.events else (CAMERA,)
                board.first_stamp_ns = demo_person.start(observer, person, chapters[0][1], files, check)
                _start_playing(observer, radar, played, check)
            total_s = (chapters[-1][1] + chapters[-1][2]) / demo_scenes.RATE_HZ
            _watch(args, console, board, outcome, total_s, check)
        finally:
            children.stop()
            observer.stop()
    if board.pictures == 0:
        raise FaceedgeError("no picture arrived; `faceedge doctor` may say why.")
    return board, outcome


def _raise_troubles(board: Scoreboard, observer: Observer) -> None:
    """End at once where a node says on /diagnostics that it cannot work, or where nobody listens any more.

    The radar node opens a lost device again by itself, and faces do not need it: it may have its trouble.
    """
    if observer.failed:
        observer.stop()  # raises why
    with board.lock:
        sensors = (demo_radar.is_radar, demo_person.is_event_camera)
        reports = [(name, *board.nodes[name][:2]) for name in board.nodes if not any(is_of(name) for is_of in sensors)]
    troubles = [f"{name}: {message}" for name, level, message in reports if level == "ERROR"]
    if troubles:
        raise FaceedgeError("a node cannot work: " + "; ".join(troubles))


def face_parameters(expression: bool) -> dict[str, Any]:
    """Parameters of the face node: faces near and far, and affect because all data here is for demonstration."""
    return {
        "autostart": True,
        "image_topic": f"{CAMERA}/image_raw",
        "transport": "raw",
        "detector": "far",
        "expression": expression,
        "action_units": True,
    }


def _has_expression(notes: list[str]) -> bool:
    from faceedge.inference.registry import find_model

    try:
        find_model("expression")
    except ModelError as error:
        if "not found" not in str(error):
            raise
        notes.append("The expression model is not installed, so faces come without expression.")
        return False
    return True


def _make_ready(observer: Observer, radar: Path | None, person: Person | None, check: Callable[[], None]) -> None:
    """Wait until everybody is there, so that nobody misses the beginning."""
    topics = [f"{CAMERA}/image_raw", PICTURES]
    observer.lifecycle.transition(CAMERA, "configure", READY_TIMEOUT_S, check)
    if radar is not None:
        topics += [demo_radar.IMAGE, demo_radar.MICRO]
        observer.lifecycle.transition(demo_radar.RADAR, "configure", READY_TIMEOUT_S, check)
        demo_radar.wait_for_port(radar, check, READY_TIMEOUT_S)
    if person is not None and person.events is not None:
        topics += [demo_person.EVENTS]
        observer.lifecycle.transition(demo_person.EVENT_CAMERA, "configure", READY_TIMEOUT_S, check)
    observer.lifecycle.wait_for_state(FACES, "active", READY_TIMEOUT_S, check)
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not all(observer.subscribers(topic) for topic in topics):
        check()
        if time.monotonic() > deadline:
            raise FaceedgeError(f"nobody subscribed to the sensors' topics within {READY_TIMEOUT_S:g} s.")
        time.sleep(0.05)
    time.sleep(0.5)  # the sensors' nodes have to see their subscribers, too


def _start_playing(observer: Observer, radar: Path | None, person: Person | None, check: Callable[[], None]) -> None:
    """Start the sensors, which know when they have to begin."""
    if radar is not None:
        observer.lifecycle.transition(demo_radar.RADAR, "activate", READY_TIMEOUT_S, check)
    if person is not None and person.events is not None:
        observer.lifecycle.transition(demo_person.EVENT_CAMERA, "activate", READY_TIMEOUT_S, check)
    observer.lifecycle.transition(CAMERA, "activate", READY_TIMEOUT_S, check)


def _watch(
    args: argparse.Namespace,
    console: Console,
    board: Scoreboard,
    outcome: Outcome,
    total_s: float,
    check: Callable[[], None],
) -> None:
    """Show what comes until the clip is over."""
    from faceedge.cli.terminal_view import Progress, plain_line

    progress = Progress(scenes=len(outcome.chapters), total_s=total_s, expression=outcome.expression)
    if args.plain or not console.is_terminal or console.width < SMALLEST_VIEW[0] or console.height < SMALLEST_VIEW[1]:
        last = -PLAIN_PERIOD_S
        for now in _ticks(board, progress, outcome, check):
            if now - last >= PLAIN_PERIOD_S:
                last = now
                if board.pictures:
                    console.print(plain_line(board, progress), soft_wrap=True, markup=False)
        return
    _watch_live(console, board, progress, outcome, check)


def _watch_live(
    console: Console, board: Scoreboard, progress: Progress, outcome: Outcome, check: Callable[[], None]
) -> None:
    from rich.live import Live

    from faceedge.cli.terminal_view import render

    def view() -> Any:
        return render(board, progress, console.height - 1, console.width)

    with Live(view(), console=console, auto_refresh=False, screen=True) as live:
        for _ in _ticks(board, progress, outcome, check):
            live.update(view(), refresh=True)
    console.print(view(), height=console.height - 2)  # the last view stays in the terminal


def _ticks(board: Scoreboard, progress: Progress, outcome: Outcome, check: Callable[[], None]) -> Iterator[float]:
    """The time several times a second until the clip is over, with ``progress`` brought up to date."""
    from faceedge.cli.demo_scenes import TITLE_FRAMES

    started = last_at = time.monotonic()
    pictures = 0
    while True:
        now = time.monotonic()
        check()
        with board.lock:
            count, first_ns, last_ns = board.pictures, board.first_stamp_ns, board.last_stamp_ns
        if count != pictures:
            pictures, last_at = count, now
        progress.elapsed_s = min((last_ns - first_ns) / 1e9 if count else 0.0, progress.total_s)
        frame = progress.elapsed_s * outcome.rate_hz
        progress.scene = max(1, sum(first - TITLE_FRAMES <= frame for _, first, _ in outcome.chapters))
        progress.title = outcome.chapters[progress.scene - 1][0]
        progress.person = outcome.session is not None and progress.scene == 1
        yield now
        silent_s = now - last_at
        if progress.elapsed_s >= progress.total_s - LAST_FRAMES / outcome.rate_hz or (count and silent_s > QUIET_END_S):
            return
        if not count and now - started > READY_TIMEOUT_S:
            return
        time.sleep(VIEW_PERIOD_S)


def _finish(console: Console, board: Scoreboard, outcome: Outcome) -> None:
    """Make the video, the strip and the page, and say where they are."""
    from faceedge.cli.annotate import strip
    from faceedge.cli.demo_pictures import annotate_bag
    from faceedge.cli.report import write_page

    with _progress(console) as progress:
        task = progress.add_task("writing the video", total=board.pictures)
        outcome.video, chosen = annotate_bag(board, outcome, PICTURES, lambda: progress.advance(task))
    if chosen:
        outcome.strip, outcome.poster = strip(chosen), chosen[0]
    if outcome.session is not None and board.events.packets:
        outcome.sensor_strip = demo_person.save_strip(board, outcome, PICTURES)
    if board.radar.frames and outcome.bag is not None:
        outcome.radar_strip = demo_radar.save_strip(outcome.bag, outcome.folder / demo_radar.STRIP_FILE)
    outcome.notes += demo_radar.troubles(board)
    page = write_page(board, outcome)
    for note in outcome.notes:
        console.print(note, style="yellow")
    latency = board.end_to_end_ms()
    figures = [f"picture to {kind} p50 {p50:.1f} ms, p99 {p99:.1f} ms" for kind, (p50, p99, _) in latency.items()]
    found = f"{len(board.tracks())} faces; {', '.join(figures)}" if figures else "no face was found"
    console.print(f"{board.pictures} pictures, {found}.", style="bold", soft_wrap=True)
    if board.radar.frames:
        console.print(demo_radar.sentence(board), style="bold", soft_wrap=True)
    outputs = {"page": page, "video": outcome.video, "strip": outcome.folder / "strip.png"}
    outputs |= {"sensors": outcome.sensor_strip, "radar": outcome.radar_strip, "bag": outcome.bag}
    shown = ", ".join(f"{name} {_short(path)}" for name, path in outputs.items() if path is not None and path.exists())
    print(f"Outputs: {shown}", flush=True)


def _short(path: Path) -> str:
    """Relative to the working directory where that is shorter to read."""
    relative = os.path.relpath(path)
    return relative if not relative.startswith("..") else str(path)


@contextmanager
def _progress(console: Console) -> Iterator[RichProgress]:
    """A progress bar on a terminal; nothing elsewhere."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress
