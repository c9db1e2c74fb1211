"""The live view of a radar in the terminal: range-Doppler and micro range-Doppler as heat maps with axes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from faceedge.cli.half_blocks import lines_of
from faceedge.cli.palette import ACCENT
from faceedge.cli.radar_scale import COLOUR_MAP, Crop, Levels, ticks, title
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.moments import Moment
from faceedge.radar.range_doppler import MICRO_FRAMES

_MAPS = {"inferno": cv2.COLORMAP_INFERNO}
_DIM = Style(dim=True)
_LABEL_CELLS = 5
"""Of the range axis."""
_BAR_CELLS = 7
"""Of the colour bar with its labels."""
_TICK_ROWS, _TICK_CELLS = 4, 9
"""Labels of axes are at least so far apart."""
_LARGEST_HEIGHT = 32
SMALLEST = (76, 16)
"""Columns and rows below which nothing can be recognised."""


def colours(levels: np.ndarray, limits_db: tuple[float, float]) -> np.ndarray:
    """(rows, columns, 3) uint8 BGR of levels in dB."""
    low, high = limits_db
    grey = np.clip((levels - low) * (255.0 / (high - low)), 0, 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(grey, _MAPS[COLOUR_MAP]))


class HeatMap:
    """One image with its axes, as wide and high as there is room.

    Args:
        levels: (range bin, Doppler bin) in dB, the nearest range first; None: nothing yet.
        limits_db: of the colour scale.
        range_edges_m, velocity_edges_m_s: outer edges of the image.
        caption: above it.
        height: rows of text, with caption and axis.
        caption_rows: 0 leaves the caption out.
    """

    def __init__(
        self,
        levels: np.ndarray | None,
        limits_db: tuple[float, float],
        range_edges_m: tuple[float, float],
        velocity_edges_m_s: tuple[float, float],
        caption: str,
        height: int,
        caption_rows: int = 1,
    ) -> None:
        self._levels, self._limits_db, self._caption, self._height = levels, limits_db, caption, height
        self._caption_rows = caption_rows
        self._range, self._velocity = range_edges_m, velocity_edges_m_s

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns, rows = max(8, options.max_width - _LABEL_CELLS - 1), max(2, self._height - 2 - self._caption_rows)
        if self._caption_rows:
            yield Segment(" " * (_LABEL_CELLS + 1))
            yield Segment(self._caption[:columns], Style(bold=True))
            yield Segment.line()
        labels = self._range_labels(rows)
        for row, line in enumerate(self._lines(rows, columns)):
            yield Segment(labels.get(row, "").rjust(_LABEL_CELLS) + " ", _DIM)
            yield from line
            yield Segment.line()
        marks, words = self._velocity_axis(columns)
        for text in (marks, words):
            yield Segment(" " * (_LABEL_CELLS + 1) + text, _DIM)
            yield Segment.line()

    def _lines(self, rows: int, columns: int) -> Iterator[list[Segment]]:
        if self._levels is None:
            for row in range(rows):
                words = "waiting ..." if row == rows // 2 else ""
                yield [Segment(words.center(columns), _DIM)]
            return
        image = cv2.resize(self._levels[::-1], (columns, 2 * rows), interpolation=cv2.INTER_LINEAR)
        yield from lines_of(colours(image, self._limits_db))

    def _range_labels(self, rows: int) -> dict[int, str]:
        """Text by row: round ranges where they lie, the unit at the highest."""
        low, high = self._range
        values = ticks(max(low, 0.0), high, max(2, rows // _TICK_ROWS + 1))
        found = {min(rows - 1, int((high - value) / (high - low) * rows)): f"{value:g}" for value in values}
        if found:
            top = min(found)
            found[top] += " m"
        return found

    def _velocity_axis(self, columns: int) -> tuple[str, str]:
        """Marks, and below them the round velocities with the unit."""
        low, high = self._velocity
        marks, words = [" "] * columns, [" "] * columns
        for value in ticks(low, high, max(3, columns // _TICK_CELLS)):
            at = min(columns - 1, int((value - low) / (high - low) * columns))
            marks[at] = "╵"
            text = f"{value:+g}" if value else "0 m/s"
            first = max(0, min(columns - len(text), at - (len(text) // 2 if value else 0)))
            if not "".join(words[max(0, first - 1) : first + len(text) + 1]).strip():
                words[first : first + len(text)] = text
        return "".join(marks), "".join(words)


class ColourBar:
    """The colour scale from bottom to top, with its ends and some levels between them in dB."""

    def __init__(self, limits_db: tuple[float, float], height: int) -> None:
        self._limits_db, self._height = limits_db, height

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = max(2, self._height - 3)
        low, high = self._limits_db
        ramp = np.linspace(high, low, 2 * rows, dtype=np.float32)[:, None]
        labels = {
            min(rows - 1, int((high - value) / (high - low) * rows)): f"{value:g}"
            for value in ticks(low, high, max(2, rows // _TICK_ROWS + 1))
        }
        yield Segment("dB", _DIM)
        yield Segment.line()
        for row, line in enumerate(lines_of(colours(np.repeat(ramp, 2, axis=1), self._limits_db))):
            yield from line
            yield Segment(" " + labels.get(row, ""), _DIM)
            yield Segment.line()
        yield Segment.line()
        yield Segment.line()


@dataclass
class Status:
    """What is written beside the images.

    Attributes:
        source: where they come from.
        rate_hz, dropped, temperature_c: of the feed.
        note: a warning, or empty.
    """

    source: str = ""
    rate_hz: float = 0.0
    dropped: int = 0
    temperature_c: float = math.nan
    note: str = ""


class RadarView:
    """Keeps what a live view needs from one picture to the next.

    Args:
        max_range_m: of the images; 0: as far as the receiver's filter lets echoes through.
    """

    def __init__(self, max_range_m: float = 0.0) -> None:
        self._max_range_m = max_range_m
        self._crop: Crop | None = None
        self._chirp: ChirpSettings | None = None
        self._shape: tuple[int, ...] = ()
        self._levels, self._micro_levels = Levels(), Levels()
        self._image: np.ndarray | None = None
        self._micro: np.ndarray | None = None
        self.has_micro = True

    def add(self, moment: Moment, chirp: ChirpSettings) -> None:
        """Take a new moment, or the first one of other chirp settings."""
        if chirp != self._chirp or moment.range_doppler.shape != self._shape:
            rows, columns = self._shape = moment.range_doppler.shape
            self._chirp, self._crop = chirp, Crop(chirp, self._max_range_m, (rows, columns))
            self._levels, self._micro_levels = Levels(), Levels()
            self.has_micro = self.has_micro and chirp.device != "iwr6843"  # which sends no raw samples
        assert self._crop is not None
        self._image = self._crop.levels(moment.range_doppler)
        self._levels.add(self._image)
        if moment.micro is not None:
            self._micro = self._crop.levels(moment.micro)
            self._micro_levels.add(self._micro)

    def peak(self) -> tuple[float, float, float] | None:
        """Range in m, velocity in m/s and level in dB of the strongest bin shown; None before the first moment."""
        if self._crop is None or self._image is None:
            return None
        row, column = np.unravel_index(int(self._image.argmax()), self._image.shape)
        (near, far), (low, high) = self._crop.range_edges_m, self._crop.velocity_edges_m_s
        rows, columns = self._image.shape
        range_m = near + (float(row) + 0.5) * (far - near) / rows
        velocity_m_s = low + (float(column) + 0.5) * (high - low) / columns
        return range_m, velocity_m_s, float(self._image[row, column])

    def maps(self, width: int, height: int) -> RenderableType:
        """Both images, each with its colour bar, side by side within ``width`` x ``height`` cells."""
        height = min(height, _LARGEST_HEIGHT)
        if self._crop is None:
            return Text("\n  waiting for the first frame ...", style="dim")
        low, high = self._crop.velocity_edges_m_s
        pairs = [("range-Doppler", self._image, self._levels, 1)]
        if self.has_micro:
            pairs.append(("micro range-Doppler", self._micro, self._micro_levels, MICRO_FRAMES))
        grid = Table.grid(padding=(0, 1, 0, 0))
        cells: list[RenderableType] = []
        each = width // len(pairs) - _BAR_CELLS - 2
        for caption, image, levels, finer in pairs:
            edges = (low / finer, high / finer)
            grid.add_column(width=each)
            grid.add_column(width=_BAR_CELLS)
            limits_db = levels.limits_db
            cells.append(HeatMap(image, limits_db, self._crop.range_edges_m, edges, caption, height))
            cells.append(ColourBar(limits_db, height))
        grid.add_row(*cells)
        return grid

    def map(self, width: int, height: int) -> RenderableType:
        """The range-Doppler image alone, without a colour bar, within ``width`` x ``height`` cells."""
        if self._crop is None:
            return Text("\n  waiting for the first frame ...", style="dim")
        edges = (self._crop.range_edges_m, self._crop.velocity_edges_m_s)
        return HeatMap(self._image, self._levels.limits_db, *edges, "", height, caption_rows=0)

    def render(self, status: Status, width: int, height: int) -> RenderableType:
        """The whole view for a terminal of ``width`` x ``height`` cells."""
        name = title(self._chirp, 0.0) if self._chirp is not None else ""
        head = Text.assemble((" faceedge ", f"bold black on {ACCENT}"), "  ", (name, "bold"))
        foot = Text.assemble((figures(status), "bold"), (f" · {status.source}", "dim"))
        if status.note:
            foot = Text(status.note, style="yellow")
        for line in (head, foot):
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(head, Text(), self.maps(width, height - 4), foot)


def figures(status: Status) -> str:
    """Rate, losses and temperature in a few words."""
    parts = [f"{status.rate_hz:.1f} frames/s", f"{status.dropped} dropped"]
    if not math.isnan(status.temperature_c):
        parts.append(f"{status.temperature_c:.1f} °C")
    return " · ".join(parts)


def strongest(view: RadarView) -> str:
    """Where the strongest echo that moves is, for output that is no terminal."""
    found = view.peak()
    if found is None:
        return "no frame yet"
    range_m, velocity_m_s, level_db = found
    range_m, velocity_m_s = round(range_m, 2) + 0.0, round(velocity_m_s, 2) + 0.0  # not -0.00
    return f"strongest at {range_m:.2f} m, {velocity_m_s:+.2f} m/s, {level_db:.0f} dB"
