"""How well looks could tell synthetic people apart if the pose were known: an oracle, and what errors of pose cost.

    .venv/cp311/bin/python benchmarks/identity_limits.py --people 20

Each person's template is one look at a known pose. A probe is another look, of another session (other clothes, trunk,
moisture, tension of the face at rest), at the same pose but for an error. Score: the coherent correlation of the range
profiles over the face, all receivers together. *Same session*: the same, with nothing changed but the error. Bandwidth:
the samples of a part of the ramp. AUROC over all pairs; chance is 0.5. Synthetic.
"""

from __future__ import annotations

import argparse
import dataclasses

import numpy as np

from faceedge.perception.verification import auroc
from faceedge.radar.chirp import SPEED_OF_LIGHT_M_S, ChirpSettings
from faceedge.radar.chirp_files import find_chirp_file, load_chirp_file
from faceedge.simulation.performance.turning import rotation
from faceedge.simulation.person.body import Body
from faceedge.simulation.radar.view import RadarView
from faceedge.simulation.sessions.options import Options
from faceedge.simulation.sessions.session import draw_session
from faceedge.simulation.sessions.stage import LONGEST_EDGE_M, RealStage
from faceedge.simulation.surface import Mesh, Still

NOSE_M = np.array([0.30, 0.0, 0.0])
FACE_M = np.arange(0.28, 0.46, 0.005)
ERRORS = {
    "none": (0.0, 0.0),
    "0.2 mm": (2e-4, 0.0),
    "1 mm": (1e-3, 0.0),
    "5 mm": (5e-3, 0.0),
    "0.2 deg": (0.0, 0.2),
    "1 deg": (0.0, 1.0),
    "3 deg": (0.0, 3.0),
}
"""How far (m, along each axis) and how much (degrees, about each) a probe is off, standard deviations."""
SAMPLES = {"5.2 GHz": 128, "1 GHz": 24}


def posed(session_index: int, person: int, chirp: ChirpSettings) -> tuple[Mesh, np.ndarray]:
    """What a person is made of in a session, and its vertices (v, 3) with the nose at `NOSE_M`, facing the radar."""
    options = Options(people=person + 1, sessions=session_index + 1, duration_s=2.0, seed=100)
    session = draw_session(person, session_index, options, chirp)
    stage = RealStage(dataclasses.replace(session, distance_m=0.3, offset_m=(0.0, 0.0), turn_deg=(0.0, 0.0, 0.0)))
    body = Body(stage.person, longest_edge_m=LONGEST_EDGE_M, clothing_seed=stage.clothing_seed)
    motion = stage.performance.motion(np.array([0.5]))
    still = dataclasses.replace(motion, head_rad=np.zeros_like(motion.head_rad))
    still = dataclasses.replace(still, pivot_m=np.zeros_like(motion.pivot_m))
    points = body.vertices(still, getattr(stage.performance, "seat_m", None))[0]
    nose = np.diag([-1.0, -1.0, 1.0]) @ body.nose_tip_m
    return body.mesh, np.asarray(points - nose, np.float64)


def look(mesh: Mesh, points: np.ndarray, chirp: ChirpSettings, error: np.ndarray) -> np.ndarray:
    """(rx, sample) of a person who stands still, off by ``error``: x, y, z in m and yaw, pitch, roll in degrees."""
    turned = points @ rotation(np.radians(error[3:])).T + NOSE_M + error[:3]
    return np.asarray(RadarView(chirp, Still(mesh, turned)).cube(0).mean(axis=1, dtype=np.float64))


def face(samples: np.ndarray, chirp: ChirpSettings, count: int) -> np.ndarray:
    """(rx * range,) complex profile of length 1 over the face, by ``count`` samples from the middle of the ramp."""
    first = (samples.shape[-1] - count) // 2
    part = samples[:, first : first + count]
    beat_hz = 2 * FACE_M * chirp.slope_hz_per_s / SPEED_OF_LIGHT_M_S
    wave = np.exp(-2j * np.pi * np.outer(np.arange(count), beat_hz) / chirp.sample_rate_hz)
    profile = ((part - part.mean(axis=-1, keepdims=True)) * np.hanning(count)) @ wave
    return np.asarray(profile.ravel() / np.linalg.norm(profile))


def figure(templates: list[np.ndarray], probes: list[list[np.ndarray]], chirp: ChirpSettings, count: int) -> float:
    """AUROC over all pairs of a template's person and a probe's."""
    known = np.stack([face(one, chirp, count) for one in templates])
    genuine, impostor = [], []
    for person, found in enumerate(probes):
        for probe in found:
            scores = np.abs(known @ face(probe, chirp, count).conj())
            genuine.append(scores[person])
            impostor.append(np.delete(scores, person))
    return auroc(np.array(genuine), np.concatenate(impostor))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--probes", type=int, default=3, help="of each person and error")
    args = parser.parse_args()
    chirp = load_chirp_file(find_chirp_file("bgt60_face_looks")).chirp
    random = np.random.default_rng(0)
    sessions = [[posed(session, person, chirp) for person in range(args.people)] for session in (0, 1)]
    templates = [look(*one, chirp, np.zeros(6)) for one in sessions[0]]
    print(f"{args.people} synthetic people, {args.probes} probes each; AUROC")
    print(f"{'error of pose':14}" + "".join(f"{f'{band}, {kind}':>24}" for band in SAMPLES for kind in ("same", "new")))
    for name, (distance_m, turn_deg) in ERRORS.items():
        spread = np.array([distance_m] * 3 + [turn_deg] * 3)
        errors = random.standard_normal((args.people, args.probes, 6)) * spread
        probes = [
            [[look(*one, chirp, error) for error in errors[n]] for n, one in enumerate(people)] for people in sessions
        ]
        row = [figure(templates, found, chirp, count) for count in SAMPLES.values() for found in probes]
        print(f"{name:14}" + "".join(f"{value:24.3f}" for value in row), flush=True)


if __name__ == "__main__":
    main()
