"""The demonstration's radar: an emulated BGT60TR13C that sees the synthetic person, behind a real serial port.

The emulator is a process of its own and speaks the bridge's protocol on a pseudo-terminal. The radar node opens that as
it would open a microcontroller on USB: the driver, the processing and the topics are the real ones.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from faceedge.cli.radar_view import RadarView, Status
from faceedge.errors import DeviceError, InputError
from faceedge.radar.chirp import ChirpSettings, summary
from faceedge.radar.moments import RATE_WINDOW_NS, Feed, Moment

if TYPE_CHECKING:
    from faceedge.cli.children import Children
    from faceedge.cli.demo_person import Person
    from faceedge.cli.scoreboard import Scoreboard

RADAR = "/radar"
IMAGE, MICRO = f"{RADAR}/range_doppler", f"{RADAR}/micro_range_doppler"
ADC = f"{RADAR}/adc"
RECORDED = (ADC, IMAGE, MICRO, f"{RADAR}/chirp", f"{RADAR}/temperature")
CHIRP_FILE = "bgt60_face_full_band.json"
SCENE = "a synthetic face at 30 cm"
SHOWN_M = 0.65
STRIP_MOMENTS, STRIP_FILE = 6, "radar.png"
EMULATOR = "import sys; from faceedge.cli.demo_radar import emulate; sys.exit(emulate(*sys.argv[1:]))"
_SWITCH_S = 0.001


# --- the emulator's process -------------------------------------------------------------------------------------------


def emulate(link: str, session: str, epoch_file: str) -> int:
    """Run the emulated radar, whose serial port appears at ``link``, until SIGINT or SIGTERM.

    Args:
        session: folder of what it sees.
        epoch_file: holds the session's first moment, system ns, as soon as that is known.
    """
    from faceedge.simulation.live.radar_port import radar_port, session_radar
    from faceedge.simulation.live.session_folder import open_session

    def epoch_ns() -> int | None:
        path = Path(epoch_file)
        return int(path.read_text(encoding="ascii")) if path.exists() else None

    sys.setswitchinterval(_SWITCH_S)
    feed = session_radar(open_session(Path(session)))
    with radar_port(feed, epoch_ns, link=Path(link)):
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


# --- the demonstration's process --------------------------------------------------------------------------------------


def start_emulator(children: Children, work: Path, person: Person, notes: list[str]) -> Path | None:
    """Start the emulated radar; the path of its port, which appears later, or None with a note where none can be."""
    try:
        for end in os.openpty():
            os.close(end)
    except OSError as error:
        notes.append(f"This machine gives no pseudo-terminal ({error.strerror}), so the radar is left out.")
        return None
    port = work / "ttyRadar"
    children.start_program("emulated radar", EMULATOR, str(port), str(person.session.folder), str(person.epoch_file))
    return port


def node_parameters(port: Path) -> dict[str, Any]:
    """Parameters of the radar node."""
    return {"source": "bgt60_bridge", "path": str(port), "chirp": CHIRP_FILE}


def wait_for_port(port: Path, check: Callable[[], None], patience_s: float) -> None:
    """Wait until the emulator has made its port.

    Raises:
        DeviceError: it did not.
    """
    deadline = time.monotonic() + patience_s
    while not port.exists():
        check()
        if time.monotonic() > deadline:
            raise DeviceError(f"the emulated radar made no serial port within {patience_s:g} s.")
        time.sleep(0.05)


@dataclass
class RadarBoard:
    """What the demonstration has seen of the radar so far. The scoreboard's lock guards it."""

    chirp: ChirpSettings | None = None
    frames: int = 0
    micro_images: int = 0
    latency_ms: list[float] = field(default_factory=list)
    view: RadarView = field(default_factory=lambda: RadarView(SHOWN_M))
    _stamps_ns: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.view.has_micro = False

    def image(self, name: str, stamp_ns: int, image: np.ndarray, received_ns: int) -> None:
        """An image on one of the radar's topics."""
        if name == MICRO:
            self.micro_images += 1
            return
        self.frames += 1
        self._stamps_ns.append(stamp_ns)
        self.latency_ms.append((received_ns - stamp_ns) / 1e6)
        if self.chirp is not None:
            self.view.add(Moment(stamp_ns, image), self.chirp)

    def rate_hz(self) -> float:
        """Frames a second over the last two seconds."""
        recent = [stamp for stamp in self._stamps_ns[-400:] if self._stamps_ns[-1] - stamp <= RATE_WINDOW_NS]
        return (len(recent) - 1) * 1e9 / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0

    def mean_rate_hz(self) -> float:
        """Frames a second from the first to the last."""
        stamps = self._stamps_ns
        return (len(stamps) - 1) * 1e9 / (stamps[-1] - stamps[0]) if len(stamps) > 1 else 0.0


def is_radar(node: str) -> bool:
    """Whether a node that reports on /diagnostics is the radar's."""
    return node.strip("/") == RADAR.strip("/")


def troubles(board: Scoreboard) -> list[str]:
    """A sentence where the radar node says that it cannot work."""
    with board.lock:
        reports = [(level, message) for name, (level, message, _) in board.nodes.items() if is_radar(name)]
    return [f"The radar: {message}" for level, message in reports if level == "ERROR"]


def _values(board: Scoreboard) -> dict[str, str]:
    """What the radar node says of itself on /diagnostics; the caller holds the lock."""
    return next((dict(values) for name, (_, _, values) in board.nodes.items() if is_radar(name)), {})


def status(board: Scoreboard) -> Status:
    """What is written beside the image: the rate seen here, and what the node says of itself."""
    with board.lock:
        values = _values(board)
        rate_hz = board.radar.rate_hz()
    return Status(SCENE, rate_hz, _whole(values, "dropped"), _leading(values.get("temperature", "")))


def summarise(board: Scoreboard) -> dict[str, Any] | None:
    """All figures of the page as plain values; None where no frame came."""
    radar = board.radar
    with board.lock:
        values = _values(board)
    if radar.chirp is None or not radar.frames:
        return None
    p50, p99 = np.percentile(radar.latency_ms, (50, 99))
    temperature_c = _leading(values.get("temperature", ""))
    return {
        "synthetic": True,
        "scene": SCENE,
        "device": "emulated BGT60TR13C behind a serial bridge",
        "chirp_file": CHIRP_FILE,
        "frames": radar.frames,
        "micro_images": radar.micro_images,
        "rate_hz": round(radar.mean_rate_hz(), 2),
        "dropped": _whole(values, "dropped"),
        "rejected": _whole(values, "rejected"),
        "temperature_c": None if np.isnan(temperature_c) else temperature_c,
        "first_chirp_to_here_ms": {"p50": round(float(p50), 2), "p99": round(float(p99), 2), "count": radar.frames},
        "chirp": summary(radar.chirp),
    }


def _whole(values: dict[str, str], key: str) -> int:
    text = values.get(key, "")
    return int(text) if text.isdigit() else 0


def _leading(text: str) -> float:
    """The number that a text such as ``38.5 °C`` begins with; NaN: none."""
    try:
        return float(text.partition(" ")[0])
    except ValueError:
        return float("nan")


def sentence(board: Scoreboard) -> str:
    """The figures in a line."""
    found = summarise(board)
    if found is None:
        return "no radar frame arrived"
    latency = found["first_chirp_to_here_ms"]
    return (
        f"{found['frames']} radar frames ({SCENE}) at {found['rate_hz']:.1f}/s, {found['dropped']} dropped; first "
        f"chirp to image p50 {latency['p50']:.1f} ms, p99 {latency['p99']:.1f} ms."
    )


def save_strip(bag: Path, path: Path) -> Path | None:
    """Draw a strip of the radar images in the bag; its path, or None where the bag has none."""
    from faceedge.cli.radar_bag import BagFeed
    from faceedge.cli.radar_pictures import choose, write_strip
    from faceedge.cli.radar_scale import Crop, title

    with BagFeed(bag, IMAGE) as feed:
        moments = _all(feed)
        if not moments or feed.chirp is None:
            return None
        chosen = choose(moments, STRIP_MOMENTS)
        text = f"{title(feed.chirp, feed.rate_hz())}  ·  {SCENE}"
        write_strip(path, chosen, Crop(feed.chirp, SHOWN_M), text, moments[0].stamp_ns)
    return path


def _all(feed: Feed) -> list[Moment]:
    moments = []
    while not feed.finished:
        try:
            moment = feed.next(0.0)
        except InputError:
            continue
        if moment is not None:
            moments.append(moment)
    return moments
