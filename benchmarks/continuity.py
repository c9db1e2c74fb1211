"""How long until a swap or an absence is noticed, and how often a session ends without reason.

    python benchmarks/continuity_scenes.py stay SCENES --people 8    # and change, walk and train
    faceedge simulate looks --people 300 --sessions 4 --seconds 10 --sensors radar --chirp bgt60_face_looks --seed 100
    python benchmarks/continuity.py --scenes SCENES --looks looks [--recordings FOLDER ...] [--json FILE]

All data are synthetic. The threshold is chosen on the people of the looks from whom the model is learnt (0 to 199),
each half of them judged by a model of the other half (``--development FOLDER`` of the scenes for training). The other
figures are of other people: scenes, recordings, and the looks of people 200 to 299.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from faceedge.perception.authentication.continuity import Continuity, ContinuitySettings
from faceedge.perception.authentication.freshness import Freshness
from faceedge.perception.authentication.sequential import excursions, fit_tail, most_per_hour
from faceedge.perception.authentication.session_profile import SessionModel
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.chirp_files import find_chirp_file, load_chirp_file
from faceedge.radar.face_frames import LOOK_CHIRPS, FaceFrame
from faceedge.radar.recordings import open_recording
from faceedge.training.radar_continuity import fit

CHIRP = load_chirp_file(find_chirp_file("bgt60_face_full_band")).chirp
LEARNT, FOLD, TEST = range(200), 50, range(200, 300)
BEFORE_S = 10.0
KINDS = ("walk", "slide", "leave", "splice_apart", "splice")
WITHIN_S, PER_HOUR = 3.0, 1.0
TAIL_SHARE = 0.5
SEED, DRAWS = 0, 2000


def frames(looks: np.ndarray, chirp: ChirpSettings) -> Iterator[FaceFrame]:
    """As `FaceFrames` gives them."""
    for index, look in enumerate(looks):
        yield FaceFrame(index, round(index * chirp.frame_period_s * 1e9), None, look, 0.0, False)


def increments(looks: np.ndarray, chirp: ChirpSettings, model: SessionModel | None = None) -> np.ndarray:
    """(n, 2) time in s and evidence in nats of each comparison, without an end to the session."""
    continuity = Continuity(chirp, ContinuitySettings(threshold=math.inf), model)
    continuity.start()
    found = []
    for frame in frames(looks, chirp):
        continuity.push(frame)
        if continuity.increment is not None:
            found.append((frame.stamp_ns / 1e9, continuity.increment))
    return np.array(found).reshape(-1, 2)


def sessions(folder: Path, people: Iterable[int]) -> Iterator[tuple[np.ndarray, ChirpSettings]]:
    """Looks and chirp of each whole session of some people."""
    for person in people:
        for session in sorted(folder.glob(f"p{person:03d}/s*")):
            if not session.suffix and (session / "radar" / "radar.npy").exists():
                cubes = np.load(session / "radar" / "radar.npy", mmap_mode="r")
                looks = cubes[:, :, :LOOK_CHIRPS].mean(axis=2, dtype=np.float32)
                yield looks, open_recording(session / "radar").chirp


class Genuine:
    """What was observed of people who stay."""

    def __init__(self, name: str, model: SessionModel | None = None) -> None:
        self.model = model
        self.name, self.hours, self.recordings = name, 0.0, 0
        self.heights: list[float] = []

    def add(self, looks: np.ndarray, chirp: ChirpSettings) -> None:
        """One recording; the first second teaches and is not counted."""
        found = increments(looks, chirp, self.model)
        if not len(found):
            return
        self.recordings += 1
        self.hours += (len(looks) * chirp.frame_period_s - 1.0) / 3600
        self.heights.extend(excursions(found[:, 1]).tolist())

    def figures(self, threshold: float) -> dict[str, object]:
        """Alarms, bounds, and the largest excursions."""
        heights = np.sort(self.heights)[::-1]
        alarms = int((heights >= threshold).sum())
        figures: dict[str, object] = {
            "recordings": self.recordings,
            "hours": round(self.hours, 3),
            "alarms": alarms,
            "at most per hour (95 %)": round(most_per_hour(alarms, self.hours), 2) if self.hours else math.inf,
            "largest": [round(float(height), 1) for height in heights[:6]],
        }
        if len(heights) > 10:
            tail = fit_tail(heights, self.hours, TAIL_SHARE)
            figures["extrapolated per hour"] = round(tail.per_hour(threshold), 3)
            figures["tail"] = [round(tail.start, 2), round(tail.scale, 2), tail.count]
            figures["threshold for one per hour"] = round(tail.threshold(PER_HOUR), 1)
        return figures


def delay_s(looks: np.ndarray, start_s: float, threshold: float) -> float:
    """From the change until enough evidence, the sum going on from before; inf: never."""
    total = 0.0
    for time_s, increment in increments(looks, CHIRP):
        total = max(0.0, total + increment)
        if total >= threshold and time_s >= start_s:
            return float(time_s) - start_s
    return math.inf


def spread(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of a mean by bootstrap over scenes, each of which has its own two people."""
    drawn = np.random.default_rng(SEED).integers(0, len(values), (DRAWS, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), (2.5, 97.5))
    return round(float(low), 2), round(float(high), 2)


def changes(folder: Path, threshold: float) -> dict[str, object]:
    """Delays by kind of change."""
    paths = sorted(folder.glob("change_*.npz"))
    out: dict[str, object] = {}
    first = round(BEFORE_S * CHIRP.frame_rate_hz)
    for kind in KINDS:
        delays = []
        for path in paths:
            scene = dict(np.load(path))
            walk = path.with_name(path.name.replace("change", "walk"))
            scene |= dict(np.load(walk)) if walk.exists() else {}
            if kind not in scene:
                continue
            looks = np.concatenate([scene["before"][-first:], scene[kind]])
            delays.append(delay_s(looks, BEFORE_S, threshold))
        found = np.array(delays)
        if not len(found):
            continue
        out[kind] = {
            "scenes": len(found),
            f"within {WITHIN_S:g} s": round(float((found <= WITHIN_S).mean()), 3),
            "95 % over scenes": spread(found <= WITHIN_S),
            "median s": round(float(np.median(found)), 2),
            "90 % s": round(float(np.sort(found)[math.ceil(0.9 * len(found)) - 1]), 2),
            "longest s": round(float(found.max()), 2),
            "never": int(np.isinf(found).sum()),
        }
    return out


def cost_ms(looks: np.ndarray) -> tuple[float, float]:
    """p50 and p99 of freshness and continuity, of a frame."""
    continuity, freshness = Continuity(CHIRP), Freshness(CHIRP)
    continuity.start()
    times = []
    for frame in frames(looks, CHIRP):
        start = time.perf_counter()
        freshness.push(frame)
        continuity.push(frame)
        times.append(1e3 * (time.perf_counter() - start))
    p50, p99 = np.percentile(times, (50, 99))
    return round(float(p50), 3), round(float(p99), 3)


def measure(args: argparse.Namespace) -> dict[str, object]:
    """All figures."""
    threshold = args.threshold
    development, looks = Genuine("development, 10 Hz"), Genuine("looks of test people, 10 Hz")
    if args.looks is not None:
        for found, chirp in sessions(args.looks, TEST):
            looks.add(found, chirp)
        if args.development is not None:
            folds = [[person for person in LEARNT if person // FOLD % 2 == half] for half in (0, 1)]
            for learnt, judged in (folds, folds[::-1]):
                development.model = fit(args.looks, args.development, learnt)[0]
                for found, chirp in sessions(args.looks, judged):
                    development.add(found, chirp)
    by_script: dict[str, Genuine] = {}
    for path in (*sorted(args.scenes.glob("stay_*.npz")), *sorted(args.scenes.glob("change_*.npz"))):
        scene = np.load(path)
        name = f"scenes, {scene['script']}"
        genuine = by_script.setdefault(name, Genuine(name))
        genuine.add(scene["looks" if "looks" in scene else "before"], CHIRP)
    recorded = Genuine("recordings of whole frames, 20 Hz")
    for folder in args.recordings:
        for found, chirp in sessions(folder, range(1000)):
            recorded.add(found, chirp)
    tested = Genuine("all test people")
    for part in (looks, recorded, *by_script.values()):
        tested.hours += part.hours
        tested.recordings += part.recordings
        tested.heights += part.heights
    parts = (development, looks, *by_script.values(), recorded, tested)
    one = np.load(min(args.scenes.glob("change_*.npz")))
    return {
        "threshold nats": threshold,
        "genuine": {part.name: part.figures(threshold) for part in parts if part.hours},
        "changes": changes(args.scenes, threshold),
        "ms a frame, p50 and p99": cost_ms(one["before"]),
        "settings": dataclasses.asdict(ContinuitySettings()),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=Path, required=True)
    parser.add_argument("--looks", type=Path)
    parser.add_argument("--development", type=Path, help="folder of the scenes for training: judge the threshold, too")
    parser.add_argument("--recordings", type=Path, nargs="*", default=[])
    parser.add_argument("--threshold", type=float, default=ContinuitySettings().threshold)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    text = json.dumps(measure(args), indent=1)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
