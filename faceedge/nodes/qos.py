"""Quality of service of every topic, and publishers that accept `qos_overrides` parameters."""

from __future__ import annotations

from typing import Any

import rclpy.node
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions, _declare_qos_parameters

from faceedge.errors import ConfigurationError

# REP-2003: drivers publish reliably, so that every subscriber matches, and consumers of sensor data ask for less.
IMAGE_OUT = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=2, reliability=ReliabilityPolicy.RELIABLE)
IMAGE_IN = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
# Eight radar frames make one micro range-Doppler image, so a listener that was busy for a moment should miss none.
RADAR_OUT = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=8, reliability=ReliabilityPolicy.RELIABLE)
RADAR_IN = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=16, reliability=ReliabilityPolicy.BEST_EFFORT)
# Packets of an event camera are many and small; a listener that was busy for seconds should miss none.
EVENTS_OUT = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1000, reliability=ReliabilityPolicy.RELIABLE)
LATCHED = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
# libhri subscribes reliably: best effort under /humans would reach nobody.
HUMANS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=10, reliability=ReliabilityPolicy.RELIABLE)
TRANSFORMS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=100, reliability=ReliabilityPolicy.RELIABLE)
DIAGNOSTICS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=10, reliability=ReliabilityPolicy.RELIABLE)


def copy_of(qos: QoSProfile) -> QoSProfile:
    """A profile of its own, because overrides are written into the object."""
    return QoSProfile(history=qos.history, depth=qos.depth, reliability=qos.reliability, durability=qos.durability)


def make_publisher(node: rclpy.node.Node, message_type: Any, topic: str, qos: QoSProfile) -> Publisher:
    """A publisher whose history, depth and reliability follow `qos_overrides.<resolved topic>.publisher.*`.

    Raises:
        ConfigurationError: an override has a value that ROS does not know.
    """
    try:
        return node.create_publisher(
            message_type,
            topic,
            copy_of(qos),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
    except Exception as error:  # rclpy raises four unrelated types here
        raise ConfigurationError(f"the QoS overrides of topic '{topic}' cannot be used: {error}") from error


def overridden_profile(node: rclpy.node.Node, pattern: str, qos: QoSProfile) -> QoSProfile:
    """The profile for topics that come and go, with the overrides under the one name ``pattern``.

    rclpy would declare three parameters for every topic and never remove them; a face node would collect those of every
    face it ever saw.

    Raises:
        ConfigurationError: as in :func:`make_publisher`.
    """
    result = copy_of(qos)
    try:
        _declare_qos_parameters(Publisher, node, pattern, result, QoSOverridingOptions.with_default_policies())
    except Exception as error:
        raise ConfigurationError(f"the QoS overrides of '{pattern}' cannot be used: {error}") from error
    return result


def make_short_lived_publisher(node: rclpy.node.Node, message_type: Any, topic: str, qos: QoSProfile) -> Publisher:
    """A publisher for a topic that lives as long as one face; without event handlers, which cost time and wake-ups."""
    events = PublisherEventCallbacks(use_default_callbacks=False)
    return node.create_publisher(message_type, topic, qos, event_callbacks=events)
