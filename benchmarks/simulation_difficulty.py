"""How hard the synthetic radar data is: who is there, by plain baselines, within a recording and across sessions.

Each person in turn is enrolled and everybody else is an impostor. A baseline is the distance to the nearest of the
enrolled frames, in one of three pictures of a frame; nothing is learned. *Same recording* enrols the first part of a
recording and probes its last part, after a gap. *Session-disjoint* enrols the first session and probes the last one.
Impostors' frames are of the probed session, so the number of seconds since enrolment tells nothing. Figures far above
chance across sessions would mean that something else than the face identifies a recording. With few people it happens
that theirs sit as far away again as before: each figure across sessions comes with its spread over people that are
permuted between the sessions, and with what the true distances alone would give.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import track
from rows import Row

from faceedge.cli.main import main as faceedge
from faceedge.perception.verification import Spread, auroc, fpr_at_tpr
from faceedge.radar.range_doppler import MicroRangeDoppler, RangeDoppler
from faceedge.radar.recordings import Recording, open_recording

FARTHEST_M = 0.8
"""Range bins beyond are left out: nothing but the room is there."""
ENROLLED_PART, PROBED_PART = 0.5, 0.6
"""Of a recording: enrolled up to the one, probed from the other on, so that no two frames are neighbours."""
STEP = 2
"""Every second frame is looked at."""
SECONDS, SESSIONS = 20, 3
CHIRPS = ("bgt60_face_food", "bgt60_face_full_band")
PERMUTATIONS = 1000
FLOOR_COUNTS = 0.1
"""Added before the logarithm, far below the noise."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Of the frames of one recording: each (frame, feature) float32 of length 1."""

    range_profile: np.ndarray
    range_doppler: np.ndarray
    micro_range_doppler: np.ndarray


def pictures(recording: Recording) -> Pictures:
    """The three pictures of every second frame."""
    chirp = recording.chirp
    full, moving = RangeDoppler(chirp, mti=False), RangeDoppler(chirp)
    micro = MicroRangeDoppler(chirp)
    bins = int(np.searchsorted(full.range_axis_m, FARTHEST_M))
    rows: list[tuple[np.ndarray, ...]] = []
    for index in range(len(recording.stamps_ns)):
        cube = recording.cube(index)
        doppler = moving(cube).copy()
        slow = micro.push(moving.range_spectrum, index)
        if slow is None or index % STEP:
            continue
        still = full(cube)
        rows.append((still[:bins, still.shape[1] // 2].copy(), doppler[:bins], slow[:bins].copy()))
    return Pictures(*(np.stack([_unit(row[kind]) for row in rows]) for kind in range(3)))


def _unit(image: np.ndarray) -> np.ndarray:
    """Logarithm, without its mean, of length 1."""
    flat = np.log(image.ravel() + FLOOR_COUNTS)
    flat -= flat.mean()
    return np.asarray(flat / np.linalg.norm(flat), np.float32)


def nearest(enrolled: np.ndarray, probes: np.ndarray) -> np.ndarray:
    """(probe,) similarity to the nearest enrolled frame."""
    return np.asarray((probes @ enrolled.T).max(axis=1))


Split = Callable[[list[list[np.ndarray]], int], tuple[np.ndarray, np.ndarray, np.ndarray]]


def same_recording(frames: list[list[np.ndarray]], person: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Enrolled frames, the person's probes and the impostors', all of the first sessions."""
    count = len(frames[person][0])
    last = [each[0][int(PROBED_PART * len(each[0])) :] for each in frames]
    others = np.concatenate([part for index, part in enumerate(last) if index != person])
    return frames[person][0][: int(ENROLLED_PART * count)], last[person], others


def session_disjoint(frames: list[list[np.ndarray]], person: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Enrolled frames of the first session, probes of the last ones."""
    others = np.concatenate([each[-1] for index, each in enumerate(frames) if index != person])
    return frames[person][0], frames[person][-1], others


SPLITS: dict[str, Split] = {"same recording": same_recording, "session-disjoint": session_disjoint}


def rows_of(folder: Path, title: str) -> list[Row]:
    """AUROC and FPR95 of each picture and split, with intervals over people."""
    people = sorted(path for path in folder.iterdir() if path.is_dir() and path.name.startswith("p"))
    found = [
        [pictures(open_recording(session / "radar")) for session in sorted(person.iterdir())]
        for person in track(people, f"{title}: frames to pictures", transient=True)
    ]
    rows = []
    for (split, choose), kind in itertools.product(
        SPLITS.items(), ("range_profile", "range_doppler", "micro_range_doppler")
    ):
        frames = [[getattr(session, kind) for session in person] for person in found]
        areas, rates = [], []
        for person in range(len(frames)):
            enrolled, genuine, impostor = choose(frames, person)
            scores = nearest(enrolled, genuine), nearest(enrolled, impostor)
            areas.append(auroc(*scores))
            rates.append(fpr_at_tpr(*scores))
        area, rate = Spread.of(areas), Spread.of(rates)
        interval = f"95 % {area.low:.2f} to {area.high:.2f} over {area.people} people"
        note = f"{interval}; chance 0.5{_permuted(frames, split)}; FPR95 {100 * rate.mean:.0f} %"
        rows.append(Row(f"{title}, {split}, {kind.replace('_', ' ')}", area.mean, "AUROC", note=note))
    return [*rows, Row(f"{title}, session-disjoint, true distance alone", by_distance(people), "AUROC")]


def _permuted(frames: list[list[np.ndarray]], split: str) -> str:
    """How far the figure strays when everybody's last session is somebody else's."""
    if split != "session-disjoint":
        return ""
    scores = [[nearest(own[0], other[-1]) for other in frames] for own in frames]
    return f" +- {permuted(np.array([_against_others(row) for row in scores])).std():.2f}"


def _against_others(scores: list[np.ndarray]) -> list[float]:
    """AUROC of each of several people as the genuine one, everybody else being an impostor."""
    return [auroc(own, np.concatenate(scores[:n] + scores[n + 1 :])) for n, own in enumerate(scores)]


def permuted(areas: np.ndarray) -> np.ndarray:
    """(PERMUTATIONS,) mean AUROC, with ``areas`` (enrolled, genuine) and the people of one of them permuted."""
    generator = np.random.default_rng(0)
    people = np.arange(len(areas))
    return np.array([areas[people, generator.permutation(people)].mean() for _ in range(PERMUTATIONS)])


def by_distance(people: list[Path]) -> float:
    """AUROC over pairs of first and last session when sessions at like distances are taken for those of one person."""
    drawn = [[json.loads((session / "session.json").read_text()) for session in sorted(each.iterdir())]
             for each in people]  # fmt: skip
    first, last = (np.array([each[index]["distance_m"] for each in drawn]) for index in (0, -1))
    alike = -np.abs(first[:, np.newaxis] - last)
    return float(
        np.mean([_against_others([row[n : n + 1] for n in range(len(row))])[k] for k, row in enumerate(alike)])
    )


def section(args: argparse.Namespace) -> list[Row]:
    """Make the data where there is none, and measure it."""
    if args.data:
        chirp = json.loads((args.data / "manifest.json").read_text())["options"]["chirp"]
        return rows_of(args.data, f"synthetic, {chirp}")
    rows = []
    with tempfile.TemporaryDirectory(prefix="faceedge-") as work:
        for chirp in CHIRPS:
            folder = (args.keep or Path(work)) / chirp
            count, sessions, seconds = str(args.people), str(SESSIONS), str(SECONDS)
            faceedge(
                ["simulate", str(folder), "--people", count, "--sessions", sessions, "--seconds", seconds,
                 "--sensors", "radar", "--chirp", chirp]
            )  # fmt: skip
            rows += rows_of(folder, f"synthetic, {chirp}")
    return rows
