"""Pictures of what `faceedge evaluate radar` measured: areas and FPR95 by window, areas by distance and person."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from faceedge.evaluation.radar.clips import LEAVES
from faceedge.evaluation.radar.expressions import CHANCE
from faceedge.evaluation.radar.figures import Result

if TYPE_CHECKING:
    from faceedge.cli.evaluate_radar import Evaluation
    from faceedge.evaluation.radar.runs import Outcome

SIZE_IN, DPI = (8.0, 4.6), 110
MOST_LINES = 8
"""In one picture: faceedge's own methods first, then the best baselines."""
FPR_LINEAR = 0.001
"""Below it the axis of FPR95 is linear."""
CURVES = {"distance": "distance", "moved": "moved since enrolment", "angle": "head turned"}


def draw(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write a picture of each kind that there are figures for."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for protocol in dict.fromkeys(each.results[0].protocol for each in evaluation.outcomes):
        outcomes = best([each for each in evaluation.outcomes if each.results[0].protocol == protocol])
        if not outcomes:
            continue
        name = protocol.replace(" ", "_").replace("-", "_")
        title = f"{protocol}: {evaluation.data}"
        written.append(_picture(folder / f"{name}_windows.png", title, partial(_windows, outcomes=outcomes)))
        written.append(_picture(folder / f"{name}_fpr95.png", title, partial(_false_positives, outcomes=outcomes)))
        written.append(_picture(folder / f"{name}_people.png", title, partial(_people, outcomes=outcomes)))
        for file, kind in CURVES.items():
            if any(row.kind == kind for outcome in outcomes for row in outcome.conditions):
                path = folder / f"{name}_{file}.png"
                written.append(_picture(path, title, partial(_groups, outcomes=outcomes, kind=kind)))
    if any(result.balanced for result in evaluation.expressions):
        path = folder / "expressions.png"
        written.append(_picture(path, evaluation.data, partial(_expressions, evaluation=evaluation)))
    return written


def best(outcomes: list[Outcome]) -> list[Outcome]:
    """The ones to draw."""

    def order(outcome: Outcome) -> tuple[bool, float]:
        areas = [spread.mean for spread in (result.spread("auroc") for result in outcome.results) if spread]
        return "faceedge" not in outcome.results[0].method, -max(areas, default=0.0)

    return sorted((each for each in outcomes if any(r.people for r in each.results)), key=order)[:MOST_LINES]


def _picture(path: Path, title: str, content: Callable[[Any], None]) -> Path:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_IN, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    content(axes)
    axes.set_title(title, fontsize=9, loc="left")
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=7)
    figure.savefig(path)
    return path


def _windows(axes: Any, outcomes: list[Outcome]) -> None:
    _by_window(axes, outcomes, "auroc")
    axes.axhline(0.5, color="0.5", lw=0.8, ls="--")
    axes.set(ylabel="AUROC, mean and 95 % interval over people")


def _false_positives(axes: Any, outcomes: list[Outcome]) -> None:
    """Small ones apart, as at 99 % and more areas all look alike; 0 is on the axis."""
    _by_window(axes, outcomes, "fpr95")
    axes.set_yscale("symlog", linthresh=FPR_LINEAR)
    axes.set(ylabel="FPR95, mean and 95 % interval over people", ylim=(0, 1))


def _by_window(axes: Any, outcomes: list[Outcome], measure: str) -> None:
    for outcome in outcomes:
        found = [(result.window_s, result.spread(measure)) for result in outcome.results if result.people]
        points = [(window_s, spread) for window_s, spread in found if spread is not None]
        windows_s = [window_s for window_s, _ in points]
        line = axes.plot(windows_s, [each.mean for _, each in points], "o-", ms=3, label=outcome.results[0].method)[0]
        bounds = [each.low for _, each in points], [each.high for _, each in points]
        axes.fill_between(windows_s, *bounds, color=line.get_color(), alpha=0.1)
    axes.set_xscale("log")
    axes.set(xlabel="window (s)")


def _longest(outcome: Outcome) -> Result:
    """The result whose window is nearest to 5 s."""
    return min((r for r in outcome.results if r.people), key=lambda result: abs(result.window_s - 5.0))


def _people(axes: Any, outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        result = _longest(outcome)
        areas = sorted(figures["auroc"] for figures in result.people.values())
        axes.plot(np.linspace(0, 1, len(areas)), areas, "o-", ms=3, label=f"{result.method}, {result.window_s:g} s")
    axes.axhline(0.5, color="0.5", lw=0.8, ls="--")
    axes.set(xlabel="people, from the worst to the best (share)", ylabel="AUROC of a person")


def _groups(axes: Any, outcomes: list[Outcome], kind: str) -> None:
    groups = list(dict.fromkeys(row.group for each in outcomes for row in each.conditions if row.kind == kind))
    for place, outcome in enumerate(outcomes):
        rows = {row.group: row for row in outcome.conditions if row.kind == kind}
        means = np.array([rows[group].mean if group in rows else math.nan for group in groups])
        lows, highs = (
            np.array([getattr(rows[group], side) if group in rows else math.nan for group in groups])
            for side in ("low", "high")
        )
        at = np.arange(len(groups)) + (place - len(outcomes) / 2) * 0.05
        axes.errorbar(at, means, (means - lows, highs - means), fmt="o-", ms=3, lw=1, label=outcome.results[0].method)
    axes.axhline(0.5, color="0.5", lw=0.8, ls="--")
    axes.set_xticks(np.arange(len(groups)), groups)
    axes.set(xlabel=kind, ylabel="AUROC, 95 % over recordings")


def _expressions(axes: Any, evaluation: Evaluation) -> None:
    shown = [result for result in evaluation.expressions if result.balanced]
    width = 0.8 / len(shown)
    for place, result in enumerate(shown):
        name = f"{result.method}, {result.protocol}" + (", with reference" if result.reference else "")
        axes.bar(np.arange(len(LEAVES)) + place * width, result.recall, width, label=name)
    axes.axhline(CHANCE, color="0.5", lw=0.8, ls="--")
    axes.set_xticks(np.arange(len(LEAVES)) + 0.4, LEAVES)
    axes.set(ylabel="recall")
