"""Packets of the IWR6843 as arrays: points, range profile, heat maps, statistics, temperature.

Axes are REP-103's (x forward, y left, z up, in m); the device's own are x right, y along boresight, z up. Magnitudes
come as sums over the virtual antennas of log2 in steps of 1/512 (SDK 3); here they are of one antenna: the geometric
mean, in dB or as a ratio.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from faceedge.errors import InputError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.iwr6843_layout import (
    AZIMUTH_ELEVATION_HEAT_MAP,
    AZIMUTH_HEAT_MAP,
    NOISE_PROFILE,
    POINTS,
    RANGE_DOPPLER,
    RANGE_PROFILE,
    SIDE_INFO,
    STATISTICS,
    TEMPERATURE,
    TLVS,
    Packet,
)

STEPS_PER_OCTAVE = 512
DB_PER_OCTAVE = 20 * math.log10(2)

MAX_VALUE = 1000.0
"""No point is farther, in m, or faster, in m/s."""
_MAGNITUDE, _MAX_BITS = 0x7FFF_FFFF, int(np.float32(MAX_VALUE).view(np.uint32))


@dataclass(frozen=True, slots=True)
class Shape:
    """What the device computes from a chirp: its FFTs are powers of two.

    Attributes:
        range_bins: next power of two from the samples (half of it when only I is sampled).
        doppler_bins: next power of two from the chirps of one transmitter.
        virtual_antennas: receivers times transmitters.
    """

    range_bins: int
    doppler_bins: int
    virtual_antennas: int

    @classmethod
    def of(cls, chirp: ChirpSettings) -> Shape:
        """For a chirp of an IWR6843."""
        points = _next_power_of_two(chirp.samples_per_chirp)
        return cls(
            points if chirp.complex_sampling else points // 2,
            _next_power_of_two(chirp.chirps_per_frame),
            len(chirp.rx_antennas) * len(chirp.tx_antennas),
        )


@dataclass(frozen=True, slots=True)
class Statistics:
    """Timing of the device, in us and percent. Transmission and margin are those of the frame before."""

    processing_us: int
    transmit_us: int
    margin_us: int
    chirp_margin_us: int
    active_load_percent: int
    idle_load_percent: int


def points(packet: Packet) -> np.ndarray | None:
    """Detected points: (n, 5) float32 x, y, z in m (REP-103), radial velocity in m/s (receding: positive), SNR in dB.

    Without side info the SNR is NaN. A packet without a point TLV whose header says that there are no points gives
    (0, 5); one that was not asked for points gives None.

    Raises:
        InputError: a number is not finite or beyond ``MAX_VALUE``: the payload is damaged.
    """
    found = packet.records(POINTS)
    if found is None:
        sent_none = packet.header.num_objects == 0 and packet.payload(POINTS) is None
        return np.empty((0, 5), np.float32) if sent_none else None
    # Bits without the sign are in the order of the magnitudes; infinities and NaN come last.
    if (found.view("<u4") & _MAGNITUDE > _MAX_BITS).any():
        raise InputError(
            f"frame {packet.header.frame_number}: a detected point has a coordinate or velocity beyond {MAX_VALUE:g}; "
            "the packet was damaged on its way."
        )
    result = np.empty((len(found), 5), np.float32)
    result[:, 0], result[:, 2], result[:, 3] = found["y_m"], found["z_m"], found["velocity_m_s"]
    result[:, 1] = 0 - found["x_m"]  # np.negative with out= ignores the step between the x in NumPy 2.4, and gives -0
    side = packet.records(SIDE_INFO)
    result[:, 4] = side["snr_decidb"] * np.float32(0.1) if side is not None and len(side) == len(found) else np.nan
    return result


def range_profile_db(packet: Packet, shape: Shape) -> np.ndarray | None:
    """Range profile of what does not move: (range bin,) float32, dB of one antenna. None when it was not sent.

    Raises:
        InputError: another number of bins than the chirp gives.
    """
    return _profile_db(packet, RANGE_PROFILE, shape)


def noise_profile_db(packet: Packet, shape: Shape) -> np.ndarray | None:
    """The same at the highest velocity, where there is mostly noise."""
    return _profile_db(packet, NOISE_PROFILE, shape)


def range_doppler(packet: Packet, shape: Shape) -> np.ndarray | None:
    """Range-Doppler heat map: (range bin, Doppler bin) float32 magnitudes of one antenna, zero Doppler in the middle.

    The device sends logarithms; as magnitudes they mean the same as those of a radar whose samples we transform.
    None when it was not sent.

    Raises:
        InputError: another size than the chirp gives.
    """
    octaves = _sized(packet, RANGE_DOPPLER, shape.range_bins * shape.doppler_bins)
    if octaves is None:
        return None
    scaled = octaves.reshape(shape.range_bins, shape.doppler_bins) * np.float32(
        1 / (STEPS_PER_OCTAVE * shape.virtual_antennas)
    )
    half = shape.doppler_bins // 2
    result = np.empty_like(scaled)
    np.exp2(scaled[:, :half], out=result[:, shape.doppler_bins - half :])
    np.exp2(scaled[:, half:], out=result[:, : shape.doppler_bins - half])
    return result


def heat_map(packet: Packet, shape: Shape) -> np.ndarray | None:
    """What each virtual antenna sees of what does not move: (range bin, antenna) complex64, or None.

    The azimuth heat map has the antennas in a row, the azimuth and elevation heat map has all of them.

    Raises:
        InputError: no whole number of antennas for the chirp's range bins.
    """
    for kind in (AZIMUTH_HEAT_MAP, AZIMUTH_ELEVATION_HEAT_MAP):
        values = packet.records(kind)
        if values is None:
            continue
        if len(values) == 0 or len(values) % shape.range_bins:
            raise InputError(
                f"frame {packet.header.frame_number}: {TLVS[kind].name} has {len(values)} values, expected a multiple "
                f"of the chirp's {shape.range_bins} range bins."
            )
        result = np.empty(len(values), np.complex64)
        result.real, result.imag = values["real"], values["imag"]
        return result.reshape(shape.range_bins, -1)
    return None


def statistics(packet: Packet) -> Statistics | None:
    """Timing of the device, or None."""
    values = packet.records(STATISTICS)
    return None if values is None else Statistics(*values[0].tolist())


def temperature_c(packet: Packet) -> float:
    """The hottest of the ten sensors; NaN when it was not sent or the device calls it invalid."""
    values = packet.records(TEMPERATURE)
    if values is None or values["invalid"][0] != 0:
        return math.nan
    return float(values["sensors_c"][0].max())


def _profile_db(packet: Packet, kind: int, shape: Shape) -> np.ndarray | None:
    octaves = _sized(packet, kind, shape.range_bins)
    if octaves is None:
        return None
    return np.asarray(octaves * np.float32(DB_PER_OCTAVE / (STEPS_PER_OCTAVE * shape.virtual_antennas)))


def _sized(packet: Packet, kind: int, expected: int) -> np.ndarray | None:
    values = packet.records(kind)
    if values is not None and len(values) != expected:
        raise InputError(
            f"frame {packet.header.frame_number}: {TLVS[kind].name} has {len(values)} values, the chirp gives "
            f"{expected}; is the configuration the one that was sent?"
        )
    return values


def _next_power_of_two(count: int) -> int:
    return 1 << max(0, count - 1).bit_length()
