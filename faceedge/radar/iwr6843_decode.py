"""Packets of the IWR6843 as arrays: points, range profile, heat maps, statistics, temperature.

Axes are REP-103's (x forward, y left, z up, in m); the device's own are x right, y along boresight, z up. Magnitudes
come as logarithms to the base of 2, summed over the virtual antennas and shifted right until the sum of as many fits
again; here they are of one antenna: the geometric mean, in dB or as a ratio. The scale is that of TI's mmWave Demo
Visualizer 3.6 (``log2linScale``); in a capture of SDK 3.3, signal-to-noise ratio plus noise of each point are the range
profile's value at its range in that scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from faceedge.errors import InputError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.chirp_limits import next_power_of_two
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

STEPS_PER_OCTAVE = 256
STEPS_PER_OCTAVE_BEFORE = 512
SINCE_VERSION = 0x0302_0000
"""SDK 3.2, as the header has it: before it the steps were half as large."""
DB_PER_OCTAVE = 20 * math.log10(2)

MAX_OCTAVES = 40.0
"""The device's magnitudes are numbers of 32 bits: a larger logarithm is damaged, and cut to this."""
MAX_VALUE = 1000.0
"""No point is farther, in m, or faster, in m/s."""

LEAST_DOPPLER_BINS = (8, 16)
"""Of the firmwares whose Doppler transform is in hardware (AOP boards, up to 4 chirps) and in the DSP (up to 8)."""
_CUT_RANGE_BINS = {(1024, 12): 1022}  # range bins, virtual antennas: so many fit into the device's memory

_MAGNITUDE, _MAX_BITS = 0x7FFF_FFFF, int(np.float32(MAX_VALUE).view(np.uint32))


@dataclass(frozen=True, slots=True)
class Shape:
    """What the device computes from a chirp: its FFTs are powers of two.

    Attributes:
        range_bins: next power of two from the samples (half of it when only I is sampled).
        doppler_bins: next power of two from the chirps of one transmitter. Some firmwares have more of them where these
            are few (``LEAST_DOPPLER_BINS``).
        virtual_antennas: receivers times transmitters.
    """

    range_bins: int
    doppler_bins: int
    virtual_antennas: int

    @classmethod
    def of(cls, chirp: ChirpSettings) -> Shape:
        """For a chirp of an IWR6843."""
        points = next_power_of_two(chirp.samples_per_chirp)
        antennas = len(chirp.rx_antennas) * len(chirp.tx_antennas)
        bins = points if chirp.complex_sampling else points // 2
        return cls(_CUT_RANGE_BINS.get((bins, antennas), bins), next_power_of_two(chirp.chirps_per_frame), antennas)

    @property
    def possible_doppler_bins(self) -> tuple[int, ...]:
        """``doppler_bins``, and what firmwares make of so few chirps."""
        return (self.doppler_bins, *(least for least in LEAST_DOPPLER_BINS if self.doppler_bins < least))

    def octaves_per_step(self, version: int) -> float:
        """Of the logarithms in a packet: octaves of one antenna's magnitude.

        Args:
            version: of the packet's header.
        """
        steps = STEPS_PER_OCTAVE if version >= SINCE_VERSION else STEPS_PER_OCTAVE_BEFORE
        return next_power_of_two(self.virtual_antennas) / (self.virtual_antennas * steps)


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
    sizes = (shape.range_bins * bins for bins in shape.possible_doppler_bins)
    found = _octaves(packet, RANGE_DOPPLER, shape, *sizes)
    if found is None:
        return None
    octaves = found.reshape(shape.range_bins, -1)
    bins = octaves.shape[1]
    half = bins // 2
    result = np.empty_like(octaves)
    np.exp2(octaves[:, :half], out=result[:, bins - half :])
    np.exp2(octaves[:, half:], out=result[:, : bins - half])
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
    octaves = _octaves(packet, kind, shape, shape.range_bins)
    return None if octaves is None else np.asarray(octaves * np.float32(DB_PER_OCTAVE))


def _octaves(packet: Packet, kind: int, shape: Shape, *sizes: int) -> np.ndarray | None:
    """log2 magnitudes of one antenna, float32, of a TLV that must have one of these sizes; None when it is absent."""
    values = packet.records(kind)
    if values is None:
        return None
    if len(values) not in sizes:
        raise InputError(
            f"frame {packet.header.frame_number}: {TLVS[kind].name} has {len(values)} values, the chirp gives "
            f"{' or '.join(map(str, sizes))}; is the configuration the one that was sent?"
        )
    octaves: np.ndarray = values * np.float32(shape.octaves_per_step(packet.header.version))
    np.minimum(octaves, np.float32(MAX_OCTAVES), out=octaves)
    return octaves
