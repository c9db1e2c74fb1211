"""Scenes with a known number of faces, made from the public-domain portrait that scikit-image ships."""

from __future__ import annotations

import cv2
import numpy as np

SIZE = (640, 480)
PORTRAIT = (slice(0, 300), slice(70, 370))
"""Rows and columns of head and shoulders in the 512x512 picture `astronaut` (NASA, public domain)."""


def portrait() -> np.ndarray:
    """Head and shoulders, (300, 300, 3) uint8 BGR."""
    from skimage.data import astronaut

    return np.asarray(cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR)[PORTRAIT], np.uint8)


def crowd(faces: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A grey picture (height, width, 3) uint8 BGR with ``faces`` copies of the portrait in a grid."""
    width, height = size
    scene = np.full((height, width, 3), 110, np.uint8)
    columns = int(np.ceil(np.sqrt(faces * width / height)))
    rows = int(np.ceil(faces / columns))
    side = min(width // columns, height // rows)
    small = cv2.resize(portrait(), (side, side), interpolation=cv2.INTER_AREA)
    for index in range(faces):
        row, column = divmod(index, columns)
        top = (height - rows * side) // 2 + row * side
        left = (width - columns * side) // 2 + column * side
        scene[top : top + side, left : left + side] = small
    return scene


def clip(frames: int, faces: int = 1) -> list[np.ndarray]:
    """``frames`` pictures of one scene that sways by a few pixels, so that tracking has something to do."""
    scene = crowd(faces)
    angles = np.linspace(0, 4 * np.pi, frames, endpoint=False)
    shifts = np.stack([6 * np.cos(angles), 3 * np.sin(angles)], 1)
    moves = [np.array([1, 0, x, 0, 1, y], np.float32).reshape(2, 3) for x, y in shifts]
    return [cv2.warpAffine(scene, move, SIZE, borderMode=cv2.BORDER_REPLICATE) for move in moves]
