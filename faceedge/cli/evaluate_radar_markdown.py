"""The tables of `faceedge evaluate radar` as Markdown, for documents and model cards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from faceedge.cli.evaluate_radar_tables import DECISION_S, chosen, interval, percent
from faceedge.evaluation.radar.clips import LEAVES
from faceedge.perception.verification import Spread

if TYPE_CHECKING:
    from faceedge.cli.evaluate_radar import Evaluation
    from faceedge.evaluation.radar.expressions import ExpressionResult
    from faceedge.evaluation.radar.runs import Outcome

MEASURES = ("aupr", "fpr95", "eer", "fnmr", "own_fnmr", "own_fmr")


def markdown(evaluation: Evaluation) -> str:
    """Everything, each table with the data in its caption."""
    parts = []
    for protocol in dict.fromkeys(outcome.results[0].protocol for outcome in evaluation.outcomes):
        outcomes = [each for each in evaluation.outcomes if each.results[0].protocol == protocol]
        parts += [_methods(evaluation.data, protocol, outcomes), _windows(evaluation.data, protocol, outcomes)]
        parts.append(_people(evaluation.data, protocol, outcomes))
        if any(outcome.conditions for outcome in outcomes):
            parts.append(_conditions(evaluation.data, protocol, outcomes))
    for protocol in dict.fromkeys(result.protocol for result in evaluation.expressions):
        rows = [result for result in evaluation.expressions if result.protocol == protocol]
        parts.append(_expressions(evaluation.data, protocol, rows))
    parts += [f"- {note}" for note in evaluation.notes]
    return "\n\n".join(parts) + "\n"


def _table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [caption, "", "| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _methods(data: str, protocol: str, outcomes: Sequence[Outcome]) -> str:
    window_s = DECISION_S.get(protocol, 5.0)
    rows = []
    for outcome in outcomes:
        result = chosen(outcome, window_s)
        name = result.method if abs(result.window_s - window_s) < 1e-9 else f"{result.method} ({result.window_s:g} s)"
        cells = [interval(result.spread("auroc")), *(percent(result.spread(measure)) for measure in MEASURES)]
        rows.append([name if result.people else f"{name}: {result.note}", *cells])
    what = "single frames" if window_s <= 0.05 else f"decisions over {window_s:g} s"
    header = ("Method", "AUROC", "AUPR", "FPR95", "EER", "FNMR at FMR 1 %", "FNMR*", "FMR*")
    return _table(f"*{protocol}, {what}, in %; {data}.*", header, rows)


def _windows(data: str, protocol: str, outcomes: Sequence[Outcome]) -> str:
    all_s = sorted({result.window_s for outcome in outcomes for result in outcome.results if result.people})
    rows = []
    for outcome in outcomes:
        found = {result.window_s: result for result in outcome.results if result.people}
        if found:
            cells = [percent(found[each].spread("auroc")) if each in found else "-" for each in all_s]
            rows.append([outcome.results[0].method, *cells])
    header = ("Method", *(f"{window_s:g} s" for window_s in all_s))
    return _table(f"*{protocol}, AUROC in % by window; {data}.*", header, rows)


def _people(data: str, protocol: str, outcomes: Sequence[Outcome]) -> str:
    """AUROC and FPR95 of each person, of faceedge's own methods."""
    window_s = DECISION_S.get(protocol, 5.0)
    shown = [chosen(outcome, window_s) for outcome in _own(outcomes)]
    rows = []
    for person in dict.fromkeys(person for result in shown for person in result.people):
        found = [result.people.get(person) for result in shown]
        cells = ["-" if each is None else f"{100 * each['auroc']:.1f}, {100 * each['fpr95']:.1f}" for each in found]
        rows.append([person, *cells])
    header = ("Person", *(f"{result.method}, {result.window_s:g} s" for result in shown))
    return _table(f"*{protocol}, AUROC and FPR95 in % by person; {data}.*", header, rows)


def _own(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """Methods of faceedge that have figures; without one, the first of all."""
    measured = [each for each in outcomes if any(result.people for result in each.results)]
    return [each for each in measured if "faceedge" in each.results[0].method] or measured[:1]


def _conditions(data: str, protocol: str, outcomes: Sequence[Outcome]) -> str:
    shown = _own([each for each in outcomes if each.conditions])
    groups = dict.fromkeys((row.kind, row.group) for outcome in shown for row in outcome.conditions)
    rows = []
    for key in groups:
        same = [next((row for row in each.conditions if (row.kind, row.group) == key), None) for each in shown]
        count = max(row.clips for row in same if row is not None)
        cells = [
            "-" if row is None else f"{100 * row.mean:.1f} ({100 * row.low:.0f}-{100 * row.high:.0f})" for row in same
        ]
        rows.append([" ".join(key), str(count), *cells])
    header = ("Group", "Recordings", *(each.results[0].method for each in shown))
    return _table(f"*{protocol}, AUROC in % by group of probed recordings, 5 s; {data}.*", header, rows)


def _expressions(data: str, protocol: str, results: Sequence[ExpressionResult]) -> str:
    rows = []
    for row in results:
        name = f"{row.method}, with reference" if row.reference else row.method
        noisy = Spread.of(list(row.noisy.values())) if row.noisy else None
        recalls = ["-" if math.isnan(value) else f"{100 * value:.0f}" for value in row.recall]
        rows.append([name, interval(row.spread()), percent(noisy), *recalls, f"{100 * row.answered:.0f}"])
    header = ("Method", "Balanced", "labels +-10 %", *LEAVES, "answered")
    return _table(f"*Expressions, {protocol}, in %, chance 25; {data}.*", header, rows)
