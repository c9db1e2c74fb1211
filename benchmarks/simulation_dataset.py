"""How long a data set of synthetic people takes, and whether a worker's memory grows with its recordings."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from rows import Row, at_most

from faceedge.cli.main import main as faceedge
from faceedge.cli.simulate import cores
from faceedge.simulation.sessions.dataset import plan
from faceedge.simulation.sessions.options import Options
from faceedge.simulation.sessions.stage import RealStage
from faceedge.simulation.sessions.writer import write_session

PEOPLE, SESSIONS, SESSION_S = 30, 4, 30.0
WHOLE = f"{PEOPLE} people x {SESSIONS} sessions x {SESSION_S:g} s"
MOST_HOURS = 2.0
PART_SESSIONS, PART_S = 2, 15.0
"""Without ``--full``: so many sessions for each core, of this length."""
SHORT_S, LONG_S = 10.0, 40.0
MOST_GROWTH_MB = 8.0
"""From the one to the other second of a recording. Caches and the allocator's rests, not the 4 MB a second of data."""


def simulate(folder: Path, people: int, sessions: int, seconds: float) -> float:
    """Make a data set of radar and events on all cores; how long it took, in s."""
    start = time.monotonic()
    code = faceedge(
        ["simulate", str(folder), "--people", str(people), "--sessions", str(sessions), "--seconds", str(seconds),
         "--sensors", "radar,events"]
    )  # fmt: skip
    if code:
        raise SystemExit(code)
    return time.monotonic() - start


def part(work: Path) -> list[Row]:
    """The rate of a part, and what it means for the whole."""
    jobs = cores()
    compile_s = simulate(work / "compiled", jobs, 1, 1.0)
    people = PART_SESSIONS * jobs
    taken_s = simulate(work / "part", people, 1, PART_S)
    rate = people * PART_S / taken_s
    hours = PEOPLE * SESSIONS * SESSION_S / rate / 3600
    return [
        Row("before it: a second on each core", compile_s, "s", note="with the compilation of what is not cached"),
        Row(f"{people} sessions of {PART_S:g} s, radar and events", rate, "s/s", note=f"{jobs} jobs, start included"),
        at_most(WHOLE, hours, "h", MOST_HOURS, "reckoned from that rate"),
        _size(work / "part", people * PART_S),
    ]


def whole(work: Path) -> list[Row]:
    """All of it, in real time."""
    folder = work / "whole"
    if folder.exists():
        raise SystemExit(f"{folder} exists; how long all of it takes can be measured in another folder only.")
    taken_s = simulate(folder, PEOPLE, SESSIONS, SESSION_S)
    seconds = PEOPLE * SESSIONS * SESSION_S
    note = f"{cores()} jobs, {seconds / taken_s:.2f} s/s"
    return [at_most(WHOLE, taken_s / 3600, "h", MOST_HOURS, note), _size(folder, seconds)]


def _size(folder: Path, seconds: float) -> Row:
    totals = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["totals"]
    frames, events = totals["frames"] / seconds, totals["events"] / seconds
    note = f"{frames:.1f} radar frames and {events / 1e3:.0f} kev a second"
    return Row("size on the disk", totals["bytes"] / seconds / 1e6, "MB/s", note=note)


class Watched(RealStage):
    """Notes the process's resident memory and the time that it had a core, while the recording goes on."""

    notes: list[tuple[float, float, float]]

    def radar_cube(self, index: int) -> np.ndarray:
        """See `RealStage.radar_cube`."""
        cube = super().radar_cube(index)
        self.notes.append((index * self.session.chirp.frame_period_s, resident_mb(), time.process_time()))
        return cube


def resident_mb() -> float:
    """Of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


def _record(folder: Path, answer: Connection) -> None:
    """One long recording in this process; sends (time, MB, CPU s) for each radar frame."""
    options = Options(people=1, sessions=1, duration_s=LONG_S, sensors=("radar", "events"))
    Watched.notes = []
    write_session(plan(options)[0], folder, ("arrays", "mcap"), Watched)
    answer.send(Watched.notes)


def memory(work: Path) -> list[Row]:
    """Resident memory of one worker while its recording grows, and the CPU time that it takes.

    CPU time depends less than the rates above on what else the machine does.
    """
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_record, args=(work / "long", sender))
    process.start()
    sender.close()
    try:
        notes = np.array(receiver.recv())
    except EOFError:
        raise SystemExit("the process whose memory is measured ended without an answer.") from None
    process.join()
    (short_mb, short_s), (long_mb, long_s) = (
        notes[np.abs(notes[:, 0] - second).argmin(), 1:] for second in (SHORT_S, LONG_S)
    )
    cpu = float(long_s - short_s) / (LONG_S - SHORT_S)
    core_hours = PEOPLE * SESSIONS * SESSION_S * cpu / 3600
    span = f"from {SHORT_S:g} to {LONG_S:g} s of a recording"
    note = "radar and events as arrays and as MCAP"
    return [
        Row(f"a worker's memory at {SHORT_S:g} s", float(short_mb), "MB", note=note),
        at_most(f"it grows {span} by", float(long_mb - short_mb), "MB", MOST_GROWTH_MB),
        Row("CPU time of a second of a recording", cpu, "s", note=f"{WHOLE}: {core_hours:.2f} core hours"),
    ]


def section(args: argparse.Namespace) -> list[Row]:
    """Time, then memory. ``--keep FOLDER`` leaves the data there."""
    with tempfile.TemporaryDirectory(prefix="faceedge-") as scratch:
        work = args.keep or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        rows = whole(work) if args.full else part(work)
        return [*rows, *memory(Path(scratch))]
