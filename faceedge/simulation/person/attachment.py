"""What is put on a head: cover of its own triangles, and meshes that ride on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from faceedge.simulation.person.subdivision import Refinement


@dataclass(frozen=True, slots=True)
class Attachment:
    """A mesh that rides on the head: each vertex is a weighted sum of vertices of the base mesh, plus an offset.

    Whatever moves the base mesh moves it, so it costs no more than as many vertices of skin.

    Attributes:
        weights: (n, base v) sparse matrix, rows of sum 1.
        offset_m: (n, 3) float32 from that sum, in the head's own frame.
        triangles: (f, 3) int32 vertices of this mesh. corner_uv: (f, 3, 2) float32.
        part: (f,) uint8. reflection: (f,) float32. opaque: (f,) bool; see `faceedge.simulation.surface.Mesh`.
    """

    weights: sparse.csr_matrix
    offset_m: np.ndarray
    triangles: np.ndarray
    corner_uv: np.ndarray
    part: np.ndarray
    reflection: np.ndarray
    opaque: np.ndarray


@dataclass(frozen=True, slots=True)
class Worn:
    """All that covers a head.

    Attributes:
        offset_m: (base v, 3) float32 how cloth and hair stand off the base mesh's skin, and how the trunk leans.
        part, reflection, opaque: (base f,) of the base mesh's triangles.
        meshes: what rides on it.
    """

    offset_m: np.ndarray
    part: np.ndarray
    reflection: np.ndarray
    opaque: np.ndarray
    meshes: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Joined:
    """The triangles of skin and attachments as one mesh, whose vertices are ``refinement.weights`` of the base mesh's
    plus ``offset_m`` (v, 3); ``refinement.parent`` counts only the skin's triangles.
    """

    refinement: Refinement
    offset_m: np.ndarray
    part: np.ndarray
    reflection: np.ndarray
    opaque: np.ndarray


def joined(refinement: Refinement, worn: Worn) -> Joined:
    """Add what is ``worn`` behind the vertices and triangles of ``refinement``."""
    parent = refinement.parent
    offset = [refinement.apply(worn.offset_m)]
    if not worn.meshes:
        fields = (worn.part[parent], worn.reflection[parent], worn.opaque[parent])
        return Joined(refinement, offset[0], *fields)
    count, base = len(offset[0]), len(worn.offset_m)
    weights = [sparse.identity(base, np.float32, "csr") if refinement.weights is None else refinement.weights]
    triangles, uv = [refinement.triangles], [refinement.corner_uv]
    for mesh in worn.meshes:
        weights.append(mesh.weights)
        triangles.append(mesh.triangles + count)
        uv.append(mesh.corner_uv)
        offset.append(mesh.offset_m)
        count += len(mesh.offset_m)
    whole = Refinement(
        weights=sparse.vstack(weights, format="csr").astype(np.float32),
        triangles=np.concatenate(triangles).astype(np.int32),
        corner_uv=np.concatenate(uv).astype(np.float32),
        parent=parent,
    )
    return Joined(
        refinement=whole,
        offset_m=np.concatenate(offset).astype(np.float32),
        part=np.concatenate([worn.part[parent], *(mesh.part for mesh in worn.meshes)]).astype(np.uint8),
        reflection=np.concatenate([worn.reflection[parent], *(m.reflection for m in worn.meshes)]).astype(np.float32),
        opaque=np.concatenate([worn.opaque[parent], *(mesh.opaque for mesh in worn.meshes)]).astype(bool),
    )
