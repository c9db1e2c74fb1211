"""The IWR6843's cycle counter on this host's clock."""

from __future__ import annotations

from faceedge.radar.device_clock import DeviceClock

CYCLES_PER_US = 200
WRAP = 1 << 32
"""Every 21.5 s."""

EARLIEST_NS = -20_000_000
LATEST_NS = 2_000_000_000
"""A packet that seems to arrive before it was built, or so long after, has a damaged time."""

MOST_DAMAGED = 3
"""As many damaged times in a row mean that the device booted and its counter began anew."""


class CycleCounter:
    """The counter made long, though it wraps, though packets are missing, and though one may be damaged."""

    def __init__(self) -> None:
        self._last: tuple[int, int] | None = None

    def unwrap(self, cycles: int, host_ns: int) -> int:
        """The count that is nearest to what the host's time since the last call suggests."""
        if self._last is not None:
            total, last_ns = self._last
            expected = total + (host_ns - last_ns) * CYCLES_PER_US // 1000
            cycles += (expected - cycles + WRAP // 2) // WRAP * WRAP
        self._last = (cycles, host_ns)
        return cycles


class PacketClock:
    """When a packet was built, from its cycle counter: the mapping follows the packets that arrived fastest."""

    def __init__(self) -> None:
        self._counter = CycleCounter()
        self._clock = DeviceClock()
        self._damaged = 0

    def built_ns(self, cycles: int, arrived_ns: int) -> int | None:
        """The moment on CLOCK_MONOTONIC.

        Args:
            cycles: of the packet.
            arrived_ns: when its first byte arrived, ns on CLOCK_MONOTONIC; not before that of the call before.

        Returns:
            None when the count cannot be right.
        """
        device_ns = self._counter.unwrap(cycles, arrived_ns) * 1000 // CYCLES_PER_US
        if self._clock.known and not EARLIEST_NS <= arrived_ns - self._clock.to_host_ns(device_ns) <= LATEST_NS:
            self._damaged += 1
            if self._damaged < MOST_DAMAGED:
                return None
            self._clock.clear()
        self._damaged = 0
        self._clock.add(device_ns, arrived_ns)
        return self._clock.to_host_ns(device_ns)
