"""Parameters of the radar node, and the source that they describe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faceedge.nodes.parameters import Spec
from faceedge.radar.bgt60_spidev import MAX_SPEED_HZ, SPEED_HZ
from faceedge.radar.sources import KINDS, SourceSettings
from faceedge.radar.windows import COEFFICIENTS

TOPIC = "topic"
HIGHEST_LINE = 1023

PARAMETERS = (
    Spec("source", "bgt60_bridge", "Where frames come from.", choices=(*KINDS, TOPIC)),
    Spec(
        "path",
        "",
        "bgt60_spi: /dev/spidev0.0; bgt60_bridge: a serial port; ifxradarsdk: the board's UUID; recording: its folder; "
        "topic: the topic with raw samples. Empty: the first device.",
    ),
    Spec("chirp", "", "A chirp file: a path, or a name in firmware_configs; empty: near a face."),
    Spec("cli_port", "", "iwr6843: serial port for commands; empty: found by its USB ids."),
    Spec("data_port", "", "iwr6843: serial port for data; empty: found by its USB ids."),
    Spec("spi_speed_hz", SPEED_HZ, "bgt60_spi: SPI clock.", 100_000, MAX_SPEED_HZ),
    Spec("reset_line", 12, "bgt60_spi: GPIO line of the reset pin.", 0, HIGHEST_LINE),
    Spec("irq_line", 25, "bgt60_spi: GPIO line of the interrupt pin.", 0, HIGHEST_LINE),
    Spec("loop", False, "Start a recording again at its end."),
    Spec("frame_id", "radar", "TF frame of the radar (REP-103: x forward, y left, z up)."),
    Spec("window", "hann", "Window over samples and chirps.", choices=tuple(COEFFICIENTS)),
    Spec("mti", True, "Remove what stands still from ~/range_doppler."),
)


def source_settings(values: Mapping[str, Any]) -> SourceSettings:
    """What to open, out of the values of ``PARAMETERS``; not for source: topic."""
    return SourceSettings(
        values["source"],
        values["path"],
        values["chirp"],
        values["loop"],
        values["cli_port"],
        values["data_port"],
        values["spi_speed_hz"],
        values["reset_line"],
        values["irq_line"],
    )
