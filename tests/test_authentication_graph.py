"""Authentication and radar expression nodes as a process of their own, a radar's topics here, all over DDS.

What the radar sees is an echo that stands still, with noise: enough for the gate, and nobody whom it could recognise.
The network of the expression stage is a stand-in; everything else is the real thing.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from radar_echoes import ADC_CENTRE, echo

pytest.importorskip("rclpy", reason="ROS 2 is not installed here")
pytest.importorskip("hri_msgs.msg", reason="the hri_msgs messages are not built here")

from diagnostic_msgs.msg import DiagnosticStatus
from graph import Graph, values_of
from hri_msgs.msg import Expression, IdsList, IdsMatch
from sensor_msgs.msg import Image
from std_msgs.msg import Bool, Float32, String
from std_srvs.srv import SetBool, Trigger

from faceedge.nodes.headers import make_header, stamp_to_ns
from faceedge.nodes.qos import LATCHED, RADAR_IN, RADAR_OUT
from faceedge.nodes.radar_conversions import chirp_to_message, cube_to_image
from faceedge.radar.chirp_files import load_chirp_file

pytestmark = pytest.mark.graph

CHIRP = dataclasses.replace(load_chirp_file("bgt60_face_looks.json").chirp, frame_period_s=50e-3)
OTHER_CHIRP = dataclasses.replace(CHIRP, if_gain_db=CHIRP.if_gain_db + 5)
NODES = """
import sys
import numpy as np
from faceedge.nodes import radar_expression_node, runner
from faceedge.perception.radar_expression import decide

class Smile:
    def __init__(self, chirp):
        self.chirp = chirp
    def push(self, frame):
        return decide(np.array([0.1, 0.8, 0.06, 0.04], np.float32), 0.5, frame.stamp_ns)
    def reset(self):
        pass

radar_expression_node.RadarExpression = Smile
sys.exit(runner.main(["authentication", "radar_expression", *sys.argv[1:]]))
"""
AUTHENTICATION, EXPRESSION = "authentication", "radar_expression"


class Radar:
    """Publishes as a radar node does, from the listener's executor."""

    def __init__(self, graph: Graph) -> None:
        self.node = graph.node
        self._random = np.random.default_rng(1)
        self._echo = echo(CHIRP, 0.3)
        self.frozen: np.ndarray | None = None
        self.saturated = self.silent = False
        self.late_ns = 0
        self._adc = self.node.create_publisher(Image, "/radar/adc", RADAR_OUT)
        self._chirp = self.node.create_publisher(String, "/radar/chirp", LATCHED)
        self.transmit(CHIRP)
        self.node.create_timer(CHIRP.frame_period_s, self.frame)

    def recover(self) -> None:
        """See again what a radar in order sees."""
        self.frozen, self.saturated, self.silent, self.late_ns = None, False, False, 0

    def transmit(self, chirp: Any) -> None:
        self._chirp.publish(chirp_to_message(chirp))

    def cube(self) -> np.ndarray:
        noise = self._random.normal(0, 2, CHIRP.cube_shape)
        cube = np.rint(ADC_CENTRE + self._echo + noise).astype(np.uint16)
        if self.saturated:
            cube[:, :, ::4] = 4095
        return cube

    def frame(self) -> None:
        if not self.silent:
            cube = self.cube() if self.frozen is None else self.frozen
            self._adc.publish(cube_to_image(cube, make_header(time.time_ns() - self.late_ns, "radar")))


class Heard:
    """What the node publishes."""

    def __init__(self, graph: Graph) -> None:
        self.authenticated = graph.collect("/authentication/authenticated", Bool)
        self.score = graph.collect("/authentication/score", Float32)
        self.tracked = graph.collect("/humans/persons/tracked", IdsList, qos=LATCHED)
        self.matches = graph.collect("/humans/candidate_matches", IdsMatch)
        self.faces = graph.collect("/humans/faces/tracked", IdsList)
        self.face_id = graph.collect("/humans/persons/ada/face_id", String, qos=LATCHED)
        self.anonymous = graph.collect("/humans/persons/ada/anonymous", Bool, qos=LATCHED)

    def now(self) -> bool:
        return bool(self.authenticated and self.authenticated[-1].data)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    with Graph(tmp_path_factory.mktemp("graph")) as result:
        yield result


@pytest.fixture(scope="module")
def radar(graph: Graph) -> Radar:
    return Radar(graph)


@pytest.fixture(autouse=True)
def in_order(radar: Radar) -> Iterator[None]:
    """A test that fails leaves the radar in order for the next one."""
    yield
    radar.recover()


@pytest.fixture(scope="module")
def heard(graph: Graph) -> Heard:
    return Heard(graph)


@pytest.fixture(scope="module")
def child(graph: Graph, radar: Radar, heard: Heard) -> Any:
    """Both nodes, with all that a policy may allow except templates."""
    values = {"person": "ada", "allow_verify_other": True, "other_means": "PIN"}
    parameters = {
        "/**": {"autostart": True},
        "/**/authentication": values,
        "/**/radar_expression": {"allow_expression": True},
    }
    result = graph.start_python(NODES, parameters)
    graph.wait_for_report(AUTHENTICATION, lambda s: int(values_of(s).get("frames", 0)) > 3, "frames")
    return result


def ask(graph: Graph, service: str, kind: Any = Trigger, request: Any = None) -> Any:
    answer = graph.call(f"/authentication/{service}", kind, request or kind.Request())
    assert answer is not None
    return answer


def wait_for_the_end(graph: Graph, heard: Heard) -> None:
    """Topics have no order among each other: the diagnostics may speak of the end before the answer arrives."""
    graph.wait_for(lambda: not heard.now(), "the end of the session")


def settle(graph: Graph, heard: Heard) -> None:
    """Wait until the frames of what was before, which may still be on their way, have been answered."""
    count = len(heard.authenticated)
    graph.wait_for(lambda: len(heard.authenticated) > count + RADAR_IN.depth, "answers")


def verify(graph: Graph, heard: Heard) -> str:
    """Open a session by other means; the id of its face."""
    settle(graph, heard)
    assert ask(graph, "verify_other").success
    graph.wait_for(heard.now, "a session")
    graph.wait_for(lambda: heard.faces[-1].ids, "a face")
    return str(heard.faces[-1].ids[0])


def wait_for_reason(graph: Graph, words: str) -> DiagnosticStatus:
    return graph.wait_for_report(AUTHENTICATION, lambda s: words in s.message, f"'{words}'")


def test_nobody_is_authenticated_and_the_diagnostics_say_why(graph: Graph, heard: Heard, child: Any) -> None:
    status = wait_for_reason(graph, "not authenticated: nobody has been verified yet.")
    assert "templates are not allowed here (allow_templates: false)" in status.message
    assert values_of(status)["phase"] == "searching"
    assert not any(message.data for message in heard.authenticated)
    assert heard.faces[-1].ids == []
    waiting = graph.wait_for_report(EXPRESSION, lambda s: True, "a report")
    assert waiting.message == "waiting for an authenticated person"


def test_enrolment_is_refused_where_templates_are_not_allowed(graph: Graph, child: Any) -> None:
    answer = ask(graph, "enroll", SetBool, SetBool.Request(data=True))
    assert (answer.success, answer.message[:29]) == (False, "templates are not allowed her")


def test_a_verification_by_other_means_opens_a_session_with_person_face_and_expression(
    graph: Graph, heard: Heard, child: Any
) -> None:
    face = verify(graph, heard)
    expressions = graph.collect(f"/humans/faces/{face}/expression", Expression)
    graph.wait_for(lambda: len(expressions) > 3 and heard.face_id, "expressions and the face's id")
    assert face.startswith("radar_")
    assert heard.face_id[-1].data == face
    assert heard.anonymous[-1].data is False
    assert heard.tracked[-1].ids == ["ada"]
    match = heard.matches[-1]
    assert (match.id1, match.id1_type, match.id2, match.id2_type) == (face, IdsMatch.FACE, "ada", IdsMatch.PERSON)
    assert 0 < match.confidence <= 1
    assert 0 < heard.score[-1].data <= 1
    newest = expressions[-1]
    assert newest.expression == "happy"
    assert newest.confidence == pytest.approx(0.8)
    # 0.8 happy (0.81, 0.51), 0.06 surprised (0.40, 0.67), 0.04 angry (-0.51, 0.59), the rest neutral
    assert newest.valence == pytest.approx(0.6516, abs=1e-3)
    assert newest.arousal == pytest.approx(0.4718, abs=1e-3)
    assert 0 <= time.time_ns() - stamp_to_ns(newest.header.stamp) < 5_000_000_000
    status = graph.wait_for_report(AUTHENTICATION, lambda s: s.message == "authenticated", "the session")
    assert values_of(status)["verified by"] == "PIN"


def test_a_frozen_radar_ends_the_session_and_the_expressions(
    graph: Graph, radar: Radar, heard: Heard, child: Any
) -> None:
    face = verify(graph, heard)
    expressions = graph.collect(f"/humans/faces/{face}/expression", Expression)
    graph.wait_for(lambda: expressions, "expressions")
    radar.frozen = radar.cube()
    wait_for_reason(graph, "equals the one before sample by sample")
    wait_for_the_end(graph, heard)
    graph.wait_for(lambda: heard.tracked[-1].ids == [], "nobody tracked")
    assert heard.matches[-1].confidence == 0.0
    graph.spin(0.3)
    count = len(expressions)
    graph.spin(0.3)
    assert len(expressions) == count
    radar.recover()
    graph.wait_for_report(AUTHENTICATION, lambda s: int(values_of(s)["frames"]) > 0, "frames")
    assert not heard.now(), "only another verification opens a session"


def test_a_saturated_radar_ends_the_session(graph: Graph, radar: Radar, heard: Heard, child: Any) -> None:
    verify(graph, heard)
    radar.saturated = True
    wait_for_reason(graph, "lies at the converter's ends")
    wait_for_the_end(graph, heard)


def test_another_chirp_ends_the_session(graph: Graph, radar: Radar, heard: Heard, child: Any) -> None:
    verify(graph, heard)
    radar.transmit(OTHER_CHIRP)
    wait_for_the_end(graph, heard)
    assert "the radar's chirp has changed (if_gain_db)" in graph.output(child)
    radar.transmit(CHIRP)


def test_frames_of_long_ago_are_refused(graph: Graph, radar: Radar, heard: Heard, child: Any) -> None:
    verify(graph, heard)
    radar.late_ns = 60_000_000_000
    wait_for_reason(graph, "the radar's frames are 60.0 s old")
    wait_for_the_end(graph, heard)


def test_a_silent_radar_ends_the_session_and_is_a_warning(graph: Graph, radar: Radar, heard: Heard, child: Any) -> None:
    verify(graph, heard)
    radar.silent = True
    status = wait_for_reason(graph, "no frame for")
    assert status.level == bytes([1])
    assert values_of(status)["reason"].startswith("the radar has been silent for")
    wait_for_the_end(graph, heard)
    count = len(heard.authenticated)
    graph.wait_for(lambda: len(heard.authenticated) > count + 3, "answers while no frames come")


def test_a_session_is_closed_on_request(graph: Graph, heard: Heard, child: Any) -> None:
    verify(graph, heard)
    assert ask(graph, "close").success
    wait_for_the_end(graph, heard)
    wait_for_reason(graph, "the session was closed on request.")


def test_another_claim_ends_the_session(graph: Graph, heard: Heard, child: Any) -> None:
    verify(graph, heard)
    graph.publisher("/authentication/claim", String).publish(String(data="grace"))
    wait_for_the_end(graph, heard)
    graph.publisher("/authentication/claim", String).publish(String(data="ada"))


def test_the_end_of_the_process_says_that_nobody_is_authenticated(graph: Graph, heard: Heard, child: Any) -> None:
    graph.wait_for_report(AUTHENTICATION, lambda s: values_of(s)["claimed"] == "ada", "the claim")
    verify(graph, heard)
    assert graph.stop(child) == 0
    graph.wait_for(lambda: not heard.now(), "the last word")
    assert "Traceback" not in graph.output(child)


def test_without_a_policy_nothing_is_accepted_from_others_and_no_expression_is_looked_at(
    graph: Graph, radar: Radar
) -> None:
    strict = graph.start_python(
        NODES, {"/**": {"autostart": True}, "/**/authentication": {"adc_topic": "/radar/adc"}}, "-r", "__ns:=/strict"
    )
    status = graph.wait_for_report("strict/radar_expression", lambda s: "not allowed" in s.message, "a report")
    assert values_of(status)["policy allow_expression"] == "False"
    answer = graph.call("/strict/authentication/verify_other", Trigger, Trigger.Request())
    assert answer is not None
    assert (answer.success, "allow_verify_other: false" in answer.message) == (False, True)
    assert graph.stop(strict) == 0
