"""The demonstration's authentication: a synthetic person enrols, comes back another day, and strangers claim the name.

Enrolment is `faceedge enroll` on recordings. Then the radar node plays one session after the other, the authentication
and the expression node answer, all over DDS, and what they say is shown as it is: a person who is not recognised, or a
stranger who is let in, stands there as well. Templates and keys lie in a temporary folder and go with it.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from faceedge.errors import DeviceError, InputError, ModelError
from faceedge.shipped import shipped_file
from faceedge.simulation.live.packing import unpack

if TYPE_CHECKING:
    from rich.console import Console

    from faceedge.cli.children import Children
    from faceedge.nodes.session_observer import SessionObserver, Visit

FOLDER, CARD = "demo_data/radar_faces", "card.yaml"
NAME = "ada"
ENROLMENT = ("enrol_1", "enrol_2", "enrol_3")
VISITORS = (("person", f"{NAME}, on another day"), ("stranger_1", "a stranger"), ("stranger_2", "another stranger"))
RADAR, AUTHENTICATION = "/radar", "/authentication"
NODES = "import sys; from faceedge.nodes.runner import main; sys.exit(main())"
RESULT_FILE = "authentication.json"
PATIENCE_S = 40.0
OTHERWISE_AT_S = 6.0
"""When the radar has not recognised the person by then, a PIN is played: two decisions come after 5.0 and 5.5 s, and
the expression stage needs 4 s of an authenticated person."""
TICK_S = 0.1
SHORTEST_S = 0.3
END_S = 2.0
"""The radar's *end of file* arrives a second late, and until then the gate has noticed the silence: a session that
ends so shortly before held as long as the recording."""


@dataclass
class Visitor:
    """What came of one session.

    Attributes:
        title: who sat there.
        genuine: whether that is the person who is claimed.
        accepted: whether the radar recognised the person.
        after_s: when; None: never.
        best_score: highest identity score; None: no decision.
        by_pin: whether a PIN had to open the session.
        held: whether a session was open at the end.
        shown: expressions, as word and from when to when in seconds of the session; an abstention is no word.
        said: how the authentication node put it at the end.
    """

    title: str
    genuine: bool
    accepted: bool = False
    after_s: float | None = None
    best_score: float | None = None
    by_pin: bool = False
    held: bool = False
    shown: list[tuple[str, float, float]] = field(default_factory=list)
    said: str = ""

    def sentence(self) -> str:
        """For people."""
        score = "no decision" if self.best_score is None else f"best score {self.best_score:.2f}"
        if self.accepted:
            verdict = "accepted by the radar" if self.genuine else "WRONGLY ACCEPTED by the radar"
            parts = [f"{verdict} after {self.after_s:.1f} s ({score})"]
        else:
            parts = [f"{'NOT recognised by the radar' if self.genuine else 'refused'} ({score})"]
        if self.by_pin:
            parts.append("a PIN opens the session")
        if self.accepted or self.by_pin:
            parts.append(
                "which holds to the recording's end" if self.held else f"which does not hold to the end: {self.said}"
            )
        words = ", ".join(f"{word} {start:.1f} to {end:.1f} s" for word, start, end in self.shown)
        return f"{self.title}: {', '.join(parts).rstrip('.')}." + (f" Shows {words}." if words else "")


def unpack_recordings(work: Path) -> dict[str, Path] | None:
    """The shipped recordings as synthetic sessions in ``work``; None where they are not installed.

    Raises:
        InputError: one is damaged.
    """
    card = shipped_file(FOLDER, CARD)
    if card is None:
        return None
    found = {}
    for name in (*ENROLMENT, *(name for name, _ in VISITORS)):
        source, session = card.parent / name, work / "sessions" / name
        try:
            packed, config = (source / "frames.xz").read_bytes(), (source / "config.json").read_bytes()
        except OSError as error:
            raise InputError(f"{source} is not whole ({error.strerror}); get the demonstration's data anew.") from error
        (session / "radar").mkdir(parents=True)
        np.save(session / "radar" / "radar.npy", unpack(packed, name))
        (session / "radar" / "config.json").write_bytes(config)
        (session / "session.json").write_text(json.dumps({"synthetic": True}) + "\n", encoding="utf-8")
        found[name] = session
    return found


def enrol(sessions: dict[str, Path], work: Path, console: Console) -> str:
    """`faceedge enroll` with the recordings of the enrolment; why it failed, empty: it did not."""
    from faceedge.cli import enroll

    parser = argparse.ArgumentParser()
    enroll.add_arguments(parser)
    words = [NAME, *(word for name in ENROLMENT for word in ("--recording", str(sessions[name])))]
    try:
        enroll.main(parser.parse_args([*words, *vault_words(work)]), console)
    except (InputError, ModelError) as error:
        console.print(f"{NAME} could not be enrolled: {error}", soft_wrap=True, markup=False, style="yellow")
        return str(error)
    return ""


def vault_words(work: Path) -> list[str]:
    """Where templates and keys are as long as the demonstration runs."""
    return ["--templates", str(work / "templates"), "--keys", str(work / "keys")]


def node_parameters(work: Path) -> dict[str, dict[str, Any]]:
    """Of the authentication and the expression node; everything is allowed because nobody exists."""
    return {
        AUTHENTICATION: {
            "adc_topic": f"{RADAR}/adc",
            "person": NAME,
            "templates_folder": str(work / "templates"),
            "keys_folder": str(work / "keys"),
            "allow_templates": True,
            "allow_verify_other": True,
            "other_means": "PIN",
        },
        "/radar_expression": {"allow_expression": True},
    }


def run(console: Console, output: Path, work: Path) -> dict[str, Any] | None:
    """Enrol, let everybody sit down in turn, tell what the nodes said; the figures, or None without the data."""
    from faceedge.cli.children import Children, isolated_environment
    from faceedge.nodes.session_observer import SessionObserver

    sessions = unpack_recordings(work)
    if sessions is None:
        console.print(f"Radar authentication is left out: {FOLDER} is not installed.", style="yellow")
        return None
    console.rule("radar authentication, synthetic people")
    trouble = enrol(sessions, work, console)
    os.environ.update(isolated_environment())
    visitors = []
    with Children(work) as children:
        children.start("radar", "faceedge.nodes.radar_node", {"source": "recording", "path": str(sessions["person"])})
        start_nodes(children, work)
        with SessionObserver(AUTHENTICATION) as observer:
            observer.lifecycle.wait_for_state(AUTHENTICATION, "active", PATIENCE_S, children.check)
            for name, title in VISITORS:
                visitor = Visitor(title, genuine=name == "person")
                receive(observer, sessions[name], visitor, children.check)
                console.print(visitor.sentence(), soft_wrap=True, markup=False)
                visitors.append(visitor)
    result = summary(visitors, trouble)
    console.print(result["note"], style="dim", soft_wrap=True)
    (output / RESULT_FILE).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return result


def start_nodes(children: Children, work: Path) -> None:
    """Authentication and expression in one process, which hands accepted frames over in memory."""
    import yaml

    path = work / "authentication.yaml"
    content = {f"/**{node}": {"ros__parameters": values} for node, values in node_parameters(work).items()}
    path.write_text(yaml.safe_dump({"/**": {"ros__parameters": {"autostart": True}}} | content), encoding="utf-8")
    arguments = ("authentication", "radar_expression", "--ros-args", "--params-file", str(path))
    children.start_program("authentication nodes", NODES, *arguments)


def receive(observer: SessionObserver, session: Path, visitor: Visitor, check: Callable[[], None]) -> None:
    """Play one session to its end and note what the nodes say of it."""
    move = observer.lifecycle.transition
    observer.lifecycle.set_parameter(RADAR, "path", str(session / "radar"), PATIENCE_S, check)
    move(RADAR, "configure", PATIENCE_S, check)
    visit = observer.begin()
    observer.statuses.pop(RADAR, None)
    move(RADAR, "activate", PATIENCE_S, check)
    began = time.monotonic()
    while observer.statuses.get(RADAR) != "end of file":
        check()
        elapsed_s = time.monotonic() - began
        if elapsed_s > PATIENCE_S:
            raise DeviceError(f"the radar node did not come to the end of {session.name} within {PATIENCE_S:g} s.")
        if visitor.genuine and not visitor.by_pin and elapsed_s > OTHERWISE_AT_S and not visit.authenticated:
            visitor.accepted = visitor_came(visit)
            # Refused where no frame has come for half a second, as on a machine that is busy: asked for again then.
            visitor.by_pin, _ = observer.lifecycle.trigger(f"{AUTHENTICATION}/verify_other", PATIENCE_S, check)
        time.sleep(TICK_S)
    lost_s = visit.answers[-1][0] if visit.answers else 0.0
    visitor.held = visit.authenticated or (visitor_came(visit) and time.monotonic() - began - lost_s < END_S)
    visitor.said = next((reason for moment, reason in visit.reasons if moment >= lost_s), "")
    move(RADAR, "deactivate", PATIENCE_S, check)
    move(RADAR, "cleanup", PATIENCE_S, check)
    conclude(visitor, visit)


def visitor_came(visit: Visit) -> bool:
    """Whether a session was open at all."""
    return visit.accepted_at_s is not None


def conclude(visitor: Visitor, visit: Visit) -> None:
    """Fill in what was heard."""
    if not visitor.by_pin:
        visitor.accepted, visitor.after_s = visitor_came(visit), visit.accepted_at_s
    visitor.best_score = max((score for _, score in visit.scores), default=None)
    for word, group in groupby(visit.expressions, key=lambda shown: shown[1]):
        moments = [moment for moment, _, _ in group]
        if word and moments[-1] - moments[0] >= SHORTEST_S:
            visitor.shown.append((word, round(moments[0], 1), round(moments[-1], 1)))


def summary(visitors: list[Visitor], trouble: str) -> dict[str, Any]:
    """The figures as plain values; ``trouble``: why nobody could be enrolled."""
    strangers = [visitor for visitor in visitors if not visitor.genuine]
    refused = sum(not visitor.accepted for visitor in strangers)
    counted = f"{refused} of {len(strangers)} strangers refused."
    if trouble:
        counted = "Nobody could be enrolled, so that the radar had nobody to recognise or to mistake."
    return {
        "synthetic": True,
        "enrolled": not trouble,
        "enrolment_trouble": trouble,
        "visitors": [
            {
                "title": visitor.title,
                "genuine": visitor.genuine,
                "accepted_by_radar": visitor.accepted,
                "after_s": None if visitor.after_s is None else round(visitor.after_s, 2),
                "best_score": None if visitor.best_score is None else round(visitor.best_score, 3),
                "by_pin": visitor.by_pin,
                "held": visitor.held,
                "said": visitor.said,
                "shown": visitor.shown,
                "sentence": visitor.sentence(),
            }
            for visitor in visitors
        ],
        "note": f"{counted} Three synthetic people, not chosen, in one seat: "
        "this shows how it works and measures nothing; docs/radar_authentication.md has measurements.",
    }
