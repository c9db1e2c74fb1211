"""Finds the serial port of a radar bridge by what its USB device says about itself, never by its number."""

from __future__ import annotations

from collections.abc import Iterable

from faceedge.errors import DeviceError
from faceedge.radar.bridge import BridgeTransport
from faceedge.radar.serial_port import PortInfo, present_ports

MICROCONTROLLERS = {(0x2E8A, 0x0005): "MicroPython on an RP2040", (0x2E8A, 0x000A): "an RP2040 with a program in C"}
"""By USB vendor and product; from the list of product numbers that Raspberry Pi publishes."""


def find_bridge_port(present: Iterable[PortInfo] | None = None) -> str:
    """Path of the only port that may be a bridge.

    Args:
        present: the ports of this computer; None: asks pyserial.

    Raises:
        DeviceError: there is none, or there are several.
    """
    ports = list(present_ports() if present is None else present)
    found = [port.device for port in ports if (port.vid or 0, port.pid or 0) in MICROCONTROLLERS]
    if len(found) == 1:
        return found[0]
    if found:
        raise DeviceError(
            f"{len(found)} microcontrollers that may be a radar bridge are plugged in ({', '.join(found)}); "
            "say which with path."
        )
    known = ", ".join(f"{name} {vid:04x}:{pid:04x}" for (vid, pid), name in MICROCONTROLLERS.items())
    there = ", ".join(port.device for port in ports) or "none"
    raise DeviceError(
        f"no radar bridge was found (looked for {known}; serial ports present: {there}); plug it in, or set path."
    )


class FoundBridgeTransport(BridgeTransport):
    """A `BridgeTransport` whose port is looked for at each ``open()``."""

    def __init__(self) -> None:
        super().__init__("")

    def open(self) -> None:
        """See `Transport.open`."""
        self.path = find_bridge_port()
        super().open()
