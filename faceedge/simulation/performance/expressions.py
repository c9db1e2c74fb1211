"""What a face does for an expression, and how fast.

Which muscles take part follows the prototypes of the Facial Action Coding System (Ekman, Friesen and Hager 2002,
Investigator's Guide, table of emotion predictions), written in the face units of ARKit: AU1 browInnerUp, AU2
browOuterUp, AU4 browDown, AU5 eyeWide, AU6 cheekSquint, AU7 eyeSquint, AU9 noseSneer, AU10 mouthUpperUp, AU12
mouthSmile, AU14 mouthDimple, AU15 mouthFrown, AU16 mouthLowerDown, AU17 mouthShrugLower, AU20 mouthStretch, AU23/24
mouthPress, AU25/26 jawOpen. Strengths are ours, for a clear but ordinary display; a person's own habit, the repetition
and the intensity multiply them. At 1 a unit is at the end of its movement: the corner of the mouth then goes 19 mm, and
about 0.7 of it is the smile of people who are asked for one (14 mm with a spread of 3 mm: Paletz, Manktelow and Chaban
1994, Plast. Reconstr. Surg. 93).

Durations are of the size published for deliberate and spontaneous displays:
- Smiles: onsets of 0.4 to 0.7 s, offsets as long or longer, 0.5 to 4 s in all (Frank, Ekman and Friesen 1993,
  DOI 10.1037/0022-3514.64.1.83; Schmidt, Cohn and Tian 2003, DOI 10.1016/S0301-0511(03)00098-6).
- Surprise is the fastest and sadness the slowest to rise (Hoffmann, Traue, Bachmayr and Kessler 2010,
  Cognition and Emotion 24).
- Micro-expressions: 40 to 200 ms in all, low, in a part of the face (Ekman and Friesen 1969; the corpora hold longer
  ones too: Yan et al. 2013, DOI 10.1007/s10919-013-0159-8).
- Learning states: McDaniel et al. 2007 ("Facial Features for Affective State Detection in Learning Environments"):
  confusion AU4 and AU7, frustration AU1, AU2 and AU14, boredom AU43; Grafsgaard et al. 2013 (AU4, AU14).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PRIMARY = 0.25
"""Units at least this strong are never left out of a repetition."""


@dataclass(frozen=True, slots=True)
class Expression:
    """How an expression is made.

    Attributes:
        units: strength, 0 to 1, of face units at full intensity; a name without a side stands for both.
        pose: greatest movements that may come with it: head and gaze in rad, ``headBack`` and the like in m.
        onset_s, apex_s, offset_s: medians of a macro-expression.
        spread: standard deviation of the logarithm of these durations from one repetition to the next.
        one_sided: whether one side does nearly all of it.
    """

    units: Mapping[str, float]
    pose: Mapping[str, float]
    onset_s: float
    apex_s: float
    offset_s: float
    spread: float = 0.3
    one_sided: bool = False


EXPRESSION: Mapping[str, Expression] = {
    "neutral": Expression({}, {}, 0.5, 3.0, 0.5),
    "smile": Expression(
        {"mouthSmile": 0.92, "cheekSquint": 0.48, "eyeSquint": 0.20, "mouthDimple": 0.12, "mouthUpperUp": 0.12,
         "jawOpen": 0.06, "mouthStretch": 0.08},
        {"headPitch": -0.03, "headRoll": 0.04, "headBack": 0.002}, 0.50, 1.3, 0.75,
    ),
    "happy": Expression(
        {"mouthSmile": 0.85, "cheekSquint": 0.62, "eyeSquint": 0.30, "mouthUpperUp": 0.34, "mouthDimple": 0.08,
         "jawOpen": 0.16},
        {"headPitch": -0.04, "headRoll": 0.05, "headBack": 0.004}, 0.60, 1.8, 1.00,
    ),
    "shock": Expression(
        {"browInnerUp": 0.95, "browOuterUp": 0.90, "eyeWide": 0.75, "jawOpen": 0.50, "mouthFunnel": 0.12},
        {"headPitch": -0.05, "headBack": 0.012, "headUp": 0.003}, 0.25, 1.0, 0.55,
    ),
    "surprise": Expression(
        {"browInnerUp": 0.85, "browOuterUp": 0.80, "eyeWide": 0.66, "jawOpen": 0.42, "mouthFunnel": 0.08},
        {"headPitch": -0.04, "headBack": 0.008, "headUp": 0.002}, 0.30, 0.9, 0.65,
    ),
    "anger": Expression(
        {"browDown": 0.95, "eyeSquint": 0.45, "eyeWide": 0.18, "mouthPress": 0.55, "noseSneer": 0.30,
         "mouthShrugLower": 0.18, "mouthRollLower": 0.10},
        {"headPitch": 0.05, "headBack": -0.005}, 0.60, 2.2, 0.90,
    ),
    "sad": Expression(
        {"browInnerUp": 0.70, "browDown": 0.25, "mouthFrown": 0.85, "mouthShrugLower": 0.35, "eyeSquint": 0.12,
         "mouthLowerDown": 0.08},
        {"headPitch": 0.08, "lookPitch": 0.15, "headRoll": 0.04}, 0.95, 2.2, 1.20,
    ),
    "fear": Expression(
        {"browInnerUp": 0.80, "browOuterUp": 0.45, "browDown": 0.30, "eyeWide": 0.60, "mouthStretch": 0.45,
         "jawOpen": 0.18, "mouthLowerDown": 0.10},
        {"headPitch": -0.03, "headBack": 0.010}, 0.40, 1.2, 0.80,
    ),
    "disgust": Expression(
        {"noseSneer": 0.95, "mouthUpperUp": 0.65, "browDown": 0.32, "eyeSquint": 0.30, "cheekSquint": 0.20,
         "mouthShrugLower": 0.25, "mouthFrown": 0.12},
        {"headYaw": 0.06, "headBack": 0.006, "headPitch": -0.02}, 0.55, 1.5, 0.85,
    ),
    "contempt": Expression(
        {"mouthDimple": 0.70, "mouthSmile": 0.40, "mouthPress": 0.12, "eyeSquint": 0.08},
        {"headPitch": -0.03, "headRoll": 0.04}, 0.55, 1.4, 0.80, one_sided=True,
    ),
    # The learning states hardly show at rest: most of what tells them apart are the gestures below.
    "engaged": Expression(
        {"browInnerUp": 0.04, "eyeWide": 0.06, "browDown": 0.05},
        {"headBack": -0.020, "headPitch": 0.02}, 1.5, 12.0, 1.8,
    ),
    "bored": Expression(
        {"eyeBlink": 0.16, "mouthFrown": 0.06, "mouthShrugLower": 0.05},
        {"headBack": 0.020, "headPitch": 0.06, "headRoll": 0.08, "lookPitch": 0.10}, 2.5, 12.0, 2.0,
    ),
    "confused": Expression(
        {"browDown": 0.14, "eyeSquint": 0.12, "browInnerUp": 0.05},
        {"headRoll": 0.07, "headBack": -0.010, "headYaw": 0.03}, 1.2, 10.0, 1.6,
    ),
    "frustrated": Expression(
        {"browDown": 0.10, "mouthPress": 0.12, "mouthDimple": 0.10, "browInnerUp": 0.06},
        {"headBack": 0.005, "headPitch": 0.03, "headYaw": 0.03}, 1.2, 10.0, 1.6,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gesture:
    """A short thing that a face or head does now and then; the same ones in every learning state, more or less often.

    Attributes:
        units: strengths of face units.
        pose: movements of head and gaze: rad and m.
        rise_s, stay_s, fall_s: medians.
        swings: how often it goes to and fro (nodding, shaking); 0: it only rises and falls.
    """

    units: Mapping[str, float]
    pose: Mapping[str, float]
    rise_s: float
    stay_s: float
    fall_s: float
    swings: int = 0


GESTURES: Mapping[str, Gesture] = {
    "furrow": Gesture({"browDown": 0.30, "eyeSquint": 0.12}, {}, 0.40, 1.2, 0.60),
    "brow raise": Gesture({"browInnerUp": 0.32, "browOuterUp": 0.28}, {"headPitch": -0.02}, 0.25, 0.5, 0.40),
    "squint": Gesture({"eyeSquint": 0.30, "cheekSquint": 0.10}, {"headBack": -0.008}, 0.35, 1.2, 0.50),
    "lids droop": Gesture({"eyeBlink": 0.35}, {"headPitch": 0.03}, 0.80, 1.5, 0.40),
    "lips press": Gesture({"mouthPress": 0.34, "mouthRollLower": 0.18, "mouthRollUpper": 0.12}, {}, 0.30, 0.9, 0.45),
    "dimple": Gesture({"mouthDimple": 0.32, "mouthPress": 0.12}, {}, 0.35, 0.9, 0.50),
    "faint smile": Gesture({"mouthSmile": 0.30, "cheekSquint": 0.14}, {}, 0.50, 1.0, 0.80),
    "corners down": Gesture({"mouthFrown": 0.35, "mouthShrugLower": 0.20}, {}, 0.40, 0.8, 0.60),
    "pucker": Gesture({"mouthPucker": 0.40, "mouthFunnel": 0.10}, {}, 0.35, 0.8, 0.45),
    "cheek puff": Gesture({"cheekPuff": 0.50, "mouthPucker": 0.20}, {}, 0.50, 0.5, 0.80),
    "yawn": Gesture(
        {"jawOpen": 0.85, "eyeSquint": 0.50, "eyeBlink": 0.45, "browInnerUp": 0.20, "mouthFunnel": 0.15},
        {"headPitch": -0.10, "headBack": 0.010}, 1.80, 1.2, 1.60,
    ),
    "tilt": Gesture({}, {"headRoll": 0.14}, 0.60, 2.5, 0.80),
    "lean in": Gesture({}, {"headBack": -0.030, "headPitch": 0.02, "headUp": -0.006}, 1.00, 3.5, 1.30),
    "lean back": Gesture({}, {"headBack": 0.030, "headPitch": -0.02}, 1.10, 4.0, 1.30),
    "look aside": Gesture({}, {"lookYaw": 0.45, "headYaw": 0.20}, 0.50, 1.8, 0.60),
    "look up": Gesture({}, {"lookPitch": -0.28, "lookYaw": 0.15, "headPitch": -0.06}, 0.40, 1.3, 0.45),
    "look down": Gesture({}, {"lookPitch": 0.40, "headPitch": 0.12}, 0.45, 2.2, 0.55),
    "nod": Gesture({}, {"headPitch": 0.09}, 0.16, 0.0, 0.18, swings=2),
    "shake": Gesture({}, {"headYaw": 0.10}, 0.16, 0.0, 0.16, swings=2),
}  # fmt: skip

GESTURE_RATES_PER_MIN: Mapping[str, Mapping[str, float]] = {
    "neutral": {"lips press": 0.5, "look aside": 0.6, "tilt": 0.3, "faint smile": 0.2, "brow raise": 0.3},
    "engaged": {"furrow": 1.2, "brow raise": 1.6, "squint": 0.8, "lips press": 0.9, "faint smile": 0.9, "pucker": 0.4,
                "lean in": 1.2, "look aside": 0.6, "look down": 1.4, "nod": 1.2, "tilt": 0.6, "look up": 0.4},
    "bored": {"lids droop": 2.2, "yawn": 0.35, "look aside": 2.4, "look down": 1.6, "lean back": 1.0, "tilt": 1.0,
              "corners down": 0.7, "lips press": 0.7, "cheek puff": 0.4, "furrow": 0.4, "brow raise": 0.6,
              "faint smile": 0.2, "look up": 0.8},
    "confused": {"furrow": 2.6, "squint": 1.6, "tilt": 1.4, "brow raise": 1.0, "lips press": 0.8, "look up": 1.0,
                 "lean in": 1.0, "pucker": 0.6, "look aside": 0.8, "shake": 0.3, "corners down": 0.5, "dimple": 0.4},
    "frustrated": {"furrow": 1.8, "lips press": 1.8, "dimple": 1.4, "brow raise": 1.0, "look aside": 1.0, "shake": 0.7,
                   "lean back": 0.8, "cheek puff": 0.6, "faint smile": 0.5, "corners down": 0.9, "squint": 0.7,
                   "tilt": 0.5, "look up": 0.7},
}  # fmt: skip
"""How often each gesture comes in each state. They overlap on purpose: no gesture belongs to one state alone, as in the
judgements of people, who agree poorly on these states (kappa of 0.1 to 0.4: D'Mello and Graesser 2010,
DOI 10.1007/s11257-010-9074-4)."""

BLINKS_TIMES: Mapping[str, float] = {"engaged": 0.65, "bored": 1.15, "confused": 0.9, "frustrated": 1.1}
"""Blink rate against the person's own: less while reading or attending (Bentivoglio et al. 1997,
DOI 10.1002/mds.870120629)."""
