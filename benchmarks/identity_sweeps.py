"""Is a guided sweep of head angle and distance at enrolment worth more to recognition by radar than sitting still?

    faceedge simulate looks --people 300 --sessions 4 --seconds 10 --sensors radar --chirp bgt60_face_looks --seed 100
    faceedge simulate sweeps --people 300 --sessions 5 --seconds 40 --sensors radar --chirp bgt60_face_looks \
        --script sweep --seed 100
    .venv/cp311/bin/python benchmarks/identity_sweeps.py looks sweeps --fit 0 200 --test 200 240

Equal seeds are equal people. Of the sweeps session 4 alone is read: 0 to 3 have the clothes, pose and room of the
looks' sessions. The discriminants are fitted as `faceedge.training.radar_identity` does, with sweeps (of those people
who have one) as further windows of their people or without. *Centred*: the mean difference of sweeps and sitting, of
the people of the fit, is taken from each sweep. Each session of the looks is in turn the probe, with 5 s windows; all
other people are impostors. AUROC, mean over people, 95 % interval over people; chance is 0.5. Synthetic.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from faceedge.perception.identity.window_statistics import OFFSETS_M
from faceedge.perception.verification import Spread, auroc
from faceedge.training.radar_identity import (
    FACE_M,
    LinearModel,
    Windows,
    aligned_m,
    cut,
    discriminants,
    features_at,
    fit,
    standardised,
)

SESSIONS, SWEEP = range(4), (4,)
TRAINING_S, PROBES = (0.0, 3.0, 5.0), (0, 2)
SWEEP_S = tuple(np.arange(0.0, 35.1, 2.5).tolist())
WEIGHTS = (0, 1, 2)
"""As how many sessions the sweep counts beside natural ones."""
BEST = 3


def unit(vectors: np.ndarray) -> np.ndarray:
    """Of length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def features(windows: Windows, aligner: LinearModel) -> np.ndarray:
    """(person, session, window, feature) of the face alone, standardised."""
    used = np.tile(OFFSETS_M < FACE_M - 1e-9, len(aligner.mean) // len(OFFSETS_M))
    found = features_at(windows.curves, aligned_m(windows, aligner))
    return standardised(found, aligner.mean, aligner.spread)[..., used]


def figure(scores: np.ndarray) -> str:
    """Of scores (enrolled person, probing person, session, window)."""
    areas = [
        np.mean([auroc(one[person, session], np.delete(one[:, session], person, axis=0).ravel())
                 for session in range(scores.shape[2])])
        for person, one in enumerate(scores)
    ]  # fmt: skip
    spread = Spread.of(np.array(areas))
    return f"{spread.mean:.3f} ({spread.low:.3f} to {spread.high:.3f})"


def against_mean(natural: np.ndarray, sweep: np.ndarray, count: int, weight: int) -> np.ndarray:
    """Scores of each session against the mean of ``count`` others and the sweep."""
    out = []
    for probe in SESSIONS:
        rest = [session for session in SESSIONS if session != probe][:count]
        template = weight * unit(sweep.mean(axis=1))
        if count:
            template = template + count * unit(natural[:, rest].mean(axis=(1, 2)))
        out.append(np.einsum("pd,qwd->pqw", unit(template), natural[:, probe]))
    return np.stack(out, axis=2)


def against_best(natural: np.ndarray, sweep: np.ndarray, count: int) -> np.ndarray:
    """Scores of each window against the ``count`` windows of the sweep that are most alike."""
    cosines = np.einsum("pnd,qswd->pnqsw", sweep, natural, optimize=True)
    return np.asarray(np.sort(cosines, axis=1)[:, -count:].mean(axis=1))


def have_sweeps(folder: Path, people: range) -> list[int]:
    """Those of ``people`` whose sweep is there."""
    return [person for person in people if (folder / f"p{person:03d}" / f"s{SWEEP[0]}" / "session.json").is_file()]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("looks", type=Path)
    parser.add_argument("sweeps", type=Path)
    parser.add_argument("--fit", type=int, nargs=2, default=[0, 200], help="people: from, until before")
    parser.add_argument("--test", type=int, nargs=2, default=[200, 240], help="people: from, until before")
    args = parser.parse_args()
    known, unseen = range(*args.fit), have_sweeps(args.sweeps, range(*args.test))
    swept = have_sweeps(args.sweeps, known)
    print(f"fit: {len(known)} people, {len(swept)} of them with a sweep; test: {len(unseen)} people", flush=True)
    windows = cut(args.looks, known, SESSIONS, 5.0, TRAINING_S, print)
    aligner = fit(windows)
    seated = features(windows, aligner)
    moved = features(cut(args.sweeps, swept, SWEEP, 5.0, SWEEP_S, print), aligner)[:, 0]
    probes = features(cut(args.looks, unseen, SESSIONS, 5.0, TRAINING_S, print), aligner)[:, :, PROBES]
    sweeps = features(cut(args.sweeps, unseen, SWEEP, 5.0, SWEEP_S, print), aligner)[:, 0]
    places = [person - known.start for person in swept]
    apart = moved.mean(axis=(0, 1)) - seated[places].mean(axis=(0, 1, 2))
    for with_sweeps in (False, True):
        for centre in (False, True):
            shift = apart if centre else np.zeros_like(apart)
            rows = [seated.reshape(-1, seated.shape[-1])]
            people = [np.repeat(np.arange(len(known)), rows[0].shape[0] // len(known))]
            if with_sweeps:
                rows.append((moved - shift).reshape(-1, moved.shape[-1]))
                people.append(np.repeat(places, moved.shape[1]))
            middle, axes = discriminants(np.concatenate(rows), np.concatenate(people))
            natural, sweep = unit((probes - middle) @ axes), unit((sweeps - shift - middle) @ axes)
            print(f"\nsweeps in the fit: {with_sweeps}, centred: {centre}")
            print(f"  sweep alone, mean      {figure(against_mean(natural, sweep, 0, 1))}")
            print(f"  sweep alone, best      {figure(against_best(natural, sweep, 1))}")
            print(f"  sweep alone, best {BEST}    {figure(against_best(natural, sweep, BEST))}")
            for count in (1, 2, 3):
                for weight in WEIGHTS:
                    print(
                        f"  {count} sessions, {weight} x sweep  {figure(against_mean(natural, sweep, count, weight))}"
                    )


if __name__ == "__main__":
    main()
