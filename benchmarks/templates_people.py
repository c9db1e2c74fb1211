"""Embeddings of synthetic people for the sections of `templates.py`, and the figures that several of them need."""

from __future__ import annotations

import argparse
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceedge.perception.identity import spreading
from faceedge.perception.identity.embedding import IdentityEmbedder
from faceedge.radar.face_frames import LOOK_CHIRPS
from faceedge.radar.recording_folder import open_recording

SIZE, SESSIONS = 128, 4
ENROLLED = 3
"""Sessions that make the template; the last one is the probe."""
KNOWN = 2000
"""People of whom a thief computed embeddings, in the Gaussian models."""
SPREAD = spreading.SIZE
WINDOW_S = 5.0
MODELS = {
    "strong, 128 free directions": (128, 0.60),
    "strong, 24 free directions": (24, 0.85),
    "weak, 128 free directions": (128, 0.12),
}
"""Free directions of the embedding, and cosine of two sessions of a person. *Strong* is as good as embeddings of
photographs, *weak* as one window of a radar."""


@dataclass(frozen=True, slots=True)
class Population:
    """Synthetic people.

    Attributes:
        name: for tables.
        known: (n, d) embeddings of other people, which a thief may have.
        sessions: (person, session, d) of length 1, one window each.
    """

    name: str
    known: np.ndarray
    sessions: np.ndarray

    @property
    def enrolled(self) -> np.ndarray:
        """(person, d): mean of the first sessions."""
        return unit(self.sessions[:, :ENROLLED].mean(axis=1))

    @property
    def probes(self) -> np.ndarray:
        """(person, d): the last session."""
        return self.sessions[:, ENROLLED]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Of length 1."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def gaussian(name: str, people: int, seed: int) -> Population:
    """A Gaussian model of classes: a person's mean and a session's deviation, both in the same free directions."""
    free, cosine = MODELS[name]
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((SIZE, SIZE)))[0][:free]

    def draw(count: int) -> np.ndarray:
        means = np.sqrt(cosine) * rng.standard_normal((count, 1, free))
        return unit((means + np.sqrt(1 - cosine) * rng.standard_normal((count, SESSIONS, free))) @ basis)

    return Population(name, draw(KNOWN)[:, 0], draw(people))


def spread(population: Population) -> Population:
    """The same embeddings as 512 values each, by the isometry that the embedder uses and everybody knows."""
    return Population(
        f"{population.name}, spread over {SPREAD}",
        spreading.spread(population.known),
        spreading.spread(population.sessions),
    )


def simulated(folder: Path, first: int) -> Population:
    """Embeddings of the shipped model; people before ``first`` are known to the thief, the others are tested."""
    embedded = {}
    for person in sorted(folder.glob("p[0-9]*")):
        sessions = [person / f"s{number}" / "radar" for number in range(SESSIONS)]
        if all(path.is_dir() for path in sessions):
            embedded[int(person.name[1:])] = np.stack([_embed(path) for path in sessions])
    known = np.stack([rows for number, rows in embedded.items() if number < first])
    tested = np.stack([rows for number, rows in embedded.items() if number >= first])
    return Population(f"radar, {len(tested)} simulated people", known.reshape(-1, known.shape[-1]), tested)


def _embed(path: Path) -> np.ndarray:
    recording = open_recording(path)
    count = round(WINDOW_S / recording.chirp.frame_period_s)
    looks = np.stack([cube[:, :LOOK_CHIRPS].mean(axis=1, dtype=np.float32) for cube in recording.cubes[:count]])
    # What the model says, before it is spread.
    return IdentityEmbedder(recording.chirp).embed(looks) @ spreading.isometry(SIZE).T


@functools.cache
def _populations(data: Path | None, first: int, people: int, seed: int) -> list[Population]:
    found = [gaussian(name, people, seed) for name in MODELS]
    radar = [] if data is None else [simulated(data, first)]
    return [*found, spread(found[-1]), *radar, *map(spread, radar)]


def populations(args: argparse.Namespace) -> list[Population]:
    """Those that the options name; computed once for all sections."""
    return _populations(args.data, args.first, args.people, args.seed)


def off_diagonal(scores: np.ndarray) -> np.ndarray:
    """(n (n - 1),) of (n, n): all pairs of different people."""
    return scores[~np.eye(len(scores), dtype=bool)]


def threshold_at(impostor: np.ndarray, share: float) -> float:
    """Smallest threshold that accepts at most ``share`` of the impostors' scores."""
    ordered = np.sort(impostor)[::-1]
    return float(np.nextafter(ordered[int(share * len(ordered))], np.inf))


def mean_and_error(values: np.ndarray | list[float]) -> tuple[float, str]:
    """Mean of one value a person, and its 95 % interval in words."""
    from faceedge.perception.verification import Spread

    spread = Spread.of(values)
    return spread.mean, f"{spread.low:.3f} to {spread.high:.3f} over {spread.people} people"
