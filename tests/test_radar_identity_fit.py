"""Fit of the model of identity by radar, on made-up curves whose people are known."""

from __future__ import annotations

import numpy as np
import pytest

from faceedge.perception.identity.range_profile import RANGES_M
from faceedge.perception.identity.window_statistics import CURVES
from faceedge.perception.verification import auroc
from faceedge.training.radar_identity import Windows, aligned_m, discriminants, fit

SESSIONS, WINDOWS_EACH = 4, 2


def windows(people: int, seed: int) -> Windows:
    """Curves with a shape of the person and a stronger one of the session behind the nose; edges are off by 5 mm."""
    random = np.random.default_rng(seed)
    nose_m = random.uniform(0.2, 0.4, (people, SESSIONS))
    edge_m = nose_m[..., np.newaxis] - 0.02 + random.normal(0, 0.005, (people, SESSIONS, WINDOWS_EACH))
    person, session = random.normal(0, 0.5, (people, CURVES, 2)), random.normal(0, 1, (people, SESSIONS, CURVES, 2))
    waves = [np.sin(2 * np.pi * k * (RANGES_M - nose_m[..., np.newaxis]) / 0.2) for k in (0.25, 0.5, 0.75, 1.0)]
    steps = 1 / (1 + np.exp(-(RANGES_M - nose_m[..., np.newaxis]) / 0.01))
    curves = np.einsum("pck,kpsr->pscr", person, np.stack(waves[::2])) + 5 * steps[:, :, np.newaxis]
    curves += np.einsum("psck,kpsr->pscr", session, np.stack(waves[1::2]))
    curves = np.repeat(curves[:, :, np.newaxis], WINDOWS_EACH, axis=2)
    noise = random.normal(0, 0.5, curves.shape)
    return Windows((curves + noise).astype(np.float32), edge_m, nose_m)


def area_of(vectors: np.ndarray) -> float:
    """AUROC of the last session against the others."""
    template = vectors[:, :-1].mean(axis=(1, 2))
    scores = template @ vectors[:, -1, 0].T
    same = np.eye(len(scores), dtype=bool)
    return auroc(scores[same], scores[~same])


def test_a_fit_tells_people_apart_whom_it_has_never_seen() -> None:
    model = fit(windows(60, seed=1))
    assert area_of(model.embed(windows(20, seed=2))) > 0.9


def test_a_fit_to_windows_of_mixed_up_people_tells_nobody_apart_better() -> None:
    known = windows(60, seed=1)
    mixed = np.random.default_rng(3).permutation(60 * SESSIONS)

    def mix(values: np.ndarray) -> np.ndarray:
        return values.reshape(-1, *values.shape[2:])[mixed].reshape(values.shape)

    wrong = fit(Windows(mix(known.curves), mix(known.edge_m), mix(known.nose_m)))
    unseen = windows(20, seed=2)
    assert area_of(wrong.embed(unseen)) < area_of(fit(known).embed(unseen)) - 0.05


def test_the_alignment_comes_nearer_to_the_nose_than_the_edge() -> None:
    model, unseen = fit(windows(60, seed=1)), windows(20, seed=2)
    nose_m = unseen.nose_m[..., np.newaxis] - 0.02
    assert np.std(aligned_m(unseen, model) - nose_m) < 0.6 * np.std(unseen.edge_m - nose_m)


def test_what_changes_within_people_hardly_counts() -> None:
    random = np.random.default_rng(0)
    people = np.repeat(np.arange(200), 6)
    steady, unsteady = random.normal(0, 1, 200)[people], random.normal(0, 1, len(people))
    x = np.stack([steady + random.normal(0, 0.3, len(people)), unsteady], axis=1)
    middle, axes = discriminants(x, people)
    reach = np.linalg.norm(axes, axis=1)
    assert middle == pytest.approx(x.mean(axis=0))
    assert reach[1] < 0.1 * reach[0]
