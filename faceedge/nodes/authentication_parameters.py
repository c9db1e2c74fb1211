"""Parameters of the authentication node, and the settings that they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faceedge.nodes.parameters import Spec
from faceedge.perception.authentication.freshness import FreshnessSettings
from faceedge.perception.authentication.gate import GateSettings
from faceedge.perception.enrolment.enrolment import EnrolmentSettings

_GATE, _FRESH = GateSettings(), FreshnessSettings()

PARAMETERS = (
    Spec("adc_topic", "radar/adc", "Raw samples of the radar node; its topic `chirp` is expected beside it."),
    Spec("person", "", "Who is claimed to be there; empty: the only one enrolled. The topic ~/claim changes it."),
    Spec("application", "faceedge", "Templates and keys are bound to it; another application's are refused."),
    Spec("templates_folder", "", "Protected templates; empty: where `faceedge enroll` keeps them."),
    Spec("keys_folder", "", "Keys, apart from the templates, or `kernel`; empty: where `faceedge enroll` keeps them."),
    Spec(
        "sittings",
        EnrolmentSettings().sittings,
        "Of an enrolment by ~/enroll; the last third sets the threshold.",
        2,
        20,
    ),
    Spec("allow_templates", False, "Read and write templates: biometric data, so off until a policy allows it."),
    Spec(
        "allow_verify_other",
        False,
        "Accept ~/verify_other, which anyone in this ROS graph may call; protect it by SROS 2.",
    ),
    Spec("other_means", "other means", "What ~/verify_other stands for, such as PIN, card or camera."),
    Spec("accept_votes", _GATE.accept_votes, "Decisions in a row for the person that open the gate.", 1, 100),
    Spec("reject_votes", _GATE.reject_votes, "Decisions in a row against the person that close it.", 1, 1000),
    Spec("timeout_s", _GATE.timeout_s, "The gate closes so long after the last verification.", 1.0, 86_400.0),
    Spec("silent_s", _FRESH.silent_s, "Without a frame for so long nobody is authenticated.", 0.1, 10.0),
    Spec("gap_s", _FRESH.gap_s, "Most time between two frames of one session.", 0.05, 1.0),
    Spec("saturated", _FRESH.saturated, "Most of a frame's samples at the converter's ends, 0 to 1.", 0.0, 1.0),
    Spec("oldest_s", 1.0, "A frame that is older when it comes is refused: delayed or a recording.", 0.1, 60.0),
    Spec("publish_persons", True, "Say on /humans/persons and /humans/candidate_matches who is there."),
    Spec("publish_faces", True, "List the face on /humans/faces/tracked; off beside a camera's face node."),
    Spec("frame_id", "radar", "TF frame of the radar, for headers."),
)


def gate_settings(values: Mapping[str, Any]) -> GateSettings:
    """When the gate opens and how long it stays open; the rows that have the settings' names."""
    return GateSettings(**{name: values[name] for name in GateSettings.__dataclass_fields__ if name in values})


def freshness_settings(values: Mapping[str, Any]) -> FreshnessSettings:
    """Which frames count."""
    return FreshnessSettings(**{name: values[name] for name in FreshnessSettings.__dataclass_fields__})
