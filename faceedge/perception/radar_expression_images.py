"""What a face in front of a near-face radar shows, from images: FOODER's expression stage.

S. M. Kahya et al., arXiv:2512.18057: range-Doppler and micro range-Doppler image, concatenated, go to a ResNet block
that tells dynamic (smile, shock) from static (neutral, anger), and then to one of two MobileViT networks that tells the
two apart. Here several moments are concatenated, and both MobileViT networks run, so that all four probabilities are
there: each is the product along its branch.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from faceedge.errors import ConfigurationError, ModelError
from faceedge.inference.interpreter import Interpreter
from faceedge.inference.registry import Model, find_model
from faceedge.perception.expression_networks import softmax
from faceedge.perception.radar_expression import LEAVES, RadarExpressionEstimate, Referenced, tolerance_of
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import FaceFrame

MODELS = ("radar_expression_stage", "radar_expression_dynamic", "radar_expression_static")
DYNAMIC_LEAVES = (LEAVES.index("smile"), LEAVES.index("shock"))
STATIC_LEAVES = (LEAVES.index("neutral"), LEAVES.index("anger"))
FRAME_S = 0.05
MOMENT_FRAMES = 8
"""From moment to moment: as many frames as a micro range-Doppler image covers."""
EVERY_FRAMES = 2
SIDE = 64
PERIOD_TOLERANCE = 0.05


def leaf_log_probabilities(stage: np.ndarray, dynamic: np.ndarray, static: np.ndarray) -> np.ndarray:
    """(..., 4) in the order of `LEAVES`, from log-probabilities (..., 2): dynamic or static, smile or shock, neutral
    or anger.
    """
    found = np.empty((*stage.shape[:-1], len(LEAVES)))
    found[..., list(DYNAMIC_LEAVES)] = stage[..., :1] + dynamic
    found[..., list(STATIC_LEAVES)] = stage[..., 1:] + static
    return found


class RadarImageExpression(Referenced):
    """The expression of the face in front of one radar, frame by frame; to be used as `RadarExpression` is.

    Args:
        chirp: what the radar transmits.
        models: the three verified models, in the order of `MODELS`; None takes those that ship.
        threshold: abstain below this confidence; None takes the card's.

    Raises:
        ConfigurationError: the chirp is not the one that the models were made for, or the threshold is not within 0
            to 1.
        ModelError: a model's file or card does not fit.
    """

    def __init__(
        self, chirp: ChirpSettings, models: tuple[Model, ...] | None = None, threshold: float | None = None
    ) -> None:
        models = tuple(find_model(name) for name in MODELS) if models is None else models
        self.chirp = chirp
        self._settings = _Settings.of(models[0])
        _check_chirp(chirp, self._settings)
        self._interpreters = [Interpreter(model.path) for model in models]
        expected = ([(1, SIDE, SIDE, 2 * self._settings.moments)], [(1, 2)])
        for model, interpreter in zip(models, self._interpreters, strict=True):
            if (interpreter.input_shapes, interpreter.output_shapes) != expected:
                raise ModelError(
                    f"{model.path}: expected shapes {expected}, got {interpreter.input_shapes} and "
                    f"{interpreter.output_shapes}; its card or file is of another model."
                )
        settings = self._settings
        threshold = settings.threshold if threshold is None else threshold
        super().__init__(threshold, settings.rest, settings.reference_share, settings.moments * MOMENT_FRAMES * FRAME_S)
        self.reset()

    def reset(self) -> None:
        """Forget all frames and the neutral reference: somebody else may sit there now."""
        length = (self._settings.moments - 1) * MOMENT_FRAMES + 1
        self._images: deque[np.ndarray] = deque(maxlen=length)
        self._last: int | None = None
        self._forget()

    def push(self, frame: FaceFrame) -> RadarExpressionEstimate | None:
        """The estimate at this frame; None at every second one, until the moments are there, and after a gap until
        they are there again.
        """
        if self._last is not None and frame.sequence != self._last + 1:
            self._images.clear()
        self._last = frame.sequence
        if frame.images is None:
            self._images.clear()
            return None
        self._images.append(frame.images)
        if frame.sequence % EVERY_FRAMES or len(self._images) < (self._images.maxlen or 0):
            return None
        return self._estimate(self._log_probabilities(), frame.stamp_ns)

    def _log_probabilities(self) -> np.ndarray:
        """(4,) calibrated, before the reference."""
        moments = np.concatenate(list(self._images)[::MOMENT_FRAMES])
        picture = np.ascontiguousarray(moments.transpose(1, 2, 0)[None], np.float32)
        logits = [interpreter.run(picture)[0][0] for interpreter in self._interpreters]
        leaves = leaf_log_probabilities(*(np.log(softmax(each)) for each in logits))
        return np.asarray(np.log(softmax(leaves / self._settings.temperature)), np.float64)


def _check_chirp(chirp: ChirpSettings, settings: _Settings) -> None:
    for name, wanted in settings.chirp.items():
        got = getattr(chirp, name)
        found = len(got) if name == "rx_antennas" else got
        tolerance = PERIOD_TOLERANCE if name == "frame_period_s" else tolerance_of(name)
        if not math.isclose(found, wanted, rel_tol=tolerance):
            raise ConfigurationError(
                f"the radar expression models of images were made for {name} {wanted}, the radar has {got}; "
                "use the chirp file bgt60_face_full_band."
            )


@dataclass(frozen=True, slots=True)
class _Settings:
    """What the first card says of all three networks."""

    moments: int
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
                moments=int(entry["moments"]),
                temperature=float(entry["temperature"]),
                threshold=float(entry["threshold"]),
                rest=np.array(entry["rest"], np.float64),
                reference_share=float(entry["reference_share"]),
                chirp=dict(entry["chirp"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{model.path}: its card must give moments, temperature, threshold, rest, reference_share and chirp "
                f"under processing; {error!r}"
            ) from error
