"""Clips made by camera moves over a still picture."""

from __future__ import annotations

import numpy as np
import pytest

from faceedge.errors import ConfigurationError
from faceedge.simulation.clip import camera_moves


def picture() -> np.ndarray:
    y, x = np.mgrid[0:300, 0:400]
    return np.stack([x * 255 // 400, y * 255 // 300, (x + y) % 256], axis=-1).astype(np.uint8)


def test_a_clip_has_the_asked_number_of_frames_and_their_size() -> None:
    frames = list(camera_moves(picture(), (160, 120), 12, seed=1))
    assert len(frames) == 12
    assert {(frame.shape, str(frame.dtype)) for frame in frames} == {((120, 160, 3), "uint8")}


def test_the_same_seed_gives_the_same_clip_and_another_seed_another() -> None:
    first, same, other = ([f.tobytes() for f in camera_moves(picture(), (80, 60), 5, seed)] for seed in (3, 3, 4))
    assert first == same
    assert first != other


def test_the_camera_moves_smoothly_and_ends_where_it_began() -> None:
    frames = [f[..., :2].astype(float) for f in camera_moves(picture(), (160, 120), 200, seed=2)]
    steps = [np.abs(a - b).mean() for a, b in zip(frames, frames[1:] + frames[:1], strict=True)]
    away = [np.abs(frame - frames[0]).mean() for frame in frames]
    assert max(away) > 8 * max(steps)
    assert min(steps) >= 0


def test_the_camera_stays_inside_the_picture() -> None:
    inside = np.full((300, 400, 3), 255, np.uint8)
    assert all((frame == 255).all() for frame in camera_moves(inside, (160, 120), 20, seed=5, centre=(0.0, 1.0)))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"frames": 0}, "at least 1 frame"), ({"size": (0, 10)}, "1x1 pixels"), ({"zoom": 0.5}, "zoom 1")],
)
def test_values_that_make_no_clip_are_refused(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        next(camera_moves(picture(), **change))  # type: ignore[arg-type]


def test_a_grey_picture_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"got \(300, 400\) of uint8"):
        next(camera_moves(picture()[..., 0]))
