"""`faceedge train radar-expression-images` and the cascade of the tables, on made-up recordings (needs torch)."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from radar_clips import clip

from faceedge.cli.main import main
from faceedge.errors import InputError
from faceedge.perception.radar_expression import LEAVES
from faceedge.radar.chirp_files import find_chirp_file, load_chirp_file
from faceedge.radar.recordings import VendorWriter

FULL_BAND = load_chirp_file(find_chirp_file("bgt60_face_full_band")).chirp
FRAMES = 112
UNIT_NAMES = (
    "jawOpen mouthSmileLeft mouthSmileRight cheekSquintLeft cheekSquintRight browDownLeft browDownRight browInnerUp "
    "browOuterUpLeft browOuterUpRight eyeWideLeft eyeWideRight mouthPressLeft mouthPressRight noseSneerLeft "
    "noseSneerRight eyeBlinkLeft eyeBlinkRight"
).split()


def session(folder: Path, person: int) -> None:
    """5.6 s of noise in the layout of `faceedge simulate`, with each leaf for a second from 1 s on."""
    path = folder / f"p{person:03d}" / "s0"
    path.mkdir(parents=True)
    rng = np.random.default_rng(person)
    with VendorWriter(path / "radar", FULL_BAND) as writer:
        for k in range(FRAMES):
            writer.append(rng.integers(1900, 2200, FULL_BAND.cube_shape).astype(np.uint16), 50_000_000 * k)
    acts = [{"expression": leaf, "start_s": 1.0 + k, "stop_s": 2.0 + k} for k, leaf in enumerate(LEAVES)]
    (path / "session.json").write_text(json.dumps({"person": person, "index": 0, "acts": acts}))
    units = rng.random((FRAMES, len(UNIT_NAMES))).astype(np.float16)
    np.savez(path / "truth.npz", time_s=0.05 * np.arange(FRAMES), unit_names=np.array(UNIT_NAMES), units=units)


@pytest.mark.training
def test_two_steps_on_two_of_three_people_end_in_three_files_with_cards(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra `train`")
    pytest.importorskip("litert_torch", reason="needs the extra `train`")
    from faceedge.inference.registry import find_model
    from faceedge.perception.radar_expression_images import MODELS

    for person in range(3):
        session(tmp_path / "data", person)
    session(tmp_path / "others", 0)
    options = f"--data {tmp_path}/data --held-out {tmp_path}/others --output {tmp_path}/work --models {tmp_path}/models"
    short = "--people 2 --choosing 1 --steps 2 --moments 2"
    assert main(["train", "radar-expression-images", *options.split(), *short.split()]) == 0
    cards = [find_model(name, tmp_path / "models").card for name in MODELS]
    assert cards[0].extra["processing"]["moments"] == 2
    assert "--steps 2 --people 2 --choosing 1" in cards[0].training["command"]
    assert cards[0].training["data"].startswith("Synthetic: {'learnt from': 1, 'choosing': 1, 'test': 1}")
    assert set(cards[0].float_against_int8["test people, frames"]) == {"float", "int8"}


@pytest.mark.training
def test_people_who_all_calibrate_leave_nobody_to_learn_from(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra `train`")
    from faceedge.training.radar_expression_images_finish import split

    session(tmp_path, 0)
    with pytest.raises(InputError, match="1 people and 1 of them to calibrate on leave nobody on one side"):
        split([tmp_path], 1)


@pytest.mark.training
def test_the_cascade_learns_leaves_that_are_plain_in_the_looks_and_answers_for_strangers_too() -> None:
    pytest.importorskip("torch", reason="needs the extra `train`")
    from faceedge.training.radar_expression_looks import CascadeSettings, LooksCascade

    labels = np.repeat(np.arange(4, dtype=np.int8), 15)
    rng = np.random.default_rng(0)
    tones = np.cos(2 * np.pi * np.array([5, 8, 11, 14])[:, None] * np.arange(128) / 128)
    looks = 100 * tones[labels][:, None] + rng.normal(size=(60, 3, 128))
    images = rng.random((60, 2, 64, 64)).astype(np.float16)
    made = [
        dataclasses.replace(clip(person, "s0", 60, labels=labels), looks=looks.astype(np.float32), images=images)
        for person in ("anna", "ben")
    ]
    method = LooksCascade(CascadeSettings(steps=4, all_steps=60, own_steps=20, of_each_leaf=6, width=32))
    method.fit(made)
    for person in ("anna", "zoe"):
        found = method.probabilities(dataclasses.replace(made[0], person=person), ())
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
        assert np.mean(found.argmax(axis=1) == labels) > 0.8
