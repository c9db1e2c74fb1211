"""`faceedge view radar`: range-Doppler and micro range-Doppler, live in the terminal or as a PNG strip."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from faceedge.bags import is_bag
from faceedge.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from rich.console import Console

    from faceedge.cli.radar_view import RadarView, Status
    from faceedge.radar.moments import Feed, Moment
    from faceedge.radar.sources import SourceSettings

DEFAULT_TOPIC = "/radar/range_doppler"
VIEW_PERIOD_S = 0.1
PLAIN_PERIOD_S = 1.0
READ_TIMEOUT_S = 0.2
STRIP_MOMENTS = 6
STRIP_SECONDS = 5.0
PATIENCE_S = 10.0
"""For a first frame, where there is no terminal in front of which somebody could decide to wait longer."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `faceedge view radar`."""
    add = parser.add_argument
    add("recording", nargs="?", type=Path, metavar="PATH", help="a recording folder of a BGT60TR13C, or a bag")
    add("--topic", default=DEFAULT_TOPIC, help="of a radar node, or in the bag (default: %(default)s)")
    add("--source", metavar="KIND", help="read the device itself, without ROS: bgt60_bridge, bgt60_spi, iwr6843, ...")
    add("--path", default="", metavar="DEVICE", help="of the device, such as /dev/ttyACM0 (default: the first one)")
    add("--cli-port", default="", metavar="PORT", help="iwr6843: for commands (default: found by its USB ids)")
    add("--data-port", default="", metavar="PORT", help="iwr6843: for data (default: found by its USB ids)")
    add("--chirp", default="", metavar="FILE", help="chirp file of the device (default: near a face)")
    add("--loop", action="store_true", help="start a recording again at its end")
    add("--max-range", type=float, default=0.0, metavar="M", help="show ranges up to this (default: all usable)")
    add("--seconds", type=float, default=0.0, metavar="S", help="look for so long (default: live until Ctrl-C)")
    add("--png", type=Path, metavar="FILE", help="save a strip of moments instead of the live view")
    add("--frames", type=int, default=STRIP_MOMENTS, metavar="N", help="moments in the strip (default: %(default)s)")
    add("--title", default="", metavar="TEXT", help="added to the title of the strip, such as what the scene is")


def main(args: argparse.Namespace) -> int:
    """Show or draw what a radar sees; 0, or a FaceedgeError whose sentence says what is missing."""
    from rich.console import Console

    check(args)
    feed = make_feed(args)
    with feed:
        if args.png is not None:
            save_strip(feed, args)
        else:
            watch(feed, args, Console(highlight=False))
    return 0


def check(args: argparse.Namespace) -> None:
    """Refuse what cannot work before anything is opened; raises ConfigurationError."""
    if args.frames < 1 or not (0 <= args.seconds < math.inf and 0 <= args.max_range < math.inf):
        raise ConfigurationError("--frames must be 1 or more, --seconds and --max-range 0 or more.")
    if args.recording is not None and args.source:
        raise ConfigurationError("give either PATH or --source, not both.")
    if args.path and not args.source:
        raise ConfigurationError("--path is the port of a device; say with --source which one it is.")
    if args.png is not None:
        check_picture(args.png)


def check_picture(path: Path) -> None:
    """Nothing where a picture can be written to ``path``; raises ConfigurationError otherwise."""
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        reason = "it is a folder" if path.is_dir() else f"{folder} is no folder that this user may write to"
        raise ConfigurationError(f"the picture {path} cannot be written: {reason}.")


def make_feed(args: argparse.Namespace) -> Feed:
    """What the arguments ask for: a recording, a bag, a device, or a topic; not opened yet.

    Raises:
        ConfigurationError, InputError: it does not exist or is of another kind.
    """
    if args.source:
        from faceedge.radar.moments import SourceFeed
        from faceedge.radar.sources import make_source

        return SourceFeed(make_source(_settings(args)))
    if args.recording is None:
        return _topic_feed(args.topic)
    from faceedge.radar.inspection import is_ti_stream
    from faceedge.radar.recording_folder import is_recording

    path = args.recording.expanduser()
    if not path.exists():
        raise InputError(f"there is nothing at {path}.")
    if path.is_dir() and is_recording(path):
        from faceedge.radar.moments import SourceFeed
        from faceedge.radar.recordings import RecordingSource

        return SourceFeed(RecordingSource(path, loop=args.loop and args.png is None, paced=args.png is None))
    if is_bag(path):
        from faceedge.cli.radar_bag import BagFeed

        return BagFeed(path, args.topic, loop=args.loop and args.png is None, paced=args.png is None)
    if path.is_file() and is_ti_stream(path):
        raise InputError(
            f"{path} is the stream of an IWR6843, which `faceedge inspect` describes; to look at its images, let "
            "`faceedge emulate iwr6843 --recording` send it and give --source iwr6843 with both ports."
        )
    raise InputError(f"{path} is neither a recording folder of a BGT60TR13C nor a bag; `faceedge inspect` says more.")


def _settings(args: argparse.Namespace) -> SourceSettings:
    from faceedge.radar.sources import SourceSettings

    return SourceSettings(args.source, args.path, args.chirp, args.loop, args.cli_port, args.data_port)


def _topic_feed(topic: str) -> Feed:
    try:
        from faceedge.nodes.radar_listener import TopicFeed
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"ROS 2 is not available in this Python ({error.name} is missing), so there are no topics to look at; give "
            "the path of a recording, or --source for a device."
        ) from error
    return TopicFeed(topic)


# --- picture ----------------------------------------------------------------------------------------------------------


def save_strip(feed: Feed, args: argparse.Namespace) -> None:
    """Collect moments and write the strip."""
    from faceedge.cli.radar_pictures import choose, write_strip
    from faceedge.cli.radar_scale import Crop, title

    live = args.recording is None
    moments = collect(feed, args.seconds or (STRIP_SECONDS if live else 0.0), live)
    chirp = feed.chirp
    if not moments or chirp is None:
        raise InputError(silence(feed, args))
    chosen = choose(moments, args.frames)
    rows, columns = chosen[0].range_doppler.shape
    text = title(chirp, feed.rate_hz()) + (f"  ·  {args.title}" if args.title else "")
    write_strip(args.png, chosen, Crop(chirp, args.max_range, (rows, columns)), text, moments[0].stamp_ns)
    print(f"{args.png}: {len(chosen)} of {len(moments)} frames from {feed.description}, {feed.dropped} dropped")


def silence(feed: Feed, args: argparse.Namespace) -> str:
    """A sentence for a feed from which nothing came."""
    sentence = f"no radar image came from {feed.description}"
    if args.source or args.recording is not None:
        return f"{sentence}."
    return f"{sentence}; is a radar node active, and in the same ROS_DOMAIN_ID? --topic names another image."


def collect(feed: Feed, seconds: float, live: bool) -> list[Moment]:
    """Moments of the first ``seconds`` by their stamps; 0: all that there are."""
    moments: list[Moment] = []
    patience = time.monotonic() + PATIENCE_S
    while not feed.finished:
        try:
            moment = feed.next(READ_TIMEOUT_S)
        except InputError as error:
            print(f"faceedge: {error}", file=sys.stderr)
            continue
        if moment is not None and feed.chirp is not None:
            moments.append(moment)
            patience = time.monotonic() + PATIENCE_S
        if seconds and moments and (moments[-1].stamp_ns - moments[0].stamp_ns) / 1e9 >= seconds:
            break
        if live and time.monotonic() > patience:
            break
    return moments


# --- terminal ---------------------------------------------------------------------------------------------------------


def watch(feed: Feed, args: argparse.Namespace, console: Console) -> None:
    """Show moments while they come, until the feed or ``args.seconds`` end, or Ctrl-C."""
    from faceedge.cli.radar_view import SMALLEST, RadarView, Status, figures

    view, status = RadarView(args.max_range), Status(feed.description)
    if console.is_terminal and console.width >= SMALLEST[0] and console.height >= SMALLEST[1]:
        _watch_live(feed, args, console, view, status)
    else:
        _watch_plain(feed, args, console, view, status)
    if view.peak() is None:
        raise InputError(status.note or silence(feed, args))
    console.print(f"{feed.description}: {figures(status)}", markup=False, soft_wrap=True)


def _watch_live(feed: Feed, args: argparse.Namespace, console: Console, view: RadarView, status: Status) -> None:
    from rich.live import Live

    with Live(console=console, auto_refresh=False, screen=True) as live:
        last = 0.0
        for now in _moments(feed, args, view, status):
            if now - last >= VIEW_PERIOD_S:
                last = now
                live.update(view.render(status, console.width, console.height), refresh=True)
    console.print(view.render(status, console.width, console.height - 4))  # the last view stays in the terminal


def _watch_plain(feed: Feed, args: argparse.Namespace, console: Console, view: RadarView, status: Status) -> None:
    from faceedge.cli.radar_view import figures, strongest

    last = time.monotonic()
    for now in _moments(feed, args, view, status):
        if now - last >= PLAIN_PERIOD_S:
            last = now
            line = f"{figures(status)} | {strongest(view)}"
            console.print(f"{line} | {status.note}" if status.note else line, markup=False, soft_wrap=True)


def _moments(feed: Feed, args: argparse.Namespace, view: RadarView, status: Status) -> Iterator[float]:
    """The time after each moment, or after a while without one, with ``view`` and ``status`` brought up to date."""
    started = time.monotonic()
    while not feed.finished:
        try:
            moment = feed.next(READ_TIMEOUT_S)
        except InputError as error:
            moment, status.note = None, str(error)
        if moment is not None and feed.chirp is not None:
            view.add(moment, feed.chirp)
            status.note = ""
        status.rate_hz, status.dropped, status.temperature_c = feed.rate_hz(), feed.dropped, feed.temperature_c
        now = time.monotonic()
        if now - started > PATIENCE_S and view.peak() is None:
            status.note = status.note or silence(feed, args)
        yield now
        if args.seconds and now - started >= args.seconds:
            return
