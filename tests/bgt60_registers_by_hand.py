"""Registers of the BGT60TR13C as the vendor's tool exported them, word by word, for tests of the emulated chip."""

from __future__ import annotations

from collections.abc import Mapping

from faceedge.simulation.devices.bgt60 import Bgt60Chip

CONSTANT = {
    0x00: 0x1E8270, 0x04: 0xE967FD, 0x05: 0x0805B4, 0x06: 0x1027FF, 0x07: 0x010700, 0x08: 0, 0x09: 0, 0x0A: 0,
    0x0B: 0x000BE0, 0x0C: 0, 0x0D: 0, 0x0E: 0, 0x0F: 0x000B60, 0x10: 0x13FC51, 0x11: 0x7FF41F, 0x16: 0x000490,
    0x1D: 0x000480, 0x24: 0x000480, 0x2B: 0x000480, 0x2C: 0x11BE0E, 0x2F: 0x787E1E, 0x34: 0, 0x35: 0, 0x36: 0,
    0x3F: 0x000100, 0x47: 0x000100, 0x4F: 0x000100, 0x56: 0, 0x5B: 0,
}  # fmt: skip
_NAMES = (0x01, 0x30, 0x31, 0x32, 0x33, 0x37, 0x2D, 0x2E, 0x12)
_RECIPES = {
    "64x32": (0x0A0210, 0xA2A850, 0x000C88, 0x000172, 0x000040, 0x393B10, 0x646C0A, 0x01F000, 0x701CE7),
    "256x128": (0x0A0210, 0xA808AE, 0x00035B, 0x000532, 0x000100, 0x03D310, 0x659C0A, 0x07F000, 0x703DEF),
    "128x64": (0x084210, 0xF3FE2E, 0x0001B8, 0x000242, 0x000080, 0x0B0910, 0x672C0A, 0x03F000, 0x006F7B),
    "50 ms": (0x0A0210, 0xE7CD4A, 0x000131, 0x0002B2, 0x000080, 0x256B10, 0x573C0A, 0x03F000, 0x704E73),
}
RX2_ONLY = {0x10: 0x10C851, 0x11: 0x2FF41F}
RX1_ONLY = {0x10: 0x103C51, 0x11: 0x1FF41F}


def recipe(name: str, extra: Mapping[int, int] | None = None) -> dict[int, int]:
    """Registers by address: the constant ones, those of the named export, and ``extra``."""
    return dict(sorted({**CONSTANT, **dict(zip(_NAMES, _RECIPES[name], strict=True)), **(extra or {})}.items()))


def write(chip: Bgt60Chip, address: int, value: int) -> bytes:
    return chip.transfer((address << 25 | 1 << 24 | value).to_bytes(4, "big"))


def read(chip: Bgt60Chip, address: int) -> int:
    return int.from_bytes(chip.transfer((address << 25).to_bytes(4, "big"))[1:], "big")


def read_fifo(chip: Bgt60Chip, words: int) -> bytes:
    return chip.transfer(bytes.fromhex("FFC00000") + bytes(3 * words))[4:]


def configure(chip: Bgt60Chip, registers: Mapping[int, int], words: int) -> None:
    """Write all of them, and the FIFO's limit so that the interrupt comes after ``words``."""
    for address, value in registers.items():
        write(chip, address, value)
    write(chip, 0x06, registers[0x06] & ~0x1FFF | (words - 1))


def start(chip: Bgt60Chip) -> None:
    write(chip, 0x00, 0x1E8270 | 0x4)
    write(chip, 0x00, 0x1E8270 | 0x1)
