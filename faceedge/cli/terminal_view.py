"""The live view in the terminal: the picture in half blocks, the faces, the topics and the latencies."""

from __future__ import annotations

import time
from dataclasses import dataclass

import cv2
import numpy as np
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.layout import Layout
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from faceedge.cli import demo_radar, event_board
from faceedge.cli.half_blocks import lines_of
from faceedge.cli.palette import ACCENT, colour_of, hex_of, label_of
from faceedge.cli.radar_view import figures
from faceedge.cli.scoreboard import Scoreboard, Sight
from faceedge.cli.sensors_view import three_panels, widest_rows

_BAR_CELLS = 8
_COUNTED_WIDTH, _TYPED_WIDTH = 46, 64
_NODES_WIDTH = 40
_TRAIL_NS = 5_000_000_000
_PICTURE_ROWS, _BELOW_ROWS = 20, 22
"""Of the pictures at most, and of what else there is, where there is room."""
_FACE_COLUMNS_WIDTH = 50
"""Of the columns of the table of faces without the trail."""
_TRAIL_CELLS = (6, 40)
_RADAR_WIDTH, _RADAR_ROWS = 46, 8
_FACE_ROWS = 6
"""Of the frame with the faces where the radar stands below it, at least."""
_FACE_LINES = 4
"""Of the frame with the face of the synthetic person."""
_RADAR_TITLE = "radar (emulated, synthetic face)"
_HEIGHTS = "▁▂▃▄▅▆▇█"


@dataclass
class Progress:
    """Where the demonstration is."""

    title: str = ""
    scene: int = 0
    scenes: int = 0
    elapsed_s: float = 0.0
    total_s: float = 1.0
    expression: bool = True
    person: bool = False
    """The synthetic person is in view, whom all three sensors see."""


class HalfBlocks:
    """A picture in which each character cell shows two pixels, one above the other.

    Args:
        image: (height, width, 3) uint8 BGR; scaled to the space there is.
        sights: faces whose boxes are drawn.
    """

    def __init__(self, image: np.ndarray | None, sights: list[Sight]) -> None:
        self._image, self._sights = image, sights

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, rows = options.max_width, options.height or 18
        if self._image is None:
            yield Text("\n  waiting for the first picture ...", style="dim")
            return
        height, own = self._image.shape[0], self._image.shape[1]
        scale = min(width / own, 2 * rows / height)
        columns, lines = max(1, int(own * scale)), max(2, int(height * scale) // 2 * 2)
        small = cv2.resize(self._image, (columns, lines), interpolation=cv2.INTER_AREA)
        for sight in self._sights:
            left, top, right, bottom = sight.box
            corner, opposite = (int(left * columns), int(top * lines)), (int(right * columns), int(bottom * lines))
            cv2.rectangle(small, corner, opposite, colour_of(sight.word)[::-1], 1)
        indent = Segment(" " * ((width - columns) // 2))
        for line in lines_of(small):
            yield indent
            yield from line
            yield Segment.line()


def bar(fraction: float, colour: str, cells: int = _BAR_CELLS) -> Text:
    """A horizontal bar with eighths of a cell."""
    eighths = round(max(0.0, min(1.0, fraction)) * cells * 8)
    whole, rest = divmod(eighths, 8)
    text = "█" * whole + (" ▏▎▍▌▋▊▉"[rest] if rest else "")
    return Text.assemble((text, colour), ("·" * (cells - len(text)), "dim"))


def trail(board: Scoreboard, face: str, cells: int) -> Text:
    """What a face showed in the last seconds: colour is the expression, height the confidence."""
    text = Text()
    for sight in board.recent(face, _TRAIL_NS, cells):
        if sight is None:
            text.append(" ")
        else:
            value = sight.confidence if sight.word is None else sight.expression_confidence
            text.append(_HEIGHTS[round(max(0.0, min(1.0, value)) * 7)], hex_of(colour_of(sight.word)))
    return text


def faces_table(board: Scoreboard, sights: list[Sight], expression: bool, size: tuple[int, int]) -> RenderableType:
    """The faces in view, from left to right, in ``size`` columns and rows of text."""
    if not sights:
        return Text("nobody in view", style="dim italic")
    most, cells = size[1] - 2, min(size[0] - _FACE_COLUMNS_WIDTH, _TRAIL_CELLS[1])
    table = Table(box=None, padding=(0, 1, 0, 0), expand=False, header_style="dim")
    table.add_column("face", no_wrap=True, min_width=5)
    table.add_column("shows" if expression else "", no_wrap=True, min_width=9)
    table.add_column("confidence", no_wrap=True, min_width=_BAR_CELLS + 5)
    table.add_column("yaw", justify="right", no_wrap=True, min_width=5)
    table.add_column("pitch", justify="right", no_wrap=True, min_width=5)
    if cells >= _TRAIL_CELLS[0]:
        table.add_column(f"last {_TRAIL_NS // 1_000_000_000} s", no_wrap=True, min_width=cells)
    for sight in sights[:most]:
        colour = hex_of(colour_of(sight.word))
        value = sight.confidence if sight.word is None else sight.expression_confidence
        confidence = Text.assemble(bar(value, colour), f" {value:.2f}")
        row = [
            Text(sight.face, style="bold"),
            Text(label_of(sight.word), style=f"bold {colour}"),
            confidence,
            Text(f"{sight.yaw_deg:+.0f}°" if sight.yaw_deg is not None else ""),
            Text(f"{sight.pitch_deg:+.0f}°" if sight.pitch_deg is not None else ""),
        ]
        if cells >= _TRAIL_CELLS[0]:
            row.append(trail(board, sight.face, cells))
        table.add_row(*row)
    if len(sights) > most:
        table.add_row(Text(f"+ {len(sights) - most} more", style="dim"))
    return table


def topics_table(board: Scoreboard, width: int) -> RenderableType:
    """Topics with their rate, and with type and number of messages where ``width`` columns have room for them."""
    now_ns = time.time_ns()
    table = Table(box=None, padding=(0, 1, 0, 0), expand=True, header_style="dim")
    table.add_column("topic", no_wrap=True, overflow="ellipsis", min_width=29)
    typed = width >= _TYPED_WIDTH
    if typed:
        table.add_column("type", no_wrap=True, overflow="ellipsis", style="dim", ratio=1)
    table.add_column("Hz", justify="right", no_wrap=True, width=6)
    counted = width >= _COUNTED_WIDTH
    if counted:
        table.add_column("messages", justify="right", no_wrap=True, width=8)
    with board.lock:
        rows = [(topic.name, topic.type_name, topic.rate_hz(now_ns), topic.messages) for topic in board.topics.values()]
    for name, kind, rate, messages in sorted(rows):
        kinds = [kind.replace("/msg/", "/")] if typed else []
        table.add_row(Text(name, style=ACCENT), *kinds, f"{rate:.1f}", *([str(messages)] if counted else []))
    return table


def latency_table(board: Scoreboard, width: int) -> RenderableType:
    """Latency of every stage as the nodes report it, and from exposure to this process."""
    table = Table(box=None, padding=(0, 1, 0, 0), expand=True, header_style="dim")
    table.add_column("stage", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("p50", justify="right", no_wrap=True, width=6)
    table.add_column("p99", justify="right", no_wrap=True, width=6)
    for kind, (p50, p99, _) in board.end_to_end_ms().items():
        table.add_row(Text(f"picture → {kind} here", style="bold"), f"{p50:.1f}", f"{p99:.1f}", style="bold")
    for node, stage, p50, p99 in board.stages_ms():
        prefix = node.rpartition("/")[2] + " " if width >= _NODES_WIDTH else ""
        name = Text.assemble((prefix, "dim"), stage)
        table.add_row(name, f"{p50:.1f}", f"{p99:.1f}")
    if table.row_count == 0:
        return Text("no figures yet", style="dim italic")
    return table


def rows_of_pictures(height: int, width: int, person: bool) -> int:
    """Rows of text that the pictures get: three of one face side by side are the view, so at least half of it."""
    rows = max(6, min(_PICTURE_ROWS, height - _BELOW_ROWS))
    if not person:
        return rows
    return max(rows, min(_PICTURE_ROWS, widest_rows(width), height // 2 - 2))


def render(board: Scoreboard, progress: Progress, height: int, width: int) -> RenderableType:
    """The whole view, for a terminal of ``width`` x ``height`` cells."""
    with board.lock:
        jpeg = board.jpeg
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_REDUCED_COLOR_4) if jpeg else None
    sights = board.in_view()
    head = Table.grid(expand=True)
    head.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    head.add_column(justify="right", no_wrap=True)
    scene = f"{progress.scene}/{progress.scenes}  " if progress.scenes else ""
    head.add_row(
        Text.assemble((" faceedge ", f"bold black on {ACCENT}"), (f"  {scene}", "dim"), (progress.title, "bold")),
        Text(f"{progress.elapsed_s:.0f} of {progress.total_s:.0f} s ", style="dim"),
    )
    line = ProgressBar(progress.total_s, progress.elapsed_s, complete_style=ACCENT, finished_style=ACCENT)
    picture_rows = rows_of_pictures(height, width, progress.person)
    layout = Layout()
    top = Layout(name="top", size=picture_rows + 2)
    if progress.person:
        top.update(three_panels(board, image, sights, (width, picture_rows + 2)))
    else:
        picture_width = min(int(picture_rows * 2 * 4 / 3) + 4, max(20, width - 52))
        top.split_row(
            Layout(Panel(HalfBlocks(image, sights), border_style="dim", padding=(0, 1)), size=picture_width),
            *_beside_picture(board, sights, progress, (width - picture_width, picture_rows)),
        )
    bottom = Layout(name="bottom")
    latency_width = max(34, min(48, width * 3 // 8))
    topics = topics_table(board, width - latency_width - 4)
    left: RenderableType = Panel(topics, title="topics", border_style="dim", title_align="left")
    if progress.person:
        left = _faces_above(board, sights, progress, left, (width - latency_width, height - picture_rows - 4))
    bottom.split_row(
        Layout(left, ratio=3),
        Layout(
            Panel(
                latency_table(board, latency_width - 4), title="latency in ms", border_style="dim", title_align="left"
            ),
            size=latency_width,
        ),
    )
    layout.split_column(Layout(Group(head, line), size=2), top, bottom)
    return layout


def _faces_above(
    board: Scoreboard, sights: list[Sight], progress: Progress, below: RenderableType, size: tuple[int, int]
) -> RenderableType:
    """The face's line above another panel, where ``size`` columns and rows have room for both."""
    if size[1] < _FACE_LINES + _FACE_ROWS:
        return below
    table = faces_table(board, sights, progress.expression, (size[0] - 4, _FACE_LINES - 1))
    both = Layout()
    faces = Panel(table, title="faces", border_style="dim", title_align="left")
    both.split_column(Layout(faces, size=_FACE_LINES), Layout(below))
    return both


def _beside_picture(board: Scoreboard, sights: list[Sight], progress: Progress, size: tuple[int, int]) -> list[Layout]:
    """Faces and radar: side by side where there is room, or one above the other, or the faces alone."""

    def framed(content: RenderableType, title: str) -> Panel:
        return Panel(content, title=title, border_style="dim", title_align="left")

    def faces(width: int, rows: int) -> Panel:
        return framed(faces_table(board, sights, progress.expression, (width - 4, rows)), "faces")

    width, rows = size
    if not board.radar.frames:
        return [Layout(faces(width, rows))]
    if width >= _FACE_COLUMNS_WIDTH + 4 + _RADAR_WIDTH:
        radar = framed(radar_panel(board, (_RADAR_WIDTH - 4, rows)), _RADAR_TITLE)
        return [Layout(faces(width - _RADAR_WIDTH, rows)), Layout(radar, size=_RADAR_WIDTH)]
    if rows < _RADAR_ROWS + _FACE_ROWS:
        title = f"faces · radar {figures(demo_radar.status(board))}"
        return [Layout(framed(faces_table(board, sights, progress.expression, (width - 4, rows)), title))]
    face_rows = max(_FACE_ROWS, min(len(sights) + 3, rows - _RADAR_ROWS))
    radar = framed(radar_panel(board, (width - 4, rows - face_rows)), _RADAR_TITLE)
    both = Layout()
    both.split_column(Layout(faces(width, face_rows - 2), size=face_rows), Layout(radar))
    return [both]


def radar_panel(board: Scoreboard, size: tuple[int, int]) -> RenderableType:
    """Range-Doppler as a heat map with rate, losses and temperature, in ``size`` columns and rows of text."""
    line = Text(figures(demo_radar.status(board)), no_wrap=True, overflow="ellipsis")
    with board.lock:
        image = board.radar.view.maps(size[0], size[1] - 1)
    return Group(line, image)


def plain_line(board: Scoreboard, progress: Progress) -> str:
    """One line for output that is no terminal."""
    faces = ", ".join(
        f"{s.face} {label_of(s.word)}" + (f" {s.expression_confidence:.2f}" if s.word else "") for s in board.in_view()
    )
    latency = board.end_to_end_ms().get("faces")
    with board.lock:
        pictures = board.topics.get("/camera/image_raw/compressed")
        rate = pictures.rate_hz(time.time_ns()) if pictures else 0.0
    parts = [
        f"{progress.elapsed_s:5.1f} s",
        f"{progress.title}: {faces or 'nobody in view'}",
        f"{rate:.0f} pictures/s",
    ]
    if board.radar.frames:
        parts.append(f"radar {figures(demo_radar.status(board))}")
    if progress.person and board.events.packets:
        with board.lock:
            parts.append(f"events {event_board.figures(board.events)}")
    if latency:
        parts.append(f"picture to faces p50 {latency[0]:.1f} ms, p99 {latency[1]:.1f} ms")
    return " | ".join(parts)
