"""From the looks of a near-face radar to who is there, as a vector of length 1.

Vectors of one person point the same way in other sessions too, as far as the radar can tell (docs/radar_identity.md has
how far that is). They live in RAM only: what is stored is a protected template.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from faceedge.errors import ConfigurationError, InputError, ModelError
from faceedge.inference.interpreter import Interpreter
from faceedge.inference.registry import Model, find_model
from faceedge.perception.identity.range_profile import RangeProfiles, leading_edge_m
from faceedge.perception.identity.spreading import SIZE, spread
from faceedge.perception.identity.window_statistics import FEATURES, FEWEST_LOOKS, LAG_S, read, window_curves
from faceedge.radar.chirp import ChirpSettings

NAME = "radar_identity"
WINDOW_S, HOP_S = 5.0, 0.5
ALIGNMENTS = 2
"""How often the model says by how much the face begins elsewhere, before the embedding is taken."""
LARGEST_STEP_M = 0.04
LONGEST_GAP_S = 0.5
"""After a longer pause the window begins anew: whoever was there may have left."""
FACTS = ("start_frequency_hz", "end_frequency_hz", "samples_per_chirp", "sample_rate_hz", "rx_antennas")
"""Of the chirp; a model is good for the chirps alone that have those of its card."""
_SAME = 1e-4


@dataclass(frozen=True, slots=True)
class Embedding:
    """Attributes:
    vector: (512,) float32 of length 1.
    stamp_ns: time of the window's last look.
    looks: how many there were.
    """

    vector: np.ndarray
    stamp_ns: int
    looks: int


class IdentityEmbedder:
    """Looks in, an embedding every half second once a window is full.

    Args:
        chirp: what the radar transmits.
        model: None takes the one that ships.

    Attributes:
        chirp, model: see above.
        size: numbers of an embedding, 512; the model's own, fewer, are spread over them.

    Raises:
        ConfigurationError: the model was made for another chirp.
        ModelError: the model is missing, corrupt, or none of this kind.
    """

    def __init__(self, chirp: ChirpSettings, model: Model | None = None) -> None:
        self.chirp = chirp
        self.model = find_model(NAME) if model is None else model
        _check_chirp(chirp, self.model.card.extra.get("chirp"), self.model.card.name)
        self._interpreter = Interpreter(self.model.path)
        _check_shapes(self._interpreter, self.model)
        self.size = SIZE
        self._profiles = RangeProfiles(chirp)
        self._lag = max(1, round(LAG_S / chirp.frame_period_s))
        self._looks: deque[tuple[int, np.ndarray]] = deque()
        self._next_ns: int | None = None

    def push(self, look: np.ndarray, stamp_ns: int) -> Embedding | None:
        """Take the next look; the embedding of the last `WINDOW_S` when one is due.

        Args:
            look: (rx, sample) ADC counts, of `FaceFrame`.
            stamp_ns: its time; when it goes back or leaves a gap, the window begins anew.

        Raises:
            InputError: the look has another shape.
        """
        if self._looks and not 0 < stamp_ns - self._looks[-1][0] <= LONGEST_GAP_S * 1e9:
            self.reset()
        self._looks.append((stamp_ns, self._profiles(look)))
        if self._next_ns is None:
            self._next_ns = stamp_ns + round((WINDOW_S - 1.5 * self._profiles.chirp.frame_period_s) * 1e9)
        while stamp_ns - self._looks[0][0] >= WINDOW_S * 1e9:
            self._looks.popleft()
        if stamp_ns < self._next_ns or len(self._looks) < FEWEST_LOOKS * self._lag:
            return None
        self._next_ns = stamp_ns + round((HOP_S - 0.5 * self._profiles.chirp.frame_period_s) * 1e9)
        vector = self._embed(np.stack([profile for _, profile in self._looks]))
        return Embedding(vector, stamp_ns, len(self._looks))

    def embed(self, looks: np.ndarray) -> np.ndarray:
        """(512,) float32 of length 1: all of these looks as one window, which need not be `WINDOW_S` long.

        Args:
            looks: (look, rx, sample) ADC counts of one person in one session.

        Raises:
            InputError: too few looks, or another shape.
        """
        if looks.ndim != 3:
            raise InputError(f"looks must be (look, rx, sample), {looks.shape} came.")
        return self._embed(self._profiles(looks))

    def reset(self) -> None:
        """Forget the looks."""
        self._looks.clear()
        self._next_ns = None

    def _embed(self, profiles: np.ndarray) -> np.ndarray:
        curves = window_curves(profiles, self._lag)
        start_m = leading_edge_m(np.square(np.abs(profiles)).mean(axis=(0, 1)))
        for _ in range(ALIGNMENTS):
            start_m += float(np.clip(self._run(curves, start_m)[0], -LARGEST_STEP_M, LARGEST_STEP_M))
        vector = self._run(curves, start_m)[1:]
        return spread(vector / max(float(np.linalg.norm(vector)), 1e-9))

    def _run(self, curves: np.ndarray, start_m: float) -> np.ndarray:
        """(1 + d,): by how many m the face begins farther away, and the embedding."""
        return np.asarray(self._interpreter.run(read(curves, start_m)[np.newaxis])[0][0])


def chirp_facts(chirp: ChirpSettings) -> dict[str, Any]:
    """The entries of `FACTS`, as a card has them."""
    entries = dataclasses.asdict(chirp)
    return {key: list(entries[key]) if isinstance(entries[key], tuple) else entries[key] for key in FACTS}


def _check_chirp(chirp: ChirpSettings, wanted: Any, name: str) -> None:
    if not isinstance(wanted, Mapping) or set(wanted) != set(FACTS):
        raise ModelError(f"the card of {name} must say under chirp: {', '.join(FACTS)}; fetch it again.")
    for key, found in chirp_facts(chirp).items():
        expected = wanted[key]
        same = found == expected
        if isinstance(found, float) and isinstance(expected, int | float):
            same = abs(found - expected) <= _SAME * abs(expected)
        if not same:
            raise ConfigurationError(
                f"the model {name} was made for chirps with {key} {expected}, this radar has {found}; use a chirp "
                "file such as bgt60_face_full_band, or train a model for this chirp."
            )


def _check_shapes(interpreter: Interpreter, model: Model) -> None:
    shapes = interpreter.input_shapes, interpreter.output_shapes
    if shapes[0] != [(1, FEATURES)] or len(shapes[1]) != 1 or len(shapes[1][0]) != 2 or shapes[1][0][1] > 1 + SIZE:
        raise ModelError(
            f"{model.path}: a model of identity maps (1, {FEATURES}) to (1, 1 + d) with d up to {SIZE}, this one has "
            f"inputs {shapes[0]} and outputs {shapes[1]}; fetch it again."
        )
