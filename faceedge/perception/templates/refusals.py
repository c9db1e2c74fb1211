"""Why a template is not used: named, so that a node can show the reason and a test can tell one from another."""

from __future__ import annotations

from enum import StrEnum

from faceedge.errors import InputError


class Refusal(StrEnum):
    """Reasons."""

    ABSENT = "absent"
    CORRUPT = "corrupt"
    TAMPERED = "tampered"
    NO_KEY = "no key"
    WRONG_KEY = "wrong key"
    OTHER_APPLICATION = "other application"
    OTHER_CHIRP = "other chirp"
    OTHER_MODEL = "other model"
    EXPOSED = "exposed"
    TOO_MANY_ISSUES = "too many issues"


class TemplateError(InputError):
    """A template is refused; ``refusal`` is the reason, the message is the sentence for people."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal
