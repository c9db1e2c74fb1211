"""The tables of `faceedge evaluate radar`, for a terminal of 80 columns or more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from faceedge.evaluation.radar.clips import LEAVES
from faceedge.perception.verification import Spread

if TYPE_CHECKING:
    from faceedge.cli.evaluate_radar import Evaluation
    from faceedge.evaluation.radar.expressions import ExpressionResult
    from faceedge.evaluation.radar.figures import Result
    from faceedge.evaluation.radar.runs import Outcome

DECISION_S = {"same recording": 0.05, "pooled recordings": 0.05, "session-disjoint": 5.0}
"""Window of the table of methods: single frames as papers have it, and the decision of a device."""
NARROWEST = 96
"""Columns where the output is no terminal."""
EXPLANATION = (
    "% of windows; each person by itself, then means over people, in brackets their 95 % interval (bootstrap). "
    "Chance: AUROC and AUPR 50. FNMR1: FNMR at FMR 1 %. FNMR*, FMR*: at the threshold that accepts 95 % of what was "
    "held out of the enrolment. ILED: intermediate linear encoder-decoder."
)


def show(evaluation: Evaluation, console: Console | None = None) -> None:
    """Print everything."""
    console = console or Console()
    if not console.is_terminal and console.width < NARROWEST:
        console = Console(width=NARROWEST)
    console.print(f"Data: {evaluation.data}", highlight=False)
    for protocol in dict.fromkeys(result.protocol for outcome in evaluation.outcomes for result in outcome.results):
        outcomes = [each for each in evaluation.outcomes if each.results and each.results[0].protocol == protocol]
        console.print(methods_table(protocol, outcomes), highlight=False)
        for outcome in outcomes:
            if not outcome.results[0].people:
                console.print(f"{outcome.results[0].method}: {outcome.results[0].note}", highlight=False)
        if any(result.people for outcome in outcomes for result in outcome.results):
            console.print(windows_table(protocol, outcomes), highlight=False)
            console.print(people_table(protocol, outcomes), highlight=False)
        if any(outcome.conditions for outcome in outcomes):
            console.print(conditions_table(protocol, outcomes), highlight=False)
    if evaluation.outcomes:
        console.print(EXPLANATION, highlight=False, style="dim")
    for protocol in dict.fromkeys(result.protocol for result in evaluation.expressions):
        rows = [result for result in evaluation.expressions if result.protocol == protocol]
        console.print(expressions_table(protocol, rows), highlight=False)
    for note in evaluation.notes:
        console.print(f"Note: {note}", highlight=False)


def interval(spread: Spread | None) -> str:
    """``94.1 (92.0-96.3)`` in percent."""
    if spread is None:
        return "-"
    return f"{100 * spread.mean:.1f} ({100 * spread.low:.1f}-{100 * spread.high:.1f})"


def percent(spread: Spread | None) -> str:
    """Of the mean alone."""
    return "-" if spread is None else f"{100 * spread.mean:.1f}"


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(first, overflow="fold", max_width=40)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def chosen(outcome: Outcome, window_s: float) -> Result:
    """The result of the window nearest to the wanted one."""
    return min(outcome.results, key=lambda result: abs(result.window_s - window_s))


def methods_table(protocol: str, outcomes: Sequence[Outcome]) -> Table:
    """All methods at one window."""
    window_s = DECISION_S.get(protocol, 5.0)
    columns = ("AUROC", "AUPR", "FPR95", "EER", "FNMR1", "FNMR*", "FMR*")
    people = max((len(result.people) for outcome in outcomes for result in outcome.results), default=0)
    each = "single frames" if window_s <= 0.05 else f"decisions over {window_s:g} s"
    table = _table(f"{protocol}, {each}, {people} people", "", *columns)
    for outcome in outcomes:
        result = chosen(outcome, window_s)
        name = result.method if abs(result.window_s - window_s) < 1e-9 else f"{result.method} ({result.window_s:g} s)"
        if not result.people:
            table.add_row(result.method, *("-",) * len(columns))
            continue
        table.add_row(
            name,
            interval(result.spread("auroc")),
            *(percent(result.spread(measure)) for measure in ("aupr", "fpr95", "eer", "fnmr", "own_fnmr", "own_fmr")),
        )
    return table


def windows_table(protocol: str, outcomes: Sequence[Outcome]) -> Table:
    """AUROC of all windows."""
    all_s = sorted({result.window_s for outcome in outcomes for result in outcome.results if result.people})
    table = _table(f"{protocol}, AUROC by window", "", *(f"{window_s:g} s" for window_s in all_s))
    for outcome in outcomes:
        found = {result.window_s: result for result in outcome.results if result.people}
        if found:
            cells = [percent(found[window_s].spread("auroc")) if window_s in found else "-" for window_s in all_s]
            table.add_row(outcome.results[0].method, *cells)
    return table


def people_table(protocol: str, outcomes: Sequence[Outcome]) -> Table:
    """The worst, the median and the best person of each method."""
    window_s = DECISION_S.get(protocol, 5.0)
    table = _table(f"{protocol}, AUROC by person", "", "lowest", "quartile", "median", "quartile", "highest", "who")
    for outcome in outcomes:
        result = chosen(outcome, window_s)
        if not result.people:
            continue
        areas = sorted((figures["auroc"], person) for person, figures in result.people.items())
        values = [area for area, _ in areas]
        quarters = [values[round(share * (len(values) - 1))] for share in (0, 0.25, 0.5, 0.75, 1)]
        table.add_row(result.method, *(f"{100 * value:.1f}" for value in quarters), areas[0][1].rpartition("/")[2])
    return table


def conditions_table(protocol: str, outcomes: Sequence[Outcome]) -> Table:
    """AUROC by group, of faceedge's own methods and the baseline that does best."""
    own = [outcome for outcome in outcomes if outcome.conditions and "faceedge" in outcome.results[0].method]
    rest = [outcome for outcome in outcomes if outcome.conditions and outcome not in own]

    def area(outcome: Outcome) -> float:
        spread = chosen(outcome, DECISION_S.get(protocol, 5.0)).spread("auroc")
        return math.nan if spread is None else spread.mean

    shown = own + sorted(rest, key=area, reverse=True)[:1]
    names = [outcome.results[0].method for outcome in shown]
    letters = [chr(ord("A") + place) for place in range(len(names))]
    title = f"{protocol}, AUROC by group of probed recordings, 5 s\n" + "\n".join(
        f"{letter}: {name}" for letter, name in zip(letters, names, strict=True)
    )
    table = _table(title, "", "recordings", *letters)
    groups = dict.fromkeys((row.kind, row.group) for outcome in shown for row in outcome.conditions)
    for kind, group in groups:
        rows = [
            next((row for row in outcome.conditions if (row.kind, row.group) == (kind, group)), None)
            for outcome in shown
        ]
        count = max(row.clips for row in rows if row is not None)
        cells = [
            "-" if row is None else f"{100 * row.mean:.1f} ({100 * row.low:.0f}-{100 * row.high:.0f})" for row in rows
        ]
        table.add_row(f"{kind} {group}", str(count), *cells)
    return table


def expressions_table(protocol: str, rows: Sequence[ExpressionResult]) -> Table:
    """Balanced accuracy and recalls."""
    columns = ("balanced", "labels +-10 %", *LEAVES, "answered")
    people = max((len(row.balanced) for row in rows), default=0)
    table = _table(f"expressions, {protocol}, {people} people; chance 25 %", "", *columns)
    for row in rows:
        name = f"{row.method}, with reference" if row.reference else row.method
        noisy = Spread.of(list(row.noisy.values())) if row.noisy else None
        recalls = ["-" if math.isnan(value) else f"{100 * value:.0f}" for value in row.recall]
        table.add_row(name, interval(row.spread()), percent(noisy), *recalls, f"{100 * row.answered:.0f}")
    return table
