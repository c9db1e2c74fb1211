"""The message definitions of interfaces/ are those of the released packages.

The hashes were computed from the released definitions: hri_msgs 2.0.0, event_camera_msgs (2026 head) and tf2_msgs of
Jazzy. ROS 2 nodes with another hash for the same name do not exchange messages reliably, so a change here is a fault.
"""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import pytest

INTERFACES = Path(__file__).parent.parent / "interfaces"

RELEASED = {
    "event_camera_msgs/msg/EventPacket": "RIHS01_d6fa176260b1f37e5a40845305315e150a0f18191241eb64f407442aa29844aa",
    "hri_msgs/msg/EngagementLevel": "RIHS01_275391f46d2e6cc0d21085f8e02dce6a8150baa57539ec99bd9f4e0321443788",
    "hri_msgs/msg/Expression": "RIHS01_411b88e0604397d44775d8ec6a4bc69398fb0dfbfe864c33a40fa99ee85f1b00",
    "hri_msgs/msg/FacialActionUnits": "RIHS01_43f431104624b6ff7f84350f1faa3747efc8a9330dee942b717a08830a267ed3",
    "hri_msgs/msg/FacialLandmarks": "RIHS01_f1d6b0ba159f4d6be1632e5dfc9cb79ce5e35da73888da2a4789bd9b35112a63",
    "hri_msgs/msg/IdsList": "RIHS01_7e0812d1ac945c98fd3e393568d581ad0ab567f37b24eff633eab778c1bfe62d",
    "hri_msgs/msg/IdsMatch": "RIHS01_1c649d4a87ca2d4fe5f606395e83a863640e411c9192dfda6d399a68019966f0",
    "hri_msgs/msg/NormalizedPointOfInterest2D": (
        "RIHS01_cc1d2f720c82afeb850ff1dbf66f41ecb7caf19f842987f1247e66160cf03953"
    ),
    "hri_msgs/msg/NormalizedRegionOfInterest2D": (
        "RIHS01_2e50c93f1ca166ee77af9a5424dc951ae4e452b740162a7f83c082d917dcaff5"
    ),
    "tf2_msgs/msg/TFMessage": "RIHS01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087",
}


def share_folder(package: str) -> Path:
    """The installed share folder of a message package, ours or the distribution's."""
    pytest.importorskip(package, reason="the message packages are not in this environment")
    index = importlib.import_module("ament_index_python")
    return Path(index.get_package_share_directory(package))


@pytest.mark.parametrize("name", RELEASED)
def test_the_type_hash_is_that_of_the_released_package(name: str) -> None:
    package, _, message = name.split("/")
    description = json.loads((share_folder(package) / "msg" / f"{message}.json").read_text())
    hashes = {entry["type_name"]: entry["hash_string"] for entry in description["type_hashes"]}
    assert hashes[name] == RELEASED[name]


def test_every_definition_has_a_released_hash_to_compare_with() -> None:
    names = {f"{path.parent.parent.name}/msg/{path.stem}" for path in INTERFACES.glob("*/msg/*.msg")}
    assert names == set(RELEASED)


@pytest.mark.parametrize("package", sorted({name.split("/")[0] for name in RELEASED}))
def test_cmake_builds_every_definition_of_the_folder(package: str) -> None:
    listed = re.findall(r'"msg/(\w+)\.msg"', (INTERFACES / package / "CMakeLists.txt").read_text())
    assert sorted(listed) == sorted(path.stem for path in (INTERFACES / package / "msg").glob("*.msg"))


def test_colcon_leaves_the_folder_alone_on_a_machine_with_a_distribution() -> None:
    assert (INTERFACES / "COLCON_IGNORE").is_file()


def test_the_constants_of_expression_are_the_words_of_rep_155() -> None:
    expression = pytest.importorskip("hri_msgs.msg").Expression
    words = """
        neutral angry sad happy surprised disgusted scared pleading vulnerable despaired guilty disappointed
        embarrassed horrified skeptical annoyed furious suspicious rejected bored tired asleep confused amazed excited
    """.split()
    assert [getattr(expression, word.upper()) for word in words] == words


def test_the_landmarks_are_seventy_points_in_the_order_of_dlib() -> None:
    landmarks = pytest.importorskip("hri_msgs.msg").FacialLandmarks
    assert len(landmarks().landmarks) == 70
    expected = {
        "RIGHT_EAR": 0,
        "MENTON": 8,
        "LEFT_EAR": 16,
        "RIGHT_EYEBROW_OUTSIDE": 17,
        "LEFT_EYEBROW_OUTSIDE": 26,
        "SELLION": 27,
        "NOSE": 30,
        "RIGHT_EYE_OUTSIDE": 36,
        "LEFT_EYE_OUTSIDE": 45,
        "MOUTH_OUTER_RIGHT": 48,
        "MOUTH_INNER_BOTTOM_1": 67,
        "RIGHT_PUPIL": 68,
        "LEFT_PUPIL": 69,
    }
    assert {name: getattr(landmarks, name) for name in expected} == expected


def test_action_units_are_indexed_by_their_code() -> None:
    units = pytest.importorskip("hri_msgs.msg").FacialActionUnits
    assert len(units().intensity) == len(units().confidence) == 99
    expected = {
        "INNER_BROW_RAISER": 1,
        "LIP_CORNER_PULLER": 12,
        "JAW_DROP": 26,
        "EYES_CLOSED": 43,
        "FAST_UP_DOWN_LOOK": 98,
    }
    assert {name: getattr(units, name) for name in expected} == expected


def test_identifier_kinds_and_engagement_levels_have_the_released_numbers() -> None:
    messages = pytest.importorskip("hri_msgs.msg")
    match, level = messages.IdsMatch, messages.EngagementLevel
    assert [match.UNSET, match.PERSON, match.FACE, match.BODY, match.VOICE] == [0, 1, 2, 3, 4]
    assert [level.UNKNOWN, level.DISENGAGED, level.ENGAGING, level.ENGAGED, level.DISENGAGING] == [0, 1, 2, 3, 4]
