"""Radar sources: a BGT60TR13C on SPI or behind a serial bridge, an IWR6843 on two UARTs, a recording.

>>> with make_source(SourceSettings("bgt60_bridge")) as source:  # doctest: +SKIP
...     frame = source.read()
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from faceedge.errors import ConfigurationError
from faceedge.radar.bgt60_spidev import SPEED_HZ
from faceedge.radar.bgt60_transport import Transport
from faceedge.radar.chirp_files import ChirpFile, load_chirp_file
from faceedge.radar.source_base import RadarSource

__all__ = ["DEFAULT_CHIRPS", "KINDS", "RadarSource", "SourceSettings", "chirp_file_of", "make_source", "open_source"]

RECORDING = "recording"
# Kind of source -> (format of its chirp files, the one that is used where none is named)
DEFAULT_CHIRPS: dict[str, tuple[str, str]] = {
    "bgt60_spi": ("infineon", "bgt60_face_food.json"),
    "bgt60_bridge": ("infineon", "bgt60_face_food.json"),
    "ifxradarsdk": ("infineon", "bgt60_face_food.json"),
    "iwr6843": ("ti", "iwr6843_face.cfg"),
}
KINDS = (*DEFAULT_CHIRPS, RECORDING)


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """What to open.

    Attributes:
        kind: one of ``KINDS``.
        path: bgt60_spi: /dev/spidev0.0; bgt60_bridge: a serial port; ifxradarsdk: the board's UUID; recording: its
            folder. Empty: the first device.
        chirp_file: a path, or a name in `firmware_configs`; empty: the near-face chirp of the device. Recordings have
            their own settings.
        loop: start a recording again at its end.
        cli_port, data_port: serial ports of the iwr6843; empty: found by their USB ids.
        spi_speed_hz, reset_line, irq_line: of the bgt60_spi; lines are numbers on the Raspberry Pi's header (BCM).
    """

    kind: str
    path: str = ""
    chirp_file: str = ""
    loop: bool = False
    cli_port: str = ""
    data_port: str = ""
    spi_speed_hz: int = SPEED_HZ
    reset_line: int = 12
    irq_line: int = 25

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigurationError(f"unknown kind of radar {self.kind!r}; known are {', '.join(KINDS)}.")
        if self.kind == RECORDING and not self.path:
            raise ConfigurationError("a recording needs the path of its folder.")
        if self.kind == "iwr6843" and self.path:
            raise ConfigurationError(
                f"an iwr6843 has two ports, so the path {self.path} would do nothing; set cli_port and data_port."
            )
        if self.kind == RECORDING and self.chirp_file:
            raise ConfigurationError(
                f"a recording has its own chirp settings, so {self.chirp_file} would do nothing; leave the chirp empty."
            )


def chirp_file_of(settings: SourceSettings) -> ChirpFile | None:
    """The chirp file that ``settings`` name, loaded and checked; None for a recording.

    Raises:
        ConfigurationError: no such file, one of another device, or a chirp that the device cannot transmit.
    """
    if settings.kind not in DEFAULT_CHIRPS:
        return None
    expected, default = DEFAULT_CHIRPS[settings.kind]
    result = load_chirp_file(settings.chirp_file or default)
    if result.kind != expected:
        suffix = {"infineon": ".json", "ti": ".cfg"}
        raise ConfigurationError(
            f"the chirp file {result.path} is a {suffix[result.kind]} file of {result.chirp.device}, the source "
            f"{settings.kind} needs a {suffix[expected]} file such as {default}."
        )
    return result


def make_source(settings: SourceSettings) -> RadarSource:
    """The source that ``settings`` describe, not opened yet; what it needs is imported only now.

    Raises:
        ConfigurationError: as in :func:`chirp_file_of`.
        InputError: the recording is missing or not what it should be.
    """
    file = chirp_file_of(settings)
    if file is None:
        from faceedge.radar.recordings import RecordingSource

        return RecordingSource(settings.path, loop=settings.loop)
    if settings.kind == "iwr6843":
        from faceedge.radar.iwr6843 import Iwr6843

        return Iwr6843(file, settings.cli_port, settings.data_port)
    if settings.kind == "ifxradarsdk":
        from faceedge.radar.ifxradarsdk_source import IfxRadarSdkSource

        return IfxRadarSdkSource(file.chirp, settings.path)
    from faceedge.radar.bgt60 import Bgt60

    return Bgt60(file.chirp, _transport(settings))


def _transport(settings: SourceSettings) -> Transport:
    if settings.kind == "bgt60_spi":
        from faceedge.radar.bgt60_spidev import SpidevTransport

        path = settings.path or first_spi_bus()
        return SpidevTransport(path, settings.spi_speed_hz, settings.reset_line, settings.irq_line)
    if settings.path:
        from faceedge.radar.bridge import BridgeTransport

        return BridgeTransport(settings.path)
    from faceedge.radar.bridge_ports import FoundBridgeTransport

    return FoundBridgeTransport()


def first_spi_bus(folder: Path = Path("/dev")) -> str:
    """The first SPI device file; where there is none the usual name, so that opening it says what to do."""
    found = sorted(str(path) for path in folder.glob("spidev*"))
    return found[0] if found else str(folder / "spidev0.0")


def open_source(settings: SourceSettings) -> RadarSource:
    """``make_source`` and ``open()`` in one; raises what ``RadarSource.open`` raises."""
    source = make_source(settings)
    source.open()
    return source
