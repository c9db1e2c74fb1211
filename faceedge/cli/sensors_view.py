"""Three sensors side by side in the terminal: what camera, event camera and radar see of one face at the same time."""

from __future__ import annotations

import math

import cv2
import numpy as np
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.layout import Layout
from rich.panel import Panel
from rich.segment import Segment
from rich.text import Text

from faceedge.cli import demo_radar, event_board
from faceedge.cli.half_blocks import lines_of
from faceedge.cli.palette import colour_of
from faceedge.cli.radar_view import figures
from faceedge.cli.scoreboard import Scoreboard, Sight

PANELS = 3
FRAME_COLUMNS, FRAME_ROWS = 4, 2
"""Of a panel: its border and padding."""
CAPTION_ROWS = 1
LONGEST_TITLE = 26


class Square:
    """A square picture in half blocks, in the middle of the columns that there are.

    Args:
        picture: (n, n, 3) uint8 BGR, n even, at most as wide as the space.
    """

    def __init__(self, picture: np.ndarray) -> None:
        self._picture = picture

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        indent = Segment(" " * max(0, (options.max_width - self._picture.shape[1]) // 2))
        for line in lines_of(self._picture):
            yield indent
            yield from line
            yield Segment.line()


def side_of(width: int, rows: int) -> int:
    """Pixels of the largest square picture that fits into each of three panels side by side."""
    return max(8, min(width // PANELS - FRAME_COLUMNS, 2 * (rows - CAPTION_ROWS)) // 2 * 2)


def widest_rows(width: int) -> int:
    """Rows of text of the largest pictures that fit side by side into ``width`` columns, captions included."""
    return (width // PANELS - FRAME_COLUMNS) // 2 + CAPTION_ROWS


def three_panels(board: Scoreboard, image: np.ndarray | None, sights: list[Sight], size: tuple[int, int]) -> Layout:
    """Camera, events and radar in ``size`` columns and rows, frames included."""
    width, rows = size[0], size[1] - FRAME_ROWS
    side = side_of(width, rows)
    inner = width // PANELS - FRAME_COLUMNS
    columns = [
        ("camera", Text(f"{_camera_rate(board):.1f} pictures/s"), _camera(image, sights, side)),
        ("event camera", _event_figures(board), _events(board, side)),
        ("radar", Text(figures(demo_radar.status(board))), _radar(board, inner, rows)),
    ]
    row = Layout()
    panels = []
    for name, line, content in columns:
        line.no_wrap, line.overflow, line.justify = True, "ellipsis", "center"
        title = f"{name} (synthetic)" if inner > LONGEST_TITLE else name
        panels.append(Layout(Panel(Group(line, content), title=title, border_style="dim", padding=(0, 1))))
    row.split_row(*panels)
    return row


def _camera_rate(board: Scoreboard) -> float:
    with board.lock:
        topic = board.topics.get("/camera/image_raw/compressed")
        return topic.rate_hz(topic.last_ns) if topic else 0.0


def _waiting(side: int) -> RenderableType:
    return Text("\n" * (side // 4) + "waiting ...", style="dim", justify="center")


def _camera(image: np.ndarray | None, sights: list[Sight], side: int) -> RenderableType:
    """The middle of the picture: the person's camera is square, and the clip has bars beside it."""
    if image is None:
        return _waiting(side)
    height, width = image.shape[:2]
    bar = max(0, (width - height) // 2)
    small = cv2.resize(image[:, bar : bar + height], (side, side), interpolation=cv2.INTER_AREA)
    for sight in sights:
        left, right = (((value * width - bar) / height * side) for value in sight.box[::2])
        top, bottom = (value * side for value in sight.box[1::2])
        corners = [(math.floor(left), math.floor(top)), (math.floor(right), math.floor(bottom))]
        cv2.rectangle(small, corners[0], corners[1], colour_of(sight.word)[::-1], 1)
    return Square(small)


def _event_figures(board: Scoreboard) -> Text:
    with board.lock:
        events = board.events
        return Text(f"{event_board.figures(events)} · {events.width}×{events.height}" if events.packets else "")


def _events(board: Scoreboard, side: int) -> RenderableType:
    with board.lock:
        picture = board.events.picture((side, side))
    return _waiting(side) if picture is None else Square(picture)


def _radar(board: Scoreboard, columns: int, rows: int) -> RenderableType:
    with board.lock:
        return board.radar.view.map(columns, rows - CAPTION_ROWS)
