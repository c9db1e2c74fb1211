"""Data sets to evaluate on: folders of `faceedge simulate`, and anyone's recordings by a list of them.

The list is a CSV file with the columns ``path``, ``person``, ``session``, ``expression``; a path, absolute or relative
to the list, is a recording folder with ``radar.npy`` and ``config.json``, or a ROS 2 bag with ``adc`` and ``chirp``
topics. Optional columns: ``start_s`` and ``stop_s``, when a row's expression was performed (else throughout), and
``role``: ``stranger`` for people who are impostors only (else: people with a single session, where others have more),
and ``distance_m``, ``glasses``, ``mask``.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceedge.bags import is_bag
from faceedge.errors import InputError, one_line
from faceedge.evaluation.radar.bags import open_bag_frames
from faceedge.evaluation.radar.clips import Act, Clip, Facts, Frames, clip_of
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.gaps import sequences
from faceedge.radar.recording_folder import Recording, open_recording

COLUMNS = ("path", "person", "session", "expression")
STRANGER = "stranger"
TRUE_WORDS, FALSE_WORDS = ("1", "true", "yes"), ("0", "false", "no")
SESSION_FILE, RADAR_FOLDER = "session.json", "radar"
Watch = Callable[[int, int], None]
"""Told (done, all) while recordings are prepared."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """Prepared recordings.

    Attributes:
        enrolled: of people who can be enrolled.
        strangers: of people who are impostors only; may be empty.
        synthetic: whether the data says that it is.
    """

    enrolled: tuple[Clip, ...]
    strangers: tuple[Clip, ...]
    synthetic: bool

    @property
    def description(self) -> str:
        """People, recordings and seconds in words."""
        parts = []
        for name, clips in (("enrolled", self.enrolled), ("strangers", self.strangers)):
            people = len({clip.person for clip in clips})
            seconds = sum(clip.seconds for clip in clips)
            parts.append(f"{people} {name} ({len(clips)} recordings, {seconds:.0f} s)")
        return ("synthetic: " if self.synthetic else "") + ", ".join(parts)

    def keep_unseen(self, count: int) -> DataSet:
        """The last ``count`` enrolled people as strangers: of use where there are none, or too few.

        Raises:
            InputError: fewer than two would be left.
        """
        people = sorted({clip.person for clip in self.enrolled})
        if len(people) - count < 2:
            raise InputError(f"of {len(people)} enrolled people {count} cannot be kept unseen; two have to be left.")
        unseen = set(people[len(people) - count :])
        return DataSet(
            tuple(clip for clip in self.enrolled if clip.person not in unseen),
            (*self.strangers, *(clip for clip in self.enrolled if clip.person in unseen)),
            self.synthetic,
        )

    def fingerprint(self) -> str:
        """Tells this data from any other: names, lengths and the first look of every recording."""
        digest = hashlib.sha256()
        for clip in (*self.enrolled, *self.strangers):
            digest.update(f"{clip.person} {clip.session} {len(clip)}\n".encode())
            digest.update(clip.looks[:1].tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Job:
    """One recording that is still to be opened."""

    path: Path
    person: str
    session: str
    acts: tuple[Act, ...]
    facts: Facts
    stranger: bool


def load_folders(enrolled: Path, strangers: Path | None = None, watch: Watch | None = None) -> DataSet:
    """Data sets of `faceedge simulate`; sessions that are not finished are left out.

    Raises:
        InputError: a folder without sessions, or a damaged one.
    """
    jobs = _sessions(enrolled, "enrolled/", stranger=False)
    if strangers is not None:
        jobs += _sessions(strangers, "stranger/", stranger=True)
    return _prepare(jobs, True, watch)


def load_manifest(path: Path, watch: Watch | None = None) -> DataSet:
    """Recordings of a list, see the module.

    Raises:
        InputError: the list lacks a column, is empty, or a recording cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = [{str(k).strip(): (v or "").strip() for k, v in row.items() if k is not None} for row in reader]
            header = [name.strip() for name in reader.fieldnames or ()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {one_line(error)}.") from error
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise InputError(
            f"{path} lacks the columns {', '.join(missing)}; expected {', '.join(COLUMNS)} in the first line."
        )
    if not rows:
        raise InputError(f"{path} lists no recordings.")
    return _prepare(_listed(path, rows), False, watch)


def _sessions(folder: Path, prefix: str, *, stranger: bool) -> list[_Job]:
    found = sorted(folder.glob(f"p*/s*/{SESSION_FILE}"))
    whole = [path for path in found if not path.parent.name.endswith(".partial")]
    if not whole:
        raise InputError(
            f"{folder} holds no finished session p000/s0/{SESSION_FILE}; expected the output of `faceedge simulate`."
        )
    return [_session(path, prefix, stranger=stranger) for path in whole]


def _session(path: Path, prefix: str, *, stranger: bool) -> _Job:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        acts = tuple(Act(str(act["expression"]), float(act["start_s"]), float(act["stop_s"])) for act in facts["acts"])
        yaw, pitch, _ = facts["turn_deg"]
        known = Facts(
            float(facts["distance_m"]),
            float(yaw),
            float(pitch),
            bool(facts["identity"]["glasses"]),
            bool(facts["mask"]),
        )
        person, session = f"{prefix}p{int(facts['person']):03d}", f"s{int(facts['index'])}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no session of `faceedge simulate` ({one_line(error)}).") from error
    return _Job(path.parent / RADAR_FOLDER, person, session, acts, known, stranger)


def _listed(manifest: Path, rows: Sequence[dict[str, str]]) -> list[_Job]:
    """One job a recording; rows of the same path are acts of one recording."""
    together: dict[str, list[dict[str, str]]] = {}
    for number, row in enumerate(rows, 2):
        if not row["path"] or not row["person"]:
            raise InputError(f"{manifest}: line {number} has no path or no person.")
        row["line"] = str(number)
        together.setdefault(row["path"], []).append(row)
    sessions = Counter(person for person, _ in {(row["person"], row["session"]) for row in rows})
    roles = {row["person"] for row in rows if row.get("role", "").lower() == STRANGER}
    if not roles and max(sessions.values()) > 1:
        roles = {person for person, count in sessions.items() if count == 1}
    jobs = []
    for name, same in together.items():
        first = same[0]
        if any((row["person"], row["session"]) != (first["person"], first["session"]) for row in same):
            raise InputError(f"{manifest}: {name} is listed for two people or sessions; a recording has one of each.")
        acts = tuple(
            Act(
                row["expression"],
                _number(row, "start_s", manifest, 0.0),
                _number(row, "stop_s", manifest, math.inf),
            )
            for row in same
            if row["expression"]
        )
        facts = Facts(
            _number(first, "distance_m", manifest, math.nan),
            glasses=_flag(first, "glasses", manifest),
            mask=_flag(first, "mask", manifest),
        )
        path = Path(name).expanduser()
        path = path if path.is_absolute() else manifest.parent / path
        jobs.append(_Job(path, first["person"], first["session"], acts, facts, first["person"] in roles))
    return jobs


def _number(row: dict[str, str], column: str, manifest: Path, otherwise: float) -> float:
    text = row.get(column, "")
    try:
        return float(text) if text else otherwise
    except ValueError:
        raise InputError(f"{manifest}: line {row['line']} has {column} {text!r}, expected a number.") from None


def _flag(row: dict[str, str], column: str, manifest: Path) -> bool | None:
    text = row.get(column, "").lower()
    if not text:
        return None
    if text not in TRUE_WORDS + FALSE_WORDS:
        raise InputError(f"{manifest}: line {row['line']} has {column} {text!r}, expected yes or no.")
    return text in TRUE_WORDS


def _prepare(jobs: Sequence[_Job], synthetic: bool, watch: Watch | None) -> DataSet:
    enrolled: list[Clip] = []
    strangers: list[Clip] = []
    chirps: dict[ChirpSettings, str] = {}
    for done, job in enumerate(jobs, 1):
        chirp, frames = _open(job.path)
        name = f"{job.person}/{job.session}/{job.path}"
        clip = clip_of(frames, chirp, name, job.person, job.session, job.acts, job.facts)
        chirps.setdefault(chirp, str(job.path))
        if len(chirps) > 1:
            raise InputError(
                f"{' and '.join(chirps.values())} were recorded with different chirps; evaluate those of one chirp at "
                "a time."
            )
        (strangers if job.stranger else enrolled).append(clip)
        if watch is not None:
            watch(done, len(jobs))
    return DataSet(tuple(enrolled), tuple(strangers), synthetic)


def _open(path: Path) -> tuple[ChirpSettings, Frames]:
    if is_bag(path):
        return open_bag_frames(path)
    recording = open_recording(path)
    return recording.chirp, _frames(recording)


def _frames(recording: Recording) -> Iterator[tuple[Any, int, int]]:
    numbers = sequences(recording.stamps_ns, recording.chirp.frame_period_s)
    for index, stamp_ns in enumerate(recording.stamps_ns):
        yield recording.cube(index), int(numbers[index]), int(stamp_ns)
