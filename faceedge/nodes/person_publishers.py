"""The topics of REP-155 that say who a radar has in front of it: persons, and which face is whose.

| Topic | Type | When |
| --- | --- | --- |
| /humans/persons/known, /humans/persons/tracked | IdsList, latched | changes |
| /humans/persons/<id>/anonymous, /humans/persons/<id>/face_id | Bool, String, latched | the person is tracked |
| /humans/candidate_matches | IdsMatch | while authenticated; confidence 0 once at the end |
| /humans/faces/tracked | IdsList | every answer, unless another node's camera says who is tracked |
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from collections.abc import Sequence

import rclpy.node
from hri_msgs.msg import IdsList, IdsMatch
from rclpy.publisher import Publisher
from std_msgs.msg import Bool, Header, String

from faceedge.nodes.qos import HUMANS, LATCHED, make_publisher, make_short_lived_publisher, overridden_profile

PERSONS, FACES, MATCHES = "/humans/persons", "/humans/faces", "/humans/candidate_matches"
_REP155_ID = re.compile(r"[a-z][a-z0-9_]*")
_HASH_CHARACTERS = 10
FACE_PREFIX, FACE_LETTERS = "radar_", 5


def person_id(name: str) -> str:
    """The REP-155 id of an enrolled person: the name where that is an id, else one that is made of it; persistent."""
    if _REP155_ID.fullmatch(name):
        return name
    return "person_" + hashlib.sha256(name.encode()).hexdigest()[:_HASH_CHARACTERS]


def new_face_id() -> str:
    """An id for a face that has not been used before; it means nothing beyond its session."""
    return FACE_PREFIX + "".join(secrets.choice(string.ascii_lowercase) for _ in range(FACE_LETTERS))


class PersonPublishers:
    """Says who is known and who is here.

    Args:
        node: owner.
        persons: publish all of this; False publishes nothing.
        faces: list the face on /humans/faces/tracked, too.

    Raises:
        ConfigurationError: QoS overrides that cannot be used.
    """

    def __init__(self, node: rclpy.node.Node, persons: bool, faces: bool) -> None:
        self._node, self._made = node, list[Publisher]()
        self._profile = overridden_profile(node, PERSONS, LATCHED) if persons else LATCHED
        self._known = self._tracked = self._matches = self._faces = None
        if persons:
            self._known = self._make(IdsList, f"{PERSONS}/known", latched=True)
            self._tracked = self._make(IdsList, f"{PERSONS}/tracked", latched=True)
            self._matches = self._make(IdsMatch, MATCHES)
        if faces:
            self._faces = self._make(IdsList, f"{FACES}/tracked")
        self._present = ("", "")
        self._of_person: list[Publisher] = []

    def _make(self, kind: type, topic: str, *, latched: bool = False) -> Publisher:
        publisher = make_publisher(self._node, kind, topic, LATCHED if latched else HUMANS)
        self._made.append(publisher)
        return publisher

    def known(self, names: Sequence[str], header: Header) -> None:
        """Who is enrolled."""
        if self._known is not None:
            self._known.publish(IdsList(header=header, ids=[person_id(name) for name in names]))

    def present(self, name: str, face_id: str, score: float, header: Header) -> None:
        """The person ``name`` is here with the face ``face_id``; call it for every answer."""
        person = person_id(name) if name else ""
        if self._present != (person, face_id):
            self.absent(header)
            self._present = (person, face_id)
            self._appear(person, face_id, header)
        if self._matches is not None and person:
            self._matches.publish(_match(face_id, person, score))
        if self._faces is not None:
            self._faces.publish(IdsList(header=header, ids=[face_id]))

    def absent(self, header: Header) -> None:
        """Nobody is authenticated; call it for every answer."""
        (person, face_id), self._present = self._present, ("", "")
        if face_id and self._matches is not None and person:
            self._matches.publish(_match(face_id, person, 0.0))
        if face_id and self._tracked is not None:
            self._tracked.publish(IdsList(header=header, ids=[]))
        if self._faces is not None:
            self._faces.publish(IdsList(header=header, ids=[]))
        while self._of_person:
            self._node.destroy_publisher(self._of_person.pop())

    def close(self) -> None:
        """Take all topics back; may be called twice."""
        for publishers in (self._of_person, self._made):
            while publishers:
                self._node.destroy_publisher(publishers.pop())

    def _appear(self, person: str, face_id: str, header: Header) -> None:
        if self._tracked is None or not person:
            return
        self._tracked.publish(IdsList(header=header, ids=[person]))
        for kind, name, message in (
            (Bool, "anonymous", Bool(data=False)),
            (String, "face_id", String(data=face_id)),
        ):
            publisher = make_short_lived_publisher(self._node, kind, f"{PERSONS}/{person}/{name}", self._profile)
            self._of_person.append(publisher)
            publisher.publish(message)


def _match(face_id: str, person: str, score: float) -> IdsMatch:
    """A face and a person that belong together; REP-155 reads a confidence of 0 as "not associated"."""
    confidence = min(max(float(score), 0.0), 1.0)
    return IdsMatch(id1=face_id, id1_type=IdsMatch.FACE, id2=person, id2_type=IdsMatch.PERSON, confidence=confidence)
