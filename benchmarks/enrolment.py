r"""What thresholds and the duplicate check of an enrolment are worth on a new day, with the shipped model.

    faceedge simulate enrolled --people 20 --sessions 4 --seconds 20 --sensors radar --chirp bgt60_face_full_band \
        --seed 1
    faceedge simulate looks --people 300 --sessions 4 --seconds 10 --sensors radar --chirp bgt60_face_looks --seed 100
    python benchmarks/enrolment.py enrolled looks --strangers-from 240

Each person is enrolled by sittings 0 and 1, with the threshold from sitting 2, and comes back in sitting 3. Strangers
are people that no model was trained on. All data are synthetic; nothing is chosen here.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from faceedge.perception.enrolment.duplicates import Enrolled, find_duplicates
from faceedge.perception.enrolment.enrolment import mean_embedding
from faceedge.perception.enrolment.threshold import LEAST_VALUE, threshold_of
from faceedge.perception.identity.embedding import IdentityEmbedder
from faceedge.perception.templates.polyprotect import Key, draw_key, protect, similarity
from faceedge.perception.verification import Spread, auroc
from faceedge.radar.face_frames import LOOK_CHIRPS
from faceedge.radar.recordings import open_recording

SITTINGS = 4


def embeddings(folder: Path) -> np.ndarray:
    """(n, d) of the windows of a session."""
    recording = open_recording(folder / "radar")
    embedder = IdentityEmbedder(recording.chirp)
    found = []
    for cube, stamp_ns in zip(recording.cubes, recording.stamps_ns.tolist(), strict=True):
        embedding = embedder.push(cube[:, :LOOK_CHIRPS].mean(axis=1, dtype=np.float32), stamp_ns)
        if embedding is not None:
            found.append(embedding.vector)
    return np.stack(found)


def people(root: Path, sittings: int, first: int = 0) -> Iterator[list[np.ndarray]]:
    """Of each person from ``first`` on whose sittings are complete."""
    for person in sorted(root.glob("p*"))[first:]:
        sessions = [person / f"s{number}" for number in range(sittings)]
        if all((session / "radar" / "radar.npy").is_file() for session in sessions):
            yield [embeddings(session) for session in sessions]


def words(values: list[float]) -> str:
    """A mean with its interval over people."""
    spread = Spread.of(values)
    return f"{spread.mean:.3f} ({spread.low:.3f} to {spread.high:.3f}; {spread.people} people)"


def scores(sitting: np.ndarray, key: Key, template: np.ndarray) -> np.ndarray:
    """(n,) similarities."""
    return np.asarray(similarity(protect(sitting, key), template))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("enrolled", type=Path)
    parser.add_argument("strangers", type=Path)
    parser.add_argument("--strangers-from", type=int, default=0, metavar="N", help="the first of them in the data set")
    args = parser.parse_args()
    known, strangers = list(people(args.enrolled, SITTINGS)), list(people(args.strangers, 2, args.strangers_from))
    rows: dict[str, list[float]] = {}

    def add(name: str, value: float | np.floating | bool) -> None:
        rows.setdefault(name, []).append(float(value))

    for number, sittings in enumerate(known):
        key = draw_key()
        template = protect(mean_embedding(sittings[:2]), key)
        threshold = threshold_of([scores(sittings[2], key, template)], least=-1.0)
        add("enrolment refused for its threshold", threshold.value <= LEAST_VALUE)
        own = scores(sittings[3], key, template)
        theirs = [np.concatenate([scores(each, key, template) for each in stranger]) for stranger in strangers]
        for group in ("everybody", "not refused")[: 2 if threshold.value > LEAST_VALUE else 1]:
            add(f"{group}: AUROC, sitting 3 against strangers (chance 0.5)", auroc(own, np.concatenate(theirs)))
            add(f"{group}: own decisions of sitting 3 accepted", np.mean(own >= threshold.value))
            add(f"{group}: strangers' decisions accepted", np.mean([np.mean(s >= threshold.value) for s in theirs]))
        mean = mean_embedding(sittings[:2])
        raw = np.concatenate([np.concatenate(stranger) @ mean for stranger in strangers])
        add("everybody: AUROC of the same without protection", auroc(sittings[3] @ mean, raw))
        entry = [Enrolled("", template, threshold.usual, key)]
        add("the same person by sitting 3 found as a duplicate", bool(find_duplicates(sittings[3:], entry)))
        others = strangers + [other[:2] for index, other in enumerate(known) if index != number]
        add("strangers by 2 sittings taken for a duplicate", np.mean([bool(find_duplicates(o, entry)) for o in others]))
    print(f"{len(known)} synthetic people enrolled, {len(strangers)} synthetic strangers")
    for name, values in rows.items():
        print(f"  {name:64} {words(values)}")


if __name__ == "__main__":
    main()
