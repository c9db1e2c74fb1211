"""What the IWR6843's data port sends: header and TLVs as tables, and a packet that was found by them.

Layout: TI, "Understanding UART Data Output Format"; SDK 3 xwr68xx demo, ``mmw_output.h``. All numbers are
little-endian.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

MAGIC = bytes((2, 1, 4, 3, 6, 5, 8, 7))
ALIGNMENT_BYTES = 32
"""A packet is padded to a multiple of this, with whatever lay in memory."""

HEADER_BYTES = 40
LAB_HEADER_BYTES = 44
"""Some lab demos insert one more number before the first TLV."""


HEADER = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<u4"),  # major << 24 | minor << 16 | bugfix << 8 | build
        ("total_bytes", "<u4"),  # header, TLVs and padding
        ("platform", "<u4"),  # 0xA6843
        ("frame_number", "<u4"),  # from 1 at sensorStart
        ("time_cpu_cycles", "<u4"),  # 200 MHz counter when the packet was built; wraps every 21.5 s
        ("num_objects", "<u4"),
        ("num_tlvs", "<u4"),
        ("subframe", "<u4"),
    ]
)


class TlvLayout(NamedTuple):
    """What a TLV type holds: ``records`` of type ``record`` (0: any number)."""

    name: str
    record: np.dtype
    records: int = 0
    per_object: bool = False


POINTS, RANGE_PROFILE, NOISE_PROFILE, AZIMUTH_HEAT_MAP, RANGE_DOPPLER, STATISTICS, SIDE_INFO = 1, 2, 3, 4, 5, 6, 7
AZIMUTH_ELEVATION_HEAT_MAP, TEMPERATURE = 8, 9

TLVS: dict[int, TlvLayout] = {
    POINTS: TlvLayout(
        "detected points",
        np.dtype([("x_m", "<f4"), ("y_m", "<f4"), ("z_m", "<f4"), ("velocity_m_s", "<f4")]),
        per_object=True,
    ),
    RANGE_PROFILE: TlvLayout("range profile", np.dtype("<u2")),
    NOISE_PROFILE: TlvLayout("noise profile", np.dtype("<u2")),
    AZIMUTH_HEAT_MAP: TlvLayout("azimuth heat map", np.dtype([("imag", "<i2"), ("real", "<i2")])),
    RANGE_DOPPLER: TlvLayout("range-Doppler heat map", np.dtype("<u2")),
    STATISTICS: TlvLayout(
        "statistics",
        np.dtype(
            [
                ("inter_frame_processing_us", "<u4"),  # of this frame
                ("transmit_output_us", "<u4"),  # of the frame before, as is the margin
                ("inter_frame_margin_us", "<u4"),
                ("inter_chirp_margin_us", "<u4"),
                ("active_frame_load_percent", "<u4"),
                ("inter_frame_load_percent", "<u4"),
            ]
        ),
        1,
    ),
    SIDE_INFO: TlvLayout("side info", np.dtype([("snr_decidb", "<i2"), ("noise_decidb", "<i2")]), per_object=True),
    AZIMUTH_ELEVATION_HEAT_MAP: TlvLayout(
        "azimuth and elevation heat map", np.dtype([("imag", "<i2"), ("real", "<i2")])
    ),
    TEMPERATURE: TlvLayout(
        "temperature", np.dtype([("invalid", "<i4"), ("time_ms", "<u4"), ("sensors_c", "<i2", (10,))]), 1
    ),
}
TEMPERATURE_SENSORS = ("rx0", "rx1", "rx2", "rx3", "tx0", "tx1", "tx2", "pm", "dig0", "dig1")


class Header(NamedTuple):
    """The header's numbers, as `HEADER`."""

    version: int
    total_bytes: int
    platform: int
    frame_number: int
    time_cpu_cycles: int
    num_objects: int
    num_tlvs: int
    subframe: int


class Tlv(NamedTuple):
    """One TLV of a packet: its payload is ``data[start:stop]`` of the packet."""

    type: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet whose parts agree.

    Attributes:
        header: its numbers.
        tlvs: in the order in which they came, unknown types as well.
        data: all of its bytes, from the magic word to the padding.
        offset: of the magic word in the stream, bytes since the stream began.
        header_bytes: 40, or 44 in some lab demos.
        problems: one sentence for each TLV that cannot be what its type says; empty in a good packet.
    """

    header: Header
    tlvs: tuple[Tlv, ...]
    data: bytes
    offset: int
    header_bytes: int = HEADER_BYTES
    problems: tuple[str, ...] = ()

    def payload(self, tlv_type: int) -> memoryview | None:
        """Bytes of the first TLV of that type, not copied; None when there is none."""
        for tlv in self.tlvs:
            if tlv[0] == tlv_type:
                return memoryview(self.data)[tlv[1] : tlv[2]]
        return None

    def records(self, tlv_type: int) -> np.ndarray | None:
        """The TLV as an array of its records (see `TLVS`), read-only and not copied.

        None when it is absent or its length does not fit; ``problems`` has a sentence for the second.
        """
        payload = self.payload(tlv_type)
        layout = TLVS[tlv_type]
        size = layout.record.itemsize
        if payload is None or len(payload) % size or (layout.records and len(payload) != size * layout.records):
            return None
        return np.frombuffer(payload, layout.record)
