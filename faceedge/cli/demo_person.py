"""The demonstration's synthetic person: a session that ships with the package, which all three sensors play in step.

Nodes and wires are the real ones: the camera node plays a video, an emulated radar sends its frames through the serial
bridge's protocol to the radar node, the event node plays a file. What joins them is one moment, the epoch, which each
is told before it starts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from faceedge.cli import demo_radar
from faceedge.cli.demo_scenes import RATE_HZ, Scene, clip_scene
from faceedge.errors import ConfigurationError, InputError
from faceedge.shipped import shipped_file
from faceedge.simulation.live.session_folder import SESSION, SessionFolder, open_session

if TYPE_CHECKING:
    from faceedge.cli.children import Children
    from faceedge.cli.report import Outcome
    from faceedge.cli.scoreboard import Scoreboard
    from faceedge.cli.sensor_pictures import Seen
    from faceedge.nodes.observer import Observer

FOLDER, NAME = "demo_data", "synthetic_face"
TITLE = "one synthetic face in step: camera, events, radar"
EVENT_CAMERA = "/event_camera"
EVENTS = f"{EVENT_CAMERA}/events"
RECORDED = (EVENTS,)
LEAD_S = 1.2
"""From the decision to start to the first picture: the radar's registers are written meanwhile."""
STRIP_FILE = "sensors.png"
NODE, MODULE = "event camera", "faceedge.nodes.event_node"


@dataclass(frozen=True, slots=True)
class Person:
    """What is played.

    Attributes:
        session: on the disk.
        events: RAW file; None: the session has none.
        epoch_file: appears when the epoch is known, for the emulated radar's process.
    """

    session: SessionFolder
    events: Path | None
    epoch_file: Path

    def tell_epoch(self, epoch_ns: int) -> None:
        """Let the emulated radar's process know; the file is whole or not there."""
        partial = self.epoch_file.with_suffix(".partial")
        partial.write_text(f"{epoch_ns}\n", encoding="ascii")
        os.replace(partial, self.epoch_file)


def shipped_session() -> SessionFolder:
    """The session that ships.

    Raises:
        ConfigurationError: it is not installed.
        InputError: it is damaged.
    """
    found = shipped_file(f"{FOLDER}/{NAME}", SESSION)
    if found is None:
        raise ConfigurationError(f"the synthetic person that ships, {FOLDER}/{NAME}, is not installed.")
    return open_session(found.parent)


def find_person(work: Path, notes: list[str]) -> Person | None:
    """The session that ships, or None with a note where it is not installed or damaged.

    Args:
        work: for what has to be unpacked.
    """
    try:
        session = shipped_session()
        return Person(session, session.events_file(work), work / "epoch")
    except (ConfigurationError, InputError) as error:
        notes.append(f"Radar and events are left out: {error}")
        return None


def scene(person: Person) -> Scene | None:
    """What the camera saw of the person."""
    return clip_scene(person.session.camera, TITLE) if person.session.camera else None


def start_event_node(children: Children, person: Person) -> bool:
    """Start the node that plays the person's events; whether there are any."""
    if person.events is None:
        return False
    children.start(NODE, MODULE, {"path": str(person.events)})
    return True


def start(
    observer: Observer, person: Person | None, first_frame: int, nodes: tuple[str, ...], check: Callable[[], None]
) -> int:
    """Tell every sensor the moment at which the clip begins and with it the person; that moment in system ns.

    Args:
        person: whom the emulated radar sees; None: there is no radar.
        first_frame: of the clip in which the person is seen.
        nodes: camera, and event camera where it plays; they are configured and not active yet.
    """
    patience_s = 30.0
    epoch_ns = time.time_ns() + round(LEAD_S * 1e9)
    person_ns = epoch_ns + round(first_frame / RATE_HZ * 1e9)
    if person is not None:
        person.tell_epoch(person_ns)
    for node in nodes:
        moment_ns = person_ns if node == EVENT_CAMERA else epoch_ns
        observer.lifecycle.set_parameter(node, "epoch_ns", moment_ns, patience_s, check)
    return epoch_ns


def is_event_camera(node: str) -> bool:
    """Whether a node that reports on /diagnostics is the event camera's."""
    return node.strip("/") == EVENT_CAMERA.strip("/")


def summarise(board: Scoreboard) -> dict[str, Any] | None:
    """Figures of the event camera as plain values; None where no packet came."""
    with board.lock:
        events = board.events
        if not events.packets:
            return None
        p50, p99 = np.percentile(events.latency_ms, (50, 99))
        return {
            "synthetic": True,
            "size": [events.width, events.height],
            "packets": events.packets,
            "events": events.events,
            "first_event_to_here_ms": {"p50": round(float(p50), 2), "p99": round(float(p99), 2)},
        }


def save_strip(board: Scoreboard, outcome: Outcome, pictures: str) -> Path | None:
    """Draw what the three sensors saw of the person; the picture's path, or None where something is missing.

    Args:
        pictures: topic of the camera's compressed pictures.
    """
    from faceedge.cli.sensor_pictures import write_sensor_strip

    assert outcome.session is not None
    title, first_frame, frames = outcome.chapters[0]
    epoch_ns = board.first_stamp_ns + round(first_frame / outcome.rate_hz * 1e9)
    seen = _read(board, outcome, pictures, epoch_ns, frames / outcome.rate_hz)
    if not seen.pictures or not len(seen.events):
        return None
    path = outcome.folder / STRIP_FILE
    write_sensor_strip(path, seen, title)
    return path


def _read(board: Scoreboard, outcome: Outcome, pictures: str, epoch_ns: int, duration_s: float) -> Seen:
    """What the bag holds of the person's first round."""
    from faceedge.cli.sensor_pictures import Seen
    from faceedge.events.event import no_events
    from faceedge.events.evt3 import Decoder
    from faceedge.nodes.conversions import stamp_to_ns
    from faceedge.nodes.radar_conversions import image_to_cube
    from faceedge.nodes.recorder import read_bag

    assert outcome.bag is not None
    assert outcome.session is not None
    seen = Seen(duration_s, chirp=board.radar.chirp, truth=_until(outcome.session.truth(), duration_s))
    decoder, parts = Decoder(), [no_events()]
    wanted = (pictures, EVENTS, demo_radar.ADC)
    for topic, message, _ in read_bag(outcome.bag, lambda name: name in wanted):
        time_s = (stamp_to_ns(message.header.stamp) - epoch_ns) / 1e9
        if not 0 <= time_s < duration_s:
            continue
        if topic == pictures:
            seen.pictures.append((time_s, bytes(message.data)))
        elif topic == EVENTS:
            seen.sensor = (message.width, message.height)
            parts.append(decoder.feed(bytes(message.events)))
        elif seen.chirp is not None:
            seen.profiles.append((time_s, image_to_cube(message, seen.chirp).mean(axis=1)))
    seen.events = np.concatenate(parts)
    return seen


def _until(truth: dict[str, np.ndarray], duration_s: float) -> dict[str, np.ndarray]:
    """The truth of the time that was shown."""
    if not truth:
        return truth
    count = int(np.searchsorted(truth["time_s"], duration_s))
    rows = len(truth["time_s"])
    return {name: values[:count] if len(values) == rows else values for name, values in truth.items()}
