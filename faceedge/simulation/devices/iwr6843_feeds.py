"""What an emulated IWR6843 sends: packets of a recording, or packets made from a list of targets.

Targets are synthetic: each leaves a peak of the right place and shape in the images and one detected point, above noise
of a fixed level. Nothing is detected by chance, and nothing hides behind something else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceedge.errors import InputError
from faceedge.simulation.devices.iwr6843_configuration import Subframe
from faceedge.simulation.devices.iwr6843_packets import CYCLES_PER_S, HEADER, MAGIC, PacketContent, TlvType

Targets = Callable[[float], np.ndarray]
"""Time in s -> (n, 5): x right, y along boresight, z up in m; radial velocity in m/s; signal-to-noise ratio in dB."""

LOG2_STEPS = 256
"""Q8: steps of the profiles and images per doubling of the magnitude, since SDK 3.2."""
MAX_OBJECTS = 200
"""Limit compiled into the emulated firmware; the real one's depends on its build."""

_NOISE_DB = 9.0  # per antenna, in the images
_REPORTED_NOISE_TENTH_DB = 850  # as in a capture; its zero is not that of the images
_LOG2_NOISE = 0.8  # scatter of the log2 magnitude of noise, one antenna
_MAX_GAP_S = 5.0


def standing_face(range_m: float = 0.3) -> Targets:
    """Five points of a face that breathes, and one that moves with speech."""
    offsets = np.array([[0, 0, 0], [0.05, 0.03, 0.02], [-0.05, 0.03, 0.02], [0, 0.02, 0.07], [0, 0.02, -0.05]])

    def targets(time_s: float) -> np.ndarray:
        phase = 2 * math.pi * 0.25 * time_s
        out = np.zeros((5, 5))
        out[:, :3] = offsets + (0.0, range_m + 0.002 * math.sin(phase), 0.0)
        out[:, 3] = 0.002 * 2 * math.pi * 0.25 * math.cos(phase)
        out[4, 3] += 0.2 * math.sin(2 * math.pi * 4.0 * time_s)
        out[:, 4] = (30.0, 24.0, 24.0, 20.0, 18.0)
        return out

    return targets


def fixed_targets(rows: np.ndarray | list[tuple[float, float, float, float, float]]) -> Targets:
    """Targets that stay in place: (n, 5), or none."""
    table = np.asarray(rows, np.float64).reshape(-1, 5)
    return lambda _time_s: table


class TargetFeed:
    """Packet contents made from targets, by the geometry of the configuration.

    Args:
        targets: of time.
        heat_map_type: TLV 4 from the antennas in a row, or TLV 8 from all.
        seed: of the noise; a frame's noise depends on its number alone.
    """

    def __init__(self, targets: Targets, heat_map_type: TlvType = TlvType.AZIMUTH_HEAT_MAP, seed: int = 0) -> None:
        self.targets = targets
        self.heat_map_type = heat_map_type
        self.seed = seed

    def content(self, frame: Subframe, frame_number: int, time_s: float) -> PacketContent:
        """What this frame shows, without statistics and temperatures; only what ``guiMonitor`` asks for."""
        gui = frame.gui
        seen = _in_view(frame, np.asarray(self.targets(time_s), np.float64).reshape(-1, 5))
        generator = np.random.default_rng((self.seed, frame_number))
        image = None
        if gui.range_profile or gui.noise_profile or gui.range_doppler:
            image = range_doppler_image(frame, seen, generator)
        wanted = gui.detected_objects > 0
        return PacketContent(
            points=_points(frame, seen) if wanted else None,
            side_info=_side_info(seen) if gui.detected_objects == 1 else None,
            range_profile=image[:, 0] if image is not None and gui.range_profile else None,
            noise_profile=image[:, frame.doppler_bins // 2] if image is not None and gui.noise_profile else None,
            azimuth_heat_map=self._heat_map(frame, seen, generator) if gui.azimuth_heat_map else None,
            heat_map_type=self.heat_map_type,
            range_doppler=image if gui.range_doppler else None,
        )

    def _heat_map(self, frame: Subframe, seen: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """(range bin, antenna, 2) int16, imaginary part first: what stands still, at each virtual antenna.

        Antennas of TLV 4 are half a wavelength apart in a row. For TLV 8, rows of four are assumed one above the other.
        """
        count = frame.virtual_antennas
        if self.heat_map_type == TlvType.AZIMUTH_HEAT_MAP:
            count = frame.rx * min(frame.tx, 2)
        place = np.arange(count)
        column, row = (place, 0 * place) if self.heat_map_type == TlvType.AZIMUTH_HEAT_MAP else (place % 4, place // 4)
        distance = np.linalg.norm(seen[:, :3], axis=1, keepdims=True)
        across, up = (seen[:, 0:1] / distance, seen[:, 2:3] / distance)
        arrival = np.exp(1j * math.pi * (across * column + up * row))
        still = _doppler_kernel(frame, seen)[:, :1] * _amplitudes(seen)[:, np.newaxis]
        signal = _range_kernel(frame, seen).T @ (still * arrival)
        noise = generator.normal(0, 10 ** (_NOISE_DB / 20) / math.sqrt(2), (2, frame.range_bins, count))
        parts = np.stack([signal.imag + noise[0], signal.real + noise[1]], axis=-1)
        return np.asarray(np.clip(np.rint(parts), -32768, 32767), np.int16)


def _in_view(frame: Subframe, targets: np.ndarray) -> np.ndarray:
    """(n, 5): those that the configuration lets through, velocities folded into what the chirps can tell apart."""
    seen = targets.copy()
    span = frame.velocity_step_m_s * frame.doppler_bins
    seen[:, 3] = (seen[:, 3] + span / 2) % span - span / 2
    distance = np.linalg.norm(seen[:, :3], axis=1)
    azimuth = np.degrees(np.arctan2(seen[:, 0], seen[:, 1]))
    elevation = np.degrees(np.arcsin(seen[:, 2] / np.maximum(distance, 1e-9)))
    keep = (distance > 0) & (distance < frame.max_range_m)
    for value, (low, high) in (
        (distance, frame.range_limits_m),
        (seen[:, 3], frame.velocity_limits_m_s),
        (azimuth, frame.azimuth_limits_deg),
        (elevation, frame.elevation_limits_deg),
    ):
        keep &= (value >= low) & (value <= high)
    if frame.clutter_removal:
        keep &= np.rint(seen[:, 3] / frame.velocity_step_m_s) != 0
    return np.asarray(seen[keep][:MAX_OBJECTS])


def _points(frame: Subframe, seen: np.ndarray) -> np.ndarray:
    """(n, 4) float32: in the middle of their range and Doppler bins."""
    distance = np.linalg.norm(seen[:, :3], axis=1, keepdims=True)
    place = seen[:, :3] / distance * np.rint(distance / frame.range_step_m) * frame.range_step_m
    speed = np.rint(seen[:, 3:4] / frame.velocity_step_m_s) * frame.velocity_step_m_s
    return np.asarray(np.concatenate([place, speed], axis=1), np.float32)


def _side_info(seen: np.ndarray) -> np.ndarray:
    """(n, 2) int16: signal-to-noise ratio and noise in 0.1 dB."""
    snr = np.clip(np.rint(seen[:, 4] * 10), 0, 32767)
    return np.stack([snr, np.full(len(seen), _REPORTED_NOISE_TENTH_DB)], axis=1).astype(np.int16)


def range_doppler_image(frame: Subframe, seen: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """(range bin, Doppler bin) uint16: 256 times log2 magnitudes; column 0 stands still.

    The firmware sums over the virtual antennas and shifts the sum right by the bits that their number takes.
    """
    phase = np.exp(2j * math.pi * generator.random(len(seen)))
    weights = (_amplitudes(seen) * phase)[:, np.newaxis]
    signal = _range_kernel(frame, seen).T @ (weights * _doppler_kernel(frame, seen))
    power = signal.real**2 + signal.imag**2 + 10 ** (_NOISE_DB / 10)
    scatter = generator.normal(0, _LOG2_NOISE / math.sqrt(frame.virtual_antennas), power.shape)
    antennas = frame.virtual_antennas
    shift = math.ceil(math.log2(antennas))
    values = antennas * LOG2_STEPS * (np.log2(power) / 2 + scatter) / 2**shift
    return np.asarray(np.clip(np.rint(values), 0, 65535), np.uint16)


def _amplitudes(seen: np.ndarray) -> np.ndarray:
    return np.asarray(10 ** ((seen[:, 4] + _NOISE_DB) / 20))


def _range_kernel(frame: Subframe, seen: np.ndarray) -> np.ndarray:
    """(n, range bin)"""
    place = np.linalg.norm(seen[:, :3], axis=1) / frame.range_step_m
    return _hann_peak(np.arange(frame.range_bins) - place[:, np.newaxis])


def _doppler_kernel(frame: Subframe, seen: np.ndarray) -> np.ndarray:
    """(n, Doppler bin), zero velocity first, around the circle"""
    away = np.arange(frame.doppler_bins) - (seen[:, 3] / frame.velocity_step_m_s)[:, np.newaxis]
    half = frame.doppler_bins / 2
    return _hann_peak((away + half) % frame.doppler_bins - half)


def _hann_peak(offset: np.ndarray) -> np.ndarray:
    """Spectrum of a Hann window at an offset in bins, 1 in the middle; the limit at +-1 is 1/2."""
    away = np.abs(offset)
    at_one = np.abs(away - 1) < 1e-6
    return np.asarray(np.where(at_one, 0.5, np.sinc(away) / np.where(at_one, 1.0, 1 - away**2)))


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of a recording from one magic word to the next, and how long after the chunk before they begin."""

    data: bytes
    gap_s: float


def read_stream(path: Path) -> list[Chunk]:
    """Chunks of a recorded data port, at the times that the packets' cycle counters tell.

    Raises:
        InputError: not to be read, or no packet in it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the recorded stream {path}: {error.strerror or error}.") from error
    return split_stream(data, str(path))


def split_stream(data: bytes, name: str = "the stream") -> list[Chunk]:
    """As ``read_stream``. What precedes the first magic word belongs to the first chunk; nothing is changed or lost."""
    starts = []
    at = data.find(MAGIC)
    while at >= 0:
        starts.append(at)
        at = data.find(MAGIC, at + 1)
    if not starts:
        raise InputError(f"{name} holds no packet: {len(data)} bytes without the magic word {MAGIC.hex(' ')}.")
    chunks = []
    before: int | None = None
    ends = [*starts[1:], len(data)]
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        cycles = HEADER.unpack_from(data, start)[5] if end - start >= HEADER.size else None
        gap_s = 0.1
        if cycles is not None and before is not None:
            gap_s = ((cycles - before) & 0xFFFF_FFFF) / CYCLES_PER_S
        before = cycles
        chunks.append(Chunk(data[0 if index == 0 else start : end], gap_s if 0 < gap_s < _MAX_GAP_S else 0.1))
    return chunks
