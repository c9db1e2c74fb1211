"""Whether somebody who enrols is enrolled already under another name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from faceedge.errors import InputError
from faceedge.perception.templates.polyprotect import Key, protect, similarity
from faceedge.perception.templates.vault import Vault
from faceedge.radar.chirp import ChirpSettings

USUAL = "held_out_median"
"""Among the statistics of a template."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Somebody to compare with.

    Attributes:
        name: of the person.
        protected: (k,) the stored template.
        usual: score that the person reaches in a new sitting: the median of those held out.
        key: of the template.
    """

    name: str
    protected: np.ndarray
    usual: float
    key: Key


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Somebody enrolled who could be the same person.

    Attributes:
        name: of the person who is enrolled.
        alike: share of the new person's decisions that reach what is usual for the enrolled one.
    """

    name: str
    alike: float

    def sentence(self) -> str:
        """For people."""
        return (
            f"This person looks like {self.name}, who is enrolled already: {self.alike:.0%} of the decisions are as "
            f"{self.name}'s usually are."
        )


def find_duplicates(sittings: Sequence[np.ndarray], enrolled: Iterable[Enrolled]) -> list[Duplicate]:
    """Those enrolled whom the new person is as much alike, in every sitting, as they themselves, the most alike first.

    A sitting's median score is compared with the median of the sittings held out of the template. Thresholds would be
    of no use here: they let 95 % of the person's own decisions pass, and many of other people's, too.

    Args:
        sittings: (n, d) embeddings of each.
        enrolled: the others.
    """
    found = []
    for other in enrolled:
        scores = [np.asarray(similarity(protect(each, other.key), other.protected)) for each in sittings if len(each)]
        if scores and all(np.median(each) >= other.usual for each in scores):
            found.append(Duplicate(other.name, float(np.mean(np.concatenate(scores) >= other.usual))))
    return sorted(found, key=lambda duplicate: -duplicate.alike)


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
        usual = template.statistics.get(USUAL, template.threshold)
        found.append(Enrolled(name, template.protected, usual, unlocked.key))
    return found, skipped
