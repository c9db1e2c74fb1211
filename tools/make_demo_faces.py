#!/usr/bin/env python3
"""Makes the radar recordings of the demonstration's authentication, demo_data/radar_faces, with the extra `sim`.

python3 tools/make_demo_faces.py                     simulate, pack, write the card (some minutes)
python3 tools/make_demo_faces.py --keep FOLDER       and leave the whole sessions in FOLDER

Three synthetic people before a simulated BGT60TR13C. All sessions are of looks (8 chirps a frame, 10 frames a second),
which need a twentieth of the bytes of whole frames. Bandwidth, samples and antennas are those of both chirps, so that a
template of one holds for the other.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from faceedge.radar.chirp_files import load_chirp_file  # noqa: E402
from faceedge.simulation.live.live_person import device_chirp  # noqa: E402
from faceedge.simulation.live.packing import pack  # noqa: E402
from faceedge.simulation.live.session_folder import open_session  # noqa: E402
from faceedge.simulation.performance.performance import Performance  # noqa: E402
from faceedge.simulation.performance.placement import Placement  # noqa: E402
from faceedge.simulation.performance.timeline import Act, Plan  # noqa: E402
from faceedge.simulation.sessions.options import Options  # noqa: E402
from faceedge.simulation.sessions.session import Session, draw_session  # noqa: E402
from faceedge.simulation.sessions.stage import RealStage  # noqa: E402
from faceedge.simulation.sessions.writer import write_session  # noqa: E402

TARGET = ROOT / "demo_data" / "radar_faces"
CARD, FRAMES, CONFIG = "card.yaml", "frames.xz", "config.json"
MOST_BYTES = 1_500_000
CHIRP = "bgt60_face_looks"
SEED, DISTANCE_M = 60, 0.30
PLAN = Plan(
    acts=(
        Act(10.5, 0.40, 1.2, 0.45, "smile", 1.0),
        Act(14.0, 0.20, 0.9, 0.45, "shock", 1.0),
        Act(17.5, 0.40, 1.2, 0.45, "anger", 1.0),
    ),
    calls=(),
)
"""Neutral until a decision of 5 s has had its time and the expression stage the 4 s that it needs; then a smile, a
shock and anger, all with the same rest between them."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One session: its name, who sits there, which of the person's sessions it is, for how long."""

    name: str
    person: int
    session: int
    duration_s: float
    acts: bool = False


RECORDINGS = (
    Recording("enrol_1", 0, 0, 12.0),
    Recording("enrol_2", 0, 1, 12.0),
    Recording("enrol_3", 0, 2, 12.0),
    Recording("person", 0, 3, 21.5, acts=True),
    Recording("stranger_1", 1, 0, 8.0),
    Recording("stranger_2", 2, 0, 8.0),
)


class ActingStage(RealStage):
    """A session in which the acts above are performed, or none."""

    acts = False

    def _perform(self, placement: Placement) -> Performance:
        session = self.session
        plan = PLAN if self.acts else Plan(acts=(), calls=())
        return Performance(
            self.today, placement, plan, session.duration_s, session.stream_seed("motion"), self.body.nose_tip_m
        )


class ExpressiveStage(ActingStage):
    """With the acts."""

    acts = True


def session_of(recording: Recording) -> Session:
    """A session as `faceedge simulate` draws it, posture, clothes and hair of that day, but always in the same seat."""
    chirp = load_chirp_file(CHIRP).chirp
    options = Options(
        people=3,
        sessions=4,
        duration_s=recording.duration_s,
        sensors=("radar",),
        chirp=CHIRP,
        seed=SEED,
    )
    session = draw_session(recording.person, recording.session, options, device_chirp(chirp))
    straight: dict[str, Any] = {"distance_m": DISTANCE_M, "offset_m": (0.0, 0.0), "turn_deg": (0.0, 0.0, 0.0)}
    return dataclasses.replace(session, script="demo", mask=False, **straight)


def card(folder: Path, facts: dict[str, Any]) -> str:
    """What the folder holds, how it was made, and the sum of each file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CARD)
    content = {
        "name": folder.name,
        "synthetic": True,
        "what": "radar recordings of three simulated people: three sessions of the first for an enrolment, a fourth "
        "of the first with a smile, a shock and anger, one of each other; one day each, all in the same seat, face at "
        f"{100 * DISTANCE_M:g} cm and straight ahead, which is easier than a seat that moves. The first three people "
        "of the seed; nobody was chosen",
        "not_for": "judging how well anything works on people: nobody was recorded, and two people are no sample",
        "licence": "CC0-1.0; the faces are made of MakeHuman's CC0 assets (see faceedge/simulation/person/assets)",
        "command": "python3 tools/make_demo_faces.py",
        "seed": SEED,
        "recordings": {
            each.name: f"person {each.person}, session {each.session}, {CHIRP}, {each.duration_s:g} s"
            for each in RECORDINGS
        },
        "versions": facts["versions"],
        "layout": "frames.xz: exact ADC counts, see faceedge/simulation/live/packing.py; config.json: the vendor's",
        "bytes": sum(path.stat().st_size for path in files),
        "sha256": {
            path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
        },
    }
    return yaml.safe_dump(content, sort_keys=False, width=110)


def main() -> int:
    """Make the folder; 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="leave the whole sessions here; what is there stays"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        sessions, small = args.keep or Path(work, "sessions"), Path(work, TARGET.name)
        facts: dict[str, Any] = {}
        for recording in RECORDINGS:
            source, place = sessions / recording.name, small / recording.name
            if not source.exists():
                source.parent.mkdir(parents=True, exist_ok=True)
                stage = ExpressiveStage if recording.acts else ActingStage
                write_session(session_of(recording), source, ("arrays",), stage)
            session = open_session(source)
            facts = session.facts
            place.mkdir(parents=True)
            (place / FRAMES).write_bytes(pack(np.asarray(session.cubes())))
            shutil.copyfile(source / "radar" / CONFIG, place / CONFIG)
            print(f"{recording.name}: {(place / FRAMES).stat().st_size / 1e6:.2f} MB", flush=True)
        (small / CARD).write_text(card(small, facts), encoding="utf-8")
        size = sum(path.stat().st_size for path in small.rglob("*") if path.is_file())
        print(f"{size / 1e6:.2f} MB, at most {MOST_BYTES / 1e6:g} MB")
        if size > MOST_BYTES:
            return 1
        shutil.rmtree(TARGET, ignore_errors=True)
        shutil.copytree(small, TARGET)
    return 0


if __name__ == "__main__":
    sys.exit(main())
