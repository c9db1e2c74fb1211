"""The channels that curves add to: face units, gaze, head, pivot, breath, pulse, and the intensity for the truth."""

from __future__ import annotations

from faceedge.simulation.performance.motion import FACE_UNITS

UNITS = len(FACE_UNITS)
LOOK_YAW, LOOK_PITCH = UNITS, UNITS + 1
"""Where the person looks, in the same frame as the head's turn (not against the head)."""
YAW, PITCH, ROLL = UNITS + 2, UNITS + 3, UNITS + 4
BACK, RIGHT, UP = UNITS + 5, UNITS + 6, UNITS + 7
"""The pivot, along the world's x (away from the sensors: the person's back), y (the person's right) and z."""
CHEST, PULSE, INTENSITY = UNITS + 8, UNITS + 9, UNITS + 10
CHANNELS = UNITS + 11

_POSE = {
    "lookYaw": LOOK_YAW, "lookPitch": LOOK_PITCH, "headYaw": YAW, "headPitch": PITCH, "headRoll": ROLL,
    "headBack": BACK, "headRight": RIGHT, "headUp": UP,
}  # fmt: skip
SIDES = ("Left", "Right")


def channels_of(name: str) -> tuple[int, ...]:
    """Channels of a unit or of a pose by name: left and right of a unit that has sides and is named without one.

    Raises:
        KeyError: there is none.
    """
    if name in _POSE:
        return (_POSE[name],)
    if name in FACE_UNITS:
        return (FACE_UNITS.index(name),)
    try:
        return tuple(FACE_UNITS.index(name + side) for side in SIDES)
    except ValueError:
        raise KeyError(name) from None


UNIT = {name: index for index, name in enumerate(FACE_UNITS)}
