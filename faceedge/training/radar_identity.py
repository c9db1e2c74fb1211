"""The model of identity by radar: two linear maps of a window's statistics, one that aligns and one that tells people.

1. *Alignment*: ridge regression of where the nose is (the simulation's truth) against the leading edge, from windows
   read at starts that are off by up to some centimetres.
2. *Identity*: linear discriminants (R. A. Fisher, 1936; shrunk covariance) of the training people's sessions and
   windows. Each is weighted by (b / (1 + b))^1.5, where b is how much people differ along it against how much one
   person's sessions do: along many of them b is large by chance alone, and the cosine must not count these.

Both are put behind one standardisation in one float file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceedge.errors import InputError
from faceedge.perception.identity.embedding import ALIGNMENTS, LARGEST_STEP_M
from faceedge.perception.identity.range_profile import RangeProfiles, leading_edge_m
from faceedge.perception.identity.window_statistics import FEATURES, LAG_S, OFFSETS_M, read, window_curves
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import LOOK_CHIRPS
from faceedge.radar.recording_folder import open_recording

SIZE = 128
CLIP = 4.0
"""Statistics beyond so many standard deviations are cut to them."""
RIDGE = 1000.0
JITTER_M = 0.006
SHRINKAGE = 0.06
WEIGHT_POWER = 1.5
FACE_M = 0.20
"""Identity is read up to here behind the face's beginning. Farther is the trunk, whose posture and clothes change."""
AHEAD_M = 0.02
"""Windows are read from so far before the nose."""

Say = Callable[[str], None]
Seen = Callable[[np.ndarray, ChirpSettings], tuple[np.ndarray, ChirpSettings]]
"""Looks and their chirp as a lesser radar would have them."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of people: the same number of sessions of each and of windows of each session.

    Attributes:
        curves: (person, session, window, curve, range) float32.
        edge_m: (person, session, window) leading edges.
        nose_m: (person, session) true distance of the nose's tip from the radar.
    """

    curves: np.ndarray
    edge_m: np.ndarray
    nose_m: np.ndarray

    def of(self, people: slice | np.ndarray) -> Windows:
        """Of some people."""
        return Windows(self.curves[people], self.edge_m[people], self.nose_m[people])

    def and_of(self, other: Windows) -> Windows:
        """Of these people and then of other ones; as many sessions and windows of each."""
        return Windows(
            np.concatenate([self.curves, other.curves]),
            np.concatenate([self.edge_m, other.edge_m]),
            np.concatenate([self.nose_m, other.nose_m]),
        )


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Attributes:
    mean, spread: (feature,) of the training windows.
    matrix: (feature, 1 + d), bias: (1 + d,): step of alignment in m, embedding.
    """

    mean: np.ndarray
    spread: np.ndarray
    matrix: np.ndarray
    bias: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(..., feature) to (..., 1 + d)"""
        return np.asarray(standardised(features, self.mean, self.spread) @ self.matrix + self.bias)

    def embed(self, windows: Windows) -> np.ndarray:
        """(person, session, window, d), of length 1: as `IdentityEmbedder` does."""
        start_m = aligned_m(windows, self)
        vectors = self(features_at(windows.curves, start_m))[..., 1:]
        return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def standardised(features: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Of mean 0 and spread 1 in the training windows, cut at `CLIP`."""
    return np.asarray(np.clip((features - mean) / spread, -CLIP, CLIP))


def read_looks(session: Path) -> tuple[np.ndarray, ChirpSettings, float]:
    """Looks (look, rx, sample) float32 of a simulated session, its chirp, and the nose's true distance in m."""
    recording = open_recording(session / "radar")
    looks = np.stack(
        [recording.cube(n)[:, :LOOK_CHIRPS].mean(axis=1, dtype=np.float32) for n in range(len(recording.cubes))]
    )
    facts = json.loads((session / "session.json").read_text())
    return looks, recording.chirp, float(np.linalg.norm([facts["distance_m"], *facts["offset_m"]]))


def people_of(data: Path) -> int:
    """How many people a data set of `faceedge simulate` has, from p000 on.

    Raises:
        InputError: none.
    """
    people = len(list(data.glob("p[0-9][0-9][0-9]")))
    if not people:
        raise InputError(f"{data}: expected a data set of `faceedge simulate`, found no people in it; simulate some.")
    return people


def cut(
    data: Path,
    people: Sequence[int],
    sessions: Sequence[int],
    window_s: float,
    starts_s: tuple[float, ...],
    say: Say,
    seen: Seen | None = None,
) -> Windows:
    """Windows of the sessions ``data``/pNNN/sN, all of each look or what is ``seen`` of it.

    Raises:
        InputError: a session is missing or too short.
    """
    curves, edges, noses = [], [], []
    for person in people:
        for number in sessions:
            session = data / f"p{person:03d}" / f"s{number}"
            if not (session / "session.json").is_file():
                raise InputError(f"{session}: no session of `faceedge simulate` lies here; simulate more people.")
            looks, chirp, nose_m = read_looks(session)
            if seen is not None:
                looks, chirp = seen(looks, chirp)
            profiles = RangeProfiles(chirp)(looks)
            lag, count = max(1, round(LAG_S / chirp.frame_period_s)), round(window_s / chirp.frame_period_s)
            for start_s in starts_s:
                first = round(start_s / chirp.frame_period_s)
                part = profiles[first : first + count]
                if len(part) < count:
                    raise InputError(f"{session}: ends before {start_s + window_s:g} s; simulate longer sessions.")
                curves.append(window_curves(part, lag))
                edges.append(leading_edge_m(np.square(np.abs(part)).mean(axis=(0, 1))))
            noses.append(nose_m)
        if person % 50 == 49:
            say(f"{person + 1} people read")
    shape = len(people), len(sessions), len(starts_s)
    return Windows(
        np.array(curves).reshape(*shape, *curves[0].shape),
        np.array(edges).reshape(shape),
        np.array(noses).reshape(shape[:2]),
    )


def fit(windows: Windows, seed: int = 0) -> LinearModel:
    """Both maps, from training people."""
    random = np.random.default_rng(seed)
    start_m, mean, spread, step = windows.edge_m, np.zeros(FEATURES), np.ones(FEATURES), (np.zeros(0), 0.0)
    nose_m = windows.nose_m[..., np.newaxis] - AHEAD_M
    offs_m = [np.zeros_like(start_m), *(random.normal(0, JITTER_M, start_m.shape) for _ in range(2))]
    # The second round learns where the first leaves off.
    for _ in range(ALIGNMENTS):
        starts_m = np.stack([start_m + off_m for off_m in offs_m] + [windows.edge_m])
        features = np.stack([features_at(windows.curves, s) for s in starts_m]).reshape(-1, FEATURES)
        mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
        step = _ridge(standardised(features, mean, spread), (nose_m - starts_m).ravel())
        aligner = LinearModel(mean, spread, step[0][:, np.newaxis], np.array([step[1]]))
        start_m = aligned_m(windows, aligner)
    used = np.tile(OFFSETS_M < FACE_M - 1e-9, FEATURES // len(OFFSETS_M))
    features = standardised(features_at(windows.curves, start_m), mean, spread)
    people = np.repeat(np.arange(len(features)), features[0, ..., 0].size)
    middle, axes = discriminants(features[..., used].reshape(len(people), -1), people)
    matrix, bias = np.zeros((FEATURES, 1 + SIZE)), np.zeros(1 + SIZE)
    matrix[:, 0], bias[0] = step
    matrix[used, 1 : 1 + axes.shape[1]] = axes
    bias[1 : 1 + axes.shape[1]] = -middle @ axes
    return LinearModel(mean, spread, matrix, bias)


def aligned_m(windows: Windows, model: LinearModel) -> np.ndarray:
    """(person, session, window) where each face begins."""
    start_m = windows.edge_m
    for _ in range(ALIGNMENTS):
        found = model(features_at(windows.curves, start_m))[..., 0]
        start_m = start_m + np.clip(found, -LARGEST_STEP_M, LARGEST_STEP_M)
    return start_m


def discriminants(x: np.ndarray, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(feature,) mean and (feature, at most `SIZE`) weighted discriminants.

    Args:
        x: (n, feature).
        people: (n,) from 0.
    """
    middle = x.mean(axis=0)
    means = np.stack([x[people == person].mean(axis=0) for person in range(people.max() + 1)])
    within = x - means[people]
    covariance = within.T @ within / (len(x) - len(means))
    covariance = (1 - SHRINKAGE) * covariance + np.diag(SHRINKAGE * np.diag(covariance) + 1e-4)
    whitening = np.linalg.cholesky(np.linalg.inv(covariance))
    ratio, vectors = np.linalg.eigh(whitening.T @ np.cov(means.T) @ whitening)
    best = np.argsort(ratio)[::-1][: min(SIZE, len(means) - 1)]
    weights = (ratio[best] / (1 + ratio[best])) ** WEIGHT_POWER
    return middle, np.asarray(whitening @ vectors[:, best] * weights)


def _ridge(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """(feature,) weights and offset; ``x`` is nearly of mean zero."""
    middle = x.mean(axis=0)
    z = x - middle
    weights = np.linalg.solve(z.T @ z + RIDGE * np.eye(z.shape[1]), z.T @ (y - y.mean()))
    return weights, float(y.mean() - middle @ weights)


def features_at(curves: np.ndarray, start_m: np.ndarray) -> np.ndarray:
    """(person, session, window, feature) of curves, read where each face begins."""
    flat = curves.reshape(-1, *curves.shape[-2:])
    found = [read(one, float(start)) for one, start in zip(flat, start_m.ravel(), strict=True)]
    return np.stack(found).reshape(*start_m.shape, FEATURES)
