"""What an event camera's network says of a face, as topics of REP-155; on the thread that reads the events.

Python cannot take packets of 20 million events a second from a topic, so the network runs where they are decoded.
"""

from __future__ import annotations

import secrets
import string

import rclpy.node
from hri_msgs.msg import Expression

from faceedge.events.file_source import EventBatch
from faceedge.nodes.event_affect import affect, rep155_word
from faceedge.nodes.headers import make_header
from faceedge.nodes.qos import HUMANS, make_short_lived_publisher, overridden_profile
from faceedge.perception.event_expression import EventExpression, EventExpressionEstimate
from faceedge.timing import StageTimer

FACES = "/humans/faces"
FACE_PREFIX, FACE_LETTERS = "event_", 5
US_NS = 1000


def new_face_id() -> str:
    """An id for a face that has not been used before; it means nothing beyond its stay."""
    return FACE_PREFIX + "".join(secrets.choice(string.ascii_lowercase) for _ in range(FACE_LETTERS))


class EventExpressions:
    """Publishes `/humans/faces/<id>/expression`; one face for as long as it lives.

    Args:
        node: owner.
        width, height: of the sensor.
        frame_id: of the sensor.

    Attributes:
        face_id: of the face.
        estimates, abstained: so many.

    Raises:
        ConfigurationError: the model is for another sensor, or QoS overrides that cannot be used.
        ModelError: the model's file or card does not fit.
    """

    def __init__(self, node: rclpy.node.Node, width: int, height: int, frame_id: str) -> None:
        self._node, self._frame_id = node, frame_id
        self._stage = EventExpression(width, height)
        profile = overridden_profile(node, FACES, HUMANS)
        self.face_id = new_face_id()
        self.estimates = self.abstained = 0
        topic = f"{FACES}/{self.face_id}/expression"
        self._publisher = make_short_lived_publisher(node, Expression, topic, profile)

    def push(self, batch: EventBatch, timer: StageTimer) -> None:
        """Publish what a batch completes."""
        offset_ns = batch.stamp_ns - int(batch.events["t"][0]) * US_NS
        with timer.stage("expression"):
            estimates = list(self._stage.push(batch.events))
        for estimate in estimates:
            self.estimates += 1
            self.abstained += not estimate.word
            self._publisher.publish(to_message(estimate, offset_ns + estimate.time_us * US_NS, self._frame_id))

    def values(self) -> dict[str, object]:
        """For diagnostics."""
        stream = self._stage.stream
        return {
            "face": self.face_id,
            "estimates": self.estimates,
            "abstained": self.abstained,
            "events outside the sensor": stream.outside,
            "events out of order": stream.late,
        }

    def close(self) -> None:
        """Take the topic back."""
        self._node.destroy_publisher(self._publisher)


def to_message(estimate: EventExpressionEstimate, stamp_ns: int, frame_id: str) -> Expression:
    """An estimate as REP-155 has it; the word is empty where the network abstains."""
    valence, arousal = affect(estimate.probabilities)
    return Expression(
        header=make_header(stamp_ns, frame_id),
        expression=rep155_word(estimate.word),
        valence=valence,
        arousal=arousal,
        confidence=min(max(estimate.confidence, 0.0), 1.0),
    )
