"""Baselines that need nothing but NumPy. Each models one person by frames of that person alone.

- *nearest*: cosine similarity to the nearest enrolled frames (kNN; Y. Sun et al., ICML 2022, on pictures instead of a
  network's features).
- *Gaussian*: Mahalanobis distance (K. Lee et al., NeurIPS 2018, likewise), among principal components.
- *linear autoencoder*: what principal components of the person's frames leave over (P. Baldi and K. Hornik, 1989).

Their pictures are: both images, one of them, or the power by range of the looks: of the ranges where the face is, or of
the nearest ones with the leakage before it and the room behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from faceedge.evaluation.radar.clips import Clip
from faceedge.evaluation.radar.methods import Enrolment, FrameMethod
from faceedge.perception.authentication.look_spectrum import FARTHEST_M, LookPower
from faceedge.radar.range_doppler import range_axis

POOLED = 2
"""Pixels a side that are averaged: 64 x 64 becomes 32 x 32."""
NEIGHBOURS = 5
COMPONENTS = 32
MOST_FRAMES = 1200
"""That a model of one person is made of, evenly spread, so that its cost is bounded."""
SHRINKAGE = 1e-2
"""Share of the mean variance that is added to each component's."""
FACE = "ranges of the face"
"""Version of the pictures with that name, which once had the room."""
NEAR_BINS = 32
"""Range bins of a look's power that are used: 0.9 m with the full band, 4.8 m with 1 GHz."""

Picture = Callable[[Clip], np.ndarray]
"""(n, feature) float32 of a clip."""


def both_images(clip: Clip) -> np.ndarray:
    """Both images, averaged over squares of pixels."""
    return _pooled(clip.images)


def range_doppler_only(clip: Clip) -> np.ndarray:
    """The range-Doppler image."""
    return _pooled(clip.images[:, :1])


def micro_only(clip: Clip) -> np.ndarray:
    """The micro range-Doppler image."""
    return _pooled(clip.images[:, 1:])


def face_power(clip: Clip) -> np.ndarray:
    """Log power by range of each look, of all antennas, where the face is: what faceedge's own method takes."""
    power = LookPower(clip.chirp)
    return np.stack([power(look) for look in clip.looks])


def room_power(clip: Clip) -> np.ndarray:
    """The same of the nearest ranges, with the leakage before the face and the room behind it."""
    samples = clip.looks - clip.looks.mean(axis=-1, keepdims=True)
    spectrum = np.fft.rfft(samples * np.hanning(samples.shape[-1]), axis=-1)[..., :NEAR_BINS]
    power = np.log(np.abs(spectrum) + 1.0).reshape(len(clip), -1)
    return np.asarray(power - power.mean(axis=1, keepdims=True), np.float32)


def room_only(clip: Clip) -> np.ndarray:
    """That of the room alone, behind all that `face_power` takes: no face is so far away, only late echoes of one."""
    beyond = np.flatnonzero(range_axis(clip.chirp)[:NEAR_BINS] > FARTHEST_M)
    power = room_power(clip).reshape(len(clip), -1, NEAR_BINS)[..., beyond].reshape(len(clip), -1)
    return np.asarray(power - power.mean(axis=1, keepdims=True), np.float32)


def _pooled(images: np.ndarray) -> np.ndarray:
    n, kinds, rows, columns = images.shape
    whole = images[:, :, : rows - rows % POOLED, : columns - columns % POOLED]
    blocks = whole.reshape(n, kinds, rows // POOLED, POOLED, columns // POOLED, POOLED)
    return np.asarray(blocks.mean(axis=(3, 5), dtype=np.float32).reshape(n, -1))


def thinned(values: np.ndarray, most: int = MOST_FRAMES) -> np.ndarray:
    """At most so many rows, evenly spread."""
    step = -(-len(values) // most) if len(values) else 1
    return values[::step]


class PictureMethod(FrameMethod):
    """A model of each person's pictures.

    Args:
        name: in the tables.
        picture: what a frame is to it.
        version: of the picture.
    """

    def __init__(self, name: str, picture: Picture = both_images, version: str = "") -> None:
        super().__init__()
        self.name, self.version, self._picture = name, version, picture
        self._models: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
        self._pictures: dict[tuple[str, int, int], np.ndarray] = {}

    def model(self, frames: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """A function from pictures (n, feature) to scores (n,), made from the person's (m, feature)."""
        raise NotImplementedError

    def fit(self, enrolled: Mapping[str, Enrolment]) -> None:
        """See `Method.fit`."""
        self.forget()
        self._models = {
            person: self.model(thinned(np.concatenate([self._picture(clip) for clip in enrolment.clips])))
            for person, enrolment in enrolled.items()
        }

    def frame_scores(self, person: str, clip: Clip) -> np.ndarray:
        """See `FrameMethod.frame_scores`."""
        if clip.key not in self._pictures:
            self._pictures[clip.key] = self._picture(clip)
        return self._models[person](self._pictures[clip.key])


class Nearest(PictureMethod):
    """Cosine similarity to the nearest frames, each frame's own mean taken away."""

    def model(self, frames: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """See `PictureMethod.model`."""
        enrolled = _unit(frames)
        nearest = min(NEIGHBOURS, len(enrolled))

        def score(pictures: np.ndarray) -> np.ndarray:
            similar = _unit(pictures) @ enrolled.T
            return np.asarray(np.partition(similar, -nearest, axis=1)[:, -nearest:].mean(axis=1))

        return score


class LinearAutoencoder(PictureMethod):
    """Minus the energy outside of the person's principal components."""

    def model(self, frames: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """See `PictureMethod.model`."""
        centre, _, axes = principal(frames, COMPONENTS)

        def score(pictures: np.ndarray) -> np.ndarray:
            around = pictures - centre
            inside = around @ axes.T
            return np.asarray((inside**2).sum(axis=1) - (around**2).sum(axis=1))

        return score


class Gaussian(PictureMethod):
    """Minus the Mahalanobis distance; outside the principal components all directions count alike."""

    def model(self, frames: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """See `PictureMethod.model`."""
        centre, variances, axes = principal(frames, COMPONENTS)
        around = frames - centre
        left = max(float((around**2).sum(axis=1).mean() - variances.sum()), 0.0)
        rest = left / max(1, frames.shape[1] - len(axes)) + SHRINKAGE * float(variances.mean()) + 1e-12
        scale = variances + rest

        def score(pictures: np.ndarray) -> np.ndarray:
            offset = pictures - centre
            inside = (offset @ axes.T) ** 2
            outside = (offset**2).sum(axis=1) - inside.sum(axis=1)
            return np.asarray(-(inside / scale).sum(axis=1) - outside / rest)

        return score


def principal(frames: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (d,), variances (k,) and axes (k, d) of the largest principal components of (n, d), from n x n products."""
    centre = frames.mean(axis=0)
    around = (frames - centre).astype(np.float64)
    values, vectors = np.linalg.eigh(around @ around.T)
    chosen = np.argsort(values)[::-1][: min(components, len(frames) - 1)]
    chosen = chosen[values[chosen] > 1e-10 * max(float(values[-1]), 1e-30)]
    axes = (vectors[:, chosen].T @ around) / np.sqrt(values[chosen])[:, np.newaxis]
    return centre, values[chosen] / len(frames), np.asarray(axes, np.float32)


def _unit(rows: np.ndarray) -> np.ndarray:
    """Each row without its mean, of length 1."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)


def numpy_baselines() -> list[PictureMethod]:
    """Fresh ones, in the order of the tables."""
    return [
        Nearest("kNN, images"),
        Nearest("kNN, look power", face_power, FACE),
        Nearest("kNN, look power and room", room_power),
        Gaussian("Mahalanobis, images"),
        Gaussian("Mahalanobis, look power", face_power, FACE),
        Gaussian("Mahalanobis, look power and room", room_power),
        Gaussian("Mahalanobis, room alone", room_only),
        LinearAutoencoder("linear autoencoder, images"),
        LinearAutoencoder("linear autoenc., range-Doppler only", range_doppler_only),
        LinearAutoencoder("linear autoenc., micro only", micro_only),
    ]
