"""FOODER's expression stage with the spectrum of looks beside the images, trained on the recordings of an evaluation.

S. M. Kahya et al., arXiv:2512.18057: a ResNet block tells dynamic from static, two MobileViT tell smile from shock and
neutral from anger. Here each of the three also gets the spectrum of three looks by range, which keeps the phases that
the images throw away. First everything is trained on all people; then the images' part is left as it is, and what
reads the spectrum and judges is trained on for each person, as FOODER's networks are for the one who is enrolled. It
stands in the tables of `faceedge evaluate radar` and is trained there; it does not ship.

The spectrum comes as random Fourier features: A. Rahimi and B. Recht, "Random features for large-scale kernel
machines", 2007.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from faceedge.evaluation.radar.clips import LEAVES, Clip
from faceedge.evaluation.radar.expression_looks import MODEL_OF_ALL, recent_looks
from faceedge.perception.expression_networks import softmax
from faceedge.perception.radar_expression_images import DYNAMIC_LEAVES, STATIC_LEAVES, leaf_log_probabilities
from faceedge.training.expression import follow
from faceedge.training.radar_expression_images_network import BRANCHES, RANGES, leaf_network, stage_network

IMAGES = 2
STAGE_CHANNELS, LEAF_CHANNELS = 48, 56
BATCH = 500
WAVES = 2048
KERNEL_VARIANCE = 165.0
"""About 0.6 of the mean squared distance between frames of one recording."""
SMALLEST_SPREAD = 1e-3

Fetch = Callable[[np.ndarray], Sequence[torch.Tensor]]
"""From places of frames to what the three networks see of the images."""


@dataclass(frozen=True, slots=True)
class CascadeSettings:
    """Everything that decides the result besides the data.

    Attributes:
        steps: with everybody and all parts.
        all_steps: then, with everybody, and the images' part left as it is.
        own_steps: then, with one person.
    """

    steps: int = 120
    all_steps: int = 600
    own_steps: int = 100
    of_each_leaf: int = 24
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.02
    dropout: float = 0.3
    width: int = 256
    average_decay: float = 0.99
    seed: int = 0


class _Judge(nn.Module):
    """Two answers from what a network saw in the images, and from the waves of the looks' spectrum."""

    def __init__(self, channels: int, features: int, settings: CascadeSettings) -> None:
        super().__init__()
        width = settings.width
        self.spectrum = nn.Sequential(
            nn.Linear(features, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(settings.dropout),
            nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(),
        )  # fmt: skip
        self.out = nn.Linear(channels + width, BRANCHES)

    def forward(self, seen: torch.Tensor, spectra: torch.Tensor) -> torch.Tensor:
        """(n, channels) and (n, feature) to (n, 2)."""
        return self.out(torch.cat([seen, self.spectrum(spectra)], 1))


class _Cascade(nn.Module):
    def __init__(self, features: int, settings: CascadeSettings) -> None:
        super().__init__()
        # The last layer of those networks judges images alone.
        self.pictures = nn.ModuleList([stage_network(IMAGES)[:-1], *(leaf_network(IMAGES)[:-1] for _ in range(2))])
        channels = (STAGE_CHANNELS, LEAF_CHANNELS, LEAF_CHANNELS)
        self.judges = nn.ModuleList([_Judge(count, features, settings) for count in channels])

    def seen(self, images: torch.Tensor) -> list[torch.Tensor]:
        return [part(images).mean((2, 3)) for part in self.pictures]


class LooksCascade:
    """The cascade as an `ExpressionMethod`: judges of each person of the training, and some of all for everybody else.

    Args:
        settings: None takes the usual ones.
        name: in the tables.
    """

    def __init__(self, settings: CascadeSettings | None = None, name: str = "cascade, images + looks") -> None:
        self.name = name
        self.settings = settings or CascadeSettings()
        self._spectra: dict[tuple[str, int, int], np.ndarray] = {}
        self._learnt: Sequence[Clip] | None = None

    def fit(self, clips: Sequence[Clip]) -> None:
        """See `ExpressionMethod.fit`. As many frames of each leaf are drawn."""
        if clips is self._learnt:
            return
        torch.set_num_threads(1)
        torch.manual_seed(self.settings.seed)
        labels = np.concatenate([clip.labels for clip in clips])
        spectra = np.concatenate([self._looks(clip) for clip in clips])
        images = np.concatenate([clip.images[:, :, :RANGES] for clip in clips])
        people = np.concatenate([np.full(len(clip), clip.person, object) for clip in clips])
        known = labels >= 0
        labels, spectra, images, people = labels[known], spectra[known], images[known], people[known]
        self._centre, self._scale = spectra.mean(axis=0), np.maximum(spectra.std(axis=0), SMALLEST_SPREAD)
        spectra = (spectra - self._centre) / self._scale

        networks = _Cascade(spectra.shape[1], self.settings)
        everybody = np.arange(len(labels))

        def pictures(rows: np.ndarray) -> Sequence[torch.Tensor]:
            return networks.seen(torch.from_numpy(images[rows].astype(np.float32)))

        self._train(networks, networks.judges, pictures, spectra, labels, everybody, self.settings.steps)
        self._pictures = networks.eval()
        with torch.no_grad():
            parts = [pictures(everybody[first : first + BATCH]) for first in range(0, len(labels), BATCH)]
        fixed = [torch.cat(part) for part in zip(*parts, strict=True)]

        def seen(rows: np.ndarray) -> Sequence[torch.Tensor]:
            return [each[rows] for each in fixed]

        of_all = networks.judges
        of_all = self._train(of_all, of_all, seen, spectra, labels, everybody, self.settings.all_steps)
        self._judges = {MODEL_OF_ALL: of_all}
        for person in dict.fromkeys(people.tolist()):
            own, rows = copy.deepcopy(of_all), np.flatnonzero(people == person)
            self._judges[person] = self._train(own, own, seen, spectra, labels, rows, self.settings.own_steps)
        self._learnt = clips

    def _train(
        self, changed: nn.Module, judges: nn.ModuleList, seen: Fetch, spectra: np.ndarray, labels: np.ndarray,
        rows: np.ndarray, steps: int,
    ) -> nn.ModuleList:  # fmt: skip
        """Train what is ``changed``, the judges among it, on some frames; the judges with averaged weights."""
        settings = self.settings
        rng = np.random.default_rng(settings.seed)
        by_leaf = [own for leaf in range(len(LEAVES)) if len(own := rows[labels[rows] == leaf])]
        average = copy.deepcopy(judges)
        optimiser = torch.optim.AdamW(
            changed.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )  # fmt: skip
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, settings.learning_rate, total_steps=steps + 1, pct_start=0.15
        )
        changed.train()
        for step in range(steps):
            drawn = np.concatenate([rng.choice(own, settings.of_each_leaf) for own in by_leaf])
            loss = _loss(judges, seen(drawn), torch.from_numpy(spectra[drawn]), labels[drawn], settings)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            follow(average, judges, min(settings.average_decay, (1 + step) / (10 + step)))
        return average.eval()

    @torch.no_grad()
    def probabilities(self, clip: Clip, reference: Sequence[Clip]) -> np.ndarray:
        """See `ExpressionMethod.probabilities`; a reference's mean spectrum takes the place of the training's."""
        centre = self._centre
        if reference:
            centre = np.concatenate([self._looks(each) for each in reference]).mean(axis=0)
        spectra = torch.from_numpy((self._looks(clip) - centre) / self._scale)
        judges = self._judges[clip.person if clip.person in self._judges else MODEL_OF_ALL]
        found = []
        for first in range(0, len(clip), BATCH):
            part = slice(first, first + BATCH)
            seen = self._pictures.seen(torch.from_numpy(clip.images[part, :, :RANGES].astype(np.float32)))
            logits = [judge(each, spectra[part]).numpy() for judge, each in zip(judges, seen, strict=True)]
            found.append(np.exp(leaf_log_probabilities(*(np.log(softmax(each)) for each in logits))))
        return np.concatenate(found)

    def _looks(self, clip: Clip) -> np.ndarray:
        if clip.key not in self._spectra:
            self._spectra[clip.key] = _waves(recent_looks(clip))
        return self._spectra[clip.key]


def _waves(features: np.ndarray) -> np.ndarray:
    """(n, WAVES) float32: features whose inner products are a Gaussian kernel, always the same random ones."""
    rng = np.random.default_rng(0)
    directions = rng.normal(0, KERNEL_VARIANCE**-0.5, (features.shape[1], WAVES)).astype(np.float32)
    return np.asarray(np.cos(features @ directions + rng.uniform(0, 2 * np.pi, WAVES).astype(np.float32)))


def _loss(
    judges: nn.ModuleList, seen: Sequence[torch.Tensor], spectra: torch.Tensor, labels: np.ndarray,
    settings: CascadeSettings,
) -> torch.Tensor:  # fmt: skip
    dynamic = np.isin(labels, DYNAMIC_LEAVES)
    total = torch.zeros(())
    for judge, images, rows, answers in (
        (judges[0], seen[0], np.ones(len(labels), bool), ~dynamic),
        (judges[1], seen[1], dynamic, labels == DYNAMIC_LEAVES[1]),
        (judges[2], seen[2], ~dynamic, labels == STATIC_LEAVES[1]),
    ):
        if not rows.any():  # nobody showed either of the two
            continue
        chosen = torch.from_numpy(rows)
        target = torch.from_numpy(answers[rows].astype(np.int64))
        found = judge(images[chosen], spectra[chosen])
        total = total + functional.cross_entropy(found, target, label_smoothing=settings.label_smoothing)
    return total
