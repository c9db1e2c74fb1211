"""Baselines of authentication that are trained networks: what is usual for telling known from unknown inputs.

A classifier of the enrolled people is asked whether an input is one of theirs, by

- MSP: the largest softmax probability (D. Hendrycks and K. Gimpel, ICLR 2017);
- MaxLogit: the largest logit (D. Hendrycks et al., ICML 2022);
- Energy: log of the sum of the exponentials of the logits (W. Liu et al., NeurIPS 2020);
- ODIN: MSP at a temperature, after a small step of the input towards it (S. Liang et al., ICLR 2018);
- GradNorm: the size of the gradient at the last layer (R. Huang et al., NeurIPS 2021);
- Mahalanobis: distance to the claimed person's mean feature under a common covariance (K. Lee et al., NeurIPS 2018);
- kNN: cosine to the claimed person's nearest features (Y. Sun et al., ICML 2022);
- the log probability of the claimed person, as a classifier would be used for verification.

The autoencoder is trained for each person, and scores by what it fails to reproduce.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from faceedge.evaluation.radar.clips import Clip
from faceedge.evaluation.radar.methods import Enrolment, FrameMethod, Method
from faceedge.training.baselines_networks import WIDTH, Autoencoder, Classifier

Say = Callable[[str], None]
BATCH = 64
STEP = 3
"""Every third frame is trained on: neighbours at 20 Hz are nearly the same."""
CLASSIFIER_EPOCHS, AUTOENCODER_EPOCHS = 14, 30
LEARNING_RATE, DECAY = 2e-3, 1e-4
NOISE = 0.02
"""Standard deviation of what is added to images of 0 to 1, so that the networks do not learn frames by heart."""
TEMPERATURE, ODIN_STEP = 1000.0, 0.0014
"""Of ODIN, as published."""
NEIGHBOURS = 5
SHRINKAGE = 1e-2


@dataclass(frozen=True, slots=True)
class Answers:
    """Of a classifier for the n frames of a clip.

    Attributes:
        features: (n, d).
        logits: (n, classes).
        odin: (n,) largest softmax probability at the temperature, after the step.
    """

    features: np.ndarray
    logits: np.ndarray
    odin: np.ndarray


def _frames(clips: tuple[Clip, ...]) -> torch.Tensor:
    return torch.from_numpy(np.concatenate([clip.images[::STEP] for clip in clips]).astype(np.float32))


class SharedClassifier:
    """One network for all of the methods that ask it; trained anew for other enrolments.

    Args:
        seed: of the weights and of the order of frames.
        say: told how training goes.
        width: see `baselines_networks.WIDTH`.
    """

    def __init__(self, seed: int, say: Say, width: int = WIDTH) -> None:
        self._seed, self._say, self._width = seed, say, width
        self._enrolled: tuple[tuple[str, int, int], ...] = ()
        self.people: list[str] = []
        self._network: Classifier | None = None
        self._known: dict[tuple[str, int, int], Answers] = {}
        self.centres = np.zeros(0)
        self.precision = np.zeros(0)
        self.bank: dict[str, np.ndarray] = {}

    def fit(self, enrolled: Mapping[str, Enrolment]) -> None:
        """Train on everybody; does nothing for the enrolments of the last call."""
        keys = tuple(clip.key for enrolment in enrolled.values() for clip in enrolment.clips)
        if keys == self._enrolled:
            return
        self._enrolled, self._known, self.people = keys, {}, list(enrolled)
        torch.manual_seed(self._seed)
        torch.set_num_threads(1)
        images = torch.cat([_frames(enrolment.clips) for enrolment in enrolled.values()])
        counts = [sum(len(clip.images[::STEP]) for clip in enrolment.clips) for enrolment in enrolled.values()]
        labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
        self._network = network = Classifier(len(counts), self._width)
        epochs = CLASSIFIER_EPOCHS
        optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=DECAY)
        steps = epochs * -(-len(images) // BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3 * LEARNING_RATE, total_steps=steps)
        for epoch in range(epochs):
            network.train()
            total, right = 0.0, 0
            for chosen in torch.randperm(len(images)).split(BATCH):
                batch = images[chosen] + NOISE * torch.randn_like(images[chosen])
                _, logits = network(batch)
                loss = functional.cross_entropy(logits, labels[chosen])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                total += float(loss.detach()) * len(chosen)
                right += int((logits.argmax(1) == labels[chosen]).sum())
            if epoch in (0, epochs - 1):
                shares = f"loss {total / len(images):.3f}, {100 * right / len(images):.1f} % right"
                self._say(f"classifier of {len(counts)} people, epoch {epoch + 1} of {epochs}: {shares}")
        network.eval()
        self._summarise(enrolled)

    def _summarise(self, enrolled: Mapping[str, Enrolment]) -> None:
        """Means, common precision and features of the training frames."""
        self.bank = {
            person: np.concatenate([self(clip.part(slice(None, None, STEP))).features for clip in enrolment.clips])
            for person, enrolment in enrolled.items()
        }
        self.centres = np.stack([features.mean(axis=0) for features in self.bank.values()])
        around = np.concatenate([rows - rows.mean(axis=0) for rows in self.bank.values()])
        covariance = around.T @ around / len(around)
        covariance += SHRINKAGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        self.precision = np.linalg.inv(covariance)
        self._known.clear()

    def __call__(self, clip: Clip) -> Answers:
        """Of all frames of a clip; kept."""
        if clip.key not in self._known:
            images = torch.from_numpy(clip.images.astype(np.float32))
            parts = [self._ask(batch) for batch in images.split(4 * BATCH)]
            self._known[clip.key] = Answers(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        return self._known[clip.key]

    def _ask(self, images: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        network = self._network
        assert network is not None
        images = images.requires_grad_()
        features, logits = network(images)
        surest = functional.log_softmax(logits / TEMPERATURE, 1).max(1).values
        (slope,) = torch.autograd.grad(surest.sum(), images)
        with torch.no_grad():
            _, moved = network(images + ODIN_STEP * slope.sign())
            odin = functional.softmax(moved / TEMPERATURE, 1).max(1).values
        return features.detach().numpy(), logits.detach().numpy(), odin.numpy()


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _energy(answers: Answers) -> np.ndarray:
    highest = answers.logits.max(axis=1)
    return np.asarray(highest + np.log(np.exp(answers.logits - highest[:, np.newaxis]).sum(axis=1)))


def _gradient_norm(answers: Answers) -> np.ndarray:
    """L1 norm of the gradient of the divergence from even odds by the last layer's weights, in closed form."""
    uneven = np.abs(np.exp(_log_softmax(answers.logits)) - 1 / answers.logits.shape[1]).sum(axis=1)
    return np.asarray(np.abs(answers.features).sum(axis=1) * uneven)


Score = Callable[[Answers, int, SharedClassifier], np.ndarray]


def _mahalanobis(answers: Answers, person: int, shared: SharedClassifier) -> np.ndarray:
    offset = answers.features - shared.centres[person]
    return np.asarray(-np.einsum("nd,de,ne->n", offset, shared.precision, offset))


def _nearest(answers: Answers, person: int, shared: SharedClassifier) -> np.ndarray:
    bank = shared.bank[shared.people[person]]
    units = [rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9) for rows in (answers.features, bank)]
    similar = units[0] @ units[1].T
    count = min(NEIGHBOURS, len(bank))
    return np.asarray(np.partition(similar, -count, axis=1)[:, -count:].mean(axis=1))


SCORES: dict[str, Score] = {
    "MSP": lambda answers, person, shared: _log_softmax(answers.logits).max(axis=1),
    "MaxLogit": lambda answers, person, shared: answers.logits.max(axis=1),
    "Energy": lambda answers, person, shared: _energy(answers),
    "ODIN": lambda answers, person, shared: answers.odin,
    "GradNorm": lambda answers, person, shared: _gradient_norm(answers),
    "classifier, Mahalanobis": _mahalanobis,
    "classifier, kNN": _nearest,
    "classifier, claimed person": lambda answers, person, shared: _log_softmax(answers.logits)[:, person],
}


class ClassifierMethod(FrameMethod):
    """One way to ask the shared classifier."""

    def __init__(self, name: str, shared: SharedClassifier, version: str) -> None:
        super().__init__()
        self.name, self.version, self._shared = name, version, shared

    def fit(self, enrolled: Mapping[str, Enrolment]) -> None:
        """See `Method.fit`."""
        self.forget()
        self._shared.fit(enrolled)

    def frame_scores(self, person: str, clip: Clip) -> np.ndarray:
        """See `FrameMethod.frame_scores`."""
        if not len(clip):
            return np.zeros(0)
        return SCORES[self.name](self._shared(clip), self._shared.people.index(person), self._shared)


class AutoencoderMethod(FrameMethod):
    """A convolutional autoencoder of each person; minus its mean squared error.

    Args:
        seed: of the weights, the same for everybody, and of the order of frames.
        say: told how training goes.
    """

    name = "autoencoder"

    def __init__(self, seed: int, say: Say) -> None:
        super().__init__()
        self._seed, self._say, self.version = seed, say, f"seed {seed}"
        self._networks: dict[str, Autoencoder] = {}

    def fit(self, enrolled: Mapping[str, Enrolment]) -> None:
        """See `Method.fit`."""
        self.forget()
        torch.set_num_threads(1)
        torch.manual_seed(self._seed)
        fresh = Autoencoder()
        for person, enrolment in enrolled.items():
            self._networks[person] = self._train(copy.deepcopy(fresh), _frames(enrolment.clips))
        self._say(f"autoencoders of {len(enrolled)} people trained")

    def _train(self, network: Autoencoder, images: torch.Tensor) -> Autoencoder:
        optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE)
        for _ in range(AUTOENCODER_EPOCHS):
            for chosen in torch.randperm(len(images)).split(BATCH // 2):
                batch = images[chosen]
                loss = functional.mse_loss(network(batch + NOISE * torch.randn_like(batch)), batch)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        return network.eval()

    @torch.no_grad()
    def frame_scores(self, person: str, clip: Clip) -> np.ndarray:
        """See `FrameMethod.frame_scores`."""
        images = torch.from_numpy(clip.images.astype(np.float32))
        parts = [
            ((self._networks[person](batch) - batch) ** 2).mean(dim=(1, 2, 3)) for batch in images.split(4 * BATCH)
        ]
        return -torch.cat(parts).numpy()


def torch_baselines(seed: int, say: Say) -> list[Method]:
    """Fresh ones, in the order of the tables."""
    shared = SharedClassifier(seed, say)
    version = f"width {WIDTH}, {CLASSIFIER_EPOCHS} epochs, seed {seed}"
    return [*(ClassifierMethod(name, shared, version) for name in SCORES), AutoencoderMethod(seed, say)]
