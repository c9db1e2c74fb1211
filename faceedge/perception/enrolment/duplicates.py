"""Whether somebody who enrols is enrolled already under another name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from faceedge.errors import InputError
from faceedge.perception.templates.polyprotect import Key, protect, similarity
from faceedge.perception.templates.vault import Vault
from faceedge.radar.chirp import ChirpSettings


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Somebody to compare with.

    Attributes:
        name: of the person.
        protected: (k,) the stored template.
        threshold: of the person.
        key: of the template.
    """

    name: str
    protected: np.ndarray
    threshold: float
    key: Key


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Somebody enrolled who could be the same person.

    Attributes:
        name: of the person who is enrolled.
        accepted: share of the new person's decisions that this template accepts.
    """

    name: str
    accepted: float

    def sentence(self) -> str:
        """For people."""
        return f"{self.accepted:.0%} of the decisions take this person for {self.name}, who is enrolled already."


def find_duplicates(sittings: Sequence[np.ndarray], enrolled: Iterable[Enrolled]) -> list[Duplicate]:
    """Those enrolled whose template accepts the new person in every sitting, the most alike first.

    A sitting counts as accepted when its median score reaches the threshold. One sitting alone would be no evidence:
    thresholds are made so that 95 % of the person's own decisions pass, and many of other people's do, too.

    Args:
        sittings: (n, d) embeddings of each.
        enrolled: the others.
    """
    found = []
    for other in enrolled:
        scores = [np.asarray(similarity(protect(each, other.key), other.protected)) for each in sittings if len(each)]
        if scores and all(np.median(each) >= other.threshold for each in scores):
            found.append(Duplicate(other.name, float(np.mean(np.concatenate(scores) >= other.threshold))))
    return sorted(found, key=lambda duplicate: -duplicate.accepted)


def enrolled_in(
    vault: Vault, chirp: ChirpSettings, model_sha256: str, without: str
) -> tuple[list[Enrolled], list[str]]:
    """Everybody enrolled whom the new person can be compared with, and a sentence for each who cannot be.

    Args:
        vault: of the application.
        chirp, model_sha256: of the new enrolment.
        without: name of the new person.
    """
    found, skipped = [], []
    for name in vault.names():
        if name == without:
            continue
        try:
            unlocked = vault.unlock(name)
            unlocked.template.require_chirp(chirp)
            unlocked.template.require_model(model_sha256)
        except InputError as error:
            skipped.append(f"not compared with {name}: {error}")
            continue
        template = unlocked.template
        found.append(Enrolled(name, template.protected, template.threshold, unlocked.key))
    return found, skipped
