"""How long until a swap or an absence is noticed, and how often a session ends without reason.

    python benchmarks/continuity_scenes.py stay SCENES --people 25 --seconds 300     # and change, walk, push: 40 pairs
    faceedge simulate looks --people 300 --sessions 4 --seconds 10 --sensors radar --chirp bgt60_face_looks --seed 100
    faceedge simulate looks2 --people 500 (the same otherwise) --seed 101
    python benchmarks/continuity.py --scenes SCENES --learnt looks:0-199 looks2:0-249 \
        --test looks:200-299 looks2:250-499 [MORE ...] [--development MORE ...] [--json FILE]

All data are synthetic. Development: the people from whom the model is learnt, each half of them judged by a model of
the other half, and the first scenes (`TEST_CHANGES`, `TEST_STAYS` say where those for the test begin).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from faceedge.perception.authentication.continuity import Continuity, ContinuitySettings
from faceedge.perception.authentication.freshness import Freshness
from faceedge.perception.authentication.sequential import fit_tail, most_per_hour
from faceedge.perception.authentication.session_profile import SessionModel
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.chirp_files import find_chirp_file, load_chirp_file
from faceedge.radar.face_frames import LOOK_CHIRPS, FaceFrame
from faceedge.radar.recordings import open_recording
from faceedge.training.radar_continuity import Source, fit, half_of, source

CHIRP = load_chirp_file(find_chirp_file("bgt60_face_full_band")).chirp
TEST_CHANGES, TEST_STAYS = 20, 6
"""From these people on scenes are for the test."""
UNWATCHED_S = 2.5
"""At the beginning of a recording, in which nothing can be compared yet; not counted."""
BLOCK_S = 10.0
BEFORE_S = 10.0
KINDS = ("leave", "walk", "push", "slide", "splice_apart", "splice")
WITHIN_S, PER_HOUR = 3.0, 1.0
TAIL_SHARE = 0.05
SEED, DRAWS = 0, 2000


def frames(looks: np.ndarray, chirp: ChirpSettings) -> Iterator[FaceFrame]:
    """As `FaceFrames` gives them."""
    for index, look in enumerate(looks):
        yield FaceFrame(index, round(index * chirp.frame_period_s * 1e9), None, look, 0.0, False)


def sessions(folder: Path, people: Iterable[int]) -> Iterator[tuple[int, np.ndarray, ChirpSettings]]:
    """Person, looks and chirp of each whole session of some people."""
    for person in people:
        for session in sorted(folder.glob(f"p{person:03d}/s*")):
            if not session.suffix and (session / "radar" / "radar.npy").exists():
                cubes = np.load(session / "radar" / "radar.npy", mmap_mode="r")
                looks = cubes[:, :, :LOOK_CHIRPS].mean(axis=2, dtype=np.float32)
                yield person, looks, open_recording(session / "radar").chirp


class Genuine:
    """What was observed of people who stay: a session is begun anew after each alarm."""

    def __init__(self) -> None:
        self.hours, self.recordings = 0.0, 0
        self.alarms: list[str] = []
        self.scores: list[float] = []
        self.movement_db: list[float] = []

    def add(self, looks: np.ndarray, chirp: ChirpSettings, model: SessionModel | None = None) -> None:
        """One recording."""
        continuity = Continuity(chirp, None, model)
        continuity.start()
        self.recordings += 1
        self.hours += (len(looks) * chirp.frame_period_s - UNWATCHED_S) / 3600
        scores: dict[int, list[float]] = {}
        moved: dict[int, list[float]] = {}
        for frame in frames(looks, chirp):
            state = continuity.push(frame)
            block = int(frame.stamp_ns / 1e9 / BLOCK_S)
            moved.setdefault(block, []).append(continuity.movement_db)
            if continuity.score is not None:
                scores.setdefault(block, []).append(continuity.score)
            if not state.same:
                self.alarms.append(" ".join(state.reason.split()[:2]))
                continuity.start()
        self.scores += [max(part) for part in scores.values()]
        self.movement_db += [max(part) for part in moved.values()]

    def __iadd__(self, other: Genuine) -> Genuine:
        self.hours += other.hours
        self.recordings += other.recordings
        self.alarms += other.alarms
        self.scores += other.scores
        self.movement_db += other.movement_db
        return self

    def figures(self) -> dict[str, object]:
        """Alarms, bounds, and the largest scores of ten seconds."""
        alarms, scores = len(self.alarms), np.array(self.scores)
        figures: dict[str, object] = {
            "recordings": self.recordings,
            "hours": round(self.hours, 2),
            "alarms": alarms,
            "by reason": dict(Counter(self.alarms)),
            "an hour": round(alarms / self.hours, 2),
            "at most an hour (95 %)": round(most_per_hour(alarms, self.hours), 2),
            "largest scores": np.sort(scores)[::-1][:6].round(1).tolist(),
            "largest movement dB": np.sort(self.movement_db)[::-1][:6].round(2).tolist(),
        }
        if len(scores) > 100:
            tail = fit_tail(scores, self.hours, TAIL_SHARE)
            figures["threshold for 0.2 an hour, tail extrapolated"] = round(tail.threshold(0.2), 1)
        return figures


def delay_s(looks: np.ndarray) -> float:
    """From the change until the session ends; inf: never. An alarm before it begins another session."""
    continuity = Continuity(CHIRP)
    continuity.start()
    for frame in frames(looks, CHIRP):
        if not continuity.push(frame).same:
            after_s = frame.stamp_ns / 1e9 - BEFORE_S
            if after_s >= 0:
                return after_s
            continuity.start()
    return math.inf


def spread(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of a mean by bootstrap over scenes, each of which has its own two people."""
    drawn = np.random.default_rng(SEED).integers(0, len(values), (DRAWS, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), (2.5, 97.5))
    return round(float(low), 2), round(float(high), 2)


def changes(paths: Sequence[Path]) -> dict[str, object]:
    """Delays by kind of change."""
    delays: dict[str, list[float]] = {kind: [] for kind in KINDS}
    first = round(BEFORE_S * CHIRP.frame_rate_hz)
    for path in paths:
        scene = dict(np.load(path))
        for other in ("walk", "push"):
            more = path.with_name(path.name.replace("change", other))
            scene |= dict(np.load(more)) if more.exists() else {}
        for kind in KINDS:
            if kind in scene:
                # The scene of a push shows both before the push, too.
                before = scene["before"][-first:] if kind != "push" else scene[kind][:0]
                delays[kind].append(delay_s(np.concatenate([before, scene[kind]])))
    out: dict[str, object] = {}
    for kind, found in ((kind, np.array(part)) for kind, part in delays.items() if part):
        out[kind] = {
            "scenes": len(found),
            f"within {WITHIN_S:g} s": int((found <= WITHIN_S).sum()),
            "95 % over scenes": spread(found <= WITHIN_S),
            "median s": round(float(np.median(found)), 2),
            "90 % s": round(float(np.sort(found)[math.ceil(0.9 * len(found)) - 1]), 2),
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


def number(path: Path) -> int:
    """Of the person in a scene's name."""
    return int(path.stem.split("_")[1])


def measure(args: argparse.Namespace) -> dict[str, object]:
    """All figures."""
    out: dict[str, object] = {"settings": dataclasses.asdict(ContinuitySettings())}
    both = {"development": Genuine(), "test": Genuine()}
    genuine: dict[str, object] = {}

    def add(name: str, part: str, found: Genuine) -> None:
        if found.recordings:
            both[part] += found
            genuine[f"{part}: {name}"] = found.figures()

    models = {half: fit(args.learnt, 1 - half)[0] for half in (0, 1)} if args.learnt else {}
    for part, sources in (("learnt", args.learnt), ("development", args.development), ("test", args.test)):
        for folder, people in sources:
            found = Genuine()
            for person, looks, chirp in sessions(folder, people):
                found.add(looks, chirp, models[half_of(person)] if part == "learnt" else None)
            add(f"{folder.name} {people.start}-{people.stop - 1}", "test" if part == "test" else "development", found)
    stays, pairs = sorted(args.scenes.glob("stay_*.npz")), sorted(args.scenes.glob("change_*.npz"))
    for part in both:
        found = Genuine()
        for path in (*stays, *pairs):
            first = TEST_STAYS if path in stays else TEST_CHANGES
            if (number(path) >= first) == (part == "test"):
                scene = np.load(path)
                found.add(scene["looks" if "looks" in scene else "before"], CHIRP)
        add("people who stay, 20 Hz", part, found)
        out[f"changes, {part}"] = changes(
            [path for path in pairs if (number(path) >= TEST_CHANGES) == (part == "test")]
        )
    out["genuine"] = genuine | {f"{part}: all": found.figures() for part, found in both.items() if found.hours}
    out["ms a frame, p50 and p99"] = cost_ms(np.load(pairs[0])["before"])
    return out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=Path, required=True)
    no: list[Source] = []
    parser.add_argument("--learnt", type=source, nargs="*", default=no, help="FOLDER:FIRST-LAST, cross-fitted")
    parser.add_argument("--development", type=source, nargs="*", default=no)
    parser.add_argument("--test", type=source, nargs="*", default=no)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    text = json.dumps(measure(args), indent=1)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
