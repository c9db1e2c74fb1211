"""From frames to images: what is computed when, and what a gap between frames does."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from radar_echoes import ADC_CENTRE, chirp_settings, echo

from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.frame import RadarFrame
from faceedge.radar.imaging import Imager, Processing

CHIRP = chirp_settings(chirps=32, samples=64)


def frame(number: int, chirp: ChirpSettings = CHIRP) -> RadarFrame:
    cube = np.rint(echo(chirp, 0.6, 0.1, frame=number) + ADC_CENTRE).astype(np.uint16)
    return RadarFrame(number * 50_000_000, number, cube)


def test_eight_frames_in_a_row_make_the_first_micro_image() -> None:
    imager = Imager(CHIRP, Processing())
    images = [imager.micro_range_doppler(frame(number)) is not None for number in range(10)]
    assert images == [False] * 7 + [True] * 3
    assert imager.problem == ""


@pytest.mark.parametrize("gap", ["number", "restart"])
def test_after_a_gap_the_micro_image_collects_eight_frames_anew(gap: str) -> None:
    imager = Imager(CHIRP, Processing())
    for number in range(8):
        imager.micro_range_doppler(frame(number))
    if gap == "restart":
        imager.restart()
    first = 9 if gap == "number" else 8
    images = [imager.micro_range_doppler(frame(first + number)) is not None for number in range(8)]
    assert images == [False] * 7 + [True]


def test_both_images_of_one_frame_are_those_of_each_alone() -> None:
    together, alone = Imager(CHIRP, Processing()), Imager(CHIRP, Processing())
    for number in range(8):
        image = together.range_doppler(frame(number))
        micro = together.micro_range_doppler(frame(number))
        micro_alone = alone.micro_range_doppler(frame(number))
    assert micro is not None
    assert micro_alone is not None
    assert image is not None
    assert np.array_equal(micro, micro_alone)
    assert np.argmax(image.max(axis=1)) == round(0.6 / CHIRP.range_resolution_m)


def test_window_and_mti_are_those_that_were_asked_for() -> None:
    standing = np.rint(echo(CHIRP, 0.6) + ADC_CENTRE).astype(np.uint16)
    kept = Imager(CHIRP, Processing("rectangular", mti=False)).range_doppler(RadarFrame(0, 0, standing))
    removed = Imager(CHIRP, Processing("rectangular", mti=True)).range_doppler(RadarFrame(0, 0, standing))
    assert kept is not None
    assert removed is not None
    assert kept.max() > 50
    assert removed.max() < 1


def test_an_image_of_the_device_itself_is_passed_on() -> None:
    image = np.ones((4, 4), np.float32)
    imager = Imager(dataclasses.replace(CHIRP, complex_sampling=True), Processing())
    assert imager.range_doppler(RadarFrame(0, 0, range_doppler=image)) is image
    assert imager.range_doppler(RadarFrame(0, 1)) is None
    assert imager.micro_range_doppler(RadarFrame(0, 2, range_doppler=image)) is None
    assert imager.problem == ""


def test_settings_without_micro_images_still_give_range_doppler_and_a_sentence() -> None:
    chirp = chirp_settings(chirps=12, samples=64)
    imager = Imager(chirp, Processing())
    image = imager.range_doppler(frame(0, chirp))
    assert image is not None
    assert image.shape == (32, 12)
    assert imager.micro_range_doppler(frame(1, chirp)) is None
    assert "multiple of them in chirps per frame; the chirp has 12" in imager.problem


def test_settings_that_cannot_be_processed_give_a_sentence_and_no_image() -> None:
    imager = Imager(dataclasses.replace(CHIRP, complex_sampling=True), Processing())
    assert imager.range_doppler(frame(0)) is None
    assert imager.micro_range_doppler(frame(0)) is None
    assert "complex sampling" in imager.problem
