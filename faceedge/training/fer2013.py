"""FER2013: grey 48x48 faces with seven expressions, cleaned of duplicates before anything is learned from them.

Source: I. Goodfellow et al., "Challenges in representation learning: a report on three machine learning contests",
ICML 2013 workshop. The set was collected by a web search and labelled once, so it holds the same picture several
times, sometimes under different labels. A duplicate with two labels teaches nothing, and a duplicate across the
splits is a leak.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceedge.errors import InputError

CLASSES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
"""The set's own names, in the order of its labels here."""

SAME_PICTURE = 0.95
"""Two training faces whose zero-mean, unit-norm pixels correlate above this are taken for one picture."""

LEAK = 0.90
"""A training face that correlates above this with a held-out face, plain or mirrored, is left out. Lower than
`SAME_PICTURE`: a training face too many costs nothing, a leak falsifies every figure."""

BLANK_STD = 8.0
"""Grey-level spread below which a picture shows nothing (black frames and placeholders in the original set)."""


@dataclass(frozen=True, slots=True)
class FaceSet:
    """Labelled face crops: ``images`` (n, 48, 48) uint8, ``labels`` (n,) int64 into ``classes``."""

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, keep: np.ndarray) -> FaceSet:
        """The faces selected by an index or mask."""
        return FaceSet(self.images[keep], self.labels[keep], self.classes)


@dataclass(frozen=True, slots=True)
class CleaningReport:
    """What was left out of a training split, in pictures."""

    total: int
    blank: int
    in_held_out: int
    duplicate: int
    conflicting: int
    kept: int


def load(path: Path) -> FaceSet:
    """Read a split from an ``.npz`` file with ``image``, ``label`` and ``classes``.

    Raises:
        InputError: the file is absent or does not hold these arrays.
    """
    try:
        with np.load(path) as arrays:
            images, labels = arrays["image"], arrays["label"].astype(np.int64)
            classes = tuple(str(name) for name in arrays["classes"])
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{path}: expected an .npz file with arrays 'image' (n, 48, 48) uint8, 'label' and 'classes', got: {error}"
        ) from error
    if images.ndim != 3 or images.dtype != np.uint8 or len(images) != len(labels):
        raise InputError(
            f"{path}: expected 'image' (n, 48, 48) uint8 and as many labels, got {images.shape} {images.dtype}"
        )
    return FaceSet(images, labels, classes)


def normalised(images: np.ndarray) -> np.ndarray:
    """Pictures as (n, pixels) float32 rows with zero mean and unit norm, so that a dot product is a correlation."""
    rows = images.reshape(len(images), -1).astype(np.float32)
    rows -= rows.mean(1, keepdims=True)
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-6), np.float32)


def same_picture_groups(images: np.ndarray, block: int = 2000) -> np.ndarray:
    """Group index (n,) of each picture: equal for pictures that correlate above `SAME_PICTURE`, directly or by a
    chain.
    """
    rows = normalised(images)
    group = np.arange(len(rows))
    for start in range(0, len(rows), block):
        first, second = np.nonzero(rows[start : start + block] @ rows[start:].T > SAME_PICTURE)
        for a, b in zip(first + start, second + start, strict=True):
            if group[a] != group[b]:
                group[group == group[b]] = group[a]
    return group


def clean(training: FaceSet, held_out: FaceSet, block: int = 2000) -> tuple[FaceSet, CleaningReport]:
    """Leave out blank pictures, anything that is also in ``held_out`` (mirrored too), and duplicates.

    Of a group of duplicates that agree on the label one picture stays; of a group that disagrees none does. Both splits
    must show the same band of spatial frequencies, or a blurred copy is not recognised: restore before you clean.
    """
    blank = training.images.reshape(len(training), -1).std(1) < BLANK_STD
    rows = normalised(training.images)
    mirrored = normalised(held_out.images[:, :, ::-1])
    plain = normalised(held_out.images)
    leaked = np.zeros(len(training), bool)
    for start in range(0, len(rows), block):
        part = rows[start : start + block]
        leaked[start : start + block] = np.maximum((part @ plain.T).max(1), (part @ mirrored.T).max(1)) > LEAK
    leaked &= ~blank

    candidates = np.flatnonzero(~blank & ~leaked)
    group = same_picture_groups(training.images[candidates], block)
    labels = training.labels[candidates]
    low = np.full(len(candidates), len(training.classes))
    high = np.full(len(candidates), -1)
    np.minimum.at(low, group, labels)
    np.maximum.at(high, group, labels)
    conflicting = low[group] != high[group]
    first = np.zeros(len(candidates), bool)
    first[np.unique(group, return_index=True)[1]] = True
    kept = candidates[first & ~conflicting]
    report = CleaningReport(
        total=len(training),
        blank=int(blank.sum()),
        in_held_out=int(leaked.sum()),
        duplicate=int((~first & ~conflicting).sum()),
        conflicting=int(conflicting.sum()),
        kept=len(kept),
    )
    return training.take(kept), report
