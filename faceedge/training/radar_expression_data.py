"""Sessions of synthetic people as the expression network of the radar learns from them: motion by range, and the truth.

A data set is a folder of `faceedge simulate`. The truth holds more than the name of an act: how far each face unit is
at each instant, and where the head is. The network has to say that as well while it learns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceedge.errors import InputError
from faceedge.perception.radar_expression import LEAVES
from faceedge.perception.radar_expression_features import EchoTransform, motion_features
from faceedge.radar.face_frames import LOOK_CHIRPS
from faceedge.radar.recordings import open_recording

PERIOD_S = 0.1
MARGIN_BINS = 1
UNITS: tuple[tuple[str, ...], ...] = (
    ("jawOpen",), ("mouthSmileLeft", "mouthSmileRight"), ("cheekSquintLeft", "cheekSquintRight"),
    ("browDownLeft", "browDownRight"), ("browInnerUp",), ("browOuterUpLeft", "browOuterUpRight"),
    ("eyeWideLeft", "eyeWideRight"), ("mouthPressLeft", "mouthPressRight"), ("noseSneerLeft", "noseSneerRight"),
    ("eyeBlinkLeft", "eyeBlinkRight"),
)  # fmt: skip
"""Both sides together: the radar hardly tells left from right."""
POSES = 4
REST = -1
"""The label of frames outside of all acts."""


@dataclass(frozen=True, slots=True)
class LabelledAct:
    """What a person did in one session, and when, s."""

    leaf: int
    start_s: float
    stop_s: float


@dataclass(frozen=True, slots=True)
class MotionSession:
    """One session.

    Attributes:
        person, index: of the data set.
        features: (2, time, bin, channel) float16 from `motion_features` with `MARGIN_BINS`: as it was, and with time
            reversed (in the order of reversed time).
        labels: (time,) int64 into `LEAVES`, or `REST`.
        units: (time, len(UNITS)) float32, 0 to 1.
        pose: (time, POSES) float32: yaw, pitch, roll in units of 1/30 rad and distance in units of 3 mm, against
            their means.
        acts: in order.
    """

    person: int
    index: int
    features: np.ndarray
    labels: np.ndarray
    units: np.ndarray
    pose: np.ndarray
    acts: tuple[LabelledAct, ...]


def load(folder: Path, people: range | None = None) -> list[MotionSession]:
    """All finished sessions of a data set, or those of some people.

    Raises:
        InputError: there is none, or it is not one of the four expressions.
    """
    found = sorted(path for path in folder.glob("p*/s*") if (path / "session.json").is_file() and not path.suffix)
    sessions = [read(path) for path in found if people is None or int(path.parent.name[1:]) in people]
    if not sessions:
        raise InputError(f"{folder}: no finished session; make some with `faceedge simulate {folder} --sensors radar`.")
    return sessions


def read(path: Path) -> MotionSession:
    """One session of a data set.

    Raises:
        InputError: it holds acts that are none of `LEAVES`.
    """
    facts = json.loads((path / "session.json").read_text(encoding="utf-8"))
    unknown = {act["expression"] for act in facts["acts"]} - set(LEAVES)
    if unknown:
        raise InputError(f"{path}: acts of {', '.join(sorted(unknown))}; simulate with `--script fooder`.")
    acts = tuple(LabelledAct(LEAVES.index(a["expression"]), a["start_s"], a["stop_s"]) for a in facts["acts"])
    features = _features(path)
    time_s = np.arange(features.shape[1]) * PERIOD_S
    labels = np.full(len(time_s), REST, np.int64)
    for act in acts:
        labels[(time_s >= act.start_s) & (time_s < act.stop_s)] = act.leaf
    with np.load(path / "truth.npz") as truth:
        rows = np.minimum(np.searchsorted(truth["time_s"], time_s), len(truth["time_s"]) - 1)
        names = truth["unit_names"].tolist()
        all_units = truth["units"][rows].astype(np.float32)
        distance_m = np.linalg.norm(truth["nose_m"][rows], axis=1, keepdims=True)
        turn = truth["head_rad"][rows]
    units = np.stack([all_units[:, [names.index(name) for name in group]].mean(1) for group in UNITS], axis=1)
    pose = np.concatenate([30 * (turn - turn.mean(0)), (distance_m - distance_m.mean()) / 3e-3], axis=1)
    return MotionSession(facts["person"], facts["index"], features, labels, units, pose.astype(np.float32), acts)


def _features(path: Path) -> np.ndarray:
    """(2, time, bin, channel) float16: forwards and backwards in time."""
    recording = open_recording(path / "radar")
    transform = EchoTransform(recording.chirp)
    every = max(1, round(PERIOD_S / recording.chirp.frame_period_s))
    samples = np.load(path / "radar" / "radar.npy", mmap_mode="r")[::every, :, :LOOK_CHIRPS].astype(np.float32)
    first, second = np.split(samples, 2, axis=2)
    halves = first.mean(axis=2), second.mean(axis=2)
    echoes = np.stack([transform((a + b) / 2, b - a) for a, b in zip(*halves, strict=True)])
    both = [
        motion_features(one, PERIOD_S, transform.half_s, transform.mm_per_rad, MARGIN_BINS)
        for one in (echoes, echoes[::-1, ::-1])
    ]
    return np.stack(both).astype(np.float16)
