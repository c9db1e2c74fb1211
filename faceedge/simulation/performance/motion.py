"""The state of a synthetic person over time, and its truth."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

FACE_UNITS = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
"""The 52 face units as ARKit names them, in alphabetical order; left and right are the person's own."""

EXPRESSIONS = (
    "neutral", "smile", "shock", "anger", "happy", "surprise", "sad", "fear", "disgust", "contempt", "engaged", "bored",
    "confused", "frustrated",
)  # fmt: skip
"""FOODER's four (``smile`` and ``shock`` as it calls them), the basic ones, and the learning states."""

PHASES = ("rest", "onset", "apex", "offset")


@dataclass(frozen=True, slots=True)
class Motion:
    """How a person is at the times ``time_s``. Every field has the time as its first axis.

    Attributes:
        time_s: (t,) float64.
        units: (t, 52) float32, 0 to 1, in the order of `FACE_UNITS`.
        gaze_rad: (t, 2) float32 yaw and pitch of both eyes against the head: positive to the person's left, and down
            (REP-103 of the head's frame).
        head_rad: (t, 3) float32 yaw, pitch, roll of the head (z, y, x intrinsic) against facing the radar's way, in
            the head's own frame: positive yaw turns to the person's left, positive pitch nods down, positive roll tilts
            to the person's right.
        pivot_m: (t, 3) float64 where the head's pivot (first vertebra) is in the world.
        chest_m: (t,) float32 how far the breath, and the heart under it, have moved the breastbone forward.
        pulse_m: (t,) float32 how far the pulse has moved the skin of the face outward.
        breathing_rad, heart_rad: (t,) float32 phases, 0 to 2 pi; 0: breathing in begins, the beat begins.
        expression: (t,) int8 index into `EXPRESSIONS`.
        phase: (t,) int8 index into `PHASES`.
        intensity: (t,) float32, of the expression, 0 to 1.
        speaking: (t,) bool.
        calling: (t,) bool, while somebody calls the person's name.
    """

    time_s: np.ndarray
    units: np.ndarray
    gaze_rad: np.ndarray
    head_rad: np.ndarray
    pivot_m: np.ndarray
    chest_m: np.ndarray
    pulse_m: np.ndarray
    breathing_rad: np.ndarray
    heart_rad: np.ndarray
    expression: np.ndarray
    phase: np.ndarray
    intensity: np.ndarray
    speaking: np.ndarray
    calling: np.ndarray

    def __len__(self) -> int:
        return len(self.time_s)

    def __getitem__(self, index: slice) -> Self:
        return type(self)(**{field.name: getattr(self, field.name)[index] for field in fields(self)})
