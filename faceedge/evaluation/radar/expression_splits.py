"""Ways to divide recordings of expressions, from the one that flatters most to those that do not.

- *random frames*: a random tenth of the frames of every recording is tested, the others are learnt from. A tested frame
  nearly always has neighbours in time, 50 ms away, in the training. Whoever finds the neighbour is right.
- *blocks*: stretches of 2 s are tested, with gaps beside them. Same recording, same pose, but no neighbours in time.
- *session-disjoint*: everybody's last recording is tested.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from faceedge.evaluation.radar.clips import UNLABELLED, Clip
from faceedge.evaluation.radar.expressions import (
    NOISE,
    ExpressionProtocol,
    labelled,
    neutral_frames,
    shifted_labels,
)
from faceedge.evaluation.radar.protocols import by_person

TESTED = 0.1
"""Share of the frames in *random frames*."""
BLOCK_S = 2.0
GAP_S = 0.5
EVERY_BLOCK = 4
"""Of so many blocks one is tested."""
SEED = 0

Chosen = Callable[[Clip, np.random.Generator], tuple[np.ndarray, np.ndarray]]
"""Which frames are learnt from and which are tested, (n,) bool each."""


def random_frames(clips: Sequence[Clip], noise: float = 0.0) -> ExpressionProtocol:
    """A random tenth of the frames tested. ``noise``: see `with_noise`."""
    return _within("same recording, random frames", clips, _random, noise)


def blocks(clips: Sequence[Clip], noise: float = 0.0) -> ExpressionProtocol:
    """Every fourth stretch of 2 s tested; 0.5 s on either side are not used."""
    return _within("same recording, blocks", clips, _blocks, noise)


def session_disjoint(clips: Sequence[Clip]) -> ExpressionProtocol:
    """The last recording of everybody tested, those before it to learn from; people with one recording are left out."""
    people = {person: own for person, own in by_person(labelled(clips)).items() if len(own) > 1}
    return ExpressionProtocol(
        "session-disjoint",
        tuple(clip for own in people.values() for clip in own[:-1]),
        {person: (own[-1],) for person, own in people.items()},
        {person: neutral_frames(own[0]) for person, own in people.items()},
    )


def with_noise(protocol: ExpressionProtocol, noise: float = NOISE) -> ExpressionProtocol:
    """The protocol with acts of the training that begin and end up to ``noise`` of their length off."""
    rng = np.random.default_rng(SEED)
    training = tuple(
        dataclasses.replace(clip, labels=shifted_labels(clip.labels, rng, noise)) for clip in protocol.training
    )
    return dataclasses.replace(protocol, name=noisy_name(protocol.name), training=training)


def noisy_name(name: str) -> str:
    """Of a protocol whose training labels are not exact."""
    return f"{name}, learnt from labels up to {100 * NOISE:.0f} % off"


def _within(name: str, clips: Sequence[Clip], choose: Chosen, noise: float) -> ExpressionProtocol:
    """Methods get whole recordings: labels that must not be learnt from are taken out, frames never are.

    There is no reference: the same recording's neutral frames are in the training.
    """
    rng, shifts = (np.random.default_rng([SEED, number]) for number in range(2))
    training, counted = [], {}
    people = by_person(labelled(clips))
    for own in people.values():
        for clip in own:
            learnt, tested = choose(clip, rng)
            labels = shifted_labels(clip.labels, shifts, noise) if noise else clip.labels
            known = np.where(learnt, labels, UNLABELLED).astype(np.int8)
            training.append(dataclasses.replace(clip, labels=known))
            counted[clip.key] = tested
    name = noisy_name(name) if noise else name
    return ExpressionProtocol(
        name, tuple(training), {person: tuple(own) for person, own in people.items()}, {}, counted
    )


def _random(clip: Clip, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    tested = rng.random(len(clip)) < TESTED
    return ~tested, tested


def _blocks(clip: Clip, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    period_s = clip.chirp.frame_period_s
    length, gap = max(1, round(BLOCK_S / period_s)), round(GAP_S / period_s)
    first = int(rng.integers(EVERY_BLOCK))
    tested = (np.arange(len(clip)) // length + first) % EVERY_BLOCK == 0
    near = np.convolve(tested, np.ones(2 * gap + 1), "same") > 0
    return ~near, tested
