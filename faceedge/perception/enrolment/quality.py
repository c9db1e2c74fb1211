"""Whether the frames of one sitting are good enough to enrol somebody with; what is wrong is said in sentences."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from faceedge.perception.enrolment.sight import Sight
from faceedge.radar.chirp import FACE_RANGES_M
from faceedge.radar.face_frames import FaceFrame

SATURATED = 0.01
"""Share of a frame's samples at the converter's ends from which on the frame is left out."""
MOST_BAD = 0.2
"""Share of frames that may be left out, lost, frozen or saturated."""
LEAST_PRESENT = 0.5
"""Share of frames in which somebody has to be there."""
FASTEST_M_S = 0.5
"""Nobody who sits leans faster; a change of distance beyond it is another person, a hand, or somebody who walks."""
MOST_JUMPS = 0.1
JUMP_M = 0.06
"""Two range bins of a full-band chirp: what the near side's bin may jump by between two frames without any movement."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One frame.

    Attributes:
        good: it may be used.
        problem: why not, as a sentence; empty: good.
    """

    good: bool
    problem: str = ""


@dataclass
class Quality:
    """Counts of one sitting.

    Attributes:
        frames: that came.
        good: that were used.
        lost: that the sensor made and nobody got.
        frozen, saturated, absent, far, near, jumps: left out, by the reason.
    """

    frames: int = 0
    good: int = 0
    lost: int = 0
    frozen: int = 0
    saturated: int = 0
    absent: int = 0
    far: int = 0
    near: int = 0
    jumps: int = 0
    _sequence: int | None = field(default=None, repr=False)
    _last: tuple[int, float] | None = field(default=None, repr=False)

    def judge(self, frame: FaceFrame, sight: Sight) -> Judgement:
        """Count one frame and say whether it may be used."""
        self.frames += 1
        if self._sequence is not None and frame.sequence > self._sequence + 1:
            self.lost += frame.sequence - self._sequence - 1
        self._sequence = frame.sequence
        problem = self._problem(frame, sight)
        if not problem:
            self.good += 1
        return Judgement(not problem, problem)

    def _problem(self, frame: FaceFrame, sight: Sight) -> str:
        if frame.repeated:
            self.frozen += 1
            return "The radar sends the same frame again and again; restart it."
        if frame.saturated > SATURATED:
            self.saturated += 1
            return "Something reflects too strongly; move back, and take metal things away."
        if not sight.present:
            self.absent += 1
            return "Nobody is seen; sit in front of the radar, 20 to 50 cm away."
        nearest, _, farthest = FACE_RANGES_M
        if sight.range_m > farthest:
            self.far += 1
            return f"You are {100 * sight.range_m:.0f} cm away; come closer than {100 * farthest:.0f} cm."
        if sight.range_m < nearest:
            self.near += 1
            return f"You are {100 * sight.range_m:.0f} cm away; move back to more than {100 * nearest:.0f} cm."
        return self._moved(frame, sight)

    def _moved(self, frame: FaceFrame, sight: Sight) -> str:
        last, self._last = self._last, (frame.stamp_ns, sight.range_m)
        if last is None:
            return ""
        seconds = max((frame.stamp_ns - last[0]) / 1e9, 1e-3)
        if abs(sight.range_m - last[1]) > JUMP_M + FASTEST_M_S * seconds:
            self.jumps += 1
            return "Too fast; move slowly, and keep hands out of the way."
        return ""

    def problems(self) -> list[str]:
        """Why this sitting cannot be used, a sentence each; empty: it can."""
        made = self.frames + self.lost
        if not self.frames:
            return ["no frame came."]
        found = []
        for count, what in (
            (self.lost, "were lost; close other programs or use a shorter cable"),
            (self.frozen, "equal the one before, which noise makes impossible; restart the radar"),
            (self.saturated, "are overdriven; move back, and take metal things away"),
            (
                self.near + self.far,
                f"have the face nearer than {FACE_RANGES_M[0]:.2g} m or beyond {FACE_RANGES_M[2]:g} m",
            ),
        ):
            if count / made > MOST_BAD:
                found.append(f"{count / made:.0%} of the frames {what} (at most {MOST_BAD:.0%} may).")
        if 1 - self.absent / self.frames < LEAST_PRESENT:
            found.append(f"somebody is there in {1 - self.absent / self.frames:.0%} of the frames only.")
        if self.jumps / made > MOST_JUMPS:
            found.append(
                f"in {self.jumps / made:.0%} of the frames the distance jumps, as if somebody walked by or moved a "
                "hand in front of the radar."
            )
        return found

    def present_share(self) -> float:
        """Share of frames with somebody there; NaN: no frame."""
        return 1 - self.absent / self.frames if self.frames else math.nan
