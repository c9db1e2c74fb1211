"""Figures of a method under a protocol: each per person, then as means with 95 % intervals over people.

Terms of ISO/IEC 19795-1: a *mated* comparison is the person's own, a *non-mated* one an impostor's; FMR and FNMR are
the shares of wrong decisions of either, at one threshold. Curves and areas take each person's scores by themselves;
FMR and FNMR *at the person's threshold* count decisions with the threshold that the held-out part of the enrolment set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from faceedge.evaluation.radar.clips import Clip
from faceedge.evaluation.radar.methods import Method
from faceedge.evaluation.radar.protocols import Protocol
from faceedge.perception.verification import Spread, aupr, auroc, equal_error_rate, fnmr_at_fmr, fpr_at_tpr

ACCEPTED = 0.95
"""Share of the held-out windows that a person's threshold accepts."""
FMR = 0.01
MEASURES = ("auroc", "aupr", "fpr95", "eer", "fnmr")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Scores of one enrolled person.

    Attributes:
        person: who was claimed.
        mated: (n,) scores of the person's own windows.
        non_mated: scores of each impostor's clip: (clip, (m,)).
        held_out: (k,) of the enrolment's held-out part.
        own: each probed clip with its scores.
    """

    person: str
    mated: np.ndarray
    non_mated: tuple[tuple[Clip, np.ndarray], ...]
    held_out: np.ndarray
    own: tuple[tuple[Clip, np.ndarray], ...] = ()

    @property
    def impostor(self) -> np.ndarray:
        """(m,) all non-mated scores."""
        return np.concatenate([scores for _, scores in self.non_mated]) if self.non_mated else np.zeros(0)

    @property
    def usable(self) -> bool:
        """Whether there is anything to compare."""
        return len(self.mated) > 0 and len(self.impostor) > 0

    def figures(self) -> dict[str, float]:
        """Each of `MEASURES`, and FNMR and FMR at the person's own threshold."""
        mated, impostor = self.mated, self.impostor
        found = {
            "auroc": auroc(mated, impostor),
            "aupr": aupr(mated, impostor),
            "fpr95": fpr_at_tpr(mated, impostor, ACCEPTED),
            "eer": equal_error_rate(mated, impostor),
            "fnmr": fnmr_at_fmr(mated, impostor, FMR),
        }
        threshold = threshold_of(self.held_out)
        decided = not math.isnan(threshold)
        found["own_fnmr"] = float(np.mean(mated < threshold)) if decided else math.nan
        found["own_fmr"] = float(np.mean(impostor >= threshold)) if decided else math.nan
        return found


def threshold_of(held_out: np.ndarray, accepted: float = ACCEPTED) -> float:
    """The highest threshold that accepts so large a share of the held-out scores; nan without any."""
    if len(held_out) == 0:
        return math.nan
    ordered = np.sort(held_out)
    return float(ordered[int(np.floor((1 - accepted) * len(ordered)))])


def compare(method: Method, protocol: Protocol, window_s: float) -> list[Comparison]:
    """Scores of every enrolled person under a fitted method; people with too short recordings are left out."""
    found = []
    for person, enrolment in protocol.enrolled.items():
        own = tuple((clip, method.score(person, clip, window_s)) for clip in protocol.genuine[person])
        comparison = Comparison(
            person,
            np.concatenate([scores for _, scores in own]) if own else np.zeros(0),
            tuple((clip, method.score(person, clip, window_s)) for clip in protocol.against(person)),
            np.concatenate([method.score(person, clip, window_s) for clip in enrolment.held_out] or [np.zeros(0)]),
            own,
        )
        if comparison.usable:
            found.append(comparison)
    return found


@dataclass(frozen=True, slots=True)
class Result:
    """A method's figures under a protocol and one window.

    Attributes:
        method, protocol, window_s: what was measured.
        people: figures of each, by name.
        seconds: that enrolment took, of all people together.
        note: why there are no figures, where there are none.
    """

    method: str
    protocol: str
    window_s: float
    people: dict[str, dict[str, float]]
    seconds: float = 0.0
    note: str = ""

    def spread(self, measure: str) -> Spread | None:
        """Mean and interval over people; None without people."""
        each = [figures.get(measure, math.nan) for figures in self.people.values()]
        values = [value for value in each if not math.isnan(value)]
        return Spread.of(values) if values else None

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        means = {}
        for measure in (*MEASURES, "own_fnmr", "own_fmr"):
            spread = self.spread(measure)
            if spread is not None:
                means[measure] = {name: round(getattr(spread, name), 4) for name in ("mean", "low", "high")}
        return {
            "method": self.method,
            "protocol": self.protocol,
            "window_s": self.window_s,
            "people": {
                person: {name: None if math.isnan(value) else round(value, 4) for name, value in figures.items()}
                for person, figures in self.people.items()
            },
            "mean": means,
            "enrolment_s": round(self.seconds, 3),
            "note": self.note,
        }

    @classmethod
    def from_dict(cls, content: dict[str, object]) -> Result:
        """What `as_dict` gave."""
        people = content["people"]
        assert isinstance(people, dict)
        return cls(
            str(content["method"]),
            str(content["protocol"]),
            float(str(content["window_s"])),
            {
                person: {name: math.nan if value is None else float(value) for name, value in figures.items()}
                for person, figures in people.items()
            },
            float(str(content["enrolment_s"])),
            str(content["note"]),
        )


def result_of(method: Method, protocol: Protocol, window_s: float, seconds: float = 0.0) -> Result:
    """Figures of a fitted method."""
    people = {each.person: each.figures() for each in compare(method, protocol, window_s)}
    note = "" if people else f"no window of {window_s:g} s in the recordings"
    return Result(method.name, protocol.name, window_s, people, seconds, note)
