"""Frames of an authenticated person, handed from the authentication node to the expression node in one process.

They never cross DDS: a topic with a face's radar images could be recorded by anyone, and a topic that says
"authenticated" could be published by anyone. Here a frame is passed on only by the gate that has just accepted it, and
whoever takes it learns in the same moment when the person is gone.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import FaceFrame

LONGEST_QUEUE = 16
"""Frames that wait for a slow taker; older ones are dropped and counted."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """One frame of an authenticated person.

    Attributes:
        frame: images and look; nobody writes into them.
        chirp: with which they were taken.
        face_id: REP-155 id of the face in this session; another one is another session.
        frame_id: TF frame of the radar.
    """

    frame: FaceFrame
    chirp: ChirpSettings
    face_id: str
    frame_id: str


class AcceptedFrames:
    """What one taker waits at."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: deque[Accepted] = deque()
        self._session = ""
        self.received = self.dropped = 0

    @property
    def session(self) -> str:
        """Face id of the session that is open now; empty: nobody is authenticated."""
        return self._session

    def put(self, accepted: Accepted) -> None:
        """Leave a frame for the taker; the giver never waits."""
        with self._condition:
            if accepted.face_id != self._session:
                self._waiting.clear()
            self._session = accepted.face_id
            self.received += 1
            if len(self._waiting) == LONGEST_QUEUE:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(accepted)
            self._condition.notify()

    def end(self) -> None:
        """The person is gone: what waits is forgotten."""
        with self._condition:
            self._session = ""
            self._waiting.clear()
            self._condition.notify()

    def take(self, timeout_s: float) -> Accepted | None:
        """The oldest frame; None when none came within ``timeout_s`` or the session ended."""
        with self._condition:
            if not self._waiting:
                self._condition.wait(timeout_s)
            return self._waiting.popleft() if self._waiting else None


_lock = threading.Lock()
_givers: set[str] = set()
_takers: dict[str, tuple[AcceptedFrames, ...]] = {}


def offer(name: str) -> None:
    """Announce that the node ``name`` of this process authenticates."""
    with _lock:
        _givers.add(name)


def withdraw(name: str) -> None:
    """Undo :func:`offer`, and end what is open."""
    with _lock:
        _givers.discard(name)
    end(name)


def is_offered(name: str) -> bool:
    """Whether the node ``name`` of this process authenticates."""
    with _lock:
        return name in _givers


def attach(name: str, taker: AcceptedFrames) -> None:
    """Let ``taker`` receive what the node ``name`` accepts."""
    with _lock:
        _takers[name] = (*_takers.get(name, ()), taker)


def detach(name: str, taker: AcceptedFrames) -> None:
    """Undo :func:`attach`; nothing happens when it was undone before."""
    with _lock:
        _takers[name] = tuple(other for other in _takers.get(name, ()) if other is not taker)


def is_wanted(name: str) -> bool:
    """Whether anybody takes what the node ``name`` accepts."""
    return bool(_takers.get(name))


def give(name: str, accepted: Accepted) -> None:
    """Hand a frame to all takers."""
    for taker in _takers.get(name, ()):
        taker.put(accepted)


def end(name: str) -> None:
    """Tell all takers that the person is gone."""
    for taker in _takers.get(name, ()):
        taker.end()
