"""The 16-bit words of EVT3, little-endian: four bits of kind, twelve of value.

Source: Prophesee's description of the format, docs.prophesee.ai, "EVT 3.0 Format".
"""

from __future__ import annotations

from enum import IntEnum

KIND_SHIFT = 12
VALUE_MASK = 0x0FFF
COORDINATE_MASK = 0x07FF
"""Of rows and columns: 11 bits. The twelfth of a row says which of two cameras, of a column the polarity."""
POLARITY_SHIFT = 11
LARGEST_SIDE = COORDINATE_MASK + 1

TIME_LOW_BITS = 12
TIME_HIGHS = 1 << 12
"""TIME_HIGH counts 4096 us and starts again after so many: every 16.78 s."""
WRAP_US = TIME_HIGHS << TIME_LOW_BITS


class Kind(IntEnum):
    """What a word is."""

    ADDR_Y = 0x0
    """Row of the events that follow."""
    ADDR_X = 0x2
    """Column and polarity: one event."""
    VECT_BASE_X = 0x3
    """Column and polarity of the first of the pixels that the following masks speak of."""
    VECT_12 = 0x4
    """Mask of 12 pixels, the lowest bit first; moves the base by 12."""
    VECT_8 = 0x5
    """Mask of 8 pixels; moves the base by 8."""
    TIME_LOW = 0x6
    """Low 12 bits of the time in us."""
    CONTINUED_4 = 0x7
    TIME_HIGH = 0x8
    """High 12 bits of the time; the low ones are 0 until the next TIME_LOW."""
    EXT_TRIGGER = 0xA
    OTHERS = 0xE
    """A message of the system; its payload is in words CONTINUED that follow."""
    CONTINUED_12 = 0xF


UNKNOWN = tuple(kind for kind in range(16) if kind not in set(Kind))


def word(kind: Kind, value: int = 0) -> int:
    """One word."""
    return kind << KIND_SHIFT | value
