"""Learns how a session's profile varies and how people differ: two covariances, no network and no torch.

    python -m faceedge.training.radar_continuity --looks LOOKS:0-199 LOOKS2:0-249 --out models

LOOKS are data sets of `faceedge simulate` with the chirp bgt60_face_looks, with the people of each that are used.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import yaml

from faceedge.perception.authentication.continuity import MODEL
from faceedge.perception.authentication.session_history import History
from faceedge.perception.authentication.session_profile import (
    FEATURES,
    LENGTHS_S,
    Compared,
    Profiler,
    SessionModel,
    features,
)
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.recordings import open_recording

FIRST_S = 1.0
EVERY_HOPS = 3
"""Comparisons overlap: every third one is learnt from."""
FOLD = 50
"""People are cross-fitted in turns of so many."""
Source = tuple[Path, range]


def source(text: str) -> Source:
    """FOLDER or FOLDER:FIRST-LAST."""
    folder, _, people = text.partition(":")
    first, _, last = people.partition("-")
    return Path(folder), range(int(first or 0), int(last or 999) + 1)


def half_of(person: int) -> int:
    """0 or 1: in which half of the cross-fitting a person is."""
    return person // FOLD % 2


def comparisons(profiler: Profiler, looks: np.ndarray, rate_hz: float) -> tuple[np.ndarray, list[list[Compared]]]:
    """Mean profile (`FEATURES`,) of a session, and for each of `LENGTHS_S` its comparisons."""
    moments = profiler.moments(looks, profiler.grid(profiler.front_m(looks[: round(FIRST_S * rate_hz)])))
    history, hops = History(rate_hz), 0
    found: list[list[Compared]] = [[] for _ in LENGTHS_S]
    for one in moments:
        if history.push(one):
            hops += 1
            if hops % EVERY_HOPS == 0:
                for part, compared in zip(found, map(history.compare, range(len(LENGTHS_S))), strict=True):
                    if compared is not None:
                        part.append(compared)
    return features(moments.mean(axis=0, dtype=np.float64)[np.newaxis])[0], found


def sessions_of(folder: Path, people: Iterable[int]) -> Iterator[tuple[np.ndarray, ChirpSettings]]:
    """(n, rx, sample) looks of each session of some people, and the chirp."""
    for person in people:
        for session in sorted(folder.glob(f"p{person:03d}/s*")):
            if session.suffix:
                continue
            chirp = open_recording(session / "radar").chirp
            cubes = np.load(session / "radar" / "radar.npy", mmap_mode="r")
            yield cubes.mean(axis=2, dtype=np.float32), chirp


def fit(sources: Sequence[Source], half: int | None = None) -> tuple[SessionModel, dict[str, int]]:
    """The model, and how much it was learnt from; of one half of the people alone if ``half`` is given."""
    within: list[list[Compared]] = [[] for _ in LENGTHS_S]
    means, variances = [], []
    profiler: Profiler | None = None
    for folder, people in sources:
        for looks, chirp in sessions_of(folder, [p for p in people if half in (None, half_of(p))]):
            profiler = profiler or Profiler(chirp)
            mean, found = comparisons(profiler, looks, chirp.frame_rate_hz)
            if not all(found):
                continue
            for part, more in zip(within, found, strict=True):
                part.extend(more)
            means.append(mean)
            variances.append(found[1][-1].log_variance)
            used = chirp
    if profiler is None:
        raise SystemExit("there are no sessions; make them with faceedge simulate.")
    stacked = [
        Compared(np.stack([c.difference_db for c in part]), np.stack([c.log_variance for c in part])) for part in within
    ]
    counts = {"sessions": len(means), "comparisons": sum(map(len, within))}
    return SessionModel.fit(stacked, np.stack(means), np.stack(variances), used), counts


def write(model: SessionModel, out: Path, counts: dict[str, int], metrics: object) -> None:
    """The file and its card."""
    path = out / f"{MODEL}.npz"
    model.save(path)
    card = {
        "name": MODEL,
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "task": "Whether the second that a near-face radar has just seen is of the same person as the session's first.",
        "licence": "Apache-2.0",
        "source": "Computed by the faceedge authors from synthetic people.",
        "input": f"Profile of looks ({FEATURES},) dB; faceedge/perception/authentication/session_profile.py.",
        "output": "Log likelihood ratio of another person over the same one, nats.",
        "chirp": dict(
            zip(("start_frequency_hz", "end_frequency_hz", "samples_per_chirp", "receivers"), model.chirp, strict=True)
        ),
        "training": {
            "data": "Synthetic: faceedge simulate looks --people 300 --sessions 4 --seconds 10 --sensors radar "
            "--chirp bgt60_face_looks --seed 100, people 0 to 199; and looks2, --people 500 --seed 101, "
            "people 0 to 249",
            "terms": "None: nobody was recorded.",
            "command": "python -m faceedge.training.radar_continuity --looks looks:0-199 looks2:0-249 --out models",
            "seed": "0, for the pairs of people",
            "counts": counts,
        },
        "metrics": metrics,
        "float_against_int8": f"Float alone: {FEATURES} x {FEATURES} numbers, four products four times a second.",
        "size_bytes": path.stat().st_size,
        "time_ms": {"a frame, x86-64 server core, NumPy": "see docs/radar_continuity.md"},
        "limits": "Synthetic people only, who sit, talk, turn their heads and shift by millimetres to centimetres. "
        "Real people lean and roll their chairs, which ends a session. Never tested on real recordings.",
    }
    (out / f"{MODEL}.yaml").write_text(yaml.safe_dump(card, sort_keys=False, width=118), encoding="utf-8")


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--looks", type=source, nargs="+", required=True, help="FOLDER or FOLDER:FIRST-LAST")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    model, counts = fit(args.looks)
    write(model, args.out, counts, {"see": "docs/radar_continuity.md"})
    print(counts, model.between.round(1)[:12])


if __name__ == "__main__":
    main()
