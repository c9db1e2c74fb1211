"""EVT3, the format of Prophesee's event cameras, in memory: what EventPacket messages and RAW files carry.

``encode`` and ``Decoder`` are inverse to each other: events, order and times come back exactly (times up to the 24 bits
that the format has: a decoder counts wraps from the moment it joins).
"""

from __future__ import annotations

from faceedge.events.event import EVENT_DTYPE
from faceedge.events.evt3_clock import Clock
from faceedge.events.evt3_decode import Counters, Decoder
from faceedge.events.evt3_encode import EncoderState, encode
from faceedge.events.evt3_words import LARGEST_SIDE, WRAP_US, Kind, word

__all__ = [
    "EVENT_DTYPE",
    "LARGEST_SIDE",
    "WRAP_US",
    "Clock",
    "Counters",
    "Decoder",
    "EncoderState",
    "Kind",
    "encode",
    "word",
]
