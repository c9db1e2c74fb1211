"""The recorded pictures once more, with what was found in them: a video, and the best of each scene for the strip."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from faceedge.camera.pictures import decode_picture
from faceedge.cli.annotate import VideoFile, caption, draw
from faceedge.cli.report import Outcome
from faceedge.cli.scoreboard import Scoreboard, Sight
from faceedge.errors import InputError

STRIP_PICTURES = 8
VIDEO_EVERY = 2
"""Every second picture goes into the video: encoding VP8 costs more than all else that the demonstration does."""
EDGE = 0.03
"""Of the picture; a face that reaches into it is probably cut off."""
HOLD_NS = 150_000_000
"""For so long a face is drawn where it was when a picture's own result is missing."""


def annotate_bag(
    board: Scoreboard, outcome: Outcome, topic: str, advance: Callable[[], None]
) -> tuple[Path | None, list[np.ndarray]]:
    """Read the recorded pictures and write the annotated video.

    Args:
        topic: of the compressed pictures in the outcome's bag.
        advance: called after each picture.

    Returns:
        The video's path, None where this OpenCV cannot write one; and the pictures of the strip in order of time.
    """
    from faceedge.nodes.conversions import stamp_to_ns
    from faceedge.nodes.recorder import read_bag

    assert outcome.bag is not None
    wanted = choose_stamps(board, outcome)
    chosen: dict[int, np.ndarray] = {}
    video: VideoFile | None = None
    held: tuple[int, list[Sight]] = (0, [])
    for count, (_, message, _) in enumerate(read_bag(outcome.bag, lambda name: name == topic)):
        stamp_ns = stamp_to_ns(message.header.stamp)
        try:
            image = decode_picture(bytes(message.data), "recorded picture")
        except InputError:
            continue
        if stamp_ns in board.history:
            held = (stamp_ns, [sight for sight in board.history[stamp_ns].values() if sight.box[2] > 0])
        annotated = image
        scene = scene_at(stamp_ns, board.first_stamp_ns, outcome)
        if scene is not None:
            sights = held[1] if stamp_ns - held[0] <= HOLD_NS else []
            annotated = caption(draw(image, sights), f"{scene + 1}  {outcome.chapters[scene][0]}")
        if video is None:
            size = (image.shape[1], image.shape[0])
            video = VideoFile(outcome.folder / "faces", outcome.rate_hz / VIDEO_EVERY, size)
        if count % VIDEO_EVERY == 0:
            video.write(annotated)
        if stamp_ns in wanted:
            chosen[stamp_ns] = annotated
        advance()
    if video is not None:
        video.close()
    return video.path if video is not None else None, [chosen[stamp_ns] for stamp_ns in sorted(chosen)]


def scene_at(stamp_ns: int, start_ns: int, outcome: Outcome) -> int | None:
    """Index of the scene to which a picture belongs; None between two scenes."""
    frame = (stamp_ns - start_ns) / 1e9 * outcome.rate_hz + 0.5
    inside = (k for k, (_, first, count) in enumerate(outcome.chapters) if first <= frame < first + count)
    return next(inside, None)


def choose_stamps(board: Scoreboard, outcome: Outcome, count: int = STRIP_PICTURES) -> set[int]:
    """Moments for the strip: each scene gets its share, and in it different expressions come first, then sure ones."""
    by_scene: dict[int, list[tuple[int, dict[str, Sight]]]] = {}
    for stamp_ns, sights in sorted(board.history.items()):
        scene = scene_at(stamp_ns, board.first_stamp_ns, outcome)
        if scene is not None and any(sight.box[2] > 0 for sight in sights.values()):
            by_scene.setdefault(scene, []).append((stamp_ns, sights))
    chosen: set[int] = set()
    total = sum(len(entries) for entries in by_scene.values())
    left, scenes = count, len(by_scene)
    for entries in by_scene.values():
        share = max(1, min(left - (scenes - 1), round(count * len(entries) / total)))
        scenes, left = scenes - 1, left - share
        chosen |= _best(entries, share)
    return chosen


def _best(entries: list[tuple[int, dict[str, Sight]]], count: int) -> set[int]:
    """The best of each of ``count`` equal stretches: most whole faces, an expression not chosen yet, a sure one."""
    seen: set[str] = set()
    result: set[int] = set()
    for stretch in np.array_split(np.arange(len(entries)), count):
        if len(stretch) == 0:
            continue
        margin = len(stretch) // 4  # neighbours of two stretches would look the same
        values = [(*_value(entries[k][1], seen), -int(k)) for k in stretch[margin : len(stretch) - margin]]
        best = -max(values)[-1]
        seen |= {sight.word for sight in entries[best][1].values() if sight.word}
        result.add(entries[best][0])
    return result


def _value(sights: dict[str, Sight], seen: set[str]) -> tuple[int, bool, float]:
    new = any(sight.word and sight.word not in seen for sight in sights.values())
    whole = sum(min(sight.box[:2]) > EDGE and max(sight.box[2:]) < 1 - EDGE for sight in sights.values())
    return whole, new, sum(sight.expression_confidence or sight.confidence for sight in sights.values())
