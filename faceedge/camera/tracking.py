"""Detections of successive frames to tracks with stable ids.

SORT (Bewley et al., "Simple Online and Realtime Tracking", 2016): a constant-velocity Kalman filter predicts each
box, and the assignment that overlaps most joins predictions and detections. From ByteTrack (Zhang et al., 2022):
detections with a low score are not thrown away but offered, in a second round, to the tracks that found none, which
carries a face through blur and half-profile without letting weak detections start tracks.

Times are the frames' stamps, so that dropped frames and changing rates do no harm.
"""

from __future__ import annotations

import math
import random
import string
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from faceedge.camera.detection import pairwise_iou
from faceedge.errors import ConfigurationError, InputError

# Noise of the filter, relative to the size of the box. Choices: ByteTrack takes 1/20 of the height for a detection. On
# two clear recordings the detectors' boxes jitter by less than 0.01; the rest is room for poor light and turning heads.
# An acceleration of 6 face sizes per s^2 is a quick turn.
_MEASUREMENT_STD = 0.04
_ACCELERATION_STD = 6.0
_INITIAL_SPEED_STD = 2.0
# A box has centre x, centre y, width and height; its size changes more slowly than its place.
_RATE_OF_CHANGE = np.array((1.0, 1.0, 0.3, 0.3))
# Speeds are forgotten over this time while a face is not seen: a face that was lost while moving stopped more often
# than it flew out of the picture.
_COASTING_TIME_S = 0.3

_ID_LETTERS = string.ascii_lowercase
_ID_SYMBOLS = string.ascii_lowercase + string.digits
_ID_LENGTH = 5


@dataclass(frozen=True, slots=True)
class Track:
    """One face over time, as of the last frame.

    Attributes:
        id: starts with a letter; unique within the process, never given twice; says nothing about who it is.
        box: (4,) float32, filtered: xmin ymin xmax ymax in pixels.
        score: of the last detection that was joined to it.
        detection_index: the detection of this frame that was joined to it, None if there was none.
        age_s: since its first detection.
        missed_s: since its last detection, 0 in a frame with one.
    """

    id: str
    box: np.ndarray
    score: float
    detection_index: int | None
    age_s: float
    missed_s: float


# Rows of the filter's state: place, speed, and the 2 x 2 covariance of the two.
_P, _V, _PP, _PV, _VV = range(5)


@dataclass(slots=True)
class _Record:
    """What a track is besides its filter."""

    id: str
    hits: int
    score: float
    born_ns: int
    seen_ns: int


class IdSource:
    """Random ids that never repeat, such as ``k3x9q``: REP-155 wants a letter first and no meaning."""

    def __init__(self, generator: random.Random | None = None) -> None:
        self._generator = generator or random.SystemRandom()
        self._given: set[str] = set()

    def next(self) -> str:
        """A new id."""
        while True:
            symbols = [self._generator.choice(_ID_LETTERS)]
            symbols += [self._generator.choice(_ID_SYMBOLS) for _ in range(_ID_LENGTH - 1)]
            face_id = "".join(symbols)
            if face_id not in self._given:
                self._given.add(face_id)
                return face_id


# One for the process: two trackers must not give the same id either.
_IDS = IdSource()


class FaceTracker:
    """Joins the detections of each frame to tracks.

    All tracks are filtered at once: the filter's motion and noise treat the four numbers of a box alike and apart
    from each other, so that its state is one row per track in a handful of arrays.

    Args:
        start_score: detections from here on can start a track and are joined in the first round; weaker ones only
            continue a track that found nothing else.
        min_hits: detections after which a track is reported; 1 reports a face in the frame in which it appears.
        max_age_s: a track that missed a frame is dropped when it has not been detected for longer. What was seen in the
            last frame is looked for in the next one, however slow the camera is.
        min_iou: smallest overlap of a prediction with its detection.
        max_tracks: no new track starts beyond this many.
        max_gap_s: a gap between stamps longer than this, or a step back, starts over (a bag that loops, a clock that
            was set).
        ids: where ids come from; None: the process's random source.

    Raises:
        ConfigurationError: an argument is out of its range.
    """

    def __init__(
        self,
        *,
        start_score: float = 0.5,
        min_hits: int = 2,
        max_age_s: float = 0.5,
        min_iou: float = 0.2,
        max_tracks: int = 40,
        max_gap_s: float = 5.0,
        ids: IdSource | None = None,
    ) -> None:
        for name, value, low, high in (
            ("start_score", start_score, 0.0, 1.0),
            ("min_hits", min_hits, 1, math.inf),
            ("max_age_s", max_age_s, 0.0, math.inf),
            ("min_iou", min_iou, 0.0, 1.0),
            ("max_tracks", max_tracks, 1, math.inf),
            ("max_gap_s", max_gap_s, 0.0, math.inf),
        ):
            if not low <= value <= high:
                raise ConfigurationError(f"{name} is {value}, expected {low:g} to {high:g}.")
        self._start_score = start_score
        self._min_hits = min_hits
        self._max_age_s = max_age_s
        self._min_iou = min_iou
        self._max_tracks = max_tracks
        self._max_gap_s = max_gap_s
        self._ids = ids or _IDS
        self.reset()

    def reset(self) -> None:
        """Forget all tracks; their ids do not come back."""
        self._stamp_ns: int | None = None
        self._tracks: list[_Record] = []
        # (track, one of _P.._VV, one of centre x, centre y, width, height): the filter of all tracks.
        self._filter = np.zeros((0, 5, 4))

    def update(self, boxes: np.ndarray, scores: np.ndarray, stamp_ns: int) -> list[Track]:
        """Take the detections of one frame.

        Args:
            boxes: (n, 4) xmin ymin xmax ymax in pixels; rows that are not finite or have no area are ignored.
            scores: (n,) 0..1.
            stamp_ns: the frame's time.

        Returns:
            Every track that has had ``min_hits`` detections and was detected within ``max_age_s``, oldest first.

        Raises:
            InputError: shapes do not fit.
        """
        boxes, scores = np.asarray(boxes, np.float64), np.asarray(scores, np.float64)
        if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != (len(boxes),):
            raise InputError(f"Detections must be boxes (n, 4) and scores (n,), got {boxes.shape} and {scores.shape}.")
        self._predict(stamp_ns)
        valid = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1) & np.isfinite(scores)
        # The best first, so that neither ids nor ties depend on the order in which detections come.
        order = np.lexsort((*boxes.T, -scores))
        strong = order[valid[order] & (scores[order] >= self._start_score)]
        weak = order[valid[order] & (scores[order] < self._start_score)]

        predicted = _to_boxes(self._filter[:, _P])
        joined = np.full(len(self._tracks), -1)
        strangers = self._join(joined, predicted, boxes, strong)
        self._join(joined, predicted, boxes, weak)
        self._correct(joined, boxes, scores, stamp_ns)
        joined = self._drop_lost(joined, stamp_ns)
        started = self._start(boxes, scores, strangers, stamp_ns)
        return self._report(np.concatenate((joined, started)), stamp_ns)

    def _predict(self, stamp_ns: int) -> None:
        """Move the filter of all tracks to the new frame's time."""
        last_ns = stamp_ns if self._stamp_ns is None else self._stamp_ns
        step_s = (stamp_ns - last_ns) / 1e9
        if step_s < 0.0 or step_s > self._max_gap_s:
            self.reset()
        self._stamp_ns = stamp_ns
        if not self._tracks or step_s <= 0.0:
            return
        seen_ns = np.array([record.seen_ns for record in self._tracks])
        self._retain((seen_ns == last_ns) | (stamp_ns - seen_ns <= self._max_age_s * 1e9))
        position, velocity, variance, covariance, speed_variance = self._filter.swapaxes(0, 1)
        acceleration = (_ACCELERATION_STD * _size(self._filter)) ** 2 * _RATE_OF_CHANGE**2
        coasting = np.array([record.seen_ns < last_ns for record in self._tracks], bool)
        velocity[coasting] *= math.exp(-step_s / _COASTING_TIME_S)
        position += velocity * step_s
        variance += 2 * step_s * covariance + step_s**2 * speed_variance + acceleration * step_s**4 / 4
        covariance += step_s * speed_variance + acceleration * step_s**3 / 2
        speed_variance += acceleration * step_s**2

    def _join(self, joined: np.ndarray, predicted: np.ndarray, boxes: np.ndarray, offered: np.ndarray) -> np.ndarray:
        """Assign ``offered`` detections to tracks that have none yet, into ``joined``; the rest is returned."""
        free = np.flatnonzero(joined < 0)
        if not free.size or not offered.size:
            return offered
        overlap = pairwise_iou(predicted[free], boxes[offered])
        # A pair below the limit must not be preferred to one above it for the sake of the sum.
        rows, columns = linear_sum_assignment(np.where(overlap >= self._min_iou, overlap, 0.0), maximize=True)
        good = overlap[rows, columns] >= self._min_iou
        joined[free[rows[good]]] = offered[columns[good]]
        return np.delete(offered, columns[good])

    def _correct(self, joined: np.ndarray, boxes: np.ndarray, scores: np.ndarray, stamp_ns: int) -> None:
        """Kalman update of the tracks that have a detection."""
        seen = joined >= 0
        if not seen.any():
            return
        part = self._filter[seen]
        position, velocity, variance, covariance, speed_variance = part.swapaxes(0, 1)
        measured = _to_centres(boxes[joined[seen]])
        innovation = measured - position
        total = variance + (_MEASUREMENT_STD * _size(part)) ** 2
        gain, speed_gain = variance / total, covariance / total
        position += gain * innovation
        velocity += speed_gain * innovation
        speed_variance -= speed_gain * covariance
        variance *= 1 - gain
        covariance *= 1 - gain
        self._filter[seen] = part
        for row in np.flatnonzero(seen):
            record = self._tracks[row]
            record.hits += 1
            record.seen_ns = stamp_ns
            record.score = float(scores[joined[row]])

    def _drop_lost(self, joined: np.ndarray, stamp_ns: int) -> np.ndarray:
        """Drop tracks that were not seen for too long, and unconfirmed ones that missed a frame."""
        keep = np.array(
            [
                detection >= 0 or (record.hits >= self._min_hits and stamp_ns - record.seen_ns <= self._max_age_s * 1e9)
                for record, detection in zip(self._tracks, joined, strict=True)
            ],
            bool,
        )
        self._retain(keep)
        return np.asarray(joined[keep])

    def _retain(self, keep: np.ndarray) -> None:
        self._filter = self._filter[keep]
        self._tracks = [record for record, kept in zip(self._tracks, keep, strict=True) if kept]

    def _start(self, boxes: np.ndarray, scores: np.ndarray, strangers: np.ndarray, stamp_ns: int) -> np.ndarray:
        """Start a track for each of the best ``strangers`` that there is room for; returns those."""
        strangers = strangers[: max(0, self._max_tracks - len(self._tracks))]
        fresh = np.zeros((len(strangers), 5, 4))
        fresh[:, _P] = _to_centres(boxes[strangers])
        size = _size(fresh)
        fresh[:, _PP] = (_MEASUREMENT_STD * size) ** 2
        fresh[:, _VV] = (_INITIAL_SPEED_STD * size * _RATE_OF_CHANGE) ** 2
        self._filter = np.concatenate((self._filter, fresh))
        self._tracks += [_Record(self._ids.next(), 1, float(scores[i]), stamp_ns, stamp_ns) for i in strangers]
        return strangers

    def _report(self, joined: np.ndarray, stamp_ns: int) -> list[Track]:
        boxes = _to_boxes(self._filter[:, _P]).astype(np.float32)
        return [
            Track(
                id=record.id,
                box=box,
                score=record.score,
                detection_index=int(detection) if detection >= 0 else None,
                age_s=(stamp_ns - record.born_ns) / 1e9,
                missed_s=(stamp_ns - record.seen_ns) / 1e9,
            )
            for record, box, detection in zip(self._tracks, boxes, joined, strict=True)
            if record.hits >= self._min_hits
        ]


def _to_centres(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate(((boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]), axis=1)


def _to_boxes(centres: np.ndarray) -> np.ndarray:
    half = np.maximum(centres[:, 2:], 1.0) / 2
    return np.concatenate((centres[:, :2] - half, centres[:, :2] + half), axis=1)


def _size(states: np.ndarray) -> np.ndarray:
    """(n, 1) mean of width and height, the unit of all noise."""
    return np.asarray(np.maximum(states[:, _P, 2:].mean(axis=1, keepdims=True), 1.0))
