"""A session's radar frames, played by the time and not by the number."""

from __future__ import annotations

import numpy as np

from faceedge.errors import ConfigurationError
from faceedge.radar.chirp import ChirpSettings

_TOLERANCE = 1e-3
"""Relative: a device rounds slopes and periods."""


class SessionFeed:
    """Frames that were due at the moments at which a radar measures; see ``devices.feed.Feed``.

    A device's frame period differs a little from the one that it was asked for: 50.030 instead of 50.000 ms are two
    frames in a minute. So the feed takes the frame of the session that is nearest in time, which is never more than
    half a period away.

    Args:
        cubes: (frame, rx, chirp, sample) uint16 of the session.
        recorded: with what they were recorded.
        chirp: of the device that plays them, with the frame period that it really has.
        duration_s: of the session, which begins anew after that; 0: the last frame stays.

    Raises:
        ConfigurationError: the device would sample something else than what was recorded.
    """

    def __init__(
        self, cubes: np.ndarray, recorded: ChirpSettings, chirp: ChirpSettings, *, duration_s: float = 0.0
    ) -> None:
        differences = [
            f"{what} {mine:g} instead of {theirs:g}"
            for what, mine, theirs in (
                ("chirps", chirp.chirps_per_frame, recorded.chirps_per_frame),
                ("samples", chirp.samples_per_chirp, recorded.samples_per_chirp),
                ("receivers", len(chirp.rx_antennas), len(recorded.rx_antennas)),
                ("GHz at the start", chirp.start_frequency_hz / 1e9, recorded.start_frequency_hz / 1e9),
                ("MHz/us", chirp.slope_hz_per_s / 1e12, recorded.slope_hz_per_s / 1e12),
            )
            if abs(mine / theirs - 1) > _TOLERANCE
        ]
        if differences:
            raise ConfigurationError(
                f"the session was recorded with another chirp: {', '.join(differences)}; give the radar node the "
                "session's own."
            )
        self._cubes, self._recorded_s = cubes, recorded.frame_period_s
        self._period_s, self._duration_s = chirp.frame_period_s, duration_s

    def place(self, index: int) -> int:
        """Number of the recorded frame that is shown as the device's frame ``index``; that one may be negative."""
        time_s = index * self._period_s
        if self._duration_s:
            time_s %= self._duration_s
        last = len(self._cubes) - 1
        place = min(max(round(time_s / self._recorded_s), 0), last)
        if self._duration_s and self._duration_s - time_s < time_s - last * self._recorded_s:
            return 0  # the next round's first frame is nearer than this round's last one
        return place

    def cube(self, index: int) -> np.ndarray:
        """(rx, chirp, sample) uint16."""
        return np.asarray(self._cubes[self.place(index)])
