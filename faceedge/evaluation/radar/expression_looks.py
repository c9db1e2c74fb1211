"""Expressions from single moments, by the nearest frame or by kernel ridge regression: closed form, without torch.

What a frame is to them: both images, or the spectrum of a few looks by range, which keeps what the images throw away,
the phases of the receivers against each other. A person who is in the training has a model of his own; everybody else
is answered for by one of all people.

Kernel ridge regression: C. Saunders, A. Gammerman and V. Vovk, "Ridge regression learning algorithm in dual
variables", 1998.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from faceedge.evaluation.radar.baselines import Picture, thinned
from faceedge.evaluation.radar.clips import AT_REST, LEAVES, Clip
from faceedge.perception.radar_expression_features import EchoTransform

RANGES = slice(2, 34)
"""Of `GRID_M`: 13 to 61 cm."""
LOOKS = 3
LAG_S = 0.2
"""From look to look; the oldest is 0.4 s old."""
DB_SCALE = 6.0
"""One unit of power, so that a phase and a level weigh about the same."""
SMALLEST = 0.3
MOST_OF_ALL = 4000
"""Frames, evenly spread, of the model of all people."""
WIDTH = 0.3
"""Squared width of the kernel as a share of the mean squared distance between frames."""
PENALTY = 0.03
MODEL_OF_ALL = ""
BLOCK = 1000


def look_spectra(clip: Clip) -> np.ndarray:
    """(n, feature) float32: power by receiver and range in units of 6 dB, and phases against the first receiver."""
    transform = EchoTransform(clip.chirp)
    nothing = np.zeros_like(clip.looks[0])
    echoes = np.stack([transform(look, nothing)[0] for look in clip.looks])[:, :, RANGES]
    parts = [20 * np.log10(np.abs(echoes) + SMALLEST) / DB_SCALE]
    product = echoes[:, :1] * echoes[:, 1:].conj()
    direction = product / (np.abs(product) + 1)
    parts += [direction.real, direction.imag]
    return np.concatenate([part.reshape(len(echoes), -1) for part in parts], axis=1).astype(np.float32)


def recent_looks(clip: Clip) -> np.ndarray:
    """(n, feature) float32: the spectra of `LOOKS` looks up to each frame, the oldest first; a clip's first look takes
    the place of those before it.
    """
    spectra = look_spectra(clip)
    lag = max(1, round(LAG_S / clip.chirp.frame_period_s))
    places = np.arange(len(spectra))
    back = [np.maximum(places - lag * step, 0) for step in reversed(range(LOOKS))]
    return np.concatenate([spectra[place] for place in back], axis=1)


class _OwnModels:
    """One model for each person of the training and one for everybody else; a subclass learns and answers.

    Args:
        name: in the tables.
        picture: what a frame is to it.
    """

    def __init__(self, name: str, picture: Picture) -> None:
        self.name, self._picture = name, picture

    def fit(self, clips: Sequence[Clip]) -> None:
        """See `ExpressionMethod.fit`."""
        people: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        for clip in clips:
            known = clip.labels >= 0
            people.setdefault(clip.person, []).append((self._picture(clip)[known], clip.labels[known]))
        own = {
            person: tuple(np.concatenate(part) for part in zip(*rows, strict=True)) for person, rows in people.items()
        }
        every = tuple(np.concatenate([rows[part] for rows in own.values()]) for part in (0, 1))
        own[MODEL_OF_ALL] = tuple(thinned(part, MOST_OF_ALL) for part in every)
        self._rest = {}
        for person, (pictures, labels) in own.items():
            self._rest[person] = pictures[labels == AT_REST if np.any(labels == AT_REST) else slice(None)].mean(axis=0)
            self._learn(person, pictures, labels)

    def probabilities(self, clip: Clip, reference: Sequence[Clip]) -> np.ndarray:
        """See `ExpressionMethod.probabilities`; a reference's mean takes the place of the mean neutral frame."""
        person = clip.person if clip.person in self._rest else MODEL_OF_ALL
        pictures = self._picture(clip)
        if reference:
            pictures = pictures + self._rest[person]
            pictures -= np.concatenate([self._picture(each) for each in reference]).mean(axis=0)
        return np.concatenate(
            [self._answers(person, pictures[first : first + BLOCK]) for first in range(0, len(pictures), BLOCK)]
        )

    def _learn(self, person: str, pictures: np.ndarray, labels: np.ndarray) -> None:
        raise NotImplementedError

    def _answers(self, person: str, pictures: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class NearestFrame(_OwnModels):
    """The leaf of the most similar frame. It learns nothing, so it shows how alike the frames of a split are."""

    def fit(self, clips: Sequence[Clip]) -> None:
        """See `ExpressionMethod.fit`."""
        self._known: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        super().fit(clips)

    def _learn(self, person: str, pictures: np.ndarray, labels: np.ndarray) -> None:
        self._known[person] = pictures, labels

    def _answers(self, person: str, pictures: np.ndarray) -> np.ndarray:
        known, labels = self._known[person]
        return np.asarray(np.eye(len(LEAVES))[labels[squared_distances(pictures, known).argmin(axis=1)]])


class KernelRidge(_OwnModels):
    """Ridge regression of the leaves with a Gaussian kernel; every leaf weighs the same."""

    def fit(self, clips: Sequence[Clip]) -> None:
        """See `ExpressionMethod.fit`."""
        self._models: dict[str, tuple[np.ndarray, np.ndarray, float]] = {}
        super().fit(clips)

    def _learn(self, person: str, pictures: np.ndarray, labels: np.ndarray) -> None:
        distances = squared_distances(pictures, pictures)
        width = 2 * WIDTH * float(distances.mean()) + 1e-12
        counts = np.bincount(labels, minlength=len(LEAVES))
        penalty = PENALTY * counts[labels] / counts[counts > 0].mean()
        wanted = np.eye(len(LEAVES))[labels]
        weights = np.linalg.solve(np.exp(-distances / width) + np.diag(penalty), wanted)
        self._models[person] = pictures, weights, width

    def _answers(self, person: str, pictures: np.ndarray) -> np.ndarray:
        known, weights, width = self._models[person]
        values = np.maximum(np.exp(-squared_distances(pictures, known) / width) @ weights, 1e-6)
        return np.asarray(values / values.sum(axis=1, keepdims=True))


def squared_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n, m) between rows of (n, d) and (m, d)."""
    sums = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)
    return np.asarray(np.maximum(sums - 2 * first @ second.T, 0))


def closed_form_methods() -> list[_OwnModels]:
    """The nearest frame by images and by looks, and kernel ridge regression by looks."""
    from faceedge.evaluation.radar.baselines import both_images

    return [
        NearestFrame("nearest images", both_images),
        NearestFrame("nearest looks", recent_looks),
        KernelRidge("kernel ridge, looks", recent_looks),
    ]
