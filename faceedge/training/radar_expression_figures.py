"""How well the radar's expression network does, by frame and by act, on people who were not learnt from.

Two kinds of sample, none of which knows how long an act lasts (that alone would tell a neutral act from a shock):

- a *frame*: any instant within an act, from onset to offset, with the motion around it;
- an *act*: the mean over a fixed time from its start on, the same for all leaves.

*Balanced* accuracy is the mean of the four leaves' recalls; chance is 25 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from faceedge.perception.expression_networks import softmax
from faceedge.perception.radar_expression import LEAVES
from faceedge.perception.verification import Spread
from faceedge.training.radar_expression_data import MARGIN_BINS, PERIOD_S, LabelledAct, MotionSession
from faceedge.training.radar_expression_network import MotionNetwork

ACT_S = (0.3, 2.0)
"""After the start of an act: what decides about all of it. The shortest shock is over by then, a smile is not."""


class Labelled(Protocol):
    """What figures need of a session, whatever a network sees of it; labels every 0.1 s."""

    @property
    def person(self) -> int: ...
    @property
    def index(self) -> int: ...
    @property
    def labels(self) -> np.ndarray: ...
    @property
    def acts(self) -> tuple[LabelledAct, ...]: ...


@torch.no_grad()
def log_probabilities(network: MotionNetwork, sessions: Sequence[MotionSession]) -> list[np.ndarray]:
    """(time, 4) of each session; each instant sees what comes before and after it."""
    network.eval()
    found = []
    for session in sessions:
        x = session.features[:1, :, MARGIN_BINS:-MARGIN_BINS].astype(np.float32)
        logits = network(torch.from_numpy(x).permute(0, 3, 1, 2))[0, : len(LEAVES)].T.numpy()
        found.append(np.log(softmax(logits)))
    return found


@dataclass(frozen=True, slots=True)
class Samples:
    """Log-probabilities (n, 4) with the truth, the person and the session of each."""

    values: np.ndarray
    leaves: np.ndarray
    people: np.ndarray
    indices: np.ndarray


def frame_samples(sessions: Sequence[Labelled], values: Sequence[np.ndarray]) -> Samples:
    """Every instant within an act."""
    rows = []
    for session, each in zip(sessions, values, strict=True):
        labels = session.labels[: len(each)]
        inside = np.flatnonzero((labels >= 0) & np.isfinite(each).all(axis=1))
        rows += [(each[i], labels[i], session.person, session.index) for i in inside]
    return _samples(rows)


def act_samples(
    sessions: Sequence[Labelled], values: Sequence[np.ndarray], noise: float = 0.0, seed: int = 0,
    delay_s: float = 0.0,
) -> Samples:  # fmt: skip
    """Every act, its start known but for up to ``noise`` of its length; ``delay_s``: how late values come."""
    rng = np.random.default_rng(seed)
    rows = []
    for session, each in zip(sessions, values, strict=True):
        for act in session.acts:
            start_s = act.start_s + rng.uniform(-noise, noise) * (act.stop_s - act.start_s) + delay_s
            first, last = (round((start_s + part) / PERIOD_S) for part in ACT_S)
            taken = each[max(0, first) : last]
            taken = taken[np.isfinite(taken).all(axis=1)] if len(taken) else taken
            if len(taken):
                rows.append((np.log(softmax(taken.mean(axis=0))), act.leaf, session.person, session.index))
    return _samples(rows)


def _samples(rows: list[tuple[np.ndarray, int, int, int]]) -> Samples:
    values, leaves, people, indices = zip(*rows, strict=True)
    return Samples(np.stack(values), np.array(leaves), np.array(people), np.array(indices))


def recalls(samples: Samples) -> np.ndarray:
    """(4,) share of each leaf that is answered rightly."""
    right = samples.values.argmax(axis=1) == samples.leaves
    return np.array([right[samples.leaves == leaf].mean() for leaf in range(len(LEAVES))])


def balanced(samples: Samples) -> Spread:
    """Mean of the leaves' recalls with an interval by the bootstrap over people."""
    right = samples.values.argmax(axis=1) == samples.leaves
    people = np.unique(samples.people)
    hits, counts = (
        np.array([[np.sum(weight[(samples.people == p) & (samples.leaves == leaf)]) for leaf in range(len(LEAVES))]
                  for p in people])
        for weight in (right.astype(float), np.ones(len(right)))
    )  # fmt: skip
    picks = np.random.default_rng(0).integers(0, len(people), (1000, len(people)))
    drawn = (hits[picks].sum(axis=1) / np.maximum(counts[picks].sum(axis=1), 1)).mean(axis=1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Spread(float((hits.sum(0) / counts.sum(0)).mean()), float(low), float(high), len(people))


def confusion(samples: Samples) -> np.ndarray:
    """(4, 4) counts, row = truth, column = answer."""
    found = np.zeros((len(LEAVES), len(LEAVES)), int)
    np.add.at(found, (samples.leaves, samples.values.argmax(axis=1)), 1)
    return found


def watch(network: MotionNetwork, sessions: Sequence[MotionSession]) -> str:
    """One line for the training's log."""
    values = log_probabilities(network, sessions)
    act, frame = act_samples(sessions, values), frame_samples(sessions, values)
    by_leaf = " ".join(f"{name} {value:.2f}" for name, value in zip(LEAVES, recalls(act), strict=True))
    return f"acts {balanced(act).mean:.3f} ({by_leaf}) frames {balanced(frame).mean:.3f}"
