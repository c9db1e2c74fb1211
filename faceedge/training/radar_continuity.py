"""Learns how a session's profile varies and how people differ: two covariances, no network and no torch.

    python -m faceedge.training.radar_continuity --looks LOOKS --stay FOLDER --out models

LOOKS is a data set of `faceedge simulate` with the chirp bgt60_face_looks, of whose people the first 200 are used;
FOLDER holds what ``benchmarks/continuity_scenes.py train`` made: people of other seeds who talk and turn to a call.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import yaml

from faceedge.perception.authentication.continuity import MODEL
from faceedge.perception.authentication.session_profile import FEATURES, Profiler, SessionModel, features
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.recordings import open_recording

WINDOW_S = 1.0
TRAINING_PEOPLE = 200
STAY_SHARE = 0.5
"""Weight of the people who stay in W; the rest is that of the looks' sessions, which are ten seconds of expressions."""
RATE_HZ = 20.0


def windows(profiler: Profiler, looks: np.ndarray, count: int) -> np.ndarray:
    """(window, `FEATURES`) dB of windows of ``count`` looks about the front in the first one."""
    moments = profiler.moments(looks, profiler.grid(profiler.front_m(looks[:count])))
    whole = len(moments) // count
    return features(moments[: whole * count].reshape(whole, count, FEATURES).mean(axis=1))


def scattered(found: np.ndarray) -> np.ndarray:
    """Windows about their own mean, with the variance that they have about the true one."""
    spread: np.ndarray = (found - found.mean(axis=0)) * np.sqrt(len(found) / max(len(found) - 1, 1))
    return spread


def sessions_of(folder: Path, people: Iterable[int]) -> Iterator[tuple[np.ndarray, ChirpSettings]]:
    """(n, rx, sample) looks of each session of some people, and the chirp."""
    for person in people:
        for session in sorted(folder.glob(f"p{person:03d}/s*")):
            if session.suffix:
                continue
            chirp = open_recording(session / "radar").chirp
            cubes = np.load(session / "radar" / "radar.npy", mmap_mode="r")
            yield cubes.mean(axis=2, dtype=np.float32), chirp


def fit(looks: Path, stay: Path, people: Iterable[int] = range(TRAINING_PEOPLE)) -> tuple[SessionModel, dict[str, int]]:
    """The model, and how much it was learnt from."""
    within, means = [], []
    profiler: Profiler | None = None
    for found, chirp in sessions_of(looks, people):
        profiler = profiler or Profiler(chirp)
        profile = windows(profiler, found, round(WINDOW_S * chirp.frame_rate_hz))
        within.append(scattered(profile))
        means.append(profile.mean(axis=0))
        used = chirp
    if profiler is None:
        raise SystemExit(f"{looks} holds no sessions; make them with faceedge simulate.")
    moved = [
        scattered(windows(profiler, np.load(path)["looks"], round(WINDOW_S * RATE_HZ)))
        for path in sorted(stay.glob("*.npz"))
    ]
    parts = [np.concatenate(within)]
    counts = {"sessions": len(means), "windows": len(parts[0]), "windows of people who stay": sum(map(len, moved))}
    if moved:
        other = np.concatenate(moved)
        parts = [
            np.sqrt(share * (len(parts[0]) + len(other)) / len(part)) * part
            for share, part in ((1 - STAY_SHARE, parts[0]), (STAY_SHARE, other))
        ]
    return SessionModel.fit(np.concatenate(parts), means, used), counts


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
            f"--chirp bgt60_face_looks --seed 100, people 0 to {TRAINING_PEOPLE - 1}; and "
            "benchmarks/continuity_scenes.py train FOLDER --people 6 --seconds 25",
            "terms": "None: nobody was recorded.",
            "command": "python -m faceedge.training.radar_continuity --looks LOOKS --stay FOLDER --out models",
            "seed": "none: closed form",
            "counts": counts,
        },
        "metrics": metrics,
        "float_against_int8": f"Float alone: {FEATURES} x {FEATURES} numbers, one product four times a second.",
        "size_bytes": path.stat().st_size,
        "time_ms": {"a frame, x86-64 server core, NumPy": "see docs/radar_continuity.md"},
        "limits": "Synthetic people only, who sit, talk, turn their heads and shift by millimetres to centimetres. "
        "Real people lean and roll their chairs, which ends a session. Never tested on real recordings.",
    }
    (out / f"{MODEL}.yaml").write_text(yaml.safe_dump(card, sort_keys=False, width=118), encoding="utf-8")


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--looks", type=Path, required=True)
    parser.add_argument("--stay", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    model, counts = fit(args.looks, args.stay)
    write(model, args.out, counts, {"see": "docs/radar_continuity.md"})
    print(counts, model.between.round(1)[:12])


if __name__ == "__main__":
    main()
