from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from faceedge.errors import ConfigurationError
from faceedge.radar.chirp_files import find_chirp_file, load_chirp_file
from faceedge.radar.face_frames import IMAGE_DB, FaceFrames, in_db

CHIRP = load_chirp_file(find_chirp_file("bgt60_face_full_band")).chirp
RANDOM = np.random.default_rng(0)


def cube() -> np.ndarray:
    return RANDOM.integers(1000, 3000, CHIRP.cube_shape, np.uint16)


def test_images_come_from_the_eighth_frame_on_and_lie_between_0_and_1() -> None:
    frames = FaceFrames(CHIRP)
    found = [frames.push(cube(), n, 50_000_000 * n).images for n in range(9)]
    assert [images is None for images in found] == [True] * 7 + [False] * 2
    assert found[8] is not None
    assert found[8].shape == (2, 64, 64)
    assert found[8].dtype == np.float32
    assert 0 <= found[8].min() < found[8].max() <= 1


def test_the_images_are_linear_in_db() -> None:
    images = 10 ** (np.array([[-30, -20, 0, 60, 80]], np.float32) / 20)
    in_db(images)
    assert IMAGE_DB == (-20.0, 60.0)
    assert images[0].tolist() == pytest.approx([0, 0, 0.25, 1, 1], abs=1e-6)


def test_a_look_is_the_mean_of_the_first_eight_chirps() -> None:
    samples = cube()
    look = FaceFrames(CHIRP).push(samples, 0, 0).look
    assert look.shape == (3, 128)
    assert np.allclose(look, samples[:, :8].astype(np.float64).mean(axis=1))


def test_a_frame_that_is_sent_twice_and_samples_at_the_ends_are_noticed() -> None:
    frames, samples = FaceFrames(CHIRP), cube()
    samples[0] = 4095
    first, second = frames.push(samples, 0, 0), frames.push(samples, 1, 50_000_000)
    assert (first.repeated, second.repeated) == (False, True)
    assert first.saturated == pytest.approx(1 / 3)
    assert not frames.push(cube(), 2, 100_000_000).repeated


def test_a_chirp_with_too_few_chirps_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 8 chirps a frame, the chirp has 4"):
        FaceFrames(dataclasses.replace(CHIRP, chirps_per_frame=4))
