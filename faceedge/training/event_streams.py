"""How a network of events does on whole recordings, as it runs: how often it is right, and how soon after an onset.

Ours gives an answer at each step. Networks of clips see the last `STEPS` steps at each step, which is what they would
have to do on a stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from faceedge.perception.event_input import LABELS, LARGEST_LOG, STEP_US, STEPS
from faceedge.training.cs3d import SpikingFace
from faceedge.training.event_data import LEVELS, Session, labels_of

HELD_STEPS = 3
"""An answer counts as a decision once it has stayed for so many steps."""
LATEST_S = 2.0
"""A decision later than this after an act's start is none."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """Attributes:
    person: number.
    answers: (step, label) logits.
    labels: (step,) places in `LABELS`, -1 where none is asked for.
    """

    person: int
    answers: np.ndarray
    labels: np.ndarray


@torch.no_grad()
def streamed(network: nn.Module, session: Session, batch: int = 64) -> Streamed:
    """The answers of a network along a session; zeros before the first clip is full."""
    network.eval()
    grids = torch.from_numpy(session.grids).float() * (LARGEST_LOG / LEVELS)
    if isinstance(network, SpikingFace):
        return Streamed(session.person, network.answers(grids[None])[0].numpy(), labels_of(session))
    answers = np.zeros((len(grids), len(LABELS)), np.float32)
    windows = grids.unfold(0, STEPS, 1).movedim(-1, 1)
    for at in range(0, len(windows), batch):
        part = network(windows[at : at + batch]).numpy()
        answers[STEPS - 1 + at : STEPS - 1 + at + len(part)] = part
    return Streamed(session.person, answers, labels_of(session))


@dataclass(frozen=True, slots=True)
class StreamFigures:
    """Attributes:
    balanced: accuracy over labels, of all steps that are asked about.
    macro_f1: the same.
    decided: share of acts with a right decision within `LATEST_S`.
    latency_s: median time from an act's start to its right decision, of those.
    """

    balanced: float
    macro_f1: float
    decided: float
    latency_s: float


def figures(streams: Sequence[Streamed], sessions: Sequence[Session]) -> StreamFigures:
    """Of some sessions' streams."""
    confusion, latencies, acts = np.zeros((len(LABELS), len(LABELS)), int), [], 0
    for stream, session in zip(streams, sessions, strict=True):
        asked = stream.labels >= 0
        np.add.at(confusion, (stream.labels[asked], stream.answers[asked].argmax(1)), 1)
        for act in session.acts:
            acts += 1
            moment_s = decision_s(stream.answers, act.start_s, act.label)
            if moment_s is not None:
                latencies.append(moment_s)
    right = np.diag(confusion)
    recall, precision = right / np.maximum(confusion.sum(1), 1), right / np.maximum(confusion.sum(0), 1)
    f1 = 2 * recall * precision / np.maximum(recall + precision, 1e-9)
    return StreamFigures(
        float(recall.mean()), float(f1.mean()), len(latencies) / max(acts, 1),
        float(np.median(latencies)) if latencies else float("nan"),
    )  # fmt: skip


def decision_s(answers: np.ndarray, start_s: float, label: int) -> float | None:
    """Time from ``start_s`` to the end of the step at which the answer has been ``label`` for `HELD_STEPS`; None: not
    within `LATEST_S`.
    """
    step_s = STEP_US / 1e6
    first, last = int(start_s / step_s), int((start_s + LATEST_S) / step_s)
    said = answers[first:last].argmax(1) == label
    run = 0
    for place, right in enumerate(said.tolist()):
        run = run + 1 if right else 0
        if run == HELD_STEPS:
            return (first + place + 1) * step_s - start_s
    return None
