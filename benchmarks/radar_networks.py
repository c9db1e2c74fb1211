"""FOODER on synthetic recordings: the frozen body part with closed-form ILEDs, its ablations, and FOODER as published.

    python benchmarks/radar_networks.py --enrolled ENROLLED --strangers STRANGERS [--published 3]

Protocol: same recording. The first half of a recording of an enrolled person is enrolled (its last fifth gives the
scale of the terms), the last 40 % are the genuine frames, and all frames of all strangers are impostors. Where both
folders are the same one, each person's strangers are the other people. Intervals are over people. ``--published``
trains FOODER as published for so many of the recordings and needs torch; the rows of those recordings are repeated for
the frozen body part, so that both are compared on the same ones.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceedge.perception.authentication.body_part import BodyPart, BodyPartOutput
from faceedge.perception.authentication.look_spectrum import LookPower, LookSpectrum
from faceedge.perception.authentication.one_class import (
    BODY,
    FEWEST_FRAMES,
    RECONSTRUCTION_WEIGHT,
    TERMS,
    OneClass,
    Term,
)
from faceedge.perception.verification import Spread, auroc, fpr_at_tpr
from faceedge.radar.face_frames import FaceFrames
from faceedge.radar.recordings import open_recording

ENROLLED_SHARE, GENUINE_SHARE, HELD_OUT = 0.5, 0.4, 0.2
WINDOWS = (1, 10, 20, 40, 100)
FRAME_S = 0.05
# Places of the terms: ILEDs of both latents, both maps, the look's spectrum and power, both images themselves; then the
# reproduced images. The weights are those of `OneClass`; an image stands for the body part's two vectors of it.
LATENTS_AND_MAPS, LOOK_PLACE, POWER_PLACE, IMAGES, REPRODUCED = (0, 1, 2, 3), (4,), (5,), (6, 7), (8, 9)
WEIGHTS = np.array([term.weight for term in TERMS] + [2 * BODY.weight] * 2 + [RECONSTRUCTION_WEIGHT] * 2)
METHODS = {
    "ILED on the frozen body part": LATENTS_AND_MAPS,
    "the same and the look": (*LATENTS_AND_MAPS, *LOOK_PLACE),
    "the same, the look and its power": (*LATENTS_AND_MAPS, *LOOK_PLACE, *POWER_PLACE),
    "with reproduced images": (*LATENTS_AND_MAPS, *REPRODUCED),
    "without ILED: reproduced images only": REPRODUCED,
    "without body part: ILED on the images": IMAGES,
    "without body part: ILED on the images, the look and its power": (*IMAGES, *LOOK_PLACE, *POWER_PLACE),
    "without body part: the look and its power": (*LOOK_PLACE, *POWER_PLACE),
    "range-Doppler only": (0, 2),
    "micro range-Doppler only": (1, 3),
    "look only": LOOK_PLACE,
    "power only": POWER_PLACE,
}


@dataclass(frozen=True, slots=True)
class Frames:
    """One recording: who, its images (n, 2, 64, 64) and what a one-class model takes."""

    person: str
    images: np.ndarray
    outputs: list[BodyPartOutput]


def read(folder: Path, body_part: BodyPart) -> Frames:
    """All frames of ``PERSON/SESSION`` with the body part's outputs, the look, its power and the images themselves."""
    recording = open_recording(folder / "radar")
    frames, spectrum, power = FaceFrames(recording.chirp), LookSpectrum(recording.chirp), LookPower(recording.chirp)
    images, outputs = [], []
    for k in range(len(recording.cubes)):
        frame = frames.push(recording.cube(k), k, k * 50_000_000)
        if frame.images is not None:
            output = body_part(frame.images)
            own = [frame.images[place].astype(np.float16).ravel() for place in (0, 1)]
            features = (*output.features, spectrum(frame.look), power(frame.look), *own)
            outputs.append(BodyPartOutput(features, output.errors))
            images.append(frame.images.astype(np.float16))
    return Frames(folder.parent.name, np.stack(images), outputs)


def split(count: int) -> tuple[slice, slice, slice]:
    """Frames to learn from, to hold out, and to test on."""
    end = int(ENROLLED_SHARE * count)
    first_held = end - max(FEWEST_FRAMES, int(HELD_OUT * end))
    return slice(first_held), slice(first_held, end), slice(int((1 - GENUINE_SHARE) * count), count)


def averaged(scores: np.ndarray, frames: int) -> np.ndarray:
    """Means over windows of so many frames, one frame apart."""
    return np.convolve(scores, np.full(frames, 1 / frames), "valid")


def figures(genuine: np.ndarray, impostors: Sequence[np.ndarray]) -> list[tuple[float, float]]:
    """AUROC and FPR95 by window; scores of the genuine frames and of each impostor recording, in order."""
    rows = []
    for frames in WINDOWS:
        others = np.concatenate([averaged(scores, frames) for scores in impostors])
        own = averaged(genuine, frames)
        rows.append((auroc(own, others), fpr_at_tpr(own, others)))
    return rows


def show(name: str, people: Sequence[str], rows: Sequence[list[tuple[float, float]]]) -> None:
    """One line a method: AUROC and FPR95 in percent by window, with intervals over people per frame and at 1 s."""
    values = 100 * np.array(rows)  # recording, window, figure
    each = np.stack([values[[p == person for p in people]].mean(0) for person in dict.fromkeys(people)])
    cells = []
    for place, frames in enumerate(WINDOWS):
        area, rate = (Spread.of(each[:, place, figure]) for figure in (0, 1))
        cells.append(
            f"{area.mean:.2f} ({area.low:.2f} to {area.high:.2f}), {rate.mean:.2f} ({rate.low:.2f} to "
            f"{rate.high:.2f}) at {frames * FRAME_S:g} s"
        )
    print(f"{name}\n    " + "\n    ".join(cells), flush=True)


def frozen(
    enrolled: Sequence[Frames], strangers: Sequence[Frames], rank: int
) -> dict[str, list[list[tuple[float, float]]]]:
    """Figures by method and recording."""
    found: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in METHODS}
    for own in enrolled:
        learn, hold, test = split(len(own.outputs))
        ranks = *(Term(rank, term.weight) for term in TERMS[:4]), *TERMS[4:], Term(rank, 1.0), Term(rank, 1.0)
        model = OneClass.fit(own.outputs[learn], own.outputs[hold], terms=ranks, reconstruction=True)
        terms = [
            (model.terms(outputs) - model.centre) / model.spread
            for outputs in (own.outputs[test], *(other.outputs for other in strangers))
        ]
        for name, columns in METHODS.items():
            weights = WEIGHTS[list(columns)]
            genuine, *impostors = (-part[:, columns] @ weights / weights.sum() for part in terms)
            found[name].append(figures(genuine, impostors))
    return found


def published(own: Frames, strangers: Sequence[Frames], epochs: int) -> tuple[list[tuple[float, float]], float]:
    """Figures of FOODER trained on one recording with latent 128, and the seconds that took."""
    import dataclasses

    from faceedge.training import fooder

    learn, hold, test = split(len(own.images))
    settings = dataclasses.replace(fooder.published(fooder.FooderSettings()), epochs=epochs)
    started = time.monotonic()
    network = fooder.train_person(own.images[learn], settings, lambda _: None)
    seconds = time.monotonic() - started
    held = fooder.person_terms(network, own.images[hold])
    centre, spread = held.mean(0), held.std(0)
    genuine, *impostors = (
        -((fooder.person_terms(network, images) - centre) / spread).mean(1)
        for images in (own.images[test], *(other.images for other in strangers))
    )
    return figures(genuine, impostors), seconds


def time_enrolment(source: Frames, body_part: BodyPart) -> None:
    """Enrolment of 60 s (1,200 frames) and the gate's time a frame, on one thread; a look's vectors take 0.04 ms."""
    images = source.images.astype(np.float32)
    many = [images[k % len(images)] for k in range(1200)]
    looks = [source.outputs[k % len(images)].features[4:6] for k in range(1200)]

    def output(place: int) -> BodyPartOutput:
        plain = body_part(many[place])
        return BodyPartOutput((*plain.features, *looks[place]), plain.errors)

    started = time.process_time()
    outputs = [output(place) for place in range(1200)]
    middle = time.process_time()
    model = OneClass.fit(outputs[:960], outputs[960:])
    end = time.process_time()
    print(f"60 s of frames: body part {middle - started:.2f} s, ILEDs in closed form {end - middle:.2f} s of CPU time")
    times = []
    for place in range(300):
        started = time.perf_counter()
        model.score(output(place))
        times.append(time.perf_counter() - started)
    print(f"gate, body part and score of a frame: median {1e3 * np.median(times):.2f} ms")


def main() -> None:
    """Read, compare, time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--enrolled", type=Path, required=True)
    parser.add_argument("--strangers", type=Path, required=True)
    parser.add_argument("--sessions", nargs="+", default=["s2", "s3"], help="of the enrolled")
    parser.add_argument("--most", type=int, default=1000, help="recordings of each")
    parser.add_argument("--rank", type=int, nargs="+", default=[8])
    parser.add_argument("--published", type=int, default=0, help="recordings to train FOODER on as published")
    parser.add_argument("--epochs", type=int, default=30)
    args = parser.parse_args()
    body_part = BodyPart()
    folders = [
        sorted(p.parent for p in data.glob("p*/s*/session.json") if p.parent.suffix != ".partial")
        for data in (args.enrolled, args.strangers)
    ]
    enrolled = [read(p, body_part) for p in [p for p in folders[0] if p.name in args.sessions][: args.most]]
    if args.enrolled == args.strangers:
        strangers = enrolled
    else:
        strangers = [read(p, body_part) for p in folders[1][: args.most]]
    print(f"{len(enrolled)} enrolled recordings, {len(strangers)} of strangers (synthetic)")
    for rank in args.rank:
        others = [
            [o for o in strangers if args.enrolled != args.strangers or o.person != own.person] for own in enrolled
        ]
        rows: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in METHODS}
        for own, impostors in zip(enrolled, others, strict=True):
            for name, found in frozen([own], impostors, rank).items():
                rows[name].extend(found)
        print(f"rank {rank}; AUROC, FPR95 in % with 95 % intervals over people")
        for name, found in rows.items():
            show(name, [own.person for own in enrolled], found)
    time_enrolment(enrolled[0], body_part)
    if args.published:
        some = enrolled[:: max(1, len(enrolled) // args.published)][: args.published]
        not_them = [[o for o in strangers if args.enrolled != args.strangers or o.person != p.person] for p in some]
        both = [published(own, people, args.epochs) for own, people in zip(some, not_them, strict=True)]
        print(f"trained per person: {np.mean([seconds for _, seconds in both]):.0f} s each")
        show("FOODER as published", [own.person for own in some], [rows for rows, _ in both])
        again = [frozen([own], people, args.rank[0]) for own, people in zip(some, not_them, strict=True)]
        for name in METHODS:
            show(name, [own.person for own in some], [rows[name][0] for rows in again])


if __name__ == "__main__":
    main()
