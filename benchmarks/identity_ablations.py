"""What the band, the receivers, the window and the people of the fit are worth to recognition by radar across sessions.

    faceedge simulate looks --people 300 --sessions 4 --seconds 10 --sensors radar --chirp bgt60_face_looks --seed 100
    faceedge simulate looks2 --people 500 --sessions 4 --seconds 10 --sensors radar --chirp bgt60_face_looks --seed 101
    .venv/cp311/bin/python benchmarks/identity_ablations.py looks looks2

The last 60 people of the first data set are left out: they test the shipped model. All others are cut into folds; the
model is fitted to those outside a fold and tells those inside apart. Each of their sessions is in turn the probe, the
others enrol. Nobody of a fold is in its fit. Synthetic.

*AUROC*: mean over people and 95 % interval over people; chance is 0.5. *Information*: what one window tells about whose
it is, in bits: log2 of the fold's people less the cross-entropy of naming the right one, a lower bound of the mutual
information (A. van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018, equation 5;
B. Poole et al., "On Variational Bounds of Mutual Information", 2019). It is never more than log2 of the people. The one
temperature of the cosines is the best of another fold.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from faceedge.perception.verification import Spread, auroc
from faceedge.radar.chirp import ChirpSettings
from faceedge.simulation.person.person import draw_person
from faceedge.training.radar_identity import Seen, Windows, cut, fit, people_of, read_looks

SESSIONS, TEST = range(4), 60
FIT_S = (0.0, 3.0, 5.0)
SAMPLES = (98, 49, 24)
"""Of each chirp; of 128."""
TEMPERATURES = np.geomspace(0.02, 2.0, 25)


def with_samples(count: int) -> Seen:
    """The first samples of each chirp alone, as a chirp of less bandwidth would give."""

    def seen(looks: np.ndarray, chirp: ChirpSettings) -> tuple[np.ndarray, ChirpSettings]:
        return looks[..., :count], dataclasses.replace(chirp, samples_per_chirp=count)

    return seen


def with_receivers(places: tuple[int, int, int]) -> Seen:
    """Copies of these receivers instead of all three; what is between copies is the same for everybody."""

    def seen(looks: np.ndarray, chirp: ChirpSettings) -> tuple[np.ndarray, ChirpSettings]:
        return looks[:, list(places)], chirp

    return seen


def scores_of(vectors: np.ndarray) -> np.ndarray:
    """(session, person enrolled, person probing, window) cosines; ``vectors`` (person, session, window, d)."""
    out = []
    for probe in SESSIONS:
        template = vectors[:, [session for session in SESSIONS if session != probe]].mean(axis=(1, 2))
        template /= np.linalg.norm(template, axis=-1, keepdims=True)
        out.append(np.einsum("pd,qwd->pqw", template, vectors[:, probe]))
    return np.stack(out)


def areas(scores: np.ndarray, alike: np.ndarray) -> np.ndarray:
    """(person,) AUROC; ``alike`` (person, person): who may be whose impostor."""
    others = alike & ~np.eye(len(alike), dtype=bool)
    return np.array([
        np.mean([auroc(one[person, person], one[person, others[person]].ravel()) for one in scores])
        for person in range(len(alike))
    ])  # fmt: skip


def bits(scores: np.ndarray, temperature: float) -> float:
    """Lower bound of the mutual information between a window and its person."""
    logits = scores / temperature
    logits = logits - logits.max(axis=1, keepdims=True)
    log = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    people = np.arange(scores.shape[1])
    return float(np.log2(len(people)) + log[:, people, people].mean() / np.log(2))


def traits_of(folders: Iterable[Path]) -> np.ndarray:
    """(person,) equal for people of the same sex who both wear glasses or both do not."""
    out = []
    for place, folder in enumerate(folders):
        for number in range(people_of(folder) - (0 if place else TEST)):
            facts = json.loads((folder / f"p{number:03d}" / "s0" / "session.json").read_text())
            person = draw_person(facts["person_seed"])
            out.append(2 * (person.sex == "male") + person.glasses)
    return np.array(out)


def figures(
    fitted: Windows,
    probing: Windows,
    folds: list[np.ndarray],
    most: int | None = None,
    traits: np.ndarray | None = None,
) -> str:
    """Both figures of one way to see, from windows of the same people to fit with and to probe with.

    With ``traits``, impostors are of the person's own.
    """
    everybody = np.concatenate(folds)
    found = []
    for fold in folds:
        known = np.setdiff1d(everybody, fold)
        known = np.random.default_rng(0).permutation(known)[: most or len(known)]
        found.append(scores_of(fit(fitted.of(known)).embed(probing.of(fold))))
    kinds = [np.zeros(len(fold)) if traits is None else traits[fold] for fold in folds]
    spread = Spread.of(np.concatenate([areas(one, k[:, None] == k) for one, k in zip(found, kinds, strict=True)]))
    table = np.array([[bits(one, temperature) for temperature in TEMPERATURES] for one in found])
    told = np.mean([row[np.argmax(table[place - 1])] for place, row in enumerate(table)])
    information = f"{told:.2f}" if traits is None else ""
    return f"{spread.mean:.3f} ({spread.low:.3f} to {spread.high:.3f}) | {information}"


def windows_of(folders: Iterable[Path], window_s: float, starts_s: tuple[float, ...], seen: Seen | None) -> Windows:
    """Of all people but the test people of the first data set."""
    out: Windows | None = None
    for folder in folders:
        people = people_of(folder) - (TEST if out is None else 0)
        more = cut(folder, range(people), SESSIONS, window_s, starts_s, lambda _: None, seen)
        out = more if out is None else out.and_of(more)
    assert out is not None
    return out


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", help="data sets of `faceedge simulate`")
    parser.add_argument("--folds", type=int, default=4)
    args = parser.parse_args()
    whole = windows_of(args.folders, 5.0, FIT_S, None)
    people = len(whole.nose_m)
    folds = np.array_split(np.random.default_rng(0).permutation(people), args.folds)
    print(f"{people} people, {args.folds} folds; at most {np.log2(len(folds[0])):.1f} bits\n")
    print("| Seen | AUROC | Information, bits |\n| --- | --- | --- |")

    def row(name: str, fitted: Windows, probing: Windows, *more: Any) -> None:
        print(f"| {name} | {figures(fitted, probing, folds, *more)} |", flush=True)

    def probes(windows: Windows) -> Windows:
        return dataclasses.replace(windows, curves=windows.curves[:, :, [0, 2]], edge_m=windows.edge_m[:, :, [0, 2]])

    row("all: 5.2 GHz, 3 receivers, 5 s", whole, probes(whole))
    row("the same, impostors alike in sex and glasses", whole, probes(whole), None, traits_of(args.folders))
    _, chirp, _ = read_looks(args.folders[0] / "p000" / "s0")
    for count in SAMPLES:
        part = windows_of(args.folders, 5.0, FIT_S, with_samples(count))
        row(f"{count / chirp.samples_per_chirp * chirp.sampled_bandwidth_hz / 1e9:.1f} GHz", part, probes(part))
    for name, places in (("receivers 1 and 3", (0, 2, 2)), ("receivers 2 and 3", (1, 2, 2)), ("receiver 1", (0, 0, 0))):
        part = windows_of(args.folders, 5.0, FIT_S, with_receivers(places))
        row(name, part, probes(part))
    row("2 s", whole, windows_of(args.folders, 2.0, (0.0, 4.0, 8.0), None))
    row("10 s", whole, windows_of(args.folders, 10.0, (0.0,), None))
    for most in (50, 100, 200, 400, 800):
        if most < people - len(folds[0]):
            row(f"{most} people in the fit", whole, probes(whole), most)


if __name__ == "__main__":
    main()
