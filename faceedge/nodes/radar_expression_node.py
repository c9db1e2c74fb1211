"""Radar expression node: what the face of the person shows whom the authentication node has just accepted.

It has no input of its own. Frames come from the authentication node of the same process, in memory, while that holds a
session open, so what an unknown person shows is never looked at. It is off until a parameter allows it: what a face
shows is personal data, and inferring emotions is regulated (in the EU forbidden at work and in schools).
"""

from __future__ import annotations

import threading
from typing import Any

from hri_msgs.msg import Expression
from rclpy.publisher import Publisher

from faceedge.errors import FaceedgeError
from faceedge.nodes import accepted_frames
from faceedge.nodes.accepted_frames import Accepted, AcceptedFrames
from faceedge.nodes.diagnostics import Level, RateMeter, Report, latency_values
from faceedge.nodes.headers import make_header
from faceedge.nodes.lifecycle import ManagedNode
from faceedge.nodes.parameters import Spec
from faceedge.nodes.process import run_nodes
from faceedge.nodes.qos import HUMANS, make_short_lived_publisher, overridden_profile
from faceedge.nodes.radar_affect import affect, rep155_word
from faceedge.nodes.worker import Worker
from faceedge.perception.radar_expression import RadarExpression, RadarExpressionEstimate
from faceedge.perception.radar_expression_images import RadarImageExpression
from faceedge.timing import StageTimer

TAKE_TIMEOUT_S = 0.2
FACES = "/humans/faces"
MODELS = ("motion", "images")

PARAMETERS = (
    Spec("allow_expression", False, "Look at what an authenticated face shows (regulated; off by default)."),
    Spec("authentication_node", "authentication", "Node of this process whose accepted frames are looked at."),
    Spec(
        "expression_model",
        "motion",
        "What tells expressions: motion by range, or images as in FOODER.",
        choices=MODELS,
    ),
)


class RadarExpressionNode(ManagedNode):
    """Lifecycle node `radar_expression`; parameters in ``PARAMETERS``."""

    def __init__(self, **options: Any) -> None:
        super().__init__("radar_expression", PARAMETERS, **options)
        self._allowed, self._model = False, "motion"
        self._giver, self._taker = "", AcceptedFrames()
        self._worker: Worker | None = None
        self._profile: Any = None
        self._forget()

    def _forget(self) -> None:
        self._rate, self._timer = RateMeter(), StageTimer()
        self._session, self._word, self._problem = "", "", ""
        self._abstained = 0
        self._stage: RadarExpression | RadarImageExpression | None = None
        self._publisher: Publisher | None = None

    # Lifecycle.

    def configure(self, values: dict[str, Any]) -> None:
        """Check the settings; where expressions are not allowed, nothing else."""
        self._allowed, self._model = values["allow_expression"], values["expression_model"]
        self._giver = str(self.resolve_topic_name(values["authentication_node"]))
        self._profile = overridden_profile(self, FACES, HUMANS) if self._allowed else None

    def activate(self) -> None:
        """Wait for accepted frames, where that is allowed."""
        self._forget()
        if not self._allowed:
            return
        self._taker = AcceptedFrames()
        accepted_frames.attach(self._giver, self._taker)
        self._worker = Worker("radar expression", self._work, self.crashed)
        self._worker.start()

    def deactivate(self) -> None:
        """Stop, and take the topic of the face back."""
        accepted_frames.detach(self._giver, self._taker)
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        self._begin("")

    def cleanup(self) -> None:
        """Take the model back."""
        self._stage = None

    # Worker thread.

    def _work(self, stop: threading.Event) -> None:
        while not stop.is_set():
            accepted = self._taker.take(TAKE_TIMEOUT_S)
            if self._taker.session != self._session:
                self._begin(self._taker.session)
            if accepted is not None and accepted.face_id == self._session:
                self._look(accepted)
        self._begin("")

    def _begin(self, session: str) -> None:
        """Forget the last person, whoever comes next."""
        self._session, self._word = session, ""
        if self._stage is not None:
            self._stage.reset()
        if self._publisher is not None:
            self.destroy_publisher(self._publisher)
        topic = f"{FACES}/{session}/expression"
        self._publisher = make_short_lived_publisher(self, Expression, topic, self._profile) if session else None

    def _look(self, accepted: Accepted) -> None:
        if self._stage is None or self._stage.chirp != accepted.chirp:
            self._stage = self._make_stage(accepted)
        if self._stage is None:
            return
        with self._timer.stage("expression"):
            estimate = self._stage.push(accepted.frame)
        if estimate is None:
            return
        self._rate.tick()
        self._abstained += not estimate.word
        # Only as long as the gate is open: what was computed meanwhile about somebody who is gone is not said.
        if self._publisher is not None and self._taker.session == accepted.face_id:
            self._word = estimate.word
            self._publisher.publish(to_message(estimate, accepted.frame_id))

    def _make_stage(self, accepted: Accepted) -> RadarExpression | RadarImageExpression | None:
        try:
            images = self._model == "images"
            stage = RadarImageExpression(accepted.chirp) if images else RadarExpression(accepted.chirp)
        except FaceedgeError as error:
            self._problem = str(error)
            return None
        self._problem = ""
        return stage

    # Diagnostics.

    def report(self) -> Report:
        """Whether expressions are allowed, whose are looked at, and what they cost."""
        values: dict[str, object] = {"policy allow_expression": self._allowed}
        if not self._allowed:
            return Report(Level.OK, "expressions are not allowed here (allow_expression: false)", "", values)
        values |= {
            "authentication node": self._giver,
            "model": self._model,
            "face": self._session,
            "estimates": self._rate.total,
            "abstained": self._abstained,
            "dropped": self._taker.dropped,
            "rate": f"{self._rate.rate_hz():.1f} Hz",
            **latency_values(self._timer),
        }
        if self._problem:
            return Report(Level.ERROR, self._problem, "", values)
        if not accepted_frames.is_offered(self._giver):
            sentence = f"no active authentication node {self._giver} in this process; run both with `faceedge run`"
            return Report(Level.WARN, sentence, "", values)
        message = "running" if self._session else "waiting for an authenticated person"
        return Report(Level.OK, message, "", values)


def to_message(estimate: RadarExpressionEstimate, frame_id: str) -> Expression:
    """An estimate as REP-155 has it; the word is empty where the stage abstains."""
    valence, arousal = affect(estimate.probabilities)
    return Expression(
        header=make_header(estimate.stamp_ns, frame_id),
        expression=rep155_word(estimate.word),
        valence=valence,
        arousal=arousal,
        confidence=min(max(float(estimate.confidence), 0.0), 1.0),
    )


def main(args: list[str] | None = None) -> int:
    """Entry point `radar_expression_node`: useful beside an authentication node only, see `faceedge run`."""
    return run_nodes([RadarExpressionNode], args)
