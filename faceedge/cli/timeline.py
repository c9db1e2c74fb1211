"""Expressions of all faces over time as inline SVG: one lane per face, as high as the estimate was sure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from faceedge.cli.palette import colour_of, hex_of, label_of
from faceedge.cli.scoreboard import Sight

WIDTH, LANE, GAP, LEFT, TOP, BOTTOM = 1000, 30, 8, 78, 26, 26
LONGEST_GAP_S = 0.35
"""A face that was not seen for so long was away."""
MOST_LANES = 24


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of time in which a face kept its expression."""

    word: str | None
    points: tuple[tuple[float, float], ...]
    """Seconds since the start, confidence 0..1."""


def runs_of(sights: Sequence[Sight], start_ns: int) -> list[Run]:
    """Sights of one face, in order of time, joined into runs."""
    runs: list[Run] = []
    points: list[tuple[float, float]] = []
    word: str | None = None
    for sight in sights:
        at = (sight.stamp_ns - start_ns) / 1e9
        confidence = sight.confidence if sight.word is None else sight.expression_confidence
        away = bool(points) and at - points[-1][0] > LONGEST_GAP_S
        if points and (sight.word != word or away):
            # Neighbouring runs share the moment of the change, so that no gap is drawn where there was none.
            runs.append(Run(word, tuple(points if away else [*points, (at, points[-1][1])])))
            points = []
        word = sight.word
        points.append((at, confidence))
    if points:
        runs.append(Run(word, tuple(points)))
    return runs


def timeline_svg(tracks: Mapping[str, Sequence[Sight]], scenes: Sequence[tuple[float, float]], start_ns: int) -> str:
    """The drawing.

    Args:
        tracks: sights of each face in order of time.
        scenes: first and last second of each scene.
        start_ns: moment 0 of the time axis.
    """
    ends_s = [(sights[-1].stamp_ns - start_ns) / 1e9 for sights in tracks.values() if sights]
    total_s = max([1.0, *ends_s, *(last for _, last in scenes)])
    longest = sorted(tracks, key=lambda face: -len(tracks[face]))[:MOST_LANES]
    lanes = [face for face in tracks if face in longest]
    height = TOP + len(lanes) * (LANE + GAP) + BOTTOM

    def x(seconds: float) -> float:
        return LEFT + seconds / total_s * (WIDTH - LEFT - 4)

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Expressions over time" class="timeline">',
    ]
    for number, (first, last) in enumerate(scenes, 1):
        shade = "band" if number % 2 else "band odd"
        width = x(last) - x(first)
        parts.append(
            f'<rect class="{shade}" x="{x(first):.1f}" y="0" width="{width:.1f}" height="{height - BOTTOM}"/>'
            f'<text class="scene" x="{(x(first) + x(last)) / 2:.1f}" y="17">{number}</text>'
        )
    for row, face in enumerate(lanes):
        base = TOP + row * (LANE + GAP) + LANE
        parts.append(
            f'<text class="face" x="{LEFT - 10}" y="{base - 9}">{escape(face)}</text>'
            f'<line class="base" x1="{LEFT}" x2="{WIDTH - 4}" y1="{base}" y2="{base}"/>'
        )
        parts.extend(_area(run, base, x) for run in runs_of(tracks[face], start_ns))
    parts.extend(
        f'<text class="tick" x="{x(second):.1f}" y="{height - 8}">{second} s</text>'
        for second in range(0, int(total_s) + 1, _tick_s(total_s))
    )
    parts.append("</svg>")
    return "".join(parts)


def _area(run: Run, base: float, x: Callable[[float], float]) -> str:
    first, last = run.points[0][0], max(run.points[-1][0], run.points[0][0] + 0.04)
    outline = [f"{x(first):.1f},{base:.1f}"]
    outline += [f"{x(s):.1f},{base - c * LANE:.1f}" for s, c in run.points]
    outline += [f"{x(last):.1f},{base - run.points[-1][1] * LANE:.1f}", f"{x(last):.1f},{base:.1f}"]
    mean = sum(c for _, c in run.points) / len(run.points)
    tip = f"{label_of(run.word)}, {first:.1f} to {last:.1f} s, mean confidence {mean:.2f}"
    return f'<polygon points="{" ".join(outline)}" fill="{hex_of(colour_of(run.word))}"><title>{tip}</title></polygon>'


def _tick_s(total_s: float) -> int:
    return next(step for step in (1, 2, 5, 10, 15, 30, 60, 300, 3600) if total_s / step <= 12 or step == 3600)
