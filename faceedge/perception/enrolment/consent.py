"""Consent to a template of one's face: what is asked, and the record of who agreed, when, and to what.

A template that recognises a person is biometric data (Regulation (EU) 2016/679, GDPR, Article 4(14)) and needs explicit
consent (Article 9(2)(a)) that is as easily withdrawn as given (Article 7(3)). The record is made before the first frame
is read, is stored inside the template, and so goes when the template goes. Where consent is refused, nothing is
captured and nothing is stored, not even the refusal.

This is an engineer's reading and no legal advice. Consent can be invalid where people depend on who asks, as pupils and
employees do, and in some places no consent allows it at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self

from faceedge.errors import ConfigurationError, InputError

AGE_OF_CONSENT = 16
"""GDPR Article 8(1); member states may set 13 to 16. Other laws ask for more, such as 18 in schools of England and
Wales (Protection of Freedoms Act 2012, section 26)."""
AGES = (13, 21)
"""Between which an age of consent can be set."""

TEXT_VERSION = "radar-template-1"
TEXT = """\
This device wants to remember how the echoes of a small radar look when
they come back from your face.

  Measured     about a minute of echoes from your face and chest, in
               {sittings} sittings
  Kept         one protected template, encrypted, on this device only,
               its keys apart from it; the echoes are not kept
  Used         to tell whether it is you who sits here, when you say so.
               For nothing else
  How long     until you or the operator erase it; it is never sent
               anywhere
  Your rights  you may say no, and prove in another way who you are. You
               may change your mind at any time, and everything goes:
               faceedge templates erase {name}
"""


_WORDS = {True: "yes", False: "no"}


class ConsentRefusedError(InputError):
    """Somebody who is asked did not agree. Nothing was stored."""


@dataclass(frozen=True, slots=True)
class Consent:
    """Who agreed, when, and to what. No date of birth: only whether somebody had to agree in the person's place.

    Attributes:
        person: for whom.
        agreed_by: who agreed: the person, or the guardian of somebody under age.
        guardian: whether that is a guardian. Then the person did not object, either.
        agreed_at: ISO 8601 with the offset to UTC, to the second.
        text_version, text_sha256: of what was agreed to.
        means: how it was given: ``terminal``, ``paper``, ``dialogue``.
        synthetic: nobody agreed because nobody exists: the recordings are synthetic.
    """

    person: str
    agreed_by: str
    guardian: bool
    agreed_at: str
    text_version: str
    text_sha256: str
    means: str
    synthetic: bool = False

    def as_dict(self) -> dict[str, str]:
        """Texts for the stored template; what is true or false becomes ``yes`` or ``no``."""
        return {name: _WORDS.get(value, value) for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The record of `as_dict`.

        Raises:
            InputError: a field is missing, unknown or no text that it can be.
        """
        fields = cls.__dataclass_fields__
        texts = all(isinstance(value, str) for value in values.values())
        if set(values) != set(fields) or not texts or not {values["guardian"], values["synthetic"]} <= {"yes", "no"}:
            raise InputError(
                f"a record of consent has the texts {', '.join(fields)}, got {', '.join(map(str, values)) or 'none'}."
            )
        truths = {name: values[name] == "yes" for name in ("guardian", "synthetic")}
        return cls(**{**values, **truths})

    def sentence(self) -> str:
        """What the record says, for people."""
        if self.synthetic:
            return f"{self.person} is synthetic: there is nobody who could agree."
        role = f", guardian of {self.person}," if self.guardian else ""
        return f"{self.agreed_by}{role} agreed at {self.agreed_at} to the text {self.text_version} ({self.means})."


def text_for(name: str, sittings: int) -> str:
    """What ``name`` is asked to agree to before so many sittings."""
    return TEXT.format(name=name, sittings=sittings)


def text_sha256() -> str:
    """Of the text without a name in it, so that equal texts have equal sums."""
    return hashlib.sha256(TEXT.encode()).hexdigest()


def record(
    person: str,
    agreed_by: str,
    *,
    guardian: bool = False,
    means: str = "terminal",
    now: datetime | None = None,
) -> Consent:
    """The record of a consent that was just given.

    Args:
        person: for whom.
        agreed_by: who agreed.
        guardian: ``agreed_by`` is the guardian of a person under age.
        means: how.
        now: with a time zone; None: the system's clock.

    Raises:
        ConfigurationError: nobody is named, or a guardian has the name of the person.
    """
    person, agreed_by = person.strip(), agreed_by.strip()
    if not person or not agreed_by:
        raise ConfigurationError("a consent names the person and who agreed; one of the two is empty.")
    if guardian and agreed_by.casefold() == person.casefold():
        raise ConfigurationError(f"{person} is under age and cannot be the own guardian; name who agreed instead.")
    moment = (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
    return Consent(person, agreed_by, guardian, moment, TEXT_VERSION, text_sha256(), means)


def synthetic(person: str, now: datetime | None = None) -> Consent:
    """The record for a person who does not exist."""
    moment = (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
    return Consent(person, "nobody", False, moment, TEXT_VERSION, text_sha256(), "none", synthetic=True)


def check_age_of_consent(years: int) -> None:
    """Raise ConfigurationError for an age that no law has."""
    if not AGES[0] <= years <= AGES[1]:
        raise ConfigurationError(f"the age of consent is {years}, expected {AGES[0]} to {AGES[1]} years.")
