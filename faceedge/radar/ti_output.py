"""How many bytes a configuration of TI's demonstration makes the IWR6843 send each frame, and whether they fit.

The device sends after the chirps of a frame and before the next frame. What does not fit is not queued: frames are
stretched or dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

from faceedge.radar.chirp_limits import next_power_of_two
from faceedge.radar.ti_cfg import TiConfiguration

SECONDS_PER_BYTE = 11.2e-6
"""Of the data port at its real rate: 10 bits at 200 MHz / 16 / 14, 3.1 % below the nominal 921,600 baud."""
PROCESSING_S = 4e-3
"""What the demonstration computed after each frame of 256 ranges, by its own statistics (SDK 3.3)."""
LEAST_DOPPLER_BINS = 16
"""Of its Doppler transform, since SDK 3.2 on boards without antennas on the package."""
# Sizes of mmw_output.h, in bytes.
HEADER, TLV_HEADER, PADDING = 40, 8, 32
POINT, SIDE_INFO, BIN, COMPLEX, STATISTICS, TEMPERATURE = 16, 4, 2, 4, 24, 28


@dataclass(frozen=True, slots=True)
class Output:
    """What one frame sends, from ``guiMonitor`` and the chirp.

    Attributes:
        fixed_bytes: of a packet without points.
        point_bytes: of each detected point.
        room_s: from the last chirp and the processing to the next frame.
    """

    fixed_bytes: int
    point_bytes: int
    room_s: float

    def packet_bytes(self, points: int) -> int:
        """Length of a packet with so many points, padded as the device pads."""
        return -(-(self.fixed_bytes + points * self.point_bytes) // PADDING) * PADDING

    @property
    def most_points(self) -> int:
        """Points that fit into the room of a frame; negative: not even a packet without any does."""
        if self.packet_bytes(0) * SECONDS_PER_BYTE > self.room_s:
            return -1
        if not self.point_bytes:
            return 0
        whole = int(self.room_s / SECONDS_PER_BYTE) // PADDING * PADDING
        return (whole - self.fixed_bytes) // self.point_bytes


def output_of(configuration: TiConfiguration) -> Output:
    """What a configuration makes the device send; nothing but headers without a ``guiMonitor``.

    Raises:
        ConfigurationError: the configuration has no chirp.
    """
    chirp = configuration.chirp
    asked = (configuration.values("guiMonitor") or [{}])[-1]
    ranges = next_power_of_two(chirp.samples_per_chirp)
    dopplers = max(next_power_of_two(chirp.chirps_per_frame), LEAST_DOPPLER_BINS)
    virtual = len(chirp.rx_antennas) * len(chirp.tx_antennas)
    parts = {
        "range_profile": ranges * BIN,
        "noise_profile": ranges * BIN,
        "azimuth_heat_map": ranges * virtual * COMPLEX,
        "range_doppler_heat_map": ranges * dopplers * BIN,
        "statistics": STATISTICS + TLV_HEADER + TEMPERATURE,
    }
    fixed = HEADER + sum(TLV_HEADER + size for name, size in parts.items() if asked.get(name))
    point = 0
    if asked.get("points"):
        with_side_info = asked["points"] == 1
        fixed += TLV_HEADER * (2 if with_side_info else 1)
        point = POINT + (SIDE_INFO if with_side_info else 0)
    room_s = chirp.frame_period_s - chirp.chirps_per_frame * chirp.chirp_period_s - PROCESSING_S
    return Output(fixed, point, room_s)


def output_advice(configuration: TiConfiguration) -> list[str]:
    """One sentence where the output does not fit between two frames; empty: it fits.

    Raises:
        ConfigurationError: the configuration has no chirp.
    """
    output = output_of(configuration)
    if output.most_points >= 0:
        return []
    size = output.packet_bytes(0)
    return [
        f"guiMonitor asks for {size:,} bytes a frame, {size * SECONDS_PER_BYTE * 1e3:.3g} ms on the wire, and chirps "
        f"and processing leave {max(output.room_s, 0) * 1e3:.3g} ms: frames will be late or lost; ask for less or "
        "lengthen the frame."
    ]
