"""The head that every synthetic person is a variation of, read from the asset in this package.

The asset is converted from MakeHuman's base mesh and MPFB2's targets (public domain, CC0; see ``assets/head.yaml``) by
``tools/make_head_asset.py``. Positions are metres in the head's frame: origin at the pivot (the first vertebra), x out
of the face, y to the person's left, z up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from faceedge.errors import InputError
from faceedge.simulation.performance.motion import FACE_UNITS

ASSET = Path(__file__).with_name("assets") / "head.npz"

FROWN = ((0.010, 0.020, 0.034, 0.052), (1.7, 1.45, 0.9, 0.4))
"""Distance from the middle of the face in m, and what browDown is multiplied by there."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Displacements of vertices, one target after the other, without the vertices that stay.

    Attributes:
        start: (n + 1,) int32, target k is rows start[k] to start[k + 1].
        vertex: (rows,) int32.
        delta_m: (rows, 3) float32.
    """

    start: np.ndarray
    vertex: np.ndarray
    delta_m: np.ndarray

    def __len__(self) -> int:
        return len(self.start) - 1

    def add(self, points_m: np.ndarray, number: int, amount: float) -> None:
        """Add target ``number``, times ``amount``, to ``points_m`` (v, 3) in place."""
        rows = slice(self.start[number], self.start[number + 1])
        points_m[self.vertex[rows]] += np.float32(amount) * self.delta_m[rows]


@dataclass(frozen=True, slots=True)
class Head:
    """The base mesh and everything that changes it.

    Arrays of v + j rows carry the joints behind the vertices, so that targets move joints too.

    Attributes:
        base_m: (v + j, 3) float32.
        triangles: (f, 3) int32, counter-clockwise seen from outside.
        corner_uv: (f, 3, 2) float32, see `faceedge.simulation.surface.Mesh`.
        part: (f,) uint8, see `faceedge.simulation.surface.PARTS`.
        follow: (v,) float32, how far a vertex follows the turn of the head: 0 on the trunk, 1 above the neck.
        regions: name -> (v,) float32 membership from 0 to 1: lips, ears, eyelids, inside-mouth, face.
        joints: name -> row of ``base_m``.
        landmarks: name -> vertex.
        macro_names: of the targets of ancestry, sex, age and weight, whose weights are never negative.
        axis_names: of the axes of identity, -1 to 1.
        macro, minus, plus: their targets; an axis has one for each direction (an empty one where there is none).
        units: of the 52 face units, in the order of `faceedge.simulation.performance.motion.FACE_UNITS`.
    """

    base_m: np.ndarray
    triangles: np.ndarray
    corner_uv: np.ndarray
    part: np.ndarray
    follow: np.ndarray
    regions: dict[str, np.ndarray]
    joints: dict[str, int]
    landmarks: dict[str, int]
    macro_names: tuple[str, ...]
    axis_names: tuple[str, ...]
    macro: Targets
    minus: Targets
    plus: Targets
    units: Targets

    @property
    def vertices(self) -> int:
        """How many vertices the mesh has, without the joints."""
        return len(self.follow)

    @property
    def coefficients(self) -> int:
        """How many numbers make an identity: the macro targets, then the axes."""
        return len(self.macro_names) + len(self.axis_names)

    def shaped(self, shape: np.ndarray) -> np.ndarray:
        """(v + j, 3) float32 points of the identity ``shape`` (coefficients,), about the joint ``head``.

        Raises:
            InputError: ``shape`` has another length.
        """
        if len(shape) != self.coefficients:
            raise InputError(
                f"a shape of this head has {self.coefficients} coefficients, {len(shape)} came; draw the person anew"
            )
        points = self.base_m.copy()
        for number, amount in enumerate(shape):
            self._add(points, number, float(amount), 1.0)
        about_pivot: np.ndarray = points - points[self.joints["head"]]
        return about_pivot

    def move(self, points_m: np.ndarray, number: int, before: float, after: float) -> None:
        """Take coefficient ``number`` of ``points_m`` (v + j, 3) from ``before`` to ``after``, in place."""
        self._add(points_m, number, before, -1.0)
        self._add(points_m, number, after, 1.0)

    def _add(self, points_m: np.ndarray, number: int, amount: float, sign: float) -> None:
        macros = len(self.macro_names)
        if amount and number < macros:
            self.macro.add(points_m, number, sign * amount)
        elif amount:
            (self.plus if amount > 0 else self.minus).add(points_m, number - macros, sign * abs(amount))


@cache
def load_head() -> Head:
    """Read the asset, once for each process; its arrays are shared and may not be written to."""
    with np.load(ASSET) as file:
        array = {name: file[name] for name in file.files}
    names = [tuple(str(name) for name in array[key]) for key in ("macro_names", "axis_names")]
    head = Head(
        base_m=array["base_m"],
        triangles=array["triangles"].astype(np.int32),
        corner_uv=array["corner_uv"],
        part=array["part"],
        follow=array["follow"].astype(np.float32),
        regions={
            str(n): row.astype(np.float32) / 255 for n, row in zip(array["region_names"], array["regions"], strict=True)
        },
        joints={str(name): len(array["follow"]) + row for row, name in enumerate(array["joint_names"])},
        landmarks={str(n): int(v) for n, v in zip(array["landmark_names"], array["landmarks"], strict=True)},
        macro_names=names[0],
        axis_names=names[1],
        macro=_targets(array, "macro"),
        minus=_targets(array, "minus"),
        plus=_targets(array, "plus"),
        units=_frowning(_targets(array, "unit"), array["base_m"]),
    )
    for values in (head.base_m, head.triangles, head.corner_uv, head.part, head.follow, *head.regions.values()):
        values.flags.writeable = False
    return head


def _frowning(units: Targets, base_m: np.ndarray) -> Targets:
    """``units`` whose browDown draws the brow's head down more than its tail, as the corrugator and the procerus do.

    The asset's lowers the tail twice as far as the head, which looks worried and not angry.
    """
    delta_m = units.delta_m.copy()
    for name in ("browDownLeft", "browDownRight"):
        unit = FACE_UNITS.index(name)
        rows = slice(units.start[unit], units.start[unit + 1])
        aside_m = np.abs(base_m[units.vertex[rows], 1])
        share = np.interp(aside_m, *FROWN).astype(np.float32)
        delta_m[rows] *= np.stack([share, np.minimum(share, 0.8), share], axis=1)  # brows do not meet
    return replace(units, delta_m=delta_m)


def _targets(array: dict[str, np.ndarray], prefix: str) -> Targets:
    return Targets(
        start=array[f"{prefix}_start"],
        vertex=array[f"{prefix}_vertex"].astype(np.int32),
        delta_m=array[f"{prefix}_mm"].astype(np.float32) / 1e3,
    )
