"""Frames handed from node to node in one process, without DDS and without a copy.

A camera node offers its frames under the resolved name of its image topic; a node that wants them takes a
:class:`LatestSlot` under the same name. Where the two run in different processes, nobody offers the topic here and the
frames come over DDS, into a slot of the same kind, so that a node has one input whatever the transport.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from faceedge.camera.frame import Frame

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SharedFrame:
    """A frame and, where the camera is calibrated, its matrix.

    Attributes:
        frame: the picture; receivers must not write into it.
        intrinsics: K (3, 3) float64 in pixels of this picture, or None.
    """

    frame: Frame
    intrinsics: np.ndarray | None = None


class LatestSlot(Generic[T]):
    """Holds the newest item only. A producer never waits; what a slow consumer did not fetch is counted as dropped."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: T | None = None
        self.received = 0
        self.dropped = 0

    def put(self, item: T) -> None:
        """Leave ``item`` for the consumer, in place of an older one."""
        with self._condition:
            self.received += 1
            self.dropped += self._item is not None
            self._item = item
            self._condition.notify()

    def take(self, timeout_s: float) -> T | None:
        """The newest item, which leaves the slot; None when none came within ``timeout_s``."""
        with self._condition:
            if self._item is None:
                self._condition.wait(timeout_s)
            item, self._item = self._item, None
            return item


_lock = threading.Lock()
_offers: dict[str, int] = {}
_slots: dict[str, tuple[LatestSlot[SharedFrame], ...]] = {}


def offer(topic: str) -> None:
    """Announce that a node of this process shares its frames under ``topic``."""
    with _lock:
        _offers[topic] = _offers.get(topic, 0) + 1


def withdraw(topic: str) -> None:
    """Take back one :func:`offer`."""
    with _lock:
        left = _offers.get(topic, 0) - 1
        if left > 0:
            _offers[topic] = left
        else:
            _offers.pop(topic, None)


def is_offered(topic: str) -> bool:
    """Whether a node of this process shares its frames under ``topic``."""
    with _lock:
        return topic in _offers


def attach(topic: str, slot: LatestSlot[SharedFrame]) -> None:
    """Let ``slot`` receive what is shared under ``topic``."""
    with _lock:
        _slots[topic] = (*_slots.get(topic, ()), slot)


def detach(topic: str, slot: LatestSlot[SharedFrame]) -> None:
    """Undo :func:`attach`; nothing happens when it was undone before."""
    with _lock:
        left = tuple(other for other in _slots.get(topic, ()) if other is not slot)
        if left:
            _slots[topic] = left
        else:
            _slots.pop(topic, None)


def share(topic: str, item: SharedFrame) -> None:
    """Hand ``item`` to every slot attached to ``topic``."""
    for slot in _slots.get(topic, ()):
        slot.put(item)
