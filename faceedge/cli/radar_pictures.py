"""A strip of radar images with axes and a colour bar, as a PNG file."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from faceedge.cli.radar_scale import COLOUR_MAP, Crop, common_limits_db, ticks
from faceedge.errors import ConfigurationError, InputError
from faceedge.radar.moments import Moment
from faceedge.radar.range_doppler import MICRO_FRAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 130
_PANEL_INCHES = (2.05, 1.9)
_MARGINS_INCHES = {"left": 0.75, "right": 0.95, "top": 0.85, "bottom": 0.6}
_GAP_INCHES = (0.16, 0.62)
INK, SOFT = "#16211e", "#5d6b67"
STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": "#c5cecb",
    "axes.linewidth": 0.8,
    "axes.titlesize": 8.5,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.direction": "out",
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
}
_MOST_TICKS = 6
_ROWS = ("range-Doppler", f"micro range-Doppler, {MICRO_FRAMES} frames")


def choose(moments: Sequence[Moment], wanted: int) -> list[Moment]:
    """``wanted`` moments, evenly spread, each in the middle of its share; those with both images where any has them."""
    whole = [moment for moment in moments if moment.micro is not None] or moments
    wanted = max(1, min(wanted, len(whole)))
    return [whole[int((k + 0.5) * len(whole) / wanted)] for k in range(wanted)]


def write_strip(path: Path, moments: Sequence[Moment], crop: Crop, title: str, start_ns: int | None = None) -> None:
    """Write a strip: moments from left to right, range-Doppler above micro range-Doppler where there is any.

    Args:
        path: of the PNG file.
        moments: in order of time; at least one.
        crop: what of them is shown.
        title: first line.
        start_ns: stamp that counts as 0 s; None: the first moment's.

    Raises:
        ConfigurationError: the file cannot be written.
        InputError: there is no moment.
    """
    if not moments:
        raise InputError("there is no radar image to draw.")
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        figure = _draw(moments, crop, title, moments[0].stamp_ns if start_ns is None else start_ns)
        FigureCanvasAgg(figure)
        save(figure, path, DPI)


def save(figure: Figure, path: Path, dpi: int, *, palette: bool = False) -> None:
    """Write a figure as a PNG file, whole or not at all.

    Args:
        figure: what to write.
        path: of the file.
        dpi: dots per inch.
        palette: 256 colours, dithered: half of the bytes where there are photographs in it.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")  # no half picture in the place of a whole one
    try:
        figure.savefig(partial, dpi=dpi, format="png", metadata={"Software": None})
        if palette:
            with Image.open(partial) as picture:
                whole = picture.convert("RGB")
            small = whole.quantize(palette=whole.quantize(256), dither=Image.Dither.FLOYDSTEINBERG)
            small.save(partial, format="png", optimize=True)
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise ConfigurationError(f"the picture {path} cannot be written: {error.strerror}.") from error


def _draw(moments: Sequence[Moment], crop: Crop, title: str, start_ns: int) -> Figure:
    from matplotlib.figure import Figure

    rows = 2 if any(moment.micro is not None for moment in moments) else 1
    columns = len(moments)
    margins, (gap_x, gap_y), (wide, high) = _MARGINS_INCHES, _GAP_INCHES, _PANEL_INCHES
    width = margins["left"] + margins["right"] + columns * wide + (columns - 1) * gap_x
    height = margins["top"] + margins["bottom"] + rows * high + (rows - 1) * gap_y
    figure = Figure(figsize=(width, height), facecolor="white")
    for row in range(rows):
        images = [moment.micro if row else moment.range_doppler for moment in moments]
        drawn = [None if image is None else crop.levels(image) for image in images]
        limits_db = common_limits_db([levels for levels in drawn if levels is not None])
        bottom = (margins["bottom"] + (rows - 1 - row) * (high + gap_y)) / height
        for column, levels in enumerate(drawn):
            left = margins["left"] + column * (wide + gap_x)
            axes = figure.add_axes((left / width, bottom, wide / width, high / height))
            mappable = _panel(axes, levels, crop, limits_db, micro=row == 1)
            if column:
                axes.tick_params(left=False, labelleft=False)
            else:
                axes.set_ylabel("range [m]")
            if row == 0:
                axes.set_title(f"{(moments[column].stamp_ns - start_ns) / 1e9:.2f} s", color=SOFT, pad=4)
        bar = figure.add_axes(((width - margins["right"] + 0.13) / width, bottom, 0.11 / width, high / height))
        figure.colorbar(mappable, cax=bar).outline.set_linewidth(0)  # type: ignore[operator]
        bar.set_ylabel("level [dB]")
    _captions(figure, title, rows, (width, height))
    return figure


def _captions(figure: Figure, title: str, rows: int, size: tuple[float, float]) -> None:
    width, height = size
    margins, left = _MARGINS_INCHES, _MARGINS_INCHES["left"] / size[0]
    figure.text(left, 1 - 0.24 / height, title, fontsize=10, fontweight="bold", va="center")
    for row in range(rows):
        top = margins["bottom"] + (rows - row) * _PANEL_INCHES[1] + (rows - 1 - row) * _GAP_INCHES[1]
        lift = 0.36 if row == 0 else 0.14
        figure.text(left, (top + lift) / height, _ROWS[row], fontsize=9, va="center", color=INK)
    centre = (left + 1 - margins["right"] / width) / 2
    figure.text(centre, 0.16 / height, "radial velocity [m/s], positive: receding", ha="center", color=SOFT)


def _panel(axes: Axes, levels: np.ndarray | None, crop: Crop, limits_db: tuple[float, float], micro: bool) -> Any:
    """One image in dB; an empty frame where it is missing."""
    low, high = (edge / (MICRO_FRAMES if micro else 1) for edge in crop.velocity_edges_m_s)
    result = axes.imshow(
        np.full((crop.bins, 2), np.nan) if levels is None else levels,
        cmap=COLOUR_MAP,
        vmin=limits_db[0],
        vmax=limits_db[1],
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(low, high, *crop.range_edges_m),
    )
    bottom, top = max(0.0, crop.range_edges_m[0]), crop.range_edges_m[1]
    axes.set_ylim(bottom, top)
    axes.set_xticks(ticks(0.93 * low, 0.93 * high, _MOST_TICKS))  # none at the very edge, where two panels meet
    axes.set_yticks(ticks(bottom, top, _MOST_TICKS))
    return result
