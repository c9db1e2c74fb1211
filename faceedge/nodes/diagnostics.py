"""What a node says about itself on /diagnostics, once a second from its start to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import rclpy.node
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.qos import QoSProfile

from faceedge.errors import ConfigurationError
from faceedge.inference.registry import ModelCard
from faceedge.nodes import qos as qos_profiles
from faceedge.timing import StageTimer

PERIOD_S = 1.0
SHORT_HASH = 12


class Level(IntEnum):
    """Levels of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True, slots=True)
class Report:
    """One line of diagnostics: a level, a sentence, and figures by name."""

    level: Level = Level.OK
    message: str = "running"
    hardware_id: str = ""
    values: Mapping[str, object] = field(default_factory=dict)


class RateMeter:
    """Events a second, counted between two questions."""

    def __init__(self) -> None:
        self.total = 0
        self._last: tuple[float, int] | None = None

    def tick(self) -> None:
        """Count one event."""
        self.total += 1

    def rate_hz(self) -> float:
        """Rate since the last call of this method (0 in the first)."""
        now, total = time.monotonic(), self.total
        before, self._last = self._last, (now, total)
        if before is None or now <= before[0]:
            return 0.0
        return (total - before[1]) / (now - before[0])


def latency_values(*timers: StageTimer) -> dict[str, str]:
    """`latency <stage>` -> "p50 1.1 ms, p99 2.0 ms" for every stage of ``timers`` that ran."""
    return {
        f"latency {stage}": f"p50 {latency.p50_ms:.2f} ms, p99 {latency.p99_ms:.2f} ms"
        for timer in timers
        for stage, latency in timer.summary().items()
    }


def model_values(cards: Mapping[str, ModelCard]) -> dict[str, str]:
    """`model <use>` -> name and the start of its sha256."""
    return {f"model {use}": f"{card.name} sha256 {card.sha256[:SHORT_HASH]}" for use, card in cards.items()}


def to_status(name: str, report: Report) -> DiagnosticStatus:
    """Report -> diagnostic_msgs/DiagnosticStatus."""
    status = DiagnosticStatus(name=name, message=report.message, hardware_id=report.hardware_id)
    status.level = bytes([report.level])
    status.values = [KeyValue(key=key, value=str(value)) for key, value in report.values.items()]
    return status


class Diagnostics:
    """Publishes ``report()`` at 1 Hz, on a steady clock: a simulation that stands still is worth a line, too."""

    def __init__(self, node: rclpy.node.Node, report: Callable[[], Report]) -> None:
        self._node = node
        self._report = report
        self.problem = ""
        try:
            self._publisher = qos_profiles.make_publisher(
                node, DiagnosticArray, "/diagnostics", qos_profiles.DIAGNOSTICS
            )
        except ConfigurationError as error:
            self.problem = str(error)
            profile = QoSProfile(depth=qos_profiles.DIAGNOSTICS.depth)
            self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", profile)
        self._timer = node.create_timer(PERIOD_S, self.publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def publish(self) -> None:
        """Publish one report now."""
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        name = f"{self._node.get_fully_qualified_name().lstrip('/')}: status"
        message.status = [to_status(name, self._report())]
        self._publisher.publish(message)
