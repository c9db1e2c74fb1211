"""Where each texel of the head's texture lies on the head: what painting in anatomical terms needs.

Textures are painted over the base head, before identity changes it, so that a brow that is painted above the base
head's eye is above everybody's eye.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from faceedge.compiled import compiled
from faceedge.simulation.person.head import Head, load_head
from faceedge.simulation.surface import PARTS

_BLEED_TEXELS = 4
"""How far values are continued beyond seams, where a look-up interpolates and blurs."""


@dataclass(frozen=True, slots=True)
class Atlas:
    """Attributes:
    position_m: (h, w, 3) float32 place on the base head, in the head's frame; 0 where no triangle is.
    part: (h, w) int8, index into `faceedge.simulation.surface.PARTS`; -1 where no triangle is.
    regions: name -> (h, w) float32 membership 0 to 1.
    follow: (h, w) float32, how far the place follows the turn of the head: 0 on the trunk.
    eye_rad: (h, w) float32 angle from the eyeball's axis, on texels of eyes.
    eye_turn_rad: (h, w) float32 angle around that axis.
    """

    position_m: np.ndarray
    part: np.ndarray
    regions: dict[str, np.ndarray]
    follow: np.ndarray
    eye_rad: np.ndarray
    eye_turn_rad: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.part.shape[0], self.part.shape[1]

    def of(self, *parts: str) -> np.ndarray:
        """(h, w) bool, where one of the parts is."""
        return np.asarray(np.isin(self.part, [PARTS.index(name) for name in parts]))


@cache
def load_atlas(size: int = 1024) -> Atlas:
    """The atlas of the head's texture with ``size`` x ``size`` texels, once for each process; not to be written to."""
    head = load_head()
    names = tuple(head.regions)
    values = np.column_stack([head.base_m[: head.vertices], head.follow, *(head.regions[name] for name in names)])
    painted = np.zeros((size, size, values.shape[1]), np.float32)
    part = np.full((size, size), -1, np.int8)
    # Eyes last: they are the most precious texels, should islands ever touch.
    order = np.argsort(np.isin(head.part, _eyes()), kind="stable")
    _rasterise(
        np.ascontiguousarray(head.triangles[order]), np.ascontiguousarray(head.corner_uv[order] * np.float32(size)),
        np.ascontiguousarray(head.part[order]), np.ascontiguousarray(values, np.float32), painted, part,
    )  # fmt: skip
    _bleed(painted, part)
    angle, turn = _eye_angles(head, part)
    return Atlas(
        position_m=np.ascontiguousarray(painted[..., :3]),
        part=part,
        regions={name: np.ascontiguousarray(painted[..., 4 + k]) for k, name in enumerate(names)},
        follow=np.ascontiguousarray(painted[..., 3]),
        eye_rad=angle,
        eye_turn_rad=turn,
    )


def _eyes() -> list[int]:
    return [PARTS.index("eye_left"), PARTS.index("eye_right")]


@compiled
def _rasterise(
    triangles: np.ndarray, corners: np.ndarray, part: np.ndarray, values: np.ndarray, out: np.ndarray, owner: np.ndarray
) -> None:
    """Interpolate ``values`` (v, n) over triangles whose ``corners`` (f, 3, 2) are given in texels."""
    size = len(owner)
    for f in range(len(triangles)):
        ax, ay = corners[f, 0, 0], corners[f, 0, 1]
        bx, by = corners[f, 1, 0] - ax, corners[f, 1, 1] - ay
        cx, cy = corners[f, 2, 0] - ax, corners[f, 2, 1] - ay
        area = bx * cy - by * cx
        if abs(area) < 1e-9:
            continue
        left = max(int(min(ax, ax + bx, ax + cx) - 0.5), 0)
        right = min(int(max(ax, ax + bx, ax + cx) + 0.5), size - 1)
        top = max(int(min(ay, ay + by, ay + cy) - 0.5), 0)
        bottom = min(int(max(ay, ay + by, ay + cy) + 0.5), size - 1)
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                x, y = column + 0.5 - ax, row + 0.5 - ay
                b = (x * cy - y * cx) / area
                c = (bx * y - by * x) / area
                a = 1.0 - b - c
                if a < -1e-6 or b < -1e-6 or c < -1e-6:
                    continue
                owner[row, column] = part[f]
                for k in range(values.shape[1]):
                    out[row, column, k] = (
                        a * values[triangles[f, 0], k] + b * values[triangles[f, 1], k] + c * values[triangles[f, 2], k]
                    )


def _bleed(values: np.ndarray, part: np.ndarray) -> None:
    """Continue values and parts beyond the islands' edges, in place."""
    for _ in range(_BLEED_TEXELS):
        known = (part >= 0).astype(np.float32)
        around = cv2.boxFilter(known, -1, (3, 3), normalize=False)
        new = (part < 0) & (around > 0.5)
        known3 = values * known[..., None]
        for k in range(values.shape[2]):
            summed = cv2.boxFilter(known3[..., k], -1, (3, 3), normalize=False)
            values[..., k][new] = summed[new] / around[new]
        grown = cv2.dilate((part + 1).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.int8) - 1
        part[new] = grown[new]


def _eye_angles(head: Head, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(h, w) angle from the eyeball's axis and around it: the layout shows each eyeball as a disc of angles."""
    angle, around = np.zeros(part.shape, np.float32), np.zeros(part.shape, np.float32)
    for number in _eyes():
        eye = head.part == number
        rows = np.unique(head.triangles[eye])
        centre = 0.5 * (head.base_m[rows].min(axis=0) + head.base_m[rows].max(axis=0))
        away = head.base_m[head.triangles[eye]] - centre
        true = np.arctan2(np.hypot(away[..., 1], away[..., 2]), away[..., 0])
        uv = head.corner_uv[eye]
        middle = 0.5 * (uv.min(axis=(0, 1)) + uv.max(axis=(0, 1)))
        distance = np.linalg.norm(uv - middle, axis=-1)
        inner = (true > 0.1) & (true < 1.3)
        per_unit = float((true[inner] * distance[inner]).sum() / (distance[inner] ** 2).sum())
        row, column = np.nonzero(part == number)
        right, down = (column + 0.5) / part.shape[1] - middle[0], (row + 0.5) / part.shape[0] - middle[1]
        angle[row, column] = per_unit * np.hypot(right, down)
        around[row, column] = np.arctan2(-down, right)
    return angle, around
