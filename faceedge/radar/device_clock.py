"""A device's clock on this host's clock, from the moments at which its messages arrived."""

from __future__ import annotations

from collections import deque

BUCKET_NS = 500_000_000
BUCKETS = 64
LEAST_SPAN_NS = 4_000_000_000
"""Below this span of observations the drift is not told from the jitter of arrivals, and taken as none."""
LARGEST_DRIFT = 500e-6
"""Crystals are within 100 ppm of each other."""


class DeviceClock:
    """Maps times of a device to CLOCK_MONOTONIC of this host, both in ns.

    A message that the device stamped d arrives here at h = d + offset + delay, with a delay that is never negative and
    sometimes nearly none. So the offset is a line below all points (d, h - d), the one that is nearest to them on
    average: an edge of their lower convex hull (Moon, Skelly and Towsley, "Estimation and removal of clock skew from
    network delay measurements", INFOCOM 1999). Its slope is the drift between the clocks. Points are thinned to the
    lowest one in half a second and kept for half a minute.

    Attributes:
        drift: how much slower the device's clock is than the host's: 1e-6 is one ppm.
    """

    def __init__(self) -> None:
        self._points: deque[tuple[int, int]] = deque(maxlen=BUCKETS)
        self.clear()

    @property
    def known(self) -> bool:
        """At least one message arrived."""
        return self._base is not None

    def clear(self) -> None:
        """The device booted again: its clock has another origin."""
        self._points.clear()
        self._bucket = -1
        self._base: tuple[int, int] | None = None
        self.drift = 0.0

    def add(self, device_ns: int, host_ns: int) -> None:
        """A message stamped ``device_ns`` arrived at ``host_ns``. Device times may come slightly out of order."""
        offset = host_ns - device_ns
        bucket = device_ns // BUCKET_NS
        if self._bucket >= 0 and abs(bucket - self._bucket) > 2 * BUCKETS:
            self.clear()
        if bucket != self._bucket:
            self._points.append((device_ns, offset))
            self._bucket = bucket
        elif offset < self._points[-1][1]:
            self._points[-1] = (device_ns, offset)
        else:
            return
        self._fit()

    def to_host_ns(self, device_ns: int) -> int:
        """The moment ``device_ns`` on CLOCK_MONOTONIC; at least one message must have been added."""
        assert self._base is not None
        at, offset = self._base
        return device_ns + offset + round(self.drift * (device_ns - at))

    def _fit(self) -> None:
        points = sorted(self._points)
        if points[-1][0] - points[0][0] < LEAST_SPAN_NS:
            self._base, self.drift = min(points, key=lambda point: point[1]), 0.0
            return
        hull: list[tuple[int, int]] = []
        for point in points:
            while len(hull) > 1 and _turns_down(hull[-2], hull[-1], point):
                hull.pop()
            hull.append(point)
        middle = sum(at for at, _ in points) / len(points)
        right = next((index for index in range(1, len(hull)) if hull[index][0] >= middle), len(hull) - 1)
        (left_at, left), (right_at, last) = hull[right - 1], hull[right]
        drift = (last - left) / max(right_at - left_at, 1)
        self._base = (left_at, left)
        self.drift = min(max(drift, -LARGEST_DRIFT), LARGEST_DRIFT)


def _turns_down(first: tuple[int, int], middle: tuple[int, int], last: tuple[int, int]) -> bool:
    """Whether ``middle`` lies on or above the line from ``first`` to ``last``."""
    return (middle[1] - first[1]) * (last[0] - first[0]) >= (last[1] - first[1]) * (middle[0] - first[0])
