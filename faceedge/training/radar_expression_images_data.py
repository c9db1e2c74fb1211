"""Sessions of synthetic people as FOODER's expression stage learns from them: images, and what the face did.

A sample is a stack of moments, one pair of images each. A micro range-Doppler image covers 0.4 s, and so far apart are
the moments, so that a stack covers its time without a gap. Its label is of the middle of that time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceedge.errors import InputError
from faceedge.perception.radar_expression import LEAVES
from faceedge.perception.radar_expression_images import FRAME_S, MOMENT_FRAMES
from faceedge.radar.face_frames import FaceFrames
from faceedge.radar.recordings import open_recording
from faceedge.training.radar_expression_data import PERIOD_S, REST, UNITS, LabelledAct

STEP_FRAMES = round(PERIOD_S / FRAME_S)
LEVELS = 255


@dataclass(frozen=True, slots=True)
class ImageSession:
    """One session.

    Attributes:
        person, index: of the data set; ``data`` counts the data sets.
        images: (frame, 2, 64, 64) uint8, 0 to 255 for 0 to 1; zeros for the first frames, which have no images.
        labels: (time,) int64 into `LEAVES`, or `REST`, every 0.1 s.
        units: (time, len(UNITS)) float32.
        acts: in order.
    """

    data: int
    person: int
    index: int
    images: np.ndarray
    labels: np.ndarray
    units: np.ndarray
    acts: tuple[LabelledAct, ...]


def load(folder: Path, data: int = 0, people: range | None = None) -> list[ImageSession]:
    """All finished sessions of a data set, or those of some people.

    Raises:
        InputError: there is none, or it is not one of the four expressions with 20 frames a second.
    """
    found = sorted(path.parent for path in folder.glob("p*/s*/session.json") if path.parent.suffix != ".partial")
    sessions = [read(path, data) for path in found if people is None or int(path.parent.name[1:]) in people]
    if not sessions:
        raise InputError(f"{folder}: no finished session; make some with `faceedge simulate {folder} --sensors radar`.")
    return sessions


def read(path: Path, data: int) -> ImageSession:
    """One session of a data set.

    Raises:
        InputError: it holds acts that are none of `LEAVES`, or frames of another period.
    """
    facts = json.loads((path / "session.json").read_text(encoding="utf-8"))
    unknown = {act["expression"] for act in facts["acts"]} - set(LEAVES)
    if unknown:
        raise InputError(f"{path}: acts of {', '.join(sorted(unknown))}; simulate with `--script fooder`.")
    recording = open_recording(path / "radar")
    if abs(recording.chirp.frame_period_s - FRAME_S) > FRAME_S / 20:
        raise InputError(f"{path}: a frame each {recording.chirp.frame_period_s} s, expected {FRAME_S} s.")
    frames = FaceFrames(recording.chirp)
    cubes = np.load(path / "radar" / "radar.npy", mmap_mode="r")
    images = np.zeros((len(cubes), 2, 64, 64), np.uint8)
    for k, cube in enumerate(cubes):
        pair = frames.push(np.asarray(cube), k, 0).images
        if pair is not None:
            images[k] = np.rint(pair * LEVELS)
    acts = tuple(LabelledAct(LEAVES.index(a["expression"]), a["start_s"], a["stop_s"]) for a in facts["acts"])
    time_s = np.arange(len(images) // STEP_FRAMES) * PERIOD_S
    labels = np.full(len(time_s), REST, np.int64)
    for act in acts:
        labels[(time_s >= act.start_s) & (time_s < act.stop_s)] = act.leaf
    with np.load(path / "truth.npz") as truth:
        rows = np.minimum(np.searchsorted(truth["time_s"], time_s), len(truth["time_s"]) - 1)
        names = truth["unit_names"].tolist()
        every = truth["units"][rows].astype(np.float32)
    units = np.stack([every[:, [names.index(name) for name in group]].mean(1) for group in UNITS], axis=1)
    return ImageSession(data, facts["person"], facts["index"], images, labels, units, acts)


@dataclass(frozen=True, slots=True)
class Places:
    """Samples by place: session, and the last frame of the stack, and what the face did in its middle.

    Attributes:
        sessions, frames: (n,) int64, into a list of sessions and into the images of each.
        labels: (n,) int64, `REST` included.
        units: (n, len(UNITS)) float32.
    """

    sessions: np.ndarray
    frames: np.ndarray
    labels: np.ndarray
    units: np.ndarray

    def at(self, chosen: np.ndarray) -> Places:
        """Some of them."""
        return Places(self.sessions[chosen], self.frames[chosen], self.labels[chosen], self.units[chosen])


def delay_steps(moments: int) -> int:
    """From the middle of a stack to its end, in steps of 0.1 s."""
    return moments * MOMENT_FRAMES // STEP_FRAMES // 2


def places(sessions: Sequence[ImageSession], moments: int) -> Places:
    """All samples, every 0.1 s, of which all images are there."""
    delay = delay_steps(moments)
    rows = []
    for number, session in enumerate(sessions):
        steps = np.arange(len(session.labels))
        steps = steps[steps * STEP_FRAMES - (moments - 1) * MOMENT_FRAMES >= MOMENT_FRAMES]
        taken = session.labels[steps - delay], session.units[steps - delay]
        rows.append((np.full(len(steps), number), steps * STEP_FRAMES, *taken))
    return Places(*(np.concatenate(part) for part in zip(*rows, strict=True)))


def stacks(sessions: Sequence[ImageSession], where: Places, moments: int, ranges: int = 64) -> np.ndarray:
    """(n, 2 * moments, ranges, 64) uint8, the oldest moment first."""
    back = MOMENT_FRAMES * np.arange(moments)[::-1]
    made: Iterable[np.ndarray] = (
        sessions[s].images[frame - back, :, :ranges].reshape(2 * moments, ranges, 64)
        for s, frame in zip(where.sessions, where.frames, strict=True)
    )
    return np.stack(list(made))
