"""What a radar sees of a synthetic person in a room, frame by frame.

The surface's facets scatter by physical optics (`facets`) as far as the radar sees them (`visibility`), also by way of
a wall and a desk (`images`, `room`). All tones are summed with exact delays (`tones`) and received (`front_end`).

The surface is computed at a few instants of each frame (`tones.instants`), and phases follow a smooth curve between
them. Amplitude and visibility of a facet are those of the middle of the frame. What comes out is synthetic.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from faceedge.errors import ConfigurationError, InputError
from faceedge.radar.chirp import SPEED_OF_LIGHT_M_S, ChirpSettings
from faceedge.radar.chirp_limits import check_limits
from faceedge.simulation.radar.facets import facet_echoes
from faceedge.simulation.radar.front_end import NEAREST_M, FrontEnd, Receiver, TemperatureDrift
from faceedge.simulation.radar.images import Detour, Way, lit, room_detours, way
from faceedge.simulation.radar.room import Room
from faceedge.simulation.radar.tones import ToneGrid
from faceedge.simulation.radar.visibility import DepthView
from faceedge.simulation.surface import Surface

SNR_DB = (-60.0, 120.0)
FREQUENCY_NOISE_HZ = 50e3
"""Of the ramp, from chirp to chirp, unless a front end is given. In a recording of two corner reflectors at 0.33 and
0.50 m it is below 80 kHz (1e-3 rad), where thermal noise hides it."""


class RadarView:
    """ADC samples of a surface in a room. ``cube(i)`` depends on ``i`` alone, whatever was asked for before.

    Args:
        chirp: what the radar transmits and how it samples.
        surface: what moves in front of it, in metres in the radar's frame.
        room: what stands still; None: nothing.
        front_end: of the radar; None: a BGT60TR13C's, with the phase noise of `FREQUENCY_NOISE_HZ`.
        snr_db: power of the surface's echoes in frame 0 over that of the thermal noise, for a single sample at the ADC;
            a cube of n samples raises it by 10 log10(n) in the image that is made of it. None: the front end's noise.
        drift: how the chip grows warm from frame 0 on; None: it does not.
        seed: of the noise.

    Attributes:
        chirp, surface, room, front_end, drift: as given.
        receiver: what the front end does.

    Raises:
        ConfigurationError: a chirp that the part cannot do, or an impossible signal-to-noise ratio.
    """

    def __init__(
        self,
        chirp: ChirpSettings,
        surface: Surface,
        *,
        room: Room | None = None,
        front_end: FrontEnd | None = None,
        snr_db: float | None = None,
        drift: TemperatureDrift | None = None,
        seed: int = 0,
    ) -> None:
        check_limits(chirp)
        if snr_db is not None and not SNR_DB[0] <= snr_db <= SNR_DB[1]:
            raise ConfigurationError(
                f"snr_db must lie between {SNR_DB[0]:g} and {SNR_DB[1]:g}, got {snr_db!r}; None takes the noise of the "
                "front end."
            )
        self.chirp, self.surface, self.drift = chirp, surface, drift
        self.room = room or Room()
        self.front_end = front_end or FrontEnd(frequency_noise_hz=FREQUENCY_NOISE_HZ)
        self.receiver = Receiver(chirp, self.front_end, seed)
        self._tones = ToneGrid(chirp, self.receiver.first_hz)
        ends = self.receiver.tx_m, self.receiver.rx_m
        facets = len(surface.mesh.triangles)
        detours = room_detours(*ends, self.room.mirrors, facets, self.room.decimation)
        self._echoes = SurfaceEchoes(self._tones, self.receiver, surface, detours)
        self._standing = self._standing_tones()
        if snr_db is not None:
            counts = self._rms_of_surface() / 10 ** (snr_db / 20)
            self.receiver = Receiver(chirp, self.front_end, seed, counts)

    def cube(self, index: int) -> np.ndarray:
        """(rx, chirp, sample) uint16, 12-bit ADC counts: one frame with all that the receiver adds."""
        counts = self.if_signal(index)
        return self.receiver.cube(counts, index)

    def if_signal(self, index: int) -> np.ndarray:
        """(rx, chirp, sample) float32, ADC counts: echoes, clutter and leakage, before noise, rounding and clipping."""
        time_s = self._time_s(index)
        self._tones.clear(self._standing)
        self._echoes.add(time_s)
        error_hz = self.receiver.frequency_errors(index)
        if self.drift is not None:
            error_hz = error_hz + self.drift.frequency_ppm(time_s) * 1e-6 * self._tones.middle_hz
        samples = self._tones.samples(error_hz)
        return samples * np.float32(1.0 if self.drift is None else self.drift.amplitude(time_s))

    def temperature_c(self, index: int) -> float | None:
        """Of the chip; None without a drift."""
        return None if self.drift is None else self.drift.temperature_c(self._time_s(index))

    def _time_s(self, index: int) -> float:
        if index < 0:
            raise InputError(f"frames are counted from 0, got frame {index}.")
        return index * self.chirp.frame_period_s

    def _standing_tones(self) -> np.ndarray:
        """Leakage and clutter."""
        receiver, room = self.receiver, self.room
        delay_s, weights = (part[:, np.newaxis] for part in receiver.leakage())
        tx = np.maximum(np.linalg.norm(room.clutter_m - receiver.tx_m, axis=1), NEAREST_M)
        apart = room.clutter_m - receiver.rx_m[:, np.newaxis]
        rx = np.maximum(np.linalg.norm(apart, axis=2), NEAREST_M)
        clutter_s = (tx + rx) / SPEED_OF_LIGHT_M_S
        cosine = np.maximum(room.clutter_m[:, 0], 0.0) / tx
        size = receiver.counts_of_unit_echo() * np.sqrt(room.rcs_m2) * cosine**self.front_end.pattern_exponent
        clutter = size / (tx * rx) * receiver.response(self.chirp.slope_hz_per_s * clutter_s)
        return self._tones.standing(
            np.concatenate([delay_s, clutter_s], axis=1), np.concatenate([weights, clutter], axis=1)
        )

    def _rms_of_surface(self) -> float:
        self._tones.clear()
        self._echoes.add(0.0)
        return float(np.sqrt(np.square(self._tones.samples(np.zeros(1)), dtype=np.float64).mean()))


class SurfaceEchoes:
    """Adds the tones of a moving surface to a grid, straight and by detours. Buffers are kept.

    Args:
        tones: to which they are added.
        receiver: of the radar.
        surface: that scatters.
        detours: echoes that some of its facets make besides.
    """

    def __init__(self, tones: ToneGrid, receiver: Receiver, surface: Surface, detours: Sequence[Detour] = ()) -> None:
        self._tones, self._surface = tones, surface
        chirp, mesh = receiver.chirp, surface.mesh
        self._instants_s = tones.instants * chirp.chirp_period_s
        self._triangles = np.ascontiguousarray(mesh.triangles, np.int32)
        self._reflection = np.ascontiguousarray(mesh.reflection, np.float32)
        self._opaque = np.ascontiguousarray(mesh.opaque, np.bool_)
        self._straight = way(receiver.tx_m, receiver.rx_m, (), ())
        self._detours = [
            (detour, np.ascontiguousarray(self._triangles[detour.facets]), self._reflection[detour.facets])
            for detour in detours
        ]
        self._depth = DepthView((receiver.tx_m + receiver.rx_m.mean(axis=0)) / 2)
        self._seen = np.empty(len(self._triangles), np.float32)
        shape = len(receiver.rx_m), len(self._instants_s), len(self._triangles)
        self._turns, self._beat = np.empty(shape, np.float64), np.empty(shape, np.float32)
        self._weights = np.empty((shape[0], shape[2]), np.complex64)
        self._radar = np.array(
            [
                receiver.counts_of_unit_echo(),
                tones.middle_hz,
                chirp.slope_hz_per_s,
                chirp.sample_rate_hz,
                chirp.high_pass_hz,
                chirp.low_pass_hz,
                receiver.front_end.pattern_exponent,
            ]
        )

    def add(self, time_s: float) -> int:
        """Add the echoes of the frame that begins at ``time_s``; how many facets the radar sees."""
        points = self._vertices(time_s)
        middle = points[len(points) // 2]
        seen = self._depth.seen(middle, self._triangles, self._opaque, self._seen)
        count = self._add_way(points, self._triangles, self._reflection, seen, self._straight, 1.0)
        for detour, triangles, reflection in self._detours:
            path = detour.way
            share = seen[detour.facets] if path.straight else np.ones(len(detour.facets), np.float32)
            lit(middle, triangles, path.sources_m, path.mirrors, path.stages, share)
            self._add_way(points, triangles, reflection, share, path, detour.gain)
        return count

    def _vertices(self, time_s: float) -> np.ndarray:
        """(e, v, 3) float64, fit for compiled code."""
        points = np.ascontiguousarray(self._surface.vertices(time_s + self._instants_s), np.float64)
        if self._triangles.size and not 0 <= self._triangles.min() <= self._triangles.max() < points.shape[1]:
            raise InputError(
                f"the surface has {points.shape[1]} vertices, but its triangles name vertices "
                f"{self._triangles.min()} to {self._triangles.max()}; counted from 0, the last one is "
                f"{points.shape[1] - 1}."
            )
        if not np.isfinite(points.sum()):
            raise InputError(f"the surface has vertices at {time_s:g} s that are no finite numbers; check its motion.")
        return points

    def _add_way(
        self,
        points: np.ndarray,
        triangles: np.ndarray,
        reflection: np.ndarray,
        seen: np.ndarray,
        path: Way,
        gain: float,
    ) -> int:
        radar = self._radar.copy()
        radar[0] *= gain * path.amplitude
        buffers = self._turns, self._beat, self._weights
        ends = path.tx_m, path.tx_axis, path.rx_m, path.rx_axis
        count = facet_echoes(points, triangles, reflection, seen, *ends, radar, *buffers)
        if count:
            self._tones.add(self._turns[:, :, :count], self._beat[:, :, :count], self._weights[:, :count])
        return count
