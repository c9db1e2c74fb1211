"""Which parts of a data set are for training and which for testing, written once so that nobody can mix them up.

Three ways to divide the same recordings, from easy to hard:

- ``same_recording``: both parts of each recording, a gap between them. It says how well a model interpolates, and
  nothing about another day.
- ``session_disjoint``: the last session of each person is for testing, the one before it for thresholds. Another day,
  distance, pose, room and clothing, the same people.
- ``person_disjoint``: people who are tested were never seen.

A row of a file is one act: ``path`` (relative to the data set), ``person``, ``session``, ``expression``, ``start_s``
and ``stop_s`` in the recording, ``role``.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any

FOLDER = "splits"
TRAIN, VALIDATION, TEST = "train", "validation", "test"

TRAIN_SHARE = 0.6
"""Of each recording, in `same_recording`."""
GAP_S, GAP_SHARE = 2.0, 0.1
"""Between the parts of a recording: about half a breath, but at most this share of a short recording."""
LEAST_PART_S = 0.5
"""An act of which less is left beside the gap is left out."""
_AT_REST = "neutral"
PEOPLE_SHARE = 0.2
"""Of the people are for validation, and as many for testing, in `person_disjoint`."""


@dataclass(frozen=True, slots=True)
class Row:
    """One act and what it is for."""

    path: str
    person: str
    session: str
    expression: str
    start_s: float
    stop_s: float
    role: str = ""


HEADER = tuple(field.name for field in fields(Row))


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the splits need of one session.

    Attributes:
        path: relative to the data set.
        person, session: numbers from 0.
        duration_s: of the recording.
        acts: (expression, start_s, stop_s), in order.
    """

    path: str
    person: int
    session: int
    duration_s: float
    acts: tuple[tuple[str, float, float], ...]

    @property
    def rows(self) -> list[Row]:
        """One a act, without a role."""
        return [
            Row(self.path, f"p{self.person:03d}", f"s{self.session}", expression, round(start_s, 3), round(stop_s, 3))
            for expression, start_s, stop_s in self.acts
        ]


def recorded(facts: dict[str, Any], path: str) -> Recorded:
    """What ``session.json`` says, cut to what was recorded; a recording without acts is a single neutral one."""
    duration_s = float(facts["duration_s"])
    acts = [
        (str(act["expression"]), max(float(act["start_s"]), 0.0), min(float(act["stop_s"]), duration_s))
        for act in facts["acts"]
    ]
    kept = tuple(act for act in acts if act[2] > act[1])
    return Recorded(path, int(facts["person"]), int(facts["index"]), duration_s, kept or ((_AT_REST, 0.0, duration_s),))


def same_recording(recordings: Sequence[Recorded]) -> list[Row]:
    """The first part of each recording for training, the rest behind a gap for testing; acts are cut at the gap."""
    rows = []
    for recording in recordings:
        gap_s = min(GAP_S, GAP_SHARE * recording.duration_s)
        until_s = TRAIN_SHARE * recording.duration_s - gap_s / 2
        for row in recording.rows:
            rows += _part(row, 0.0, until_s, TRAIN)
            rows += _part(row, until_s + gap_s, recording.duration_s, TEST)
    return rows


def _part(row: Row, start_s: float, stop_s: float, role: str) -> list[Row]:
    """The part of an act within a span, if enough of it is left."""
    start_s, stop_s = max(row.start_s, start_s), min(row.stop_s, stop_s)
    least_s = min(LEAST_PART_S, row.stop_s - row.start_s)
    if stop_s - start_s < least_s - 1e-9 or stop_s <= start_s:
        return []
    return [replace(row, start_s=round(start_s, 3), stop_s=round(stop_s, 3), role=role)]


def session_disjoint(recordings: Sequence[Recorded]) -> list[Row]:
    """The last session of each person for testing, of three or more the one before it for validation.

    Nothing where somebody has a single session.
    """
    sessions: dict[int, list[int]] = {}
    for recording in recordings:
        sessions.setdefault(recording.person, []).append(recording.session)
    if any(len(numbers) < 2 for numbers in sessions.values()):
        return []
    roles = {}
    for person, numbers in sessions.items():
        in_order = sorted(numbers)
        for place, number in enumerate(in_order):
            left = len(in_order) - place
            validates = left == 2 and len(in_order) > 2
            roles[person, number] = TEST if left == 1 else VALIDATION if validates else TRAIN
    return _with_roles(recordings, lambda recording: roles[recording.person, recording.session])


def person_disjoint(recordings: Sequence[Recorded]) -> list[Row]:
    """The last people for testing, those before them for validation (of three people or more), the others for training.

    People are drawn alike, so their order is as good as any. Nothing where there is a single one.
    """
    people = sorted({recording.person for recording in recordings})
    if len(people) < 2:
        return []
    tests = math.ceil(PEOPLE_SHARE * len(people))
    validations = tests if len(people) > 2 else 0
    roles = dict.fromkeys(people, TRAIN)
    roles |= dict.fromkeys(people[-tests - validations : -tests], VALIDATION)
    roles |= dict.fromkeys(people[-tests:], TEST)
    return _with_roles(recordings, lambda recording: roles[recording.person])


def _with_roles(recordings: Iterable[Recorded], role: Callable[[Recorded], str]) -> list[Row]:
    return [replace(row, role=role(recording)) for recording in recordings for row in recording.rows]


SPLITS: dict[str, Callable[[Sequence[Recorded]], list[Row]]] = {
    "same_recording": same_recording,
    "session_disjoint": session_disjoint,
    "person_disjoint": person_disjoint,
}


def write_splits(folder: Path, recordings: Sequence[Recorded]) -> list[str]:
    """Write ``splits/*.csv`` of a data set, each whole or not at all.

    Returns:
        The names of those that were written; one that is impossible (a single session, a single person) is not.
    """
    target = folder / FOLDER
    target.mkdir(exist_ok=True)
    written = []
    for name, divide in SPLITS.items():
        rows = divide(recordings)
        path = target / f"{name}.csv"
        if not rows:
            path.unlink(missing_ok=True)
            continue
        text = io.StringIO(newline="")
        table = csv.writer(text, lineterminator="\n")
        table.writerow(HEADER)
        table.writerows(astuple(row) for row in rows)
        if not path.exists() or path.read_text(encoding="utf-8") != text.getvalue():
            fresh = target / f".{name}.new"
            fresh.write_text(text.getvalue(), encoding="utf-8")
            os.replace(fresh, path)
        written.append(name)
    return written
