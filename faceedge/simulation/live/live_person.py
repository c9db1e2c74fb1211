"""A synthetic person who is computed while others look: sources for the nodes that read a session's files otherwise.

Each sensor has a thread and a stage of its own, because a stage's buffers belong to one caller. What they see is the
same: it follows from the session's seeds and the time.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import numpy as np

from faceedge.camera.frame import Frame
from faceedge.camera.source_timing import Pacer
from faceedge.events.file_source import US_NS, EventBatch
from faceedge.radar.bgt60 import Bgt60
from faceedge.radar.chirp import ChirpSettings
from faceedge.simulation.devices.bgt60 import Bgt60Chip
from faceedge.simulation.devices.clock import SteppedClock
from faceedge.simulation.devices.feed import AheadFeed, CallableFeed, Feed, MovingPointFeed
from faceedge.simulation.devices.local import LocalTransport
from faceedge.simulation.sessions.session import Session
from faceedge.simulation.sessions.tracks import PACKET_US, Stage

AHEAD_FRAMES = 6
FRAME_ID = "camera_optical_frame"
Builder = Callable[[Session], Stage]


def device_chirp(chirp: ChirpSettings) -> ChirpSettings:
    """What a BGT60TR13C really transmits that is asked for ``chirp``: its timers have steps."""
    found = [chirp]

    def feed(made: ChirpSettings) -> Feed:
        found.append(made)
        return MovingPointFeed(made)

    with Bgt60(chirp, LocalTransport(Bgt60Chip(feed, SteppedClock()))):
        return found[-1]


def live_radar(session: Session, build: Builder) -> Callable[[ChirpSettings], Feed]:
    """What `radar_port` needs: frames of ``session``, computed ahead.

    The person is built and the first frame computed here: a driver does not wait for that. It does where the radar is
    given another chirp than the session's.
    """
    expected = device_chirp(session.chirp)

    def made(chirp: ChirpSettings) -> AheadFeed:
        stage = build(dataclasses.replace(session, chirp=chirp))
        stage.radar_cube(0)
        return AheadFeed(CallableFeed(lambda index: stage.radar_cube(max(index, 0))), depth=AHEAD_FRAMES)

    ready = made(expected)
    return lambda chirp: ready if chirp == expected else made(chirp)


class LiveCamera:
    """Pictures of a session as a camera delivers them; see `faceedge.camera.source_base.Source` for the calls.

    Attributes:
        behind_s: how late the last picture was.
        finished: the session is over.
        epoch_ns: moment of the first picture, system ns; to be set before the first ``read()``.
    """

    def __init__(self, session: Session, build: Builder) -> None:
        self.description, self.finished, self.behind_s = "synthetic camera", False, 0.0
        self.epoch_ns = 0
        self._session, self._build = session, build
        self._pacer: Pacer | None = None
        self._count = int(session.duration_s * session.camera_rate_hz)
        self._next: np.ndarray | None = None

    def open(self) -> None:
        """Build the person."""
        self._stage = self._build(self._session)
        self._stage.picture(0.0)  # compiles and paints now, not when the first picture is due

    def read(self, timeout_s: float = 1.0) -> Frame | None:
        """The next picture. One that is late is not left out; ``behind_s`` says by how much."""
        if self._pacer is None:
            self._pacer = Pacer(self._session.camera_rate_hz, epoch_ns=self.epoch_ns)
        index = self._pacer.index
        if index >= self._count:
            self.finished = True
            return None
        if self._next is None:
            self._next = np.array(self._stage.picture(index / self._session.camera_rate_hz))
        stamp_ns = self._pacer.wait(timeout_s)
        if stamp_ns is None:
            return None
        self.behind_s = max(0.0, (time.time_ns() - stamp_ns) / 1e9)
        picture, self._next = self._next, None
        return Frame(picture, stamp_ns, index, FRAME_ID)

    def close(self) -> None:
        """Nothing is held."""


class LiveEvents:
    """Events of a session as a camera delivers them; see `faceedge.events.file_source.EventFileSource` for the calls.

    Attributes:
        width, height: of the sensor in pixels.
        behind_s: how late the last batch was.
        finished: the session is over.
        epoch_ns: moment of time 0, system ns; to be set before the first ``read()``.
    """

    def __init__(self, session: Session, build: Builder) -> None:
        self.description, self.finished, self.behind_s = "synthetic event camera", False, 0.0
        self.width = self.height = 0
        self.epoch_ns = 0
        self._session, self._build = session, build

    def open(self) -> None:
        """Build the person."""
        self._stage = self._build(self._session)
        self.width, self.height = self._stage.event_size()
        self._until_us, self._sequence = 0, 0
        self._stage.events(0)  # compiles now
        self._next: np.ndarray | None = None

    def read(self, timeout_s: float = 1.0) -> EventBatch | None:
        """The next batch, or None when none came within ``timeout_s``."""
        if self._until_us >= 1e6 * self._session.duration_s:
            self.finished = True
            return None
        if self._next is None:
            self._next = self._stage.events(self._until_us + PACKET_US)
        wait_s = (self.epoch_ns + (self._until_us + PACKET_US) * US_NS - time.time_ns()) / 1e9
        if wait_s > 0:
            time.sleep(min(wait_s, timeout_s))
        if wait_s > timeout_s:
            return None
        self.behind_s = max(0.0, -wait_s)
        self._until_us += PACKET_US
        events, self._next = self._next, None
        if not len(events):
            return None
        self._sequence += 1
        return EventBatch(self.epoch_ns + int(events["t"][0]) * US_NS, events, self._sequence - 1)

    def close(self) -> None:
        """Nothing is held."""
