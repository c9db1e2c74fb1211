"""What the authentication node says: its own topics, the topics of REP-155, and frames for the expression node."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rclpy.publisher import Publisher
from std_msgs.msg import Bool, Float32, Header, String

from faceedge.nodes import accepted_frames
from faceedge.nodes.accepted_frames import Accepted
from faceedge.nodes.headers import make_header
from faceedge.nodes.lifecycle import ManagedNode
from faceedge.nodes.person_publishers import PersonPublishers, new_face_id
from faceedge.nodes.qos import HUMANS
from faceedge.perception.authentication.gate import GateState
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import FaceFrame


class AuthenticationPublishers:
    """Publishers of ``node``, and the session's face id.

    Args:
        node: owner.
        values: of its parameters.

    Raises:
        ConfigurationError: QoS overrides that cannot be used.
    """

    def __init__(self, node: ManagedNode, values: Mapping[str, Any]) -> None:
        self._node, self._frame_id = node, values["frame_id"]
        self._name = str(node.get_fully_qualified_name())
        self._made: list[Publisher] = []
        self._face_id = ""
        self._last_score = math.nan
        self._persons: PersonPublishers | None = None
        try:
            self._authenticated = self._make(Bool, "~/authenticated")
            self._score = self._make(Float32, "~/score")
            self._identity_score = self._make(Float32, "~/identity_score")
            self._progress = self._make(String, "~/enrolment")
            self._persons = PersonPublishers(node, values["publish_persons"], values["publish_faces"])
        except BaseException:
            self.destroy()
            raise

    def _make(self, kind: type, topic: str) -> Publisher:
        publisher = self._node.make_publisher(kind, topic, HUMANS)
        self._made.append(publisher)
        return publisher

    def destroy(self) -> None:
        """Take all topics back; may be called twice."""
        if self._persons is not None:
            self._persons.close()
        while self._made:
            self._node.destroy_publisher(self._made.pop())

    def offer(self) -> None:
        """Let the expression node of this process know that frames may come."""
        accepted_frames.offer(self._name)

    def withdraw(self) -> None:
        """Undo :meth:`offer`."""
        accepted_frames.withdraw(self._name)

    def known(self, names: list[str]) -> None:
        """Who is enrolled."""
        assert self._persons is not None
        self._persons.known(names, self._header())

    def progress(self, text: str) -> None:
        """How an enrolment goes."""
        self._progress.publish(String(data=text))

    def answer(self, state: GateState, person: str, stamp_ns: int | None = None) -> None:
        """Publish ``state``, and log why where it has changed.

        Args:
            state: of the gate.
            person: who is claimed to be there; empty: nobody by name.
            stamp_ns: of the frame that it follows from; None: none came.
        """
        persons = self._persons
        assert persons is not None
        if state.authenticated and not self._face_id:
            self._face_id = new_face_id()
            self._node.get_logger().info(f"authenticated: {state.reason}")
        elif not state.authenticated and self._face_id:
            self._face_id = ""
            accepted_frames.end(self._name)
            self._node.get_logger().info(f"not authenticated any more: {state.reason}")
        self._authenticated.publish(Bool(data=state.authenticated))
        self._score.publish(Float32(data=float(state.score)))
        if state.verification_score != self._last_score and not math.isnan(state.verification_score):
            self._identity_score.publish(Float32(data=float(state.verification_score)))
        self._last_score = state.verification_score
        header = self._header(stamp_ns)
        if state.authenticated:
            persons.present(person, self._face_id, state.score, header)
        else:
            persons.absent(header)

    def hand_over(self, frame: FaceFrame, chirp: ChirpSettings) -> None:
        """Give a frame of the authenticated person to the expression node; after :meth:`answer`."""
        if self._face_id:
            accepted_frames.give(self._name, Accepted(frame, chirp, self._face_id, self._frame_id))

    def _header(self, stamp_ns: int | None = None) -> Header:
        now_ns = int(self._node.get_clock().now().nanoseconds)
        return make_header(now_ns if stamp_ns is None else stamp_ns, self._frame_id)
