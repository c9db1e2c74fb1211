"""A synthetic person's body: a mesh that follows a motion.

Face units, breath and pulse displace the vertices linearly; eyeballs turn about their centres with the gaze, and the
lids follow as the units say; the head turns about its pivot, less and less down the neck, while the trunk keeps facing
the sensors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceedge.simulation.performance.motion import Motion
from faceedge.simulation.performance.turning import axis_and_angle, rotation
from faceedge.simulation.person.attachment import Joined, joined
from faceedge.simulation.person.following import follow_motion
from faceedge.simulation.person.head import Head, load_head
from faceedge.simulation.person.person import Person
from faceedge.simulation.person.subdivision import refine, refined_targets
from faceedge.simulation.person.wearing import worn
from faceedge.simulation.surface import PARTS, Mesh

EYEBALL_RADIUS_M = 0.012
"""Of adults (Bekerman et al., J. Ophthalmol. 2014, 503645). The modelled balls are larger, 14 to 17 mm, to fill their
lids: they turn by so much less that the pupil moves as far between the lids as a real one does."""


class Body:
    """The mesh of ``person`` and where it is.

    Args:
        person: who.
        longest_edge_m: None for the mesh as it was modelled, with which cameras see the person; a length for the
            radar's: triangles of face and ears are split, smoothly, until none has a longer edge.
        clothing_seed: of what they wear.

    The vertices of the base mesh come first in both meshes.
    """

    def __init__(self, person: Person, *, longest_edge_m: float | None = None, clothing_seed: int = 0) -> None:
        head = load_head()
        points = head.shaped(np.asarray(person.shape, np.float32)) * np.asarray(person.size, np.float32)
        skin = points[: head.vertices]
        _round_eyes(head, skin)
        put_on = worn(head, person, skin, clothing_seed)
        whole = joined(refine(head, skin + put_on.offset_m, longest_edge_m, put_on.part), put_on)
        self.person = person
        self._rest = _Rest.of(head, person, points, whole)
        self.mesh = Mesh(
            triangles=whole.refinement.triangles,
            corner_uv=whole.refinement.corner_uv,
            part=whole.part,
            reflection=whole.reflection,
            opaque=whole.opaque,
        )

    @property
    def rest_m(self) -> np.ndarray:
        """(v, 3) float32 the neutral face in the head's own frame."""
        return self._rest.points

    @property
    def nose_tip_m(self) -> np.ndarray:
        """(3,) the tip of the nose in the head's own frame, with a neutral face."""
        tip: np.ndarray = self._rest.points[load_head().landmarks["nose_tip"]].astype(np.float64)
        return tip

    def vertices(self, motion: Motion, seat_m: np.ndarray | None = None) -> np.ndarray:
        """(t, v, 3) float64 positions in m in the world's frame.

        Args:
            motion: at t times.
            seat_m: (3,) where the head's pivot is in the mean pose: the trunk leans about the hips when the head sways
                from there. None: it moves with the head.
        """
        rest = self._rest
        out = np.empty((len(motion), len(rest.points), 3))
        units = np.asarray(motion.units, np.float32)
        turn = rotation(np.asarray(motion.head_rad, np.float64))
        pivot_m = np.asarray(motion.pivot_m, np.float64)
        eyes_rad = np.zeros((len(motion), 3))
        eyes_rad[:, :2] = rest.gaze_share * np.asarray(motion.gaze_rad, np.float64)
        follow_motion(
            out, rest.points, rest.follow, rest.chest, rest.pulse, rest.neck, rest.eyes, rest.centres, rest.unit_start,
            rest.unit_vertex, rest.unit_delta, units, np.asarray(motion.chest_m, np.float64),
            np.asarray(motion.pulse_m, np.float64), pivot_m,
            *axis_and_angle(turn), turn, rotation(eyes_rad), pivot_m - (pivot_m if seat_m is None else seat_m),
        )  # fmt: skip
        return out


@dataclass(frozen=True, slots=True)
class _Rest:
    """The neutral body in the head's frame, with what moves it; all float32 but the integers.

    Attributes:
        points: (v, 3). follow: (v,). chest, pulse: (v, 3) movement for 1 m of breath and of pulse.
        neck: (m,) int64, vertices that turn or breathe in their own way. eyes: (n, 2) int64, vertices of the eyeballs
            and their side, 0 left and 1 right. centres: (2, 3) of the eyeballs.
        gaze_share: of the gaze that the eyeballs turn by.
        unit_start, unit_vertex, unit_delta: the face units, as in `faceedge.simulation.person.head.Targets`.
    """

    points: np.ndarray
    follow: np.ndarray
    chest: np.ndarray
    pulse: np.ndarray
    neck: np.ndarray
    eyes: np.ndarray
    centres: np.ndarray
    gaze_share: float
    unit_start: np.ndarray
    unit_vertex: np.ndarray
    unit_delta: np.ndarray

    @classmethod
    def of(cls, head: Head, person: Person, points: np.ndarray, whole: Joined) -> _Rest:
        refinement = whole.refinement
        skin = points[: head.vertices]
        side = np.zeros(head.vertices, np.float32)
        for number, name in enumerate(("eye_left", "eye_right"), 1):
            side[np.unique(head.triangles[head.part == PARTS.index(name)])] = number
        centres = np.stack([_middle(skin[side == number]) for number in (1, 2)])
        radius_m = np.mean([np.linalg.norm(skin[side == n] - centres[n - 1], axis=1).mean() for n in (1, 2)])
        side = np.round(refinement.apply(side[:, None])[:, 0]).astype(np.int64)
        eyes = np.flatnonzero(side)
        follow = refinement.apply(head.follow[:, None])[:, 0]
        chest = refinement.apply(_chest(head, points))
        units = refined_targets(head.units, refinement)
        return cls(
            points=refinement.apply(skin) + whole.offset_m,
            follow=np.clip(follow, 0, 1),
            chest=chest,
            neck=np.flatnonzero((follow < 0.999) | (np.abs(chest).max(axis=1) > 1e-4)),
            eyes=np.stack([eyes, side[eyes] - 1], axis=1),
            pulse=refinement.apply(_pulse(head, skin)),
            centres=centres.astype(np.float32),
            gaze_share=min(1.0, EYEBALL_RADIUS_M / radius_m),
            unit_start=units.start.astype(np.int64),
            unit_vertex=units.vertex,
            unit_delta=np.ascontiguousarray(units.delta_m * np.asarray(person.size, np.float32)),
        )


def _middle(points_m: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (points_m.min(axis=0) + points_m.max(axis=0)))


def _round_eyes(head: Head, skin_m: np.ndarray) -> None:
    """Bring the eyeballs back to the shape they were modelled in, after the head's depth and breadth changed: a ball
    that is none would swell out of the lids when it turns.
    """
    for name in ("eye_left", "eye_right"):
        rows = np.unique(head.triangles[head.part == PARTS.index(name)])
        modelled = head.base_m[rows] - _middle(head.base_m[rows])
        now = skin_m[rows] - _middle(skin_m[rows])
        scale = np.sqrt((now**2).sum() / (modelled**2).sum())
        skin_m[rows] = _middle(skin_m[rows]) + scale * modelled


def _chest(head: Head, points_m: np.ndarray) -> np.ndarray:
    """(v, 3) movement for 1 m of breath: the breastbone forward, the shoulders up a little, the neck hardly."""
    skin = points_m[: head.vertices]
    depth = points_m[head.joints["neck"], 2] - skin[:, 2]
    trunk = (1 - head.follow) * np.clip(depth / 0.12 + 0.35, 0, 1)
    shoulder = np.clip(np.abs(skin[:, 1]) / 0.17, 0, 1)
    move = np.zeros_like(skin)
    move[:, 0] = trunk * (1 - 0.6 * shoulder**2)
    move[:, 1] = trunk * 0.15 * np.sign(skin[:, 1]) * shoulder
    move[:, 2] = trunk * (0.25 + 0.35 * shoulder)
    return move.astype(np.float32)


def _pulse(head: Head, skin_m: np.ndarray) -> np.ndarray:
    """(v, 3) movement for 1 m of pulse: outward along the normals of the skin of head and neck."""
    skin = head.triangles[head.part == PARTS.index("skin")]
    corners = skin_m[skin]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal = np.zeros_like(skin_m)
    for corner in range(3):
        np.add.at(normal, skin[:, corner], face)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    return np.asarray(head.follow[:, None] * normal / np.maximum(length, 1e-12), np.float32)
