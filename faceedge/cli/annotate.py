"""Pictures with what was found in them: the annotated video and the picture strip."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from faceedge.cli.palette import colour_of, label_of
from faceedge.cli.scoreboard import Sight

_FONT = cv2.FONT_HERSHEY_DUPLEX
_TEXT_SCALE, _SMALL_TEXT_SCALE = 0.5, 0.36
_SMALL_FACE_PX = 56
_DARK = (24, 24, 24)
VIDEO_CODECS = (("webm", "VP80"), ("mp4", "vp09"), ("mp4", "mp4v"))
"""Container and FourCC in order of preference; browsers play the first two."""
STRIP_COLUMNS, STRIP_TILE = 4, (320, 240)


def draw(image: np.ndarray, sights: Iterable[Sight]) -> np.ndarray:
    """A copy of ``image`` (h, w, 3) uint8 BGR with a box, a label and the direction of the head for each face."""
    result = image.copy()
    height, width = image.shape[:2]
    for sight in sights:
        colour = colour_of(sight.word)[::-1]
        left, top, right, bottom = (
            round(value * extent) for value, extent in zip(sight.box, (width, height) * 2, strict=True)
        )
        _corners(result, (left, top, right, bottom), colour)
        _gaze(result, sight, ((left + right) // 2, (top + bottom) // 2), right - left, colour)
        text = label_of(sight.word)
        if sight.word:
            text += f" {round(100 * sight.expression_confidence)}%"
        scale = _TEXT_SCALE if right - left > _SMALL_FACE_PX else _SMALL_TEXT_SCALE
        _label(result, text, (left, top), colour, scale)
    return result


def _corners(image: np.ndarray, box: tuple[int, int, int, int], colour: tuple[int, ...]) -> None:
    """A box whose corners are stressed: the face stays visible."""
    left, top, right, bottom = box
    cv2.rectangle(image, (left, top), (right, bottom), colour, 1, cv2.LINE_AA)
    arm = max(6, (right - left) // 6)
    thickness = 3 if right - left > 60 else 2
    for x, step_x in ((left, arm), (right, -arm)):
        for y, step_y in ((top, arm), (bottom, -arm)):
            cv2.line(image, (x, y), (x + step_x, y), colour, thickness, cv2.LINE_AA)
            cv2.line(image, (x, y), (x, y + step_y), colour, thickness, cv2.LINE_AA)


def _gaze(image: np.ndarray, sight: Sight, centre: tuple[int, int], size: int, colour: tuple[int, ...]) -> None:
    if sight.yaw_deg is None or sight.pitch_deg is None:
        return
    yaw, pitch = math.radians(sight.yaw_deg), math.radians(sight.pitch_deg)
    tip = (
        round(centre[0] + size * math.sin(yaw) * math.cos(pitch)),
        round(centre[1] - size * math.sin(pitch)),
    )
    cv2.arrowedLine(image, centre, tip, colour, 2, cv2.LINE_AA, tipLength=0.2)
    cv2.circle(image, centre, 3, colour, -1, cv2.LINE_AA)


def _label(image: np.ndarray, text: str, corner: tuple[int, int], colour: tuple[int, ...], scale: float) -> None:
    left, top = corner
    (width, height), below = cv2.getTextSize(text, _FONT, scale, 1)
    left = max(0, min(left, image.shape[1] - width - 10))
    bottom = max(height + below + 6, top - 3)
    cv2.rectangle(image, (left, bottom - height - below - 6), (left + width + 10, bottom), colour, -1)
    cv2.putText(image, text, (left + 5, bottom - below - 2), _FONT, scale, _DARK, 1, cv2.LINE_AA)


def caption(image: np.ndarray, text: str) -> np.ndarray:
    """``image`` with a line of text on a dark band at its lower edge, in place."""
    height, width = image.shape[:2]
    band = image[height - 26 :]
    np.copyto(band, (band * 0.35).astype(np.uint8))
    cv2.putText(image, text, (10, height - 9), _FONT, _TEXT_SCALE, (235, 235, 235), 1, cv2.LINE_AA)
    cv2.putText(image, "faceedge", (width - 82, height - 9), _FONT, _TEXT_SCALE, (170, 200, 64), 1, cv2.LINE_AA)
    return image


@contextmanager
def _silence() -> Iterator[None]:
    """Discard what C code writes to stderr: OpenCV remarks there on every container, and no setting ends it."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class VideoFile:
    """A video that a browser plays, as far as this OpenCV can write one; ``path`` is None where it cannot.

    Args:
        stem: path without a suffix.
        size: width, height of the pictures.
    """

    def __init__(self, stem: Path, rate_hz: float, size: tuple[int, int]) -> None:
        self.path: Path | None = None
        self._writer = cv2.VideoWriter()
        for suffix, code in VIDEO_CODECS:
            path = stem.with_suffix(f".{suffix}")
            with _silence():
                opened = self._writer.open(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*code), rate_hz, size)
            if opened:
                self.path = path
                break
            path.unlink(missing_ok=True)

    def write(self, image: np.ndarray) -> None:
        """Add one picture."""
        if self.path is not None:
            self._writer.write(image)

    def close(self) -> None:
        """Finish the file."""
        self._writer.release()


def strip(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures in rows of ``STRIP_COLUMNS``, each 320x240, with a gap of 4 pixels; (h, w, 3) uint8 BGR."""
    width, height = STRIP_TILE
    gap = 4
    columns = min(STRIP_COLUMNS, max(1, len(pictures)))
    rows = max(1, math.ceil(len(pictures) / columns))
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 24, np.uint8)
    for k, picture in enumerate(pictures):
        row, column = divmod(k, columns)
        tile = cv2.resize(picture, STRIP_TILE, interpolation=cv2.INTER_AREA)
        canvas[row * (height + gap) :, column * (width + gap) :][:height, :width] = tile
    return canvas
