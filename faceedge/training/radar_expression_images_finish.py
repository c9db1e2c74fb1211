"""From folders of synthetic people to the shipped files of FOODER's expression stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from faceedge.errors import InputError
from faceedge.perception.radar_expression_images import MODELS
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.recordings import open_recording
from faceedge.training import radar_expression_images_card as card
from faceedge.training.radar_expression_card import figures
from faceedge.training.radar_expression_figures import frame_samples
from faceedge.training.radar_expression_images import ImageTrainingSettings, Networks, train
from faceedge.training.radar_expression_images_data import ImageSession, load

Say = Callable[[str], None]


def split(
    folders: Sequence[Path], choosing: int, only: range | None = None
) -> tuple[list[ImageSession], list[ImageSession]]:  # fmt: skip
    """Sessions to learn from, and those of the last ``choosing`` people of the last folder, which calibrate.

    Raises:
        InputError: there is nobody left to learn from, or nobody to calibrate on.
    """
    sessions = [session for data, folder in enumerate(folders) for session in load(folder, data, only)]
    last = len(folders) - 1
    people = sorted({session.person for session in sessions if session.data == last})
    kept = set(people[len(people) - choosing :])
    apart = [session.data == last and session.person in kept for session in sessions]
    if not choosing or all(apart):
        raise InputError(
            f"{folders[last]}: {len(people)} people and {choosing} of them to calibrate on leave nobody on one side; "
            "change --choosing, or give more people."
        )
    return (
        [session for session, is_apart in zip(sessions, apart, strict=True) if not is_apart],
        [session for session, is_apart in zip(sessions, apart, strict=True) if is_apart],
    )


def run(
    folders: Sequence[Path], choosing: int, held_out: Path, settings: ImageTrainingSettings, facts: dict[str, Any],
    work: Path, models: Path, say: Say, only: range | None = None,
) -> None:  # fmt: skip
    """Train, export, calibrate, test, and write files and cards; ``only``: so numbered people of each folder."""
    learnt, apart = split(folders, choosing, only)
    say(f"{len(learnt)} sessions to learn from, {len(apart)} to calibrate on")
    networks = train(learnt, settings, say)
    chirp = open_recording(next(iter(sorted(held_out.glob("p*/s*")))) / "radar").chirp
    finish(networks, learnt, apart, load(held_out, people=only), chirp, facts, work, models, say)


def finish(
    networks: Networks, learnt: Sequence[ImageSession], apart: Sequence[ImageSession], testing: Sequence[ImageSession],
    chirp: ChirpSettings, facts: dict[str, Any], work: Path, models: Path, say: Say,
) -> None:  # fmt: skip
    """Export, calibrate on ``apart``, test, and write files and cards; int8 ships."""
    moments = networks.moments
    forms = dict(zip(("float", "int8"), card.write_models(networks, learnt, work), strict=True))
    entries, of_choosing, of_testing = {}, {}, {}
    for form, paths in forms.items():
        values = card.file_answers(paths, apart, moments)
        entries[form] = card.processing(chirp, moments, apart, values)
        moved = [card.late(session, moments) for session in apart]
        samples = frame_samples(moved, card.scaled(values, entries[form]["temperature"]))
        of_choosing[form] = figures(samples, entries[form]["threshold"])
        of_testing[form] = card.tested(entries[form], testing, card.file_answers(paths, testing, moments))
        say(f"{form}: {of_choosing[form]['balanced_accuracy']} choosing, {of_testing[form]} test")
    people = {name: len({(s.data, s.person) for s in part}) for name, part in
              (("learnt from", learnt), ("choosing", apart), ("test", testing))}  # fmt: skip
    facts = facts | {"data": f"Synthetic: {people} people, bgt60_face_full_band; nobody is in two of these"}
    metrics = {
        f"{people['choosing']} people who calibrate": of_choosing["int8"],
        f"{people['test']} people, test, person-disjoint, synthetic": of_testing["int8"],
    }
    against = {
        "choosing people, frames": {form: found["balanced_accuracy"]["value"] for form, found in of_choosing.items()},
        "test people, frames": {
            form: found["frames"]["balanced_accuracy"]["value"] for form, found in of_testing.items()
        },
        "size_bytes, three files": {form: sum(path.stat().st_size for path in paths) for form, paths in forms.items()},
    }
    card.write_cards(forms["int8"], forms["float"], models, entries["int8"], facts, metrics, against)
    say(f"{', '.join(MODELS)}: {against}")
