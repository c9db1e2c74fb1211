"""People for tests of the enrolment: echoes that sway and breathe, and an embedder that knows who they are.

Who somebody is stands in the looks' mean, which no face changes: person k has a mean of 2048 + 20 k counts. The
stand-in embedder reads it there, so that these tests are about the enrolment and not about how good a model is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceedge.inference.registry import Model, ModelCard
from faceedge.radar.chirp import SPEED_OF_LIGHT_M_S, ChirpSettings
from faceedge.radar.chirp_files import find_chirp_file, load_chirp_file
from faceedge.radar.face_frames import FaceFrame
from faceedge.radar.recordings import VendorWriter

CHIRP = load_chirp_file(find_chirp_file("bgt60_face_looks")).chirp
PERIOD_NS = round(CHIRP.frame_period_s * 1e9)
SHA256 = "ab" * 32
SIZE, WINDOW_LOOKS, HOP_LOOKS = 32, 20, 5
COUNTS_PER_PERSON = 20
PARTS_M = (0.0, 0.02, 0.05, 0.09)
"""Behind the nearest point of a face."""


@dataclass(frozen=True, slots=True)
class StandInEmbedding:
    vector: np.ndarray


class StandInEmbedder:
    """A person's vector plus noise of the window, so that decisions of one person differ."""

    def __init__(self, chirp: ChirpSettings = CHIRP, sha256: str = SHA256, noise: float = 0.1) -> None:
        self.chirp = chirp
        self.model = Model(Path("none"), ModelCard("stand_in", "none", sha256, "a stand-in for tests"))
        self._noise = noise
        self._looks: deque[np.ndarray] = deque(maxlen=WINDOW_LOOKS)
        self._since = 0

    def reset(self) -> None:
        self._looks.clear()
        self._since = 0

    def push(self, look: np.ndarray, stamp_ns: int) -> StandInEmbedding | None:
        self._looks.append(look)
        self._since += 1
        if len(self._looks) < WINDOW_LOOKS or self._since % HOP_LOOKS:
            return None
        person = round((float(np.mean(self._looks)) - 2048) / COUNTS_PER_PERSON)
        vector = person_vector(person)
        vector = vector + self._noise * unit(np.random.default_rng(stamp_ns % 2**32))
        return StandInEmbedding((vector / np.linalg.norm(vector)).astype(np.float32))


def unit(random: np.random.Generator) -> np.ndarray:
    values = random.normal(size=SIZE)
    return np.asarray(values / np.linalg.norm(values))


def person_vector(person: int) -> np.ndarray:
    return unit(np.random.default_rng(1000 + person))


def looks(
    person: int, count: int, *, range_m: float = 0.35, sway_m: float = 0.0, furniture: bool = False, seed: int = 0
) -> np.ndarray:
    """(count, rx, sample) float32 of somebody who breathes and sways; ``furniture`` stands still instead."""
    random = np.random.default_rng([person, seed])
    t = np.arange(count) * CHIRP.frame_period_s
    moved_m = np.zeros(count) if furniture else 2e-3 * np.sin(2 * np.pi * 0.3 * t) + sway_m * np.sin(2 * np.pi * t / 8)
    fast_s = np.arange(CHIRP.samples_per_chirp) / CHIRP.sample_rate_hz
    result = random.normal(0, 0.3, (count, 3, CHIRP.samples_per_chirp)) + 2048 + COUNTS_PER_PERSON * person
    turned = np.zeros(count) if furniture else 4e-3 * np.sin(2 * np.pi * t / 5)  # parts move against each other
    for part, behind_m in enumerate(PARTS_M):
        way_m = 2 * (range_m + behind_m + moved_m + part * turned)
        tau_s = way_m[:, None] / SPEED_OF_LIGHT_M_S
        phase = 2 * np.pi * (CHIRP.slope_hz_per_s * tau_s * fast_s + CHIRP.start_frequency_hz * tau_s)
        result += 40 * np.cos(phase)[:, None]
    return result.astype(np.float32)


def empty(count: int, seed: int = 0) -> np.ndarray:
    """(count, rx, sample) of an empty room."""
    return (np.random.default_rng(seed).normal(0, 0.3, (count, 3, CHIRP.samples_per_chirp)) + 2048).astype(np.float32)


def frames(samples: np.ndarray, first: int = 0) -> Iterator[FaceFrame]:
    """Frames with these looks; ``first`` is the number of the first, from which its time follows."""
    for number, look in enumerate(samples, first):
        yield FaceFrame(number, number * PERIOD_NS, None, look, 0.0, False)


def record(folder: Path, samples: np.ndarray, synthetic: bool = True) -> Path:
    """A session's folder with the looks as a recording; each look is repeated to a frame of chirps."""
    folder.mkdir(parents=True)
    if synthetic:
        (folder / "session.json").write_text('{"synthetic": true}')
    chirps = CHIRP.chirps_per_frame
    random = np.random.default_rng(len(samples))
    with VendorWriter(folder / "radar", CHIRP) as writer:
        for number, look in enumerate(samples):
            cube = np.repeat(look[:, None], chirps, axis=1) + random.normal(0, 1, (3, chirps, look.shape[1]))
            writer.append(np.clip(np.rint(cube), 0, 4095).astype(np.uint16), number * PERIOD_NS + 10**18)
    return folder
