from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from person_motion import bare, front, motion, seen
from scipy import sparse
from scipy.ndimage import binary_fill_holes

from faceedge.errors import ConfigurationError
from faceedge.simulation.performance.turning import FACING, rotation
from faceedge.simulation.person import body as body_module
from faceedge.simulation.person.acting import Acting
from faceedge.simulation.person.attachment import Attachment
from faceedge.simulation.person.body import Body
from faceedge.simulation.person.head import Head, load_head
from faceedge.simulation.person.person import Person, draw_person
from faceedge.simulation.surface import PARTS

LONGEST_M = 2.4e-3


@pytest.fixture(scope="module")
def person() -> Person:
    return draw_person(3, glasses=False, mask=False, beard=0.0)


@pytest.fixture(scope="module")
def body(person: Person) -> Body:
    return Body(person)


@pytest.fixture(scope="module")
def fine(person: Person) -> Body:
    return Body(person, longest_edge_m=LONGEST_M)


def landmark(name: str) -> int:
    return load_head().landmarks[name]


def test_the_person_faces_the_radar(body: Body) -> None:
    points = body.vertices(motion(pivot_m=(0.5, 0.1, -0.2)))[0]
    nose = np.array([0.5, 0.1, -0.2]) + body.nose_tip_m * [-1, -1, 1]
    np.testing.assert_allclose(points[landmark("nose_tip")], nose, atol=1e-7)
    assert points[landmark("cheilion_left"), 1] < points[landmark("cheilion_right"), 1]
    assert points[landmark("menton"), 2] < points[landmark("sellion"), 2]
    assert 0.10 < body.nose_tip_m[0] < 0.16


@pytest.mark.parametrize(
    ("head_rad", "nose"),
    [
        ((0.3, 0.0, 0.0), (-np.cos(0.3), -np.sin(0.3), 0.0)),  # to the person's left, the world's right
        ((0.0, 0.3, 0.0), (-np.cos(0.3), 0.0, -np.sin(0.3))),  # down
        ((0.0, 0.0, 0.3), (-1.0, 0.0, 0.0)),
    ],
)
def test_the_head_turns_as_the_motion_says(
    body: Body, head_rad: tuple[float, float, float], nose: tuple[float, float, float]
) -> None:
    middle = 0.5 * (landmark_of(body, "exocanthion_left", head_rad) + landmark_of(body, "exocanthion_right", head_rad))
    back = landmark_of(body, "opisthocranion", head_rad)
    straight = 0.5 * (landmark_of(body, "exocanthion_left") + landmark_of(body, "exocanthion_right"))
    behind = landmark_of(body, "opisthocranion")
    tilt = np.arctan2(straight[2] - behind[2], behind[0] - straight[0])
    along = (middle - back) / np.linalg.norm(middle - back)
    if head_rad[1]:
        nose = (-np.cos(0.3 - tilt), 0.0, -np.sin(0.3 - tilt))
        np.testing.assert_allclose(along, nose, atol=0.03)
    else:
        np.testing.assert_allclose(along[:2], np.array(nose[:2]) * np.cos(tilt), atol=0.05)


def landmark_of(body: Body, name: str, head_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> np.ndarray:
    return np.asarray(body.vertices(motion(head_rad=head_rad))[0, landmark(name)])


def test_a_roll_to_the_right_lowers_the_right_eye(body: Body) -> None:
    head_rad = (0.0, 0.0, 0.3)
    left, right = (landmark_of(body, f"exocanthion_{side}", head_rad) for side in ("left", "right"))
    assert right[2] < left[2] - 0.02


def test_the_trunk_stays_when_the_head_turns(body: Body) -> None:
    still, turned = body.vertices(motion())[0], body.vertices(motion(head_rad=(0.6, 0.1, 0.0)))[0]
    follow = load_head().follow
    moved_m = np.linalg.norm(turned - still, axis=1)[: len(follow)]
    assert moved_m[follow < 0.001].max() < 2e-4
    assert moved_m[landmark("nose_tip")] > 0.05


def test_a_turned_neck_does_not_tear(body: Body) -> None:
    """No edge of neck or throat grows to more than twice its length when the head turns by 45 degrees."""
    still, turned = body.vertices(motion())[0], body.vertices(motion(head_rad=(0.78, 0.0, 0.0)))[0]
    head = load_head()
    neck = (head.follow[head.triangles] < 0.999).any(axis=1) & (head.part == PARTS.index("skin"))
    edges = head.triangles[neck][:, [0, 1]]
    before, after = (np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1) for points in (still, turned))
    assert (after / before).max() < 2.0


def test_an_open_jaw_lowers_the_chin_alone(body: Body) -> None:
    still, opened = body.vertices(motion())[0], body.vertices(motion({"jawOpen": 1.0}))[0]
    assert 0.012 < still[landmark("menton"), 2] - opened[landmark("menton"), 2] < 0.04
    np.testing.assert_allclose(opened[landmark("glabella")], still[landmark("glabella")], atol=1e-4)


def test_a_smile_takes_the_corners_of_the_mouth_up_and_out(body: Body) -> None:
    still = body.vertices(motion())[0]
    smile = body.vertices(motion({"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}))[0]
    for side, outward in (("left", -1), ("right", 1)):  # the person's left is the world's right
        moved_m = smile[landmark(f"cheilion_{side}")] - still[landmark(f"cheilion_{side}")]
        assert outward * moved_m[1] > 2e-3
        assert moved_m[2] > 2e-3


def test_breath_moves_the_chest_and_the_pulse_the_face(body: Body) -> None:
    still = body.vertices(motion())[0]
    breath = body.vertices(motion(chest_m=0.01))[0] - still
    assert breath[:, 0].min() == pytest.approx(-0.01, abs=1.5e-3)
    np.testing.assert_allclose(breath[landmark("nose_tip")], 0, atol=1e-9)
    pulse = body.vertices(motion(pulse_m=1e-4))[0] - still
    assert np.linalg.norm(pulse[landmark("glabella")]) == pytest.approx(1e-4, rel=0.01)
    assert pulse[landmark("glabella"), 0] < -9e-5


def test_eyes_turn_about_their_centres_and_lids_follow(body: Body) -> None:
    gaze_rad = np.array([0.3, 0.2])
    still = body.vertices(motion())[0]
    units = {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5, "eyeLookDownLeft": 0.3, "eyeLookDownRight": 0.3}
    looking = body.vertices(motion(units, gaze_rad=(0.3, 0.2)))[0]
    for name in ("eye_left", "eye_right"):
        rows = np.unique(body.mesh.triangles[body.mesh.part == PARTS.index(name)])
        before = still[rows] - 0.5 * (still[rows].min(axis=0) + still[rows].max(axis=0))
        after = looking[rows] - 0.5 * (still[rows].min(axis=0) + still[rows].max(axis=0))
        radius_m = np.linalg.norm(before, axis=1)
        np.testing.assert_allclose(np.linalg.norm(after, axis=1), radius_m, atol=2e-6)
        assert 0.010 < radius_m.mean() < 0.018
        turn = FACING @ rotation(np.append(gaze_rad * 0.012 / radius_m.mean(), 0.0)) @ FACING
        np.testing.assert_allclose(after, before @ turn.T, atol=3e-5)
        pupil = before[:, 0].argmin()
        # to the person's left, the world's right, and down, as far as in an eye of 12 mm
        np.testing.assert_allclose((after - before)[pupil, 1:], -0.012 * np.sin(gaze_rad), atol=4e-4)
    lids = load_head().regions["eyelids"] > 0.5
    assert 5e-4 < np.linalg.norm(looking - still, axis=1)[: len(lids)][lids].max() < 6e-3
    balls = np.isin(body.mesh.part, [PARTS.index("eye_left"), PARTS.index("eye_right")])
    others = np.setdiff1d(body.mesh.triangles[~balls], body.mesh.triangles[balls])
    only_eyes = body.vertices(motion(gaze_rad=(0.3, 0.2)))[0]
    np.testing.assert_array_equal(only_eyes[others], still[others], "what is shown is what the units say")


def test_one_time_or_many_give_the_same(body: Body) -> None:
    several = motion({"jawOpen": 0.4, "mouthPucker": 0.2}, times=3, gaze_rad=(0.1, 0.0), head_rad=(0.2, 0.1, 0.0))
    together = body.vertices(several)
    assert together.shape == (3, len(body.rest_m), 3)
    assert together.dtype == np.float64
    for number in range(3):
        np.testing.assert_array_equal(body.vertices(several[number : number + 1])[0], together[number])
    assert body.vertices(several[:0]).shape == (0, len(body.rest_m), 3)


EXPRESSIONS: dict[str, dict[str, Any]] = {
    "neutral": {},
    "smile": {"units": {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}},
    "shock": {"units": {"jawOpen": 0.8, "eyeWideLeft": 1.0, "eyeWideRight": 1.0, "browInnerUp": 1.0}},
    "turned": {"head_rad": (0.5, 0.1, 0.1)},
}


def at_the_cut(body: Body) -> np.ndarray:
    """(f,) bool, the lower rim of the trunk: a chest that leans back is looked into from below there."""
    height = body.rest_m[body.mesh.triangles][..., 2].mean(axis=1)
    return np.asarray(height < height.min() + 0.06)


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.parametrize("seed", [3, 17])
def test_the_front_has_no_hole(seed: int, name: str) -> None:
    """Within the outline of the head, from minus infinity, the outside of something is seen everywhere."""
    someone = Body(draw_person(seed, glasses=False, mask=False, beard=0.0))
    points = someone.vertices(motion(**EXPRESSIONS[name]))[0]
    nearest, outside = front(points, someone.mesh)
    assert (nearest >= 0).sum() > 15_000
    lashes = (someone.mesh.part == PARTS.index("lashes"))[nearest]
    assert ((nearest >= 0) & ~outside & ~lashes & ~at_the_cut(someone)[nearest]).sum() <= 2
    something = nearest >= 0
    np.testing.assert_array_equal(binary_fill_holes(something), something)


def test_the_radars_front_has_no_hole(fine: Body) -> None:
    points = fine.vertices(motion({"mouthSmileLeft": 1.0}))[0]
    nearest, outside = front(points, fine.mesh)
    lashes = (fine.mesh.part == PARTS.index("lashes"))[nearest]
    assert ((nearest >= 0) & ~outside & ~lashes & ~at_the_cut(fine)[nearest]).sum() <= 2


def test_a_blink_hides_the_eyes(body: Body) -> None:
    for amount, hidden in ((0.0, False), (1.0, True)):
        units = {"eyeBlinkLeft": amount, "eyeBlinkRight": amount}
        nearest, _ = front(body.vertices(motion(units))[0], body.mesh, pixel_m=1e-3)
        assert (seen(nearest, body.mesh, "eye_left", "eye_right") == 0) is hidden


def test_teeth_show_only_when_the_mouth_opens(body: Body) -> None:
    closed, _ = front(body.vertices(motion())[0], body.mesh, pixel_m=1e-3)
    opened, _ = front(body.vertices(motion({"jawOpen": 0.8}))[0], body.mesh, pixel_m=1e-3)
    assert seen(closed, body.mesh, "teeth", "tongue") < 60
    assert seen(opened, body.mesh, "teeth", "tongue") > 400


def test_the_radars_mesh_is_the_same_person_in_finer_triangles(body: Body, fine: Body) -> None:
    held = motion({"mouthSmileLeft": 0.7}, head_rad=(0.2, 0.0, 0.0), gaze_rad=(0.1, 0.1))
    coarse, finer = body.vertices(held)[0], fine.vertices(held)[0]
    np.testing.assert_allclose(finer[: len(coarse)], coarse, atol=1e-6)
    corners = fine.rest_m[fine.mesh.triangles]
    edge_m = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    face = (corners[..., 0].min(axis=1) > 0.06) & (normal[:, 0] > 0) & (corners[..., 2].min(axis=1) > -0.05)
    skin = fine.mesh.part == PARTS.index("skin")
    assert face.sum() > 10_000
    # triangles inside the mouth stay large
    assert np.quantile(edge_m[face & skin], 0.98) <= LONGEST_M
    forehead = face & skin & (corners[..., 2].min(axis=1) > 0.05)
    assert edge_m[forehead].max() <= LONGEST_M * (1 + 1e-6)


def test_refined_skin_is_smooth(body: Body, fine: Body) -> None:
    """Between neighbouring triangles of the forehead the finer mesh bends far less than the base mesh."""

    def bend_rad(which: Body) -> float:
        triangles = which.mesh.triangles
        corners = which.rest_m[triangles]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        middle = corners.mean(axis=1)
        forehead = np.flatnonzero((middle[:, 2] > 0.06) & (middle[:, 2] < 0.09) & (normal[:, 0] > 0.7))
        owner: dict[tuple[int, int], int] = {}
        angles = []
        for triangle in forehead.tolist():
            for one, other in zip(triangles[triangle], np.roll(triangles[triangle], 1), strict=True):
                neighbour = owner.setdefault((min(one, other), max(one, other)), triangle)
                if neighbour != triangle:
                    angles.append(np.arccos(np.clip(normal[neighbour] @ normal[triangle], -1, 1)))
        return float(np.median(angles))

    assert bend_rad(fine) < 0.6 * bend_rad(body)


def test_hair_is_split_less_than_skin(fine: Body) -> None:
    corners = fine.rest_m[fine.mesh.triangles]
    edge_m = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    hair = (fine.mesh.part == PARTS.index("hair")) & (corners[..., 0].min(axis=1) > 0.02)
    assert hair.sum() > 200
    assert LONGEST_M < np.median(edge_m[hair]) < 0.015


@pytest.mark.parametrize("longest_m", [0.0, -1.0, 1e-4, float("nan")])
def test_triangles_that_small_are_refused(person: Person, longest_m: float) -> None:
    with pytest.raises(ConfigurationError, match="longest edge"):
        Body(person, longest_edge_m=longest_m)


@pytest.mark.parametrize("longest_m", [None, 4e-3])
def test_what_is_worn_rides_on_the_head(
    monkeypatch: pytest.MonkeyPatch, person: Person, longest_m: float | None
) -> None:
    nose = landmark("nose_tip")

    def worn(head: Head, *_: object) -> Any:
        ring = Attachment(
            weights=sparse.csr_matrix((np.ones(3), ([0, 1, 2], [nose] * 3)), shape=(3, head.vertices)),
            offset_m=np.array([[0.01, 0, 0], [0.01, 0.01, 0], [0.01, 0, 0.01]], np.float32),
            triangles=np.array([[0, 1, 2]]),
            corner_uv=np.zeros((1, 3, 2), np.float32),
            part=np.array([PARTS.index("glasses")]),
            reflection=np.array([0.9]),
            opaque=np.array([True]),
        )
        return bare(head, ring)

    monkeypatch.setattr(body_module, "worn", lambda head, *_: bare(head))
    monkeypatch.setattr(body_module, "worn", lambda head, *_: bare(head))
    plain = Body(person, longest_edge_m=longest_m)
    monkeypatch.setattr(body_module, "worn", worn)
    ringed = Body(person, longest_edge_m=longest_m)
    assert len(ringed.mesh.triangles) == len(plain.mesh.triangles) + 1
    assert PARTS[ringed.mesh.part[-1]] == "glasses"
    points = ringed.vertices(motion({"noseSneerLeft": 1.0}, head_rad=(np.pi / 2, 0.0, 0.0)))[0]
    # turned to the left the nose points to the world's -y
    np.testing.assert_allclose(points[-3] - points[nose], [0, -0.01, 0], atol=1e-6)
    np.testing.assert_allclose(points[-1] - points[nose], [0, -0.01, 0.01], atol=1e-6)


def test_acting_asks_the_performance_for_the_times(body: Body) -> None:
    class Opening:
        def motion(self, time_s: np.ndarray) -> Any:
            held = motion(times=len(time_s))
            held.units[:, 24] = time_s  # jawOpen
            return held

    acting = Acting(body, Opening())
    chin = acting.vertices(np.array([0.0, 0.5, 1.0]))[:, landmark("menton"), 2]
    assert acting.mesh is body.mesh
    assert chin[0] - chin[2] == pytest.approx(2 * (chin[0] - chin[1]), rel=1e-3)
    assert chin[0] - chin[2] > 0.01


def test_a_trunk_leans_about_the_hips_when_the_head_sways(person: Person) -> None:
    body = Body(person)
    seat, swayed = np.array([0.5, 0.0, 0.0]), motion(pivot_m=(0.51, 0.004, 0.0))
    there = body.vertices(motion(pivot_m=(0.5, 0.0, 0.0)), seat)[0]
    moved = body.vertices(swayed, seat)[0] - there
    head = load_head().follow > 0.999
    trunk = load_head().follow < 0.001
    np.testing.assert_allclose(moved[: len(head)][head], np.tile([0.01, 0.004, 0.0], (head.sum(), 1)), atol=1e-5)
    depth = -body.rest_m[: len(head), 2][trunk]
    np.testing.assert_allclose(moved[: len(head)][trunk, 0], 0.01 * (1 - np.clip(depth / 0.5, 0, 1)), atol=1e-5)
    np.testing.assert_allclose(
        body.vertices(swayed)[0] - there, np.tile([0.01, 0.004, 0.0], (len(there), 1)), atol=1e-9
    )
