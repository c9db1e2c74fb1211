"""Clips of events for networks that read expressions: from simulated sessions to arrays, and their variation.

A clip is `STEPS` voxel grids of `STEP_US` each (`faceedge.events.representation`), in log counts. Its label is what the
face begins to show within it, or that it rests. Splits are by person.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from faceedge.errors import InputError
from faceedge.events.files import read_events
from faceedge.events.representation import Geometry, voxel_grid
from faceedge.perception.event_input import CELLS, LABELS, LARGEST_LOG, STEP_US, STEPS, as_input

REST_S = (0.3, 0.8)
"""A clip of a face at rest ends so long after an act at the earliest, its own length later, and before the next."""
END_S = (0.35, 1.1)
"""After an act's start its clips end somewhere in between while a network learns."""
TEST_END_S = 0.8
"""For tests: always so long after."""
RESTS_TAKEN = 0.6
"""Share of the rests from which a clip is taken while a network learns."""
LEVELS = 255
SETTLED_S = 0.3
"""From then on after its start an act's steps are asked about, until it ends."""


@dataclass(frozen=True, slots=True)
class Act:
    """Attributes:
    start_s, stop_s: of the session.
    label: place in `LABELS`.
    """

    start_s: float
    stop_s: float
    label: int


@dataclass(frozen=True, slots=True)
class Session:
    """Attributes:
    person: number in the data set.
    grids: (step, polarity, row, column) uint8: log counts, `LARGEST_LOG` at `LEVELS`.
    acts: in their order.
    """

    person: int
    grids: np.ndarray
    acts: tuple[Act, ...]


@dataclass(frozen=True, slots=True)
class Clips:
    """Attributes:
    first: (n,) first grid of each clip, in the grids of all sessions end to end.
    labels: (n,) places in `LABELS`.
    people: (n,) numbers of people.
    """

    first: np.ndarray
    labels: np.ndarray
    people: np.ndarray


def read_session(folder: Path, person: int) -> Session:
    """One simulated session with events.

    Raises:
        InputError: it is none, or its events cannot be read.
    """
    try:
        facts = json.loads((folder / "session.json").read_text())
    except OSError as error:
        raise InputError(f"{folder}: expected a session of `faceedge simulate`, {error.strerror}.") from error
    recording = read_events(folder / "events.raw")
    steps = int(facts["duration_s"] * 1e6) // STEP_US
    geometry = Geometry(recording.width, recording.height, CELLS, CELLS)
    logs = as_input(voxel_grid(recording.events, geometry, STEP_US, steps))
    grids = np.rint(np.minimum(logs, LARGEST_LOG) * (LEVELS / LARGEST_LOG)).astype(np.uint8)
    acts = tuple(
        Act(act["start_s"], act["start_s"] + act["onset_s"] + act["apex_s"] + act["offset_s"],
            LABELS.index(act["expression"]))
        for act in facts["acts"] if act["expression"] in LABELS
    )  # fmt: skip
    return Session(person, grids, acts)


def read_sessions(data: Path, say: Callable[[str], None], most: int | None = None) -> list[Session]:
    """All complete sessions of a data set, by person.

    Raises:
        InputError: there is none.
    """
    folders = [folder for folder in sorted(data.glob("p[0-9]*/s[0-9]*")) if (folder / "session.json").is_file()]
    folders = [folder for folder in folders if folder.suffix == ""][:most]
    if not folders:
        raise InputError(f"{data}: no session of `faceedge simulate` with events lies here; simulate some.")
    found = []
    for count, folder in enumerate(folders, 1):
        found.append(read_session(folder, int(folder.parent.name[1:])))
        if count % 50 == 0:
            say(f"{count} of {len(folders)} sessions read")
    return found


def clips(sessions: Sequence[Session], random: np.random.Generator | None) -> Clips:
    """A clip of every act, and clips of rest; where they end is drawn, or fixed without ``random``.

    Args:
        sessions: whose grids lie end to end.
        random: of the training; None: for tests.
    """
    found: list[tuple[int, int, int]] = []
    offset = 0
    for session in sessions:
        for end_s, label in _ends(session, random):
            end = round(end_s * 1e6 / STEP_US)
            if STEPS <= end <= len(session.grids):
                found.append((offset + end - STEPS, label, session.person))
        offset += len(session.grids)
    first, labels, people = np.array(found, np.int64).reshape(-1, 3).T
    return Clips(first, labels, people)


def _ends(session: Session, random: np.random.Generator | None) -> Iterator[tuple[float, int]]:
    """When clips end, and what they show."""
    for act in session.acts:
        yield act.start_s + (TEST_END_S if random is None else random.uniform(*END_S)), act.label
    for start_s, stop_s in rests(session):
        if random is None:
            yield (start_s + stop_s) / 2, 0
        elif random.random() < RESTS_TAKEN:
            yield random.uniform(start_s, stop_s), 0


def rests(session: Session) -> list[tuple[float, float]]:
    """From when to when a clip of rest may end, s."""
    clip_s = STEPS * STEP_US / 1e6
    edges = [0.0, *(act.stop_s + REST_S[0] for act in session.acts)]
    ends = [*(act.start_s for act in session.acts), len(session.grids) * STEP_US / 1e6]
    return [(start + clip_s, stop) for start, stop in zip(edges, ends, strict=True) if start + clip_s < stop]


def labels_of(session: Session) -> np.ndarray:
    """(step,) what each step shows: an act from `SETTLED_S` on, rest away from acts, else -1."""
    end_s = (np.arange(len(session.grids)) + 1) * STEP_US / 1e6
    found = np.where(end_s > STEPS * STEP_US / 1e6, 0, -1)
    for act in session.acts:
        found[(end_s >= act.start_s) & (end_s < act.stop_s + REST_S[0])] = -1
        found[(end_s >= act.start_s + SETTLED_S) & (end_s < act.stop_s)] = act.label
    return np.asarray(found)


def gather(grids: torch.Tensor, first: np.ndarray) -> torch.Tensor:
    """(n, step, polarity, row, column) float32 log counts of clips that begin at ``first``."""
    places = torch.from_numpy(first)[:, None] + torch.arange(STEPS)
    return grids[places].float() * (LARGEST_LOG / LEVELS)


def varied(batch: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """The same faces elsewhere, nearer or farther, mirrored, in other light, with cells that saw nothing.

    Args:
        batch: (n, step, polarity, row, column).
    """
    count, steps, polarities, rows, columns = batch.shape

    def drawn(low: float, high: float) -> torch.Tensor:
        return torch.rand(count, generator=random) * (high - low) + low

    zoom, turn = torch.exp(drawn(-0.2, 0.2)), drawn(-0.12, 0.12)
    mirror = torch.where(torch.rand(count, generator=random) < 0.5, -1.0, 1.0)
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0], matrix[:, 0, 1] = mirror * zoom * torch.cos(turn), -mirror * zoom * torch.sin(turn)
    matrix[:, 1, 0], matrix[:, 1, 1] = zoom * torch.sin(turn), zoom * torch.cos(turn)
    matrix[:, 0, 2], matrix[:, 1, 2] = drawn(-0.2, 0.2), drawn(-0.2, 0.2)
    flat = batch.reshape(count, steps * polarities, rows, columns)
    grid = functional.affine_grid(matrix, list(flat.shape), align_corners=False)
    flat = functional.grid_sample(flat, grid, align_corners=False)
    kept = (torch.rand(flat.shape, generator=random) < drawn(0.85, 1.0)[:, None, None, None]).float()
    return (flat * kept * torch.exp(drawn(-0.3, 0.3))[:, None, None, None]).reshape(batch.shape)
