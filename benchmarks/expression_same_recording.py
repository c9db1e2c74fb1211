"""What the protocol of random frames is worth: expressions within recordings by the nearest frame, nothing learnt.

python benchmarks/expression_same_recording.py --data enrolled

With --wrong every act is moved by half of the recording, so that the labels say nothing of the face.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from faceedge.perception.radar_expression import LEAVES
from faceedge.perception.radar_expression_features import EchoTransform
from faceedge.radar.face_frames import LOOK_CHIRPS
from faceedge.radar.recordings import open_recording

RANGES = slice(2, 34)
LAG_FRAMES = 4
"""Of 50 ms between looks: three looks take 0.4 s."""
KNOWN = 0.9
DB_SCALE = 6.0


def look_features(path: Path) -> np.ndarray:
    """(frame, feature) of a recording: power by range in dB, and receivers against each other."""
    recording = open_recording(path)
    transform = EchoTransform(recording.chirp)
    looks = np.load(path / "radar.npy", mmap_mode="r")[:, :, :LOOK_CHIRPS].astype(np.float32).mean(axis=2)
    echoes = np.stack([transform(look, np.zeros_like(look))[0] for look in looks])[:, :, RANGES]
    parts = [20 * np.log10(np.abs(echoes) + 0.3) / DB_SCALE]
    for other in (1, 2):
        product = echoes[:, :1] * echoes[:, other : other + 1].conj()
        parts += [product.real / (np.abs(product) + 1), product.imag / (np.abs(product) + 1)]
    return np.concatenate([part.reshape(len(looks), -1) for part in parts], axis=1)


def person_frames(folder: Path, looks: int, wrong: bool) -> tuple[np.ndarray, np.ndarray]:
    """Features and leaves of all frames within acts, of all sessions of one person."""
    rows, leaves = [], []
    lags = [LAG_FRAMES * step for step in reversed(range(looks))]
    for session in sorted(path for path in folder.glob("s*") if not path.suffix):
        facts = json.loads((session / "session.json").read_text(encoding="utf-8"))
        features = look_features(session / "radar")
        times_s = np.arange(len(features)) * facts["chirp"]["frame_period_s"]
        if wrong:
            times_s = np.roll(times_s, len(times_s) // 2)
        for act in facts["acts"]:
            within = (times_s >= act["start_s"]) & (times_s < act["stop_s"])
            for k in np.flatnonzero(within).tolist():
                rows.append(np.concatenate([features[max(0, k - lag)] for lag in lags]))
                leaves.append(LEAVES.index(act["expression"]))
    return np.array(rows, np.float32), np.array(leaves)


def main() -> None:
    """Print balanced accuracy with its interval over people."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--people", type=int, default=16)
    parser.add_argument("--looks", type=int, default=3, help="of a frame: this and those before it")
    parser.add_argument("--wrong", action="store_true", help="labels of another half of the recording")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    answers, truth, person = [], [], []
    for number, folder in enumerate(sorted(args.data.glob("p*"))[: args.people]):
        x, leaves = person_frames(folder, args.looks, args.wrong)
        known = rng.random(len(x)) < KNOWN
        distances = (x[known] ** 2).sum(axis=1) - 2 * x[~known] @ x[known].T
        answers.append(leaves[known][distances.argmin(axis=1)])
        truth.append(leaves[~known])
        person.append(np.full(len(truth[-1]), number))
    a, t, p = (np.concatenate(part) for part in (answers, truth, person))

    def balanced(rows: np.ndarray) -> float:
        return float(np.mean([np.mean(a[rows][t[rows] == leaf] == leaf) for leaf in range(len(LEAVES))]))

    draws = (rng.choice(len(answers), len(answers)) for _ in range(300))
    spread = [balanced(np.concatenate([np.flatnonzero(p == one) for one in drawn])) for drawn in draws]
    low, high = np.percentile(spread, (2.5, 97.5))
    overall = balanced(np.arange(len(t)))
    print(f"{len(t)} synthetic frames of {len(answers)} people: {overall:.3f} ({low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
