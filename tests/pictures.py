"""Pictures that several tests look at."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from shared_data import SHARED_DATA


@cache
def astronaut() -> np.ndarray:
    """(512, 512, 3) uint8, BGR: scikit-image's public-domain portrait of Eileen Collins, read-only."""
    data = pytest.importorskip("skimage.data", reason="scikit-image, whose picture this is, is not installed")
    picture = np.ascontiguousarray(data.astronaut()[..., ::-1])
    picture.setflags(write=False)
    return picture


def recording(*parts: str) -> Path:
    """A file of the shared data folder; skips the test where it is absent."""
    path = SHARED_DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs {Path(*parts)} of the shared data folder beside the repository, which is absent")
    return path


def frames(path: Path, count: int, step: int = 1) -> list[np.ndarray]:
    """The first ``count`` of every ``step``-th frame of a video."""
    video = cv2.VideoCapture(str(path))
    result: list[np.ndarray] = []
    index = 0
    while len(result) < count:
        good, image = video.read()
        if not good:
            break
        if index % step == 0:
            result.append(image)
        index += 1
    return result
