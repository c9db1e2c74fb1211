"""A short clip from one still picture, by moving a virtual camera over it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np

from faceedge.errors import ConfigurationError

# One move per row: turns over the whole clip (whole numbers, so that the clip ends where it began) and amplitude.
_PAN_TURNS, _PAN = (1, 3), 0.16  # of the free width and height
_ZOOM_TURNS, _ZOOM = (1, 2), 0.30  # log scale
_ROLL_TURNS, _ROLL_RAD = (1, 3), math.radians(9.0)
_MARGIN = 0.06  # of the picture, kept as reserve so that rolling shows no corner


def _wave(rng: np.random.Generator, turns: tuple[int, int], time: np.ndarray) -> np.ndarray:
    """A smooth periodic curve within [-1, 1]: two sines, their turns and phases drawn from ``rng``."""
    slow, fast = (rng.integers(turns[0], turns[1] + 1) * factor for factor in (1, 2))
    first, second = rng.uniform(0, 2 * math.pi, 2)
    curve = 0.75 * np.sin(2 * math.pi * slow * time + first) + 0.25 * np.sin(2 * math.pi * fast * time + second)
    return np.asarray(curve)


def camera_moves(
    picture: np.ndarray,
    size: tuple[int, int] = (640, 480),
    frames: int = 250,
    seed: int = 0,
    centre: tuple[float, float] = (0.5, 0.5),
    zoom: float = 1.0,
    motion: float = 1.0,
) -> Iterator[np.ndarray]:
    """Frames of a camera that pans, zooms and rolls over ``picture``; the last frame leads smoothly into the first.

    Args:
        picture: (height, width, 3) uint8.
        size: width and height of the frames in pixels.
        frames: how many.
        seed: of the moves; the same seed gives the same clip.
        centre: where the camera looks on average, as fractions of the picture's width and height.
        zoom: 1 shows the largest part of the picture that fits; 2 half of it in each direction.
        motion: how far the camera moves; 0 is a still.

    Yields:
        (size[1], size[0], 3) uint8.

    Raises:
        ConfigurationError: a picture that is no colour picture, or values that make no clip.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or min(picture.shape[:2]) < 2:
        raise ConfigurationError(
            f"a clip needs a picture (height, width, 3) of uint8, got {picture.shape} of {picture.dtype}."
        )
    if frames < 1 or min(size) < 1 or zoom < 1.0 or not 0.0 <= motion <= 1.0:
        raise ConfigurationError(
            f"a clip needs at least 1 frame, 1x1 pixels, zoom 1 and motion within 0..1, got {frames}, "
            f"{size[0]}x{size[1]}, {zoom:g} and {motion:g}."
        )
    rng = np.random.default_rng(seed)
    height, width = picture.shape[:2]
    time = np.arange(frames) / frames
    pan_x, pan_y = (motion * _PAN * _wave(rng, _PAN_TURNS, time) for _ in range(2))
    scale_log = motion * _ZOOM * (_wave(rng, _ZOOM_TURNS, time) + 1.0) / 2
    roll = motion * _ROLL_RAD * _wave(rng, _ROLL_TURNS, time)
    # Frame pixels per picture pixel at zoom 1: the frame just covers the picture less its margin.
    base = max(size[0] / width, size[1] / height) / (1.0 - 2 * _MARGIN) * zoom
    for k in range(frames):
        scale = base * math.exp(scale_log[k])
        cosine, sine = scale * math.cos(roll[k]), scale * math.sin(roll[k])
        x = _inside(centre[0] + pan_x[k], size[0] / scale / width) * width
        y = _inside(centre[1] + pan_y[k], size[1] / scale / height) * height
        matrix = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0]])
        matrix[:, 2] = np.array(size) / 2 - matrix[:, :2] @ (x, y)
        frame = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        yield np.asarray(frame, np.uint8)


def _inside(position: float, extent: float) -> float:
    """Keep a window of ``extent`` around ``position`` within 0..1 (in the middle when it is larger than that)."""
    half = min(extent / 2, 0.5)
    return min(max(position, half), 1.0 - half)
