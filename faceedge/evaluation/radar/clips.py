"""Recordings of a radar, prepared once and held in memory: images, looks, and what was performed when.

A `Clip` is what methods see. Parts of a clip share its arrays. Nothing of it is ever written.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from faceedge.errors import InputError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import FaceFrames

LEAVES = ("neutral", "smile", "shock", "anger")
"""The expressions that are told apart, in the order of labels."""
WORDS = {
    "neutral": ("neutral", "still"),
    "smile": ("smile", "happy", "happiness", "joy"),
    "shock": ("shock", "surprise", "surprised"),
    "anger": ("anger", "angry"),
}
"""What data sets call them."""
UNLABELLED = -1
AT_REST = 0
"""Between two acts a face is neutral."""
HOP_S = 0.5
"""From one decision over a longer window to the next. They overlap: intervals are over people, never over windows."""
NANOSECONDS = 1e9


@dataclass(frozen=True, slots=True)
class Act:
    """One expression and when it was performed, s from the recording's first frame."""

    expression: str
    start_s: float
    stop_s: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a recording beside its frames; nan or None: unknown.

    Attributes:
        distance_m: of the face from the radar.
        yaw_deg, pitch_deg: mean pose of the head.
        glasses, mask: worn or not.
    """

    distance_m: float = float("nan")
    yaw_deg: float = float("nan")
    pitch_deg: float = float("nan")
    glasses: bool | None = None
    mask: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Frames of one recording without a gap larger than the recording's own.

    Attributes:
        name: of the recording, unique in a data set.
        person, session: whose it is, and which of that person's recordings.
        chirp: what the radar transmitted.
        stamps_s: (n,) float64, ascending, from the recording's first frame.
        images: (n, 2, range bin, Doppler bin) float16, 0 to 1: range-Doppler, micro range-Doppler.
        looks, drifts: (n, rx, sample) float32, ADC counts, see `FaceFrame`.
        labels: (n,) int8, index into `LEAVES`, -1: none of them.
        facts: what else is known.
    """

    name: str
    person: str
    session: str
    chirp: ChirpSettings
    stamps_s: np.ndarray
    images: np.ndarray
    looks: np.ndarray
    drifts: np.ndarray
    labels: np.ndarray
    facts: Facts = field(default_factory=Facts)

    def __len__(self) -> int:
        return len(self.stamps_s)

    @property
    def seconds(self) -> float:
        """How long it takes, the last frame included."""
        return float(self.stamps_s[-1] - self.stamps_s[0]) + self.chirp.frame_period_s if len(self) else 0.0

    @property
    def key(self) -> tuple[str, int, int]:
        """Tells a part of a recording from every other one, for caches."""
        period_s = self.chirp.frame_period_s
        first, last = (round(float(self.stamps_s[place]) / period_s) for place in (0, -1)) if len(self) else (0, -1)
        return self.name, first, last

    def part(self, chosen: slice | np.ndarray) -> Clip:
        """Some of the frames, sharing this clip's memory where ``chosen`` is a slice."""
        names = ("stamps_s", "images", "looks", "drifts", "labels")
        return dataclasses.replace(self, **{name: getattr(self, name)[chosen] for name in names})

    def between(self, start: float, stop: float) -> Clip:
        """The frames between two shares of the recording's time, 0 to 1."""
        low, high = (round(share * len(self)) for share in (start, stop))
        return self.part(slice(low, high))


Frames = Iterable[tuple[np.ndarray, int, int]]
"""(cube (rx, chirp, sample) uint16, sequence, stamp in ns) of each frame."""


def clip_of(
    frames: Frames,
    chirp: ChirpSettings,
    name: str,
    person: str,
    session: str,
    acts: Sequence[Act] = (),
    facts: Facts | None = None,
) -> Clip:
    """Prepare a recording as the device does, frame by frame.

    Frames before the first images (the micro range-Doppler needs eight without a gap) are left out.

    Raises:
        ConfigurationError: a chirp without images or looks.
        InputError: a frame of another shape, or no frame with images.
    """
    prepared = FaceFrames(chirp)
    stamps, images, looks, drifts = [], [], [], []
    first_ns: int | None = None
    for cube, sequence, stamp_ns in frames:
        first_ns = stamp_ns if first_ns is None else first_ns
        frame = prepared.push(cube, sequence, stamp_ns)
        if frame.images is None:
            continue
        stamps.append((stamp_ns - first_ns) / NANOSECONDS)
        images.append(frame.images.astype(np.float16))
        looks.append(frame.look)
        drifts.append(np.zeros_like(frame.look) if frame.drift is None else frame.drift)
    if not images:
        raise InputError(
            f"{name} has no eight frames without a gap, which a micro range-Doppler image needs; record for longer."
        )
    times = np.array(stamps)
    arrays = np.stack(images), np.stack(looks), np.stack(drifts)
    return Clip(name, person, session, chirp, times, *arrays, labels_at(times, acts), facts or Facts())


def labels_at(stamps_s: np.ndarray, acts: Sequence[Act]) -> np.ndarray:
    """(n,) int8, index into `LEAVES`: the act at each moment; neutral between acts; without any act -1 throughout.

    An act that is none of the four leaves its frames unlabelled.
    """
    labels = np.full(len(stamps_s), AT_REST if acts else UNLABELLED, np.int8)
    for act in acts:
        labels[(stamps_s >= act.start_s) & (stamps_s < act.stop_s)] = leaf_of(act.expression)
    return labels


def leaf_of(word: str) -> int:
    """Index into `LEAVES` of a data set's word, -1 for any other."""
    lowered = word.strip().lower()
    return next((index for index, leaf in enumerate(LEAVES) if lowered in WORDS[leaf]), UNLABELLED)


def windows(stamps_s: np.ndarray, values: np.ndarray, window_s: float) -> np.ndarray:
    """(k,) means of the finite values of each whole window that has any, one every `HOP_S`.

    Args:
        stamps_s: (n,) ascending.
        values: (n,), nan where there is none.
        window_s: shorter than a frame period: each frame is a window.
    """
    if len(stamps_s) == 0:
        return np.zeros(0)
    period_s = float(np.median(np.diff(stamps_s))) if len(stamps_s) > 1 else window_s
    length = max(1, round(window_s / period_s))
    if length > len(values):
        return np.zeros(0)
    hop = max(1, round(min(window_s, HOP_S) / period_s))
    finite = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0), dtype=np.float64)])
    counts = np.concatenate([[0], np.cumsum(finite)])
    first = np.arange(0, len(values) - length + 1, hop)
    count = counts[first + length] - counts[first]
    total = sums[first + length] - sums[first]
    return np.asarray(total[count > 0] / count[count > 0])
