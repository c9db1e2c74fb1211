"""What the demonstration has seen so far: topics, latencies, faces and their expressions over time.

Filled by the observer's thread and read by the view and the report; one lock guards both. Times are ns of the system
clock unless a name says otherwise.
"""

from __future__ import annotations

import math
import re
import threading
from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np

from faceedge.cli.demo_radar import RadarBoard
from faceedge.cli.event_board import EventBoard
from faceedge.radar.chirp import ChirpSettings

RATE_WINDOW_NS = 2_000_000_000
STALE_NS = 400_000_000
"""A face whose last position is older than this is not in view any more."""

CARRY_NS = 500_000_000
"""For so long what a face showed holds until the next estimate, which a tracker that bridges a gap does not bring."""

_NOWHERE = (0.0, 0.0, 0.0, 0.0)
_LATENCY = re.compile(r"p50 ([\d.]+) ms, p99 ([\d.]+) ms")
_ALL_FACES = re.compile(r"/humans/faces/(?!tracked$)\w+/")


@dataclass
class Topic:
    """Traffic of one topic, or of the same topic of all faces."""

    name: str
    type_name: str
    messages: int = 0
    bytes: int = 0
    first_ns: int = 0
    last_ns: int = 0
    recent: deque[int] = field(default_factory=lambda: deque(maxlen=400))

    def rate_hz(self, now_ns: int) -> float:
        """Messages a second over the last ``RATE_WINDOW_NS``."""
        count = sum(1 for moment in self.recent if now_ns - moment < RATE_WINDOW_NS)
        window_ns = min(RATE_WINDOW_NS, max(now_ns - self.first_ns, 1))
        return count * 1e9 / window_ns if count > 1 else 0.0

    def mean_rate_hz(self) -> float:
        """Messages a second from the first to the last."""
        return (self.messages - 1) * 1e9 / (self.last_ns - self.first_ns) if self.messages > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Sight:
    """One face in one picture."""

    face: str
    stamp_ns: int
    box: tuple[float, float, float, float]
    confidence: float
    word: str | None = None
    """REP-155 word; empty: undecided; None: not estimated."""
    expression_confidence: float = 0.0
    valence: float = 0.0
    arousal: float = 0.0
    yaw_deg: float | None = None
    pitch_deg: float | None = None
    distance_m: float | None = None


def head_angles_deg(xyzw: tuple[float, float, float, float]) -> tuple[float, float]:
    """Yaw and pitch of a head from the rotation of face_<id> (x out of the face) in the camera's optical frame.

    Yaw is positive when the face turns towards the picture's right edge, pitch when it looks up; both are 0 for a face
    that looks straight into a camera that it stands in front of.
    """
    x, y, z, w = xyzw
    out = (1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w))  # the x axis of the face
    return math.degrees(math.atan2(out[0], -out[2])), math.degrees(math.asin(max(-1.0, min(1.0, -out[1]))))


class Scoreboard:
    """Collects; see ``faceedge.nodes.observer.Listener`` for the calls, whose arguments are the same."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.topics: dict[str, Topic] = {}
        self.nodes: dict[str, tuple[str, str, dict[str, str]]] = {}
        self.history: dict[int, dict[str, Sight]] = {}
        self.faces: dict[str, Sight] = {}
        self.jpeg: bytes = b""
        self.pictures = 0
        self.first_stamp_ns = 0
        self.last_stamp_ns = 0
        self.radar = RadarBoard()
        self.events = EventBoard()
        self.latency_ms: dict[str, list[float]] = {"faces": [], "expression": []}

    # Listener.

    def message(self, topic: str, type_name: str, size: int, received_ns: int) -> None:
        """Count a message; the topics of single faces count together."""
        name = _ALL_FACES.sub("/humans/faces/<id>/", topic)
        with self.lock:
            entry = self.topics.get(name)
            if entry is None:
                entry = self.topics[name] = Topic(name, type_name, first_ns=received_ns)
            entry.messages += 1
            entry.bytes += size
            entry.last_ns = received_ns
            entry.recent.append(received_ns)

    def picture(self, stamp_ns: int, data: bytes) -> None:
        """Keep the newest picture."""
        with self.lock:
            self.jpeg = data
            self.pictures += 1
            self.first_stamp_ns = self.first_stamp_ns or stamp_ns
            self.last_stamp_ns = max(self.last_stamp_ns, stamp_ns)

    def tracked(self, stamp_ns: int, ids: list[str], received_ns: int) -> None:
        """Forget faces that left, and note how long the picture took to get here."""
        with self.lock:
            if ids:
                self.latency_ms["faces"].append((received_ns - stamp_ns) / 1e6)
            self.history.setdefault(stamp_ns, {})
            for face in set(self.faces) - set(ids):
                del self.faces[face]

    def roi(self, stamp_ns: int, face: str, box: tuple[float, float, float, float], confidence: float) -> None:
        """Where a face is."""
        self._update(stamp_ns, face, box=box, confidence=confidence)

    def expression(
        self, stamp_ns: int, face: str, word: str, confidence: float, affect: tuple[float, float], received_ns: int
    ) -> None:
        """What a face shows."""
        with self.lock:
            self.latency_ms["expression"].append((received_ns - stamp_ns) / 1e6)
        self._update(stamp_ns, face, word=word, expression_confidence=confidence, valence=affect[0], arousal=affect[1])

    def pose(
        self,
        stamp_ns: int,
        face: str,
        xyzw: tuple[float, float, float, float],
        position_m: tuple[float, float, float],
    ) -> None:
        """Where a head is and where it looks."""
        yaw, pitch = head_angles_deg(xyzw)
        self._update(stamp_ns, face, yaw_deg=yaw, pitch_deg=pitch, distance_m=math.hypot(*position_m))

    def status(self, name: str, level: str, message: str, values: dict[str, str]) -> None:
        """What a node says of itself."""
        with self.lock:
            self.nodes[name.partition(":")[0]] = (level, message, values)

    def radar_chirp(self, chirp: ChirpSettings) -> None:
        """What the radar transmits."""
        with self.lock:
            self.radar.chirp = chirp

    def radar_image(self, topic: str, stamp_ns: int, image: np.ndarray, received_ns: int) -> None:
        """What the radar sees."""
        with self.lock:
            self.radar.image(topic, stamp_ns, image, received_ns)

    def event_packet(self, stamp_ns: int, size: tuple[int, int], words: bytes, received_ns: int) -> None:
        """What the event camera sees."""
        with self.lock:
            self.events.packet(stamp_ns, size, words, received_ns)

    def _update(self, stamp_ns: int, face: str, **changes: object) -> None:
        """Messages about one face in one picture come in any order; together they make one ``Sight``."""
        with self.lock:
            known = self.history.setdefault(stamp_ns, {})
            current = self.faces.get(face)
            before = known.get(face)
            if before is None:
                before = Sight(face, stamp_ns, _NOWHERE, 0.0)
                if current is not None and 0 < stamp_ns - current.stamp_ns <= CARRY_NS:
                    before = replace(current, stamp_ns=stamp_ns, box=_NOWHERE)
            known[face] = replace(before, **changes)  # type: ignore[arg-type]
            if current is None or current.stamp_ns <= stamp_ns:
                # Where a face is may come after what it shows: until then it is where it was.
                box = current.box if current is not None and known[face].box == _NOWHERE else known[face].box
                self.faces[face] = replace(known[face], box=box)

    # Reader.

    def in_view(self) -> list[Sight]:
        """Faces of the newest picture that has any, from left to right."""
        with self.lock:
            recent = [s for s in self.faces.values() if self.last_stamp_ns - s.stamp_ns < STALE_NS and s.box[2] > 0]
        return sorted(recent, key=lambda sight: sight.box[0])

    def recent(self, face: str, span_ns: int, cells: int) -> list[Sight | None]:
        """The last ``span_ns`` of a face in ``cells`` equal parts, oldest first: the newest sight of each, or None."""
        result: list[Sight | None] = [None] * cells
        with self.lock:
            for stamp_ns in reversed(self.history):
                cell = cells - 1 - (self.last_stamp_ns - stamp_ns) * cells // span_ns
                if cell < 0:
                    break
                if cell < cells and result[cell] is None:
                    result[cell] = self.history[stamp_ns].get(face)
        return result

    def end_to_end_ms(self) -> dict[str, tuple[float, float, int]]:
        """From exposure to the arrival of a message in this process: p50, p99, count by kind."""
        with self.lock:
            samples = {kind: np.array(values) for kind, values in self.latency_ms.items() if values}
        return {
            kind: (float(np.percentile(values, 50)), float(np.percentile(values, 99)), len(values))
            for kind, values in samples.items()
        }

    def stages_ms(self) -> list[tuple[str, str, float, float]]:
        """Node, stage, p50 and p99 as the nodes report them on /diagnostics."""
        with self.lock:
            nodes = {name: dict(values) for name, (_, _, values) in self.nodes.items()}
        rows = []
        for name, values in sorted(nodes.items()):
            for key, text in values.items():
                found = _LATENCY.fullmatch(text)
                if key.startswith("latency ") and found:
                    rows.append((name, key.removeprefix("latency "), float(found[1]), float(found[2])))
        return rows

    def tracks(self) -> dict[str, list[Sight]]:
        """All sights of each face in order of time."""
        with self.lock:
            result: dict[str, list[Sight]] = {}
            for stamp_ns in sorted(self.history):
                for face, sight in self.history[stamp_ns].items():
                    if sight.box[2] > 0:
                        result.setdefault(face, []).append(sight)
        return result
