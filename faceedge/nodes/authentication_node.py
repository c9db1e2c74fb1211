"""Authentication node: who sits in front of a near-face radar, and whether they still do.

It takes raw samples from a radar node's topics, publishes one answer a frame, and answers by itself, with the reason on
/diagnostics, when frames stop coming, repeat, saturate, or belong to another chirp. What it learns of a face stays in
RAM; frames of an authenticated person are handed to the expression node of the same process in memory.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from faceedge.errors import FaceedgeError
from faceedge.nodes.authentication_parameters import PARAMETERS, freshness_settings, gate_settings
from faceedge.nodes.authentication_publishers import AuthenticationPublishers
from faceedge.nodes.diagnostics import Level, RateMeter, Report, latency_values
from faceedge.nodes.enrolment_desk import EnrolmentDesk
from faceedge.nodes.lifecycle import ManagedNode
from faceedge.nodes.process import run_nodes
from faceedge.nodes.radar_topic_source import RadarTopicSource
from faceedge.nodes.source_reader import SourceReader
from faceedge.perception.authentication.authenticator import Authenticator
from faceedge.perception.authentication.gate import GateState
from faceedge.radar.face_frames import FaceFrame
from faceedge.radar.frame import RadarFrame
from faceedge.timing import StageTimer

PAUSES_S = (0.1, 0.8)
LOOK_PERIOD_S = 0.1
"""How often the node looks whether frames still come; it answers as often while none do."""


class AuthenticationNode(ManagedNode):
    """Lifecycle node `authentication`; parameters in :mod:`faceedge.nodes.authentication_parameters`."""

    def __init__(self, **options: Any) -> None:
        super().__init__("authentication", PARAMETERS, **options)
        self._lock = threading.RLock()
        self._values: dict[str, Any] = {}
        self._source: RadarTopicSource | None = None
        self._reader: SourceReader[RadarFrame] | None = None
        self._authenticator: Authenticator | None = None
        self._topics: AuthenticationPublishers | None = None
        self._desk: EnrolmentDesk | None = None
        self._listening: list[tuple[Callable[[Any], object], Any]] = []
        self._forget()

    def _forget(self) -> None:
        """Figures and session of the last activation."""
        self._rate, self._timer = RateMeter(), StageTimer()
        self._last_at = time.monotonic()

    # Lifecycle.

    def configure(self, values: dict[str, Any]) -> None:
        """Check the settings, open the templates where they are allowed, make publishers and services."""
        gate, freshness = gate_settings(values), freshness_settings(values)
        self._values = values
        self._source = RadarTopicSource(self, values["adc_topic"])
        self._desk = EnrolmentDesk(values)
        self._authenticator = Authenticator(self._desk.verifier, gate, freshness, values["oldest_s"])
        self._topics = AuthenticationPublishers(self, values)

    def _serve(self, kind: type, topic: str, answer: Any) -> None:
        def careful(request: Any, response: Any) -> Any:
            try:
                with self._lock:
                    response.message, response.success = answer(request), True
            except FaceedgeError as error:
                response.message, response.success = str(error), False
            return response

        self._listening.append((self.destroy_service, self.create_service(kind, topic, careful)))

    def activate(self) -> None:
        """Listen to the radar and start to answer."""
        assert self._source is not None
        assert self._desk is not None
        assert self._topics is not None
        self._forget()
        self._topics.known(self._desk.names())
        self._topics.offer()
        self._serve(Trigger, "~/verify_other", self._verify_other)
        self._serve(Trigger, "~/close", self._close)
        self._serve(SetBool, "~/enroll", self._enroll)
        claim = self.create_subscription(String, "~/claim", self._claim, 1)
        watch = self.create_timer(LOOK_PERIOD_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._listening += [(self.destroy_subscription, claim), (self.destroy_timer, watch)]
        reader = SourceReader("authentication", self._source, self._emit, self.get_logger(), self.crashed, PAUSES_S)
        reader.start()
        self._reader = reader

    def deactivate(self) -> None:
        """Stop to listen, and say that nobody is authenticated any more."""
        while self._listening:
            destroy, entity = self._listening.pop()
            destroy(entity)
        if self._reader is not None:
            self._reader.stop()
            self._reader = None
        if self._source is not None:
            self._source.close()
        if self._authenticator is not None and self._desk is not None:
            self._answer(self._authenticator.close("the node is not active."))
            self._authenticator.renew()
            self._desk.abandon()
        if self._topics is not None:
            self._topics.withdraw()

    def cleanup(self) -> None:
        """Take publishers, templates and models back."""
        if self._topics is not None:
            self._topics.destroy()
        self._topics = self._authenticator = self._desk = self._source = None

    # Reader's thread.

    def _emit(self, frame: RadarFrame) -> None:
        """Answer to the next frame."""
        source, authenticator, desk, topics = self._source, self._authenticator, self._desk, self._topics
        assert source is not None
        assert authenticator is not None
        assert desk is not None
        assert topics is not None
        assert frame.cube is not None
        self._timer.add("first chirp to node", max(0, self._now_ns() - frame.stamp_ns))
        with self._lock:
            with self._timer.stage("authentication"):
                state = authenticator.push(frame.cube, source.chirp, frame.sequence, frame.stamp_ns, self._now_ns())
            self._last_at = time.monotonic()
            self._answer(state, frame.stamp_ns)
            prepared = authenticator.frame
            if prepared is not None:
                if state.authenticated:
                    topics.hand_over(prepared, source.chirp)
                self._enrol(prepared, desk, topics)
        self._timer.add("first chirp to topics", max(0, self._now_ns() - frame.stamp_ns))
        self._rate.tick()

    def _enrol(self, frame: FaceFrame, desk: EnrolmentDesk, topics: AuthenticationPublishers) -> None:
        """Let an enrolment that is under way see the frame too."""
        progress = desk.push(frame)
        if progress:
            topics.progress(progress)
        if desk.take_renewed() and self._authenticator is not None:
            self._authenticator.renew()
            topics.known(desk.names())

    # Executor's thread.

    def _look(self) -> None:
        """Answer while no frames come."""
        with self._lock:
            waited_s = self._silence_s()
            if self._authenticator is not None and waited_s > self._values["silent_s"]:
                self._answer(self._authenticator.silent(waited_s))

    def _answer(self, state: GateState, stamp_ns: int | None = None) -> None:
        if self._topics is not None and self._desk is not None:
            self._topics.answer(state, self._desk.person, stamp_ns)

    def _silence_s(self) -> float:
        return time.monotonic() - self._last_at

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    # What others may ask for; all under the lock.

    def _verify_other(self, _: Any) -> str:
        assert self._authenticator is not None
        means = self._values["other_means"]
        if not self._values["allow_verify_other"]:
            raise FaceedgeError("verifications by other means are not allowed here (allow_verify_other: false).")
        if self._silence_s() > self._values["silent_s"]:
            raise FaceedgeError("nobody can be kept authenticated while no frames come; see /diagnostics.")
        self._authenticator.verify_other(means)
        return f"verified by {means}; the session opens with the next fresh frame."

    def _close(self, _: Any) -> str:
        assert self._authenticator is not None
        self._answer(self._authenticator.close("the session was closed on request."))
        return "closed; only another verification opens a session."

    def _enroll(self, request: Any) -> str:
        assert self._desk is not None
        assert self._authenticator is not None
        if not request.data:
            return self._desk.abandon()
        return self._desk.begin(self._authenticator.chirp, self._authenticator.state.authenticated)

    def _claim(self, message: String) -> None:
        with self._lock:
            if self._desk is None or self._authenticator is None or message.data == self._desk.claimed:
                return
            self._desk.claimed = message.data
            self._answer(self._authenticator.close("somebody else is claimed to be here now."))
            self._authenticator.renew()

    # Diagnostics.

    def report(self) -> Report:
        """What the gate answers and why, and what frames cost."""
        source, authenticator, desk = self._source, self._authenticator, self._desk
        assert source is not None
        assert authenticator is not None
        assert desk is not None
        state, values = authenticator.state, self._values
        level, message = Level.OK, "authenticated"
        if not state.authenticated:
            message = f"not authenticated: {state.reason} {authenticator.problem}".strip()
        silence_s = self._silence_s()
        if silence_s > 2 * values["silent_s"]:
            why = "" if self.count_publishers(source.topic) else ": nobody publishes it"
            level, message = Level.WARN, f"not authenticated: no frame for {silence_s:.0f} s on {source.topic}{why}"
        elif authenticator.problem and values["allow_templates"]:
            level = Level.WARN
        figures: dict[str, object] = {
            "phase": state.phase.value,
            "reason": state.reason,
            "verified by": state.verified_by,
            "score": f"{state.score:.3f}",
            "identity score": f"{state.verification_score:.3f}",
            "identity": authenticator.problem or "ready",
            **desk.figures(),
            "policy allow_templates": values["allow_templates"],
            "policy allow_verify_other": values["allow_verify_other"],
            "rate": f"{self._rate.rate_hz():.1f} Hz",
            "frames": self._rate.total,
            "dropped": source.dropped,
            "rejected": source.rejected,
            **latency_values(self._timer),
        }
        return Report(level, message, source.description, figures)


def main(args: list[str] | None = None) -> int:
    """Entry point `authentication_node`."""
    return run_nodes([AuthenticationNode], args)
