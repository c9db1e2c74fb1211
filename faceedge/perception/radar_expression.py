"""What a face in front of a near-face radar shows: neutral, smile, shock or anger.

The order of decisions is that of FOODER (arXiv:2512.18057): first whether the face moves much (dynamic: smile, shock)
or little (static: neutral, anger), then which of two. The probability of a leaf is the product along its branch.
Below the card's threshold the answer is "", an abstention.

An expression is what a face shows, not what a person feels; inferring emotions is regulated and off by default.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from faceedge.errors import ConfigurationError, InputError, ModelError
from faceedge.inference.interpreter import Interpreter
from faceedge.inference.registry import Model, find_model
from faceedge.perception.expression_networks import softmax
from faceedge.perception.radar_expression_features import BINS, CHANNELS, EchoTransform, motion_features
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import FaceFrame

LEAVES = ("neutral", "smile", "shock", "anger")
"""Order of all probabilities."""
DYNAMIC = ("smile", "shock")
MODEL = "radar_expression"
PERIOD_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class RadarExpressionEstimate:
    """What a face shows now.

    Attributes:
        word: one of `LEAVES`, or "" when the radar cannot tell.
        confidence: calibrated probability of the most likely leaf, also when it abstains.
        probabilities: (4,) float32 in the order of `LEAVES`.
        dynamic: probability that the face does a smile or a shock.
        stamp_ns: time of the last frame that took part.
    """

    word: str
    confidence: float
    probabilities: np.ndarray
    dynamic: float
    stamp_ns: int


def decide(probabilities: np.ndarray, threshold: float, stamp_ns: int) -> RadarExpressionEstimate:
    """Probabilities (4,) to an estimate that abstains below ``threshold``."""
    best = int(np.argmax(probabilities))
    confidence = float(probabilities[best])
    dynamic = float(sum(probabilities[LEAVES.index(leaf)] for leaf in DYNAMIC))
    word = LEAVES[best] if confidence >= threshold else ""
    return RadarExpressionEstimate(word, confidence, np.asarray(probabilities, np.float32), dynamic, stamp_ns)


class Referenced:
    """What both readers of expressions have in common: estimates, corrected by a person's own resting face.

    Args:
        threshold: below this confidence the word is left out.
        rest: (4,) mean log-probabilities of people at rest.
        share: of a person's difference from them that is taken away.
        needed_s: of frames before the first estimate.

    Raises:
        ConfigurationError: the threshold is not within 0 to 1.
    """

    def __init__(self, threshold: float, rest: np.ndarray, share: float, needed_s: float) -> None:
        if not 0.0 <= threshold <= 1.0:
            raise ConfigurationError(f"radar expression threshold: expected 0 to 1, got {threshold}.")
        self.threshold = threshold
        self._rest, self._share, self._needed_s = rest, share, needed_s
        self._forget()

    def neutral_reference(self) -> np.ndarray:
        """(4,) what to give `set_reference` later, of the estimates since the last `reset`, in which the person must
        have been at rest.

        Raises:
            InputError: there was no estimate yet.
        """
        if not self._count:
            raise InputError(f"a neutral reference needs more than {self._needed_s:.1f} s of frames without a gap.")
        return np.asarray(self._sum / self._count - self._rest)

    def set_reference(self, reference: np.ndarray | None) -> None:
        """Correct what a person's own resting face makes the network believe; None: no longer.

        Args:
            reference: (4,) of `neutral_reference`.

        Raises:
            InputError: the reference has another shape or is not finite.
        """
        given = np.zeros(len(LEAVES)) if reference is None else np.asarray(reference, np.float64)
        if given.shape != self._reference.shape or not np.isfinite(given).all():
            raise InputError(f"a neutral reference has {len(LEAVES)} finite numbers, got {given!r}.")
        self._reference[:] = given

    def _forget(self) -> None:
        """Begin anew, with no reference."""
        self._sum, self._count = np.zeros(len(LEAVES)), 0
        self._reference = np.zeros(len(LEAVES))

    def _estimate(self, log_probabilities: np.ndarray, stamp_ns: int) -> RadarExpressionEstimate:
        """Of (4,) calibrated log-probabilities."""
        self._sum += log_probabilities
        self._count += 1
        return decide(softmax(log_probabilities - self._share * self._reference), self.threshold, stamp_ns)


class RadarExpression(Referenced):
    """The expression of the face in front of one radar, frame by frame.

    Looks are taken at the rate of the training, whatever multiple of it the radar has. The network sees the last few
    seconds of motion by range and says what the face showed a moment ago, as the card's ``delay`` has it: what comes
    after a movement tells much about it.

    Args:
        chirp: what the radar transmits.
        model: the verified model; None takes the one that ships.
        threshold: abstain below this confidence; None takes the card's.

    Raises:
        ConfigurationError: the chirp is not one that the model was made for, or the threshold is not within 0 to 1.
        ModelError: the model's file or card does not fit.
    """

    def __init__(self, chirp: ChirpSettings, model: Model | None = None, threshold: float | None = None) -> None:
        model = find_model(MODEL) if model is None else model
        self.chirp = chirp
        self._settings = _Settings.of(model)
        self._every = frames_a_look(chirp, self._settings)
        self._transform = EchoTransform(chirp)
        self._interpreter = Interpreter(model.path)
        expected = ([(1, self._settings.window, BINS, CHANNELS)], [(1, self._settings.window, len(LEAVES))])
        if (self._interpreter.input_shapes, self._interpreter.output_shapes) != expected:
            raise ModelError(
                f"{model.path}: expected shapes {expected}, got {self._interpreter.input_shapes} and "
                f"{self._interpreter.output_shapes}; its card or file is of another model."
            )
        settings = self._settings
        threshold = settings.threshold if threshold is None else threshold
        super().__init__(threshold, settings.rest, settings.reference_share, settings.window * settings.period_s)
        self.reset()

    def reset(self) -> None:
        """Forget all frames and the neutral reference: somebody else may sit there now."""
        self._echoes: deque[np.ndarray] = deque(maxlen=self._settings.history)
        self._last: int | None = None
        self._forget()

    def push(self, frame: FaceFrame) -> RadarExpressionEstimate | None:
        """The estimate at this frame; None between looks, until the window is full, and after a gap until it is full
        again.

        Raises:
            InputError: the frame carries no drift.
        """
        if frame.drift is None:
            raise InputError("expressions need a frame's drift; prepare frames with FaceFrames.push.")
        if self._last is not None and frame.sequence != self._last + 1:
            self._echoes.clear()
        self._last = frame.sequence
        if frame.sequence % self._every:
            return None
        self._echoes.append(self._transform(frame.look, frame.drift))
        if len(self._echoes) < self._settings.window:
            return None
        return self._estimate(self._log_probabilities(), frame.stamp_ns)

    def _log_probabilities(self) -> np.ndarray:
        """(4,) calibrated, before the reference."""
        settings = self._settings
        echoes = np.stack(self._echoes)
        features = motion_features(echoes, settings.period_s, self._transform.half_s, self._transform.mm_per_rad)
        (logits,) = self._interpreter.run(features[None, -settings.window :])
        last = settings.window - settings.delay
        mean = logits[0, last - settings.span : last].mean(axis=0) / settings.temperature
        return np.asarray(np.log(softmax(mean)), np.float64)


SAME_CHIRP = 1e-4
"""A device rounds the frequencies of a chirp file to the steps of its synthesiser."""
SAME_PERIOD = 0.01
"""It rounds times to more: 391.55 us become 391.09 us. The period scales the drift, and by 1 % that does not matter."""


def tolerance_of(name: str) -> float:
    """By how much, as a share, a chirp may differ from the model's in the setting called ``name``."""
    return SAME_PERIOD if name == "chirp_period_s" else SAME_CHIRP


def frames_a_look(chirp: ChirpSettings, settings: _Settings) -> int:
    """How many frames of the radar lie between two looks of the network.

    Raises:
        ConfigurationError: the chirp is not one that the model was made for.
    """
    for name, wanted in settings.chirp.items():
        got = getattr(chirp, name)
        found = len(got) if name == "rx_antennas" else got
        if not math.isclose(found, wanted, rel_tol=tolerance_of(name)):
            raise ConfigurationError(
                f"the radar expression model was made for {name} {wanted}, the radar has {got}; "
                "use a chirp file such as bgt60_face_full_band."
            )
    every = max(1, round(settings.period_s / chirp.frame_period_s))
    if abs(every * chirp.frame_period_s / settings.period_s - 1) > PERIOD_TOLERANCE:
        raise ConfigurationError(
            f"the radar expression model needs a look every {settings.period_s:g} s, which frames of "
            f"{chirp.frame_period_s:g} s do not give; use a frame period of {settings.period_s:g} s or a part of it."
        )
    return every


@dataclass(frozen=True, slots=True)
class _Settings:
    """What the card says of a network: steps of time, and calibration."""

    window: int
    history: int
    period_s: float
    delay: int
    span: int
    temperature: float
    threshold: float
    rest: np.ndarray
    reference_share: float
    chirp: dict[str, float]

    @classmethod
    def of(cls, model: Model) -> _Settings:
        try:
            entry = model.card.extra["processing"]
            return cls(
                window=int(entry["window"]),
                history=int(entry["history"]),
                period_s=float(entry["period_s"]),
                delay=int(entry["delay"]),
                span=int(entry["span"]),
                temperature=float(entry["temperature"]),
                threshold=float(entry["threshold"]),
                rest=np.array(entry["rest"], np.float64),
                reference_share=float(entry["reference_share"]),
                chirp=dict(entry["chirp"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{model.path}: its card must give window, history, period_s, delay, span, temperature, threshold, "
                f"rest, reference_share and chirp under processing; {error!r}"
            ) from error
