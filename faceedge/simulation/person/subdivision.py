"""Splitting of triangles whose edges are too long for the radar, linear in the vertices of the base mesh.

A new vertex in the middle of an edge takes the weights of the butterfly scheme (Dyn, Levin and Gregory, ACM Trans.
Graph. 9:160-169, 1990): the surface gets smooth, and the vertices of the base mesh stay where they are, so that both
meshes of a person are the same person.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from faceedge.errors import ConfigurationError
from faceedge.simulation.person.head import Head, Targets
from faceedge.simulation.surface import PARTS

SHORTEST_EDGE_M = 5e-4
"""Limits below this are refused: a head would become millions of triangles."""

TRUNK_EDGE_M = 0.010
"""The trunk's triangles are split until no edge is longer than this, or the head's limit if that is more: flat pieces
of 3 cm would glint one by one where a chest reflects with one patch, and a wave front bends over them."""

HAIR_EDGE_M = 0.015
"""The same for hair, which reflects a sixth of what skin does: echoes of four people changed by -35 to -45 dB against
hair as fine as the skin's 5 mm, where halving those 5 mm changes them by -16 to -23 dB."""

_AWAY = -0.25
"""Cosine between a triangle's normal and straight ahead below which it never faces the radar."""

_WING, _BESIDE = 1 / 16, 1 / 8
_MOST_BEND = 0.12
_ROUNDS = 16


@dataclass(frozen=True, slots=True)
class Refinement:
    """A finer mesh, every vertex of which is a weighted sum of vertices of the base mesh, which come first.

    Attributes:
        weights: (v, base v) float32 sparse matrix; None: the base mesh itself.
        triangles: (f, 3) int32. corner_uv: (f, 3, 2) float32. parent: (f,) triangle of the base mesh.
    """

    weights: sparse.csr_matrix | None
    triangles: np.ndarray
    corner_uv: np.ndarray
    parent: np.ndarray

    def apply(self, values: np.ndarray) -> np.ndarray:
        """(v, n) float32 of the values (base v, n) at the base mesh's vertices."""
        if self.weights is None:
            return np.array(values, np.float32)
        return np.asarray(self.weights @ values, np.float32)


def refine(head: Head, skin_m: np.ndarray, longest_edge_m: float | None, part: np.ndarray | None = None) -> Refinement:
    """Split the triangles of ``skin_m`` (v, 3) until no edge that the radar can see of the head is too long.

    Split are the skin in front of the ears, the ears and the eyes, and the front of the trunk as far as `TRUNK_EDGE_M`;
    not the back of the head and the inside of the mouth. Where ``part`` (f,) says hair, `HAIR_EDGE_M` is short enough.
    Triangles beside them are split along with them, so that there are no gaps.

    Raises:
        ConfigurationError: ``longest_edge_m`` is too small, or no number.
    """
    mesh = Refinement(None, head.triangles, head.corner_uv, np.arange(len(head.triangles)))
    if longest_edge_m is None:
        return mesh
    if not longest_edge_m >= SHORTEST_EDGE_M:
        raise ConfigurationError(
            f"the longest edge of a triangle must be {SHORTEST_EDGE_M} m or more, got {longest_edge_m}; the radar's "
            "facets are small enough at half a wavelength, 0.0024 m"
        )
    limit_m = _limits(head, skin_m, longest_edge_m)
    if part is not None:
        bound = np.isfinite(limit_m) & (part == PARTS.index("hair"))
        limit_m[bound] = np.maximum(limit_m[bound], HAIR_EDGE_M)
    wanted = np.isfinite(limit_m)
    points = np.asarray(skin_m, np.float64)
    weights = sparse.identity(len(points), dtype=np.float32, format="csr")
    triangles, uv, parent = head.triangles, head.corner_uv, mesh.parent
    for _ in range(_ROUNDS):
        edges, edge_of = _edges(triangles)
        length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
        limits = np.full(len(edges), np.inf)
        np.minimum.at(limits, edge_of.ravel(), np.repeat(limit_m[parent], 3))
        split = length > limits
        if not split.any():
            break
        number = np.full(len(edges), -1)
        number[split] = len(points) + np.arange(split.sum())
        stencil = _butterfly(triangles, edges, edge_of, split, wanted[parent], points)
        points = np.concatenate([points, stencil @ points])
        weights = sparse.vstack([weights, stencil @ weights], format="csr").astype(np.float32)
        triangles, uv, parent = _split(triangles, uv, parent, number[edge_of], points)
    return Refinement(weights, triangles.astype(np.int32), uv.astype(np.float32), parent)


def refined_targets(targets: Targets, refinement: Refinement) -> Targets:
    """The same displacements on the finer mesh."""
    if refinement.weights is None:
        return targets
    rows, vertices, deltas = [0], [], []
    for number in range(len(targets)):
        dense = np.zeros((refinement.weights.shape[1], 3), np.float32)
        targets.add(dense, number, 1.0)
        moved = refinement.apply(dense)
        vertex = np.flatnonzero(np.abs(moved).max(axis=1) > 1e-6)
        vertices.append(vertex)
        deltas.append(moved[vertex])
        rows.append(rows[-1] + len(vertex))
    return Targets(np.array(rows, np.int32), np.concatenate(vertices).astype(np.int32), np.concatenate(deltas))


def _limits(head: Head, skin_m: np.ndarray, longest_edge_m: float) -> np.ndarray:
    """(f,) longest edge of each triangle of the base mesh; infinite where it is not worth splitting."""
    corners = skin_m[head.triangles]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    turned = across[:, 0] / np.maximum(np.linalg.norm(across, axis=1), 1e-12)
    follow = head.follow[head.triangles]
    outside = np.isin(head.part, [PARTS.index(name) for name in ("skin", "eye_left", "eye_right")])
    mouth = head.regions["inside-mouth"][head.triangles].min(axis=1) > 0.6
    face = outside & (corners[..., 0].max(axis=1) > 0.0) & (follow.min(axis=1) > 0.9) & ~mouth
    trunk = (follow.max(axis=1) < 0.9) & (head.part != PARTS.index("hair"))
    limit = np.full(len(turned), np.inf)
    limit[trunk & (turned > 0)] = max(longest_edge_m, TRUNK_EDGE_M)
    limit[face & (turned > _AWAY)] = longest_edge_m
    return limit


def _edges(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges (e, 2) and the edge (f, 3) from corner k of each triangle to the next corner."""
    pairs = np.sort(np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
    pairs = pairs.astype(np.int64)
    keys, number = np.unique(pairs[:, 0] << 32 | pairs[:, 1], return_inverse=True)
    return np.stack([keys >> 32, keys & 0xFFFFFFFF], axis=1), number.reshape(-1, 3)


def _butterfly(
    triangles: np.ndarray, edges: np.ndarray, edge_of: np.ndarray, split: np.ndarray, fine: np.ndarray,
    points: np.ndarray,
) -> sparse.csr_matrix:  # fmt: skip
    """(new, vertices) weights of the vertices in the middle of the edges to split.

    Half each end, an eighth of the two vertices beside, and minus a sixteenth of the four at the wings. The plain
    middle where a wing is missing, where a triangle beside is not ``fine`` (f,), and where the edge would bend more
    than `_MOST_BEND`: the scheme is for triangles of about one size.
    """
    sides = np.full((len(edges), 2), -1)  # of each edge: corner numbers opposite, in the triangles flattened
    uses = np.bincount(edge_of.ravel(), minlength=len(edges))
    order = np.argsort(edge_of.ravel(), kind="stable")
    first = np.cumsum(uses) - uses
    sides[uses == 2] = np.stack([order[first[uses == 2]], order[first[uses == 2] + 1]], axis=1)
    opposite = np.roll(triangles, -2, axis=1).ravel()  # the vertex across the edge that starts at this corner
    inner = np.flatnonzero(split & (uses == 2))
    row = np.full(len(edges), -1)
    row[split] = np.arange(split.sum())
    rows, columns, values = [], [], []

    def add(where: np.ndarray, vertex: np.ndarray, value: float) -> None:
        rows.append(row[where])
        columns.append(vertex)
        values.append(np.full(len(vertex), value))

    # a wing: the vertex across the edge next to the split one, in each of the two triangles
    wings = []
    for side in (0, 1):
        face, corner = np.divmod(sides[inner, side], 3)
        for step in (1, 2):
            beside = edge_of[face, (corner + step) % 3]
            there = sides[beside]
            other = np.where(there[:, 0] // 3 == face, there[:, 1], there[:, 0])
            wings.append(np.where(there[:, 0] >= 0, opposite[other], -1))
    whole = np.all([wing >= 0 for wing in wings], axis=0)
    both = np.flatnonzero(split)
    add(both, edges[both, 0], 0.5)
    add(both, edges[both, 1], 0.5)
    whole &= fine[sides[inner] // 3].all(axis=1)
    beside = [opposite[sides[inner, side]] for side in (0, 1)]
    bend = _BESIDE * sum(points[b] for b in beside) - _WING * sum(points[np.maximum(wing, 0)] for wing in wings)
    length = np.linalg.norm(points[edges[inner, 0]] - points[edges[inner, 1]], axis=1)
    whole &= np.linalg.norm(bend, axis=1) < _MOST_BEND * length
    smooth = inner[whole]
    for vertex in beside:
        add(smooth, vertex[whole], _BESIDE)
    for wing in wings:
        add(smooth, wing[whole], -_WING)
    shape = (int(split.sum()), len(points))
    return sparse.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=shape, dtype=np.float64
    )


def _split(
    triangles: np.ndarray, uv: np.ndarray, parent: np.ndarray, middle: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut triangles at the vertices ``middle`` (f, 3) on their edges (-1: none): into two, three or four."""
    marks = (middle >= 0).sum(axis=1)
    out = [(triangles[marks == 0], uv[marks == 0], parent[marks == 0])]
    halfway = 0.5 * (uv + np.roll(uv, -1, axis=1))

    def piece(chosen: np.ndarray, turn: np.ndarray, corners: tuple[str, str, str]) -> None:
        """Add triangles of corners a, b, c and middles ab, bc, ca, counted from corner ``turn``."""
        place = {"a": (0, 0), "b": (0, 1), "c": (0, 2), "ab": (1, 0), "bc": (1, 1), "ca": (1, 2)}
        vertex, coordinate = [], []
        for name in corners:
            kind, step = place[name]
            at = (turn + step) % 3
            vertex.append((triangles, middle)[kind][chosen, at])
            coordinate.append((uv, halfway)[kind][chosen, at])
        out.append((np.stack(vertex, axis=1), np.stack(coordinate, axis=1), parent[chosen]))

    one = np.flatnonzero(marks == 1)
    turn = (middle[one] >= 0).argmax(axis=1)
    piece(one, turn, ("a", "ab", "c"))
    piece(one, turn, ("ab", "b", "c"))
    two = np.flatnonzero(marks == 2)
    turn = ((middle[two] < 0).argmax(axis=1) + 1) % 3  # ab and bc are cut, ca is whole
    piece(two, turn, ("ab", "b", "bc"))
    ends = [np.take_along_axis(triangles[two], ((turn + step) % 3)[:, None], 1)[:, 0] for step in (0, 2)]
    cuts = [np.take_along_axis(middle[two], ((turn + step) % 3)[:, None], 1)[:, 0] for step in (0, 1)]
    near = np.linalg.norm(points[ends[0]] - points[cuts[1]], axis=1) <= np.linalg.norm(
        points[ends[1]] - points[cuts[0]], axis=1
    )
    piece(two[near], turn[near], ("a", "ab", "bc"))
    piece(two[near], turn[near], ("a", "bc", "c"))
    piece(two[~near], turn[~near], ("a", "ab", "c"))
    piece(two[~near], turn[~near], ("ab", "bc", "c"))
    four = np.flatnonzero(marks == 3)
    turn = np.zeros(len(four), int)
    for corners in (("a", "ab", "ca"), ("ab", "b", "bc"), ("ca", "bc", "c"), ("ab", "bc", "ca")):
        piece(four, turn, corners)
    joined = [np.concatenate(arrays) for arrays in zip(*out, strict=True)]
    return joined[0], joined[1], joined[2]
