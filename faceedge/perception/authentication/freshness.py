"""Whether a radar's frames come from the part, now, and show what they should: the gate's first question.

A frame that fails here says nothing of who is there, so nothing may be concluded from it. Each failure is a sentence
that says what was seen and what to do; no failure is the empty string.

What is seen here: silence, gaps, a clock that steps back, a cube that came twice (thermal noise makes two equal cubes
impossible: of 24,576 samples none may differ by one count), samples at the converter's ends, another chirp. What is
not seen: a recorded session that is played back between the part and its driver; docs/radar_continuity.md says what
the part allows against that.
"""

from __future__ import annotations

from dataclasses import dataclass

from faceedge.errors import ConfigurationError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import FaceFrame


@dataclass(frozen=True, slots=True)
class FreshnessSettings:
    """Limits.

    Attributes:
        silent_s: without a frame for so long, the radar is silent.
        gap_s: most time between two frames. Nobody takes another person's seat within it.
        saturated: most of a frame's samples that may lie at the converter's ends, 0 to 1.
    """

    silent_s: float = 0.5
    gap_s: float = 0.3
    saturated: float = 0.01

    def check(self) -> None:
        """Raise ConfigurationError for a value that is out of its range."""
        for name, value, low, high in (
            ("silent_s", self.silent_s, 0.1, 10.0),
            ("gap_s", self.gap_s, 0.05, 1.0),
            ("saturated", self.saturated, 0.0, 1.0),
        ):
            if not low <= value <= high:
                raise ConfigurationError(f"{name} is {value}, expected {low:g} to {high:g}.")


class Freshness:
    """Looks at the frames of one radar in the order in which they come.

    Args:
        chirp: what the radar is to transmit.
        settings: limits.

    Raises:
        ConfigurationError: a limit is out of its range, or frames come more rarely than the longest gap allows.
    """

    def __init__(self, chirp: ChirpSettings, settings: FreshnessSettings | None = None) -> None:
        self.chirp, self.settings = chirp, settings or FreshnessSettings()
        self.settings.check()
        if chirp.frame_period_s > self.settings.gap_s:
            raise ConfigurationError(
                f"the chirp has a frame every {chirp.frame_period_s:g} s and gap_s is {self.settings.gap_s:g} s: every "
                "frame would follow a gap. Use a faster chirp file or a larger gap_s."
            )
        self._last: tuple[int, int] | None = None

    def reset(self) -> None:
        """Forget the last frame; the next one follows no gap."""
        self._last = None

    def push(self, frame: FaceFrame) -> str:
        """What is wrong with the next frame; empty: nothing."""
        last, self._last = self._last, (frame.sequence, frame.stamp_ns)
        if frame.repeated:
            return (
                f"frame {frame.sequence} equals the one before sample by sample, which noise makes impossible: the "
                "radar or its driver is frozen; restart it."
            )
        if frame.saturated > self.settings.saturated:
            return (
                f"{frame.saturated:.0%} of frame {frame.sequence} lies at the converter's ends, at most "
                f"{self.settings.saturated:.0%} may: something reflects too strongly or another radar interferes; move "
                "back or lower the gain."
            )
        return "" if last is None else self._after(*last, frame)

    def _after(self, sequence: int, stamp_ns: int, frame: FaceFrame) -> str:
        step_s = (frame.stamp_ns - stamp_ns) / 1e9
        if step_s <= 0 or frame.sequence <= sequence:
            return (
                f"frame {frame.sequence} follows frame {sequence} but its time is {1e3 * step_s:+.0f} ms later: the "
                "source has started over or its clock has stepped back."
            )
        if step_s > self.settings.gap_s:
            return (
                f"{step_s:.2f} s without a frame before frame {frame.sequence}, at most {self.settings.gap_s:g} s may "
                "pass: nobody watched the seat meanwhile."
            )
        return ""

    def silent(self, now_ns: int) -> str:
        """What is wrong if no frame has come until ``now_ns``, in the frames' own time; empty: nothing."""
        if self._last is None:
            return "the radar has sent no frame yet."
        waited_s = (now_ns - self._last[1]) / 1e9
        if waited_s <= self.settings.silent_s:
            return ""
        return f"the radar has been silent for {waited_s:.1f} s; check its cable and its driver."

    def changed(self, chirp: ChirpSettings) -> str:
        """What is wrong if the radar now transmits ``chirp``; empty: nothing."""
        if chirp == self.chirp:
            return ""
        names = [name for name in ChirpSettings.__slots__ if getattr(chirp, name) != getattr(self.chirp, name)]
        return (
            f"the radar's chirp has changed ({', '.join(names)}): what was learnt from the other one holds no longer."
        )
