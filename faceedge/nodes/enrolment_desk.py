"""What the authentication node does with templates: whom it can compare, and the enrolment that is under way."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from faceedge.errors import ConfigurationError, FaceedgeError
from faceedge.perception.authentication.verifier import Verifier
from faceedge.perception.enrolment import consent
from faceedge.perception.enrolment.consent import Consent
from faceedge.perception.enrolment.duplicates import enrolled_in, find_duplicates
from faceedge.perception.enrolment.enrolment import Enrolment, EnrolmentSettings, Phase, Progress
from faceedge.perception.identity.embedding import IdentityEmbedder
from faceedge.perception.templates.places import open_vault
from faceedge.perception.templates.vault import Vault
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import FaceFrame

NOT_ALLOWED = "templates are not allowed here (allow_templates: false), so nobody is known by name."
MEANS = "dialogue"
"""How consent was given: whoever calls the service has asked."""
TOLD_EVERY = 10
"""Frames between two words on an enrolment that goes its way."""


class EnrolmentDesk:
    """Templates of one device; errors are of `Vault` and `IdentityEmbedder`.

    Args:
        values: of the node's parameters.

    Attributes:
        claimed: who is claimed to be there; empty: the only one enrolled.

    Raises:
        ConfigurationError, DeviceError, InputError: no such place for templates or keys.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.claimed: str = values["person"]
        self._application: str = values["application"]
        self._vault: Vault | None = None
        if values["allow_templates"]:
            self._vault = open_vault(self._application, values["templates_folder"], values["keys_folder"])
        self._settings = EnrolmentSettings(sittings=values["sittings"])
        self._enrolment: Enrolment | None = None
        self._consent: Consent | None = None
        self._told = ("", 0)
        self._renewed, self._result = False, ""

    @property
    def person(self) -> str:
        """Whom a session is about; empty: nobody by name."""
        names = self.names()
        return self.claimed or (names[0] if len(names) == 1 else "")

    def names(self) -> list[str]:
        """Who is enrolled."""
        return [] if self._vault is None else self._vault.names()

    def verifier(self, chirp: ChirpSettings) -> Verifier:
        """Compares with the claimed person.

        Raises:
            FaceedgeError: why nobody can be compared.
        """
        vault = self._allowed()
        if not self.person:
            count = len(vault.names())
            raise ConfigurationError(
                f"{count} people are enrolled; say on ~/claim who is there."
                if count
                else "nobody is enrolled; ~/enroll or `faceedge enroll` does that."
            )
        unlocked = vault.unlock(self.person)
        return Verifier(unlocked.template, unlocked.key, IdentityEmbedder(chirp))

    def _allowed(self) -> Vault:
        if self._vault is None:
            raise ConfigurationError(NOT_ALLOWED)
        return self._vault

    # Enrolment.

    def begin(self, chirp: ChirpSettings | None, authenticated: bool) -> str:
        """Begin to enrol the claimed person, who has agreed; the old template stays until the new one is complete.

        Args:
            chirp: of the radar; None: not known yet.
            authenticated: whether the claimed person is here; only they may replace their template.

        Raises:
            FaceedgeError: it is not allowed, nobody is named, or the radar cannot do it.
        """
        vault = self._allowed()
        if not self.claimed:
            raise ConfigurationError("say who is to be enrolled, by the parameter person or on ~/claim.")
        if self.claimed in vault.names() and not authenticated:
            raise ConfigurationError(
                f"{self.claimed} is enrolled already, and whoever sits here could take the name over: be authenticated "
                "first, or let the operator use `faceedge enroll`."
            )
        if chirp is None:
            raise ConfigurationError("the radar has sent no frame yet.")
        self._enrolment = Enrolment(chirp, IdentityEmbedder(chirp), self._settings)
        self._consent = consent.record(self.claimed, self.claimed, means=MEANS)
        self._told = ("", 0)
        return f"enrolling {self.claimed}, who has agreed to: {consent.text_for(self.claimed, self._settings.sittings)}"

    def abandon(self) -> str:
        """Forget an enrolment that is under way; the old template stays."""
        under_way, self._enrolment, self._consent = self._enrolment, None, None
        return "no enrolment was under way." if under_way is None else "abandoned; nothing was stored."

    def push(self, frame: FaceFrame) -> str:
        """Let an enrolment see the next frame; how it goes as JSON, empty: nothing new."""
        enrolment = self._enrolment
        if enrolment is None:
            return ""
        progress = enrolment.push(frame)
        if progress.phase is Phase.COMPLETE:
            done = self._finish(enrolment)
            self.abandon()
            return _text(progress, done)
        if progress.phase is Phase.FAILED:
            self.abandon()
            return _text(progress, progress.say)
        said, count = self._told
        now = f"{progress.say}{progress.problem}"
        self._told = (now, (count + 1) % TOLD_EVERY)
        return _text(progress) if now != said or not self._told[1] else ""

    def _finish(self, enrolment: Enrolment) -> str:
        """Store the template; what came of it as a sentence."""
        vault, agreed = self._allowed(), self._consent
        assert agreed is not None
        name = agreed.person
        try:
            result = enrolment.finish(vault.draw_key())
            others, _ = enrolled_in(vault, enrolment.chirp, result.model_sha256, name)
            same = find_duplicates([each.embeddings for each in enrolment.sittings], others)
            if same:
                return f"{name} was not enrolled: {same[0].sentence()}"
            vault.put(name, result.template(name, self._application, agreed), result.key)
        except (FaceedgeError, OSError) as error:
            return f"{name} was not enrolled: {error}"
        self._renewed = True
        return " ".join([f"{name} is enrolled.", *result.notes])

    def take_renewed(self) -> bool:
        """Whether a template has changed since the last call."""
        renewed, self._renewed = self._renewed, False
        return renewed

    def figures(self) -> dict[str, object]:
        """For diagnostics."""
        under_way = "none" if self._enrolment is None else f"{self._enrolment.phase}, sitting {self._enrolment.sitting}"
        return {"claimed": self.person, "enrolled": len(self.names()), "enrolment": under_way}


def _text(progress: Progress, result: str = "") -> str:
    """A progress as JSON; NaN becomes null."""
    return json.dumps(
        {
            "phase": str(progress.phase),
            "say": progress.say,
            "problem": progress.problem,
            "sitting": progress.sitting,
            "sittings": progress.sittings,
            "step": progress.step,
            "step_share": round(progress.step_share, 3),
            "coverage": round(progress.coverage.share, 3),
            "range_m": None if math.isnan(progress.range_m) else round(progress.range_m, 3),
            "result": result,
        }
    )
