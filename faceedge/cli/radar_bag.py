"""Radar images out of a ROS 2 bag, read without ROS."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore

from faceedge.bags import open_bag
from faceedge.errors import FaceedgeError, InputError
from faceedge.radar.chirp import from_json
from faceedge.radar.frame import RadarFrame
from faceedge.radar.gaps import missing_frames
from faceedge.radar.imaging import Imager, Processing
from faceedge.radar.moments import Feed, Moment, Pairing

CHIRP, ADC, IMAGE, MICRO = "chirp", "adc", "range_doppler", "micro_range_doppler"


class BagFeed(Feed):
    """Moments of a radar in a bag: the images in it, or those of its raw samples.

    Args:
        path: of the bag, folder or file.
        topic: with range-Doppler images, or with raw samples; the others are looked for beside it.
        loop: start again at the end.
        paced: at the pace of the stamps; otherwise as fast as they are read.
    """

    def __init__(self, path: Path, topic: str = f"/radar/{IMAGE}", *, loop: bool = False, paced: bool = False) -> None:
        super().__init__(f"bag {path.name}")
        self._path, self._topic, self._namespace = path, topic, topic.rpartition("/")[0]
        self._loop, self._paced = loop, paced
        self._ahead_ns: int | None = None
        self._reader: Reader | None = None
        self._store = get_typestore(Stores.ROS2_JAZZY)
        self._ready: deque[Moment] = deque()
        self._imager: Imager | None = None
        self._pairing = Pairing()
        self._sequence, self._last_stamp_ns = -1, 0

    def open(self) -> None:
        """See `Feed.open`; raises InputError where the bag cannot be read or has no radar images."""
        self._reader = open_bag(self._path)
        present = {connection.topic: connection for connection in self._reader.connections}
        names = [f"{self._namespace}/{name}" for name in (CHIRP, ADC, IMAGE, MICRO)]
        raw = names[2] not in present
        wanted = [present[name] for name in names[: 2 if raw else 4] if name in present and (raw or name != names[1])]
        topics = ", ".join(sorted(present)) or "none"
        if self._topic not in present and names[0] in present and self._topic != names[2]:
            self.close()
            raise InputError(f"{self._path} has no topic {self._topic}; its topics are {topics}.")
        if names[0] not in present or (raw and names[1] not in present):
            self.close()
            raise InputError(
                f"{self._path} has no radar images: expected {names[0]} with {names[2]} or {names[1]}, its topics are "
                f"{topics}; --topic names another one."
            )
        self._wanted = wanted
        self._messages: Iterator[Any] = self._reader.messages(connections=wanted)

    def next(self, timeout_s: float = 0.0) -> Moment | None:
        """See `Feed.next`; raises InputError for a damaged message and goes on with the next one."""
        self._read_on()
        if not self._ready or not self._is_due(self._ready[0].stamp_ns, timeout_s):
            return None
        return self._ready.popleft()

    def _is_due(self, stamp_ns: int, timeout_s: float) -> bool:
        """Wait until the moment's time has come, at most so long."""
        if not self._paced:
            return True
        now_ns = time.monotonic_ns()
        if self._ahead_ns is None:
            self._ahead_ns = stamp_ns - now_ns
        wait_s = (stamp_ns - self._ahead_ns - now_ns) / 1e9
        time.sleep(max(0.0, min(wait_s, timeout_s)))
        return wait_s <= timeout_s

    def _begin_again(self) -> None:
        assert self._reader is not None
        self._messages = self._reader.messages(connections=self._wanted)
        self._pairing, self._ahead_ns, self._last_stamp_ns = Pairing(), None, 0
        self._sequence += 1  # the last frame and the first one are no neighbours
        self._stamps.clear()

    def _read_on(self) -> None:
        """Read until a moment is complete, or the bag is at its end."""
        assert self._reader is not None
        while not self._ready and not self.finished:
            try:
                connection, _, data = next(self._messages)
            except StopIteration:
                self._ready += self._pairing.finish()
                if self._loop and self._last_stamp_ns:
                    self._begin_again()
                else:
                    self.finished = not self._ready
            else:
                self._take(connection, bytes(data))

    def _take(self, connection: Any, data: bytes) -> None:
        try:
            message = self._store.deserialize_cdr(data, connection.msgtype)
            name = connection.topic.rpartition("/")[2]
            if name == CHIRP:
                self.chirp = from_json(message.data)  # type: ignore[attr-defined]
                self._imager = Imager(self.chirp, Processing())
            else:
                self._take_image(name, message)
        except FaceedgeError:
            raise
        except Exception as error:  # the bytes are from outside
            raise InputError(f"a message on {connection.topic} cannot be read: {error}.") from error

    def _take_image(self, name: str, message: Any) -> None:
        stamp_ns = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
        if name in (IMAGE, MICRO):
            self._ready += self._pairing.add(stamp_ns, _pixels(message, "<f4"), micro=name == MICRO)
        if name == MICRO:
            return
        self.note(stamp_ns)
        self._count(stamp_ns)
        if name == ADC and self._imager is not None and self.chirp is not None:
            cube = _pixels(message, "<u2").reshape(self.chirp.cube_shape)
            frame = RadarFrame(stamp_ns, self._sequence, cube)
            image, micro = self._imager.range_doppler(frame), self._imager.micro_range_doppler(frame)
            if image is not None:
                self._ready.append(Moment(stamp_ns, image.copy(), None if micro is None else micro.copy()))

    def _count(self, stamp_ns: int) -> None:
        """Leave numbers out where stamps are too far apart, and count what was lost."""
        missing = 0
        if self.chirp is not None and self._last_stamp_ns:
            missing = missing_frames(self._last_stamp_ns, stamp_ns, self.chirp.frame_period_s)
        self.dropped += missing
        self._sequence += missing + 1
        self._last_stamp_ns = stamp_ns

    def close(self) -> None:
        """See `Feed.close`."""
        if self._reader is not None and self._reader.is_open:
            self._reader.close()


def _pixels(message: Any, dtype: str) -> np.ndarray:
    """(height, width) array of an image message."""
    data = np.asarray(message.data).view(dtype)
    return data.reshape(message.height, message.step // np.dtype(dtype).itemsize)[:, : message.width].copy()
