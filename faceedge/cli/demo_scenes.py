"""What the demonstration shows: scenes from a public-domain picture, and from clips where this machine has any."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from faceedge.camera.pictures import fit
from faceedge.errors import ConfigurationError, InputError
from faceedge.simulation.clip import camera_moves

SIZE = (640, 480)
RATE_HZ = 25.0
JPEG_QUALITY = 95
DATA_VARIABLE = "FACEEDGE_DATA"

# Clips that are shown where the data folder has them: file, title, how often.
CLIPS = (
    ("video/single_face.mp4", "one face, from neutral to a smile", 1),
    ("video/WolfgangLanger_Pexels.mp4", "one face, several expressions", 1),
    ("video/classroom.gif", "four students, small faces", 2),
    ("video/yes.mkv", "a signer, standing", 1),
)
LONGEST_CLIP_S = 14.0
LONGEST_OWN_CLIP_S = 60.0
TITLE_FRAMES = 15
"""Longer than a tracker follows a face that it does not see."""
_STILL_S, _STILL_ALONE_S, _GROUP_S = 5.0, 8.0, 8.0


@dataclass(frozen=True)
class Scene:
    """A part of the demonstration: its title, how long, and a maker of its frames (480, 640, 3) uint8 BGR."""

    title: str
    frames: int
    make: Callable[[], Iterator[np.ndarray]]


def data_folder() -> Path | None:
    """The folder with clips: FACEEDGE_DATA, or ``shared/data`` beside the source tree; None where there is none."""
    chosen = os.environ.get(DATA_VARIABLE)
    folder = Path(chosen) if chosen else Path(__file__).resolve().parents[3] / "shared" / "data"
    return folder if folder.is_dir() else None


def find_scenes(data: Path | None, own_clips: list[Path]) -> list[Scene]:
    """The scenes of a demonstration: the user's own clips alone, or the still picture and the clips in ``data``.

    Raises:
        ConfigurationError: the still picture's package is not installed.
        InputError: one of ``own_clips`` is not a video.
    """
    if own_clips:
        return [clip_scene(path, path.name, longest_s=LONGEST_OWN_CLIP_S) for path in own_clips]
    picture = public_domain_picture()
    present = [(data / name, title, times) for name, title, times in CLIPS if (data / name).is_file()] if data else []
    clips = [clip_scene(path, title, times) for path, title, times in present]
    still_s = _STILL_S if clips else _STILL_ALONE_S
    scenes = [_still_scene("one face, camera moves over a picture", picture, still_s, (0.43, 0.24), 1.25)]
    if not clips:
        scenes.append(_still_scene("a group, small faces", group_of(picture), _GROUP_S, (0.5, 0.5), 1.0, 0.35))
    return scenes + clips


def public_domain_picture() -> np.ndarray:
    """Astronaut Eileen Collins, NASA, public domain: (512, 512, 3) uint8 BGR from scikit-image.

    Raises:
        ConfigurationError: scikit-image is not installed.
    """
    try:
        from skimage import data
    except ImportError as error:
        raise ConfigurationError(
            "the demonstration takes its picture from scikit-image, which is not installed; `pip install "
            "'faceedge[demo]'`, or show your own: `faceedge demo --clip FILE`."
        ) from error
    return np.ascontiguousarray(data.astronaut()[..., ::-1])


def group_of(picture: np.ndarray) -> np.ndarray:
    """A group portrait of one person: (480, 640, 3) uint8 with six smaller, partly mirrored heads in two rows."""
    side, canvas = picture.shape[0], np.full((480, 640, 3), 58, np.uint8)
    head = picture[: int(0.52 * side), int(0.17 * side) : int(0.69 * side)]
    for row in range(2):
        for column in range(3):
            size = 200 - 40 * ((row + column) % 2)
            tile = cv2.resize(head[:, ::-1] if (row + column) % 2 else head, (size, size), interpolation=cv2.INTER_AREA)
            top, left = (240 - size) // 2 + 240 * row, (213 - size) // 2 + 213 * column
            canvas[top : top + size, left : left + size] = tile
    return canvas


def _still_scene(
    title: str,
    picture: np.ndarray,
    seconds: float,
    centre: tuple[float, float],
    zoom: float,
    motion: float = 1.0,
    seed: int = 3,
) -> Scene:
    frames = round(seconds * RATE_HZ)
    return Scene(title, frames, lambda: camera_moves(picture, SIZE, frames, seed, centre, zoom, motion))


def clip_scene(path: Path, title: str, times: int = 1, longest_s: float = LONGEST_CLIP_S) -> Scene:
    """A scene from a video file at the demonstration's rate: frames are left out or repeated, never blended.

    Raises:
        InputError: the file is not a video.
    """
    capture = cv2.VideoCapture(str(path))
    rate, count = capture.get(cv2.CAP_PROP_FPS), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    good, _ = capture.read()
    capture.release()
    if not good:
        raise InputError(f"{path} is not a video file that can be shown.")
    rate = rate if 1.0 <= rate <= 240.0 else RATE_HZ
    length_s = min(count / rate, longest_s) if count > 0 else longest_s
    frames = max(1, round(length_s * RATE_HZ))

    def once() -> Iterator[np.ndarray]:
        clip = cv2.VideoCapture(str(path))
        position, picture = -1, None
        for k in range(frames):
            wanted = round(k / RATE_HZ * rate)
            while position < wanted:
                good, image = clip.read()
                if not good:
                    break
                picture, position = image, position + 1
            if picture is None:
                break
            yield fit(np.asarray(picture, np.uint8), *SIZE)
        clip.release()

    return Scene(title, frames * times, lambda: (frame for _ in range(times) for frame in once()))


def title_card(number: int, title: str) -> np.ndarray:
    """A dark picture (480, 640, 3) uint8 BGR with a scene's title, between two scenes that have nothing in common."""
    card = np.full((SIZE[1], SIZE[0], 3), (30, 26, 22), np.uint8)
    for text, scale, y, colour in ((str(number), 1.6, 220, (170, 200, 64)), (title, 0.7, 275, (235, 235, 235))):
        (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, 1)
        place = ((SIZE[0] - width) // 2, y)
        cv2.putText(card, text, place, cv2.FONT_HERSHEY_DUPLEX, scale, colour, 1, cv2.LINE_AA)
    return card


def shorten(scenes: list[Scene], seconds: float) -> list[Scene]:
    """The scenes, with their titles, that fit into ``seconds``; the last one is cut. 0: all of them."""
    left = round(seconds * RATE_HZ) if seconds else sum(scene.frames + TITLE_FRAMES for scene in scenes)
    result: list[Scene] = []
    for scene in scenes:
        frames = min(scene.frames, left - TITLE_FRAMES)
        if frames <= 0 and result:
            break
        result.append(replace(scene, frames=max(frames, 1)))
        left -= frames + TITLE_FRAMES
    return result


def write_clip(scenes: list[Scene], path: Path, advance: Callable[[int], None]) -> list[tuple[str, int, int]]:
    """Write all scenes, each after its title, into one Motion-JPEG file, which the camera node plays.

    Args:
        path: of the AVI file.
        advance: is told of every frame, for a progress display.

    Returns:
        Title, first frame and number of frames of each scene; titles lie between them.

    Raises:
        InputError: the file cannot be written.
    """
    writer = cv2.VideoWriter(str(path), cv2.CAP_OPENCV_MJPEG, cv2.VideoWriter.fourcc(*"MJPG"), RATE_HZ, SIZE)
    if not writer.isOpened():
        raise InputError(f"the clip {path} cannot be written; is there room on the disk?")
    writer.set(cv2.VIDEOWRITER_PROP_QUALITY, JPEG_QUALITY)
    chapters, at = [], 0
    for number, scene in enumerate(scenes, 1):
        card = title_card(number, scene.title)
        for _ in range(TITLE_FRAMES):
            writer.write(card)
        first = at = at + TITLE_FRAMES
        for frame in islice(scene.make(), scene.frames):
            writer.write(frame)
            at += 1
            advance(1)
        chapters.append((scene.title, first, at - first))
    writer.release()
    return chapters
