"""Authenticated or not: one answer a frame, with its reason, and *no* whenever something is missing.

The gate *searches* until somebody has been verified: by the identity verifier's votes, or from outside (PIN, card,
camera). Then it holds the session open while frames are fresh and `Continuity` sees the same person, and for no longer
than a time-out. Whatever ends a session, only another verification opens one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from faceedge.errors import ConfigurationError
from faceedge.perception.authentication.continuity import Continuity
from faceedge.perception.authentication.freshness import Freshness, FreshnessSettings
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import FaceFrame

NOBODY_YET = "nobody has been verified yet."
IDENTITY = "identity"
"""How the verifier's own verifications are called; others are called as their caller says."""


class Verification(Protocol):
    """One decision of a verifier."""

    @property
    def score(self) -> float:
        """Larger is more like the claimed person."""

    @property
    def accepted(self) -> bool:
        """Whether the score reaches the person's threshold."""


class Verifier(Protocol):
    """Who compares frames with an enrolled person, such as `faceedge.perception.authentication.verifier.Verifier`."""

    def push(self, frame: FaceFrame) -> Verification | None:
        """The decision that this frame completes, if it does."""

    def reset(self) -> None:
        """Forget the frames so far: what follows may be another person."""


class Phase(Enum):
    """Where a gate stands."""

    SEARCHING = "searching"
    VERIFIED = "verified"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class GateSettings:
    """When the gate opens and how long it stays open.

    Attributes:
        accept_votes: decisions of the verifier in a row, all for the person, that open the gate.
        reject_votes: decisions in a row, all against the person, that close a gate which the verifier opened. More than
            ``accept_votes``: a session is not to flicker.
        timeout_s: after the last verification the gate closes.
    """

    accept_votes: int = 2
    reject_votes: int = 6
    timeout_s: float = 900.0

    def check(self) -> None:
        """Raise ConfigurationError for a value that is out of its range."""
        for name, value, low, high in (
            ("accept_votes", self.accept_votes, 1, 100),
            ("reject_votes", self.reject_votes, 1, 1000),
            ("timeout_s", self.timeout_s, 1.0, 86400.0),
        ):
            if not low <= value <= high:
                raise ConfigurationError(f"{name} is {value}, expected {low:g} to {high:g}.")


@dataclass(frozen=True, slots=True)
class GateState:
    """The gate's answer.

    Attributes:
        authenticated: the verified person is there now.
        score: 1 minus continuity's evidence while authenticated, 0 to 1; else 0.
        reason: why not; while authenticated, by what the person was verified.
        phase: searching, verified or lost.
        verified_by: what opened the session; empty: no session.
        verification_score: the verifier's latest; NaN: none yet.
    """

    authenticated: bool
    score: float
    reason: str
    phase: Phase
    verified_by: str = ""
    verification_score: float = float("nan")


class Gate:
    """Authentication over time for one radar and one claimed person.

    Args:
        chirp: of the radar, with which the person was enrolled.
        verifier: of the claimed person; None: verified from outside alone.
        settings, freshness: when it opens and closes.
        continuity: watches the session; None: one with its usual settings.

    Raises:
        ConfigurationError: a setting is out of its range, or the chirp does not suit.
    """

    def __init__(
        self,
        chirp: ChirpSettings,
        verifier: Verifier | None = None,
        settings: GateSettings | None = None,
        freshness: FreshnessSettings | None = None,
        continuity: Continuity | None = None,
    ) -> None:
        self.settings = settings or GateSettings()
        self.settings.check()
        self._verifier = verifier
        self._freshness = Freshness(chirp, freshness)
        self._continuity = continuity or Continuity(chirp)
        self._votes: deque[bool] = deque(maxlen=max(self.settings.accept_votes, self.settings.reject_votes))
        self._verified_ns = 0
        self._requested = ""
        self._last_score = float("nan")
        self._state = self._closed(Phase.SEARCHING, NOBODY_YET)

    @property
    def state(self) -> GateState:
        """After the last call."""
        return self._state

    def verify_other(self, means: str) -> None:
        """Somebody was verified from outside and sits in front of the radar: open a session with the next fresh frame.

        Args:
            means: by what, in a word or two, such as ``PIN``.

        Raises:
            ConfigurationError: no means is named.
        """
        if not means.strip():
            raise ConfigurationError("a verification from outside names its means, such as PIN, card or camera.")
        self._requested = means.strip()

    def close(self, reason: str) -> GateState:
        """End the session for a reason of the caller's, such as a person who logs out."""
        return self._lose(reason)

    def silent(self, now_ns: int) -> GateState:
        """To be called on a clock, in the frames' own time: ends the session if frames have stopped coming."""
        reason = self._freshness.silent(now_ns)
        return self._lose(reason) if reason else self._state

    def chirp_changed(self, chirp: ChirpSettings) -> GateState:
        """The radar has announced its chirp: another one than the gate's ends the session."""
        reason = self._freshness.changed(chirp)
        return self._lose(reason) if reason else self._state

    def push(self, frame: FaceFrame) -> GateState:
        """The answer after the next frame."""
        reason = self._freshness.push(frame)
        if reason:
            return self._lose(reason)
        self._vote(frame)
        means, self._requested = self._requested, ""
        if not means and self._state.phase is not Phase.VERIFIED and self._agreed(True, self.settings.accept_votes):
            means = IDENTITY
        if means:
            return self._open(means, frame)
        if self._state.phase is Phase.VERIFIED:
            return self._watch(frame)
        if self._state.phase is Phase.SEARCHING:  # what was wrong with an earlier frame is over
            self._state = self._closed(Phase.SEARCHING, NOBODY_YET)
        return self._state

    def _vote(self, frame: FaceFrame) -> None:
        decision = None if self._verifier is None else self._verifier.push(frame)
        if decision is not None:
            self._votes.append(decision.accepted)
            self._last_score = decision.score

    def _agreed(self, accepted: bool, count: int) -> bool:
        """Whether the last ``count`` votes are there and all say so."""
        return len(self._votes) >= count and all(vote is accepted for vote in list(self._votes)[-count:])

    def _open(self, means: str, frame: FaceFrame) -> GateState:
        self._continuity.start()
        self._verified_ns = frame.stamp_ns
        self._state = self._held(means, self._continuity.push(frame).evidence)
        return self._state

    def _watch(self, frame: FaceFrame) -> GateState:
        kept = self._continuity.push(frame)
        means = self._state.verified_by
        if not kept.same:
            return self._lose(kept.reason)
        if self._agreed(True, self.settings.accept_votes):
            self._verified_ns = frame.stamp_ns
        if means == IDENTITY and self._agreed(False, self.settings.reject_votes):
            return self._lose(f"the verifier has refused the person {self.settings.reject_votes} times in a row.")
        if frame.stamp_ns - self._verified_ns > self.settings.timeout_s * 1e9:
            return self._lose(f"the last verification is {self.settings.timeout_s:g} s old; verify again.")
        self._state = self._held(means, kept.evidence)
        return self._state

    def _held(self, means: str, evidence: float) -> GateState:
        return GateState(
            True, 1.0 - min(evidence, 1.0), f"verified by {means}.", Phase.VERIFIED, means, self._last_score
        )

    def _lose(self, reason: str) -> GateState:
        phase = Phase.SEARCHING if self._state.phase is Phase.SEARCHING else Phase.LOST
        self._requested = ""  # by the time that frames are fresh again somebody else may sit there
        self._continuity.stop()
        # Votes and looks of before the loss would open the gate for whoever comes after it.
        self._votes.clear()
        if self._verifier is not None:
            self._verifier.reset()
        self._state = self._closed(phase, reason)
        return self._state

    def _closed(self, phase: Phase, reason: str) -> GateState:
        return GateState(False, 0.0, reason, phase, "", self._last_score)
