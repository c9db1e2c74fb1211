"""Everything between a radar's raw frames and the gate's answer, for one radar and one claimed person.

The gate and its verifier belong to one chirp, so both are made anew when the radar announces another. What cannot be
made is a reason why nobody is authenticated, never an end of the program: a radar that is set right again works.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from faceedge.errors import ConfigurationError, FaceedgeError
from faceedge.perception.authentication.freshness import FreshnessSettings
from faceedge.perception.authentication.gate import Gate, GateSettings, GateState, Phase, Verifier
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import FaceFrame, FaceFrames

NO_RADAR = "the radar has not said yet what it transmits."


def nobody(reason: str) -> GateState:
    """The answer where there is no gate."""
    return GateState(False, 0.0, reason, Phase.SEARCHING)


class Authenticator:
    """Authentication of one claimed person by one radar.

    Args:
        make_verifier: compares frames of a chirp with the claimed person; returns None where nobody can be compared,
            and raises a FaceedgeError whose sentence says why not: no template, one of another chirp, no model.
        settings, freshness: of the gate.
        oldest_s: a frame that is older when it comes is refused: it was delayed, or it is a recording.

    Attributes:
        problem: why nobody can be verified by the radar, as a sentence; empty: somebody can.
        frame: the newest, prepared; None: none yet, or it could not be prepared.
    """

    def __init__(
        self,
        make_verifier: Callable[[ChirpSettings], Verifier | None],
        settings: GateSettings | None = None,
        freshness: FreshnessSettings | None = None,
        oldest_s: float = 1.0,
    ) -> None:
        self._make_verifier, self._settings, self._freshness = make_verifier, settings, freshness
        self._oldest_s = oldest_s
        self._frames: FaceFrames | None = None
        self._gate: Gate | None = None
        self._closed = nobody(NO_RADAR)
        self._stamp_ns = 0
        self.problem = ""
        self.frame: FaceFrame | None = None

    @property
    def state(self) -> GateState:
        """After the last call."""
        return self._closed if self._gate is None else self._gate.state

    @property
    def chirp(self) -> ChirpSettings | None:
        """What the radar transmits; None: not known yet."""
        return None if self._frames is None else self._frames.chirp

    def push(self, cube: np.ndarray, chirp: ChirpSettings, sequence: int, stamp_ns: int, now_ns: int) -> GateState:
        """The answer after the next frame.

        Args:
            cube: (rx, chirp, sample) uint16, 12-bit ADC counts.
            chirp: with which it was taken.
            sequence: number of the frame; a gap means that frames are missing.
            stamp_ns: time of its first chirp. now_ns: by the same clock.

        Raises:
            InputError: the cube is not of this chirp.
        """
        self.frame = None
        if chirp != self.chirp:
            changed = self._change(chirp)
            if changed is not None:
                return changed
        if self._gate is None or self._frames is None:
            return self._closed
        self.frame = self._frames.push(cube, sequence, stamp_ns)
        self._stamp_ns = stamp_ns
        age_s = (now_ns - stamp_ns) / 1e9
        if abs(age_s) > self._oldest_s:
            when = f"{age_s:.1f} s old" if age_s > 0 else f"{-age_s:.1f} s ahead of this clock"
            return self._gate.close(
                f"the radar's frames are {when}, they may be {self._oldest_s:g} s: delayed, a recording, or "
                "two machines' clocks differ."
            )
        return self._gate.push(self.frame)

    def silent(self, waited_s: float) -> GateState:
        """The answer where no frame has come for so long; to be asked on a clock."""
        if self._gate is None:
            return self._closed
        return self._gate.silent(self._stamp_ns + round(1e9 * waited_s))

    def verify_other(self, means: str) -> None:
        """Somebody was verified by other ``means``, such as PIN: the session opens with the next fresh frame.

        Raises:
            ConfigurationError: no radar is there, or no means is named.
        """
        if self._gate is None:
            raise ConfigurationError(f"nobody can be kept authenticated: {self._closed.reason}")
        self._gate.verify_other(means)

    def close(self, reason: str) -> GateState:
        """End the session."""
        if self._gate is not None:
            return self._gate.close(reason)
        self._closed = nobody(reason)
        return self._closed

    def renew(self) -> None:
        """Make the verifier anew with the next frame: its template has changed."""
        self._gate = self._frames = self.frame = None

    def _change(self, chirp: ChirpSettings) -> GateState | None:
        """Take ``chirp`` on; the answer where that ends a session, or where nothing can be made of it."""
        authenticated = self.state.authenticated
        lost = self._gate.chirp_changed(chirp) if self._gate is not None else None
        self._gate = self._frames = None
        self.problem = ""
        verifier: Verifier | None = None
        try:
            verifier = self._make_verifier(chirp)
        except FaceedgeError as error:
            self.problem = str(error)
        try:
            frames = FaceFrames(chirp)
            self._gate = Gate(chirp, verifier, self._settings, self._freshness)
        except ConfigurationError as error:
            self._closed = nobody(str(error))
            return self._closed
        self._frames = frames
        if lost is not None and authenticated:
            return lost
        return None
