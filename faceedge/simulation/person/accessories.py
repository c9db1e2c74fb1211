"""What rides on a head beside its own mesh: glasses, a surgical mask, and hair that hangs down.

Each comes as points in the head's frame, fitted to the person's own shape, with weights that say which vertices of the
base mesh each point follows when the face moves: none for glasses and hair, which are as stiff as the skull; the skin
below for a mask.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import sparse

from faceedge.simulation.person.appearance import metal_frame
from faceedge.simulation.person.attachment import Attachment
from faceedge.simulation.person.head import Head
from faceedge.simulation.person.layout import FRAME_PATCH, HAIR_PATCH, MASK_PATCH, Patch
from faceedge.simulation.person.person import Person
from faceedge.simulation.person.reflectivity import frame_reflection, lens_reflection, part_reflections
from faceedge.simulation.surface import PARTS

HANGING = 0.45
"""Of `Person.hair_length`: longer hair hangs over ears and neck."""

_RING_SEGMENTS, _LENS_RINGS = 40, 4
_VERTEX_DISTANCE_M = 0.013  # from the cornea to the lens, more where nose or cheeks ask for it
_CLEARANCE_M, _MOST_FORWARD_M = 0.0005, 0.012
_SLIPPED_M = 0.003  # down the nose, at most, and half of it forward
_MASK_ROWS, _MASK_COLUMNS = 18, 27
_MASK_GAP_M, _MASK_REACH_M = 0.003, 0.010
_HAIR_ROWS, _HAIR_COLUMNS = 16, 45
_HAIR_FROM_RAD, _HAIR_TOP_M, _HAIR_AXIS_M = (0.92, 1.24), 0.098, 0.045
"""Direction from straight ahead at the temple and beside the cheek, height, and axis from which hair hangs."""
_HANGING_REFLECTION = 0.10  # most of the wave is scattered or passes (assumed)


def attachments(person: Person, head: Head, surface_m: np.ndarray, seed: int = 0) -> tuple[Attachment, ...]:
    """All that the person wears.

    Args:
        person: who.
        head: the base.
        surface_m: (v, 3) the person's head with the volume of hair and beard, in the head's frame.
        seed: of how hair and glasses sit today.
    """
    base = _Base(head, surface_m)
    pieces: list[Attachment] = []
    if person.hair_length > HANGING:
        pieces.append(_hanging_hair(person, head, base, seed))
    if person.mask:
        pieces.append(_mask(head, base))
    if person.glasses:
        pieces.extend(_glasses(person, head, base, seed))
    return tuple(pieces)


class _Base:
    """What attachments are fixed to: ``points`` (v, 3), and ways to ride on them."""

    def __init__(self, head: Head, points: np.ndarray) -> None:
        self.points = points
        self._skull = [head.landmarks["eurion_left"], head.landmarks["eurion_right"]]
        trunk = np.flatnonzero(head.follow < 0.02)
        self._trunk = trunk[np.argmin(np.linalg.norm(points[trunk] - points[trunk].mean(axis=0), axis=1))]

    def skull(self, count: int, loose: np.ndarray | None = None) -> sparse.csr_matrix:
        """(count, v) weights that follow the skull: both its sides, so that the pulse of their skin cancels.

        ``loose`` (count,), 0 to 1, is how far a point stays with the trunk instead.
        """
        share = np.zeros(count) if loose is None else loose
        rows = np.tile(np.arange(count), 3)
        columns = np.repeat([*self._skull, self._trunk], count)
        values = np.concatenate([0.5 * (1 - share), 0.5 * (1 - share), share])
        return sparse.csr_matrix((values, (rows, columns)), shape=(count, len(self.points)), dtype=np.float32)

    def attach(
        self, points: np.ndarray, triangles: np.ndarray, corner_uv: np.ndarray, part: str, reflection: float,
        *, opaque: bool = True, weights: sparse.csr_matrix | None = None,
    ) -> Attachment:  # fmt: skip
        """A mesh of ``points`` (n, 3) in the head's frame, of one material; it follows the skull if not ``weights``."""
        count = len(triangles)
        weights = self.skull(len(points)) if weights is None else weights
        return Attachment(
            weights=weights,
            offset_m=np.asarray(points - weights @ self.points, np.float32),
            triangles=np.asarray(triangles, np.int32),
            corner_uv=np.asarray(corner_uv, np.float32),
            part=np.full(count, PARTS.index(part), np.uint8),
            reflection=np.full(count, reflection, np.float32),
            opaque=np.full(count, opaque),
        )


def grid_triangles(rows: int, columns: int, *, closed: bool = False) -> np.ndarray:
    """(f, 3) int32 triangles of a grid of points, row by row; ``closed`` joins the last column to the first.

    Counter-clockwise seen from where rows run down and columns to the right.
    """
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns if closed else columns - 1), indexing="ij")
    a = (row * columns + column).ravel()
    b = (row * columns + (column + 1) % columns).ravel()
    c, d = a + columns, b + columns
    return np.concatenate([np.stack([a, c, b], axis=1), np.stack([b, c, d], axis=1)]).astype(np.int32)


def _grid_uv(patch: Patch, rows: int, columns: int, triangles: np.ndarray) -> np.ndarray:
    """(f, 3, 2) of a grid that fills a patch."""
    row, column = np.divmod(np.arange(rows * columns), columns)
    uv: np.ndarray = patch.uv(column / max(columns - 1, 1), row / max(rows - 1, 1))[triangles]
    return uv


# Hair


def _hanging_hair(person: Person, head: Head, base: _Base, seed: int) -> Attachment:
    """A curtain from temple to temple around the back of the head, both its sides."""
    random = np.random.default_rng((seed, 41))
    length = (person.hair_length - HANGING) / (1 - HANGING)
    widest = np.linspace(_HAIR_FROM_RAD[0], 2 * np.pi - _HAIR_FROM_RAD[0], _HAIR_COLUMNS)
    down = np.linspace(0, 1, _HAIR_ROWS)[:, None]
    temple, cheek = _HAIR_FROM_RAD
    start = cheek + (temple - cheek) * np.exp(-((down / 0.28) ** 2)) + 0.05 * random.normal()
    angle = np.pi + (np.pi - start) * np.linspace(-1, 1, _HAIR_COLUMNS)
    locks = random.normal(size=_HAIR_COLUMNS)
    height = _HAIR_TOP_M + (-0.035 - 0.13 * length - _HAIR_TOP_M) * down + 0.006 * locks * down
    axis = np.array([_HAIR_AXIS_M * person.size[0], 0.0])
    wide = _radius_at(base.points[head.follow > 0.95], axis, widest, height)
    radius = np.stack([np.interp(way, widest, row) for way, row in zip(angle, wide, strict=True)])
    # It comes out of the hair on the scalp, lies on it, and hangs from where the head is widest.
    radius = cv2.GaussianBlur(np.maximum.accumulate(radius, axis=0), (0, 0), 1.5, borderType=cv2.BORDER_REPLICATE)
    radius += np.interp(down, (0.0, 0.08, 0.25), (-0.016, -0.002, 0.004)) * (1 - 0.10 * np.maximum(down - 0.5, 0))
    from_edge = np.minimum(np.arange(_HAIR_COLUMNS), np.arange(_HAIR_COLUMNS)[::-1])
    radius -= 0.010 * np.exp(-from_edge / 1.2) * (1 - 0.6 * down)
    radius += 0.004 * np.convolve(locks, (0.25, 0.5, 0.25), "same") * down
    x, y, z = axis[0] + radius * np.cos(angle), radius * np.sin(angle), height
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    outside = grid_triangles(_HAIR_ROWS, _HAIR_COLUMNS)
    uv = _grid_uv(HAIR_PATCH, _HAIR_ROWS, _HAIR_COLUMNS, outside)
    loose = np.tile(np.broadcast_to(0.4 * np.maximum(down - 0.4, 0), x.shape).ravel(), 2)
    return base.attach(
        np.concatenate([points, points]),
        np.concatenate([outside, outside[:, ::-1] + len(points)]),
        np.concatenate([uv, uv[:, ::-1]]),
        "hair",
        _HANGING_REFLECTION,
        weights=base.skull(2 * len(points), loose),
    )


def _radius_at(points: np.ndarray, axis: np.ndarray, angle: np.ndarray, height: np.ndarray) -> np.ndarray:
    """(rows, columns) how far the outermost of ``points`` are from a vertical axis, around a direction and a height."""
    around = np.arctan2(points[:, 1] - axis[1], points[:, 0] - axis[0])
    distance = np.hypot(points[:, 0] - axis[0], points[:, 1] - axis[1])
    out = np.zeros(height.shape)
    for column, way in enumerate(angle):
        apart = np.abs((around - way + np.pi) % (2 * np.pi) - np.pi)
        beside = apart < 0.16
        level = np.abs(points[beside, 2][None] - height[:, column][:, None])
        out[:, column] = np.where(level < 0.012, distance[beside][None], 0).max(axis=1, initial=0.0)
    return out


# Mask


def _mask(head: Head, base: _Base) -> Attachment:
    """A sheet over nose, mouth and chin that touches where the face stands out."""
    place = head.base_m[: head.vertices]
    skin = (place[:, 0] > 0.03) & (head.regions["inside-mouth"] < 0.5) & (np.abs(place[:, 2] + 0.04) < 0.075)
    skin &= head.follow > 0.95
    rows = np.flatnonzero(skin)
    axis_x = 0.03
    arc = np.arctan2(place[rows, 1], place[rows, 0] - axis_x)
    across = np.linspace(-1.02, 1.02, _MASK_COLUMNS)
    share = np.linspace(0, 1, _MASK_ROWS)[:, None]
    top = 0.012 - 0.016 * (np.abs(across) / 1.02) ** 0.8
    bottom = -0.092 + 0.034 * (np.abs(across) / 1.02) ** 1.5
    height = top + (bottom - top) * share
    flat = 0.09 * np.column_stack([np.broadcast_to(across, height.shape).ravel(), height.ravel() / 0.09])
    apart = np.linalg.norm(flat[:, None] - np.column_stack([0.09 * arc, place[rows, 2]])[None], axis=2)
    weights = np.exp(-((apart / (0.5 * _MASK_REACH_M)) ** 2))
    weights += 1e-9 / (1 + apart)
    weights /= weights.sum(axis=1, keepdims=True)
    weights[weights < 1e-3] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    # Radius about a vertical axis through the head: the outermost of what is near, so hollows are bridged.
    here = base.points[rows]
    radius = np.hypot(here[:, 0] - axis_x, here[:, 1])
    outer = np.where(apart < _MASK_REACH_M, radius, 0).max(axis=1)
    outer = np.maximum(outer, (weights * radius).sum(axis=1)).reshape(height.shape)
    for _ in range(2):
        padded = np.pad(outer, 1, mode="edge")
        mean = (padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]) / 4
        outer = np.maximum(mean, outer - 0.002)
    outer = outer + _MASK_GAP_M
    turned = np.arctan2((weights * here[:, 1]).sum(1), (weights * (here[:, 0] - axis_x)).sum(1)).reshape(height.shape)
    z = (weights * here[:, 2]).sum(1).reshape(height.shape)
    points = np.stack([axis_x + outer * np.cos(turned), outer * np.sin(turned), z], axis=-1).reshape(-1, 3)
    triangles = grid_triangles(_MASK_ROWS, _MASK_COLUMNS)
    matrix = sparse.csr_matrix((len(points), head.vertices), dtype=np.float32).tolil()
    matrix[:, rows] = weights.astype(np.float32)
    return base.attach(
        points, triangles, _grid_uv(MASK_PATCH, _MASK_ROWS, _MASK_COLUMNS, triangles), "mask",
        part_reflections()["mask"], opaque=False, weights=matrix.tocsr(),
    )  # fmt: skip


# Glasses


def _glasses(person: Person, head: Head, base: _Base, seed: int) -> list[Attachment]:
    """Frame (two rims, bridge, arms to the ears) and two lenses."""
    random = np.random.default_rng((person.seed, 36))
    metal = metal_frame(person)
    bar_m = 0.0016 if metal else float(random.uniform(0.0025, 0.0042))
    slipped_m = _SLIPPED_M * np.random.default_rng((seed, 37)).random()
    half = np.array([random.uniform(0.023, 0.0265), random.uniform(0.0165, 0.0215)])
    power = random.uniform(2.2, 4.0)
    eye = {side: _eye(head, base.points, f"eye_{side}") for side in ("left", "right")}
    plane_x = max(eye["left"][0], eye["right"][0]) + _VERTEX_DISTANCE_M
    sellion = base.points[head.landmarks["sellion"]]
    plane_x = max(plane_x, float(sellion[0]) + 0.001)
    pieces = []
    reflection = frame_reflection(metal)
    ears = head.regions["ears"] > 0.5
    rims = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        centre = np.array([plane_x, eye[side][1] + sign * 0.001, eye[side][2] - 0.004 - slipped_m])
        rims[side] = _rim(centre, half, power, sign)
    on_head = base.points[head.follow > 0.95]
    forward = max(_behind(on_head, rim) for rim in rims.values()) + bar_m / 2 + _CLEARANCE_M + slipped_m / 2
    for side, sign in (("left", 1.0), ("right", -1.0)):
        rim = rims[side] + [float(np.clip(forward, 0.0, _MOST_FORWARD_M)), 0.0, 0.0]
        pieces.append(_frame(base, _tube(rim, bar_m, closed=True), reflection))
        pieces.append(_lens(base, rim))
        outer = rim[np.argmax(sign * rim[:, 1])]
        ear = base.points[ears & (sign * base.points[:, 1] > 0)]
        tip = ear[np.argmax(ear[:, 2])]
        hinge = outer + [0.0, sign * 0.001, 0.006]
        end = np.array([tip[0] - 0.005, tip[1] - sign * 0.002, tip[2] - 0.008])
        along = np.linspace(0, 1, 12)[:, None]
        arm = hinge + (end - hinge) * along
        widest = np.abs(
            base.points[(head.follow > 0.95) & ~ears & (np.abs(base.points[:, 2] - hinge[2]) < 0.02), 1]
        ).max()
        arm[:, 1] = sign * np.maximum(np.abs(arm[:, 1]), np.minimum(widest + 0.003, abs(end[1]) + 0.004) * along[:, 0])
        pieces.append(_frame(base, _tube(arm, 0.8 * bar_m, closed=False, tall=1.6), reflection))
        if side == "left":
            inner_left = rim[np.argmin(rim[:, 1])]
        else:
            inner_right = rim[np.argmax(rim[:, 1])]
    over = np.linspace(0, 1, 7)[:, None]
    bridge = inner_left + (inner_right - inner_left) * over
    bridge[:, 2] += 0.004 * np.sin(np.pi * over[:, 0]) + 0.003
    bridge[:, 0] += 0.002 * np.sin(np.pi * over[:, 0])
    pieces.append(_frame(base, _tube(bridge, bar_m, closed=False), reflection))
    return pieces


def _eye(head: Head, surface_m: np.ndarray, name: str) -> np.ndarray:
    """(3,) the foremost point of an eyeball's depth, and its middle's y and z."""
    points = surface_m[np.unique(head.triangles[head.part == PARTS.index(name)])]
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    return np.array([points[:, 0].max(), middle[1], middle[2]])


def _behind(points: np.ndarray, rim: np.ndarray) -> float:
    """How far the foremost of ``points`` beside the outline stands before it; negative: clear of all."""
    apart = np.linalg.norm(points[None, :, 1:] - rim[:, None, 1:], axis=2)
    before = np.where(apart < 0.004, points[None, :, 0] - rim[:, None, 0], -1.0)
    return float(before.max())


def _rim(centre: np.ndarray, half: np.ndarray, power: float, sign: float) -> np.ndarray:
    """(n, 3) outline of a lens: a superellipse that bends back towards the temple."""
    angle = np.linspace(0, 2 * np.pi, _RING_SEGMENTS, endpoint=False)
    across = half[0] * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / power)
    up = half[1] * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / power)
    y = centre[1] + across
    back = 2.0 * np.maximum(sign * y - 0.012, 0) ** 2 + 0.12 * np.abs(up) * (up < 0)
    return np.stack([centre[0] - back, y, centre[2] + up], axis=1)


def _tube(path: np.ndarray, bar_m: float, *, closed: bool, tall: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Points and triangles of a bar with a square section along ``path`` (n, 3)."""
    ahead = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    if not closed:
        ahead[0], ahead[-1] = path[1] - path[0], path[-1] - path[-2]
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    out = np.array([1.0, 0.0, 0.0]) if closed or abs(ahead[0, 0]) < 0.7 else np.array([0.0, 0.0, 1.0])
    one = out - (ahead @ out)[:, None] * ahead
    one /= np.linalg.norm(one, axis=1, keepdims=True)
    two = np.cross(ahead, one)
    corners = [(1, 1), (1, -1), (-1, -1), (-1, 1)]
    points = np.stack([path + bar_m / 2 * (tall * a * one + b * two) for a, b in corners], axis=1)
    count = len(path)
    triangles = grid_triangles(count + 1 if closed else count, 4, closed=True) % (4 * count)
    middle = points.mean(axis=1)
    corner = points.reshape(-1, 3)[triangles]
    normal = np.cross(corner[0, 1] - corner[0, 0], corner[0, 2] - corner[0, 0])
    if normal @ (corner[0].mean(axis=0) - middle[0]) < 0:
        triangles = triangles[:, ::-1]
    return points.reshape(-1, 3), triangles


def _frame(base: _Base, tube: tuple[np.ndarray, np.ndarray], reflection: float) -> Attachment:
    points, triangles = tube
    # Faces with vertices of their own look like edges, not like a round bar.
    uv = FRAME_PATCH.uv(np.full(triangles.shape, 0.5), np.full(triangles.shape, 0.5))
    return base.attach(points, triangles, uv, "glasses", reflection)


def _lens(base: _Base, rim: np.ndarray) -> Attachment:
    """A sheet that fills the rim."""
    middle = rim.mean(axis=0)
    share = np.linspace(1, 0, _LENS_RINGS, endpoint=False)
    points = np.concatenate([middle + (rim - middle) * s for s in share] + [middle[None]])
    count = len(rim)
    triangles = grid_triangles(_LENS_RINGS, count, closed=True)
    last = (_LENS_RINGS - 1) * count + np.arange(count)
    tip = np.full(count, len(points) - 1)
    triangles = np.concatenate([triangles, np.stack([last, tip, np.roll(last, -1)], axis=1)])
    corner = points[triangles[0]]
    if np.cross(corner[1] - corner[0], corner[2] - corner[0])[0] < 0:
        triangles = triangles[:, ::-1]
    uv = FRAME_PATCH.uv(np.full(triangles.shape, 0.5), np.full(triangles.shape, 0.5))
    return base.attach(points, triangles, uv, "glasses", lens_reflection(), opaque=False)
