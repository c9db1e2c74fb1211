"""Times, headers and buffers of messages: what every conversion needs, with no message package beyond the standard."""

from __future__ import annotations

import array
from typing import Any

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

NANOSECONDS = 1_000_000_000


def stamp_to_ns(stamp: Time) -> int:
    """builtin_interfaces/Time -> ns."""
    return int(stamp.sec) * NANOSECONDS + int(stamp.nanosec)


def ns_to_stamp(stamp_ns: int) -> Time:
    """Ns -> builtin_interfaces/Time."""
    seconds, rest = divmod(int(stamp_ns), NANOSECONDS)
    return Time(sec=seconds, nanosec=rest)


def make_header(stamp_ns: int, frame_id: str) -> Header:
    """A std_msgs/Header from a moment in ns and a frame."""
    return Header(stamp=ns_to_stamp(stamp_ns), frame_id=frame_id)


def bytes_of(data: Any) -> array.array[int]:
    """Any contiguous buffer as the array type that rosidl takes without a check of each element; one copy."""
    result = array.array("B")
    view = memoryview(data)
    if view.nbytes:  # a view without elements cannot be cast
        result.frombytes(view.cast("B"))
    return result
