"""One face under three sensors on one time axis, as a PNG file: what was recorded, and what was really so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from faceedge.cli import event_board
from faceedge.cli.palette import EXPRESSION_COLOURS, hex_of
from faceedge.cli.radar_pictures import INK, SOFT, STYLE, save
from faceedge.cli.radar_scale import COLOUR_MAP, Crop, common_limits_db, ticks
from faceedge.errors import InputError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.range_doppler import MICRO_FRAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

THUMBNAILS = 8
_DPI = 108
_EVENTS_SHOWN_S = 0.06
"""About each thumbnail's moment."""
_ROW_BINS, _TIME_BIN_S, _MOST_TIME_BINS = 64, 0.02, 600
_THUMBNAIL_INCHES, _LEFT, _RIGHT = 1.36, 0.95, 0.95
_GAP_INCHES = 0.10
_PANEL_INCHES = {"rows": 1.25, "ranges": 1.25, "truth": 1.35}
_TOP_INCHES, _BOTTOM_INCHES, _BETWEEN_INCHES, _CAPTION_INCHES = 0.62, 0.5, 0.16, 0.24
_FARTHEST_M = 0.65
_FINER = 4
"""Steps of range in a bin."""
_FLOOR_PERCENTILE = 40
_EDGE = 0.12
"""Of a thumbnail's share of the time, in which its moment is not chosen: neighbours would look the same."""

# Curve of the truth: its name, the face units whose mean it is, its colour.
CURVES = (
    ("smile", ("mouthSmileLeft", "mouthSmileRight"), "happy"),
    ("jaw open", ("jawOpen",), "surprised"),
    ("blink", ("eyeBlinkLeft", "eyeBlinkRight"), "sad"),
    ("inner brows up", ("browInnerUp",), "scared"),
)
_YAW_COLOUR = "#5d6b67"


@dataclass
class Seen:
    """What was recorded of one session; times are seconds since its beginning. A sensor that is not there is empty.

    Attributes:
        duration_s: of what is drawn.
        pictures: (n) of time and JPEG bytes.
        events: (n,) of `EVENT_DTYPE`, time in us.
        sensor: width and height of the event camera.
        profiles: (n) of time of a radar frame and its mean chirp, (rx, sample).
        chirp: of the radar; None: nothing was recorded of it.
        truth: arrays of ``truth.npz``.
        micro: (n) of the middle of a micro range-Doppler image's time and the image, (range bin, Doppler bin).
        start_s: when what is drawn begins.
    """

    duration_s: float
    pictures: list[tuple[float, bytes]] = field(default_factory=list)
    events: np.ndarray = field(default_factory=lambda: np.empty(0))
    sensor: tuple[int, int] = (0, 0)
    profiles: list[tuple[float, np.ndarray]] = field(default_factory=list)
    chirp: ChirpSettings | None = None
    truth: Mapping[str, np.ndarray] = field(default_factory=dict)
    micro: list[tuple[float, np.ndarray]] = field(default_factory=list)
    start_s: float = 0.0


def write_sensor_strip(path: Path, seen: Seen, title: str) -> None:
    """Draw ``seen``.

    Raises:
        ConfigurationError: the file cannot be written.
        InputError: there is nothing to draw.
    """
    import matplotlib as mpl

    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        save(_draw(seen, title), path, _DPI, palette=True)


def event_rate(events: np.ndarray, duration_s: float, step_s: float = _TIME_BIN_S, start_s: float = 0.0) -> np.ndarray:
    """(n,) events a second in steps of ``step_s`` from ``start_s`` on."""
    edges = (start_s + np.arange(round(duration_s / step_s) + 1) * step_s) * 1e6
    return np.asarray(np.histogram(events["t"], edges)[0] / step_s)


def moments(seen: Seen, count: int = THUMBNAILS) -> list[float]:
    """A moment of each of ``count`` equal shares of the time, where most events come: something moves there.

    Without events the middle of each share.
    """
    if not len(seen.events):
        return [seen.start_s + (share + 0.5) / count * seen.duration_s for share in range(count)]
    step_s = min(_TIME_BIN_S, seen.duration_s / (10 * count))
    rate = event_rate(seen.events, seen.duration_s, step_s, seen.start_s)
    rate = np.convolve(rate, np.ones(3) / 3, mode="same")
    result = []
    for share in np.array_split(np.arange(len(rate)), count):
        margin = round(_EDGE * len(share))
        inner = share[margin : len(share) - margin]
        result.append(seen.start_s + (int(inner[rate[inner].argmax()]) + 0.5) * step_s)
    return result


def _draw(seen: Seen, title: str) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    chosen = moments(seen)
    strips = _strips(seen, chosen)
    there = {"rows": bool(seen.sensor[0]), "ranges": len(seen.profiles) > 1, "truth": bool(seen.truth)}
    panels = [name for name in _PANEL_INCHES if there[name]]
    if not panels:
        raise InputError("there is nothing to draw: neither events nor radar frames nor a truth.")
    inner = THUMBNAILS * _THUMBNAIL_INCHES + (THUMBNAILS - 1) * _GAP_INCHES
    height = _TOP_INCHES + len(strips) * (_THUMBNAIL_INCHES + _GAP_INCHES) + _BOTTOM_INCHES + _BETWEEN_INCHES
    height += sum(_PANEL_INCHES[name] + _CAPTION_INCHES for name in panels)
    width = _LEFT + inner + _RIGHT
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(_LEFT / width, 1 - 0.22 / height, title, fontsize=10, fontweight="bold", va="center")
    top = height - _TOP_INCHES
    for row, (name, pictures) in enumerate(strips.items()):
        top -= _THUMBNAIL_INCHES
        for column, picture in enumerate(pictures):
            left = _LEFT + column * (_THUMBNAIL_INCHES + _GAP_INCHES)
            box = (left / width, top / height, _THUMBNAIL_INCHES / width, _THUMBNAIL_INCHES / height)
            axes = figure.add_axes(box)
            axes.set_axis_off()
            axes.imshow(picture, interpolation="antialiased", aspect="auto")
            if row == 0:
                axes.set_title(f"{chosen[column]:.2f} s", color=SOFT, pad=3)
        y = (top + _THUMBNAIL_INCHES / 2) / height
        figure.text((_LEFT - 0.12) / width, y, name, ha="right", va="center", color=INK)
        top -= _GAP_INCHES
    top -= _BETWEEN_INCHES
    for number, name in enumerate(panels):
        top -= _PANEL_INCHES[name] + _CAPTION_INCHES
        axes = figure.add_axes((_LEFT / width, top / height, inner / width, _PANEL_INCHES[name] / height))
        caption = _PANELS[name](axes, seen)
        axes.set_title(caption, loc="left", color=INK, fontsize=9, pad=4)
        axes.set_xlim(seen.start_s, seen.start_s + seen.duration_s)
        for moment in chosen if strips else ():
            axes.axvline(moment, color="white" if name != "truth" else "#c5cecb", lw=0.7, ls=(0, (3, 3)), alpha=0.8)
        axes.tick_params(labelbottom=number == len(panels) - 1)
    axes.set_xlabel("time since the beginning of the session [s]")
    return figure


def _strips(seen: Seen, chosen: Sequence[float]) -> dict[str, list[np.ndarray]]:
    """A row of pictures for each sensor that has any, by the row's name."""
    strips = {}
    if seen.pictures:
        strips["camera"] = _camera(seen, chosen)
    if seen.sensor[0]:
        strips["events"] = _events(seen, chosen)
    if seen.micro and seen.chirp is not None:
        velocity_cm_s = 100 * seen.chirp.max_velocity_m_s / MICRO_FRAMES
        strips[f"micro range-\nDoppler,\n0 to {_FARTHEST_M:g} m,\n±{velocity_cm_s:.0f} cm/s"] = _micro(seen, chosen)
    return strips


def _micro(seen: Seen, chosen: Sequence[float]) -> list[np.ndarray]:
    """Micro range-Doppler images of the moments, RGB, all on one scale: range upwards, what recedes to the right."""
    import matplotlib as mpl

    assert seen.chirp is not None
    crop = Crop(seen.chirp, _FARTHEST_M)
    times = np.array([time_s for time_s, _ in seen.micro])
    levels = [crop.levels(seen.micro[int(np.abs(times - moment).argmin())][1]) for moment in chosen]
    low, high = common_limits_db(levels)
    shares = [np.clip((image[::-1] - low) / (high - low), 0, 1) for image in levels]
    return [np.rint(255 * mpl.colormaps[COLOUR_MAP](share)[..., :3]).astype(np.uint8) for share in shares]


def _camera(seen: Seen, chosen: Sequence[float]) -> list[np.ndarray]:
    """Square pictures, RGB, nearest in time."""
    times = np.array([time_s for time_s, _ in seen.pictures])
    result = []
    for moment in chosen:
        jpeg = seen.pictures[int(np.abs(times - moment).argmin())][1]
        picture = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR))
        height, width = picture.shape[:2]
        bar = max(0, (width - height) // 2)
        result.append(picture[:, bar : bar + height, ::-1])
    return result


def _events(seen: Seen, chosen: Sequence[float]) -> list[np.ndarray]:
    result = []
    for moment in chosen:
        edges = [round((moment + side * _EVENTS_SHOWN_S / 2) * 1e6) for side in (-1, 1)]
        first, last = np.searchsorted(seen.events["t"], edges)
        size = (min(seen.sensor[0], 160), min(seen.sensor[0], 160) * seen.sensor[1] // seen.sensor[0])
        result.append(event_board.picture_of(seen.events[first:last], size, seen.sensor)[..., ::-1])
    return result


def _rows_over_time(axes: Axes, seen: Seen) -> str:
    """Where in height something changed, over time."""
    width, height = seen.sensor
    step_s = max(min(_TIME_BIN_S, seen.duration_s / 100), seen.duration_s / _MOST_TIME_BINS)
    bins = round(seen.duration_s / step_s)
    column = ((seen.events["t"] / 1e6 - seen.start_s) / step_s).astype(np.int64).clip(0, bins - 1)
    row = seen.events["y"].astype(np.int64) * _ROW_BINS // height
    counts = np.bincount(row * bins + column, minlength=_ROW_BINS * bins).reshape(_ROW_BINS, bins)
    rate = counts / (step_s * (height / _ROW_BINS) * width)
    axes.imshow(
        np.sqrt(rate),
        cmap="magma",
        aspect="auto",
        interpolation="nearest",
        extent=(seen.start_s, seen.start_s + seen.duration_s, height, 0),
        vmax=float(np.percentile(np.sqrt(rate), 99.5)) or 1.0,
    )
    axes.set_ylabel("row [px]")
    return (
        f"event camera: where in height light changed, {len(seen.events) / seen.duration_s / 1e3:.0f} kev/s on average"
    )


def changes(chirps: np.ndarray, chirp: ChirpSettings) -> tuple[np.ndarray, np.ndarray]:
    """How much the echo of each range changed from a frame to the next.

    Args:
        chirps: (frame, rx, sample), the mean chirp of each frame.

    Returns:
        (range,) in m, and (frame - 1, range) in dB over 1 ADC count; all receivers together.
    """
    samples = chirps.shape[-1]
    tapered = (chirps - chirps.mean(axis=-1, keepdims=True)) * np.hanning(samples)
    spectrum = np.fft.rfft(tapered, _FINER * samples, axis=-1) * (4 / samples)
    beat_hz = np.fft.rfftfreq(_FINER * samples, 1 / chirp.sample_rate_hz)
    ranges_m = np.array([chirp.range_of_beat_m(value) for value in beat_hz])
    shown = ranges_m <= _FARTHEST_M
    power = (np.abs(np.diff(spectrum[..., shown], axis=0)) ** 2).sum(axis=1)
    return ranges_m[shown], 10 * np.log10(power + 1e-6)


def _ranges_over_time(axes: Axes, seen: Seen) -> str:
    """At which range something moved, over time."""
    assert seen.chirp is not None
    times = np.array([time_s for time_s, _ in seen.profiles])
    ranges_m, levels = changes(np.array([chirp for _, chirp in seen.profiles]), seen.chirp)
    step = seen.chirp.frame_period_s
    middles = (times[1:] + times[:-1]) / 2
    high = float(levels.max())
    mappable = axes.imshow(
        _on_grid(levels, middles, step).T,
        cmap=COLOUR_MAP,
        aspect="auto",
        origin="lower",
        interpolation="nearest",
        extent=(middles[0] - step / 2, middles[-1] + step / 2, 0, float(ranges_m[-1])),
        vmin=min(float(np.percentile(levels, _FLOOR_PERCENTILE)), high - 10),
        vmax=high,
    )
    axes.set_facecolor("black")
    axes.set_ylabel("range [m]")
    axes.set_yticks(ticks(0, float(ranges_m[-1]), 4))
    if "nose_m" in seen.truth:
        nose_m = np.linalg.norm(seen.truth["nose_m"].astype(np.float64), axis=1)
        axes.plot(seen.truth["time_s"], nose_m, color="white", lw=1.0, ls=":", alpha=0.9)
    bar = axes.inset_axes((1.012, 0.0, 0.012, 1.0))
    axes.figure.colorbar(mappable, cax=bar).outline.set_linewidth(0)  # type: ignore[operator]
    bar.set_ylabel("level [dB]")
    dotted = "; dotted: the tip of the nose" if "nose_m" in seen.truth else ""
    return f"radar: at which range the echo changed from frame to frame{dotted}"


def _on_grid(columns: np.ndarray, times: np.ndarray, step: float) -> np.ndarray:
    """Columns at even steps of time; the nearest one stands where a frame is missing."""
    grid = np.arange(round((times[-1] - times[0]) / step) + 1) * step + times[0]
    return np.asarray(columns[np.abs(grid[:, np.newaxis] - times).argmin(axis=1)])


def _truth(axes: Axes, seen: Seen) -> str:
    """What the person really did."""
    names = [str(name) for name in seen.truth["unit_names"]]
    time_s, units = seen.truth["time_s"], seen.truth["units"].astype(np.float32)
    for label, parts, colour in CURVES:
        curve = units[:, [names.index(part) for part in parts]].mean(axis=1)
        if curve.max() > 0.05:
            axes.plot(time_s, curve, color=hex_of(EXPRESSION_COLOURS[colour]), lw=1.4, label=label)
    axes.set_ylim(0, 1.12)
    axes.set_ylabel("face unit")
    turn = axes.twinx()
    yaw_deg = np.degrees(seen.truth["head_rad"][:, 0].astype(np.float64))
    turn.plot(time_s, yaw_deg, color=_YAW_COLOUR, lw=1.0, ls="--", label="head's yaw")
    most = max(10.0, 1.12 * float(np.abs(yaw_deg).max()))
    turn.set_ylim(-most, most)
    turn.set_ylabel("yaw [°]")
    handles = [*axes.get_lines(), *turn.get_lines()]
    labels = [str(line.get_label()) for line in handles]
    turn.legend(handles, labels, loc="lower right", bbox_to_anchor=(1.0, 0.97), ncols=5, frameon=False)
    return "truth of the simulation"


_PANELS: dict[str, Any] = {"rows": _rows_over_time, "ranges": _ranges_over_time, "truth": _truth}
