"""`faceedge replay`: the messages of a bag, or the frames of a radar's recording folder, on topics again.

Messages of a bag are published as the bytes that they are, with the QoS that their publishers offered and at the pace
at which they came.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import rclpy.node
from rclpy.duration import Duration
from rclpy.publisher import Publisher
from rosgraph_msgs.msg import Clock

from faceedge.nodes.headers import ns_to_stamp
from faceedge.nodes.process import passing_node
from faceedge.nodes.qos import copy_of
from faceedge.nodes.tapes import BagTape, FolderTape, Notice, open_tape

CLOCK_PERIOD_S = 0.01
SETTLE_S = 0.2
"""A subscriber that this side has found may need a moment more to find this side."""
ACKNOWLEDGED_S = 5.0


class Replayer:
    """Publishes the messages of ``tape`` from ``node``.

    Args:
        node: whose publishers these become; it need not be spun.
        tape: `BagTape` or `FolderTape`.
        rate: 2 plays twice as fast.
        clock: publish the time of the recording on /clock.
    """

    def __init__(self, node: rclpy.node.Node, tape: BagTape | FolderTape, rate: float, clock: bool) -> None:
        self._tape, self._rate = tape, rate
        self._publishers: dict[str, Publisher] = {
            track.topic: node.create_publisher(track.message_type, track.topic, copy_of(track.qos))
            for track in tape.tracks
        }
        self._clock = node.create_publisher(Clock, "/clock", 10) if clock else None
        self.published: Counter[str] = Counter()

    def wait_for_listeners(self, patience_s: float, stop: threading.Event) -> None:
        """Wait until each topic has a subscriber, at most for ``patience_s``."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and not stop.is_set():
            if all(publisher.get_subscription_count() for publisher in self._publishers.values()):
                break
            stop.wait(CLOCK_PERIOD_S)
        stop.wait(SETTLE_S)

    def play(self, stop: threading.Event) -> None:
        """Publish everything once, at the recorded pace."""
        first_ns, start = None, time.monotonic()
        for time_ns, topic, message in self._tape.messages():
            first_ns = time_ns if first_ns is None else first_ns
            self._wait(start, first_ns, time_ns, stop)
            if stop.is_set():
                return
            publisher = self._publishers.get(topic)
            if publisher is not None:
                publisher.publish(message)
                self.published[topic] += 1

    def _wait(self, start: float, first_ns: int, time_ns: int, stop: threading.Event) -> None:
        """Wait until the message of ``time_ns`` is due, with the clock ticking."""
        due = start + (time_ns - first_ns) / 1e9 / self._rate
        while True:
            now = time.monotonic()
            if self._clock is not None:
                shown_ns = min(time_ns, first_ns + round((now - start) * self._rate * 1e9))
                self._clock.publish(Clock(clock=ns_to_stamp(shown_ns)))
            left_s = due - now
            if left_s <= 0 or stop.wait(left_s if self._clock is None else min(left_s, CLOCK_PERIOD_S)):
                return

    def finish(self) -> None:
        """Wait until reliable subscribers have everything."""
        for publisher in self._publishers.values():
            publisher.wait_for_all_acked(Duration(seconds=ACKNOWLEDGED_S))


def replay(
    path: Path,
    patterns: Sequence[str] = (),
    *,
    rate: float = 1.0,
    loop: bool = False,
    clock: bool = False,
    patience_s: float = 1.0,
    stop: threading.Event | None = None,
    notice: Notice = print,
) -> Counter[str]:
    """Play a bag or a radar's recording folder; messages published by topic.

    Args:
        path: of the recording.
        patterns: topics, as for :func:`faceedge.nodes.recording.is_wanted`.
        rate: 2 plays twice as fast.
        loop: begin again at the end until ``stop`` is set.
        clock: publish the time of the recording on /clock.
        patience_s: wait at most so long for a subscriber of each topic.
        stop: ends it from another thread or a signal handler.
        notice: receives a sentence about what is left out.

    Raises:
        InputError: nothing at ``path`` that can be played, or it is damaged; what came before was published.
    """
    stop = stop or threading.Event()
    tape = open_tape(path, patterns, notice)
    try:
        with passing_node("faceedge_player") as (node, _):
            player = Replayer(node, tape, rate, clock)
            player.wait_for_listeners(patience_s, stop)
            while not stop.is_set():
                player.play(stop)
                if not loop:
                    break
            player.finish()
            return player.published
    finally:
        tape.close()
