"""Finds the two serial ports of an IWR6843 board by what its USB bridge says about itself, never by number."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from faceedge.errors import DeviceError
from faceedge.radar.serial_port import PortInfo, present_ports


class Bridge(NamedTuple):
    """A USB bridge with two ports: each is known by a word in its interface's name, or by its interface's number."""

    name: str
    console: tuple[str, str]
    data: tuple[str, str]


BRIDGES = {
    (0x0451, 0xBEF3): Bridge("XDS110", ("Application/User UART", ":1.0"), ("Auxiliary Data", ":1.3")),
    (0x10C4, 0xEA70): Bridge("CP2105", ("Enhanced", ":1.0"), ("Standard", ":1.1")),
}
"""By USB vendor and product: the bridge of TI's evaluation boards, that of the IWR6843AOPEVM and of small modules."""


def find_ports(console: str = "", data: str = "", present: Iterable[PortInfo] | None = None) -> tuple[str, str]:
    """The paths of console and data port.

    Args:
        console, data: given paths; a missing one is looked for on the board of the other.
        present: the ports of this computer; None: asks pyserial.

    Raises:
        DeviceError: no board, several, or only one of the two ports.
    """
    if console and data:
        return console, data
    ports = list(present_ports() if present is None else present)
    boards = _boards(ports)
    given = console or data
    if given:
        boards = {key: board for key, board in boards.items() if _same(given, board.values())}
    whole = {key: board for key, board in boards.items() if len(board) == 2}
    if len(whole) == 1:
        board = next(iter(whole.values()))
        return console or board["console"], data or board["data"]
    if whole:
        names = "; ".join(f"{board['console']} and {board['data']}" for board in whole.values())
        raise DeviceError(
            f"{len(whole)} IWR6843 boards are plugged in ({names}); say which with cli_port and data_port."
        )
    if given:
        raise DeviceError(
            f"only {given} is given, and the other port of the same board was not found; set both cli_port "
            "and data_port."
        )
    known = ", ".join(f"{bridge.name} {vid:04x}:{pid:04x}" for (vid, pid), bridge in BRIDGES.items())
    there = ", ".join(port.device for port in ports) or "none"
    raise DeviceError(
        f"no IWR6843 board with both of its ports was found (USB bridge {known}; serial ports present: {there}); plug "
        "it in, or set cli_port and data_port."
    )


def _boards(ports: Iterable[PortInfo]) -> dict[str, dict[str, str]]:
    """Paths by role, by board: the ports of one USB device."""
    boards: dict[str, dict[str, str]] = {}
    for port in ports:
        bridge = BRIDGES.get((port.vid or 0, port.pid or 0))
        role = _role(port, bridge) if bridge is not None else ""
        if role:
            board = (port.location or "").rpartition(":")[0] or port.serial_number or ""
            boards.setdefault(board, {})[role] = port.device
    return boards


def _role(port: PortInfo, bridge: Bridge) -> str:
    roles = {"console": bridge.console, "data": bridge.data}
    for role, (word, _) in roles.items():
        if word in (port.interface or ""):
            return role
    for role, (_, ending) in roles.items():
        if (port.location or "").endswith(ending):
            return role
    return ""


def _same(path: str, others: Iterable[str]) -> bool:
    return os.path.realpath(path) in {os.path.realpath(other) for other in others}
