#!/usr/bin/env python3
"""Makes the synthetic person of the demonstration, demo_data/synthetic_face, with the extra `sim`.

python3 tools/make_demo_session.py                     simulate, make it small, write the card (some minutes)
python3 tools/make_demo_session.py --keep FOLDER       and leave the whole session in FOLDER
python3 tools/make_demo_session.py --from FOLDER       make such a session small again

The same numbers on every machine with the same versions of NumPy and numba, which the card states.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from faceedge.radar.chirp_files import load_chirp_file  # noqa: E402
from faceedge.simulation.live.live_person import device_chirp  # noqa: E402
from faceedge.simulation.live.shrink import shrink  # noqa: E402
from faceedge.simulation.performance.performance import Performance  # noqa: E402
from faceedge.simulation.performance.placement import Placement  # noqa: E402
from faceedge.simulation.performance.timeline import Act, Call, Plan  # noqa: E402
from faceedge.simulation.sessions.options import Options  # noqa: E402
from faceedge.simulation.sessions.session import Session, draw_session  # noqa: E402
from faceedge.simulation.sessions.stage import RealStage  # noqa: E402
from faceedge.simulation.sessions.writer import write_session  # noqa: E402

TARGET = ROOT / "demo_data" / "synthetic_face"
CARD = "card.yaml"
MOST_BYTES = 6_000_000
JPEG_QUALITY = 65

SEED, DURATION_S, CHIRP = 60, 8.0, "bgt60_face_full_band"
DISTANCE_M, OFFSET_M, TURN_DEG = 0.30, (0.0, 0.0), (0.0, 0.0, 0.0)
CAMERA_SIZE, CAMERA_HZ, FIELD_OF_VIEW_DEG = (320, 320), 25.0, 44.0
SCRIPT = "demo"
PLAN = Plan(
    acts=(
        Act(0.9, 0.45, 0.9, 0.55, "smile", 1.0),
        Act(3.75, 0.20, 0.8, 0.50, "shock", 1.0),
    ),
    calls=(Call(5.2, 5.5, 0.35, 0.45, 0.5, (0.55, 0.0)),),
)
"""Neutral, a smile, neutral, shock, and the head turns to somebody who calls and back. Blinks come by themselves."""


def demo_session() -> Session:
    """One person at 30 cm, straight ahead, in the light that the camera is made for."""
    options = Options(
        people=1,
        sessions=1,
        duration_s=DURATION_S,
        sensors=("radar", "events", "camera"),
        chirp=CHIRP,
        camera_size=CAMERA_SIZE,
        camera_rate_hz=CAMERA_HZ,
        seed=SEED,
    )
    session = draw_session(0, 0, options, device_chirp(load_chirp_file(CHIRP).chirp))
    return dataclasses.replace(
        session, script=SCRIPT, distance_m=DISTANCE_M, offset_m=OFFSET_M, turn_deg=TURN_DEG, light=1.0, mask=False
    )


class DemoStage(RealStage):
    """The stage of the demonstration's session: what is performed is written down above."""

    field_of_view_deg = FIELD_OF_VIEW_DEG

    def _perform(self, placement: Placement) -> Performance:
        session = self.session
        seed = session.stream_seed("motion")
        return Performance(self.today, placement, PLAN, session.duration_s, seed, self.body.nose_tip_m)


def card(facts: dict[str, Any], folder: Path) -> str:
    """What the folder holds, how it was made, and the sum of each file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CARD)
    content = {
        "name": folder.name,
        "synthetic": True,
        "what": f"{DURATION_S:g} s of one simulated face at {100 * DISTANCE_M:g} cm: neutral, smile, shock, a turn of "
        "the head, blinks; seen by a simulated BGT60TR13C, a GenX320 event camera and a camera at the same time",
        "not_for": "judging how well anything works on people: nobody was recorded",
        "licence": "CC0-1.0; the face is made of MakeHuman's CC0 assets (see faceedge/simulation/person/assets)",
        "command": "python3 tools/make_demo_session.py",
        "seed": SEED,
        "counts": facts["counts"],
        "versions": facts["versions"],
        "layout": "as of `faceedge simulate`, but radar/frames.xz (exact, faceedge/simulation/live/packing.py) for "
        f"radar.npy, events.raw.xz for events.raw, truth at 100 Hz, pictures as JPEG of quality {JPEG_QUALITY}",
        "bytes": sum(path.stat().st_size for path in files),
        "sha256": {
            path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
        },
    }
    return yaml.safe_dump(content, sort_keys=False, width=110)


def main() -> int:
    """Make the folder; 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="source", type=Path, metavar="FOLDER", help="a whole session that was kept")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the whole session here; must not exist")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        source = args.source or args.keep or Path(work, "session")
        if args.source is None:
            write_session(demo_session(), source, ("arrays",), DemoStage)
        small = Path(work, TARGET.name)
        facts = shrink(source, small, JPEG_QUALITY)
        (small / CARD).write_text(card(facts, small), encoding="utf-8")
        size = sum(path.stat().st_size for path in small.rglob("*") if path.is_file())
        print(f"{size / 1e6:.2f} MB, at most {MOST_BYTES / 1e6:g} MB; {facts['counts']}")
        if size > MOST_BYTES:
            return 1
        shutil.rmtree(TARGET, ignore_errors=True)
        shutil.copytree(small, TARGET)
    return 0


if __name__ == "__main__":
    sys.exit(main())
