"""Frames of recordings for the radar's networks: images and looks in memory, each recording read once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceedge.errors import InputError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import FaceFrames
from faceedge.radar.recordings import open_recording


@dataclass(frozen=True, slots=True)
class FaceRecording:
    """The frames of one recording that have both images.

    Attributes:
        person, session: names of the folders that it came from.
        chirp: what the radar transmitted.
        images: (frame, 2, 64, 64) float16, 0 to 1.
        looks: (frame, rx, sample) float32, ADC counts.
    """

    person: str
    session: str
    chirp: ChirpSettings
    images: np.ndarray
    looks: np.ndarray


def read_recording(folder: Path) -> FaceRecording:
    """Prepare all frames of ``PERSON/SESSION``, a folder of `faceedge simulate`.

    Raises:
        InputError: no recording, or one too short for a micro range-Doppler image.
    """
    recording = open_recording(folder / "radar")
    frames = FaceFrames(recording.chirp)
    period_ns = round(recording.chirp.frame_period_s * 1e9)
    found = [frames.push(recording.cube(k), k, k * period_ns) for k in range(len(recording.cubes))]
    whole = [(frame.images.astype(np.float16), frame.look) for frame in found if frame.images is not None]
    if not whole:
        raise InputError(f"{folder}: expected more frames than a micro range-Doppler image needs, got {len(found)}")
    images, looks = (np.stack(part) for part in zip(*whole, strict=True))
    return FaceRecording(folder.parent.name, folder.name, recording.chirp, images, looks)


def find_sessions(data: Path, sessions: Sequence[str] = ()) -> list[Path]:
    """Complete sessions below a folder of `faceedge simulate`, by name; ``sessions`` (such as s0, s1) limits them.

    Raises:
        InputError: there are none.
    """
    found = [path.parent for path in sorted(data.glob("p*/s*/session.json"))]
    found = [path for path in found if path.suffix != ".partial" and (not sessions or path.name in sessions)]
    if not found:
        raise InputError(f"{data}: expected sessions of `faceedge simulate` such as p000/s0, found none")
    return found


def read_recordings(folders: Iterable[Path]) -> list[FaceRecording]:
    """All of them, in order."""
    return [read_recording(folder) for folder in folders]
