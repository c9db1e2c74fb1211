"""`faceedge emulate person`: radar, camera and event camera of one synthetic person, in step.

The radar is a serial port; the cameras are topics, because there is no device file that a program could make without
rights of the administrator. From a session's files, or computed while others look.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceedge.cli.ros import notice
from faceedge.errors import ConfigurationError, InputError
from faceedge.radar.chirp import ChirpSettings

if TYPE_CHECKING:
    from faceedge.simulation.devices.bridge import BridgeEmulator
    from faceedge.simulation.devices.feed import Feed

LEAD_S = 0.5
"""From when everything is ready to the person's first moment."""
LIVE_S = 3600.0
"""How long a person is computed who has no end given."""
LIVE_CHIRP, LIVE_SCRIPT = "bgt60_face_full_band", "mixed"
LIVE_CAMERA = ((320, 320), 25.0)
BEHIND_S = 0.5
"""A sensor that is so late is worth a sentence."""
SWITCH_S = 0.001
"""How long a thread of this process may keep the others waiting: the emulated radar has to be read in time."""


@dataclass
class Senses:
    """What the three sensors of a person read; None: that sensor is left out.

    Attributes:
        name: of the person or session.
        chirp: what the radar node has to be given.
        radar: makes the radar's feed.
        camera, events: sources for `faceedge.nodes.sensor_topics`.
    """

    name: str
    chirp: str
    radar: Callable[[ChirpSettings], Feed] | None
    camera: Any = None
    events: Any = None


def main(args: argparse.Namespace) -> int:
    """Emulate until Ctrl-C, SIGTERM or the end of ``--seconds``; 0."""
    check(args)
    sys.setswitchinterval(SWITCH_S)
    with tempfile.TemporaryDirectory(prefix="faceedge-") as scratch:
        senses = from_folder(args.session, Path(scratch)) if args.seed is None else computed(args)
        epoch_ns = time.time_ns() + round(LEAD_S * 1e9)
        for source in (senses.camera, senses.events):
            if source is not None:
                begin_at(source, epoch_ns)
        emulator = radar_of(senses, args, epoch_ns)
        late = Lateness(senses, emulator)
        with emulator or contextlib.nullcontext():
            try:
                _play(senses, emulator, args.seconds, late.look)
            except KeyboardInterrupt:
                print()
    print("Ended.", flush=True)
    return 0


def check(args: argparse.Namespace) -> None:
    """Raises ConfigurationError for arguments that contradict each other."""
    if args.session is not None and args.seed is not None:
        raise ConfigurationError("give either --session, which is played, or --seed, which is computed; not both.")
    if args.seed is None and (args.script, args.sensors) != (None, None):
        raise ConfigurationError("--script and --sensors are for a person who is computed; give a --seed as well.")
    for option, usual in (("recording", None), ("scene", None), ("speed", 1.0), ("once", False)):
        if getattr(args, option) != usual:
            raise ConfigurationError(f"--{option} is for a radar alone, and does nothing for a person; leave it out.")


def from_folder(folder: Path | None, scratch: Path) -> Senses:
    """A session's files, again and again.

    Args:
        folder: of the session; None: the one that ships.
        scratch: for what has to be unpacked.

    Raises:
        ConfigurationError: the session that ships is not installed.
        InputError: no session, or a damaged one.
    """
    from faceedge.camera.source_base import SourceSettings
    from faceedge.camera.source_video import VideoSource
    from faceedge.cli.demo_person import shipped_session
    from faceedge.events.file_source import EventFileSource
    from faceedge.simulation.live.radar_port import session_radar
    from faceedge.simulation.live.session_folder import open_session

    session = shipped_session() if folder is None else open_session(folder.expanduser(), needs_radar=False)
    session.check_whole()
    camera, events = session.camera, session.events_file(scratch)
    if not (session.has_radar or camera or events):
        raise InputError(
            f"the session {session.folder} has no files of a sensor; simulate it with the format arrays, or play a bag "
            "with `faceedge replay`."
        )
    return Senses(
        session.name,
        str((session.folder / "radar" / "config.json").resolve()),
        session_radar(session) if session.has_radar else None,
        VideoSource(SourceSettings("video", str(camera), loop=True)) if camera is not None else None,
        EventFileSource(events, loop_s=session.duration_s) if events is not None else None,
    )


def computed(args: argparse.Namespace) -> Senses:
    """A person who is computed; everything is built and compiled when this returns.

    Raises:
        ConfigurationError: the extra ``sim`` is not installed, or an argument is impossible.
    """
    from faceedge.radar.chirp_files import load_chirp_file
    from faceedge.simulation.live.live_person import LiveCamera, LiveEvents, live_radar
    from faceedge.simulation.performance.scripts import SCRIPTS
    from faceedge.simulation.sessions.options import SENSORS, Options, check_name
    from faceedge.simulation.sessions.session import draw_session
    from faceedge.simulation.sessions.stage import build

    sensors = SENSORS if args.sensors is None else tuple(filter(None, map(str.strip, args.sensors.split(","))))
    options = Options(
        people=1,
        sessions=1,
        duration_s=args.seconds or LIVE_S,
        sensors=sensors,
        script=args.script or LIVE_SCRIPT,
        chirp=LIVE_CHIRP,
        camera_size=LIVE_CAMERA[0],
        camera_rate_hz=LIVE_CAMERA[1],
        seed=args.seed,
    )
    check_name("script", options.script, SCRIPTS)
    print("computing the person ...", flush=True)
    session = draw_session(0, 0, options, load_chirp_file(LIVE_CHIRP).chirp)
    senses = Senses(
        f"person {args.seed} ({session.script})",
        f"{LIVE_CHIRP}.json",
        live_radar(session, build) if "radar" in sensors else None,
        LiveCamera(session, build) if "camera" in sensors else None,
        LiveEvents(session, build) if "events" in sensors else None,
    )
    for source in (senses.camera, senses.events):
        if source is not None:
            source.open()
    return senses


def begin_at(source: Any, epoch_ns: int) -> None:
    """Tell a source its first moment; files are opened only then."""
    from faceedge.camera.source_video import VideoSource
    from faceedge.events.file_source import EventFileSource

    if isinstance(source, VideoSource):
        source.settings = dataclasses.replace(source.settings, epoch_ns=epoch_ns)
    else:
        source.epoch_ns = epoch_ns
    if isinstance(source, (VideoSource, EventFileSource)):
        source.open()


def radar_of(senses: Senses, args: argparse.Namespace, epoch_ns: int) -> BridgeEmulator | None:
    """The emulated radar, not yet plugged in.

    Raises:
        ConfigurationError: faults that there are not.
    """
    from faceedge.simulation.devices.faults import Faults
    from faceedge.simulation.live.radar_port import radar_port

    if senses.radar is None:
        return None
    return radar_port(senses.radar, lambda: epoch_ns, link=args.link, faults=Faults.parse(args.fault))


def _play(senses: Senses, emulator: BridgeEmulator | None, seconds: float, each_second: Callable[[], None]) -> None:
    """Until the end of ``seconds``, or for ever."""
    stop = threading.Event()
    end = time.monotonic() + seconds if seconds else math.inf

    def look() -> None:
        each_second()
        if time.monotonic() >= end:
            stop.set()

    topics = False
    if senses.camera is not None or senses.events is not None:
        try:
            from faceedge.nodes.sensor_topics import publish_sensors

            topics = True
        except ModuleNotFoundError as error:
            notice(f"ROS 2 is not available in this Python ({error.name} is missing), so there is the radar alone.")
    print("\n".join(usage(senses, emulator, topics)), flush=True)
    if topics:
        publish_sensors(senses.camera, senses.events, stop, look)
    while not stop.wait(min(1.0, max(0.0, end - time.monotonic()))):
        look()


def usage(senses: Senses, emulator: BridgeEmulator | None, topics: bool) -> list[str]:
    """Where the sensors are, and how to use them."""
    lines = [f"synthetic person: {senses.name}"]
    if emulator is not None:
        given = f"--ros-args -p autostart:=true -p source:=bgt60_bridge -p path:={emulator.port}"
        lines += [
            f"  radar: {emulator.port}, a bgt60 behind a serial bridge",
            f"    look:    faceedge view radar --source bgt60_bridge --path {emulator.port} --chirp {senses.chirp}",
            f"    publish: radar_node {given} -p chirp:={senses.chirp}",
        ]
    if topics and senses.camera is not None:
        lines += [
            "  camera: topics /camera/image_raw and /camera/image_raw/compressed",
            "    faces:   face_node --ros-args -p autostart:=true",
        ]
    if topics and senses.events is not None:
        lines.append("  event camera: topic /event_camera/events (EventPacket, evt3)")
    return lines


class Lateness:
    """Says once of each sensor that this machine does not keep up with it."""

    def __init__(self, senses: Senses, emulator: BridgeEmulator | None) -> None:
        self._senses, self._emulator = senses, emulator
        self._said: set[str] = set()

    def look(self) -> None:
        """To be called about once a second."""
        for name, behind_s in self._behind().items():
            if behind_s > BEHIND_S and name not in self._said:
                self._said.add(name)
                notice(
                    f"the {name} is {behind_s:.1f} s behind: this machine is too slow for it. Leave sensors out "
                    "(--sensors radar), or record the person with `faceedge simulate` and play the --session."
                )

    def _behind(self) -> dict[str, float]:
        found = {
            name: float(getattr(source, "behind_s", 0.0))
            for name, source in (("camera", self._senses.camera), ("event camera", self._senses.events))
        }
        if self._emulator is not None:
            found["radar"] = float(getattr(self._emulator.chip.clock, "behind_s", 0.0))
        return found
