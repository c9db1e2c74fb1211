"""What the authentication node does with templates: whom it can compare, and the enrolment that is under way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faceedge.errors import ConfigurationError
from faceedge.perception.authentication.gate import Verifier
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import FaceFrame

NOT_ALLOWED = "templates are not allowed here (allow_templates: false), so nobody is known by name."


class EnrolmentDesk:
    """Templates of one device.

    Args:
        values: of the node's parameters.

    Attributes:
        claimed: who is claimed to be there; empty: the only one enrolled.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.claimed: str = values["person"]
        self._allowed: bool = values["allow_templates"]

    @property
    def person(self) -> str:
        """Whom a session is about; empty: nobody by name."""
        return self.claimed

    def names(self) -> list[str]:
        """Who is enrolled."""
        return []

    def verifier(self, chirp: ChirpSettings) -> Verifier | None:
        """Compares with the claimed person; raises a FaceedgeError that says why nobody can be compared."""
        raise ConfigurationError(NOT_ALLOWED)

    def begin(self, chirp: ChirpSettings | None) -> str:
        """Begin to enrol the claimed person."""
        raise ConfigurationError(NOT_ALLOWED)

    def abandon(self) -> str:
        """Forget an enrolment that is under way; the old template stays."""
        return "no enrolment was under way."

    def push(self, frame: FaceFrame) -> str:
        """Let an enrolment see the next frame; how it goes, empty: nothing new."""
        return ""

    def take_renewed(self) -> bool:
        """Whether a template has changed since the last call."""
        return False

    def figures(self) -> dict[str, object]:
        """For diagnostics."""
        return {"claimed": self.claimed, "enrolled": len(self.names())}
