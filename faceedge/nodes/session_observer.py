"""A node that only looks at an authentication node and the expressions behind it, for a demonstration or a test bench.

Moments are those of this process's arrival, seconds from the last :meth:`SessionObserver.begin`.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Self

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from hri_msgs.msg import Expression, IdsMatch
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription
from std_msgs.msg import Bool, Float32

from faceedge.nodes.lifecycle_client import LifecycleClient
from faceedge.nodes.process import use_shipped_dds_profile
from faceedge.nodes.qos import HUMANS

SPIN_S = 0.1


@dataclass
class Visit:
    """What was said while one person sat there.

    Attributes:
        answers: moment and `authenticated`, where that changed.
        scores: moment and identity score, where that changed.
        expressions: moment, word (empty: abstained) and confidence.
        person: who was matched; empty: nobody.
        reasons: moment and the words of diagnostics, where they changed.
    """

    answers: list[tuple[float, bool]] = field(default_factory=list)
    scores: list[tuple[float, float]] = field(default_factory=list)
    expressions: list[tuple[float, str, float]] = field(default_factory=list)
    person: str = ""
    reasons: list[tuple[float, str]] = field(default_factory=list)

    @property
    def authenticated(self) -> bool:
        """The last answer."""
        return bool(self.answers) and self.answers[-1][1]

    @property
    def accepted_at_s(self) -> float | None:
        """When the first session opened; None: none did."""
        return next((moment for moment, yes in self.answers if yes), None)


class SessionObserver:
    """Spins a node of its own in a thread; a context manager.

    Args:
        node: full name of the authentication node.
    """

    def __init__(self, node: str) -> None:
        self._name = node
        self._lock = threading.Lock()
        self._visit, self._began = Visit(), time.monotonic()
        self._face = ""
        self._expression: Subscription | None = None
        self.statuses: dict[str, str] = {}

    def __enter__(self) -> Self:
        use_shipped_dds_profile()
        self._context = Context()
        rclpy.init(args=[], context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node("faceedge_visitors", context=self._context, enable_rosout=False)
        listen = self._node.create_subscription
        listen(Bool, f"{self._name}/authenticated", self._answered, HUMANS)
        listen(Float32, f"{self._name}/identity_score", self._scored, HUMANS)
        listen(IdsMatch, "/humans/candidate_matches", self._matched, HUMANS)
        listen(DiagnosticArray, "/diagnostics", self._reported, HUMANS)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self.lifecycle = LifecycleClient(self._node)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._spin, name="visitors", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.try_shutdown()

    def begin(self) -> Visit:
        """From now on what is heard belongs to a new visit, which is returned and filled."""
        with self._lock:
            self._visit, self._began = Visit(), time.monotonic()
            return self._visit

    def _spin(self) -> None:
        try:
            while not self._stop.is_set():
                self._executor.spin_once(timeout_sec=SPIN_S)
        except ExternalShutdownException:
            pass

    def _now_s(self) -> float:
        return time.monotonic() - self._began

    def _answered(self, message: Bool) -> None:
        with self._lock:
            if message.data != self._visit.authenticated or not self._visit.answers:
                self._visit.answers.append((self._now_s(), message.data))

    def _scored(self, message: Float32) -> None:
        with self._lock:
            scores = self._visit.scores
            if not scores or scores[-1][1] != message.data:
                scores.append((self._now_s(), message.data))

    def _matched(self, message: IdsMatch) -> None:
        if message.confidence <= 0 or message.id1 == self._face:
            return
        self._face = message.id1
        if self._expression is not None:
            self._node.destroy_subscription(self._expression)
        topic = f"/humans/faces/{self._face}/expression"
        self._expression = self._node.create_subscription(Expression, topic, self._shown, HUMANS)
        with self._lock:
            self._visit.person = message.id2

    def _shown(self, message: Expression) -> None:
        with self._lock:
            self._visit.expressions.append((self._now_s(), message.expression, message.confidence))

    def _reported(self, message: DiagnosticArray) -> None:
        for status in message.status:
            name = "/" + status.name.partition(":")[0]
            self.statuses[name] = status.message
            if name != self._name:
                continue
            with self._lock:
                reasons = self._visit.reasons
                if not reasons or reasons[-1][1] != status.message:
                    reasons.append((self._now_s(), status.message))
