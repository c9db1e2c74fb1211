"""Training of every network of events in the same way: same data, same variation, same number of clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from faceedge.perception.event_input import LABELS, LARGEST_LOG
from faceedge.training.cs3d import SpikingFace
from faceedge.training.event_data import LEVELS, Clips, Session, clips, gather, labels_of, varied


@dataclass(frozen=True, slots=True)
class Recipe:
    """Attributes:
    epochs: each has a clip of every act.
    batch: of clips.
    learning_rate: the highest of one cycle.
    weight_decay, label_smoothing: as usual.
    """

    epochs: int = 25
    batch: int = 24
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.1


@dataclass(frozen=True, slots=True)
class Score:
    """Attributes:
    balanced, macro_f1: over labels.
    recall: of each label.
    answers: (n, label) logits.
    clips: what was asked.
    """

    balanced: float
    macro_f1: float
    recall: dict[str, float]
    answers: np.ndarray
    clips: Clips


def all_grids(sessions: Sequence[Session]) -> torch.Tensor:
    """The grids of all sessions end to end, uint8."""
    return torch.from_numpy(np.concatenate([session.grids for session in sessions]))


def train(
    make: Callable[[], nn.Module],
    sessions: Sequence[Session],
    seed: int,
    recipe: Recipe,
    say: Callable[[str], None],
    watch: Callable[[nn.Module], str] | None = None,
) -> nn.Module:
    """A network that has learnt from these sessions; its last state, nothing is chosen.

    Args:
        make: the network.
        sessions: of training people.
        seed: of everything that is drawn.
        recipe: how.
        say: takes lines of progress.
        watch: words about the network now and then.
    """
    torch.manual_seed(seed)
    random, draws = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    network, grids = make(), all_grids(sessions)
    counts = np.bincount(clips(sessions, None).labels, minlength=len(LABELS))
    weights = torch.tensor((counts.mean() / np.maximum(counts, 1)) ** 0.5, dtype=torch.float32)
    loss_of = nn.CrossEntropyLoss(weights, label_smoothing=recipe.label_smoothing)
    optimiser = torch.optim.AdamW(network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    steps = -(-int(counts.sum() * 1.1) // recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, recipe.epochs * steps + 1)
    done = 0
    for epoch in range(1, recipe.epochs + 1):
        network.train()
        drawn, total = clips(sessions, random), 0.0
        order = random.permutation(len(drawn.first))
        for at in range(0, len(order), recipe.batch):
            picked = order[at : at + recipe.batch]
            batch = varied(gather(grids, drawn.first[picked]), draws)
            with torch.autocast("cpu", torch.bfloat16):  # on processors that have it, two to four times as fast
                answers = network(batch)
            loss = loss_of(answers.float(), torch.from_numpy(drawn.labels[picked]))
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            if done < recipe.epochs * steps:
                schedule.step()
            done += 1
            total += float(loss.detach()) * len(picked)
        if epoch % 5 == 0 or epoch == recipe.epochs:
            say(f"epoch {epoch} loss {total / len(order):.3f} {watch(network) if watch else ''}")
    return network.eval()


STREAM_STEPS = 64
"""Of a piece of a recording, 3.2 s: longer than most onsets, so that the network has to remember what has begun."""
STREAM_BATCH, STREAM_RATE = 12, 3e-3
UNASKED_STEPS = 8
"""At the beginning of a piece: the network could not have seen what has begun."""


def train_streams(
    network: SpikingFace,
    sessions: Sequence[Session],
    seed: int,
    epochs: int,
    say: Callable[[str], None],
    watch: Callable[[SpikingFace], str] | None = None,
) -> SpikingFace:
    """Let a network that knows clips go on with pieces of whole recordings, asked at each step.

    Args:
        network: changed, and given back.
        sessions: of training people.
        seed: of everything that is drawn.
        epochs: each has as many steps as the recordings.
        say, watch: as of `train`.
    """
    random, draws = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    grids, labels = all_grids(sessions), np.concatenate([labels_of(session) for session in sessions])
    starts = np.cumsum([0, *(len(session.grids) for session in sessions)])
    lengths = np.diff(starts)
    counts = np.bincount(labels[labels >= 0], minlength=len(LABELS))
    weights = torch.tensor((counts.mean() / np.maximum(counts, 1)) ** 0.5, dtype=torch.float32)
    loss_of = nn.CrossEntropyLoss(weights, ignore_index=-1, label_smoothing=0.05)
    pieces = int(lengths.sum()) // STREAM_STEPS
    steps = epochs * -(-pieces // STREAM_BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), STREAM_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, STREAM_RATE, steps + 1)
    for epoch in range(1, epochs + 1):
        network.train()
        whose = random.choice(len(sessions), pieces, p=lengths / lengths.sum())
        first = starts[whose] + random.integers(0, lengths[whose] - STREAM_STEPS + 1)
        total = 0.0
        for at in range(0, pieces, STREAM_BATCH):
            places = first[at : at + STREAM_BATCH, None] + np.arange(STREAM_STEPS)
            batch = varied(grids[torch.from_numpy(places)].float() * (LARGEST_LOG / LEVELS), draws)
            asked = labels[places]
            asked[:, :UNASKED_STEPS] = -1
            with torch.autocast("cpu", torch.bfloat16):
                answers = network.answers(batch)
            loss = loss_of(answers.float().flatten(0, 1), torch.from_numpy(asked.ravel()))
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        if epoch % 2 == 0 or epoch == epochs:
            say(f"streams, epoch {epoch} loss {total * STREAM_BATCH / pieces:.3f} {watch(network) if watch else ''}")
    return network.eval()


@torch.no_grad()
def score(network: nn.Module, sessions: Sequence[Session]) -> Score:
    """What the network makes of these sessions' clips, which end at a fixed time after each act's start."""
    network.eval()
    asked, grids = clips(sessions, None), all_grids(sessions)
    answers = np.concatenate(
        [network(gather(grids, asked.first[at : at + 64])).numpy() for at in range(0, len(asked.first), 64)]
    )
    confusion = np.zeros((len(LABELS), len(LABELS)), int)
    np.add.at(confusion, (asked.labels, answers.argmax(1)), 1)
    right = np.diag(confusion)
    recall = right / np.maximum(confusion.sum(1), 1)
    precision = right / np.maximum(confusion.sum(0), 1)
    f1 = 2 * recall * precision / np.maximum(recall + precision, 1e-9)
    by_label = dict(zip(LABELS, recall.round(3).tolist(), strict=True))
    return Score(float(recall.mean()), float(f1.mean()), by_label, answers, asked)
