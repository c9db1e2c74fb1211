"""`faceedge enroll` and `faceedge verify` with recordings and a device that are none, and an end by kill -9."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from sittings import CHIRP, StandInEmbedder, empty, looks, record

from faceedge.cli import enroll, enroll_consent, radar_frames, verify
from faceedge.errors import ConfigurationError, FaceedgeError, InputError
from faceedge.perception.enrolment.consent import ConsentRefusedError
from faceedge.perception.templates.places import open_vault
from faceedge.perception.templates.refusals import TemplateError
from faceedge.perception.templates.vault import Vault
from faceedge.radar.face_frames import FaceFrame


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two synthetic people, three sessions each, and one that is not marked as synthetic."""
    folder = tmp_path_factory.mktemp("sessions")
    for person in (1, 2):
        for number in range(3):
            record(folder / f"p{person}" / f"s{number}", looks(person, 110, range_m=0.3 + 0.04 * number, seed=number))
    for number in range(2):
        record(folder / f"real{number}", looks(3, 110, seed=number), synthetic=False)
    record(folder / "empty", empty(110))
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACEEDGE_TEMPLATES", str(tmp_path / "templates"))
    monkeypatch.setenv("FACEEDGE_KEYS", str(tmp_path / "keys"))
    return tmp_path


def vault() -> Vault:
    return open_vault()


def arguments(command: object, *words: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)  # type: ignore[attr-defined]
    return parser.parse_args([str(word) for word in words])


def run_enroll(*words: object, embedder: StandInEmbedder | None = None) -> str:
    out = io.StringIO()
    status = enroll.main(
        arguments(enroll, *words), Console(file=out, width=100, highlight=False), embedder or StandInEmbedder()
    )
    assert status == 0
    return out.getvalue()


def given(sessions: Path, person: int, *numbers: int) -> list[object]:
    return [word for number in numbers for word in ("--recording", sessions / f"p{person}" / f"s{number}")]


def test_synthetic_recordings_become_a_template_without_anybody_to_ask(home: Path, sessions: Path) -> None:
    said = run_enroll("mia", *given(sessions, 1, 0, 1, 2))
    assert "mia is synthetic: there is nobody who could agree." in said
    assert "sitting 3 of 3   10.6 s" in said
    assert "mia  is enrolled (synthetic person)." in said
    assert "from 2 of 3 sittings, 6 protected values" in said
    template = vault().get("mia")
    assert template.consent["synthetic"] == "yes"
    assert template.chirp.start_frequency_hz == CHIRP.start_frequency_hz


def test_only_the_person_is_verified(home: Path, sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_enroll("mia", *given(sessions, 1, 0, 1))
    out = io.StringIO()
    words = ["mia", "--recording", sessions / "p1" / "s2"]
    status = verify.main(arguments(verify, *words), Console(file=out, width=100), StandInEmbedder())
    assert status == 0
    assert "this is mia: median score" in out.getvalue()
    assert "accepted" in out.getvalue()
    words = ["mia", "--json", "--recording", sessions / "p2" / "s0"]
    assert verify.main(arguments(verify, *words), Console(file=out), StandInEmbedder()) == 2
    facts = json.loads(capsys.readouterr().out)
    assert facts["accepted"] is False
    assert facts["median"] < facts["threshold"]
    assert facts["decisions"][0]["time_s"] == pytest.approx(2.2, abs=0.5)


def test_who_is_not_enrolled_and_an_empty_room_get_no_decision(home: Path, sessions: Path) -> None:
    with pytest.raises(TemplateError, match="mia is not enrolled"):
        verify.main(arguments(verify, "mia", *given(sessions, 1, 0)), None, StandInEmbedder())
    run_enroll("mia", *given(sessions, 1, 0, 1))
    with pytest.raises(InputError, match="no decision could be made: somebody has to sit"):
        verify.main(arguments(verify, "mia", "--recording", sessions / "empty"), None, StandInEmbedder())


def test_the_same_person_under_another_name_is_found_unless_the_operator_knows_better(
    home: Path, sessions: Path
) -> None:
    run_enroll("mia", *given(sessions, 1, 0, 1), embedder=StandInEmbedder(noise=0.02))
    again = ["tom", *given(sessions, 1, 0, 1)]
    exact = StandInEmbedder(noise=0.0)
    with pytest.raises(InputError, match=r"who is enrolled already.*Nothing was stored\. If tom is somebody else"):
        run_enroll(*again, embedder=exact)
    assert vault().names() == ["mia"]
    run_enroll(*again, "--distinct-from", "mia", embedder=exact)
    run_enroll("eve", *given(sessions, 2, 0, 1))
    assert vault().names() == ["eve", "mia", "tom"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "say where the radar's frames come from"),
        (["--source", "iwr6843"], "does not send; use a BGT60TR13C"),
        (["--source", "bgt60_bridge"], "templates of faces are off until somebody allows them"),
        (["--recording", "real0", "--recording", "real1"], "templates of faces are off"),
        (["--recording", "p1/s0"], "one recording is given, at least two are needed"),
        (["--recording", "p1/s0", "--recording", "p1/s0"], "is given twice"),
        (["--recording", "p1/s0", "--recording", "real0"], "templates of faces are off"),
        (["--recording", "p1/s0", "--recording", "empty"], "sitting 2 cannot be used: nobody was seen"),
        (["--recording", "nothing", "--recording", "p1/s0"], "no recording folder at"),
        (["--recording", "real0", "--recording", "real1", "--allow-templates"], "nobody can be asked for consent here"),
    ],
)
def test_what_cannot_work_is_said_and_nothing_is_stored(
    home: Path, sessions: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], sentence: str
) -> None:
    monkeypatch.chdir(sessions)
    extra = ["--allow-templates"] if "iwr6843" in words else []
    with pytest.raises(FaceedgeError, match=sentence):
        run_enroll("mia", *words, *extra)
    assert not (home / "templates").exists()
    assert not (home / "keys").exists()


def test_names_that_are_no_names_and_people_who_are_enrolled_are_refused(home: Path, sessions: Path) -> None:
    with pytest.raises(InputError, match="letters, digits and underscores"):
        run_enroll("../mia", *given(sessions, 1, 0, 1))
    run_enroll("mia", *given(sessions, 1, 0, 1))
    before = vault().get("mia")
    with pytest.raises(ConfigurationError, match="mia is enrolled already; add --replace"):
        run_enroll("mia", *given(sessions, 1, 1, 2))
    run_enroll("mia", *given(sessions, 1, 1, 2), "--replace")
    assert vault().get("mia").created > before.created


def test_consent_given_on_paper_is_on_record(home: Path, sessions: Path) -> None:
    words = ["--recording", sessions / "real0", "--recording", sessions / "real1", "--allow-templates"]
    said = run_enroll("mia", *words, "--agreed-by", "Ada", "--guardian")
    assert "Ada, guardian of mia, agreed at" in said
    record_of = vault().get("mia").consent
    assert (record_of["agreed_by"], record_of["guardian"], record_of["means"]) == ("Ada", "yes", "paper")


def dialogue(*answers: str) -> tuple[list[str], object]:
    """What is asked, and the record or the refusal's sentence that these answers lead to."""
    asked: list[str] = []
    left = iter(answers)

    def answer(question: str) -> str:
        asked.append(question)
        return next(left)

    console = Console(file=io.StringIO(), width=100)
    try:
        return asked, enroll_consent.ask("mia", 16, console, 3, answer)
    except ConsentRefusedError as error:
        return asked, str(error)


def test_a_grown_up_agrees_alone() -> None:
    asked, record_of = dialogue("y", "YES ")
    assert len(asked) == 2
    assert (record_of.agreed_by, record_of.guardian, record_of.means) == ("mia", False, "terminal")  # type: ignore[attr-defined]


def test_for_somebody_under_age_a_guardian_agrees_and_the_child_may_still_say_no() -> None:
    _, record_of = dialogue("n", "Ada", "y", "y")
    assert (record_of.agreed_by, record_of.guardian) == ("Ada", True)  # type: ignore[attr-defined]
    assert dialogue("n", "Ada", "y", "n")[1] == "mia did not agree; nothing was captured and nothing was stored."
    assert dialogue("n", "Ada", "n")[1] == "Ada did not agree; nothing was captured and nothing was stored."
    assert dialogue("n", " ")[1] == "A guardian did not agree; nothing was captured and nothing was stored."


@pytest.mark.parametrize("answers", [("y", "n"), ("y", ""), ("y", "perhaps", "perhaps", "perhaps")])
def test_anything_but_a_clear_yes_is_a_no(answers: tuple[str, ...]) -> None:
    assert dialogue(*answers)[1] == "mia did not agree; nothing was captured and nothing was stored."


class FakeSource:
    """A device whose frames are computed."""

    chirp = CHIRP
    description = "a device that is none"

    def __init__(self) -> None:
        self.opened = False

    def __enter__(self) -> FakeSource:
        self.opened = True
        return self

    def __exit__(self, *rest: object) -> None:
        return None


def test_no_frame_is_read_from_a_device_before_somebody_has_agreed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = FakeSource()
    monkeypatch.setattr(radar_frames, "live_source", lambda args: source)
    monkeypatch.setattr("builtins.input", lambda *_: "n")
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    words = arguments(enroll, "mia", "--source", "bgt60_bridge", "--allow-templates")
    with pytest.raises(ConsentRefusedError, match="nothing was captured"):
        enroll.main(words, console, StandInEmbedder())
    assert not source.opened
    assert not (home / "templates").exists()


def test_a_device_leads_through_the_sittings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sittings import frames

    def seen(source: FakeSource) -> Iterator[FaceFrame]:
        first = 0
        for samples in (looks(1, 330, sway_m=0.05), empty(40), looks(1, 330, sway_m=0.05)):
            yield from frames(samples, first)
            first += len(samples)

    monkeypatch.setattr(radar_frames, "live_source", lambda args: FakeSource())
    monkeypatch.setattr(radar_frames, "live_frames", seen)
    words = ("mia", "--source", "bgt60_bridge", "--sittings", 2, "--allow-templates", "--agreed-by", "mia")
    said = run_enroll(*words)
    assert "[still 0%]: Sit as you usually do and look straight ahead." in said
    assert "Please stand up and go a few steps away." in said
    assert "mia  is enrolled (person)." in said


ENROL_FOR_EVER = """
import sys
from rich.console import Console
from sittings import StandInEmbedder
from test_enroll_command import arguments
from faceedge.cli import enroll
while True:
    print("began", flush=True)
    words = ["mia", "--replace", "--recording", sys.argv[1], "--recording", sys.argv[2]]
    enroll.main(arguments(enroll, *words), Console(file=sys.stderr), StandInEmbedder())
    print("stored", flush=True)
"""


def test_kill_9_in_the_middle_leaves_a_template_that_is_valid(home: Path, sessions: Path) -> None:
    run_enroll("mia", *given(sessions, 1, 0, 1))
    first = vault().get("mia").created
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", ENROL_FOR_EVER, str(sessions / "p1" / "s0"), str(sessions / "p1" / "s1")]
    seen = set()
    for stored in (0, 1, 2):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": paths}
        )
        assert process.stdout is not None
        # The end comes while the capture after `stored` complete ones is under way, or while its template is written.
        for _ in range(2 * stored + 1):
            assert process.stdout.readline() in (b"began\n", b"stored\n")
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        seen.add(vault().get("mia").created)  # opens: neither damaged nor without its key
        if not stored:
            assert vault().get("mia").created == first
        words = ["mia", "--recording", sessions / "p1" / "s2"]
        assert verify.main(arguments(verify, *words), Console(file=io.StringIO()), StandInEmbedder()) == 0
    assert len(seen) == 3
